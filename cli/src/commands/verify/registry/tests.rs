use quancheng_types::{List, ModuleId};

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

/// The report takes the name of an organization from its own row alone.
#[test]
fn an_organization_is_read_with_where_it_stands() {
    let row = |org_id: &str, status: u8| {
        let text = |text: &str| codec::encode(&text.to_owned());
        let code = b"91370199MA0EXM130F".to_vec();
        [text(org_id), code, text("济南市中级人民法院"), text(""), vec![1, 0, 0, status]].concat()
    };
    let key = identity::organization_key("ORG-A");
    let applied = entry(0, &key, Some(&row("ORG-A", 1))).organization.unwrap();
    assert!(applied.told_zh().contains("自报名称，未经核验"), "{}", applied.told_zh());
    assert!(applied.told_en().contains("which nobody verified; id ORG-A"), "{}", applied.told_en());
    assert_eq!(entry(0, &key, Some(&row("ORG-B", 1))).organization, None, "filed under another id");
    assert_eq!(entry(0, &key, None).organization, None);
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

/// The published vectors: the library alone and this command end with one exit code, and registrations have the status that is
/// published for them.
#[test]
fn the_vectors_are_answered_alike_with_and_without_registrations() {
    let mut told = 0;
    for text in [
        include_str!("../../../../../proof/vectors/valid.json"),
        include_str!("../../../../../proof/vectors/undecided.json"),
        include_str!("../../../../../proof/vectors/forged.json"),
    ] {
        let group: Value = serde_json::from_str(text).unwrap();
        for case in group["cases"].as_array().unwrap() {
            let name = &case["name"];
            let checkpoint = &group["checkpoints"][usize::try_from(case["checkpoint"].as_u64().unwrap()).unwrap()];
            let checkpoint = quancheng_proof::Checkpoint::from_json(checkpoint.to_string().as_bytes()).unwrap();
            let files: Vec<quancheng_proof::FileDigests> = serde_json::from_value(case["files"].clone()).unwrap();
            let Ok(bundle) = Bundle::decode(&hex::decode(case["bundle"].as_str().unwrap()).unwrap()) else { continue };
            let mut report = quancheng_proof::verify_bundle(&bundle, &checkpoint, &files);
            assert_eq!(json!(report.exit_code()), case["exit_code"], "{name}");
            let entries = entries(&bundle);
            add_statuses(&entries, &Names::default(), &mut report);
            assert_eq!(json!(report.exit_code()), case["exit_code"], "{name} with its registrations");
            let found = report.findings.iter().filter_map(|finding| {
                let quancheng_proof::Scope::Claim { claim } = finding.scope else { return None };
                if !finding.code.starts_with("status") {
                    return None;
                }
                let mut found = json!({ "claim": claim, "result": finding.result, "code": finding.code });
                if finding.code == "status" {
                    found["status"] =
                        entries.iter().find(|entry| entry.claim == claim)?.status_json(&report)?["status"].clone();
                }
                Some(found)
            });
            let found: Vec<Value> = found.collect();
            told += found.len();
            assert_eq!(json!(found), case.get("registrations").cloned().unwrap_or_else(|| json!([])), "{name}");
        }
    }
    assert!(told > 20, "{told}");
}

/// A pledged certificate, or one of which something is asked, is not simply in force.
#[test]
fn what_rests_on_a_certificate_and_what_is_asked_of_it_is_told() {
    let bundle = Bundle::decode(include_bytes!("../../../../tests/bundles/certificate.bundle")).unwrap();
    let found = entries(&bundle).into_iter().find_map(|entry| entry.registration);
    let mut registration = found.expect("the certificate is there").unwrap();
    let time_ms = bundle.header.time_ms;
    assert_eq!(standing_words(&registration, time_ms).words(Lang::Zh), "有效");
    let party = registration.registrar.clone();
    let encumbrances = vec![Encumbrance { kind: EncumbranceKind::Pledge, party: party.clone(), record: 7 }];
    registration.encumbrances = quancheng_types::List::new(encumbrances).unwrap();
    let pledged = standing_words(&registration, time_ms);
    assert_eq!(
        (pledged.words(Lang::Zh), pledged.words(Lang::En)),
        ("有效（设有质押 1 项）", "active (with pledge: 1)")
    );
    let request = Request::Transfer {
        from: registration.holders[0].clone(),
        to: party.clone(),
        contract: registration_commitment(),
    };
    registration.pending = Some(Pending { request, requested_at_ms: time_ms, requested_by: party, is_approved: false });
    assert_eq!(standing_words(&registration, time_ms).words(Lang::Zh), "有效，转移申请中（设有质押 1 项）");
    let told = detail(&registration, &Names::default(), None);
    for part in ["质押，相对人 ORG-REG，记录号 7", "转移申请中（由 ", " 至 ORG-REG）"] {
        assert!(told.zh.contains(part), "{part}: {told:?}");
    }
    assert!(told.en.contains("pledge, party ORG-REG, record 7") && told.en.contains("transfer requested"), "{told:?}");
    registration.valid_to = registration.valid_from;
    let late = time_ms + 40 * 86_400_000;
    assert_eq!(standing_words(&registration, late).words(Lang::Zh), "已届满（设有质押 1 项、转移申请中）");
}

fn registration_commitment() -> quancheng_contracts::domain::Commitment {
    quancheng_contracts::domain::Commitment::sha256(quancheng_types::Digest([0xAB; 32]))
}

/// A time that is left out because its leaf does not prove is said to be.
#[test]
fn a_leaf_that_tells_a_time_and_does_not_prove_is_told() {
    let at = |name: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundles").join(name);
    let checkpoint = std::fs::read(at("checkpoint.json")).unwrap();
    let checkpoint = quancheng_proof::Checkpoint::from_json(&checkpoint).unwrap();
    let noted = |bundle: &Bundle| {
        let report = quancheng_proof::verify_bundle(bundle, &checkpoint, &[]);
        let mut entries = entries(bundle);
        note_times(&mut entries, bundle, &report);
        entries.into_iter().flat_map(|entry| entry.times_unproven).collect::<Vec<Height>>()
    };
    let mut told = 0;
    for name in ["certificate.bundle", "held.bundle", "application.bundle", "absent.bundle", "notarized.bundle"] {
        let bundle = Bundle::decode(&std::fs::read(at(name)).unwrap()).unwrap();
        assert!(noted(&bundle).is_empty(), "{name}");
        let named = |place: u16| bundle.claims.iter().any(|claim| claim.leaf() == place || claim.root() == place);
        let times = (0_u16..).zip(&bundle.leaves).filter(|(place, _)| !named(*place));
        for (place, leaf) in times {
            let mut leaves = bundle.leaves.to_vec();
            leaves[usize::from(place)].leaf.time_ms += 1;
            let damaged = Bundle { leaves: List::new(leaves).unwrap(), ..bundle.clone() };
            assert!(noted(&damaged).contains(&leaf.leaf.height), "{name}, height {}", leaf.leaf.height);
            told += 1;
        }
    }
    assert!(told > 0, "a sample carries a leaf for its time alone");
}
