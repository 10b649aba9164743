//! A digest that stands for content kept off chain.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::Digest;
use serde::{Deserialize, Serialize};

/// Which hash made a digest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum DigestAlgorithm {
    /// SHA-256 (FIPS 180-4).
    Sha256 = 1,
    /// SM3 (GB/T 32905).
    Sm3 = 2,
}

/// A digest of content that is kept off chain. What can be guessed (names, numbers of identity cards, phones, plates) must be
/// salted with at least 128 bits before it is hashed; the ledger cannot see whether it was, so forms and clients must do it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// The hash.
    pub algorithm: DigestAlgorithm,
    /// Its 32 bytes.
    pub digest: Digest,
}

impl Commitment {
    /// A SHA-256 digest.
    #[must_use]
    pub const fn sha256(digest: Digest) -> Self {
        Self { algorithm: DigestAlgorithm::Sha256, digest }
    }

    /// An SM3 digest.
    #[must_use]
    pub const fn sm3(digest: Digest) -> Self {
        Self { algorithm: DigestAlgorithm::Sm3, digest }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA256",
            Self::Sm3 => "SM3",
        })
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.digest)
    }
}
