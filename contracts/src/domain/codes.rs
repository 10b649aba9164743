//! Codes of regions (GB/T 2260) and industries (GB/T 4754).

use core::fmt;
use core::str::FromStr;

use borsh::io::{Error, ErrorKind, Read, Result as BorshResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A six-digit administrative division (GB/T 2260), such as 370100. Encoded as `u32`.
///
/// The province digits must exist; lower levels change every year and are not listed here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(u32);

impl Region {
    /// The six digits as a number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    const fn check(number: u32) -> Result<Self, InvalidCode> {
        match number / 10_000 {
            11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=82 => Ok(Self(number)),
            _ => Err(InvalidCode::Region),
        }
    }
}

impl FromStr for Region {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidCode::Region);
        }
        Self::check(text.parse().map_err(|_| InvalidCode::Region)?)
    }
}

impl TryFrom<String> for Region {
    type Error = InvalidCode;

    fn try_from(text: String) -> Result<Self, InvalidCode> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.to_string()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BorshDeserialize for Region {
    fn deserialize_reader<R: Read>(reader: &mut R) -> BorshResult<Self> {
        Self::check(u32::deserialize_reader(reader)?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }
}

/// Divisions (大类) of each section (门类) of GB/T 4754-2017, first and last.
const SECTIONS: [(u8, u8, u8); 20] = [
    (b'A', 1, 5),
    (b'B', 6, 12),
    (b'C', 13, 43),
    (b'D', 44, 46),
    (b'E', 47, 50),
    (b'F', 51, 52),
    (b'G', 53, 60),
    (b'H', 61, 62),
    (b'I', 63, 65),
    (b'J', 66, 69),
    (b'K', 70, 70),
    (b'L', 71, 72),
    (b'M', 73, 75),
    (b'N', 76, 79),
    (b'O', 80, 82),
    (b'P', 83, 83),
    (b'Q', 84, 85),
    (b'R', 86, 90),
    (b'S', 91, 96),
    (b'T', 97, 97),
];

/// An industry of GB/T 4754: section letter and a two- to four-digit number whose division belongs to the section, such as
/// `S9221`. Encoded as section, count of digits, and number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sector {
    section: u8,
    digits: u8,
    number: u16,
}

impl Sector {
    /// The section letter, A–T.
    #[must_use]
    pub fn section(self) -> char {
        char::from(self.section)
    }

    fn check(section: u8, digits: u8, number: u16) -> Result<Self, InvalidCode> {
        let (scale, limit) = match digits {
            2 => (1, 100),
            3 => (10, 1000),
            4 => (100, 10_000),
            _ => return Err(InvalidCode::Sector),
        };
        let division = number / scale;
        let known = SECTIONS.iter().any(|(letter, first, last)| {
            *letter == section && (u16::from(*first)..=u16::from(*last)).contains(&division)
        });
        if number < limit && known { Ok(Self { section, digits, number }) } else { Err(InvalidCode::Sector) }
    }
}

impl FromStr for Sector {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let (Some(section), Some(rest)) = (text.bytes().next(), text.get(1..)) else {
            return Err(InvalidCode::Sector);
        };
        if rest.len() > 4 || !rest.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidCode::Sector);
        }
        let digits = u8::try_from(rest.len()).map_err(|_| InvalidCode::Sector)?;
        Self::check(section, digits, rest.parse().map_err(|_| InvalidCode::Sector)?)
    }
}

impl TryFrom<String> for Sector {
    type Error = InvalidCode;

    fn try_from(text: String) -> Result<Self, InvalidCode> {
        text.parse()
    }
}

impl From<Sector> for String {
    fn from(sector: Sector) -> Self {
        sector.to_string()
    }
}

impl fmt::Display for Sector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:0width$}", self.section(), self.number, width = usize::from(self.digits))
    }
}

impl fmt::Debug for Sector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BorshDeserialize for Sector {
    fn deserialize_reader<R: Read>(reader: &mut R) -> BorshResult<Self> {
        let (section, digits, number) = <(u8, u8, u16)>::deserialize_reader(reader)?;
        Self::check(section, digits, number).map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }
}

/// A text that is not a code of its standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidCode {
    /// Not an administrative division.
    Region,
    /// Not an industry.
    Sector,
}

impl fmt::Display for InvalidCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Region => "expected six digits of an administrative division of GB/T 2260, such as 370100",
            Self::Sector => "expected an industry of GB/T 4754: a letter A–T and two to four digits, such as S9221",
        })
    }
}

impl core::error::Error for InvalidCode {}
