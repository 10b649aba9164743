//! Single and batch verdicts must agree on every input.
//!
//! The input is a list of records of 96 bytes. A record is either taken as it is (key, R, s) or used as the recipe for a
//! crafted signature: small-order parts in the key and in R, an error in s, or a foreign encoding of R. Random bytes alone
//! would almost never reach the equation.

#![no_main]

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use libfuzzer_sys::fuzz_target;
use quancheng_types::keys::{BatchItem, PreparedKey, PublicKey, Signature, find_invalid, verify_batch};
use sha2::{Digest, Sha512};

/// Key, R and s, 32 bytes each.
const RECORD_BYTES: usize = 96;
/// Records taken from one input; the rest is ignored.
const RECORDS_MAX: usize = 64;

struct Claim {
    key: PreparedKey,
    message: Vec<u8>,
    signature: Signature,
}

fuzz_target!(|data: &[u8]| {
    let claims: Vec<Claim> = data.chunks_exact(RECORD_BYTES).take(RECORDS_MAX).filter_map(claim).collect();
    let items: Vec<_> = claims
        .iter()
        .map(|claim| BatchItem { key: &claim.key, message: &claim.message, signature: &claim.signature })
        .collect();
    let expected: Vec<usize> = (0..claims.len())
        .filter(|&index| {
            let claim = &claims[index];
            let prepared = claim.key.verify(&claim.message, &claim.signature);
            let fresh = claim.key.public_key().verify(&claim.message, &claim.signature);
            assert_eq!(prepared, fresh, "a prepared key judges differently");
            prepared.is_err()
        })
        .collect();
    assert_eq!(verify_batch(&items).is_ok(), expected.is_empty(), "batch and single verdicts differ");
    assert_eq!(find_invalid(&items), expected, "find_invalid names other items");
});

/// Reads one record; `None` when its key is refused.
fn claim(record: &[u8]) -> Option<Claim> {
    let (key, rest) = record.split_at(32);
    let (r, s) = rest.split_at(32);
    let crafted = key[0] & 1 == 1;
    let (key, signature) = if crafted { craft(key, r, s) } else { (to_32(key), join(r, s)) };
    Some(Claim {
        key: PreparedKey::new(&PublicKey::Ed25519(key)).ok()?,
        message: message(&record[..4]),
        signature: Signature::Ed25519(signature),
    })
}

/// A signature whose equation holds apart from the faults that the recipe asks for.
fn craft(key: &[u8], r: &[u8], s: &[u8]) -> ([u8; 32], [u8; 64]) {
    // Few secrets, so that keys repeat and coalesce.
    let secret = Scalar::from(u64::from(key[1] % 4) + 1);
    let a = (EdwardsPoint::mul_base(&secret) + torsion(key[2])).compress().to_bytes();
    let nonce = Scalar::from(u64::from(r[0]));
    let r_bytes =
        if r[1] == u8::MAX { to_32(r) } else { (EdwardsPoint::mul_base(&nonce) + torsion(r[2])).compress().to_bytes() };
    let hash = Sha512::new().chain_update(r_bytes).chain_update(a).chain_update(message(&key[..4])).finalize();
    let k = Scalar::from_bytes_mod_order_wide(&hash.into());
    let error = Scalar::from(u64::from(s[0] / 200));
    let scalar = nonce + k * secret + error;
    let mut s_bytes = scalar.to_bytes();
    // Sets bits above the group order.
    s_bytes[31] |= s[1] & s[2] & s[3] & 0xe0;
    (a, join(&r_bytes, &s_bytes))
}

fn torsion(byte: u8) -> EdwardsPoint {
    EIGHT_TORSION[usize::from(byte % 8)]
}

fn message(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

fn to_32(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(bytes);
    out
}

fn join(r: &[u8], s: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(r);
    out[32..].copy_from_slice(s);
    out
}
