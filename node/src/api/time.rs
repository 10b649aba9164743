//! Times in RFC 3339 and back.

const DAY_MS: u64 = 86_400_000;
/// Last ms of the year 9999: RFC 3339 has four digits for a year.
const TIME_MS_MAX: u64 = 253_402_300_799_999;

/// A time in UTC with milliseconds, such as `2026-01-31T16:00:00.000Z`. Later than the year 9999: the end of that year.
#[must_use]
pub(crate) fn rfc3339(time_ms: u64) -> String {
    let time_ms = time_ms.min(TIME_MS_MAX);
    let (year, month, day) = civil(time_ms / DAY_MS);
    let (seconds, ms) = ((time_ms % DAY_MS) / 1000, time_ms % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Milliseconds since 1970 UTC, from RFC 3339 with an offset or from a plain number of ms. `None` for anything else and for times
/// before 1970.
#[must_use]
pub(crate) fn parse_time_ms(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    let is_shape = text.is_ascii()
        && [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")].iter().all(|(at, mark)| bytes.get(*at) == mark.first())
        && bytes.get(10).is_some_and(|byte| matches!(byte, b'T' | b't' | b' '));
    if !is_shape {
        return None;
    }
    let (year, month, day) = (number(text, 0, 4)?, number(text, 5, 7)?, number(text, 8, 10)?);
    let (hour, minute, second) = (number(text, 11, 13)?, number(text, 14, 16)?, number(text, 17, 19)?);
    let days = days(year, month, day)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (ms, zone) = fraction(text.get(19..)?)?;
    // A leap second counts as the second after it, as everywhere in POSIX time.
    let local_ms = days * DAY_MS + (hour * 3600 + minute * 60 + second) * 1000 + ms;
    match zone {
        "Z" | "z" => Some(local_ms),
        _ => {
            let is_east = zone.starts_with('+');
            let is_shape = zone.len() == 6 && (is_east || zone.starts_with('-')) && zone.get(3..4) == Some(":");
            let (hours, minutes) = (number(zone, 1, 3)?, number(zone, 4, 6)?);
            if !is_shape || hours > 23 || minutes > 59 {
                return None;
            }
            let offset_ms = (hours * 60 + minutes) * 60_000;
            if is_east { local_ms.checked_sub(offset_ms) } else { Some(local_ms + offset_ms) }
        }
    }
}

/// Milliseconds of a fraction of a second, further digits cut off, and what follows it.
fn fraction(text: &str) -> Option<(u64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = rest.split_at(digits);
    if digits.is_empty() {
        return None;
    }
    let ms = format!("{digits:0<3}").get(..3)?.parse().ok()?;
    Some((ms, zone))
}

fn number(text: &str, from: usize, to: usize) -> Option<u64> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of January of a year.
fn days_before(year: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969)
}

fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    Some(days_before(year) + (1..month).map(|month| days_of_month(year, month)).sum::<u64>() + day - 1)
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // The mean year has 365.2425 days, so this guess is right or one too high.
    let mut year = 1970 + days * 400 / 146_097;
    while days_before(year) > days {
        year -= 1;
    }
    while days_before(year + 1) <= days {
        year += 1;
    }
    let mut left = days - days_before(year);
    let mut month = 1;
    while left >= days_of_month(year, month) {
        left -= days_of_month(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_are_written_and_read() {
        for (time_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_772_323_199_999, "2026-02-28T23:59:59.999Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (TIME_MS_MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(time_ms), text);
            assert_eq!(parse_time_ms(text), Some(time_ms));
        }
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn offsets_fractions_and_plain_numbers_are_read() {
        assert_eq!(parse_time_ms("1970-01-01T08:00:00+08:00"), Some(0));
        assert_eq!(parse_time_ms("1970-01-01 00:00:00.12-01:30"), Some(5_400_120));
        assert_eq!(parse_time_ms("1970-01-01T00:00:00.1239Z"), Some(123));
        assert_eq!(parse_time_ms("1700000000000"), Some(1_700_000_000_000));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "now",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0800",
            "2026-01-01T00:00:00+08:0x",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+08:00",
            "99999999999999999999999",
            "２０２６-01-01T00:00:00Z",
            "-1",
        ] {
            assert_eq!(parse_time_ms(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_are_inverse(time_ms in 0..=TIME_MS_MAX) {
            prop_assert_eq!(parse_time_ms(&rfc3339(time_ms)), Some(time_ms));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse_time_ms(&text);
        }
    }
}
