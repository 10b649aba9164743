//! The public half of a key pair.

use core::fmt;
use core::str::FromStr;
use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use super::text::{self, ED25519_SCHEME, SM2_SCHEME, Scheme, serde_as_text};
use super::{ED25519_KEY_BYTES, KeyTextError, PreparedKey, SM2_KEY_BYTES, Signature, SignatureError, Suite};

/// A public key as it is written down: a suite and bytes.
///
/// Holding one promises nothing about the bytes; [`validate`](Self::validate) does. Wire form: one suite tag, then 32
/// (Ed25519) or 33 (SM2) bytes. Text form: `ed25519:` and 64, or `sm2:` and 66 lower-case hex digits. The order is that
/// of the wire form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKey {
    /// An Ed25519 point in the encoding of RFC 8032 §5.1.2.
    Ed25519([u8; ED25519_KEY_BYTES]),
    /// An SM2 point in compressed form.
    Sm2([u8; SM2_KEY_BYTES]),
}

impl PublicKey {
    /// The suite this key belongs to.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        match self {
            Self::Ed25519(_) => Suite::Sha256Ed25519,
            Self::Sm2(_) => Suite::Sm3Sm2,
        }
    }

    /// The key without its suite tag.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::Sm2(bytes) => bytes,
        }
    }

    /// Checks that a signature can be verified under this key. Call it before a key is stored anywhere.
    ///
    /// # Errors
    /// Those of steps 1 to 4 of [the rule](super#the-rule): [`SignatureError::SuiteNotSupported`],
    /// [`SignatureError::NonCanonicalKey`], [`SignatureError::KeyNotOnCurve`], [`SignatureError::SmallOrderKey`].
    pub fn validate(&self) -> Result<(), SignatureError> {
        PreparedKey::new(self).map(drop)
    }

    /// Checks one signature by [the rule](super#the-rule). A key that is used more than once is cheaper as a
    /// [`PreparedKey`].
    ///
    /// # Errors
    /// The first step of the rule that fails.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        PreparedKey::new(self)?.verify(message, signature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(bytes) => text::write(f, ED25519_SCHEME, bytes),
            Self::Sm2(bytes) => text::write(f, SM2_SCHEME, bytes),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyTextError;

    /// Reads the text form.
    ///
    /// # Errors
    /// [`KeyTextError`] for another scheme, length or character set.
    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        Ok(match text::scheme(text)? {
            Scheme::Ed25519(digits) => Self::Ed25519(text::bytes(digits)?),
            Scheme::Sm2(digits) => Self::Sm2(text::bytes(digits)?),
        })
    }
}

serde_as_text!(PublicKey, "a public key: \"ed25519:\" and 64, or \"sm2:\" and 66 lower-case hex digits");

impl BorshSerialize for PublicKey {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.suite().serialize(writer)?;
        writer.write_all(self.as_bytes())
    }
}

impl BorshDeserialize for PublicKey {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Ok(match Suite::deserialize_reader(reader)? {
            Suite::Sha256Ed25519 => Self::Ed25519(BorshDeserialize::deserialize_reader(reader)?),
            Suite::Sm3Sm2 => Self::Sm2(BorshDeserialize::deserialize_reader(reader)?),
        })
    }
}
