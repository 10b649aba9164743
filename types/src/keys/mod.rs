//! Keys and signatures: which byte strings are a key, a signature, and when a signature is valid.
//!
//! # The rule
//!
//! An Ed25519 signature `(R, s)` of message `M` under key `A` is valid exactly when all of these hold, checked in this
//! order; the first that fails names the error:
//!
//! 1. key and signature belong to the same [`Suite`], and this build verifies that suite;
//! 2. `A` is encoded canonically: `y < p`, and no sign bit when `x = 0` (RFC 8032 §5.1.3);
//! 3. `A` is a point of the curve;
//! 4. `A` is not of small order: `[8]A` is not the identity;
//! 5. `s < L` (RFC 8032 §5.1.7);
//! 6. `R` is encoded canonically;
//! 7. `R` is a point of the curve (a small order is allowed);
//! 8. `[8][s]B = [8]R + [8][k]A` with `k = SHA-512(R ‖ A ‖ M) mod L`.
//!
//! The factor 8 makes the verdict of [`verify_batch`] equal to that of the single rule on every input, crafted ones
//! included: without it, the small-order parts of several wrong signatures can cancel inside a batch
//! (Chalkias, Garillot, Nikolaenko, *Taming the many EdDSAs*, SSR 2020, §3). The verdict is part of consensus; the vectors in
//! `types/tests/vectors/` hold every other implementation to it.
//!
//! # Forms
//!
//! Bytes: one suite tag (`1` or `2`), then the fixed-length body. Text: `ed25519:` or `sm2:`, then lower-case hex.
//! Both forms are unique: no two byte strings and no two texts denote the same value. Neither form promises that a key
//! is a point of the curve; [`PublicKey::validate`] and [`PreparedKey::new`] do.
//!
//! Suite 2 (SM3 + SM2) has its names, bytes and text from the first day. It is not verified yet: every attempt answers
//! [`SignatureError::SuiteNotSupported`], never a verdict.

mod ed25519;
mod error;
mod public_key;
mod signature;
mod signing_key;
mod suite;
mod text;

pub use ed25519::{BATCH_ITEMS_MAX, BatchItem, PreparedKey, find_invalid, verify_batch};
pub use error::SignatureError;
pub use public_key::PublicKey;
pub use signature::Signature;
pub use signing_key::SigningKey;
pub use suite::{Suite, UnknownSuite};
pub use text::KeyTextError;

/// Length of an Ed25519 public key in bytes (RFC 8032 §5.1.5).
pub const ED25519_KEY_BYTES: usize = 32;
/// Length of an SM2 public key in bytes: a compressed point, one sign byte and the x coordinate (GB/T 32918.1 §4.2.9).
pub const SM2_KEY_BYTES: usize = 33;
/// Length of a signature of either suite in bytes: `R ‖ s` for Ed25519, `r ‖ s` for SM2.
pub const SIGNATURE_BYTES: usize = 64;

#[cfg(test)]
mod tests;
