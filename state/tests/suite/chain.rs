//! What the driver keeps.

use quancheng_types::{Attendance, BatchCertificate, BatchRef, BlockId, CommitCertificate, Header, Round, ValidatorId};

use super::*;

fn block(height: u64, time_ms: u64) -> (quancheng_types::Block, CommitCertificate) {
    let header = Header {
        version: 1,
        chain_id: ChainId::default(),
        height: Height(height),
        time_ms,
        parent: BlockId::default(),
        proposer: ValidatorId::default(),
        round: Round(0),
        batches_root: merkle::empty_root(),
        validators_hash: Digest::ZERO,
        next_validators_hash: Digest::ZERO,
        params_hash: Digest::ZERO,
        executed_height: Height(0),
        history_size: 1,
        history_root: Digest::ZERO,
        misbehavior_root: merkle::empty_root(),
        attendance_hash: Attendance::default().hash(),
    };
    let attendance = Attendance::default();
    let block = quancheng_types::Block { header, batches: List::empty(), misbehavior: List::empty(), attendance };
    let certificate = certificate(&block, 0);
    (block, certificate)
}

fn certificate(block: &quancheng_types::Block, round: u32) -> CommitCertificate {
    CommitCertificate {
        height: block.header.height,
        round: Round(round),
        block_id: block.id(),
        signatures: List::empty(),
    }
}

/// A height has one final block, for ever.
pub(crate) fn a_height_has_one_final_block(disk: &dyn Disk) {
    let chain = store(disk).chain();
    assert_eq!(chain.last_block().unwrap(), None);
    for height in [1, 2, 4, 3] {
        let (block, certificate) = block(height, 10);
        chain.put_block(&block, &certificate, Durability::Buffered).unwrap();
    }
    assert_eq!(chain.last_block().unwrap(), Some(Height(4)));
    let (second, first_certificate) = block(2, 10);
    chain.put_block(&second, &certificate(&second, 5), Durability::Synced).unwrap();
    assert_eq!(chain.certificate(Height(2)).unwrap(), Some(first_certificate), "the first certificate stays");
    let (other, other_certificate) = block(2, 11);
    let error = chain.put_block(&other, &other_certificate, Durability::Synced).unwrap_err();
    assert!(matches!(error, StoreError::Inconsistent { .. }), "{error}");
    let error = chain.put_block(&block(5, 1).0, &other_certificate, Durability::Synced).unwrap_err();
    assert!(matches!(error, StoreError::Inconsistent { .. }), "{error}");
    drop(chain);
    let chain = store(disk).chain();
    assert_eq!(chain.block(Height(2)).unwrap(), Some(second));
    assert_eq!(chain.block(Height(5)).unwrap(), None);
}

/// Batches are pending until a height names them; then they stay, whoever asks for their removal.
pub(crate) fn batches_stay_once_executed(disk: &dyn Disk) {
    let store = store(disk);
    let chain = store.chain();
    store.init_genesis(1, Patch::empty(), &validators(&[1])).unwrap();
    let batches: Vec<SignedBatch> = (1..=3).map(|sequence| batch(sequence, 4)).collect();
    let encoded: Vec<_> = batches.iter().map(header_and_bytes).collect();
    let borrowed: Vec<_> = encoded.iter().map(|(header, bytes)| (*header, bytes.as_slice())).collect();
    chain.put_batches(&borrowed, Durability::Synced).unwrap();
    let pending = |chain: &quancheng_state::ChainStore| {
        let mut sequences: Vec<u64> = chain.pending_batches().unwrap().iter().map(|header| header.sequence).collect();
        sequences.sort_unstable();
        sequences
    };
    assert_eq!(pending(&chain), [1, 2, 3]);
    store.commit(commit_of(1, Patch::empty(), &batches[0])).unwrap();
    assert_eq!(pending(&chain), [2, 3]);
    let ids: Vec<BatchId> = batches[..2].iter().map(|batch| batch.header.id()).collect();
    assert_eq!(chain.delete_batches(&ids).unwrap(), 1);
    assert!(chain.has_batch(&ids[0]).unwrap() && !chain.has_batch(&ids[1]).unwrap());
    assert_eq!(chain.batch(&ids[0]).unwrap().as_deref(), Some(encoded[0].1.as_slice()));
    assert_eq!(chain.batch(&ids[1]).unwrap(), None);
    chain.put_batches(&borrowed[..1], Durability::Synced).unwrap();
    assert_eq!(pending(&chain), [3], "an executed batch does not become pending again");
    let (_, bytes) = store.transaction(Height(1), 3).unwrap().unwrap();
    assert_eq!(SealedTransaction::decode(&bytes).unwrap(), batches[0].batch.transactions[3]);
}

