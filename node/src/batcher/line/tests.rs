use std::net::IpAddr;

use proptest::prelude::*;
use quancheng_types::{Bytes, Call, ChainId, Digest, List, ModuleId, SignedTransaction, Transaction};

use super::*;

/// Length of the transaction below beside its payload.
const FRAME_BYTES: u32 = 66;

/// A transaction of so many bytes of one account behind one address, with its number as nonce.
fn waiting(address: u8, account: u8, nonce: u64, bytes: u32, weight: u64) -> Waiting {
    let call = Call { module: ModuleId(10), payload: Bytes::new(vec![0; (bytes - FRAME_BYTES) as usize]).unwrap() };
    let body = Transaction {
        chain_id: ChainId(Digest([7; 32])),
        signers: List::empty(),
        nonce,
        valid_until_ms: 1,
        calls: List::new(vec![call]).unwrap(),
    };
    let transaction = SignedTransaction { body, signatures: List::empty() }.seal();
    assert_eq!(transaction.bytes(), bytes);
    let address = ClientAddress::of(IpAddr::from([10, 0, 0, address]));
    let sender = Sender { class: Class::Strangers, address, account: AccountId(Digest([account; 32])) };
    Waiting { transaction, sender, weight }
}

type Stored = tokio::sync::oneshot::Receiver<Result<(), LedgerError>>;

/// Adds a submission; what resolves when it is durable.
fn push(line: &Line, packet: Vec<Waiting>) -> Result<Stored, LineFull> {
    let metrics = Arc::new(crate::metrics::Metrics::new());
    let height = quancheng_types::Height(0);
    let tracker = Arc::new(crate::tracker::Tracker::new(height, height, 0, metrics));
    let address = ClientAddress::of(IpAddr::from([10, 0, 0, 1]));
    let share = Arc::new(crate::fair::FairBudget::halves(2).try_take(address, 1).unwrap());
    let (ticket, stored) = Ticket::new(crate::admission::Claims::new(&tracker), share);
    line.push(packet, ticket).map(|()| stored)
}

fn rules(bytes: u32, weight: u64) -> SealRules {
    SealRules {
        bytes,
        weight,
        wait: std::time::Duration::ZERO,
        in_flight: 1,
        weight_in_flight: u64::MAX,
        validators: 1,
    }
}

fn nonces(content: &Content) -> Vec<u64> {
    content.transactions.iter().map(|transaction| transaction.body.nonce).collect()
}

/// A batch above the limit of the chain is acknowledged by nobody: its transactions were admitted and would never be ordered.
#[test]
fn a_batch_keeps_bytes_and_weight_and_a_larger_transaction_is_alone() {
    let line = Line::default();
    let _all = push(&line, (0..10).map(|n| waiting(1, 1, n, 100, 10)).collect()).unwrap();
    assert_eq!(nonces(&line.take(&rules(350, 1_000), Lane::All).unwrap()), [0, 1, 2]);
    assert_eq!(nonces(&line.take(&rules(10_000, 45), Lane::All).unwrap()), [3, 4, 5, 6]);
    assert_eq!(nonces(&line.take(&rules(10, 1_000), Lane::All).unwrap()), [7]);
    assert_eq!(nonces(&line.take(&rules(10_000, 1), Lane::All).unwrap()), [8]);
    assert!(line.amount(Lane::All).since.is_some());
    assert_eq!(nonces(&line.take(&rules(10_000, 1_000), Lane::All).unwrap()), [9]);
    assert!(line.take(&rules(10_000, 1_000), Lane::All).is_none());
    assert_eq!(line.amount(Lane::All), Amount::default());
}

#[test]
fn who_has_little_in_the_line_has_a_lane_of_its_own() {
    let line = Line::default();
    let _flood = push(&line, (0..20).map(|n| waiting(1, 1, n, 100, 100)).collect()).unwrap();
    let _more = push(&line, vec![waiting(1, 1, 20, 100, 100)]).unwrap();
    assert_eq!(line.amount(Lane::Light), Amount::default());
    assert!(line.take(&rules(10_000, 1_000), Lane::Light).is_none());
    let _light = push(&line, vec![waiting(1, 2, 100, 100, 100)]).unwrap();
    let _new = push(&line, (0..5).map(|n| waiting(1, 3, 200 + n, 100, 100)).collect()).unwrap();
    let light = line.amount(Lane::Light);
    assert_eq!((light.count, light.bytes, light.weight, line.amount(Lane::All).count), (6, 600, 600, 27));
    // Alone, in turns.
    assert_eq!(nonces(&line.take(&rules(10_000, 300), Lane::Light).unwrap()), [100, 200, 201]);
    // Together with the others: those first, so that a heavy one has its turn, then what fits.
    assert_eq!(nonces(&line.take(&rules(10_000, 2_000), Lane::All).unwrap()), (0..20).collect::<Vec<_>>());
    assert_eq!(nonces(&line.take(&rules(10_000, 300), Lane::All).unwrap()), [20, 202, 203]);
    assert_eq!(nonces(&line.take(&rules(10_000, 300), Lane::All).unwrap()), [204]);
    assert_eq!((line.amount(Lane::Light), line.amount(Lane::All)), (Amount::default(), Amount::default()));
    assert!(line.lock().lanes.is_empty());
    // Heavy at once.
    let _heavy = push(&line, vec![waiting(1, 2, 1, 100, 501)]).unwrap();
    assert_eq!(line.amount(Lane::Light), Amount::default());
}

