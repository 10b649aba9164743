//! What a machine does beside its engine: clients' transactions, batches, execution, answers to peers.

use std::sync::Arc;

use quancheng_consensus::message::Message;
use quancheng_consensus::{BatchVerdict, Executed, Input, ServeRequest, SignatureChecker as _, limits};
use quancheng_contracts::weight::batch_weight;
use quancheng_state::Durability;
use quancheng_types::codec::encode;
use quancheng_types::{
    Batch, Block, Decisions, Height, List, NodeId, Outcome, SealedTransaction, SignedBatch, SignedTransaction,
};

use super::{Event, World, breach, store_failed};
use crate::chain::GENESIS_TIME_MS;
use crate::clients::Tracked;
use crate::config::Byzantine;
use crate::executor::{self, Work};
use crate::properties::{Breach, ExecutedBlock, Observation};

/// Transactions that one batch takes here: small, so that there are many batches.
const BATCH_TRANSACTIONS_MAX: usize = 16;
/// Transactions that may wait for a batch on one machine; more are turned away, as a node does.
const POOL_MAX: usize = 64;

/// How many of the waiting transactions the next batch takes: as many as its bytes and count admit, and at least one.
fn packed(pool: &[SealedTransaction], bytes_max: u32) -> usize {
    let mut left = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let fits = |transaction: &&SealedTransaction| {
        let bytes = transaction.bytes() as usize;
        let is_in = bytes <= left;
        left = left.saturating_sub(bytes);
        is_in
    };
    pool.iter().take(BATCH_TRANSACTIONS_MAX).take_while(fits).count().max(1)
}

impl World {
    /// True time, ms since 1970 UTC.
    pub(super) fn unix_ms(&self) -> u64 {
        GENESIS_TIME_MS + 1 + self.now_us / 1000
    }

    /// A client submits, to one node or two; the faulty validator has clients of its own.
    pub(super) fn client(&mut self) -> Result<(), Breach> {
        if self.healing_since_us.is_some() {
            return Ok(());
        }
        let (transaction, is_lasting) = self.clients.next(self.unix_ms());
        let copies = if self.clients.is_twice() { 2 } else { 1 };
        for _ in 0..copies {
            if let Some(machine) = self.any_validator() {
                self.submit(machine, transaction.clone(), is_lasting);
            }
        }
        let pause_us = self.clients.pause_us();
        self.queue.push(self.now_us + pause_us, Event::Client);
        Ok(())
    }

    pub(super) fn vote(&mut self) -> Result<(), Breach> {
        if self.healing_since_us.is_some() {
            return Ok(());
        }
        if let Some(transaction) = self.clients.vote(self.unix_ms(), &self.known)
            && let Some(machine) = self.any_validator()
        {
            self.submit(machine, transaction, false);
        }
        let pause_us = self.random.between(100_000, 400_000);
        self.queue.push(self.now_us + pause_us, Event::Vote);
        Ok(())
    }

    /// A running validator of the height in progress, if the one that chance names is one.
    fn any_validator(&mut self) -> Option<usize> {
        let machine = self.random.index(self.machines.len());
        let node = &self.machines[machine];
        let is_validator = node.engine.as_ref()?.validators().by_id(&node.validator_id()).is_some();
        is_validator.then_some(machine)
    }

    fn submit(&mut self, machine: usize, transaction: SignedTransaction, is_lasting: bool) {
        let transaction = transaction.seal();
        let id = transaction.id();
        let node = &mut self.machines[machine];
        let is_known = node.pool.iter().any(|waiting| waiting.id() == id);
        if node.pool.len() >= POOL_MAX || is_known || self.known.effect(&id).is_some() {
            return;
        }
        for signature in &transaction.signatures {
            // Made with the client's key just now; a forged one is never submitted this way.
            self.known.checker.remember(&signature.public_key, &id.0, &signature.signature);
        }
        if is_lasting && node.is_honest {
            let tracked = Tracked { machines: Vec::new(), is_lasting };
            self.clients.offered.entry(id).or_insert(tracked);
        }
        self.stats.submitted += 1;
        node.pool.push(transaction);
        if !node.is_seal_planned {
            node.is_seal_planned = true;
            self.plan(machine, 10_000, 10_000, |machine, epoch| Event::Seal { machine, epoch });
        }
    }

    /// Packs what waits into a batch and brings it to disk.
    pub(super) fn seal(&mut self, machine: usize) -> Result<(), Breach> {
        let node = &mut self.machines[machine];
        node.is_seal_planned = false;
        let Some(engine) = &node.engine else {
            return Ok(());
        };
        let in_flight_max = usize::try_from(engine.parameters().batches_in_flight_max).unwrap_or(usize::MAX);
        let is_free = engine.local_batches_in_flight() < in_flight_max
            && engine.local_weight_in_flight() < engine.parameters().author_weight_max / 2;
        if is_free && !node.pool.is_empty() {
            let count = packed(&node.pool, engine.parameters().batch_bytes_max);
            let transactions: Vec<SealedTransaction> = node.pool.drain(..count).collect();
            self.write_batch(machine, transactions)?;
        }
        let node = &mut self.machines[machine];
        if !node.pool.is_empty() {
            node.is_seal_planned = true;
            self.plan(machine, 10_000, 10_000, |machine, epoch| Event::Seal { machine, epoch });
        }
        Ok(())
    }

