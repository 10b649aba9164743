use std::time::Duration;

use quancheng_types::{AccountId, Digest, Outcome as Executed, Receipt};

use super::*;
use crate::fair::Class;

const LIMITS: ClaimLimits = ClaimLimits { total: 6, per_account: 2 };

fn id(n: u8) -> TransactionId {
    TransactionId(Digest([n; 32]))
}

fn sender(n: u8) -> Sender {
    let address = ClientAddress::of(std::net::IpAddr::from([10, 0, 0, n]));
    Sender { class: Class::Strangers, address, account: AccountId(Digest([n; 32])) }
}

/// Claims for an address and account of the same number, and counts as admission does once the signature is checked.
fn claim(tracker: &Tracker, n: u8, of: u8, outcome: &Outcome) -> Result<Claim, QuotaFull> {
    let request = Request { id: id(n), address: sender(of).address, weight: 50, valid_until_ms: 10, outcome };
    let claim = tracker.claim(&request, &LIMITS)?;
    if matches!(claim, Claim::New)
        && let Err(full) = tracker.charge(&id(n), &sender(of), &LIMITS)
    {
        tracker.release(&id(n));
        return Err(full);
    }
    Ok(claim)
}

fn tracker() -> Tracker {
    Tracker::new(Height(0), Height(0), 0, Arc::new(Metrics::new()))
}

fn admit(tracker: &Tracker, n: u8) {
    let (_submission, outcome) = watch::channel(());
    claim(tracker, n, n, &outcome).unwrap();
    tracker.stored(&[id(n)]);
}

fn receipts(ids: &[u8]) -> Arc<Vec<Receipt>> {
    let receipt = |n: &u8| Receipt {
        transaction_id: id(*n),
        position: 0,
        outcome: Executed::Ok,
        events: quancheng_types::List::empty(),
    };
    Arc::new(ids.iter().map(receipt).collect())
}

#[test]
fn quotas_hold_on_every_level_and_places_come_back() {
    let tracker = tracker();
    let (_submission, outcome) = watch::channel(());
    let claim = |n, of| claim(&tracker, n, of, &outcome);
    assert!(matches!(claim(1, 1), Ok(Claim::New)));
    assert!(matches!(claim(1, 1), Ok(Claim::Pending(_))), "the same again waits for the first");
    tracker.stored(&[id(1)]);
    assert!(matches!(claim(1, 1), Ok(Claim::Durable)), "then it is known");
    assert!(matches!(claim(2, 1), Ok(Claim::New)));
    assert!(matches!(claim(3, 1), Err(QuotaFull::Account)));
    assert!(matches!(claim(4, 2), Ok(Claim::New)));
    assert!(
        matches!(claim(5, 3), Err(QuotaFull::Class)),
        "new keys do not help: half of the places are all strangers'"
    );
    tracker.release(&id(2));
    assert!(matches!(claim(3, 1), Ok(Claim::New)));
    assert_eq!(tracker.pending(), 3);
}

#[test]
fn unchecked_claims_count_against_the_address_and_not_against_the_account_they_name() {
    let tracker = tracker();
    let (_submission, outcome) = watch::channel(());
    let forged = |n| {
        let request =
            Request { id: id(n), address: sender(9).address, weight: 50, valid_until_ms: 10, outcome: &outcome };
        tracker.claim(&request, &LIMITS)
    };
    assert!((1..=3).all(|n| matches!(forged(n), Ok(Claim::New))));
    assert!(matches!(forged(4), Err(QuotaFull::Address)));
    assert!(matches!(claim(&tracker, 5, 1, &outcome), Ok(Claim::New)));
}

#[tokio::test]
async fn a_waiter_wakes_when_all_are_executed_and_certified_follows() {
    let tracker = Arc::new(tracker());
    for n in 1..=2 {
        admit(&tracker, n);
    }
    let waiter = tracker.waiter(&[id(1), id(2), id(9)], false);
    let mut events = tracker.subscribe();
    tracker.executed(Height(1), 5, receipts(&[1]));
    assert!(tokio::time::timeout(Duration::from_millis(20), waiter.done()).await.is_err(), "one remains");
    tracker.executed(Height(2), 6, receipts(&[2]));
    waiter.done().await;
    assert_eq!(*tracker.watch_certified().borrow(), Height(0), "executed is not certified");
    assert!(events.try_recv().is_err());
    tracker.certified(Height(3), Height(1), 7);
    assert_eq!(*tracker.watch_certified().borrow(), Height(1));
    assert_eq!(events.try_recv().unwrap().height, Height(1));
    assert!(events.try_recv().is_err());
}

