//! The state alone, on RocksDB at a million keys: commit of a block of rows, proof, check of a proof, read.

mod settings;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, SamplingMode, criterion_group, criterion_main};
use quancheng_benches::chain::validators;
use quancheng_proof::state_proof::StateRoot;
use quancheng_state::{BlockCommit, Overlay, Patch, Store, StoreOptions, Table, View, view::EmptyView};
use quancheng_state_rocks::{Rocks, RocksOptions};
use quancheng_types::hash::sha256;
use quancheng_types::{Height, ModuleId};

const KEYS: u64 = 1_000_000;
const UPDATES: u64 = 10_000;
const FILL_BLOCK: u64 = 50_000;
const VALUE_BYTES: usize = 120;
const ROWS: Table<u64, Vec<u8>> = Table::kept(ModuleId(1), 1, "rows");

/// A number without pattern for each turn and place.
fn scatter(turn: u64, at: u64) -> u64 {
    let hash = sha256(&[&turn.to_be_bytes(), &at.to_be_bytes()]);
    hash.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn value(turn: u64) -> Vec<u8> {
    turn.to_be_bytes().into_iter().cycle().take(VALUE_BYTES).collect()
}

fn patch(keys: impl Iterator<Item = u64>, turn: u64) -> Patch {
    let mut overlay = Overlay::new(&EmptyView);
    for key in keys {
        ROWS.put(&mut overlay, &key, &value(turn));
    }
    overlay.into_patch()
}

fn next_commit(store: &Store, patch: Patch) -> BlockCommit {
    let height = store.tip().map_or(Height::GENESIS, |tip| tip.height().next());
    BlockCommit { height, patch, ..BlockCommit::default() }
}

fn filled(path: &Path) -> Store {
    let rocks = Rocks::open(path, &RocksOptions::default()).expect("the temporary folder can be written");
    let store = Store::open(Arc::new(rocks), StoreOptions::default()).expect("an empty store opens");
    store.init_genesis(0, Patch::empty(), &validators()).expect("an empty store takes a genesis");
    for start in (0..KEYS).step_by(usize::try_from(FILL_BLOCK).unwrap_or(1)) {
        let block = next_commit(&store, patch(start..start + FILL_BLOCK, 0));
        store.commit(block).expect("the block follows");
    }
    store
}

/// Half of the updates change keys that exist, half add keys.
fn update(turn: u64) -> Patch {
    let keys = (0..UPDATES).map(|at| if at % 2 == 0 { scatter(turn, at) % KEYS } else { KEYS + turn * UPDATES + at });
    patch(keys, turn)
}

fn commit(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = filled(folder.path());
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    let mut turn = 0;
    group.bench_function(format!("keys={KEYS},updates={UPDATES}"), |bencher| {
        bencher.iter_batched(
            || {
                turn += 1;
                next_commit(&store, update(turn))
            },
            |block| store.commit(block).expect("the block follows"),
            BatchSize::PerIteration,
        );
    });
    group.finish();

    let snapshot = store.snapshot().expect("the store has a height");
    let mut at = 0;
    let mut next_key = move || {
        at += 1;
        ROWS.key(&(scatter(0, at) % KEYS))
    };
    criterion.bench_function(&format!("prove/keys={KEYS}"), |bencher| {
        bencher.iter_batched(&mut next_key, |key| snapshot.prove(&key), BatchSize::SmallInput);
    });
    let proved = next_key();
    let proof = snapshot.prove(&proved).expect("the store can be read");
    let root = StateRoot { height: snapshot.height(), hash: snapshot.root() };
    let value = snapshot.read(&proved).expect("the store can be read").expect("every key of the fill has a value");
    criterion.bench_function(&format!("check/keys={KEYS}"), |bencher| {
        bencher.iter(|| {
            let checked = proof.verify(&root, black_box(proved.as_bytes()), Some(&value), snapshot.height());
            black_box(checked.expect("the proof of the store is valid"));
        });
    });
    criterion.bench_function(&format!("read/keys={KEYS}"), |bencher| {
        bencher.iter_batched(&mut next_key, |key| black_box(snapshot.read(&key)), BatchSize::SmallInput);
    });
}

criterion_group!(name = benches; config = settings::quick(); targets = commit);
criterion_main!(benches);
