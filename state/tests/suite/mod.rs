//! One suite for every backend: a store is what these tests say, wherever its bytes are.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use quancheng_proof::StateProof;
use quancheng_proof::state_proof::StateRoot;
use quancheng_state::backend::Backend;
use quancheng_state::{
    BlockCommit, BodyLocation, Durability, Executed, Memory, Overlay, Patch, Snapshot, Store, StoreError, StoreOptions,
    Table,
};
use quancheng_types::codec::encode;
use quancheng_types::merkle;
use quancheng_types::{
    Batch, BatchHeader, BatchId, BlockId, Bytes, Call, ChainId, Digest, Height, KeyId, List, ModuleId, NodeId, Outcome,
    Receipt, SealedTransaction, SignedBatch, SignedTransaction, Signer, SigningKey, Text, Transaction, Validator,
    ValidatorSet,
};

pub(crate) mod chain;
pub(crate) mod pruned;

/// Where a store's bytes are, over restarts. Only one opened backend at a time.
pub(crate) trait Disk {
    fn open(&self) -> Arc<dyn Backend>;
}

pub(crate) type Block = BTreeMap<u16, Option<u8>>;
pub(crate) type Model = BTreeMap<u16, u8>;

const KEPT: Table<u16, Vec<u8>> = Table::kept(ModuleId(9), 1, "kept");
const DERIVED: Table<u16, Vec<u8>> = Table::derived(ModuleId(9), 1, "derived");

/// Every third row is of the derived table.
pub(crate) fn table(key: u16) -> &'static Table<u16, Vec<u8>> {
    if key.is_multiple_of(3) { &DERIVED } else { &KEPT }
}

/// Keys that blocks write to.
pub(crate) const KEYS: u16 = 160;

/// The tests that need no blocks to be given, on the kind of disk that the expression makes.
macro_rules! suite_on {
    ($disk:expr) => {
        suite::suite_on! { $disk;
            [suite] readers_are_right_while_commits_go_on;
            [suite] heights_come_in_order;
            [suite::chain] a_height_has_one_final_block;
            [suite::chain] batches_stay_once_executed;
            [suite::chain] a_body_that_a_block_names_is_never_deleted;
            [suite::chain] a_missing_body_is_named;
            [suite::chain] receipts_of_many_batches_are_read_from_anywhere;
            [suite::chain] sets_and_named_records;
            [suite::pruned] a_chain_may_begin_at_any_height;
        }
    };
    ($disk:expr; $([$($room:tt)+] $test:ident;)+) => {
        $(
            #[test]
            fn $test() {
                $($room)+::$test(&$disk);
            }
        )+
    };
}
pub(crate) use suite_on;

/// Columns in memory.
pub(crate) struct InMemory(pub(crate) Arc<Memory>);

impl InMemory {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Memory::new()))
    }
}

impl Disk for InMemory {
    fn open(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.0) as Arc<dyn Backend>
    }
}

