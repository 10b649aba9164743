//! Executing a stored block and committing its results.

use std::collections::BTreeMap;
use std::sync::Arc;

use quancheng_consensus::Executed;
use quancheng_contracts::identity::OrgId;
use quancheng_contracts::weight::transaction_weight;
use quancheng_contracts::{BlockInput, execute_block};
use quancheng_state::{BlockCommit, Executed as ExecutedRow};
use quancheng_types::{AccountId, Block, Outcome, Receipt, SealedTransaction, SignedBatch};

use super::{Ledger, LedgerError};

/// Results of one height.
#[derive(Debug)]
pub struct Results {
    /// For the engine.
    pub executed: Executed,
    /// Receipts in order.
    pub receipts: Arc<Vec<Receipt>>,
    /// Weight of what each account had executed, and the organization for which it acted, if it is active.
    pub senders: BTreeMap<AccountId, (u64, Option<OrgId>)>,
    /// How many of them are refusals.
    pub refused: u64,
    /// Contract panics. Anything but 0 is a bug.
    pub internal_count: u32,
}

/// Executes a block whose batches are given and commits the results with one atomic write.
///
/// # Errors
/// [`LedgerError`]: nothing was committed, the process must stop.
pub fn execute_stored(ledger: &Ledger, block: &Block, batches: &[Arc<SignedBatch>]) -> Result<Results, LedgerError> {
    let header = &block.header;
    let transactions: Vec<&SealedTransaction> =
        batches.iter().flat_map(|batch| batch.batch.transactions.iter()).collect();
    let ordered = block.ordered();
    let newest = ledger.store.newest()?;
    let input = BlockInput {
        chain_id: ledger.chain_id,
        version: header.version,
        height: header.height,
        time_ms: header.time_ms,
        batches: &ordered,
        transactions: &transactions,
        already_executed: &|id, until_ms| ledger.store.is_executed(id, until_ms),
        misbehavior: &block.misbehavior,
    };
    let output = execute_block(&newest, &input)?;
    let mut senders: BTreeMap<AccountId, (u64, Option<OrgId>)> = BTreeMap::new();
    for (index, acting) in output.executed.iter().zip(output.acting) {
        let transaction = transactions.get(*index as usize);
        if let Some((transaction, sender)) = transaction.and_then(|found| Some((found, found.body.sender()?))) {
            let (weight, organization) = senders.entry(sender).or_default();
            *weight = weight.saturating_add(transaction_weight(transaction));
            *organization = acting;
        }
    }
    let decisions = output.decisions;
    let receipts = Arc::new(output.receipts);
    let commit = BlockCommit {
        height: header.height,
        block_id: block.id(),
        time_ms: header.time_ms,
        patch: output.patch,
        executed: ExecutedRow::all(batches, &receipts, &output.executed)?,
        batches: block.batches.iter().map(|reference| reference.header.id()).collect(),
        set_change: decisions.validators.as_ref().map(|entry| (entry.effective, entry.value.clone())),
    };
    let tip = ledger.store.commit(commit)?;
    ledger.prune(header.height)?;
    let refused = receipts.iter().filter(|receipt| receipt.outcome != Outcome::Ok).count();
    Ok(Results {
        executed: Executed { height: header.height, history_size: tip.size, history_root: tip.root, decisions },
        receipts,
        senders,
        refused: u64::try_from(refused).unwrap_or(u64::MAX),
        internal_count: output.internal_count,
    })
}
