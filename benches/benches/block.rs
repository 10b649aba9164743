//! A block of 10,000 notarizations on a state of a million entries on RocksDB, as a validator runs it: executed, committed, both,
//! and the part of the commit that waits for the store.
//!
//! The state is filled by notarizations too. Every committed block adds about 20,000 entries, so the state grows by two thirds while
//! all of this is measured.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use criterion::{criterion_group, criterion_main};
use quancheng_benches::Author;
use quancheng_benches::chain::{START_MS, author, genesis, validator_key};
use quancheng_contracts::{BlockInput, BlockOutput, execute_block, genesis_patch};
use quancheng_state::backend::{Backend, Column, Cursor, Writes};
use quancheng_state::{
    BlockCommit, BodyLocation, Durability, Executed, HistoryTip, Store, StoreError, StoreOptions, view::EmptyView,
};
use quancheng_state_rocks::{Rocks, RocksOptions};
use quancheng_types::{Batch, Height, List, Outcome, PROTOCOL_VERSION, SignedBatch, SigningKey};

const ENTRIES: u64 = 1_000_000;
const BLOCK: u64 = 10_000;
const BATCH: u64 = 1_000;
const FILL_BLOCK: u64 = 20_000;
/// Memory as a validator gives it to its store unless told otherwise: 192 MiB, a quarter of it for the tree.
const MEMORY_BYTES: usize = 192 * 1024 * 1024;
const PAGE_CACHE_BYTES: usize = MEMORY_BYTES / 4;
const ACCOUNTS: u32 = 64;

/// RocksDB with a stop watch.
#[derive(Debug)]
struct Watched {
    inner: Rocks,
    spent_ns: Arc<AtomicU64>,
}

/// Does some work and adds the time it took.
fn watched<T>(spent_ns: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    let spent = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    spent_ns.fetch_add(spent, Ordering::Relaxed);
    result
}

impl Backend for Watched {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        watched(&self.spent_ns, || self.inner.get(column, key))
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        let inner = watched(&self.spent_ns, || self.inner.cursor(column))?;
        Ok(Box::new(WatchedCursor { inner, spent_ns: &self.spent_ns }))
    }

    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        watched(&self.spent_ns, || self.inner.write(writes, durability))
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.inner.checkpoint()
    }

    fn sync(&self) -> Result<(), StoreError> {
        watched(&self.spent_ns, || self.inner.sync())
    }
}

struct WatchedCursor<'a> {
    inner: Box<dyn Cursor + 'a>,
    spent_ns: &'a AtomicU64,
}

impl Cursor for WatchedCursor<'_> {
    fn seek(&mut self, key: &[u8]) -> Result<(), StoreError> {
        watched(self.spent_ns, || self.inner.seek(key))
    }

    fn seek_back(&mut self, key: &[u8]) -> Result<(), StoreError> {
        watched(self.spent_ns, || self.inner.seek_back(key))
    }

    fn step(&mut self) -> Result<(), StoreError> {
        watched(self.spent_ns, || self.inner.step())
    }

    fn entry(&self) -> Option<(&[u8], &[u8])> {
        self.inner.entry()
    }
}

/// A chain of one validator, without peers.
struct Chain {
    store: Store,
    author: Author,
    validator: SigningKey,
    next_transaction: u64,
    spent_ns: Arc<AtomicU64>,
}

impl Chain {
    fn new(path: &Path) -> Self {
        let (validator, genesis) = (validator_key(), genesis());
        let options = RocksOptions { memory_bytes: MEMORY_BYTES - PAGE_CACHE_BYTES, ..RocksOptions::default() };
        let inner = Rocks::open(path, &options).expect("the temporary folder can be written");
        let spent_ns = Arc::new(AtomicU64::new(0));
        let backend = Watched { inner, spent_ns: Arc::clone(&spent_ns) };
        let options = StoreOptions { page_cache_bytes: PAGE_CACHE_BYTES, ..StoreOptions::default() };
        let store = Store::open(Arc::new(backend), options).expect("an empty store opens");
        let patch = genesis_patch(&genesis, &EmptyView).expect("a plain genesis");
        store.init_genesis(START_MS, patch, &genesis.validators).expect("an empty store takes a genesis");
        Self { store, author: author(ACCOUNTS), validator, next_transaction: 0, spent_ns }
    }

