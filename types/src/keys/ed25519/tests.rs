use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use proptest::prelude::*;

use super::encoding::{PointError, decode_point};
use super::*;
use crate::keys::{PublicKey, Signature, SignatureError, SigningKey};

/// A claim that owns its parts.
#[derive(Clone)]
struct Owned {
    key: PreparedKey,
    message: Vec<u8>,
    signature: Signature,
}

impl Owned {
    fn honest(seed: u8, message: &[u8]) -> Self {
        let signing = SigningKey::from_seed([seed; 32]);
        Self {
            key: PreparedKey::new(&signing.public_key()).unwrap(),
            message: message.to_vec(),
            signature: signing.sign(message),
        }
    }

    /// A signature whose key and R carry small-order parts, and whose s is off by `error`.
    fn crafted(number: u64, key_torsion: usize, r_torsion: usize, error: u64) -> Self {
        let secret = Scalar::from(1_000_003 + number % 5);
        let a = (EdwardsPoint::mul_base(&secret) + EIGHT_TORSION[key_torsion]).compress().to_bytes();
        let nonce = Scalar::from(77 + number);
        let r = (EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[r_torsion]).compress().to_bytes();
        let message = number.to_le_bytes().to_vec();
        let s = nonce + challenge(&r, &a, &message) * secret + Scalar::from(error);
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r);
        bytes[32..].copy_from_slice(s.as_bytes());
        Self { key: PreparedKey::new(&PublicKey::Ed25519(a)).unwrap(), message, signature: Signature::Ed25519(bytes) }
    }

    fn item(&self) -> BatchItem<'_> {
        BatchItem { key: &self.key, message: &self.message, signature: &self.signature }
    }

    fn verify(&self) -> Result<(), SignatureError> {
        self.key.verify(&self.message, &self.signature)
    }

    /// Whether the equation without the factor 8 holds.
    fn holds_cofactorless(&self) -> bool {
        let bytes = self.signature.as_bytes();
        let r: [u8; 32] = bytes[..32].try_into().unwrap();
        let s = Scalar::from_canonical_bytes(bytes[32..].try_into().unwrap()).unwrap();
        let k = challenge(&r, self.key.encoding(), &self.message);
        let r = CompressedEdwardsY(r).decompress().unwrap();
        EdwardsPoint::mul_base(&s) == r + k * self.key.point()
    }
}

fn items(owned: &[Owned]) -> Vec<BatchItem<'_>> {
    owned.iter().map(Owned::item).collect()
}

fn invalid_singly(owned: &[Owned]) -> Vec<usize> {
    (0..owned.len()).filter(|&index| owned[index].verify().is_err()).collect()
}

/// The 400 crafted signatures on which cofactorless single and batch checks contradict each other.
fn mixed_order() -> Vec<Owned> {
    (0_u64..400)
        .map(|number| {
            let key_torsion = usize::try_from(number % 8).unwrap();
            let r_torsion = usize::try_from(number / 8 % 8).unwrap();
            Owned::crafted(number, key_torsion, r_torsion, 0)
        })
        .collect()
}

#[test]
fn mixed_order_signatures_are_valid_singly_and_in_every_batch() {
    let all = mixed_order();
    let cofactorless = all.iter().filter(|owned| owned.holds_cofactorless()).count();
    assert!((20..200).contains(&cofactorless), "the set is not crafted: {cofactorless}");
    assert_eq!(invalid_singly(&all), Vec::<usize>::new());
    let items = items(&all);
    assert_eq!(verify_batch(&items), Ok(()));
    for size in [2, 3, 7, 64, 199] {
        for batch in items.chunks(size) {
            assert_eq!(verify_batch(batch), Ok(()));
        }
    }
}

#[test]
fn torsion_hides_no_wrong_signature() {
    let mut all = mixed_order();
    let wrong = [0, 1, 63, 200, 201, 202, 399];
    for index in wrong {
        let number = u64::try_from(index).unwrap();
        all[index] = Owned::crafted(number, index % 8, (index + 3) % 8, 1);
    }
    assert_eq!(invalid_singly(&all), wrong);
    assert_eq!(find_invalid(&items(&all)), wrong);
    assert_eq!(verify_batch(&items(&all)), Err(SignatureError::EquationFailed));
}

#[test]
fn errors_that_cancel_in_a_plain_sum_do_not_cancel() {
    let high = Owned::crafted(1, 0, 0, 1);
    let mut low = Owned::crafted(2, 0, 0, 0);
    let mut bytes = *low.signature.as_bytes();
    let s = Scalar::from_canonical_bytes(bytes[32..].try_into().unwrap()).unwrap() - Scalar::ONE;
    bytes[32..].copy_from_slice(s.as_bytes());
    low.signature = Signature::Ed25519(bytes);
    let pair = [high, low];
    assert_eq!(verify_batch(&items(&pair)), Err(SignatureError::EquationFailed));
    assert_eq!(find_invalid(&items(&pair)), [0, 1]);
}

#[test]
fn no_items_are_valid() {
    assert_eq!(verify_batch(&[]), Ok(()));
    assert_eq!(find_invalid(&[]), Vec::<usize>::new());
}

#[test]
fn malformed_items_are_named_by_the_batch() {
    let mut all = vec![Owned::honest(1, b"a"), Owned::honest(2, b"b"), Owned::honest(3, b"c")];
    let mut bytes = *all[1].signature.as_bytes();
    bytes[63] = 0xff;
    all[1].signature = Signature::Ed25519(bytes);
    all[2].message.push(0);
    assert_eq!(verify_batch(&items(&all)), Err(SignatureError::ScalarOutOfRange));
    assert_eq!(find_invalid(&items(&all)), [1, 2]);
}

