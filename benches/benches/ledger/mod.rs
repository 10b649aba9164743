//! A chain of one validator, without peers, that notarizes: filled to a size, then executed block by block as a validator does.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use quancheng_benches::Author;
use quancheng_benches::chain::{START_MS, author, genesis, validator_key};
use quancheng_contracts::{BlockInput, BlockOutput, execute_block, genesis_patch};
use quancheng_state::backend::Backend;
use quancheng_state::view::EmptyView;
use quancheng_state::{BlockCommit, Durability, Executed, HistoryTip, Store, StoreOptions};
use quancheng_types::{Batch, Height, Outcome, PROTOCOL_VERSION, SignedBatch, SigningKey};

const BATCH: u64 = 1_000;
const FILL_BLOCK: u64 = 20_000;
const ACCOUNTS: u32 = 64;

/// The chain.
pub(crate) struct Chain {
    pub(crate) store: Store,
    author: Author,
    validator: SigningKey,
    next_transaction: u64,
}

impl Chain {
    /// With the genesis alone.
    pub(crate) fn new(backend: Arc<dyn Backend>, options: StoreOptions) -> Self {
        let (validator, genesis) = (validator_key(), genesis());
        let store = Store::open(backend, options).expect("an empty store opens");
        let patch = genesis_patch(&genesis, &EmptyView).expect("a plain genesis");
        store.init_genesis(START_MS, patch, &genesis.validators).expect("an empty store takes a genesis");
        Self { store, author: author(ACCOUNTS), validator, next_transaction: 0 }
    }

    /// Adds notarizations until the state has that many entries. Another thread signs the next block while one is executed.
    pub(crate) fn fill(&mut self, entries: u64) {
        let (author, validator) = (self.author.clone(), self.validator.clone());
        let (sender, blocks) = sync_channel(1);
        let begin = self.next_transaction;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // Ends when nobody takes the next block.
                let mut from = begin;
                while sender.send(batches(&author, &validator, from, FILL_BLOCK)).is_ok() {
                    from += FILL_BLOCK;
                }
            });
            while self.entries() < entries {
                let block: Vec<SignedBatch> = blocks.recv().expect("the signing thread goes on");
                self.next_transaction += FILL_BLOCK;
                self.both(&block);
            }
            drop(blocks);
        });
    }

    /// Leaves of the tree.
    pub(crate) fn entries(&self) -> u64 {
        self.store.snapshot().and_then(|snapshot| snapshot.leaves()).expect("the store has a height")
    }

    /// Signed batches for the next block, durable in the store.
    pub(crate) fn block(&mut self, transactions: u64) -> Vec<SignedBatch> {
        let block = batches(&self.author, &self.validator, self.next_transaction, transactions);
        self.next_transaction += transactions;
        let encoded: Vec<_> = block.iter().map(|batch| (batch.header, batch.encode())).collect();
        let rows: Vec<_> = encoded.iter().map(|(header, bytes)| (*header, bytes.as_slice())).collect();
        self.store.chain().put_batches(&rows, Durability::Synced).expect("the store can be written");
        block
    }

    /// The height after the newest.
    pub(crate) fn height(&self) -> Height {
        self.store.tip().expect("the store has a genesis").height().next()
    }

    pub(crate) fn execute(&self, block: &[SignedBatch]) -> BlockOutput {
        let transactions: Vec<_> = block.iter().flat_map(|batch| batch.batch.transactions.iter()).collect();
        let ordered: Vec<_> = block.iter().map(|batch| (batch.header.author, batch.header.sequence)).collect();
        let newest = self.store.newest().expect("the store has a height");
        let input = BlockInput {
            chain_id: self.author.chain_id,
            version: PROTOCOL_VERSION,
            height: self.height(),
            time_ms: START_MS + self.height().0,
            batches: &ordered,
            transactions: &transactions,
            already_executed: &|id, until_ms| self.store.is_executed(id, until_ms),
            misbehavior: &[],
        };
        let output = execute_block(&newest, &input).expect("the store can be read");
        let taken = output.receipts.iter().filter(|receipt| receipt.outcome == Outcome::Ok).count();
        assert_eq!(taken, transactions.len(), "every transaction of the bench takes effect");
        output
    }

    pub(crate) fn commit(&self, block: &[SignedBatch], output: BlockOutput) -> HistoryTip {
        let executed = Executed::all(block, &output.receipts, &output.executed).expect("batches within their limit");
        let commit = BlockCommit {
            height: self.height(),
            time_ms: START_MS + self.height().0,
            patch: output.patch,
            executed,
            batches: block.iter().map(|batch| batch.header.id()).collect(),
            ..BlockCommit::default()
        };
        self.store.commit(commit).expect("the block follows")
    }

    pub(crate) fn both(&self, block: &[SignedBatch]) -> HistoryTip {
        self.commit(block, self.execute(block))
    }
}

/// Transactions from number `from` on, in signed batches.
fn batches(author: &Author, validator: &SigningKey, from: u64, count: u64) -> Vec<SignedBatch> {
    let sign = |number| author.sign(number, author.notarization(number).expect("the module reads this call"));
    (from..from + count)
        .step_by(usize::try_from(BATCH).expect("a small number"))
        .map(|first| {
            let last = (first + BATCH).min(from + count);
            let batch = Batch::of((first..last).map(sign).collect()).expect("a batch holds this many");
            batch.sign(author.chain_id, first, 0, validator)
        })
        .collect()
}
