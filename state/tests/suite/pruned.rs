//! A chain whose old blocks and receipts are removed.

use core::ops::RangeInclusive;

use quancheng_state::backend::Writes;
use quancheng_state::put_beginning;
use quancheng_types::{
    Attendance, BatchCertificate, BatchRef, CommitCertificate, Header, Round, SignedBatch as Signed, ValidatorId,
};

use super::*;

/// Heights that every store of these tests keeps.
pub(crate) const KEPT_MIN: u64 = 3;

pub(crate) fn open(backend: Arc<dyn Backend>) -> Store {
    Store::open(backend, StoreOptions { page_cache_bytes: 4096, blocks_kept_min: KEPT_MIN, ..StoreOptions::default() })
        .unwrap()
}

/// Every fifth block names other validators for the next height; and some were to be in force after every seventh.
pub(crate) fn is_turning_point(height: u64) -> bool {
    height.is_multiple_of(5) || height.is_multiple_of(7)
}

pub(crate) fn batch_of(height: u64) -> Signed {
    batch(height, height * 7 % 20)
}

pub(crate) fn block_of(height: u64) -> (quancheng_types::Block, CommitCertificate) {
    let batch =
        BatchRef { header: batch_of(height).header, certificate: BatchCertificate { signatures: List::empty() } };
    let next = u8::from(height.is_multiple_of(5));
    let header = Header {
        version: 1,
        chain_id: ChainId::default(),
        height: Height(height),
        time_ms: height,
        parent: BlockId::default(),
        proposer: ValidatorId::default(),
        round: Round(0),
        batches_root: merkle::empty_root(),
        validators_hash: Digest::ZERO,
        next_validators_hash: Digest([next; 32]),
        params_hash: Digest::ZERO,
        executed_height: Height(0),
        history_size: 1,
        history_root: Digest::ZERO,
        misbehavior_root: merkle::empty_root(),
        attendance_hash: Attendance::default().hash(),
    };
    let (batches, attendance) = (List::new(vec![batch]).unwrap(), Attendance::default());
    let block = quancheng_types::Block { header, batches, misbehavior: List::empty(), attendance };
    let id = block.id();
    (block, CommitCertificate { height: Height(height), round: Round(0), block_id: id, signatures: List::empty() })
}

/// Decides and executes heights.
pub(crate) fn execute(store: &Store, heights: RangeInclusive<u64>) {
    for height in heights {
        let ((block, certificate), batch) = (block_of(height), batch_of(height));
        let (header, bytes) = header_and_bytes(&batch);
        store.chain().put_batches(&[(header, &bytes)], Durability::Buffered).unwrap();
        store.chain().put_block(&block, &certificate, Durability::Synced).unwrap();
        let rows = Block::from([(1, Some(u8::try_from(height % 19 + 1).unwrap())), (2, Some(3))]);
        let commit = commit_of(height, patch(&store.snapshot().unwrap(), &rows), &batch);
        let set_change = height.is_multiple_of(7).then(|| (Height(height + 1), validators(&[1])));
        store.commit(BlockCommit { set_change, ..commit }).unwrap();
    }
}

pub(crate) fn genesis(store: &Store) {
    store.init_genesis(1, Patch::empty(), &validators(&[1])).unwrap();
}