#[test]
fn bisection_finds_every_pattern() {
    for size in [1, 2, 3, 4, 5, 8, 13, 64] {
        let honest: Vec<_> = (0..size).map(|n| Owned::crafted(n, 0, 0, 0)).collect();
        let patterns: [fn(usize, usize) -> bool; 6] = [
            |_, _| true,
            |index, _| index == 0,
            |index, len| index + 1 == len,
            |index, len| index == len / 2,
            |index, _| index % 2 == 0,
            |index, len| index >= len / 2,
        ];
        for pattern in patterns {
            let mut all = honest.clone();
            let mut expected = Vec::new();
            let len = all.len();
            for (index, owned) in all.iter_mut().enumerate() {
                if pattern(index, len) {
                    owned.message.push(1);
                    expected.push(index);
                }
            }
            assert_eq!(find_invalid(&items(&all)), expected);
        }
    }
}

#[test]
fn a_slice_longer_than_one_piece_keeps_its_indexes() {
    let good = Owned::honest(1, b"good");
    let mut bad = good.clone();
    bad.message.push(0);
    let mut long = vec![good.item(); BATCH_ITEMS_MAX + 3];
    assert_eq!(verify_batch(&long), Ok(()));
    long[5] = bad.item();
    long[BATCH_ITEMS_MAX + 1] = bad.item();
    assert_eq!(find_invalid(&long), [5, BATCH_ITEMS_MAX + 1]);
    assert_eq!(verify_batch(&long[6..]), Err(SignatureError::EquationFailed));
}

#[test]
fn a_small_order_r_is_allowed_and_a_small_order_key_is_not() {
    for point in EIGHT_TORSION {
        let bytes = point.compress().to_bytes();
        assert_eq!(PublicKey::Ed25519(bytes).validate(), Err(SignatureError::SmallOrderKey));
        let key = SigningKey::from_seed([4; 32]).public_key();
        let PublicKey::Ed25519(a) = key else { panic!("another suite") };
        let secret = {
            use sha2::{Digest, Sha512};
            let hash: [u8; 64] = Sha512::digest([4; 32]).into();
            Scalar::from_bytes_mod_order(curve25519_dalek::scalar::clamp_integer(hash[..32].try_into().unwrap()))
        };
        let s = challenge(&bytes, &a, b"m") * secret;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&bytes);
        signature[32..].copy_from_slice(s.as_bytes());
        assert_eq!(key.verify(b"m", &Signature::Ed25519(signature)), Ok(()));
    }
}

/// The byte comparison against the definition: encoding the decoded point gives the same bytes.
fn assert_canonical_by_definition(encoding: [u8; 32]) {
    let by_definition = CompressedEdwardsY(encoding).decompress().map(|point| point.compress().to_bytes() == encoding);
    match decode_point(&encoding) {
        Ok(_) => assert_eq!(by_definition, Some(true)),
        Err(PointError::NonCanonical) => assert_ne!(by_definition, Some(true)),
        Err(PointError::NotOnCurve) => assert_eq!(by_definition, None),
    }
}

#[test]
fn canonical_is_what_encodes_to_itself() {
    for low in 0..=u8::MAX {
        for (middle, high) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
            let mut encoding = [middle; 32];
            encoding[0] = low;
            encoding[31] = high;
            assert_canonical_by_definition(encoding);
        }
    }
    assert_canonical_by_definition(EdwardsPoint::identity().compress().to_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_encodings_are_canonical_by_definition(encoding: [u8; 32]) {
        assert_canonical_by_definition(encoding);
    }

    #[test]
    fn signed_messages_verify(seed: [u8; 32], message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let key = SigningKey::from_seed(seed);
        prop_assert_eq!(key.public_key().validate(), Ok(()));
        prop_assert_eq!(key.public_key().verify(&message, &key.sign(&message)), Ok(()));
    }

    #[test]
    fn a_flipped_bit_fails(seed: [u8; 32], message: [u8; 20], bit in 0_usize..(64 + 32 + 20) * 8) {
        let key = SigningKey::from_seed(seed);
        let PublicKey::Ed25519(mut a) = key.public_key() else { panic!("another suite") };
        let mut signature = *key.sign(&message).as_bytes();
        let mut message = message;
        let (byte, mask) = (bit / 8, 1 << (bit % 8));
        match byte {
            0..64 => signature[byte] ^= mask,
            64..96 => a[byte - 64] ^= mask,
            _ => message[byte - 96] ^= mask,
        }
        let verdict = PublicKey::Ed25519(a).verify(&message, &Signature::Ed25519(signature));
        prop_assert!(verdict.is_err());
    }

    #[test]
    fn a_batch_is_all_of_its_items(
        parts in proptest::collection::vec((any::<u64>(), 0_usize..8, 0_usize..8, 0_u64..10), 1..24),
    ) {
        // One in ten or so is wrong: an error of 0 stands for eight of the ten values.
        let all: Vec<_> = parts
            .into_iter()
            .map(|(number, a, r, error)| Owned::crafted(number >> 1, a, r, error.saturating_sub(8)))
            .collect();
        let expected = invalid_singly(&all);
        prop_assert_eq!(verify_batch(&items(&all)).is_ok(), expected.is_empty());
        prop_assert_eq!(find_invalid(&items(&all)), expected);
    }
}
