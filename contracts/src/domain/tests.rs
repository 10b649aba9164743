use proptest::prelude::*;
use quancheng_types::codec::{decode, encode};

use super::*;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn samples() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../samples/samples.json")).unwrap()
}

/// The calendar of the samples.
fn calendar() -> WorkCalendar {
    let calendar = &samples()["calendar"];
    WorkCalendar::new([2025_u16, 2026].map(|year| {
        let year_calendar: CalendarYear = serde_json::from_value(serde_json::json!({
            "year": year,
            "holidays": calendar["holidays"][year.to_string()],
            "adjusted_workdays": calendar["adjusted_workdays"][year.to_string()],
        }))
        .unwrap();
        year_calendar.validate().unwrap();
        year_calendar
    }))
}

#[test]
fn known_dates() {
    for (text, number, weekday) in [
        ("1970-01-01", 0, Weekday::Thursday),
        ("1972-02-29", 789, Weekday::Tuesday),
        ("2000-02-29", 11_016, Weekday::Tuesday),
        ("2026-11-22", 20_779, Weekday::Sunday),
        ("2100-03-01", 47_541, Weekday::Monday),
        ("9999-12-31", 2_932_896, Weekday::Friday),
    ] {
        assert_eq!(day(text).number(), number, "{text}");
        assert_eq!(day(text).weekday(), weekday, "{text}");
        assert_eq!(day(text).to_string(), text);
    }
    for bad in [
        "2026-02-29",
        "2100-02-29",
        "1969-12-31",
        "2026-13-01",
        "2026-00-10",
        "2026-1-1",
        "2026-01-01 ",
        "+026-01-01",
        "",
    ] {
        assert_eq!(bad.parse::<Day>(), Err(InvalidDay), "{bad}");
    }
}

#[test]
fn a_day_begins_at_midnight_in_shanghai() {
    // 2026-03-27T10:00:00+08:00 is 02:00 UTC.
    assert_eq!(Day::of_time_ms(1_774_576_800_000), day("2026-03-27"));
    let d = day("2026-03-27");
    assert_eq!(d.end_ms() - d.start_ms(), 86_400_000);
    assert_eq!(Day::of_time_ms(d.start_ms()), d);
    assert_eq!(Day::of_time_ms(d.end_ms() - 1), d);
    assert_eq!(Day::of_time_ms(d.end_ms()), d.next().unwrap());
    assert_eq!(Day::of_time_ms(u64::MAX), Day::MAX);
    assert_eq!(day("1970-01-01").start_ms(), 0);
}

#[test]
fn months_clamp_to_the_last_day() {
    for (from, months, to) in [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-03-27", 36, "2029-03-27"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-05-05", 0, "2026-05-05"),
    ] {
        assert_eq!(day(from).plus_months(months), Some(day(to)), "{from} + {months}");
    }
    assert_eq!(Day::MAX.plus_months(1), None);
    assert_eq!(Day::MAX.plus_months(u32::MAX), None);
    assert_eq!(Day::MAX.next(), None);
    assert_eq!(day("1970-01-01").previous(), None);
}

#[test]
fn notices_of_the_samples_hold_ten_working_days() {
    let calendar = calendar();
    let mut seen = 0;
    for registration in samples()["registrations"].as_array().unwrap() {
        let notice = &registration["notice"];
        let (Some(from), Some(to)) = (notice["from_date"].as_str(), notice["to_date"].as_str()) else {
            continue;
        };
        let before = day(from).previous().unwrap();
        assert_eq!(calendar.count_working_days(day(from), day(to)), Ok(10), "{registration}");
        assert_eq!(calendar.add_working_days(before, 10), Ok(day(to)));
        seen += 1;
    }
    assert_eq!(seen, 18);
}

#[test]
fn working_days_follow_the_published_lists() {
    let calendar = calendar();
    for (text, worked) in [
        ("2026-02-14", true),  // a Saturday that is worked
        ("2026-02-15", false), // a Sunday inside the spring festival
        ("2026-02-23", false), // a Monday off
        ("2026-02-24", true),
        ("2026-11-21", false), // an ordinary Saturday
        ("2026-11-23", true),
    ] {
        assert_eq!(calendar.is_working_day(day(text)), Ok(worked), "{text}");
    }
    assert_eq!(calendar.roll_forward(day("2026-10-01")), Ok(day("2026-10-08")));
    assert_eq!(calendar.next_working_day(day("2026-04-30")), Ok(day("2026-05-06")));
    assert_eq!(calendar.add_working_days(day("2026-11-20"), 0), Ok(day("2026-11-20")));
    assert_eq!(calendar.count_working_days(day("2026-11-20"), day("2026-11-19")), Ok(0));
}