/// Everything from the floors on is there, nothing below but turning points, and every place is known.
pub(crate) fn check(store: &Store, blocks_from: u64, receipts_from: u64) {
    let (chain, tip) = (store.chain(), store.tip().unwrap().height().0);
    assert_eq!((chain.first_block().unwrap(), store.first_receipt()), (Height(blocks_from), Height(receipts_from)));
    for height in 1..=tip {
        let ((block, certificate), batch) = (block_of(height), batch_of(height));
        let is_kept = height >= blocks_from;
        let of_block = (is_kept || is_turning_point(height)).then_some((block, certificate));
        let found = (chain.block(Height(height)).unwrap(), chain.certificate(Height(height)).unwrap());
        assert_eq!(found, of_block.unzip(), "block {height} of {blocks_from}..={tip}");
        assert_eq!(chain.batch(&batch.header.id()).unwrap(), is_kept.then(|| batch.encode()), "batch of {height}");
        if height >= receipts_from {
            check_results(store, height, &batch);
            continue;
        }
        let pruned = StoreError::Pruned { height: Height(height), oldest: Height(receipts_from) };
        assert_eq!(store.receipts(Height(height)), Err(pruned.clone()));
        assert_eq!(store.receipt(Height(height), 0), Err(pruned.clone()));
        assert_eq!(store.transaction(Height(height), 0), Err(pruned.clone()));
        assert_eq!(store.receipt_path(Height(height), 0), Err(pruned));
        for (position, transaction) in (0..).zip(&batch.batch.transactions) {
            let (id, until) = (transaction.id(), transaction.body.valid_until_ms);
            assert_eq!(store.transaction_location(&id).unwrap(), Some((Height(height), position)));
            assert!(store.is_executed(&id, until).unwrap(), "what was executed is never executed again");
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Execute(u64),
    Sync,
    Reopen,
    Prune { to: u64, heights_max: u32 },
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u64..6).prop_map(Step::Execute),
        2 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        4 => (0_u64..40, 0_u32..6).prop_map(|(to, heights_max)| Step::Prune { to, heights_max }),
    ];
    proptest::collection::vec(step, 1..24)
}

/// Whatever is asked, the store removes what it may and nothing else, and every past of kept rows is proven as before.
pub(crate) fn a_pruned_chain_keeps_what_it_must(disk: &dyn Disk, steps: &[Step]) {
    let mut store = open(disk.open());
    genesis(&store);
    let (mut tip, mut durable, mut blocks, mut receipts) = (0, 0, 1, 1);
    for step in steps {
        match *step {
            Step::Execute(heights) => {
                execute(&store, tip + 1..=tip + heights);
                tip += heights;
            }
            Step::Sync => {
                store.sync().unwrap();
                durable = tip;
            }
            Step::Reopen => {
                store.sync().unwrap();
                durable = tip;
                drop(store);
                store = open(disk.open());
            }
            Step::Prune { to, heights_max } => {
                let to = to.min(durable).min((tip + 1).saturating_sub(KEPT_MIN));
                let reach = |floor: u64, to: u64| floor.max(to.min(floor + u64::from(heights_max)));
                receipts = reach(receipts, to);
                blocks = reach(blocks, to.min(receipts));
                assert_eq!(store.prune_chain(Height(to), heights_max), Ok(Height(blocks)));
            }
        }
        check(&store, blocks, receipts);
    }
    check_history(&store);
    let root = store.snapshot().unwrap();
    for height in 1..=tip {
        let model = Model::from([(1, u8::try_from(height % 19 + 1).unwrap()), (2, 3)]);
        check_snapshot(&store.snapshot_at(Height(height)).unwrap(), &model, &root, 0);
    }
}

/// A store that was made out of a snapshot says from where it knows what.
pub(crate) fn a_chain_may_begin_at_any_height(disk: &dyn Disk) {
    let store = open(disk.open());
    genesis(&store);
    execute(&store, 1..=12);
    store.sync().unwrap();
    assert_eq!((store.first_indexed(), store.chain().first_block().unwrap()), (Height(1), Height(1)));
    drop(store);
    let backend = disk.open();
    let mut writes = Writes::new();
    put_beginning(Height(6), Height(4), &mut writes);
    backend.write(writes, Durability::Synced).unwrap();
    backend.sync().unwrap();
    let store = open(backend);
    let floors = (store.chain().first_block().unwrap(), store.first_receipt(), store.first_indexed());
    assert_eq!(floors, (Height(6), Height(7), Height(4)));
    let pruned = StoreError::Pruned { height: Height(6), oldest: Height(7) };
    assert_eq!(store.receipts(Height(6)), Err(pruned));
    assert_eq!(store.prune_chain(Height(12), 100), Ok(Height(10)));
    assert_eq!((store.first_receipt(), store.first_indexed()), (Height(10), Height(4)));
}
