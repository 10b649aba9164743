use std::time::Duration;

use super::super::pace::{BEHIND_MAX, LEAST_PACE, Pace};

/// What a source takes longer than its bytes are worth adds up, and what it is faster counts for it.
#[test]
fn a_source_is_bounded_as_a_whole() {
    let second = Duration::from_secs(1);
    let megabyte = 8 * LEAST_PACE as usize;
    for (what, answers, is_slow) in [
        ("none", vec![], false),
        ("at the least pace for hours", vec![(9 * second, megabyte); 2_000], false),
        ("a little slower, for a while", vec![(10 * second, megabyte); 100], false),
        ("a little slower, for long", vec![(10 * second, megabyte); 130], true),
        ("just within the time for one answer", vec![(58 * second, 1_000); 3], true),
        ("slow once", vec![(58 * second, 1_000); 2], false),
        ("slow, and fast again", [vec![(58 * second, 1_000); 3], vec![(second, megabyte); 10]].concat(), false),
        ("many small ones at once", vec![(second / 100, 1); 100_000], false),
    ] {
        let mut pace = Pace::default();
        for (time, bytes) in answers {
            pace.took(time, bytes);
        }
        assert_eq!(pace.is_behind(BEHIND_MAX), is_slow, "{what}: {pace:?}");
    }
}
