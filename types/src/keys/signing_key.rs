//! The secret half of an Ed25519 key pair.

use core::fmt;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::ed25519::challenge;
use super::{ED25519_KEY_BYTES, PublicKey, SIGNATURE_BYTES, Signature};

/// Length of an Ed25519 seed in bytes.
const SEED_BYTES: usize = 32;

/// An Ed25519 secret key, held with what signing derives from it.
///
/// The memory is wiped on drop and `Debug` shows the public key only. The intermediate state of the hash function is
/// not wiped from the stack. The seed must come from a secure source of randomness, which this crate does not have.
#[derive(Clone)]
pub struct SigningKey {
    seed: [u8; SEED_BYTES],
    /// The clamped secret scalar reduced mod L. Never zero: a clamped integer is 8m with 0 < m < L.
    scalar: Scalar,
    /// The second half of SHA-512(seed), which makes nonces unpredictable.
    prefix: [u8; 32],
    public_key: PublicKey,
    public_bytes: [u8; ED25519_KEY_BYTES],
}

impl SigningKey {
    /// Derives the key pair of a 32-byte secret seed (RFC 8032 §5.1.5).
    #[must_use]
    pub fn from_seed(seed: [u8; SEED_BYTES]) -> Self {
        let mut expanded = Zeroizing::new([0; 64]);
        expanded.copy_from_slice(&Sha512::digest(seed));
        let mut low = Zeroizing::new([0; 32]);
        let mut prefix = [0; 32];
        low.copy_from_slice(&expanded[..32]);
        prefix.copy_from_slice(&expanded[32..]);
        let clamped = Zeroizing::new(clamp_integer(*low));
        let scalar = Scalar::from_bytes_mod_order(*clamped);
        let public_bytes = EdwardsPoint::mul_base(&scalar).compress().to_bytes();
        Self { seed, scalar, prefix, public_key: PublicKey::Ed25519(public_bytes), public_bytes }
    }

    /// The secret seed, for writing an encrypted key file. Do not print it.
    #[must_use]
    pub const fn seed(&self) -> &[u8; SEED_BYTES] {
        &self.seed
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Signs a message, in the same way each time (RFC 8032 §5.1.6). The result always passes
    /// [the rule](super#the-rule).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let mut wide = Zeroizing::new([0; 64]);
        wide.copy_from_slice(&Sha512::new().chain_update(self.prefix).chain_update(message).finalize());
        let nonce = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide));
        let point = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
        let k = challenge(&point, &self.public_bytes, message);
        let s = k * self.scalar + *nonce;
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes[..32].copy_from_slice(&point);
        bytes[32..].copy_from_slice(s.as_bytes());
        Signature::Ed25519(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(secret of {})", self.public_key)
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.seed.zeroize();
        self.scalar.zeroize();
        self.prefix.zeroize();
    }
}

impl ZeroizeOnDrop for SigningKey {}
