use super::*;

#[test]
fn times_read_well_to_the_end_of_their_range() {
    for (time_ms, text) in [
        (0, "1970-01-01T08:00:00.000+08:00"),
        (1_768_870_807_000, "2026-01-20T09:00:07.000+08:00"),
        (951_782_399_999, "2000-02-29T07:59:59.999+08:00"),
        (951_839_999_000, "2000-02-29T23:59:59.000+08:00"),
        (4_107_513_600_000, "2100-03-01T00:00:00.000+08:00"),
        (253_402_271_999_999, "9999-12-31T23:59:59.999+08:00"),
        // The last second of 9999 in UTC, to which keys are often made valid.
        (253_402_300_799_000, "10000-01-01T07:59:59.000+08:00"),
        (u64::MAX, "584556019-04-03T22:25:51.615+08:00"),
    ] {
        assert_eq!(shanghai_time(time_ms), text);
    }
}

#[test]
fn lengths_of_time_are_told_in_two_units() {
    for (ms, en, zh) in [
        (0, "0 ms", "0 毫秒"),
        (250, "250 ms", "250 毫秒"),
        (1_000, "1 s", "1 秒"),
        (1_500, "1 s 500 ms", "1 秒 500 毫秒"),
        (600_000, "10 min", "10 分钟"),
        (5_400_000, "1 h 30 min", "1 小时 30 分钟"),
        (86_400_000, "1 d", "1 天"),
        (90_061_001, "1 d 1 h", "1 天 1 小时"),
        (3_600_999, "1 h", "1 小时"),
        (u64::MAX, "213503982334 d 14 h", "213503982334 天 14 小时"),
    ] {
        assert_eq!((length_en(ms).as_str(), length_zh(ms).as_str()), (en, zh));
    }
}

#[test]
fn every_day_follows_the_one_before() {
    let lengths = |year: u64, month: u64| match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let (mut year, mut month, mut day) = (1970, 1, 1);
    for days in 0..200_000 {
        assert_eq!(civil(days), (year, month, day));
        day += 1;
        if day > lengths(year, month) {
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
}
