//! The number of a certificate on this ledger: `QC-370100-PR-2026-00001001-P`.

use core::fmt;
use core::str::FromStr;

use borsh::io::{Error, ErrorKind, Read, Result as BorshResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::check_character::check_character;
use super::codes::Region;

/// Prefix of every number: this chain.
const PREFIX: &str = "QC";
/// Greatest serial: eight digits.
pub const SERIAL_MAX: u32 = 99_999_999;

/// Two capital letters that name the kind of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct KindCode([u8; 2]);

impl KindCode {
    /// A code of two capital letters; `None` for anything else.
    #[must_use]
    pub const fn new(letters: [u8; 2]) -> Option<Self> {
        if letters[0].is_ascii_uppercase() && letters[1].is_ascii_uppercase() { Some(Self(letters)) } else { None }
    }

    /// A code written in this crate.
    pub(super) const fn literal(letters: [u8; 2]) -> Self {
        match Self::new(letters) {
            Some(code) => code,
            None => panic!("codes of kinds are capital letters"),
        }
    }
}

impl fmt::Display for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A certificate's number: region, kind, year of issue, serial, and a check character (ISO/IEC 7064 MOD 37,36 over the
/// twenty characters of those four parts). A number is never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LedgerNumber {
    region: Region,
    kind: KindCode,
    year: u16,
    serial: u32,
}

impl LedgerNumber {
    /// A number from its parts.
    ///
    /// # Errors
    /// [`InvalidLedgerNumber::Range`] when the year is outside 1970–9999, or the serial is 0 or above [`SERIAL_MAX`].
    pub const fn new(region: Region, kind: KindCode, year: u16, serial: u32) -> Result<Self, InvalidLedgerNumber> {
        if year < 1970 || year > 9999 || serial == 0 || serial > SERIAL_MAX {
            return Err(InvalidLedgerNumber::Range);
        }
        Ok(Self { region, kind, year, serial })
    }

    /// Region of issue.
    #[must_use]
    pub const fn region(self) -> Region {
        self.region
    }

    /// Kind of certificate.
    #[must_use]
    pub const fn kind(self) -> KindCode {
        self.kind
    }

    /// Year of issue.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// Serial of the dossier, unique over kinds and years.
    #[must_use]
    pub const fn serial(self) -> u32 {
        self.serial
    }
}

impl fmt::Display for LedgerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, kind, year, serial } = self;
        let body = format!("{region}{kind}{year:04}{serial:08}");
        let check = check_character(&body).expect("digits and capital letters only");
        write!(f, "{PREFIX}-{region}-{kind}-{year:04}-{serial:08}-{check}")
    }
}

impl fmt::Debug for LedgerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LedgerNumber {
    type Err = InvalidLedgerNumber;

    fn from_str(text: &str) -> Result<Self, InvalidLedgerNumber> {
        let parts: Vec<&str> = text.splitn(7, '-').collect();
        let [PREFIX, region, kind, year, serial, check] = parts[..] else {
            return Err(InvalidLedgerNumber::Shape);
        };
        let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(serial, 8) {
            return Err(InvalidLedgerNumber::Shape);
        }
        let letters = kind.as_bytes().try_into().map_err(|_| InvalidLedgerNumber::Shape)?;
        let number = Self::new(
            region.parse().map_err(|_| InvalidLedgerNumber::Shape)?,
            KindCode::new(letters).ok_or(InvalidLedgerNumber::Shape)?,
            year.parse().map_err(|_| InvalidLedgerNumber::Shape)?,
            serial.parse().map_err(|_| InvalidLedgerNumber::Shape)?,
        )?;
        let expected = check_character(&format!("{region}{kind}{year}{serial}")).map(String::from);
        if expected.as_deref() == Some(check) { Ok(number) } else { Err(InvalidLedgerNumber::CheckCharacter) }
    }
}

impl TryFrom<String> for LedgerNumber {
    type Error = InvalidLedgerNumber;

    fn try_from(text: String) -> Result<Self, InvalidLedgerNumber> {
        text.parse()
    }
}

impl From<LedgerNumber> for String {
    fn from(number: LedgerNumber) -> Self {
        number.to_string()
    }
}

impl BorshDeserialize for LedgerNumber {
    fn deserialize_reader<R: Read>(reader: &mut R) -> BorshResult<Self> {
        let (region, letters, year, serial) = <(Region, [u8; 2], u16, u32)>::deserialize_reader(reader)?;
        KindCode::new(letters)
            .ok_or(InvalidLedgerNumber::Shape)
            .and_then(|kind| Self::new(region, kind, year, serial))
            .map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }
}

/// Why a text is not a ledger number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidLedgerNumber {
    /// Another shape than `QC-370100-PR-2026-00001001-P`.
    Shape,
    /// Year or serial out of range.
    Range,
    /// The check character does not fit.
    CheckCharacter,
}

impl fmt::Display for InvalidLedgerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "a ledger number looks like QC-370100-PR-2026-00001001-P",
            Self::Range => "the year of a ledger number is 1970–9999 and its serial 1–99999999",
            Self::CheckCharacter => {
                "the check character of the ledger number does not fit: check it for a mistyped character"
            }
        })
    }
}

impl core::error::Error for InvalidLedgerNumber {}
