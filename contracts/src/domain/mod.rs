//! Words of the city's registries that several modules share: civil dates and working days, organization codes, ledger
//! numbers, region and sector codes, commitments.
//!
//! All of it is arithmetic over arguments: no clock, no tables in the state. Every text form has one canonical spelling, and
//! decoding refuses what parsing would refuse, so an invalid date or code never enters the state.

mod calendar;
mod check_character;
mod codes;
mod commitment;
mod day;
mod kind;
mod ledger_number;
mod legible;
#[cfg(test)]
mod tests;
mod uscc;

pub use calendar::{
    ADJUSTED_WORKDAYS_MAX, CalendarError, CalendarMissing, CalendarYear, HOLIDAYS_MAX, WORKING_DAYS_MAX, WorkCalendar,
    WorkingDaysError,
};
pub use check_character::{check_character, has_valid_check_character};
pub use codes::{InvalidCode, Region, Sector};
pub use commitment::{Commitment, DigestAlgorithm};
pub use day::{Day, InvalidDay, MonthDay, Weekday};
pub use kind::{RegistrationKind, ReliancePurpose};
pub use ledger_number::{InvalidLedgerNumber, KindCode, LedgerNumber, SERIAL_MAX};
pub use legible::{Unseen, is_name, unseen_in, unseen_in_lines};
pub use uscc::{InvalidUscc, Uscc};