/// Whatever is noted as pending: a body that a final block names was deleted at a start when the note had outlived its batch.
pub(crate) fn a_body_that_a_block_names_is_never_deleted(disk: &dyn Disk) {
    let chain = store(disk).chain();
    let batches: Vec<SignedBatch> = (1..=2).map(|sequence| batch(sequence, 4)).collect();
    let encoded: Vec<_> = batches.iter().map(header_and_bytes).collect();
    let borrowed: Vec<_> = encoded.iter().map(|(header, bytes)| (*header, bytes.as_slice())).collect();
    chain.put_batches(&borrowed, Durability::Synced).unwrap();
    let (mut block, _) = block(3, 10);
    let certificate_of_batch = BatchCertificate { signatures: List::empty() };
    let reference = BatchRef { header: batches[0].header, certificate: certificate_of_batch };
    block.batches = List::new(vec![reference]).unwrap();
    chain.put_block(&block, &certificate(&block, 0), Durability::Buffered).unwrap();
    let ids: Vec<BatchId> = batches.iter().map(|batch| batch.header.id()).collect();
    let heights: Vec<_> = ids.iter().map(|id| chain.height_of_batch(id).unwrap()).collect();
    assert_eq!(heights, [Some(Height(3)), None]);
    assert_eq!(chain.pending_batches().unwrap().len(), 2);
    assert_eq!(chain.delete_batches(&ids).unwrap(), 1);
    assert!(chain.pending_batches().unwrap().is_empty());
    assert_eq!(chain.batch(&ids[0]).unwrap().as_deref(), Some(encoded[0].1.as_slice()));
    assert_eq!(chain.batch(&ids[1]).unwrap(), None);
}

/// A receipt whose batch was never stored names the batch.
pub(crate) fn a_missing_body_is_named(disk: &dyn Disk) {
    let store = store(disk);
    store.init_genesis(1, Patch::empty(), &validators(&[1])).unwrap();
    let batch = batch(1, 1);
    store.commit(commit_of(1, Patch::empty(), &batch)).unwrap();
    let error = store.transaction(Height(1), 0).unwrap_err();
    assert!(matches!(&error, StoreError::Missing { key, .. } if *key == batch.header.id().as_bytes()), "{error}");
}

/// Receipts lie in groups on the disk: whatever batches they are of, and wherever one begins to read, they are those that were written.
pub(crate) fn receipts_of_many_batches_are_read_from_anywhere(disk: &dyn Disk) {
    let batches = [batch(1, 10), batch(2, 1), batch(3, 29)];
    let mut executed = Vec::new();
    for one in &batches {
        executed.extend(commit_of(1, Patch::empty(), one).executed);
    }
    for (position, done) in (0..).zip(&mut executed) {
        done.receipt.position = position;
    }
    let receipts: Vec<_> = executed.iter().map(|done| done.receipt.clone()).collect();
    {
        let store = store(disk);
        store.init_genesis(1, Patch::empty(), &validators(&[1])).unwrap();
        let encoded: Vec<_> = batches.iter().map(header_and_bytes).collect();
        let encoded: Vec<_> = encoded.iter().map(|(header, bytes)| (*header, bytes.as_slice())).collect();
        store.chain().put_batches(&encoded, Durability::Synced).unwrap();
        store.commit(BlockCommit { executed, ..commit_of(1, Patch::empty(), &batches[0]) }).unwrap();
        // The next height's are not taken for this one's.
        store.commit(commit_of(2, Patch::empty(), &batch(4, 3))).unwrap();
        store.sync().unwrap();
    }
    let store = store(disk);
    let all = batches.iter().flat_map(|one| &one.batch.transactions);
    for (position, transaction) in (0_u32..).zip(all) {
        let (receipt, bytes) = store.transaction(Height(1), position).unwrap().unwrap();
        assert_eq!((&receipt, bytes), (&receipts[position as usize], transaction.encode()));
    }
    for from in 0..=receipts.len() + 1 {
        for limit in [0, 1, 5, 16, 17, 100] {
            let expected: Vec<_> = receipts.iter().skip(from).take(limit).cloned().collect();
            let found = store.receipts_from(Height(1), from.try_into().unwrap(), limit.try_into().unwrap());
            assert_eq!(found, Ok(expected), "{limit} from {from}");
        }
    }
    assert_eq!(store.transaction(Height(1), 40).unwrap(), None);
}

/// Validator sets are found by hash and by height, and named records by name.
pub(crate) fn sets_and_named_records(disk: &dyn Disk) {
    let (first, second, third) = (validators(&[1]), validators(&[1, 2]), validators(&[3]));
    {
        let store = store(disk);
        store.init_genesis(1, Patch::empty(), &first).unwrap();
        store.chain().meta_put("a", vec![1], Durability::Buffered).unwrap();
        store.chain().meta_put("a", vec![2], Durability::Synced).unwrap();
        for (height, from, set) in [(1, 11, &second), (2, 20, &third)] {
            let set_change = Some((Height(from), set.clone()));
            store.commit(BlockCommit { set_change, ..commit_of(height, Patch::empty(), &batch(height, 0)) }).unwrap();
        }
        store.sync().unwrap();
    }
    let chain = store(disk).chain();
    assert_eq!((chain.meta("a").unwrap(), chain.meta("b").unwrap()), (Some(vec![2]), None));
    let changes = [(Height(1), first.hash()), (Height(11), second.hash()), (Height(20), third.hash())];
    assert_eq!(chain.set_changes().unwrap(), changes);
    assert_eq!(chain.validator_set(&second.hash()).unwrap(), Some(second.clone()));
    assert_eq!(chain.validator_set_at(Height(0)).unwrap(), None);
    assert_eq!(chain.validator_set_at(Height(10)).unwrap(), Some((Height(1), first)));
    assert_eq!(chain.validator_set_at(Height(11)).unwrap(), Some((Height(11), second)));
    assert_eq!(chain.validator_set_at(Height(1_000)).unwrap(), Some((Height(20), third)));
}