    /// A chain with [`ENTRIES`] entries. Another thread signs the next block while one is executed.
    fn filled(path: &Path) -> Self {
        let mut chain = Self::new(path);
        let (author, validator) = (chain.author.clone(), chain.validator.clone());
        let (sender, blocks) = sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // Ends when nobody takes the next block.
                let mut from = 0;
                while sender.send(batches(&author, &validator, from, FILL_BLOCK)).is_ok() {
                    from += FILL_BLOCK;
                }
            });
            while chain.entries() < ENTRIES {
                let block: Vec<SignedBatch> = blocks.recv().expect("the signing thread goes on");
                chain.next_transaction += FILL_BLOCK;
                chain.both(&block);
            }
            drop(blocks);
        });
        chain
    }

    fn entries(&self) -> u64 {
        self.store.snapshot().and_then(|snapshot| snapshot.leaves()).expect("the store has a height")
    }

    /// Signed batches for the next block, durable in the store.
    fn block(&mut self) -> Vec<SignedBatch> {
        let block = batches(&self.author, &self.validator, self.next_transaction, BLOCK);
        self.next_transaction += BLOCK;
        let encoded: Vec<_> = block.iter().map(|batch| (batch.header, batch.encode())).collect();
        let rows: Vec<_> = encoded.iter().map(|(header, bytes)| (*header, bytes.as_slice())).collect();
        self.store.chain().put_batches(&rows, Durability::Synced).expect("the store can be written");
        block
    }

    fn height(&self) -> Height {
        self.store.tip().expect("the store has a genesis").height().next()
    }

    fn execute(&self, block: &[SignedBatch]) -> BlockOutput {
        let transactions: Vec<_> = block.iter().flat_map(|batch| batch.batch.transactions.iter()).collect();
        let snapshot = self.store.snapshot().expect("the store has a height");
        let input = BlockInput {
            chain_id: self.author.chain_id,
            version: PROTOCOL_VERSION,
            height: self.height(),
            time_ms: START_MS + self.height().0,
            transactions: &transactions,
            already_executed: &|id| Ok(self.store.transaction_location(id)?.is_some()),
            misbehavior: &[],
        };
        let output = execute_block(&snapshot, &input).expect("the store can be read");
        let taken = output.receipts.iter().filter(|receipt| receipt.outcome == Outcome::Ok).count();
        assert_eq!(taken, transactions.len(), "every transaction of the bench takes effect");
        output
    }

    fn commit(&self, block: &[SignedBatch], output: BlockOutput) -> HistoryTip {
        let bodies = block.iter().flat_map(|batch| BodyLocation::all(batch).expect("a batch within its limit"));
        let rows = output.receipts.into_iter().zip(bodies);
        let commit = BlockCommit {
            height: self.height(),
            time_ms: START_MS + self.height().0,
            patch: output.patch,
            executed: rows.map(|(receipt, body)| Executed { receipt, body }).collect(),
            batches: block.iter().map(|batch| batch.header.id()).collect(),
            ..BlockCommit::default()
        };
        self.store.commit(commit).expect("the block follows")
    }

    fn both(&self, block: &[SignedBatch]) -> HistoryTip {
        self.commit(block, self.execute(block))
    }
}

/// Transactions from number `from` on, in signed batches.
fn batches(author: &Author, validator: &SigningKey, from: u64, count: u64) -> Vec<SignedBatch> {
    let sign = |number| author.sign(number, author.notarization(number).expect("the module reads this call"));
    (from..from + count)
        .step_by(usize::try_from(BATCH).expect("a small number"))
        .map(|first| {
            let transactions = List::new((first..first + BATCH).map(sign).collect()).expect("a batch holds this many");
            Batch { transactions }.sign(author.chain_id, first, 0, validator)
        })
        .collect()
}

fn id(name: &str) -> BenchmarkId {
    BenchmarkId::from_parameter(format!("{name},entries={ENTRIES},transactions={BLOCK}"))
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, chain: &mut Chain) {
    let chain = std::cell::RefCell::new(chain);
    let next = || chain.borrow_mut().block();
    group.bench_function(id("execute"), |bencher| {
        bencher.iter_batched(next, |block| chain.borrow().execute(&block), BatchSize::PerIteration);
    });
    group.bench_function(id("execute_and_commit"), |bencher| {
        bencher.iter_batched(next, |block| chain.borrow().both(&block), BatchSize::PerIteration);
    });
    let executed = || {
        let block = next();
        let output = chain.borrow().execute(&block);
        (block, output)
    };
    group.bench_function(id("commit"), |bencher| {
        let commit = |(block, output): (Vec<SignedBatch>, BlockOutput)| chain.borrow().commit(&block, output);
        bencher.iter_batched(executed, commit, BatchSize::PerIteration);
    });
    group.bench_function(id("commit_store"), |bencher| {
        bencher.iter_custom(|iterations| {
            let commit_one = |_| {
                let (block, output) = executed();
                let chain = chain.borrow();
                chain.spent_ns.store(0, Ordering::Relaxed);
                chain.commit(&block, output);
                Duration::from_nanos(chain.spent_ns.load(Ordering::Relaxed))
            };
            (0..iterations).map(commit_one).sum()
        });
    });
}

fn block(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let begun = Instant::now();
    let mut chain = Chain::filled(folder.path());
    let (entries, blocks) = (chain.entries(), chain.height());
    eprintln!("block: {entries} entries in {blocks} blocks, made in {:.1} s", begun.elapsed().as_secs_f64());
    let mut group = criterion.benchmark_group("block");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(BLOCK));
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    measure(&mut group, &mut chain);
    group.finish();
    eprintln!("block: {} entries at the end", chain.entries());
}

criterion_group!(benches, block);
criterion_main!(benches);
