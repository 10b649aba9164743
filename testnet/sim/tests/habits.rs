//! A structured liar with each of its habits, among honest validators on a calm network: nothing breaks, and framing gains it little.

use quancheng_testnet_sim::{Byzantine, Faults, Habit, SimConfig, Stats, run};

const BLOCKS: u64 = 200;
const SEEDS: u64 = 8;

/// What runs without any fault but a liar with this habit come to.
fn with_habit(habit: Habit) -> Vec<Stats> {
    let config = |seed| SimConfig {
        byzantine: Some(Byzantine::Forger),
        habit: Some(habit),
        faults: Faults::none(),
        ..SimConfig::of_seed(seed, BLOCKS)
    };
    let outcomes = (0..SEEDS).map(|seed| run(config(seed)).unwrap_or_else(|violation| panic!("{violation}")));
    outcomes
        .map(|outcome| {
            assert!(outcome.height.0 >= BLOCKS, "{habit:?}: {outcome}");
            outcome.stats
        })
        .collect()
}

/// A run in which the habit shows in nothing would hold everything and show nothing.
fn acts(runs: &[Stats]) -> u64 {
    runs.iter().map(|stats| stats.habit_acts).sum()
}

fn honest_misses(runs: &[Stats]) -> u64 {
    runs.iter().map(|stats| stats.honest_misses).sum()
}

#[test]
fn a_source_that_withholds_breaks_nothing() {
    assert!(acts(&with_habit(Habit::Withhold)) > 100 * SEEDS);
}

#[test]
fn a_proposer_just_in_time_breaks_nothing() {
    let runs = with_habit(Habit::JustInTime);
    assert!(acts(&runs) > 10 * SEEDS);
    assert!(honest_misses(&runs) <= SEEDS, "{runs:?}");
}

#[test]
fn framing_breaks_nothing_and_makes_the_honest_miss_few_turns() {
    let runs = with_habit(Habit::Frame);
    assert!(acts(&runs) > 20 * SEEDS);
    assert!(honest_misses(&runs) <= 2 * SEEDS, "{runs:?}");
}

#[test]
fn numbers_at_their_ends_break_nothing() {
    let runs = with_habit(Habit::Absurd);
    assert!(acts(&runs) > 50 * SEEDS);
    assert!(honest_misses(&runs) <= SEEDS, "{runs:?}");
}

#[test]
fn one_that_plays_absent_breaks_nothing_and_is_passed_over() {
    let runs = with_habit(Habit::Absent);
    assert!(acts(&runs) > 5 * SEEDS);
    let missed: u64 = runs.iter().map(|stats| stats.liar_misses).sum();
    assert!((SEEDS..=6 * SEEDS).contains(&missed), "{missed} of {} turns", SEEDS * BLOCKS / 4);
}
