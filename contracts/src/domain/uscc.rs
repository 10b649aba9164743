//! The unified social credit code (统一社会信用代码) of an organization.

use core::fmt;
use core::str::FromStr;

use borsh::io::{Error, ErrorKind, Read, Result as BorshResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

const LENGTH: usize = 18;
/// Digits and capital letters without I, O, S, V, Z.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Powers of 3 modulo 31.
const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// An 18-character code with a valid check character (GB 32100-2015). Encoded as its 18 ASCII bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uscc([u8; LENGTH]);

impl Uscc {
    /// Reads a code.
    ///
    /// # Errors
    /// [`InvalidUscc`].
    pub fn new(text: &str) -> Result<Self, InvalidUscc> {
        Self::check(text.as_bytes().try_into().map_err(|_| InvalidUscc::Length)?)
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("only ASCII passes the check")
    }

    fn check(bytes: [u8; LENGTH]) -> Result<Self, InvalidUscc> {
        let value = |byte: u8| ALPHABET.iter().position(|c| *c == byte).ok_or(InvalidUscc::Character);
        let mut sum = 0;
        for (byte, weight) in bytes.iter().zip(WEIGHTS) {
            sum += value(*byte)? * weight;
        }
        // Characters 3 to 8 are the administrative division of the registering authority (GB/T 2260).
        if !bytes[2..8].iter().all(u8::is_ascii_digit) {
            return Err(InvalidUscc::Division);
        }
        if value(bytes[LENGTH - 1])? != (31 - sum % 31) % 31 {
            return Err(InvalidUscc::CheckCharacter);
        }
        Ok(Self(bytes))
    }
}

impl FromStr for Uscc {
    type Err = InvalidUscc;

    fn from_str(text: &str) -> Result<Self, InvalidUscc> {
        Self::new(text)
    }
}

impl TryFrom<String> for Uscc {
    type Error = InvalidUscc;

    fn try_from(text: String) -> Result<Self, InvalidUscc> {
        text.parse()
    }
}

impl From<Uscc> for String {
    fn from(code: Uscc) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Display for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl BorshDeserialize for Uscc {
    fn deserialize_reader<R: Read>(reader: &mut R) -> BorshResult<Self> {
        Self::check(<[u8; LENGTH]>::deserialize_reader(reader)?)
            .map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }
}

/// Why a text is not a unified social credit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidUscc {
    /// Not 18 characters.
    Length,
    /// A character outside digits and capital letters without I, O, S, V, Z.
    Character,
    /// Characters 3 to 8 are not digits.
    Division,
    /// The last character does not fit the others.
    CheckCharacter,
}

impl fmt::Display for InvalidUscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a unified social credit code has 18 characters",
            Self::Character => "a unified social credit code has digits and capital letters without I, O, S, V, Z",
            Self::Division => {
                "characters 3 to 8 of a unified social credit code are digits of an administrative division"
            }
            Self::CheckCharacter => {
                "the check character of the unified social credit code does not fit: check it for a mistyped character"
            }
        })
    }
}

impl core::error::Error for InvalidUscc {}