#[test]
fn a_year_that_is_not_published_is_not_guessed() {
    let calendar = calendar();
    let missing = CalendarMissing { year: 2027 };
    assert_eq!(calendar.is_working_day(day("2027-01-04")), Err(missing));
    assert_eq!(calendar.add_working_days(day("2026-12-30"), 5), Err(WorkingDaysError::Missing(missing)));
    assert_eq!(calendar.add_working_days(day("2026-01-01"), 251), Err(WorkingDaysError::TooLong { count: 251 }));
}

#[test]
fn calendars_are_checked() {
    let make = |holidays: &[&str], worked: &[&str]| -> Result<(), CalendarError> {
        let value = serde_json::json!({ "year": 2026, "holidays": holidays, "adjusted_workdays": worked });
        serde_json::from_value::<CalendarYear>(value).unwrap().validate()
    };
    let md = |text: &str| MonthDay::try_from(text.to_owned()).unwrap();
    assert_eq!(make(&["01-01", "10-01"], &["01-04"]), Ok(()));
    assert_eq!(make(&["10-01", "01-01"], &[]), Err(CalendarError::Order { day: md("01-01") }));
    assert_eq!(make(&["01-01", "01-01"], &[]), Err(CalendarError::Order { day: md("01-01") }));
    assert_eq!(make(&["02-29"], &[]), Err(CalendarError::NoSuchDay { day: md("02-29") }));
    assert_eq!(make(&["01-04"], &["01-04"]), Err(CalendarError::BothLists { day: md("01-04") }));
    assert_eq!(make(&[], &["01-05"]), Err(CalendarError::NotWeekend { day: md("01-05") }));
    assert!(
        serde_json::from_value::<CalendarYear>(
            serde_json::json!({"year": 2026, "holidays": ["02-30"], "adjusted_workdays": []})
        )
        .is_err()
    );
}

#[test]
fn organization_codes_of_the_samples_are_valid() {
    for organization in samples()["organizations"].as_array().unwrap() {
        let text = organization["uscc"].as_str().unwrap();
        assert_eq!(text.parse::<Uscc>().unwrap().to_string(), text);
    }
    for (text, error) in [
        ("113701990000EX015Y", InvalidUscc::CheckCharacter),
        ("113701990000EX051X", InvalidUscc::CheckCharacter),
        ("113701990000EX015", InvalidUscc::Length),
        ("113701990000EX015XX", InvalidUscc::Length),
        ("113701990000EO015X", InvalidUscc::Character),
        ("113701990000ex015x", InvalidUscc::Character),
        ("11A701990000EX015X", InvalidUscc::Division),
        ("", InvalidUscc::Length),
    ] {
        assert_eq!(text.parse::<Uscc>(), Err(error), "{text}");
    }
}

#[test]
fn ledger_numbers_of_the_samples_are_valid() {
    let mut seen = 0;
    for registration in samples()["registrations"].as_array().unwrap() {
        let Some(text) = registration["ledger_no"].as_str() else {
            continue;
        };
        let number: LedgerNumber = text.parse().unwrap();
        assert_eq!(number.to_string(), text);
        assert_eq!(number.region().number(), 370_100);
        seen += 1;
    }
    assert_eq!(seen, 16);
    for (text, error) in [
        ("QC-370100-PR-2026-00001001-Q", InvalidLedgerNumber::CheckCharacter),
        ("QC-370100-PR-2026-00001010-P", InvalidLedgerNumber::CheckCharacter),
        ("QC-370100-PR-2026-1001-P", InvalidLedgerNumber::Shape),
        ("QC-370100-pr-2026-00001001-P", InvalidLedgerNumber::Shape),
        ("QC-990100-PR-2026-00001001-P", InvalidLedgerNumber::Shape),
        ("QC-370100-PR-2026-00001001-P-", InvalidLedgerNumber::Shape),
        ("QC-370100-PR-2026-00001001-", InvalidLedgerNumber::CheckCharacter),
        ("QC-370100-PR-2026-00000000-1", InvalidLedgerNumber::Range),
        ("", InvalidLedgerNumber::Shape),
    ] {
        assert_eq!(text.parse::<LedgerNumber>(), Err(error), "{text}");
    }
}

#[test]
fn sectors_and_regions() {
    for registration in samples()["registrations"].as_array().unwrap() {
        let text = registration["sector"].as_str().unwrap();
        assert_eq!(text.parse::<Sector>().unwrap().to_string(), text);
    }
    assert_eq!("A01".parse::<Sector>().unwrap().to_string(), "A01");
    assert_eq!("A01".parse::<Sector>().unwrap().section(), 'A');
    for bad in ["S0101", "Z01", "S9", "S", "", "S92210", "s9221", "S+22", "水9221"] {
        assert_eq!(bad.parse::<Sector>(), Err(InvalidCode::Sector), "{bad}");
    }
    assert_eq!("370100".parse::<Region>().unwrap().to_string(), "370100");
    for bad in ["990100", "37010", "3701000", "+70100", ""] {
        assert_eq!(bad.parse::<Region>(), Err(InvalidCode::Region), "{bad}");
    }
}

