//! Holds the signature rule to the published vectors, singly and in batches.

use quancheng_types::keys::{BatchItem, PreparedKey, PublicKey, Signature, SigningKey, find_invalid, verify_batch};
use serde::Deserialize;

const OWN: &str = include_str!("vectors/ed25519.json");
const SPECCHECK: &str = include_str!("vectors/ed25519_speccheck.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    description: String,
    public_key: PublicKey,
    message: String,
    signature: Signature,
    expected: String,
}

impl Vector {
    fn message(&self) -> Vec<u8> {
        hex::decode(&self.message).expect("messages are hex")
    }
}

fn vectors() -> Vec<Vector> {
    let mut all: Vec<Vector> = serde_json::from_str(OWN).expect("the file has the documented form");
    all.extend(serde_json::from_str::<Vec<Vector>>(SPECCHECK).expect("the file has the documented form"));
    all
}

#[test]
fn every_vector_gets_the_published_verdict() {
    for vector in vectors() {
        let verdict = match vector.public_key.verify(&vector.message(), &vector.signature) {
            Ok(()) => "valid",
            Err(error) => error.name(),
        };
        assert_eq!(verdict, vector.expected, "{}", vector.description);
    }
}

#[test]
fn every_error_that_can_be_published_is() {
    let expected: std::collections::BTreeSet<String> = vectors().into_iter().map(|vector| vector.expected).collect();
    assert_eq!(
        expected.into_iter().collect::<Vec<_>>(),
        [
            "equation-failed",
            "key-not-on-curve",
            "non-canonical-key",
            "non-canonical-point",
            "point-not-on-curve",
            "scalar-out-of-range",
            "small-order-key",
            "suite-mismatch",
            "suite-not-supported",
            "valid"
        ]
    );
}

#[test]
fn batches_agree_with_the_published_verdicts() {
    let vectors = vectors();
    let (mut keys, mut messages, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for vector in &vectors {
        // A key that cannot be prepared cannot be in a batch.
        if let Ok(key) = PreparedKey::new(&vector.public_key) {
            keys.push((key, vector));
            messages.push(vector.message());
        }
    }
    let items: Vec<_> = keys
        .iter()
        .zip(&messages)
        .map(|((key, vector), message)| BatchItem { key, message, signature: &vector.signature })
        .collect();
    for (index, (_, vector)) in keys.iter().enumerate() {
        if vector.expected != "valid" {
            expected.push(index);
        }
        // Next to a valid neighbour, so that the batch equation and not the single one decides.
        let pair = [items[0], items[index]];
        assert_eq!(
            verify_batch(&pair).map_err(|error| error.name()).err().unwrap_or("valid"),
            vector.expected,
            "{}",
            vector.description
        );
    }
    assert_eq!(keys[0].1.expected, "valid");
    assert_eq!(find_invalid(&items), expected);
    let valid: Vec<_> =
        items.iter().enumerate().filter(|(index, _)| !expected.contains(index)).map(|(_, item)| *item).collect();
    assert!(valid.len() > 70);
    assert_eq!(verify_batch(&valid), Ok(()));
}

/// Seed, public key, message, signature of RFC 8032 §7.1 tests 1 to 3.
const RFC_8032: [(&str, &str, &str, &str); 3] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "ed25519:e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "ed25519:92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "ed25519:fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "ed25519:6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

#[test]
fn signing_follows_rfc_8032() {
    for (seed, public_key, message, signature) in RFC_8032 {
        let seed: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
        let key = SigningKey::from_seed(seed);
        assert_eq!(key.public_key().to_string(), public_key);
        assert_eq!(key.sign(&hex::decode(message).unwrap()).to_string(), signature);
    }
}
