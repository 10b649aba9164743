use std::sync::Arc;

use proptest::prelude::*;
use quancheng_types::{
    AccountId, Bytes, Call, ChainId, Digest, Height, KeyId, List, ModuleId, Signer, SigningKey, Transaction,
};

use super::*;
use crate::admission::Claims;
use crate::budget::ByteBudget;
use crate::metrics::Metrics;
use crate::tracker::Tracker;

/// A transaction of its own nonce with a payload of this many bytes.
fn transaction(key: &SigningKey, nonce: u64, payload: usize) -> SignedTransaction {
    let public_key = key.public_key();
    let signer = Signer { account: AccountId::of(&public_key), key_id: KeyId::of(&public_key) };
    let call = Call { module: ModuleId(10), payload: Bytes::new(vec![1; payload]).unwrap() };
    let body = Transaction {
        chain_id: ChainId(Digest([7; 32])),
        signers: List::new(vec![signer]).unwrap(),
        nonce,
        valid_until_ms: 1,
        calls: List::new(vec![call]).unwrap(),
    };
    body.sign(&[key]).unwrap()
}

fn length(transaction: &SignedTransaction) -> u32 {
    u32::try_from(transaction.encode().len()).unwrap()
}

type Receiver = oneshot::Receiver<Result<(), LedgerError>>;

fn packet(transactions: Vec<SignedTransaction>) -> (Packet, Receiver) {
    let tracker = Tracker::new(Height(0), Height(0), 0, Arc::new(Metrics::new()));
    let share = ByteBudget::new(1).try_take(1).unwrap();
    let (ticket, receiver) = Ticket::new(Claims::new(&Arc::new(tracker)), Arc::new(share));
    let bytes = transactions.iter().map(length).sum();
    (Packet { transactions, bytes, ticket }, receiver)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// A batch above the limit of the chain is acknowledged by nobody: its transactions were admitted and would never be ordered.
#[test]
fn the_last_packet_before_the_limit_does_not_push_a_batch_over_it() {
    let key = SigningKey::from_seed([1; 32]);
    let one = length(&transaction(&key, 0, 100));
    let bytes_max = 10 * one + one / 2;
    let mut packer = Packer::default();
    let now = Instant::now();
    let packets = [(0..9), (9..12)].map(|nonces| packet(nonces.map(|nonce| transaction(&key, nonce, 100)).collect()));
    for (packet, _) in packets {
        packer.add(packet, bytes_max, now);
    }
    assert!(packer.is_full(bytes_max), "what comes next did not fit");
    assert_eq!(packer.take().unwrap().transactions.len(), 9);
    assert!(!packer.is_full(bytes_max));
    assert_eq!(packer.since(), Some(now));
    assert_eq!(packer.take().unwrap().transactions.len(), 3);
    assert!(packer.take().is_none());
    assert_eq!(packer.since(), None);
}

#[test]
fn a_transaction_above_the_limit_has_a_batch_of_its_own() {
    let key = SigningKey::from_seed([1; 32]);
    let mut packer = Packer::default();
    for (nonce, payload) in [(0, 10), (1, 4_000), (2, 10)] {
        packer.add(packet(vec![transaction(&key, nonce, payload)]).0, 1_000, Instant::now());
    }
    let counts: Vec<usize> = std::iter::from_fn(|| packer.take()).map(|content| content.transactions.len()).collect();
    assert_eq!(counts, [1, 1, 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in: no batch above the limit, nothing lost, nothing twice, nothing out of order, and nobody hears that a packet
    /// is durable before all of its batches are.
    #[test]
    fn packets_become_batches_within_the_limit(
        sizes in proptest::collection::vec(proptest::collection::vec(0_usize..1_500, 1..12), 1..20),
        bytes_max in 300_u32..6_000,
        take_after in 1_usize..5,
    ) {
        let key = SigningKey::from_seed([1; 32]);
        runtime().block_on(async {
            let (mut packer, mut taken, mut receivers) = (Packer::default(), Vec::new(), Vec::new());
            let mut nonce = 0;
            for (at, sizes) in sizes.iter().enumerate() {
                let transactions: Vec<SignedTransaction> = sizes
                    .iter()
                    .map(|payload| {
                        nonce += 1;
                        transaction(&key, nonce - 1, *payload)
                    })
                    .collect();
                let (packet, receiver) = packet(transactions);
                packer.add(packet, bytes_max, Instant::now());
                receivers.push((nonce, receiver));
                if at % take_after == 0 {
                    taken.extend(packer.take());
                }
            }
            taken.extend(std::iter::from_fn(|| packer.take()));

            let mut durable = 0;
            for content in taken {
                let bytes: u32 = content.transactions.iter().map(length).sum();
                prop_assert!(bytes <= bytes_max || content.transactions.len() == 1, "{bytes} bytes");
                for transaction in &content.transactions {
                    prop_assert_eq!(transaction.body.nonce, durable);
                    durable += 1;
                }
                for stored in content.stored {
                    stored.end(&Ok(()));
                }
                tokio::task::yield_now().await;
                for (end, receiver) in &mut receivers {
                    if *end > durable {
                        prop_assert!(receiver.try_recv().is_err(), "told too early");
                    }
                }
            }
            prop_assert_eq!(durable, nonce);
            for (_, receiver) in receivers {
                prop_assert!(receiver.await.unwrap().is_ok());
            }
            Ok(())
        })?;
    }
}