#[test]
fn a_waiter_sees_what_was_executed_without_holding_it() {
    let tracker = tracker();
    for n in 1..=3 {
        admit(&tracker, n);
    }
    let waiter = tracker.waiter(&[id(1), id(2), id(3), id(9)], false);
    tracker.executed(Height(1), 5, receipts(&[7, 2]));
    tracker.executed(Height(2), 6, receipts(&[3]));
    let seen = waiter.seen();
    let of = |n| seen.get(&id(n)).map(|seen| (seen.height, seen.time_ms, seen.receipt().unwrap().transaction_id));
    assert_eq!((of(1), of(9)), (None, None));
    assert_eq!((of(2), of(3)), (Some((Height(1), 5, id(2))), Some((Height(2), 6, id(3)))));
    // What subscribers are no longer given from memory has to be read.
    for height in 3..=u64::try_from(SUBSCRIBER_LAG_MAX).unwrap() + 2 {
        tracker.executed(Height(height), 7, receipts(&[]));
    }
    assert!(seen.values().all(|seen| seen.receipt().is_none()));
}

/// A proof under a header needs the newest state that it certifies, so what that header alone certifies is not certified here before all of it is executed.
#[test]
fn a_header_ahead_of_the_executor_certifies_nothing_yet() {
    let tracker = tracker();
    let mut events = tracker.subscribe();
    let certified = || *tracker.watch_certified().borrow();
    tracker.certified(Height(3), Height(1), 7);
    tracker.certified(Height(5), Height(3), 7);
    assert_eq!(certified(), Height(0));
    let mut seen = Vec::new();
    for height in 1..=4 {
        tracker.executed(Height(height), height, receipts(&[]));
        let told = std::iter::from_fn(|| events.try_recv().ok()).map(|block| block.height.0).collect::<Vec<_>>();
        seen.push((certified().0, told));
    }
    assert_eq!(seen, [(1, vec![1]), (1, vec![]), (3, vec![2, 3]), (3, vec![])]);
    tracker.certified(Height(6), Height(4), 7);
    assert_eq!((certified(), events.try_recv().unwrap().height), (Height(4), Height(4)));
}

#[test]
fn what_was_never_ordered_expires_and_is_forgotten_later() {
    let tracker = tracker();
    admit(&tracker, 1);
    assert_eq!(tracker.progress(&id(1)), Some(Progress::Admitted));
    tracker.executed(Height(1), 11, receipts(&[]));
    assert_eq!(tracker.progress(&id(1)), Some(Progress::Expired));
    tracker.executed(Height(2), 11 + EXPIRED_KEPT_MS, receipts(&[]));
    assert_eq!(tracker.progress(&id(1)), None);
    assert_eq!(tracker.pending(), 0);
}

/// A durable batch of these transactions.
fn batch(nonces: &[u64]) -> quancheng_types::SignedBatch {
    use quancheng_types::{Batch, ChainId, KeyId, List, SignedTransaction, Signer, SigningKey, Transaction};
    let signer = Signer { account: sender(1).account, key_id: KeyId::of(&SigningKey::from_seed([1; 32]).public_key()) };
    let transaction = |nonce: &u64| SignedTransaction {
        body: Transaction {
            chain_id: ChainId::default(),
            signers: List::new(vec![signer]).unwrap(),
            nonce: *nonce,
            valid_until_ms: 10,
            calls: List::empty(),
        },
        signatures: List::empty(),
    };
    let batch = Batch::of(nonces.iter().map(transaction).collect()).unwrap();
    batch.sign(ChainId::default(), 1, 1, &SigningKey::from_seed([1; 32]))
}

#[test]
fn after_a_restart_what_is_durable_is_known_at_once() {
    let tracker = tracker();
    let (waiting, ordered) = (batch(&[1, 2, 3]), batch(&[4]));
    let ids: Vec<_> = waiting.batch.transactions.iter().map(quancheng_types::SealedTransaction::id).collect();
    tracker.restore(&waiting, None, |id, _| *id == ids[2]);
    tracker.restore(&ordered, Some(Height(7)), |_, _| false);
    assert_eq!(tracker.progress(&ids[0]), Some(Progress::Admitted));
    assert_eq!(tracker.progress(&ids[2]), None, "it was executed by another batch");
    assert_eq!(tracker.progress(&ordered.batch.transactions[0].id()), Some(Progress::Ordered(Height(7))));
    assert_eq!(tracker.pending(), 3, "they count for the quotas");
    tracker.restore(&waiting, Some(Height(8)), |_, _| false);
    assert_eq!(tracker.progress(&ids[0]), Some(Progress::Admitted), "what is known stays as it is");
}

#[tokio::test]
async fn a_validator_that_left_the_set_says_admitted_of_nothing_that_nobody_will_order() {
    let tracker = Arc::new(tracker());
    let (waiting, ordered) = (batch(&[1]), batch(&[4]));
    tracker.restore(&waiting, None, |_, _| false);
    tracker.restore(&ordered, Some(Height(7)), |_, _| false);
    let id = waiting.batch.transactions[0].id();
    let waiter = tracker.waiter(&[id], false);
    assert_eq!(tracker.abandon_unordered(), 1);
    assert_eq!(tracker.progress(&id), None);
    waiter.done().await;
    assert_eq!(tracker.progress(&ordered.batch.transactions[0].id()), Some(Progress::Ordered(Height(7))));
    assert_eq!(tracker.abandon_unordered(), 0);
}
