//! Working days: holidays and adjusted workdays as the State Council publishes them year by year.
//!
//! Periods count as the Civil Code does: the day of the event is not counted (art. 201), and a period whose last day falls on
//! a day off ends on the next working day (art. 203; Civil Procedure Law art. 85).

use core::fmt;
use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::List;
use serde::{Deserialize, Serialize};

use super::day::{Day, MonthDay};

/// Holidays of one year, weekends inside a holiday included.
pub const HOLIDAYS_MAX: u32 = 128;
/// Weekend days of one year that are worked.
pub const ADJUSTED_WORKDAYS_MAX: u32 = 64;
/// Longest period in working days that can be counted: about one year.
pub const WORKING_DAYS_MAX: u16 = 250;

/// What deviates from Monday to Friday in one year. Both lists ascend strictly and share no day.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarYear {
    /// The year, 1970–9999.
    pub year: u16,
    /// Days off.
    pub holidays: List<MonthDay, HOLIDAYS_MAX>,
    /// Saturdays and Sundays that are worked.
    pub adjusted_workdays: List<MonthDay, ADJUSTED_WORKDAYS_MAX>,
}

impl CalendarYear {
    /// Checks that every date exists in the year, both lists ascend, they share no day, and adjusted workdays are weekends.
    ///
    /// # Errors
    /// [`CalendarError`] naming the first offending date.
    pub fn validate(&self) -> Result<(), CalendarError> {
        if !(1970..=9999).contains(&self.year) {
            return Err(CalendarError::Year { year: self.year });
        }
        for list in [&*self.holidays, &*self.adjusted_workdays] {
            if let Some(pair) = list.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(CalendarError::Order { day: pair[1] });
            }
            if let Some(day) = list.iter().find(|day| day.in_year(self.year).is_err()) {
                return Err(CalendarError::NoSuchDay { day: *day });
            }
        }
        for day in &self.adjusted_workdays {
            if self.holidays.binary_search(day).is_ok() {
                return Err(CalendarError::BothLists { day: *day });
            }
            if day.in_year(self.year).is_ok_and(|day| !day.weekday().is_weekend()) {
                return Err(CalendarError::NotWeekend { day: *day });
            }
        }
        Ok(())
    }

    /// Whether a day of this year is worked. The year must have been [validated](Self::validate).
    fn is_working_day(&self, day: Day) -> bool {
        let month_day = MonthDay::of(day);
        if day.weekday().is_weekend() {
            self.adjusted_workdays.binary_search(&month_day).is_ok()
        } else {
            self.holidays.binary_search(&month_day).is_err()
        }
    }
}

/// Why the calendar of a year is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarError {
    /// Outside 1970–9999.
    Year {
        /// Which.
        year: u16,
    },
    /// A list repeats a day or does not ascend.
    Order {
        /// The second of the two days.
        day: MonthDay,
    },
    /// The day does not exist in the year.
    NoSuchDay {
        /// Which.
        day: MonthDay,
    },
    /// A day is both a holiday and worked.
    BothLists {
        /// Which.
        day: MonthDay,
    },
    /// An adjusted workday is an ordinary weekday.
    NotWeekend {
        /// Which.
        day: MonthDay,
    },
}

impl fmt::Display for CalendarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year { year } => write!(f, "calendar year {year} is outside 1970–9999"),
            Self::Order { day } => {
                write!(f, "calendar day {day} repeats or is out of order; list days in ascending order")
            }
            Self::NoSuchDay { day } => write!(f, "calendar day {day} does not exist in that year"),
            Self::BothLists { day } => write!(f, "calendar day {day} is both a holiday and an adjusted workday"),
            Self::NotWeekend { day } => {
                write!(f, "adjusted workday {day} is not a Saturday or Sunday")
            }
        }
    }
}

impl core::error::Error for CalendarError {}

/// The years that a computation may need. Years that are not published are not guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkCalendar {
    years: BTreeMap<u16, CalendarYear>,
}

impl WorkCalendar {
    /// A calendar of validated years; of a year given twice the later one counts.
    #[must_use]
    pub fn new(years: impl IntoIterator<Item = CalendarYear>) -> Self {
        Self { years: years.into_iter().map(|year| (year.year, year)).collect() }
    }

    /// Whether a day is worked.
    ///
    /// # Errors
    /// [`CalendarMissing`] when the calendar of its year is not published.
    pub fn is_working_day(&self, day: Day) -> Result<bool, CalendarMissing> {
        let year = day.year();
        self.years.get(&year).map(|calendar| calendar.is_working_day(day)).ok_or(CalendarMissing { year })
    }

    /// The day itself if it is worked, else the next that is: how the last day of a period rolls.
    ///
    /// # Errors
    /// [`WorkingDaysError`].
    pub fn roll_forward(&self, mut day: Day) -> Result<Day, WorkingDaysError> {
        while !self.is_working_day(day)? {
            day = day.next().ok_or(WorkingDaysError::PastEnd)?;
        }
        Ok(day)
    }

    /// The first working day after a day.
    ///
    /// # Errors
    /// [`WorkingDaysError`].
    pub fn next_working_day(&self, day: Day) -> Result<Day, WorkingDaysError> {
        self.roll_forward(day.next().ok_or(WorkingDaysError::PastEnd)?)
    }

    /// The last day of a period of `count` working days that follows the day of an event, which itself is not counted.
    /// A period of none ends on the day of the event.
    ///
    /// # Errors
    /// [`WorkingDaysError`].
    pub fn add_working_days(&self, event: Day, count: u16) -> Result<Day, WorkingDaysError> {
        if count > WORKING_DAYS_MAX {
            return Err(WorkingDaysError::TooLong { count });
        }
        let mut day = event;
        for _ in 0..count {
            day = self.next_working_day(day)?;
        }
        Ok(day)
    }

    /// Working days from one day to another, both counted; 0 when `to` is before `from`.
    ///
    /// # Errors
    /// [`WorkingDaysError`], also when the days lie further apart than any period.
    pub fn count_working_days(&self, from: Day, to: Day) -> Result<u16, WorkingDaysError> {
        let mut count = 0;
        let mut day = from;
        while day <= to {
            if self.is_working_day(day)? {
                count += 1;
            }
            if count > WORKING_DAYS_MAX {
                return Err(WorkingDaysError::TooLong { count });
            }
            match day.next() {
                Some(next) => day = next,
                None => break,
            }
        }
        Ok(count)
    }
}

/// The calendar of a year is not published yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarMissing {
    /// Which year.
    pub year: u16,
}

impl fmt::Display for CalendarMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the calendar of working days of {} is not published on this chain", self.year)
    }
}

impl core::error::Error for CalendarMissing {}

/// Why a period cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkingDaysError {
    /// A year that the period touches is not published.
    Missing(CalendarMissing),
    /// Longer than [`WORKING_DAYS_MAX`].
    TooLong {
        /// How long, in working days.
        count: u16,
    },
    /// The period ends after 9999.
    PastEnd,
}

impl From<CalendarMissing> for WorkingDaysError {
    fn from(missing: CalendarMissing) -> Self {
        Self::Missing(missing)
    }
}

impl fmt::Display for WorkingDaysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::TooLong { count } => write!(f, "a period of {count} working days exceeds {WORKING_DAYS_MAX}"),
            Self::PastEnd => f.write_str("the period ends after 9999-12-31"),
        }
    }
}

impl core::error::Error for WorkingDaysError {}
