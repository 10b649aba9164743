use quancheng_types::Digest;

use super::*;

const DRIFT_MS: u64 = 500;

fn validator(number: u8) -> ValidatorId {
    ValidatorId(Digest([number; 32]))
}

/// Readings of validators 1, 2, 3, …, each in turn.
fn watch(readings: &[&[i64]]) -> ClockWatch {
    let mut watch = ClockWatch::default();
    for (number, readings) in (1_u8..).zip(readings) {
        for (height, ahead_ms) in (1_u64..).zip(*readings) {
            watch.read(validator(number), (Height(height), Round(0)), *ahead_ms);
        }
    }
    watch
}

fn report(readings: &[&[i64]]) -> Option<(i64, bool)> {
    watch(readings).report(3, DRIFT_MS).map(|report| (report.ahead_ms, report.is_off))
}

/// What each of three validators' proposals read, ms ahead, and what is reported.
type Case = (&'static str, &'static [&'static [i64]], Option<(i64, bool)>);

#[test]
fn the_median_of_the_validators_is_what_counts() {
    let cases: [Case; 11] = [
        ("nobody was heard", &[], None),
        ("one of three", &[&[5, 5]], None),
        ("one reading each is too few", &[&[5], &[5], &[5]], None),
        ("all agree", &[&[5, 5], &[7, 7], &[9, 9]], Some((7, false))),
        ("ahead by a minute", &[&[60_010, 60_005], &[60_020, 60_002], &[60_100, 60_001]], Some((60_002, true))),
        ("behind by a minute", &[&[-59_990, -59_995], &[-59_980, -59_970], &[-59_900, -60_000]], Some((-59_995, true))),
        ("one wrong clock among theirs", &[&[60_000, 60_000], &[4, 5], &[6, 7]], Some((6, false))),
        ("two heard, one of them wrong", &[&[60_000, 60_000], &[4, 5]], Some((4, false))),
        ("one late proposal of each", &[&[3, 9_000], &[9_000, 4], &[5, 8_000]], Some((4, false))),
        ("slow ways are no wrong clock", &[&[900, 990], &[950, 960], &[999, 980]], Some((950, false))),
        ("behind by more than the drift", &[&[-501, -501], &[-501, -501], &[-501, -501]], Some((-501, true))),
    ];
    for (name, readings, expected) in cases {
        assert_eq!(report(readings), expected, "{name}");
    }
}

#[test]
fn a_jump_of_the_clock_shows_after_two_proposals_of_each_and_so_does_its_end() {
    let mut watch = watch(&[&[5, 5], &[5, 5], &[5, 5]]);
    let mut off = Vec::new();
    for (height, ahead_ms) in [(3, 60_000), (4, 60_000), (5, 5), (6, 5)] {
        for number in 1..=3 {
            watch.read(validator(number), (Height(height), Round(0)), ahead_ms);
        }
        off.push(watch.report(3, DRIFT_MS).is_some_and(|report| report.is_off));
    }
    assert_eq!(off, [false, true, false, false]);
}

#[test]
fn a_repeated_proposal_is_read_once() {
    let mut watch = watch(&[&[5, 5], &[5, 5], &[5, 5]]);
    for _ in 0..10 {
        for number in 1..=3 {
            watch.read(validator(number), (Height(2), Round(0)), 60_000);
            watch.read(validator(number), (Height(1), Round(7)), 60_000);
        }
    }
    assert_eq!(watch.report(3, DRIFT_MS), Some(ClockReport { ahead_ms: 5, is_off: false }));
}

#[test]
fn proposals_that_waited_for_a_sleeping_process_are_not_read() {
    let mut watch = watch(&[&[5, 5], &[5, 5], &[5, 5]]);
    let begin = Instant::now();
    let ms = |ms| begin + Duration::from_millis(ms);
    for at in [0, 500, 999] {
        watch.awake(ms(at));
        assert!(!watch.is_deaf(ms(at)));
    }
    assert!(watch.report(3, DRIFT_MS).is_some());
    watch.awake(ms(6_000));
    assert_eq!(
        watch.report(3, DRIFT_MS),
        None,
        "readings from before the sleep say nothing of a clock that was set during it"
    );
    assert!(watch.is_deaf(ms(11_000)) && !watch.is_deaf(ms(11_002)));
    watch.awake(ms(3_600_000));
    assert!(!watch.is_deaf(ms(3_630_000)), "it listens again");
}

#[test]
fn only_a_clock_that_is_off_is_corrected() {
    let of = |ahead_ms, is_off| ClockReport { ahead_ms, is_off }.corrected_ms(1_000_000);
    assert_eq!(of(60_000, true), 940_000);
    assert_eq!(of(-60_000, true), 1_060_000);
    assert_eq!(of(400, false), 1_000_000);
    assert_eq!(of(i64::MIN, true), 1_000_000 + (1 << 63) - 1);
    assert_eq!(of(i64::MAX, true), 0);
}

#[test]
fn warnings_come_at_most_once_a_minute() {
    let mut watch = ClockWatch::default();
    let begin = Instant::now();
    let seconds = |seconds| begin + Duration::from_secs(seconds);
    let told: Vec<bool> = [0, 1, 59, 60, 61].into_iter().map(|at| watch.is_due_of(validator(1), seconds(at))).collect();
    assert_eq!(told, [true, false, false, true, false]);
    assert!(watch.is_due_of(validator(2), seconds(61)), "each proposer has its own pause");
}
