//! Weight of batches: what others acknowledge, what a block takes, how far ahead of the executor is ordered.

use std::sync::Arc;

use quancheng_types::{BatchRef, SignedBatch, limits as chain_limits};

use super::hostile::{batch, certified, hear, running};
use super::*;
use crate::availability::Room;
use crate::message::Message;

/// A batch of an author whose header states this weight; whoever stores it checks that.
fn heavy(author: u8, sequence: u64, weight: u64) -> Arc<SignedBatch> {
    let mut heavy = SignedBatch::clone(&batch(author, sequence, sequence));
    heavy.header.weight = weight;
    heavy.signature = key(author).sign(heavy.header.ack_message().as_bytes());
    Arc::new(heavy)
}

fn is_taken(engine: &mut Engine, sequence: u64, weight: u64) -> bool {
    let actions = hear(engine, 1, Message::BatchOffer(heavy(1, sequence, weight)));
    actions.iter().any(|action| matches!(action, Action::CheckBatch { .. }))
}

#[test]
fn an_author_has_so_much_weight_acknowledged_and_its_oldest_always() {
    let mut engine = running();
    let max = engine.parameters().author_weight_max;
    assert!(is_taken(&mut engine, 10, max / 2));
    assert!(is_taken(&mut engine, 11, max / 2));
    assert!(!is_taken(&mut engine, 12, 1), "two older ones have it all");
    // What a lost life left behind does not count against the numbers of the new one, nor can that be repeated without end.
    assert!(is_taken(&mut engine, 1_000_000, max));
    assert!(!is_taken(&mut engine, 2_000_000, max), "numbers far apart have a bound, too");
    assert!(is_taken(&mut engine, 9, chain_limits::BATCH_WEIGHT_MAX), "nothing older is held");
    assert!(!is_taken(&mut engine, 8, chain_limits::BATCH_WEIGHT_MAX + 1), "beyond the ceiling of the protocol");
    assert!(!is_taken(&mut engine, 7, u64::MAX));
}

fn pool_of(weights: &[(u8, u64, u64)]) -> (Engine, Vec<BatchRef>) {
    let mut engine = running();
    let batches: Vec<BatchRef> =
        weights.iter().map(|(author, sequence, weight)| certified(&heavy(*author, *sequence, *weight))).collect();
    for batch in &batches {
        hear(&mut engine, 1, Message::BatchCertified(Box::new(batch.clone())));
    }
    (engine, batches)
}

fn room() -> Room {
    let weight_idle = 1_000;
    Room { count: 100, bytes: usize::MAX, weight: weight_idle, weight_idle, is_first_free: false }
}

#[test]
fn heavy_batches_keep_nobody_waiting_and_wait_for_nobody() {
    // The heavy one is beyond what is ordered ahead, or beyond what is left.
    for (heavy, left, expected) in [(6_000, 1_000, 3), (900, 800, 18), (900, 0, 0)] {
        let (engine, _) = pool_of(&[(1, 1, 100), (2, 1, heavy)]);
        let select = |turn| engine.availability.pool.select(&Room { weight: left, ..room() }, turn);
        let blocks: Vec<Vec<BatchRef>> = (0..36).map(select).collect();
        let has_heavy = |block: &&Vec<BatchRef>| block.iter().any(|batch| batch.header.weight == heavy);
        assert_eq!(blocks.iter().filter(has_heavy).count(), expected, "{heavy} of {left}");
        assert_eq!(blocks.iter().any(Vec::is_empty), left == 0, "{heavy} of {left}");
        let free = Room { weight: 0, is_first_free: true, ..room() };
        let chosen: Vec<usize> = (0..4).map(|turn| engine.availability.pool.select(&free, turn).len()).collect();
        assert_eq!(chosen, [1; 4], "whatever the weight that is left, one goes when there is nothing else to do");
    }
}

#[test]
fn a_block_takes_batches_of_authors_in_turn_up_to_its_weight() {
    let (engine, _) = pool_of(&[(1, 1, 100), (1, 2, 100), (2, 1, 5_000), (3, 1, 100)]);
    let pool = &engine.availability.pool;
    let select_with = |weight, turn, is_first_free| {
        let chosen = pool.select(&Room { weight, is_first_free, ..room() }, turn);
        let mut weights: Vec<u64> = chosen.iter().map(|batch| batch.header.weight).collect();
        weights.sort_unstable();
        weights
    };
    let select = |weight, turn| select_with(weight, turn, false);
    let by_turn: Vec<Vec<u64>> = (0..15).map(|turn| select(1_000, turn)).collect();
    assert_eq!(
        by_turn.iter().filter(|chosen| **chosen == [5_000]).count(),
        1,
        "the heavy one goes in every fifth of its turns"
    );
    assert_eq!(by_turn.iter().filter(|chosen| **chosen == [100, 100, 100]).count(), 14, "else it is passed over");
    assert_eq!(select(5_300, 0), [100, 100, 100, 5_000]);
    assert_eq!(select(0, 0), Vec::<u64>::new());
    // When the executor has nothing to do, one batch of any weight goes, and no second one.
    let free: Vec<Vec<u64>> = (0..3).map(|turn| select_with(0, turn, true)).collect();
    assert!(free.iter().all(|chosen| chosen.len() == 1) && free.contains(&vec![5_000]), "{free:?}");
}
