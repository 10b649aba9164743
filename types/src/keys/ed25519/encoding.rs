//! The canonical encoding of points and scalars (RFC 8032 §5.1.2, §5.1.3).

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;

/// The field prime p = 2^255 − 19, little-endian.
const FIELD_PRIME: [u8; 32] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];
/// y = 1, of the point (0, 1).
const ONE: [u8; 32] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// y = p − 1, of the point (0, −1).
const MINUS_ONE: [u8; 32] = [
    0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// Why 32 bytes are not a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PointError {
    /// y ≥ p, or a sign bit where x = 0.
    NonCanonical,
    /// No x belongs to this y.
    NotOnCurve,
}

/// Decodes a point and refuses every encoding that encoding the point would not give back.
///
/// The library reduces y mod p and accepts the sign of zero, so the bytes are judged first. Comparing bytes costs
/// nothing; encoding again would cost a field inversion.
pub(super) fn decode_point(encoding: &[u8; 32]) -> Result<EdwardsPoint, PointError> {
    if !is_canonical(encoding) {
        return Err(PointError::NonCanonical);
    }
    CompressedEdwardsY(*encoding).decompress().ok_or(PointError::NotOnCurve)
}

/// Decodes a scalar below the group order L; `None` for every other value.
pub(super) fn decode_scalar(encoding: [u8; 32]) -> Option<Scalar> {
    Scalar::from_canonical_bytes(encoding).into_option()
}

/// Whether y < p, and the sign bit is clear where x = 0 (only y = ±1 has x = 0).
fn is_canonical(encoding: &[u8; 32]) -> bool {
    let mut y = *encoding;
    y[31] &= 0x7f;
    let has_sign = encoding[31] != y[31];
    let below_prime = y.iter().rev().lt(FIELD_PRIME.iter().rev());
    below_prime && !(has_sign && (y == ONE || y == MINUS_ONE))
}
