//! Two hundred seeds of a thousand blocks each, under every kind of fault: each invariant holds, and each run can be repeated.
//!
//! The seeds are divided over many tests so that all cores work. A failure names its seed; `quancheng-sim --seeds N` repeats it.

use quancheng_testnet_sim::{SimConfig, run};

const BLOCKS: u64 = 1_000;
const SEEDS_PER_TEST: u64 = 10;

fn seeds_hold_every_invariant(part: u64) {
    let first = part * SEEDS_PER_TEST;
    let (mut crashes, mut cuts, mut bundles) = (0, 0, 0);
    for seed in first..first + SEEDS_PER_TEST {
        let outcome = run(SimConfig::of_seed(seed, BLOCKS)).unwrap_or_else(|violation| panic!("{violation}"));
        assert!(outcome.height.0 >= BLOCKS, "seed {seed}: {outcome}");
        assert!(outcome.stats.executed > 0, "seed {seed} did no work: {outcome}");
        crashes += outcome.stats.crashes;
        cuts += outcome.stats.cuts;
        bundles += outcome.stats.bundles;
    }
    // A run without faults or without bundles would hold everything and show nothing.
    assert!(
        crashes > SEEDS_PER_TEST && cuts > SEEDS_PER_TEST && bundles > 0,
        "{crashes} crashes, {cuts} cuts, {bundles} bundles"
    );
}

macro_rules! parts {
    ($($name:ident = $part:literal),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                seeds_hold_every_invariant($part);
            }
        )+
    };
}

parts! {
    seeds_000_to_009_hold_every_invariant = 0,
    seeds_010_to_019_hold_every_invariant = 1,
    seeds_020_to_029_hold_every_invariant = 2,
    seeds_030_to_039_hold_every_invariant = 3,
    seeds_040_to_049_hold_every_invariant = 4,
    seeds_050_to_059_hold_every_invariant = 5,
    seeds_060_to_069_hold_every_invariant = 6,
    seeds_070_to_079_hold_every_invariant = 7,
    seeds_080_to_089_hold_every_invariant = 8,
    seeds_090_to_099_hold_every_invariant = 9,
    seeds_100_to_109_hold_every_invariant = 10,
    seeds_110_to_119_hold_every_invariant = 11,
    seeds_120_to_129_hold_every_invariant = 12,
    seeds_130_to_139_hold_every_invariant = 13,
    seeds_140_to_149_hold_every_invariant = 14,
    seeds_150_to_159_hold_every_invariant = 15,
    seeds_160_to_169_hold_every_invariant = 16,
    seeds_170_to_179_hold_every_invariant = 17,
    seeds_180_to_189_hold_every_invariant = 18,
    seeds_190_to_199_hold_every_invariant = 19,
}