#[test]
fn check_characters_find_single_errors_and_transpositions() {
    let body = "370100PR202600001001";
    assert_eq!(check_character(body), Some('P'));
    assert!(has_valid_check_character(&format!("{body}P")));
    assert_eq!(check_character("37-"), None);
    assert!(!has_valid_check_character("P"));
    let bytes = body.as_bytes();
    for index in 0..bytes.len() {
        for other in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
            let mut changed = bytes.to_vec();
            changed[index] = *other;
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(check_character(&changed) == Some('P'), changed == body, "{changed}");
        }
    }
}

#[test]
fn decoding_refuses_what_parsing_refuses() {
    assert!(decode::<Day>(&encode(&(Day::MAX.number() + 1)), 64).is_err());
    assert!(decode::<Region>(&encode(&990_100_u32), 64).is_err());
    assert!(decode::<Sector>(&encode(&(b'S', 4_u8, 101_u16)), 64).is_err());
    assert!(decode::<Uscc>(b"113701990000EX015Y", 64).is_err());
    assert!(decode::<MonthDay>(&[2, 30], 64).is_err());
    assert!(decode::<LedgerNumber>(&encode(&(370_100_u32, *b"pr", 2026_u16, 1_u32)), 64).is_err());
    assert!(decode::<LedgerNumber>(&encode(&(370_100_u32, *b"PR", 2026_u16, 0_u32)), 64).is_err());
    assert!(decode::<DigestAlgorithm>(&[0], 64).is_err());
}

proptest! {
    #[test]
    fn days_round_trip(number in 0..=Day::MAX.number()) {
        let d: Day = decode(&encode(&number), 4).unwrap();
        let (year, month, dom) = d.civil();
        prop_assert_eq!(Day::new(year, month, dom), Ok(d));
        prop_assert_eq!(d.to_string().parse(), Ok(d));
        prop_assert_eq!(Day::of_time_ms(d.start_ms()), d);
        if let Some(next) = d.next() {
            prop_assert!(next.civil() > d.civil());
            prop_assert_eq!(next.previous(), Some(d));
        }
    }

    #[test]
    fn counting_inverts_adding(start in 20_089_u32..20_600, count in 0_u16..60) {
        let calendar = calendar();
        let event: Day = decode(&encode(&start), 4).unwrap();
        let end = calendar.add_working_days(event, count).unwrap();
        prop_assert_eq!(calendar.count_working_days(event.next().unwrap(), end), Ok(count));
        if count > 0 {
            prop_assert_eq!(calendar.is_working_day(end), Ok(true));
        }
    }

    #[test]
    fn ledger_numbers_round_trip(year in 1970_u16..=9999, serial in 1..=SERIAL_MAX, a in b'A'..=b'Z', b in b'A'..=b'Z') {
        let number = LedgerNumber::new("370100".parse().unwrap(), KindCode::new([a, b]).unwrap(), year, serial).unwrap();
        prop_assert_eq!(number.to_string().parse(), Ok(number));
        prop_assert_eq!(decode::<LedgerNumber>(&encode(&number), 64), Ok(number));
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,40}") {
        let _ = (text.parse::<Day>(), text.parse::<Uscc>(), text.parse::<Region>(), text.parse::<Sector>());
        let _ = (text.parse::<LedgerNumber>(), check_character(&text), has_valid_check_character(&text));
    }
}

#[test]
fn a_name_holds_nothing_that_is_not_seen() {
    for name in ["济南市大数据局", "Jinan Data Bureau", "甲 乙（丙）", "数据官·甲", "e\u{301}", "𠮷野"]
    {
        assert!(is_name(name), "{name}");
    }
    for empty in ["", " ", "\u{3000}"] {
        assert!(!is_name(empty), "{empty:?}");
    }
    let hidden = [
        '\0',
        '\t',
        '\n',
        '\u{7f}',
        '\u{85}',
        '\u{ad}',
        '\u{61c}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{2028}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{fff9}',
        '\u{e0001}',
        '\u{e0100}',
    ];
    for character in hidden {
        let name = format!("甲乙{character}丙");
        assert_eq!(unseen_in(&name), Some(Unseen { character, place: 3 }), "{character:?}");
        assert!(!is_name(&name), "{character:?}");
        assert_eq!(unseen_in_lines(&name).is_none(), character == '\n', "{character:?}");
    }
    assert_eq!(unseen_in("a\u{202e}b").unwrap().to_string(), "U+202E at character 2");
}
