//! Windows against a plain set.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{AuthorWindow, WINDOW_SEQUENCES};
use crate::codec::{decode, encode};

#[test]
fn a_fresh_window_has_ordered_nothing() {
    let window = AuthorWindow::default();
    assert!(!window.is_ordered(0));
    assert!(!window.is_ordered(u64::MAX));
}

#[test]
fn what_falls_out_of_the_window_counts_as_ordered() {
    let mut window = AuthorWindow::default();
    window.insert(WINDOW_SEQUENCES + 10);
    assert!(window.is_ordered(0), "too old to tell");
    assert!(window.is_ordered(10));
    assert!(!window.is_ordered(11));
    assert!(!window.is_ordered(WINDOW_SEQUENCES + 9));
    assert!(window.is_ordered(WINDOW_SEQUENCES + 10));
    window.insert(11);
    assert!(window.is_ordered(11));
}

#[test]
fn a_far_jump_clears_the_window() {
    let mut window = AuthorWindow::default();
    window.insert(1);
    window.insert(1 + 5 * WINDOW_SEQUENCES);
    for sequence in (4 * WINDOW_SEQUENCES + 2)..(1 + 5 * WINDOW_SEQUENCES) {
        assert!(!window.is_ordered(sequence), "{sequence}");
    }
    window.insert(u64::MAX - 1);
    assert!(window.is_ordered(u64::MAX - 1));
    assert!(!window.is_ordered(u64::MAX - 2));
}

/// Bytes of the state. A change here is a change of the protocol.
#[test]
fn golden_bytes() {
    let mut window = AuthorWindow::default();
    assert_eq!(encode(&window), [0; 136]);
    window.insert(3);
    window.insert(70);
    let mut expected = [0; 136];
    // The end, 71; bit 3 of the first word; bit 6 of the second.
    (expected[0], expected[8], expected[16]) = (71, 8, 64);
    assert_eq!(encode(&window), expected);
    assert_eq!(decode::<AuthorWindow>(&expected, 136), Ok(window));
}

proptest! {
    /// The bytes depend on what was ordered alone, not on the order of it: nodes that put them together from elsewhere agree.
    #[test]
    fn one_set_has_one_window(mut sequences in proptest::collection::vec(0..3_000_u64, 1..200)) {
        let window = |sequences: &[u64]| {
            let mut window = AuthorWindow::default();
            sequences.iter().for_each(|sequence| window.insert(*sequence));
            window
        };
        let as_drawn = window(&sequences);
        sequences.sort_unstable();
        prop_assert_eq!(window(&sequences), as_drawn);
    }

    /// Inside the window it is a set; below it everything is ordered.
    #[test]
    fn is_a_set_inside_the_window(sequences in proptest::collection::vec(0..3_000_u64, 1..200), probes in proptest::collection::vec(0..3_100_u64, 50)) {
        let mut window = AuthorWindow::default();
        let mut set = BTreeSet::new();
        for sequence in sequences {
            if !window.is_ordered(sequence) {
                window.insert(sequence);
                set.insert(sequence);
            }
        }
        for probe in probes {
            let below = window.end().saturating_sub(probe) > WINDOW_SEQUENCES && probe < window.end();
            prop_assert_eq!(window.is_ordered(probe), below || set.contains(&probe));
        }
    }
}
