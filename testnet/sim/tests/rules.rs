//! Parameters and the version of the rules change while a structured liar is at work: every invariant holds.
//!
//! Built only with the feature `test-version-2`, which knows a second version (`scripts/check planted`).
#![cfg(feature = "test-version-2")]

use quancheng_testnet_sim::{Byzantine, SimConfig, run};

#[test]
fn rules_change_under_a_structured_liar() {
    let (mut parameters, mut versions, mut mutations) = (0, 0, 0);
    for seed in 0..8 {
        let config = SimConfig {
            parameter_change: true,
            version_change: true,
            byzantine: Some(Byzantine::Forger),
            ..SimConfig::of_seed(seed, 160)
        };
        let outcome = run(config).unwrap_or_else(|violation| panic!("{violation}"));
        parameters += outcome.stats.parameter_changes;
        versions += outcome.stats.version_changes;
        mutations += outcome.mutations.values().sum::<u64>();
    }
    assert!(parameters > 0 && versions > 0 && mutations > 0, "{parameters}, {versions}, {mutations}");
}