/// Keys are free to make: many of one address are one sender, and another address keeps its place.
#[test]
fn many_keys_of_one_address_do_not_fill_the_lane_of_light_senders() {
    let line = Line::default();
    let mut stored = Vec::new();
    for key in 0..100 {
        stored.push(push(&line, vec![waiting(1, key, key.into(), 100, 100)]).unwrap());
    }
    assert_eq!(line.amount(Lane::Light).weight, LIGHT_ADDRESS_WEIGHT);
    stored.push(push(&line, vec![waiting(2, 200, 1_000, 100, 100)]).unwrap());
    assert_eq!(line.amount(Lane::Light).weight, LIGHT_ADDRESS_WEIGHT + 100);
    // That some of it has left makes no room at once.
    assert!(line.take(&rules(10_000, 1_000), Lane::Light).is_some());
    let before = line.amount(Lane::Light);
    stored.push(push(&line, vec![waiting(1, 201, 1_001, 100, 100)]).unwrap());
    assert_eq!(line.amount(Lane::Light), before);
}

/// What an account sends may depend on what it sent before.
#[test]
fn an_account_is_not_overtaken_by_itself() {
    let line = Line::default();
    let _light = push(&line, (0..4).map(|n| waiting(1, 1, n, 100, 100)).collect()).unwrap();
    let _other = push(&line, vec![waiting(1, 2, 50, 100, 100)]).unwrap();
    assert_eq!(line.amount(Lane::Light).count, 5);
    let _more = push(&line, (4..6).map(|n| waiting(1, 1, n, 100, 100)).collect()).unwrap();
    assert_eq!((line.amount(Lane::Light).count, line.amount(Lane::All).count), (1, 7));
    let _last = push(&line, vec![waiting(1, 1, 6, 100, 100)]).unwrap();
    assert_eq!(nonces(&line.take(&rules(10_000, 1_000), Lane::All).unwrap()), [0, 1, 2, 3, 4, 5, 6, 50]);
    assert!(line.lock().lanes.is_empty());
}

/// Else a batch of one lane each few milliseconds would put off the other one for ever.
#[test]
fn what_was_left_of_a_lane_waits_anew_and_the_other_lane_does_not() {
    let line = Line::default();
    let _others = push(&line, (0..8).map(|n| waiting(1, 1, n, 100, 100)).collect()).unwrap();
    let _light = push(&line, (0..2).map(|n| waiting(1, 2, n, 100, 100)).collect()).unwrap();
    let since = || {
        let inner = line.lock();
        (inner.amount_light.since.unwrap(), inner.amount_others.since.unwrap())
    };
    let pause = || std::thread::sleep(std::time::Duration::from_millis(2));
    let (light, others) = since();
    pause();
    line.take(&rules(100, 1_000), Lane::All).unwrap();
    let (same, later) = since();
    assert!(same == light && later > others);
    pause();
    line.take(&rules(100, 1_000), Lane::Light).unwrap();
    assert!(since().0 > light && since().1 == later);
}

/// One key and one address flood; the next batch holds what anybody else has brought, all the same.
#[test]
fn a_flood_does_not_keep_others_out_of_the_next_batch() {
    let line = Line::default();
    let mut floods = Vec::new();
    for n in 0..40 {
        floods.push(push(&line, (0..100).map(|k| waiting(1, 1, n * 100 + k, 300, 50)).collect()).unwrap());
    }
    let _honest = push(&line, vec![waiting(1, 2, 1_000_001, 300, 50)]).unwrap();
    let _elsewhere = push(&line, vec![waiting(2, 3, 1_000_002, 300, 50)]).unwrap();
    let _much = push(&line, (0..100).map(|n| waiting(1, 4, 2_000_000 + n, 300, 50)).collect()).unwrap();
    assert_eq!(nonces(&line.take(&rules(512 * 1024, 1_000), Lane::Light).unwrap()).len(), 2, "who brought little");
    let batch = nonces(&line.take(&rules(512 * 1024, 20_000), Lane::All).unwrap());
    assert!(batch.contains(&2_000_099), "another key that brought much, behind the address of the flood");
}

