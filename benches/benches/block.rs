//! A block of 10,000 notarizations on a state of a million entries on RocksDB, as a validator runs it: executed, committed, both,
//! and the part of the commit that waits for the store.
//!
//! The state is filled by notarizations too. Every committed block adds about 20,000 entries, so the state grows by two thirds while
//! all of this is measured.

mod ledger;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use criterion::{criterion_group, criterion_main};
use ledger::Chain;
use quancheng_contracts::BlockOutput;
use quancheng_state::backend::{Backend, Column, Cursor, Writes};
use quancheng_state::{Durability, StoreError, StoreOptions};
use quancheng_state_rocks::{Rocks, RocksOptions};
use quancheng_types::SignedBatch;

const ENTRIES: u64 = 1_000_000;
const BLOCK: u64 = 10_000;
/// Memory as a validator gives it to its store unless told otherwise: 192 MiB, a quarter of it for the tree.
const MEMORY_BYTES: usize = 192 * 1024 * 1024;
const PAGE_CACHE_BYTES: usize = MEMORY_BYTES / 4;

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

fn id(name: &str) -> BenchmarkId {
    BenchmarkId::from_parameter(format!("{name},entries={ENTRIES},transactions={BLOCK}"))
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, chain: &mut Chain, spent_ns: &AtomicU64) {
    let chain = std::cell::RefCell::new(chain);
    let next = || chain.borrow_mut().block(BLOCK);
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
                spent_ns.store(0, Ordering::Relaxed);
                chain.commit(&block, output);
                Duration::from_nanos(spent_ns.load(Ordering::Relaxed))
            };
            (0..iterations).map(commit_one).sum()
        });
    });
}

fn block(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let begun = Instant::now();
    let options = RocksOptions { memory_bytes: MEMORY_BYTES - PAGE_CACHE_BYTES, ..RocksOptions::default() };
    let inner = Rocks::open(folder.path(), &options).expect("the temporary folder can be written");
    let spent_ns = Arc::new(AtomicU64::new(0));
    let backend = Watched { inner, spent_ns: Arc::clone(&spent_ns) };
    let options = StoreOptions { page_cache_bytes: PAGE_CACHE_BYTES, ..StoreOptions::default() };
    let mut chain = Chain::new(Arc::new(backend), options);
    chain.fill(ENTRIES);
    let (entries, blocks) = (chain.entries(), chain.height());
    eprintln!("block: {entries} entries in {blocks} blocks, made in {:.1} s", begun.elapsed().as_secs_f64());
    let mut group = criterion.benchmark_group("block");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(BLOCK));
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    measure(&mut group, &mut chain, &spent_ns);
    group.finish();
    eprintln!("block: {} entries at the end", chain.entries());
}

criterion_group!(benches, block);
criterion_main!(benches);
