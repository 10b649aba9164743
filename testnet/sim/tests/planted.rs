//! Is the simulator honest? The crates under test make one deliberate mistake, and the run must end in a violation.
//!
//! Built only with the feature `planted-bugs` (`scripts/check planted`).
#![cfg(feature = "planted-bugs")]

use quancheng_testnet_sim::{Byzantine, Planted, SimConfig, Violation, run};

/// Seeds in which a mistake must show.
const SEEDS: u64 = 40;
const BLOCKS: u64 = 150;

/// The first violation that a mistake leads to.
fn caught(name: &str, adjust: impl Fn(&mut SimConfig)) -> Option<Violation> {
    let planted = Planted::all().into_iter().find(|planted| planted.name() == name).expect("a name of the list");
    (0..SEEDS).find_map(|seed| {
        let mut config = SimConfig { planted: Some(planted), ..SimConfig::of_seed(seed, BLOCKS) };
        adjust(&mut config);
        run(config).err()
    })
}

/// `bug: properties => adjustment`: the mistake is caught by one of these invariants.
macro_rules! caught {
    ($($test:ident: $bug:literal by [$($property:literal),+] with $adjust:expr;)+) => {
        $(
            #[test]
            fn $test() {
                let violation = caught($bug, $adjust).expect(concat!($bug, " was not noticed"));
                assert!([$($property),+].contains(&violation.property), "{violation}");
            }
        )+

        #[test]
        fn every_mistake_of_the_list_has_a_test() {
            let tested = [$($bug),+];
            for planted in Planted::all() {
                assert!(tested.contains(&planted.name().as_str()), "{planted:?} has no test");
            }
        }
    };
}

/// The mistake needs a faulty validator of this kind to show.
fn byzantine(kind: Byzantine) -> impl Fn(&mut SimConfig) {
    move |config| config.byzantine = Some(kind)
}

fn as_drawn(_config: &mut SimConfig) {}

fn changing_set(config: &mut SimConfig) {
    config.set_change = true;
    config.followers = 1;
}

fn crashing(config: &mut SimConfig) {
    config.faults.crash_interval_ms = 300;
}

caught! {
    a_forgotten_vote_is_caught: "ForgottenVote" by ["no_double_sign", "durable_before_visible"] with crashing;
    a_small_quorum_of_acknowledgements_is_caught: "BatchQuorum" by ["certified_is_valid"] with as_drawn;
    a_small_quorum_of_precommits_is_caught: "CommitQuorum" by ["evidence_verifies"] with byzantine(Byzantine::Liar);
    an_early_message_is_caught: "EarlySend" by ["durable_before_visible"] with as_drawn;
    a_wrong_parent_is_caught: "WrongParent" by ["prefix_agreement", "headers_hold"] with byzantine(Byzantine::Proposer);
    an_uncompared_root_is_caught: "RootNotCompared" by ["headers_hold", "honest_trust"] with byzantine(Byzantine::Proposer);
    an_early_acknowledgement_is_caught: "EarlyAck" by ["durable_before_visible"] with as_drawn;
    a_repeated_batch_is_caught: "RepeatedBatch" by ["headers_hold"] with byzantine(Byzantine::Proposer);
    a_proposer_out_of_turn_is_caught: "WrongProposer" by ["headers_hold"] with byzantine(Byzantine::Proposer);
    an_early_set_is_caught: "EarlySet" by ["headers_hold", "evidence_verifies", "certified_is_valid"] with changing_set;
    an_unordered_iteration_is_caught: "UnorderedIteration" by ["root_agreement"] with as_drawn;
    writes_of_a_refused_transaction_are_caught: "RefusalLeavesWrites" by ["refusal_changes_nothing"] with as_drawn;
    a_second_execution_is_caught: "DuplicateExecutedTwice" by ["at_most_once"] with as_drawn;
    a_local_clock_is_caught: "LocalClock" by ["root_agreement"] with as_drawn;
}
