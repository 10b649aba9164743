//! Times for people, without a clock or a time zone database.

/// Ms of one day.
const DAY_MS: u64 = 86_400_000;
/// Beijing time is UTC+8 without daylight saving since 1991.
const OFFSET_MS: u64 = 8 * 3_600_000;

/// RFC 3339 in Asia/Shanghai, such as `2026-01-20T09:00:07.000+08:00`. Beyond the year 9999, which RFC 3339 does not know, the year has
/// as many digits as it needs, so that the time reads alike in every language.
#[must_use]
pub fn shanghai_time(time_ms: u64) -> String {
    // Day and rest apart: together they would not fit at the end of the range.
    let (days, ms) = (time_ms / DAY_MS, time_ms % DAY_MS + OFFSET_MS);
    let (year, month, day) = civil(days + ms / DAY_MS);
    let ms = ms % DAY_MS;
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}+08:00", ms % 1000)
}

/// Units of a length of time: ms, English, Chinese.
const UNITS: [(u64, &str, &str); 5] =
    [(DAY_MS, "d", "天"), (3_600_000, "h", "小时"), (60_000, "min", "分钟"), (1_000, "s", "秒"), (1, "ms", "毫秒")];

/// A length of time in English, such as `10 min` or `1 h 30 min`: its two greatest units; what is less is cut off.
#[must_use]
pub fn length_en(length_ms: u64) -> String {
    length(length_ms, |(_, en, _)| en)
}

/// A length of time in Chinese, such as `10 分钟`; as [`length_en`].
#[must_use]
pub fn length_zh(length_ms: u64) -> String {
    length(length_ms, |(_, _, zh)| zh)
}

fn length(length_ms: u64, name: impl Fn((u64, &'static str, &'static str)) -> &'static str) -> String {
    let greatest = UNITS.iter().position(|(unit_ms, ..)| length_ms >= *unit_ms).unwrap_or(UNITS.len() - 1);
    let mut left_ms = length_ms;
    let mut text = String::new();
    for (place, unit) in UNITS.into_iter().enumerate().skip(greatest).take(2) {
        let count = left_ms / unit.0;
        left_ms %= unit.0;
        if count > 0 || place == greatest {
            let space = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{space}{count} {}", name(unit)));
        }
    }
    text
}

/// The Gregorian date of a day counted from 1970-01-01. Years begin in March, so that the leap day is the last of its year.
const fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01; 146097 days are 400 years.
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests;
