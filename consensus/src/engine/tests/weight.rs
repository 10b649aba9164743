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

#[test]
fn a_block_takes_batches_of_authors_in_turn_up_to_its_weight() {
    let (engine, _) = pool_of(&[(1, 1, 100), (1, 2, 100), (2, 1, 5_000), (3, 1, 100)]);
    let pool = &engine.availability.pool;
    let select_with = |weight, turn, is_first_free| {
        let chosen = pool.select(&Room { count: 100, bytes: usize::MAX, weight, is_first_free }, turn);
        let mut weights: Vec<u64> = chosen.iter().map(|batch| batch.header.weight).collect();
        weights.sort_unstable();
        weights
    };
    let select = |weight, turn| select_with(weight, turn, false);
    let by_turn: Vec<Vec<u64>> = (0..3).map(|turn| select(1_000, turn)).collect();
    assert_eq!(by_turn.iter().filter(|chosen| chosen.is_empty()).count(), 1, "the heavy one is waited for in its turn");
    assert_eq!(by_turn.iter().filter(|chosen| **chosen == [100, 100, 100]).count(), 2, "else it is passed over");
    assert_eq!(select(5_300, 0), [100, 100, 100, 5_000]);
    assert_eq!(select(0, 0), Vec::<u64>::new());
    // When the executor has nothing to do, one batch of any weight goes, and no second one.
    let free: Vec<Vec<u64>> = (0..3).map(|turn| select_with(0, turn, true)).collect();
    assert!(free.iter().all(|chosen| chosen.len() == 1) && free.contains(&vec![5_000]), "{free:?}");
}
