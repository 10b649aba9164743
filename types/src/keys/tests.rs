use borsh::{BorshDeserialize, from_slice, to_vec};

use super::*;

const KEY_TEXT: &str = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

#[test]
fn suite_bytes_are_fixed_and_others_refused() {
    assert_eq!(to_vec(&Suite::Sha256Ed25519).unwrap(), [1]);
    assert_eq!(to_vec(&Suite::Sm3Sm2).unwrap(), [2]);
    for tag in 0..=u8::MAX {
        match from_slice::<Suite>(&[tag]) {
            Ok(suite) => assert_eq!(suite.tag(), tag),
            Err(error) => {
                assert!(!(1..=2).contains(&tag));
                assert!(error.to_string().contains(&format!("suite tag {tag} is unknown")));
            }
        }
    }
}

#[test]
fn suite_names_in_json() {
    for (suite, json) in [(Suite::Sha256Ed25519, "\"sha256-ed25519\""), (Suite::Sm3Sm2, "\"sm3-sm2\"")] {
        assert_eq!(serde_json::to_string(&suite).unwrap(), json);
        assert_eq!(serde_json::from_str::<Suite>(json).unwrap(), suite);
        assert_eq!(format!("\"{suite}\""), json);
    }
    assert!(serde_json::from_str::<Suite>("\"sha256\"").is_err());
}

#[test]
fn golden_bytes_of_keys_and_signatures() {
    let golden = [
        (to_vec(&PublicKey::Ed25519([0xa1; 32])).unwrap(), format!("01{}", "a1".repeat(32))),
        (to_vec(&PublicKey::Sm2([0xa2; 33])).unwrap(), format!("02{}", "a2".repeat(33))),
        (to_vec(&Signature::Ed25519([0xb1; 64])).unwrap(), format!("01{}", "b1".repeat(64))),
        (to_vec(&Signature::Sm2([0xb2; 64])).unwrap(), format!("02{}", "b2".repeat(64))),
    ];
    for (bytes, expected) in golden {
        assert_eq!(hex::encode(bytes), expected);
    }
}

#[test]
fn bytes_read_back_and_damaged_bytes_do_not() {
    fn check<T: BorshDeserialize + borsh::BorshSerialize + PartialEq + core::fmt::Debug>(value: T) {
        let bytes = to_vec(&value).unwrap();
        assert_eq!(from_slice::<T>(&bytes).unwrap(), value);
        assert!(from_slice::<T>(&bytes[..bytes.len() - 1]).is_err(), "short");
        assert!(from_slice::<T>(&[&bytes[..], &[0]].concat()).is_err(), "trailing");
        for tag in [0, 3, 255] {
            let mut wrong = bytes.clone();
            wrong[0] = tag;
            assert!(from_slice::<T>(&wrong).is_err(), "tag {tag}");
        }
        assert!(from_slice::<T>(&[]).is_err());
    }
    check(PublicKey::Ed25519([7; 32]));
    check(PublicKey::Sm2([7; 33]));
    check(Signature::Ed25519([7; 64]));
    check(Signature::Sm2([7; 64]));
}

#[test]
fn text_reads_back_in_display_and_json() {
    for text in [KEY_TEXT.to_owned(), format!("sm2:02{}", "0f".repeat(32))] {
        let key: PublicKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
    }
    for text in [format!("ed25519:{}", "0f".repeat(64)), format!("sm2:{}", "0f".repeat(64))] {
        let signature: Signature = text.parse().unwrap();
        assert_eq!(signature.to_string(), text);
        let json = serde_json::to_string(&signature).unwrap();
        assert_eq!(serde_json::from_str::<Signature>(&json).unwrap(), signature);
    }
}

#[test]
fn wrong_text_says_what_is_wrong() {
    let digits = &KEY_TEXT["ed25519:".len()..];
    let cases = [
        (String::new(), KeyTextError::UnknownScheme),
        (digits.to_owned(), KeyTextError::UnknownScheme),
        (format!("Ed25519:{digits}"), KeyTextError::UnknownScheme),
        (format!(" {KEY_TEXT}"), KeyTextError::UnknownScheme),
        (format!("{KEY_TEXT}0"), KeyTextError::WrongLength { expected_digits: 64, found_bytes: 65 }),
        (format!("sm2:{digits}"), KeyTextError::WrongLength { expected_digits: 66, found_bytes: 64 }),
        (KEY_TEXT.replace("5a98", "5A98"), KeyTextError::NotLowerHex { offset: 3 }),
        (KEY_TEXT.replace("511a", "511 "), KeyTextError::NotLowerHex { offset: 63 }),
        // 64 bytes of a two-byte character: no slice may cut through it.
        (format!("ed25519:{}", "é".repeat(32)), KeyTextError::NotLowerHex { offset: 0 }),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<PublicKey>(), Err(error), "{text}");
    }
    let shown = KeyTextError::WrongLength { expected_digits: 64, found_bytes: 65 }.to_string();
    assert_eq!(shown, "expected 64 hex digits after the colon, found 65 bytes");
    assert!(serde_json::from_str::<PublicKey>("7").is_err());
}

#[test]
fn order_is_that_of_the_bytes() {
    let mut keys = [PublicKey::Sm2([0; 33]), PublicKey::Ed25519([9; 32]), PublicKey::Ed25519([1; 32])];
    keys.sort();
    assert!(keys.windows(2).all(|pair| to_vec(&pair[0]).unwrap() < to_vec(&pair[1]).unwrap()));
}

#[test]
fn suite_two_never_gets_a_verdict() {
    let sm2 = PublicKey::Sm2([2; 33]);
    let unsupported = SignatureError::SuiteNotSupported { suite: Suite::Sm3Sm2 };
    assert_eq!(sm2.validate(), Err(unsupported));
    assert_eq!(sm2.verify(b"m", &Signature::Sm2([0; 64])), Err(unsupported));
    assert_eq!(PreparedKey::new(&sm2), Err(unsupported));
    assert!(unsupported.to_string().contains("sm3-sm2 cannot be verified"));
    let key = SigningKey::from_seed([1; 32]).public_key();
    assert_eq!(
        key.verify(b"m", &Signature::Sm2([0; 64])),
        Err(SignatureError::SuiteMismatch { key: Suite::Sha256Ed25519, signature: Suite::Sm3Sm2 })
    );
}

#[test]
fn secrets_are_not_shown() {
    let key = SigningKey::from_seed([0x5e; 32]);
    assert_eq!(format!("{key:?}"), format!("SigningKey(secret of {})", key.public_key()));
    assert_eq!(key.seed(), &[0x5e; 32]);
}