    fn write_batch(&mut self, machine: usize, mut transactions: Vec<SealedTransaction>) -> Result<(), Breach> {
        let is_batcher = self.config.byzantine == Some(Byzantine::Batcher) && !self.machines[machine].is_honest;
        if is_batcher && self.random.permille(300) {
            let forged = self.clients.forged(self.unix_ms());
            transactions.push(forged.seal());
        }
        let chain_id = self.known.chain_id;
        let node = &mut self.machines[machine];
        let sequence = node.next_sequence;
        node.next_sequence += 1;
        let sign = |transactions: Vec<SealedTransaction>| {
            let weight = batch_weight(&transactions);
            let transactions = List::new(transactions).expect("at most a few transactions");
            Arc::new(Batch { transactions }.sign(chain_id, sequence, weight, &node.member.key))
        };
        let batch = sign(transactions.clone());
        // Made with the author's key just now.
        let (key, message) = (node.member.key.public_key(), batch.header.ack_message());
        self.known.checker.remember(&key, &message, &batch.signature);
        let second = (is_batcher && transactions.len() > 1).then(|| sign(transactions.split_off(1)));
        node.disk.put_batch(&batch, Durability::Synced).map_err(store_failed)?;
        if node.is_honest {
            // Admitted: from now on the chain owes these clients a place.
            for transaction in &batch.batch.transactions {
                let id = transaction.id();
                if let Some(tracked) = self.clients.offered.get_mut(&id) {
                    tracked.machines.push(machine);
                    if self.known.effect(&id).is_none() {
                        self.clients.waiting.insert(id, tracked.clone());
                    }
                }
            }
        }
        self.known.learn_batch(&batch);
        if let Some(second) = second {
            self.known.learn_batch(&second);
            self.send(machine, None, Message::BatchOffer(second))?;
        }
        self.plan(machine, 500, 4_000, |machine, epoch| Event::Sealed { machine, epoch, batch });
        Ok(())
    }

    pub(super) fn sealed(&mut self, machine: usize, batch: Arc<SignedBatch>) -> Result<(), Breach> {
        self.step(machine, Input::LocalBatch { batch })
    }

    /// Checks an offered batch, stores it when it is good, and answers the engine.
    pub(super) fn check_batch(&mut self, machine: usize, batch: &Arc<SignedBatch>) -> Result<(), Breach> {
        let verdict = if self.random.below(300) == 0 { BatchVerdict::NotStored } else { self.judge(batch) };
        if verdict == BatchVerdict::Valid {
            self.machines[machine].disk.put_batch(batch, Durability::Synced).map_err(store_failed)?;
        }
        self.step(machine, Input::BatchChecked { batch: batch.header.id(), verdict })
    }

    fn judge(&self, batch: &SignedBatch) -> BatchVerdict {
        if !batch.is_consistent() || batch_weight(&batch.batch.transactions) != batch.header.weight {
            return BatchVerdict::Inconsistent;
        }
        let mut checker = self.known.checker.clone();
        for (index, transaction) in (0..).zip(&batch.batch.transactions) {
            let id = transaction.id();
            let is_good = transaction.check_form(&self.known.chain_id).is_ok()
                && transaction.signatures.iter().all(|item| checker.check(&item.public_key, &id.0, &item.signature));
            if !is_good {
                return BatchVerdict::InvalidTransaction { index };
            }
        }
        BatchVerdict::Valid
    }

    /// Begins to execute the next height that is ready.
    pub(super) fn execute_next(&mut self, machine: usize) {
        let node = &mut self.machines[machine];
        if node.is_executing {
            return;
        }
        let Some(height) = node.ready.pop_front() else {
            return;
        };
        node.is_executing = true;
        // Now and then the disk or the processor is busy, so that execution lags behind agreement.
        let most_us = if self.random.below(50) == 0 { 150_000 } else { 3_000 };
        self.plan(machine, 200, most_us, |machine, epoch| Event::Execute { machine, epoch, height });
    }

    pub(super) fn execute(&mut self, machine: usize, height: Height) -> Result<(), Breach> {
        let executed = self.run_block(machine, height)?;
        self.machines[machine].is_executing = false;
        self.step(machine, Input::Executed(executed))?;
        if self.machines[machine].is_up() {
            self.execute_next(machine);
        }
        Ok(())
    }

