//! One signature.

use core::fmt;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};

use super::encoding::{PointError, decode_point, decode_scalar};
use crate::keys::{ED25519_KEY_BYTES, PublicKey, SIGNATURE_BYTES, Signature, SignatureError, Suite};

/// A public key that was validated and decoded once, so that each signature costs less.
///
/// Holding one proves that steps 2 to 4 of [the rule](crate::keys#the-rule) hold for the key. It takes about 230 bytes.
#[derive(Clone)]
pub struct PreparedKey {
    public_key: PublicKey,
    encoding: [u8; ED25519_KEY_BYTES],
    point: EdwardsPoint,
}

impl PreparedKey {
    /// Validates and decodes a key.
    ///
    /// # Errors
    /// [`SignatureError::SuiteNotSupported`], [`SignatureError::NonCanonicalKey`], [`SignatureError::KeyNotOnCurve`] or
    /// [`SignatureError::SmallOrderKey`], in this order.
    pub fn new(public_key: &PublicKey) -> Result<Self, SignatureError> {
        let encoding = match public_key {
            PublicKey::Ed25519(encoding) => *encoding,
            PublicKey::Sm2(_) => {
                return Err(SignatureError::SuiteNotSupported { suite: Suite::Sm3Sm2 });
            }
        };
        let point = decode_point(&encoding).map_err(|error| match error {
            PointError::NonCanonical => SignatureError::NonCanonicalKey,
            PointError::NotOnCurve => SignatureError::KeyNotOnCurve,
        })?;
        if point.is_small_order() {
            return Err(SignatureError::SmallOrderKey);
        }
        Ok(Self { public_key: *public_key, encoding, point })
    }

    /// The key as it is written down.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Checks one signature by [the rule](crate::keys#the-rule).
    ///
    /// # Errors
    /// The first step of the rule that fails: [`SignatureError::SuiteMismatch`], [`SignatureError::ScalarOutOfRange`],
    /// [`SignatureError::NonCanonicalPoint`], [`SignatureError::PointNotOnCurve`] or [`SignatureError::EquationFailed`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        if Claim::new(self, message, signature)?.holds() { Ok(()) } else { Err(SignatureError::EquationFailed) }
    }

    /// The canonical bytes of the key.
    pub(super) const fn encoding(&self) -> &[u8; ED25519_KEY_BYTES] {
        &self.encoding
    }

    /// The decoded key.
    pub(super) const fn point(&self) -> &EdwardsPoint {
        &self.point
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedKey({})", self.public_key)
    }
}

impl PartialEq for PreparedKey {
    fn eq(&self, other: &Self) -> bool {
        self.encoding == other.encoding
    }
}

impl Eq for PreparedKey {}

/// A signature whose every part is well formed; only the equation of step 8 is open.
pub(super) struct Claim<'a> {
    pub(super) key: &'a PreparedKey,
    /// R as it was sent.
    pub(super) r_encoding: [u8; 32],
    pub(super) r: EdwardsPoint,
    pub(super) s: Scalar,
    pub(super) k: Scalar,
}

impl<'a> Claim<'a> {
    /// Decodes a signature: steps 1 and 5 to 7 of the rule.
    pub(super) fn new(key: &'a PreparedKey, message: &[u8], signature: &Signature) -> Result<Self, SignatureError> {
        let bytes = match signature {
            Signature::Ed25519(bytes) => bytes,
            Signature::Sm2(_) => {
                return Err(SignatureError::SuiteMismatch {
                    key: key.public_key.suite(),
                    signature: signature.suite(),
                });
            }
        };
        let (r_encoding, s_encoding) = halves(bytes);
        let s = decode_scalar(s_encoding).ok_or(SignatureError::ScalarOutOfRange)?;
        let r = decode_point(&r_encoding).map_err(|error| match error {
            PointError::NonCanonical => SignatureError::NonCanonicalPoint,
            PointError::NotOnCurve => SignatureError::PointNotOnCurve,
        })?;
        let k = challenge(&r_encoding, &key.encoding, message);
        Ok(Self { key, r_encoding, r, s, k })
    }

    /// Step 8 of the rule: `[8](sB − kA − R)` is the identity.
    ///
    /// Reducing k mod L before multiplying a key that has a torsion part changes only that part, which the factor 8
    /// removes.
    pub(super) fn holds(&self) -> bool {
        let minus_key = -self.key.point;
        let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&self.k, &minus_key, &self.s);
        (expected - self.r).mul_by_cofactor().is_identity()
    }
}

/// `k = SHA-512(R ‖ A ‖ M) mod L` (RFC 8032 §5.1.7).
pub(in crate::keys) fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

/// The encodings of R and of s.
fn halves(signature: &[u8; SIGNATURE_BYTES]) -> ([u8; 32], [u8; 32]) {
    let mut r = [0; 32];
    let mut s = [0; 32];
    r.copy_from_slice(&signature[..32]);
    s.copy_from_slice(&signature[32..]);
    (r, s)
}
