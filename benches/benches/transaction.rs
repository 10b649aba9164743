//! What bytes cost: decoding, encoding and hashing a signed notarization and a batch of them.

mod settings;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quancheng_benches::{Author, keys};
use quancheng_types::{Batch, ChainId, Digest, SealedTransaction, SignedBatch, SignedTransaction, SigningKey};

/// Transactions of a batch: about as many as fill it under load.
const BATCH: u64 = 1_000;

fn author() -> Author {
    Author { chain_id: ChainId(Digest([3; 32])), keys: keys(64), seed: 0, valid_until_ms: 1_767_574_800_000 }
}

fn signed(author: &Author, number: u64) -> SignedTransaction {
    author.sign(number, author.notarization(number).expect("the module reads this call"))
}

fn transaction(criterion: &mut Criterion) {
    let author = author();
    let one = signed(&author, 0);
    let bytes = one.encode();
    let mut group = criterion.benchmark_group("transaction");
    group.throughput(Throughput::Bytes(u64::try_from(bytes.len()).expect("a length fits")));
    group.bench_function("decode", |bencher| bencher.iter(|| SignedTransaction::decode(black_box(&bytes))));
    group.bench_function("decode_sealed", |bencher| bencher.iter(|| SealedTransaction::decode(black_box(&bytes))));
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&one).encode()));
    group.bench_function("id", |bencher| bencher.iter(|| black_box(&one).id()));
    group.bench_function("check_form", |bencher| bencher.iter(|| black_box(&one).check_form(&author.chain_id)));
    group.finish();
}

fn batch(criterion: &mut Criterion) {
    let author = author();
    let transactions = (0..BATCH).map(|number| signed(&author, number)).collect();
    let batch = Batch::of(transactions).expect("a batch holds this many");
    let key = SigningKey::from_seed([9; 32]);
    let batch = batch.sign(author.chain_id, 1, 0, &key);
    let bytes = batch.encode();
    let mut group = criterion.benchmark_group(format!("batch/transactions={BATCH}"));
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("decode", |bencher| bencher.iter(|| SignedBatch::decode(black_box(&bytes))));
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&batch).encode()));
    group.bench_function("is_consistent", |bencher| bencher.iter(|| black_box(&batch).is_consistent()));
    group.finish();
}

criterion_group!(name = benches; config = settings::quick(); targets = transaction, batch);
criterion_main!(benches);
