//! What a unit of weight costs the executor, for calls of each kind: blocks of equal weight, executed and committed on RocksDB. The prices in
//! `contracts/src/weight.rs` are right when no kind takes much longer than a microsecond per unit.

use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput};
use criterion::{criterion_group, criterion_main};
use quancheng_benches::Author;
use quancheng_benches::chain::{START_MS, author, genesis, validator_key};
use quancheng_contracts::weight::batch_weight;
use quancheng_contracts::{BlockInput, encode_call, execute_block, genesis_patch};
use quancheng_state::{BlockCommit, Executed, Store, StoreOptions, view::EmptyView};
use quancheng_state_rocks::{Rocks, RocksOptions};
use quancheng_types::hash::sha256;
use quancheng_types::{
    Batch, Call, Height, List, Outcome, PROTOCOL_VERSION, SignedBatch, SignedTransaction, SigningKey, Transaction,
};

mod settings;

/// Weight of one block: a tenth of the default `block_weight_max`, so that a run is short.
const BLOCK_WEIGHT: u64 = 25_000;
const MEMORY_BYTES: usize = 64 * 1024 * 1024;

/// Calls of a transaction, and relations of each call.
const KINDS: &[(&str, u64, u64)] =
    &[("plain", 1, 0), ("relations=8", 1, 8), ("calls=64", 64, 0), ("calls=64,relations=8", 64, 8)];

struct Chain {
    store: Store,
    author: Author,
    validator: SigningKey,
    next: u64,
}

fn notarization(number: u64, relations: u64) -> Call {
    let root = sha256(&[b"weight", &number.to_le_bytes()]);
    let relates_to: Vec<_> = (0..relations)
        .map(|at| serde_json::json!({ "kind": "ORDER", "reference": format!("{number:060}{at:04}") }))
        .collect();
    let commitment = serde_json::json!({ "root": root.to_string(), "count": 1, "bytes": 10, "complete": false });
    let call = serde_json::json!({ "notarize": { "commitment": commitment, "relates_to": relates_to } });
    encode_call("evidence", call).expect("the module reads this call")
}

impl Chain {
    fn new(path: &Path) -> Self {
        let (validator, genesis) = (validator_key(), genesis());
        let options = RocksOptions { memory_bytes: MEMORY_BYTES, ..RocksOptions::default() };
        let rocks = Rocks::open(path, &options).expect("the temporary folder can be written");
        let store = Store::open(Arc::new(rocks), StoreOptions::default()).expect("an empty store opens");
        let patch = genesis_patch(&genesis, &EmptyView).expect("a plain genesis");
        store.init_genesis(START_MS, patch, &genesis.validators).expect("an empty store takes a genesis");
        Self { store, author: author(64), validator, next: 0 }
    }

    fn transaction(&mut self, calls: u64, relations: u64) -> SignedTransaction {
        let first = self.next;
        self.next += calls;
        let one = self.author.sign(first, notarization(first, relations));
        let calls = (first..first + calls).map(|number| notarization(number, relations)).collect();
        let body = Transaction { calls: List::new(calls).expect("64 calls at most"), ..one.body };
        let key = &self.author.keys[usize::try_from(first % 64).expect("below 64")];
        let signer = quancheng_types::Signer {
            account: quancheng_types::AccountId::of(&key.public_key()),
            key_id: quancheng_types::KeyId::of(&key.public_key()),
        };
        let body = Transaction { signers: List::new(vec![signer]).expect("one signer"), ..body };
        body.sign(&[key]).expect("one key for one signer")
    }

    /// A batch of about [`BLOCK_WEIGHT`].
    fn block(&mut self, calls: u64, relations: u64) -> SignedBatch {
        let (mut transactions, mut weight) = (Vec::new(), 0);
        while weight < BLOCK_WEIGHT {
            let transaction = self.transaction(calls, relations);
            weight += batch_weight([&transaction]);
            transactions.push(transaction);
        }
        let batch = Batch::of(transactions).expect("fewer than a batch holds");
        batch.sign(self.author.chain_id, self.next, weight, &self.validator)
    }

    fn run(&self, batch: &SignedBatch) {
        let transactions: Vec<_> = batch.batch.transactions.iter().collect();
        let newest = self.store.newest().expect("the store has a height");
        let height: Height = self.store.tip().expect("the store has a genesis").height().next();
        let input = BlockInput {
            chain_id: self.author.chain_id,
            version: PROTOCOL_VERSION,
            height,
            time_ms: START_MS + height.0,
            batches: &[(batch.header.author, batch.header.sequence)],
            transactions: &transactions,
            already_executed: &|id, until_ms| self.store.is_executed(id, until_ms),
            misbehavior: &[],
        };
        let output = execute_block(&newest, &input).expect("the store can be read");
        assert!(output.receipts.iter().all(|receipt| receipt.outcome == Outcome::Ok), "every transaction takes effect");
        let executed = Executed::all(core::slice::from_ref(batch), &output.receipts, &output.executed);
        let commit = BlockCommit {
            height,
            time_ms: START_MS + height.0,
            patch: output.patch,
            executed: executed.expect("a batch within its limit"),
            batches: vec![batch.header.id()],
            ..BlockCommit::default()
        };
        self.store.commit(commit).expect("the block follows");
    }
}

fn weight(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let chain = std::cell::RefCell::new(Chain::new(folder.path()));
    let mut group = criterion.benchmark_group("weight");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(BLOCK_WEIGHT));
    for (name, calls, relations) in KINDS {
        let next = || chain.borrow_mut().block(*calls, *relations);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_batched(next, |batch| chain.borrow().run(&batch), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(name = benches; config = settings::quick(); targets = weight);
criterion_main!(benches);