/// Blocks of so many heights: some that write, some that remove, some that do both.
pub(crate) fn blocks(heights: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Block>> {
    let inserts = proptest::collection::btree_map(0..KEYS, (1_u8..20).prop_map(Some), 0..60);
    let removals = proptest::collection::btree_map(0..KEYS, Just(None), 0..100);
    let mixed = proptest::collection::btree_map(0..KEYS, proptest::option::of(1_u8..20), 0..20);
    proptest::collection::vec(prop_oneof![2 => inserts, 1 => removals, 2 => mixed], heights)
}

pub(crate) fn store(disk: &dyn Disk) -> Store {
    Store::open(disk.open(), StoreOptions { page_cache_bytes: 4096, ..StoreOptions::default() }).unwrap()
}

fn row(value: u8) -> Vec<u8> {
    vec![value; usize::from(value) * 3]
}

pub(crate) fn patch(view: &dyn quancheng_state::View, block: &Block) -> Patch {
    let mut overlay = Overlay::new(view);
    for (key, value) in block {
        match value {
            Some(value) => table(*key).put(&mut overlay, key, &row(*value)),
            None => table(*key).remove(&mut overlay, key),
        }
    }
    overlay.into_patch()
}

pub(crate) fn apply(model: &mut Model, block: &Block) {
    for (key, value) in block {
        match value {
            Some(value) => model.insert(*key, *value),
            None => model.remove(key),
        };
    }
}

pub(crate) fn validators(seeds: &[u8]) -> ValidatorSet {
    let validator = |seed: &u8| Validator {
        public_key: SigningKey::from_seed([*seed; 32]).public_key(),
        power: 1,
        node_id: NodeId(Digest(SigningKey::from_seed([*seed ^ 0x80; 32]).public_key().as_bytes().try_into().unwrap())),
        organization: Text::new(format!("org-{seed}")).unwrap(),
        interest: Text::default(),
    };
    ValidatorSet::new(seeds.iter().map(validator).collect()).unwrap()
}

pub(crate) fn transaction(nonce: u64) -> SignedTransaction {
    let key = SigningKey::from_seed([1; 32]);
    let signer =
        Signer { account: quancheng_types::AccountId::of(&key.public_key()), key_id: KeyId::of(&key.public_key()) };
    let payload = Bytes::new(vec![7; usize::try_from(nonce % 50).unwrap()]).unwrap();
    let body = Transaction {
        chain_id: ChainId::default(),
        signers: List::new(vec![signer]).unwrap(),
        nonce,
        valid_until_ms: 1,
        calls: List::new(vec![Call { module: ModuleId(1), payload }]).unwrap(),
    };
    body.sign(&[&key]).unwrap()
}

pub(crate) fn batch(sequence: u64, transactions: u64) -> SignedBatch {
    let transactions = (0..transactions).map(|n| transaction(sequence * 1000 + n)).collect();
    let batch = Batch::of(transactions).unwrap();
    batch.sign(ChainId::default(), sequence, 1, &SigningKey::from_seed([2; 32]))
}

pub(crate) fn header_and_bytes(batch: &SignedBatch) -> (BatchHeader, Vec<u8>) {
    (batch.header, batch.encode())
}

/// What the executor would hand over: one batch of `count` transactions, each with a receipt.
pub(crate) fn commit_of(height: u64, patch: Patch, batch: &SignedBatch) -> BlockCommit {
    let places = BodyLocation::all(batch).unwrap();
    let executed = (0_u32..).zip(batch.batch.transactions.iter().zip(places)).map(|(position, (transaction, body))| {
        let outcome =
            if position % 3 == 0 { Outcome::Refused { module: ModuleId(0), code: 7, call: 0 } } else { Outcome::Ok };
        Executed {
            receipt: Receipt { transaction_id: transaction.id(), position, outcome, events: List::empty() },
            body,
            valid_until_ms: transaction.body.valid_until_ms,
        }
    });
    BlockCommit {
        height: Height(height),
        block_id: BlockId(Digest([u8::try_from(height % 256).unwrap(); 32])),
        time_ms: 1_000 + height,
        patch,
        executed: executed.collect(),
        batches: vec![batch.header.id()],
        ..BlockCommit::default()
    }
}

/// Reads of every key, there or not, are those of the model, and the root of a later height proves each: of kept keys as of every
/// height, of derived ones what is still in the tree. Below `oldest`, derived rows are not known any more.
pub(crate) fn check_snapshot(snapshot: &Snapshot, model: &Model, root: &Snapshot, oldest: u64) {
    let height = snapshot.height();
    for key in 0..KEYS + 3 {
        let expected = model.get(&key).map(|value| row(*value));
        let state_key = table(key).key(&key);
        if state_key.is_kept() || height.0 >= oldest {
            assert_eq!(table(key).read(snapshot, &key).unwrap(), expected, "key {key} at {height}");
        } else {
            let pruned = StoreError::Pruned { height, oldest: Height(oldest) };
            assert_eq!(table(key).read(snapshot, &key), Err(pruned), "key {key} at {height}");
        }
        match snapshot.prove_under(root, &state_key) {
            Ok(proof) => check_proof(&proof, snapshot, root, &state_key, expected.map(|value| encode(&value))),
            Err(error) => {
                assert_eq!(error, StoreError::NotKept { height }, "key {key}");
                assert!(!state_key.is_kept() && height < root.height(), "key {key} at {height}");
            }
        }
    }
}

fn check_proof(
    proof: &StateProof,
    snapshot: &Snapshot,
    root: &Snapshot,
    key: &quancheng_state::StateKey,
    value: Option<Vec<u8>>,
) {
    let (height, under) = (snapshot.height(), StateRoot { height: root.height(), hash: root.root() });
    let verify = |value: Option<&[u8]>, height| proof.verify(&under, key.as_bytes(), value, height);
    let span = verify(value.as_deref(), height).unwrap();
    assert!(span.since <= height && span.until.is_none_or(|until| height < until && until <= root.height()));
    let other = value.as_ref().map_or(Some(&[1][..]), |_| None);
    assert!(verify(other, height).is_err() && verify(Some(b"another"), height).is_err());
    // It shows nothing of heights beside its span, but that nothing was there before the first version.
    if let Some(before) = span.since.previous()
        && proof.holding().is_some_and(|holding| holding.version > 0 || !key.is_kept())
    {
        assert!(verify(value.as_deref(), before).is_err() && verify(None, before).is_err());
    }
    let after = span.until.unwrap_or(root.height().next());
    assert!(verify(value.as_deref(), after).is_err());
}

fn check_results(store: &Store, height: u64, batch: &SignedBatch) {
    let leaf = store.history_leaf(Height(height)).unwrap();
    assert_eq!((leaf.height, leaf.time_ms), (Height(height), 1_000 + height));
    let receipts = store.receipts(Height(height)).unwrap();
    assert_eq!(receipts.len(), batch.batch.transactions.len());
    for (position, (receipt, transaction)) in (0_u32..).zip(receipts.iter().zip(&batch.batch.transactions)) {
        assert_eq!((receipt.position, receipt.transaction_id), (position, transaction.id()));
        let place = store.transaction_location(&transaction.id()).unwrap();
        assert_eq!(place, Some((Height(height), position)));
        let (again, bytes) = store.transaction(Height(height), position).unwrap().unwrap();
        assert_eq!((&again, SealedTransaction::decode(&bytes).unwrap()), (receipt, transaction.clone()));
        let path = store.receipt_path(Height(height), position).unwrap().unwrap();
        assert_eq!(path.root(receipt.leaf_hash()), Some(leaf.receipts_root), "receipt {position} of {height}");
    }
    for (at, transaction) in batch.batch.transactions.iter().enumerate() {
        let until = transaction.body.valid_until_ms;
        assert!(store.is_executed(&transaction.id(), until).unwrap(), "transaction {at} of {height}");
        assert!(
            !store
                .is_executed(&quancheng_types::TransactionId(Digest([u8::try_from(at).unwrap(); 32])), until)
                .unwrap()
        );
    }
    let beyond = u32::try_from(receipts.len()).unwrap();
    assert_eq!(store.receipt(Height(height), beyond).unwrap(), None);
    assert_eq!(store.receipt_path(Height(height), beyond).unwrap(), None);
}

fn check_history(store: &Store) {
    let size = store.tip().unwrap().size;
    let leaves: Vec<Digest> = (0..size).map(|h| store.history_leaf(Height(h)).unwrap().leaf_hash()).collect();
    for upto in 0..=size {
        let root = merkle::root(&leaves[..usize::try_from(upto).unwrap()]);
        assert_eq!(store.history_root(upto).unwrap(), root);
        for height in 0..upto {
            let path = store.history_path(Height(height), upto).unwrap();
            assert_eq!(path.root(leaves[usize::try_from(height).unwrap()]), Some(root), "leaf {height} of {upto}");
        }
    }
    assert_eq!(store.tip().unwrap().root, store.history_root(size).unwrap());
    assert!(matches!(store.history_root(size + 1), Err(StoreError::NotExecuted { .. })));
    assert!(matches!(store.history_leaf(Height(size)), Err(StoreError::NotExecuted { .. })));
}

/// A chain of blocks, closed and opened in the middle: every height reads, proves and lists as it was.
pub(crate) fn every_height_stays_readable(disk: &dyn Disk, blocks: &[Block]) -> Digest {
    let mut store = store(disk);
    let mut models = vec![Model::new()];
    apply(&mut models[0], &blocks[0]);
    store.init_genesis(1_000, patch(&quancheng_state::view::EmptyView, &blocks[0]), &validators(&[1])).unwrap();
    let mut held = vec![store.snapshot().unwrap()];
    let mut batches = Vec::new();
    for (height, block) in (1_u64..).zip(&blocks[1..]) {
        if height == u64::try_from(blocks.len() / 2).unwrap() {
            let tip = store.tip();
            held.clear();
            drop(store);
            store = self::store(disk);
            assert_eq!(store.tip(), tip);
        }
        let batch = batch(height, height * 7 % 40);
        let (header, bytes) = header_and_bytes(&batch);
        store.chain().put_batches(&[(header, &bytes)], Durability::Synced).unwrap();
        let newest = store.newest().unwrap();
        let tip = store.commit(commit_of(height, patch(&newest, block), &batch)).unwrap();
        assert_eq!((tip.height(), store.tip()), (Height(height), Some(tip)));
        let mut model = models.last().unwrap().clone();
        // What executes the next height reads as a snapshot does, also after that height.
        for key in 0..KEYS + 3 {
            let expected = model.get(&key).map(|value| row(*value));
            assert_eq!(table(key).read(&newest, &key).unwrap(), expected, "key {key} before {height}");
        }
        apply(&mut model, block);
        models.push(model);
        held.push(store.snapshot().unwrap());
        batches.push(batch);
    }
    let newest = store.snapshot().unwrap();
    for (height, model) in (0_u64..).zip(&models) {
        let snapshot = store.snapshot_at(Height(height)).unwrap();
        assert_eq!(snapshot.root(), store.history_leaf(Height(height)).unwrap().state_root);
        check_snapshot(&snapshot, model, &newest, 0);
    }
    for snapshot in &held {
        let model = &models[usize::try_from(snapshot.height().0).unwrap()];
        check_snapshot(snapshot, model, &newest, 0);
        // Every root since the store was opened still proves.
        check_snapshot(snapshot, model, snapshot, 0);
    }
    for (height, batch) in (1_u64..).zip(&batches) {
        check_results(&store, height, batch);
    }
    check_history(&store);
    store.tip().unwrap().root
}

/// Pruning forgets what is below and nothing else.
pub(crate) fn pruning_keeps_what_it_must(disk: &dyn Disk, blocks: &[Block], oldest: u64) {
    let mut store = store(disk);
    let mut models = vec![Model::new()];
    apply(&mut models[0], &blocks[0]);
    store.init_genesis(1_000, patch(&quancheng_state::view::EmptyView, &blocks[0]), &validators(&[1])).unwrap();
    let early = store.snapshot().unwrap();
    for (height, block) in (1_u64..).zip(&blocks[1..]) {
        let batch = batch(height, 2);
        let (header, bytes) = header_and_bytes(&batch);
        store.chain().put_batches(&[(header, &bytes)], Durability::Buffered).unwrap();
        store.commit(commit_of(height, patch(&store.snapshot().unwrap(), block), &batch)).unwrap();
        let mut model = models.last().unwrap().clone();
        apply(&mut model, block);
        models.push(model);
    }
    let tip = u64::try_from(blocks.len() - 1).unwrap();
    assert!(matches!(store.prune(Height(tip + 1), 1), Err(StoreError::NotExecuted { .. })));
    while store.prune(Height(oldest), 2).unwrap() < Height(oldest) {}
    check_snapshot(&early, &models[0], &store.snapshot().unwrap(), oldest);
    drop(early);
    drop(store);
    store = self::store(disk);
    assert_eq!(store.oldest(), Height(oldest));
    for (height, model) in (0_u64..).zip(&models) {
        check_snapshot(&store.snapshot_at(Height(height)).unwrap(), model, &store.snapshot().unwrap(), oldest);
    }
    for height in 1..=tip {
        check_results(&store, height, &batch(height, 2));
    }
    check_history(&store);
}

/// The writes of a height: some change, some remove, some leave alone.
fn churn(height: u64) -> Block {
    let value = u8::try_from(height).unwrap();
    (0..KEYS)
        .filter(|key| (u64::from(*key) + height).is_multiple_of(3))
        .map(|key| (key, (!(u64::from(key) + height).is_multiple_of(2)).then_some(value)))
        .collect()
}

/// Readers of all heights while commits and pruning go on: right or pruned, never wrong.
pub(crate) fn readers_are_right_while_commits_go_on(disk: &dyn Disk) {
    let store = store(disk);
    let heights = 40_u64;
    let mut models = vec![Model::new()];
    for height in 1..=heights {
        let mut model = models.last().unwrap().clone();
        apply(&mut model, &churn(height));
        models.push(model);
    }
    store.init_genesis(1_000, Patch::empty(), &validators(&[1])).unwrap();
    let finished = core::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut answers = 0_u64;
            let mut turn = 0_u64;
            while !finished.load(core::sync::atomic::Ordering::Relaxed) || answers == 0 {
                turn += 1;
                let tip = store.tip().unwrap().height().0;
                let height = tip.saturating_sub(turn % 12);
                let Ok(snapshot) = store.snapshot_at(Height(height)) else {
                    continue;
                };
                let model = &models[usize::try_from(height).unwrap()];
                let root = store.snapshot().unwrap();
                for key in (0..KEYS).step_by(7) {
                    let state_key = table(key).key(&key);
                    let expected = model.get(&key).map(|value| row(*value));
                    match table(key).read(&snapshot, &key) {
                        Ok(found) => assert_eq!(found, expected, "key {key} at {height}"),
                        Err(error) => assert!(
                            matches!(error, StoreError::Pruned { .. }) && !state_key.is_kept(),
                            "key {key} at {height}: {error}"
                        ),
                    }
                    let expected = expected.map(|value| encode(&value));
                    check_proof(
                        &snapshot.prove(&state_key).unwrap(),
                        &snapshot,
                        &snapshot,
                        &state_key,
                        expected.clone(),
                    );
                    if state_key.is_kept() {
                        let proof = snapshot.prove_under(&root, &state_key).unwrap();
                        check_proof(&proof, &snapshot, &root, &state_key, expected);
                    }
                    answers += 1;
                }
            }
        });
        for height in 1..=heights {
            let commit = commit_of(height, patch(&store.snapshot().unwrap(), &churn(height)), &batch(height, 0));
            store.commit(commit).unwrap();
            store.prune(Height(height.saturating_sub(8)), 2).unwrap();
        }
        finished.store(true, core::sync::atomic::Ordering::Relaxed);
    });
    let newest = store.snapshot().unwrap();
    check_snapshot(&newest, &models[usize::try_from(heights).unwrap()], &newest, store.oldest().0);
}

