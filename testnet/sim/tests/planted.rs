//! Is the simulator honest? The crates under test make one deliberate mistake, and the run must end in a violation.
//!
//! Built only with the feature `planted-bugs` (`scripts/check planted`). `quancheng-sim --planted all` prints the table that
//! docs/simulation.md keeps.
#![cfg(feature = "planted-bugs")]

use quancheng_testnet_sim::Planted;

/// `test: mistake by the invariants that may break first`.
macro_rules! caught {
    ($($test:ident: $bug:literal by [$($property:literal),+];)+) => {
        $(
            #[test]
            fn $test() {
                let mut all = Planted::all().into_iter();
                let planted = all.find(|planted| planted.name() == $bug).expect("a name of the list");
                let caught = planted.hunt().expect(concat!($bug, " was not noticed"));
                println!("| {} | {} | {} |", $bug, caught.violation.property, caught.seeds);
                assert!([$($property),+].contains(&caught.violation.property), "{}", caught.violation);
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

caught! {
    a_forgotten_vote_is_caught: "ForgottenVote" by ["no_double_sign", "durable_before_visible", "votes_are_justified"];
    a_forgotten_lock_is_caught: "ForgottenLock" by ["votes_are_justified", "durable_before_visible", "heals"];
    an_early_message_is_caught: "EarlySend" by ["durable_before_visible"];
    an_early_status_is_caught: "EarlyStatus" by ["durable_before_visible"];
    a_small_quorum_of_acknowledgements_is_caught: "BatchQuorum" by ["certified_is_valid"];
    a_small_quorum_of_precommits_is_caught: "CommitQuorum" by ["evidence_verifies"];
    a_small_polka_is_caught: "PolkaQuorum" by ["votes_are_justified", "honest_trust"];
    a_small_quorum_for_a_round_is_caught: "RoundQuorum" by ["votes_are_justified"];
    a_small_quorum_of_votes_is_caught: "VoteQuorum" by ["votes_are_justified", "evidence_verifies", "no_double_sign"];
    an_unchecked_vote_is_caught: "VoteUnchecked" by ["votes_are_justified", "evidence_verifies", "no_panic", "honest_trust", "no_double_sign"];
    an_unchecked_acknowledgement_is_caught: "BatchSignatureUnchecked" by ["certified_is_valid"];
    a_strangers_signature_is_caught: "StrangerSignature" by ["evidence_verifies", "certified_is_valid"];
    an_unchecked_decision_is_caught: "SyncUnchecked" by ["one_block_per_height", "evidence_verifies", "prefix_agreement", "headers_hold", "honest_trust", "no_double_sign"];
    a_decision_for_another_block_is_caught: "SyncOtherBlock" by ["evidence_verifies", "honest_trust", "store_holds", "no_double_sign"];
    a_wrong_parent_is_caught: "WrongParent" by ["prefix_agreement", "headers_hold"];
    an_uncompared_root_is_caught: "RootNotCompared" by ["headers_hold", "honest_trust"];
    a_root_of_another_height_is_caught: "WrongHeightRoot" by ["headers_hold"];
    a_proposer_out_of_turn_is_caught: "WrongProposer" by ["headers_hold"];
    an_ignored_version_is_caught: "VersionIgnored" by ["headers_hold"];
    an_ignored_clock_is_caught: "ClockIgnored" by ["time_is_near", "heals"];
    a_time_before_the_parents_is_caught: "TimeBackward" by ["headers_hold"];
    an_ignored_next_set_is_caught: "NextSetIgnored" by ["headers_hold", "honest_trust"];
    an_ignored_lag_is_caught: "LagIgnored" by ["headers_hold", "honest_trust"];
    believed_absences_are_caught: "AbsencesBelieved" by ["headers_hold"];
    an_unchecked_body_is_caught: "BodyUnchecked" by ["identical_bodies", "headers_hold", "heals", "honest_trust"];
    too_many_batches_are_caught: "ManyBatches" by ["within_limits"];
    an_early_set_is_caught: "EarlySet" by ["headers_hold", "evidence_verifies", "certified_is_valid"];
    a_late_set_is_caught: "LateSet" by ["headers_hold", "evidence_verifies", "certified_is_valid"];
    early_parameters_are_caught: "EarlyParameters" by ["headers_hold", "honest_trust"];
    an_early_version_is_caught: "EarlyVersion" by ["headers_hold", "honest_trust"];
    an_early_acknowledgement_is_caught: "EarlyAck" by ["durable_before_visible"];
    an_acknowledgement_without_store_is_caught: "AckUnstored" by ["durable_before_visible"];
    an_acknowledged_invalid_batch_is_caught: "AckInvalid" by ["certified_is_valid", "durable_before_visible"];
    a_repeated_batch_is_caught: "RepeatedBatch" by ["headers_hold"];
    a_batch_twice_in_a_block_is_caught: "RepeatInBlock" by ["headers_hold"];
    a_short_window_is_caught: "ShortWindow" by ["headers_hold"];
    lost_own_batches_are_caught: "OwnBatchesLost" by ["heals", "admitted_is_ordered"];
    dropped_acknowledged_batches_are_caught: "AcknowledgedDropped" by ["acknowledged_is_kept", "heals", "store_holds"];
    an_unchecked_fetch_is_caught: "FetchUnchecked" by ["root_agreement", "store_holds", "final_is_forever", "order_is_kept"];
    one_source_for_all_is_caught: "OneSource" by ["heals"];
    an_unbounded_author_is_caught: "AuthorUnbounded" by ["bounded"];
    believed_claims_are_caught: "ClaimsBelieved" by ["heals"];
    a_node_that_never_asks_is_caught: "NoSync" by ["heals"];
    blame_for_another_set_is_caught: "OtherSetBlamed" by ["honest_trust"];
    unpunished_misbehavior_is_caught: "Unpunished" by ["misbehavior_is_punished"];
    a_punished_honest_validator_is_caught: "HonestPunished" by ["honest_trust"];
    an_unordered_iteration_is_caught: "UnorderedIteration" by ["root_agreement", "order_is_kept"];
    writes_of_a_refused_transaction_are_caught: "RefusalLeavesWrites" by ["refusal_changes_nothing"];
    a_second_execution_is_caught: "DuplicateExecutedTwice" by ["at_most_once"];
    a_local_clock_is_caught: "LocalClock" by ["root_agreement"];
    an_unchecked_expiry_is_caught: "ExpiryUnchecked" by ["nothing_expired"];
    another_order_is_caught: "OrderedById" by ["order_is_kept"];
    reversed_receipts_are_caught: "ReceiptsReversed" by ["order_is_kept", "no_panic"];
    forgotten_windows_are_caught: "WindowsForgotten" by ["windows_agree"];
    a_root_over_ids_only_is_caught: "IdsOnlyRoot" by ["identical_bodies", "certified_is_valid", "heals", "honest_trust"];
    an_unsigned_kind_of_vote_is_caught: "VoteKindUnsigned" by ["votes_are_justified", "honest_trust", "no_double_sign"];
    an_unsigned_round_is_caught: "VoteRoundUnsigned" by ["votes_are_justified", "honest_trust", "no_panic", "no_double_sign"];
    an_unsigned_height_is_caught: "VoteHeightUnsigned" by ["votes_are_justified", "honest_trust", "no_double_sign", "durable_before_visible"];
    an_unsigned_chain_is_caught: "VoteChainUnsigned" by ["votes_are_justified", "honest_trust", "no_double_sign", "durable_before_visible"];
}
