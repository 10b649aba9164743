//! What a signature costs: alone, in batches, and in batches where keys repeat. `batch=512,keys=64` is what a validator checks at
//! once under the load generator.

mod settings;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quancheng_types::keys::{BatchItem, PreparedKey, Signature, SigningKey, verify_batch};

/// Length of a signed message in bytes: the domain tag and hash that a transaction signs is of this order.
const MESSAGE_BYTES: usize = 64;

struct Signed {
    key: PreparedKey,
    message: [u8; MESSAGE_BYTES],
    signature: Signature,
}

/// Valid signatures of `keys` keys in turn, each of another message.
fn signed(count: u32, keys: u32) -> Vec<Signed> {
    (0..count)
        .map(|number| {
            let mut seed = [7; 32];
            seed[..4].copy_from_slice(&(number % keys).to_le_bytes());
            let mut message = [0; MESSAGE_BYTES];
            message[..4].copy_from_slice(&number.to_le_bytes());
            let signing = SigningKey::from_seed(seed);
            Signed {
                key: PreparedKey::new(&signing.public_key()).expect("a derived key is valid"),
                message,
                signature: signing.sign(&message),
            }
        })
        .collect()
}

fn single(criterion: &mut Criterion) {
    let signed = signed(64, 64);
    let mut group = criterion.benchmark_group("signature");
    group.throughput(Throughput::Elements(1));
    let mut next = signed.iter().cycle();
    group.bench_function("verify=single", |bencher| {
        bencher.iter_batched(
            || next.next().expect("a cycle does not end"),
            |one| one.key.verify(&one.message, &one.signature),
            BatchSize::SmallInput,
        );
    });
    let signing = SigningKey::from_seed([7; 32]);
    group.bench_function("sign=single", |bencher| bencher.iter(|| signing.sign(&[0; MESSAGE_BYTES])));
    group.finish();
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signature");
    for (name, count, keys) in [
        ("batch=64", 64, 64),
        ("batch=512,keys=64", 512, 64),
        ("batch=1024", 1024, 1024),
        ("batch=1024,keys=32", 1024, 32),
    ] {
        let signed = signed(count, keys);
        let items: Vec<_> = signed
            .iter()
            .map(|one| BatchItem { key: &one.key, message: &one.message, signature: &one.signature })
            .collect();
        assert_eq!(verify_batch(&items), Ok(()), "the benchmark must measure valid signatures");
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(name, |bencher| bencher.iter(|| verify_batch(&items)));
    }
    group.finish();
}

criterion_group!(name = benches; config = settings::quick(); targets = single, batches);
criterion_main!(benches);