/// Heights follow each other, and genesis comes first and once.
pub(crate) fn heights_come_in_order(disk: &dyn Disk) {
    let store = store(disk);
    assert_eq!(store.tip(), None);
    assert!(matches!(store.snapshot(), Err(StoreError::NotExecuted { tip: None, .. })));
    assert!(matches!(store.commit(BlockCommit::default()), Err(StoreError::NotExecuted { .. })));
    let tip = store.init_genesis(5, Patch::empty(), &validators(&[1])).unwrap();
    assert_eq!((tip.leaf.state_root, tip.leaf.receipts_root), (Digest::ZERO, merkle::empty_root()));
    assert_eq!((tip.size, tip.leaf.block_id, tip.leaf.time_ms), (1, BlockId::default(), 5));
    assert_eq!(store.init_genesis(5, Patch::empty(), &validators(&[1])), Err(StoreError::GenesisExists));
    for found in [0, 2] {
        let error = store.commit(commit_of(found, Patch::empty(), &batch(1, 1))).unwrap_err();
        assert_eq!(error, StoreError::OutOfOrder { expected: Height(1), found: Height(found) });
    }
    assert_eq!(store.tip(), Some(tip));
    assert!(matches!(store.snapshot_at(Height(1)), Err(StoreError::NotExecuted { .. })));
    assert_eq!(store.transaction_location(&transaction(1).id()).unwrap(), None);
    assert_eq!(store.receipts(Height(1)).unwrap(), []);
    assert_eq!(BatchId::default(), BatchId(Digest::ZERO));
}