#[test]
fn nobody_takes_more_memory_than_a_share_and_the_others_still_have_theirs() {
    let line = Line::default();
    let piece = |address, account| (0..64).map(|n| waiting(address, account, n, 60_000, 1)).collect::<Vec<_>>();
    let mut kept = Vec::new();
    let fill = |kept: &mut Vec<_>, address, account| loop {
        match push(&line, piece(address, account)) {
            Ok(stored) => kept.push(stored),
            Err(full) => return full,
        }
    };
    assert_eq!(fill(&mut kept, 1, 1), LineFull::Sender);
    assert_eq!(kept.len(), 2, "a quarter of the line");
    assert_eq!(fill(&mut kept, 1, 2), LineFull::Sender);
    assert_eq!(fill(&mut kept, 1, 3), LineFull::Sender, "new keys behind one address share its half");
    assert_eq!(kept.len(), 4);
    // Strangers, all together, have a half.
    assert_eq!(fill(&mut kept, 2, 4), LineFull::Sender);
    let organization = Class::Organization(quancheng_contracts::identity::OrgId::new("ORG-REG").unwrap());
    let mut member = waiting(2, 5, 1, 60_000, 1);
    member.sender.class = organization;
    assert!(push(&line, vec![member]).is_ok());
    line.close();
    assert_eq!(push(&line, piece(9, 9)).unwrap_err(), LineFull::Closed);
}

#[tokio::test]
async fn a_submission_hears_when_the_last_of_its_batches_is_durable() {
    let line = Line::default();
    let mut stored = push(&line, (0..4).map(|n| waiting(1, 1, n, 100, 10)).collect()).unwrap();
    let (first, second) =
        (line.take(&rules(200, 100), Lane::All).unwrap(), line.take(&rules(200, 100), Lane::All).unwrap());
    second.finish(&Ok(()));
    assert!(stored.try_recv().is_err(), "told too early");
    first.finish(&Ok(()));
    assert!(stored.await.unwrap().is_ok());
    let stored = push(&line, (0..4).map(|n| waiting(1, 1, n, 100, 10)).collect()).unwrap();
    line.take(&rules(200, 100), Lane::All).unwrap().finish(&Err(LedgerError::WriterPanicked));
    line.take(&rules(200, 100), Lane::All).unwrap().finish(&Ok(()));
    assert!(stored.await.unwrap().is_err());
    let stored = push(&line, vec![waiting(1, 1, 0, 100, 1)]).unwrap();
    line.close();
    assert!(stored.await.is_err(), "what was dropped is told");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in: no batch above the limits, nothing lost, nothing twice, each account in its order.
    #[test]
    fn transactions_become_batches_within_the_limits(
        packets in prop::collection::vec((0..3_u8, prop::collection::vec((FRAME_BYTES..1_500, 1_u64..400), 1..12)), 1..20),
        (bytes, weight) in (300_u32..6_000, 100_u64..2_000),
    ) {
        let (line, mut receivers, mut count) = (Line::default(), Vec::new(), 0_u64);
        for (account, sizes) in &packets {
            let packet = sizes.iter().map(|(bytes, weight)| {
                count += 1;
                waiting(1, *account, count, *bytes, *weight)
            });
            receivers.push(push(&line, packet.collect()).unwrap());
        }
        let mut sizes = std::collections::BTreeMap::new();
        for (number, size) in (1_u64..).zip(packets.iter().flat_map(|(_, sizes)| sizes)) {
            sizes.insert(number, *size);
        }
        let mut seen = Vec::new();
        while let Some(content) = line.take(&rules(bytes, weight), Lane::All) {
            let all: Vec<(u32, u64)> = nonces(&content).iter().map(|nonce| sizes[nonce]).collect();
            let is_within = all.iter().map(|size| size.0).sum::<u32>() <= bytes && content.weight <= weight;
            prop_assert!(is_within || all.len() == 1);
            prop_assert_eq!(content.weight, all.iter().map(|size| size.1).sum::<u64>());
            seen.extend(nonces(&content));
            content.finish(&Ok(()));
        }
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (1..=count).collect::<Vec<_>>());
        prop_assert_eq!(line.amount(Lane::All), Amount::default());
        for mut stored in receivers {
            prop_assert!(stored.try_recv().is_ok_and(|result| result.is_ok()));
        }
    }
}
