//! Times and lengths of time as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quancheng_contracts::domain::Day;

use crate::text::{Lang, Text, say};

/// Why the value of a flag cannot be read, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) Text);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.words(Lang::En))
    }
}

impl std::error::Error for Unreadable {}

/// A length of time: `500ms`, `30s`, `5m`, `2h`, `1d`. A number alone may mean any of them, and is refused. So is none at all: whoever
/// waits that long, or lets others wait, has asked for nothing, and is not to learn that from what does not happen.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, Unreadable> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| no_duration())?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(no_duration()),
    };
    match number.checked_mul(unit_ms) {
        Some(0) => Err(Unreadable(say!(
            "时长须大于零，例如 500ms、30s、5m",
            "a length of time is greater than zero, such as 500ms, 30s or 5m"
        ))),
        length_ms => length_ms.map(Duration::from_millis).ok_or_else(no_duration),
    }
}

/// The time of a `Date` (RFC 9110, §5.6.7) in the form that servers write, ms since 1970 UTC.
pub(crate) fn http_date_ms(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_whitespace().skip(1);
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (month, _) = (1_u8..).zip(MONTHS).find(|(_, name)| *name == month)?;
    let is_utc = words.next() == Some("GMT") && words.next().is_none();
    is_utc.then(|| parse_time_ms(&format!("{year}-{month:02}-{day}T{clock}Z"), DayEnd::First)).flatten()
}

fn no_duration() -> Unreadable {
    Unreadable(say!(
        "时长由数字与单位组成，例如 500ms、30s、5m、2h 或 1d",
        "a length of time is a number with its unit, such as 500ms, 30s, 5m, 2h or 1d"
    ))
}

/// Ms of a duration; a duration beyond 2^64 ms counts as 2^64 − 1.
pub(crate) fn duration_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// This machine's clock, ms since 1970 UTC.
pub(crate) fn now_ms() -> u64 {
    duration_ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A place in the history of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// After the block of this height.
    Height(u64),
    /// After the last block whose time is not later than this, ms since 1970 UTC.
    TimeMs(u64),
}

impl AsOf {
    /// The query parameter of the HTTP API.
    pub(crate) fn query(self) -> (&'static str, String) {
        match self {
            Self::Height(height) => ("height", height.to_string()),
            Self::TimeMs(time_ms) => ("time", time_ms.to_string()),
        }
    }
}

fn no_place() -> Unreadable {
    Unreadable(say!(
        "应为高度（如 1200）、日期（如 2026-11-22，指该日终了，北京时间）或时间（如 2026-11-22T10:00:00+08:00）",
        "give a height such as 1200, a day such as 2026-11-22 (its end, Beijing time), or a time such as 2026-11-22T10:00:00+08:00"
    ))
}

/// Least number that is a time in ms and not a height (2001-09-09).
const TIME_MS_MIN: u64 = 1_000_000_000_000;

/// A height, a day (its last moment in Beijing), or an RFC 3339 time.
pub(crate) fn parse_as_of(text: &str) -> Result<AsOf, Unreadable> {
    if let Ok(number) = text.parse::<u64>() {
        return Ok(if number < TIME_MS_MIN { AsOf::Height(number) } else { AsOf::TimeMs(number) });
    }
    parse_time_ms(text, DayEnd::Last).map(AsOf::TimeMs).ok_or_else(no_place)
}

/// Which moment a bare day means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DayEnd {
    /// Its first ms.
    First,
    /// Its last ms.
    Last,
}

/// A day or an RFC 3339 time as ms since 1970 UTC; a time without zone is Beijing time.
pub(crate) fn parse_time_ms(text: &str, day_end: DayEnd) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let day: Day = date.parse().ok()?;
    if rest.is_empty() {
        return Some(match day_end {
            DayEnd::First => day.start_ms(),
            DayEnd::Last => day.end_ms().checked_sub(1)?,
        });
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let clock_end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(clock_end);
    let within_ms = parse_clock_ms(clock)?;
    // A day starts in Beijing eight hours before it does in UTC.
    let beijing_ms = day.start_ms().checked_add(within_ms)?;
    let utc_if_z = beijing_ms.checked_add(BEIJING_OFFSET_MS)?;
    match zone {
        "" => Some(beijing_ms),
        "Z" | "z" => Some(utc_if_z),
        _ => {
            let (sign, offset) = zone.split_at(1);
            let offset_ms = parse_clock_ms(offset)?;
            if sign == "+" { utc_if_z.checked_sub(offset_ms) } else { utc_if_z.checked_add(offset_ms) }
        }
    }
}

const BEIJING_OFFSET_MS: u64 = 8 * 3_600_000;

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fff` as ms.
fn parse_clock_ms(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let mut next = |max: u64| -> Option<u64> {
        let part = parts.next()?;
        let is_number = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|number| is_number && *number <= max)
    };
    let (hours, minutes) = (next(23)?, next(59)?);
    let seconds = if whole.len() > 5 { next(60)? } else { 0 };
    if parts.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        let table = [("250ms", 250), ("3s", 3_000), ("2m", 120_000), ("1h", 3_600_000), ("1d", 86_400_000)];
        for (text, ms) in table {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "5", "1w", "-1s", "1.5s", "99999999999999999999s", "999999999999999999d"] {
            assert_eq!(parse_duration(text), Err(no_duration()), "{text}");
        }
    }

    #[test]
    fn no_time_at_all_is_no_length_of_time() {
        for text in ["0ms", "0s", "00m", "0h", "0d"] {
            let told = parse_duration(text).unwrap_err().0;
            assert!(
                told.words(Lang::Zh).contains("大于零") && told.words(Lang::En).contains("greater than zero"),
                "{text}"
            );
        }
    }

    #[test]
    fn times_of_all_zones_meet() {
        let expected = Some(1_768_873_207_000);
        for text in [
            "2026-01-20T09:40:07+08:00",
            "2026-01-20T01:40:07Z",
            "2026-01-20T09:40:07",
            "2026-01-20 09:40:07.000",
            "2026-01-19T20:40:07-05:00",
        ] {
            assert_eq!(parse_time_ms(text, DayEnd::First), expected, "{text}");
        }
        assert_eq!(parse_time_ms("2026-01-20", DayEnd::First), Some(1_768_838_400_000));
        assert_eq!(parse_time_ms("2026-01-20", DayEnd::Last), Some(1_768_924_799_999));
        for text in ["2026-13-01", "2026-01-20T25:00:00Z", "2026-01-20Tx", "泉城", "2026-01-20T1:00:00Z", "2026-01-2"]
        {
            assert_eq!(parse_time_ms(text, DayEnd::First), None, "{text}");
        }
    }

    #[test]
    fn the_clock_of_a_server_is_read() {
        assert_eq!(http_date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        for text in
            ["", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "x y z"]
        {
            assert_eq!(http_date_ms(text), None, "{text}");
        }
    }

    #[test]
    fn small_numbers_are_heights_and_large_ones_times() {
        assert_eq!(parse_as_of("1200"), Ok(AsOf::Height(1200)));
        assert_eq!(parse_as_of("1768873207000"), Ok(AsOf::TimeMs(1_768_873_207_000)));
        assert!(parse_as_of("yesterday").is_err());
    }
}
