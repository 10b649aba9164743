use quancheng_types::ModuleId;

use super::*;

/// Key of a row of the table of registrations.
fn key(serial: u32) -> Vec<u8> {
    let table = Registry::TABLES.iter().find(|table| table.name() == REGISTRATIONS).expect("the registry has it");
    [&Registry::ID.0.to_be_bytes()[..], &table.number().to_be_bytes(), &serial.to_le_bytes()].concat()
}

#[test]
fn keys_say_what_they_are_of() {
    assert_eq!(Registry::ID, ModuleId(3));
    let absent = entry(4, &key(7), None);
    assert_eq!(absent.to_json()["row"], json!(7));
    assert_eq!(
        (absent.to_json()["table"].clone(), absent.to_json()["present"].clone()),
        (json!(REGISTRATIONS), json!(false))
    );
    assert!(absent.registration.is_none(), "nothing is there that could have a status");
    for strange in [&[][..], &[0, 3], &[0, 99, 0, 1, 5], &[0, 3, 0, 2]] {
        let entry = entry(0, strange, None);
        assert!(entry.words.is_err() && entry.registration.is_none(), "{strange:?}");
        assert!(entry.to_json()["unknown"].is_string());
    }
}

/// What looks like a registration and cannot be read as one has no status, and silence would pass for one.
#[test]
fn a_registration_that_cannot_be_read_is_told() {
    for value in [&[][..], &[1, 2, 3], &[0; 200]] {
        let entry = entry(0, &key(7), Some(value));
        assert!(matches!(entry.registration, Some(Err(_))), "{value:?}");
    }
}

#[test]
fn every_status_has_its_own_words() {
    let all = [
        Status::Submitted,
        Status::NeedSupplement,
        Status::Accepted,
        Status::UnderReview,
        Status::Reviewed,
        Status::Notice,
        Status::Objected,
        Status::Active,
        Status::ChangePending,
        Status::TransferPending,
        Status::RenewalPending,
        Status::CancelPending,
        Status::Suspended,
        Status::Expired,
        Status::Rejected,
        Status::Withdrawn,
        Status::Cancelled,
        Status::Revoked,
    ];
    for lang in [Lang::Zh, Lang::En] {
        let words: std::collections::BTreeSet<String> = all.iter().map(|s| words(*s).words(lang).to_owned()).collect();
        assert_eq!(words.len(), all.len());
    }
}
