//! A run is a function of its configuration.

use quancheng_testnet_sim::{Byzantine, Habit, SimConfig, run};

const BLOCKS: u64 = 150;

#[test]
fn one_seed_gives_one_trace() {
    for seed in [4, 6, 8] {
        let config = SimConfig::of_seed(seed, BLOCKS);
        let (first, second) = (run(config.clone()).unwrap(), run(config).unwrap());
        assert_eq!(first, second);
    }
}

#[test]
fn seeds_differ() {
    let traces: std::collections::BTreeSet<_> =
        (0..3).map(|seed| run(SimConfig::of_seed(seed, 20).without_faults()).unwrap().trace_hash).collect();
    assert_eq!(traces.len(), 3);
}

#[test]
fn a_calm_network_that_has_started_decides_every_height_in_its_first_round() {
    let outcome = run(SimConfig::of_seed(1, BLOCKS).without_faults()).unwrap();
    // The slowest of those that start may miss one turn: the others wait only as long as the first heights took.
    assert!(outcome.stats.late_rounds <= 1, "{outcome}");
    let longer = run(SimConfig::of_seed(1, 4 * BLOCKS).without_faults()).unwrap();
    assert_eq!(longer.stats.late_rounds, outcome.stats.late_rounds, "{longer}");
    assert_eq!(outcome.stats.crashes, 0);
}

#[test]
fn the_share_of_seeds_with_each_fault_is_as_documented() {
    let configs: Vec<SimConfig> = (0..1_000).map(|seed| SimConfig::of_seed(seed, 1)).collect();
    for kind in Byzantine::ALL {
        let count = configs.iter().filter(|config| config.byzantine == Some(kind)).count();
        assert!((40..400).contains(&count), "{kind:?}: {count}");
    }
    let structured = configs.iter().filter(|config| config.byzantine.is_some_and(Byzantine::is_structured)).count();
    assert!((380..500).contains(&structured), "{structured}");
    for habit in Habit::ALL {
        let count = configs.iter().filter(|config| config.habit == Some(habit)).count();
        assert!((70..130).contains(&count), "{habit:?}: {count}");
    }
    let changing = configs.iter().filter(|config| config.set_change).count();
    assert!((250..420).contains(&changing), "{changing}");
    assert!(configs.iter().all(|config| !config.set_change || config.followers > 0));
}
