//! Civil dates of Asia/Shanghai.

use core::fmt;
use core::str::FromStr;

use borsh::io::{Error, ErrorKind, Read, Result as BorshResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Milliseconds of one day. China keeps no daylight saving time, so every civil day has this length.
const DAY_MS: u64 = 24 * 3600 * 1000;
/// China Standard Time is UTC+8 throughout the years that the ledger covers.
const OFFSET_MS: u64 = 8 * 3600 * 1000;
/// 9999-12-31, the last date with a four-digit year, as days since 1970-01-01.
const DAY_MAX: u32 = 2_932_896;

/// A civil date of Asia/Shanghai (proleptic Gregorian calendar), 1970-01-01 to 9999-12-31.
///
/// Encoded as `u32` days since 1970-01-01; `YYYY-MM-DD` in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(u32);

/// Day of the week (ISO 8601 order).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weekday {
    /// 星期一
    Monday,
    /// 星期二
    Tuesday,
    /// 星期三
    Wednesday,
    /// 星期四
    Thursday,
    /// 星期五
    Friday,
    /// 星期六
    Saturday,
    /// 星期日
    Sunday,
}

impl Weekday {
    /// Saturday or Sunday.
    #[must_use]
    pub const fn is_weekend(self) -> bool {
        matches!(self, Self::Saturday | Self::Sunday)
    }
}

const fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days of a month, 0 when the month does not exist.
const fn month_length(year: u32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days from 1970-01-01 to the first of January of a year ≥ 1970.
const fn days_before_year(year: u32) -> u32 {
    let past = year - 1;
    365 * (year - 1970) + (past / 4 - 492) - (past / 100 - 19) + (past / 400 - 4)
}

impl Day {
    /// The last date that can be written: 9999-12-31.
    pub const MAX: Self = Self(DAY_MAX);

    /// A date by year, month and day of month.
    ///
    /// # Errors
    /// [`InvalidDay`] when there is no such date, or the year is outside 1970–9999.
    pub const fn new(year: u16, month: u8, day: u8) -> Result<Self, InvalidDay> {
        let (year, month, day) = (year as u32, month as u32, day as u32);
        if year < 1970 || year > 9999 || day == 0 || day > month_length(year, month) {
            return Err(InvalidDay);
        }
        let mut number = days_before_year(year) + day - 1;
        let mut m = 1;
        while m < month {
            number += month_length(year, m);
            m += 1;
        }
        Ok(Self(number))
    }

    /// The date in Asia/Shanghai at a time (ms since 1970 UTC). Times past 9999 count as its last day.
    #[must_use]
    pub fn of_time_ms(time_ms: u64) -> Self {
        let number = time_ms.saturating_add(OFFSET_MS) / DAY_MS;
        Self(u32::try_from(number).unwrap_or(DAY_MAX).min(DAY_MAX))
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// First millisecond (since 1970 UTC) of this day in Asia/Shanghai; 0 for 1970-01-01, which began before the epoch.
    #[must_use]
    pub fn start_ms(self) -> u64 {
        (u64::from(self.0) * DAY_MS).saturating_sub(OFFSET_MS)
    }

    /// First millisecond (since 1970 UTC) after this day in Asia/Shanghai.
    #[must_use]
    pub fn end_ms(self) -> u64 {
        (u64::from(self.0) + 1) * DAY_MS - OFFSET_MS
    }

    /// Year, month and day of month.
    #[must_use]
    pub fn civil(self) -> (u16, u8, u8) {
        // 366 days never hold more than one year, so the guess is at most a few years early.
        let mut year = 1970 + self.0 / 366;
        while year < 9999 && days_before_year(year + 1) <= self.0 {
            year += 1;
        }
        let mut rest = self.0 - days_before_year(year);
        let mut month = 1;
        while rest >= month_length(year, month) {
            rest -= month_length(year, month);
            month += 1;
        }
        let small = |n: u32| u8::try_from(n).expect("months and days of months are below 32");
        (u16::try_from(year).expect("years end at 9999"), small(month), small(rest + 1))
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> u16 {
        self.civil().0
    }

    /// Day of the week.
    #[must_use]
    pub const fn weekday(self) -> Weekday {
        match self.0 % 7 {
            0 => Weekday::Thursday,
            1 => Weekday::Friday,
            2 => Weekday::Saturday,
            3 => Weekday::Sunday,
            4 => Weekday::Monday,
            5 => Weekday::Tuesday,
            _ => Weekday::Wednesday,
        }
    }

    /// The next date, unless this is the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        self.plus_days(1)
    }

    /// The date before, unless this is the first.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        match self.0.checked_sub(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// A number of calendar days later, unless that is past 9999.
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Option<Self> {
        match self.0.checked_add(days) {
            Some(number) if number <= DAY_MAX => Some(Self(number)),
            Some(_) | None => None,
        }
    }

    /// A number of calendar days earlier, unless that is before 1970.
    #[must_use]
    pub const fn minus_days(self, days: u32) -> Option<Self> {
        match self.0.checked_sub(days) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The same day of the month a number of months later; the last day of that month when it is shorter (civil-law rule for
    /// periods by the month, Civil Code art. 202). `None` past 9999.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Option<Self> {
        let (year, month, day) = self.civil();
        let total = u32::from(month - 1).checked_add(months)?;
        let year = u32::from(year).checked_add(total / 12)?;
        let month = total % 12 + 1;
        let day = u32::from(day).min(month_length(year, month));
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?).ok()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = InvalidDay;

    fn try_from(text: String) -> Result<Self, InvalidDay> {
        text.parse()
    }
}

/// Reads exactly `digits` decimal digits.
fn decimal(text: &str, digits: usize) -> Result<u16, InvalidDay> {
    if text.len() != digits || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidDay);
    }
    text.parse().map_err(|_| InvalidDay)
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let mut parts = text.split('-');
        let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidDay);
        };
        let small = |n: u16| u8::try_from(n).map_err(|_| InvalidDay);
        Self::new(decimal(year, 4)?, small(decimal(month, 2)?)?, small(decimal(day, 2)?)?)
    }
}

