//! What one update of the state costs at a size: CPU of the committing thread, bytes handed to RocksDB, bytes that reach the disk (merges
//! included), restart, proof.
//!
//! ```text
//! cargo bench -p quancheng-benches --bench tree -- 1000000
//! cargo bench -p quancheng-benches --bench tree -- 1000000 256    with 256 MiB of memory for the store
//! ```
//!
//! Fills a store with that many keys of 120-byte values, then commits blocks of 10,000 updates, half of them of keys that exist. One
//! line for each kind of table. Without a number (as in the smoke run of all benches) it fills 20,000 keys.

mod spent;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use quancheng_state::backend::{Backend, Column, Cursor, Durability, Writes};
use quancheng_state::{BlockCommit, Overlay, Patch, Store, StoreError, Table, view::EmptyView};
use quancheng_state_rocks::{Rocks, within};
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Height, ModuleId, NodeId, SigningKey, Text, Validator, ValidatorSet};
use spent::{Spent, thread_cpu_ns};

const KEYS_SMALL: u64 = 20_000;
/// Memory of the store where none is named: what a node gives it by default (`store.memory_mib`).
const MEMORY_MIB: usize = 128;
const UPDATES: u64 = 10_000;
const BLOCKS: u64 = 20;
const FILL_BLOCK: u64 = 20_000;
const VALUE_BYTES: usize = 120;
const KEPT: Table<u64, Vec<u8>> = Table::kept(ModuleId(1), 1, "kept");
const DERIVED: Table<u64, Vec<u8>> = Table::derived(ModuleId(1), 1, "derived");

/// A disk that counts, when asked to, what it is given.
#[derive(Debug)]
struct Counted {
    rocks: Rocks,
    is_counting: AtomicBool,
    bytes: Mutex<BTreeMap<&'static str, usize>>,
}

impl Backend for Counted {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rocks.get(column, key)
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        self.rocks.cursor(column)
    }

    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        if self.is_counting.load(Ordering::Relaxed) {
            let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            for operation in writes.clone().sorted() {
                let length = operation.key.len() + operation.value.map_or(0, <[u8]>::len);
                *bytes.entry(operation.column.name()).or_default() += length;
            }
        }
        self.rocks.write(writes, durability)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.rocks.checkpoint()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.rocks.sync()
    }
}

/// A number without pattern for each turn and place.
fn scatter(turn: u64, at: u64) -> u64 {
    let hash = sha256(&[&turn.to_be_bytes(), &at.to_be_bytes()]);
    hash.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn patch(table: &Table<u64, Vec<u8>>, keys: impl Iterator<Item = u64>, turn: u64) -> Patch {
    let mut overlay = Overlay::new(&EmptyView);
    let value: Vec<u8> = turn.to_be_bytes().into_iter().cycle().take(VALUE_BYTES).collect();
    for key in keys {
        table.put(&mut overlay, &key, &value);
    }
    overlay.into_patch()
}

fn validators() -> ValidatorSet {
    let validator = Validator {
        public_key: SigningKey::from_seed([1; 32]).public_key(),
        power: 1,
        node_id: NodeId(Digest([2; 32])),
        organization: Text::default(),
        interest: Text::default(),
    };
    ValidatorSet::new(vec![validator]).expect("one validator is a set")
}

fn commit(store: &Store, patch: Patch) {
    let height = store.tip().map_or(Height::GENESIS, |tip| tip.height().next());
    store.commit(BlockCommit { height, patch, ..BlockCommit::default() }).expect("the block follows");
}

fn measure(table: &Table<u64, Vec<u8>>, keys: u64, memory_mib: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (rocks, options) = within(memory_mib << 20);
    let rocks = Rocks::open(folder.path(), &rocks).expect("the temporary folder can be written");
    let disk = Arc::new(Counted { rocks, is_counting: AtomicBool::new(false), bytes: Mutex::default() });
    let open = || {
        let backend: Arc<dyn Backend> = Arc::clone(&disk) as Arc<dyn Backend>;
        Store::open(backend, options).expect("the store opens")
    };
    let store = open();
    store.init_genesis(0, Patch::empty(), &validators()).expect("an empty store takes a genesis");
    let begun = Spent::now();
    for start in (0..keys).step_by(usize::try_from(FILL_BLOCK).unwrap_or(1)) {
        commit(&store, patch(table, start..(start + FILL_BLOCK).min(keys), 0));
    }
    let filled = Spent::now();
    let (mut spent_ns, mut timed) = (0, 0);
    for turn in 1..=BLOCKS {
        let update = |at| if at % 2 == 0 { scatter(turn, at) % keys } else { keys + turn * UPDATES + at };
        let patch = patch(table, (0..UPDATES).map(update), turn);
        // Counting takes time, so every other block is counted and the others timed.
        disk.is_counting.store(turn % 2 == 0, Ordering::Relaxed);
        let before = thread_cpu_ns();
        commit(&store, patch);
        if turn % 2 != 0 {
            spent_ns += thread_cpu_ns() - before;
            timed += UPDATES;
        }
    }
    disk.is_counting.store(false, Ordering::Relaxed);
    let done = Spent::now();
    let counted = usize::try_from(UPDATES * (BLOCKS / 2)).unwrap_or(usize::MAX);
    let bytes = disk.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let total: usize = bytes.values().sum();
    let columns: Vec<String> =
        bytes.iter().filter(|(_, n)| **n >= counted).map(|(name, n)| format!("{name} {}", n / counted)).collect();
    let (proof_bytes, proof_us) = proofs(&store, table, keys);
    drop(store);
    let before = Instant::now();
    drop(open());
    let (updates, restart_us) = (UPDATES * BLOCKS, before.elapsed().as_micros());
    let line = format!(
        "{} keys={keys}: filled with {} ns of all CPU and {} bytes on the disk per key; then per update {} ns of the committing \
         thread, {} of all, {} bytes ({}), {} on the disk; proof {proof_bytes} bytes in {proof_us} us; restart {restart_us} us",
        table.name(),
        (filled - begun).cpu_ns / keys,
        (filled - begun).disk_bytes / keys,
        spent_ns / timed,
        (done - filled).cpu_ns / updates,
        total / counted,
        columns.join(", "),
        (done - filled).disk_bytes / updates,
    );
    writeln!(std::io::stdout(), "{line}").expect("the figures can be written");
}

/// Bytes of a proof, and us to make it.
fn proofs(store: &Store, table: &Table<u64, Vec<u8>>, keys: u64) -> (usize, u128) {
    let snapshot = store.snapshot().expect("the store has a height");
    let (before, mut bytes) = (Instant::now(), 0);
    for at in 0..1_000 {
        let proof = snapshot.prove(&table.key(&(scatter(0, at) % keys))).expect("the store can be read");
        bytes += quancheng_types::codec::encode(&proof).len();
    }
    (bytes / 1_000, before.elapsed().as_micros() / 1_000)
}

fn main() {
    let keys = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(KEYS_SMALL);
    let memory_mib = std::env::args().filter_map(|word| word.parse().ok()).nth(1).unwrap_or(MEMORY_MIB);
    for table in [&KEPT, &DERIVED] {
        measure(table, keys, memory_mib);
    }
}
