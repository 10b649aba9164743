//! The pair of hash and signature algorithms that a chain or a key uses.

use core::fmt;
use std::io;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A hash and a signature algorithm that belong together.
///
/// Genesis fixes the suite of the chain (tree, headers, votes); each account key carries its own. The wire form is the
/// discriminant as one byte; any other byte is refused.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Suite {
    /// SHA-256 (FIPS 180-4) and Ed25519 (RFC 8032), the default.
    #[serde(rename = "sha256-ed25519")]
    Sha256Ed25519 = 1,
    /// SM3 (GB/T 32905) and SM2 (GB/T 32918), the national suite (国密).
    #[serde(rename = "sm3-sm2")]
    Sm3Sm2 = 2,
}

impl Suite {
    /// The byte that stands for this suite on the wire.
    #[must_use]
    pub const fn tag(self) -> u8 {
        match self {
            Self::Sha256Ed25519 => 1,
            Self::Sm3Sm2 => 2,
        }
    }

    /// The name of this suite in text and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256Ed25519 => "sha256-ed25519",
            Self::Sm3Sm2 => "sm3-sm2",
        }
    }
}

/// A suite tag that this protocol does not define.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSuite {
    /// The byte found where a suite tag was expected.
    pub tag: u8,
}

impl fmt::Display for UnknownSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "suite tag {} is unknown: expected 1 (sha256-ed25519) or 2 (sm3-sm2)", self.tag)
    }
}

impl core::error::Error for UnknownSuite {}

impl TryFrom<u8> for Suite {
    type Error = UnknownSuite;

    /// Reads a suite tag.
    ///
    /// # Errors
    /// [`UnknownSuite`] for any byte but 1 and 2.
    fn try_from(tag: u8) -> Result<Self, UnknownSuite> {
        match tag {
            1 => Ok(Self::Sha256Ed25519),
            2 => Ok(Self::Sm3Sm2),
            _ => Err(UnknownSuite { tag }),
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl BorshSerialize for Suite {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(&[self.tag()])
    }
}

impl BorshDeserialize for Suite {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Self::try_from(u8::deserialize_reader(reader)?)
            .map_err(|unknown| io::Error::new(io::ErrorKind::InvalidData, unknown))
    }
}