impl BorshDeserialize for Day {
    fn deserialize_reader<R: Read>(reader: &mut R) -> BorshResult<Self> {
        let number = u32::deserialize_reader(reader)?;
        if number > DAY_MAX {
            return Err(Error::new(ErrorKind::InvalidData, "date is past 9999-12-31"));
        }
        Ok(Self(number))
    }
}

/// Not a date: expected `YYYY-MM-DD`, a day that exists, in 1970–9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDay;

impl fmt::Display for InvalidDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an existing date written YYYY-MM-DD, from 1970-01-01 to 9999-12-31")
    }
}

impl core::error::Error for InvalidDay {}

/// A date without its year, `MM-DD` in JSON. 02-29 is allowed; whether it exists depends on the year it is used with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MonthDay {
    month: u8,
    day: u8,
}

impl MonthDay {
    /// A month (1–12) and a day of it.
    ///
    /// # Errors
    /// [`InvalidDay`] when no year has such a day.
    pub const fn new(month: u8, day: u8) -> Result<Self, InvalidDay> {
        // 1972 is a leap year, so every day that exists in any year exists there.
        match Day::new(1972, month, day) {
            Ok(_) => Ok(Self { month, day }),
            Err(error) => Err(error),
        }
    }

    /// Month and day of a date.
    #[must_use]
    pub fn of(day: Day) -> Self {
        let (_, month, day) = day.civil();
        Self { month, day }
    }

    /// The date in a year.
    ///
    /// # Errors
    /// [`InvalidDay`] for 02-29 of a year that is not a leap year, or a year outside 1970–9999.
    pub const fn in_year(self, year: u16) -> Result<Day, InvalidDay> {
        Day::new(year, self.month, self.day)
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl fmt::Debug for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<MonthDay> for String {
    fn from(day: MonthDay) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for MonthDay {
    type Error = InvalidDay;

    fn try_from(text: String) -> Result<Self, InvalidDay> {
        let (month, day) = text.split_once('-').ok_or(InvalidDay)?;
        let small = |n: u16| u8::try_from(n).map_err(|_| InvalidDay);
        Self::new(small(decimal(month, 2)?)?, small(decimal(day, 2)?)?)
    }
}

impl BorshDeserialize for MonthDay {
    fn deserialize_reader<R: Read>(reader: &mut R) -> BorshResult<Self> {
        let (month, day) = <(u8, u8)>::deserialize_reader(reader)?;
        Self::new(month, day).map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }
}
