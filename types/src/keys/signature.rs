//! A signature as it is written down.

use core::fmt;
use core::str::FromStr;
use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use super::text::{self, ED25519_SCHEME, SM2_SCHEME, Scheme, serde_as_text};
use super::{KeyTextError, SIGNATURE_BYTES, Suite};

/// A signature as it is written down: a suite and 64 bytes.
///
/// Wire form: one suite tag, then 64 bytes. Text form: `ed25519:` or `sm2:` and 128 lower-case hex digits. Whether it is
/// valid is for [`PublicKey::verify`](super::PublicKey::verify) to say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signature {
    /// `R ‖ s` of RFC 8032 §5.1.6.
    Ed25519([u8; SIGNATURE_BYTES]),
    /// `r ‖ s` of GB/T 32918.2, each 32 bytes, big-endian.
    Sm2([u8; SIGNATURE_BYTES]),
}

impl Signature {
    /// The suite this signature belongs to.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        match self {
            Self::Ed25519(_) => Suite::Sha256Ed25519,
            Self::Sm2(_) => Suite::Sm3Sm2,
        }
    }

    /// The signature without its suite tag.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SIGNATURE_BYTES] {
        match self {
            Self::Ed25519(bytes) | Self::Sm2(bytes) => bytes,
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(bytes) => text::write(f, ED25519_SCHEME, bytes),
            Self::Sm2(bytes) => text::write(f, SM2_SCHEME, bytes),
        }
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl FromStr for Signature {
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

serde_as_text!(Signature, "a signature: \"ed25519:\" or \"sm2:\" and 128 lower-case hex digits");

impl BorshSerialize for Signature {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.suite().serialize(writer)?;
        writer.write_all(self.as_bytes())
    }
}

impl BorshDeserialize for Signature {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let suite = Suite::deserialize_reader(reader)?;
        let bytes = BorshDeserialize::deserialize_reader(reader)?;
        Ok(match suite {
            Suite::Sha256Ed25519 => Self::Ed25519(bytes),
            Suite::Sm3Sm2 => Self::Sm2(bytes),
        })
    }
}
