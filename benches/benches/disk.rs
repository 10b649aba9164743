//! What durability costs: one batch into the store with and without waiting for the disk, and a bare sync beside it.

mod settings;

use std::io::Write as _;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quancheng_benches::{Author, keys};
use quancheng_state::{Durability, Store, StoreOptions};
use quancheng_state_rocks::{Rocks, RocksOptions};
use quancheng_types::{Batch, BatchHeader, ChainId, Digest, SigningKey, ValidatorId};

/// Transactions of a batch: about as many as fill it under load.
const BATCH: u64 = 1_000;
/// Bytes of a small record of the log.
const RECORD_BYTES: usize = 4_096;

/// Headers of one batch under ever new numbers, and its bytes.
fn batches() -> (impl FnMut() -> BatchHeader, Vec<u8>) {
    let author =
        Author { chain_id: ChainId(Digest([3; 32])), keys: keys(64), seed: 0, valid_until_ms: 1_767_574_800_000 };
    let sign = |number| author.sign(number, author.notarization(number).expect("the module reads this call"));
    let batch = Batch::of((0..BATCH).map(sign).collect()).expect("a batch holds this many");
    let key = SigningKey::from_seed([9; 32]);
    let bytes = batch.clone().sign(author.chain_id, 0, 0, &key).encode();
    let first = batch.header(author.chain_id, ValidatorId::of(&key.public_key()), 0, 0);
    let mut sequence = 0;
    let next = move || {
        sequence += 1;
        BatchHeader { sequence, ..first }
    };
    (next, bytes)
}

fn store_batch(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let rocks = Rocks::open(folder.path(), &RocksOptions::default()).expect("the temporary folder can be written");
    let store = Store::open(Arc::new(rocks), StoreOptions::default()).expect("an empty store opens");
    let chain = store.chain();
    let (mut next, bytes) = batches();
    let mut group = criterion.benchmark_group(format!("disk/batch={BATCH}"));
    group.throughput(Throughput::Elements(BATCH));
    for (name, durability) in [("buffered", Durability::Buffered), ("synced", Durability::Synced)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                &mut next,
                |header| chain.put_batches(&[(header, &bytes)], durability).expect("the store can be written"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn sync(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut file = std::fs::File::create(folder.path().join("log")).expect("the temporary folder can be written");
    criterion.bench_function(&format!("disk/append_and_sync={RECORD_BYTES}"), |bencher| {
        bencher.iter(|| {
            file.write_all(&[0; RECORD_BYTES]).expect("the file can be written");
            file.sync_data().expect("the file can be synced");
        });
    });
}

criterion_group!(name = benches; config = settings::quick(); targets = store_batch, sync);
criterion_main!(benches);