    /// Executes again what a crash took back of the results, as a node does before it takes part: as far as the batches are there.
    pub(super) fn execute_again(&mut self, machine: usize) -> Result<(), Breach> {
        loop {
            let (store, chain) = (self.machines[machine].disk.store(), self.machines[machine].disk.chain());
            let height = store.tip().map_or(Height::GENESIS, |tip| tip.height().next());
            let Some(block) = chain.block(height).map_err(store_failed)? else {
                return Ok(());
            };
            for batch in &block.batches {
                if !chain.has_batch(&batch.header.id()).map_err(store_failed)? {
                    return Ok(());
                }
            }
            self.run_block(machine, height)?;
        }
    }

    /// Executes a block and commits its results.
    fn run_block(&mut self, machine: usize, height: Height) -> Result<Executed, Breach> {
        let (block, batches) = self.work_of(machine, height)?;
        let node = &self.machines[machine];
        let checks_refusals = self.known.history(height).is_none() && node.is_honest;
        let work = Work { chain_id: self.known.chain_id, block, batches: &batches, checks_refusals };
        let (mut done, decisions) = executor::execute(node.disk.store(), &work, node.mode).map_err(store_failed)?;
        done.ordering_windows = node.disk.windows_at(height);
        let from = height.plus(self.known.parameters.execution_lag_max + 2);
        let set = decisions.validators.as_ref().map(|entry| entry.effective);
        let parameters = decisions.parameters.as_ref().map(|entry| entry.effective);
        if let Some(other) = [set, parameters].into_iter().flatten().find(|effective| *effective != from) {
            let details = format!("what was decided at {height} is in force from {other}, not {from}");
            return Err(breach("headers_hold", details));
        }
        if decisions.version.as_ref().is_some_and(|plan| plan.effective < from) {
            return Err(breach("headers_hold", format!("a version decided at {height} is in force before {from}")));
        }
        if node.is_honest {
            self.learn_executed(machine, &done, &decisions)?;
        }
        let (history_size, history_root) = (done.history_size, done.history_root);
        Ok(Executed { height, history_size, history_root, decisions })
    }

    /// The block of a height and its batches, as this machine has stored them.
    fn work_of(&self, machine: usize, height: Height) -> Result<(Arc<Block>, Vec<Arc<SignedBatch>>), Breach> {
        let chain = self.machines[machine].disk.chain();
        let block = chain.block(height).map_err(store_failed)?;
        let block = block.ok_or_else(|| breach("store_holds", format!("block {height} is not stored")))?;
        let mut batches = Vec::new();
        for batch in &block.batches {
            let id = batch.header.id();
            let Some(bytes) = chain.batch(&id).map_err(store_failed)? else {
                let details = format!("machine {machine}: batch {id} of height {height} is not stored");
                return Err(breach("store_holds", details));
            };
            batches.push(Arc::new(SignedBatch::decode(&bytes).map_err(store_failed)?));
        }
        Ok((Arc::new(block), batches))
    }

    fn learn_executed(&mut self, machine: usize, done: &ExecutedBlock, decisions: &Decisions) -> Result<(), Breach> {
        self.observe(machine, &Observation::Executed(done))?;
        let results = (done.history_size, done.history_root);
        if self.known.learn_results(done.leaf.height, results, &done.receipts, decisions) {
            let refused = done.receipts.iter().filter(|receipt| receipt.outcome != Outcome::Ok).count();
            self.stats.executed += u64::try_from(done.receipts.len()).unwrap_or(u64::MAX);
            self.stats.refused += u64::try_from(refused).unwrap_or(u64::MAX);
        }
        self.trace.digest(&done.history_root);
        Ok(())
    }

    /// Answers a peer from the store.
    pub(super) fn serve(&mut self, machine: usize, to: NodeId, request: ServeRequest) -> Result<(), Breach> {
        match request {
            ServeRequest::Blocks(request) => {
                let count = request.count.min(limits::SYNC_BLOCKS_MAX);
                let (mut blocks, mut bytes) = (Vec::new(), 0);
                // A peer may ask for heights at the end of the numbers.
                let last = request.from.0.saturating_add(u64::from(count));
                for height in request.from.0..last {
                    let Some(block) = self.machines[machine].disk.block(Height(height)).map_err(store_failed)? else {
                        break;
                    };
                    bytes += encode(&block).len();
                    if bytes > limits::SYNC_RESPONSE_BYTES && !blocks.is_empty() {
                        break;
                    }
                    blocks.push(block);
                }
                let blocks = List::new(blocks).expect("at most as many as a message takes");
                self.send(machine, Some(to), Message::BlocksResponse(blocks))
            }
            ServeRequest::Batches(ids) => {
                for id in ids {
                    let bytes = self.machines[machine].disk.chain().batch(&id).map_err(store_failed)?;
                    let Some(bytes) = bytes else { continue };
                    let batch = SignedBatch::decode(&bytes).map_err(store_failed)?;
                    self.send(machine, Some(to), Message::BatchResponse(Arc::new(batch)))?;
                }
                Ok(())
            }
        }
    }
}
