//! Executing a decided block on one machine, with the production executor and store.

use std::sync::Arc;

use quancheng_contracts::{BlockInput, BlockOutput, governance};
use quancheng_state::{BlockCommit, Executed as ExecutedRow, Newest, Patch, Store, StoreError};
use quancheng_types::{Block, ChainId, Decisions, Outcome, SealedTransaction, SignedBatch, TransactionId};

use crate::properties::ExecutedBlock;

/// How blocks are executed: as they should be, or with a deliberate mistake.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mode {
    #[cfg(feature = "planted-bugs")]
    pub(crate) bug: Option<quancheng_contracts::executor::PlantedBug>,
}

impl Mode {
    #[cfg(feature = "planted-bugs")]
    fn execute(self, view: &Newest, input: &BlockInput<'_>) -> Result<BlockOutput, StoreError> {
        match self.bug {
            Some(bug) => quancheng_contracts::executor::execute_block_with_bug(view, input, bug),
            None => quancheng_contracts::execute_block(view, input),
        }
    }

    #[cfg(not(feature = "planted-bugs"))]
    fn execute(self, view: &Newest, input: &BlockInput<'_>) -> Result<BlockOutput, StoreError> {
        quancheng_contracts::execute_block(view, input)
    }
}

/// A block with its batches.
pub(crate) struct Work<'a> {
    pub(crate) chain_id: ChainId,
    pub(crate) block: Arc<Block>,
    pub(crate) batches: &'a [Arc<SignedBatch>],
    /// Whether to execute a second time without the refused transactions, for `refusal_changes_nothing`.
    pub(crate) checks_refusals: bool,
}

/// Executes and commits; also returns what the block decided.
pub(crate) fn execute(store: &Store, work: &Work<'_>, mode: Mode) -> Result<(ExecutedBlock, Decisions), StoreError> {
    let header = &work.block.header;
    let transactions: Vec<&SealedTransaction> =
        work.batches.iter().flat_map(|batch| &batch.batch.transactions).collect();
    let ordered = work.block.ordered();
    let newest = store.newest()?;
    let already_executed = |id: &TransactionId, until_ms: u64| store.is_executed(id, until_ms);
    let input = BlockInput {
        chain_id: work.chain_id,
        version: header.version,
        height: header.height,
        time_ms: header.time_ms,
        batches: &ordered,
        transactions: &transactions,
        already_executed: &already_executed,
        misbehavior: &work.block.misbehavior,
    };
    let output = mode.execute(&newest, &input)?;
    let refusal_check = if work.checks_refusals { without_refused(&newest, &input, &output)? } else { None };
    let executed = ExecutedRow::all(work.batches, &output.receipts, &output.executed)?;
    let tip = store.commit(BlockCommit {
        height: header.height,
        block_id: work.block.id(),
        time_ms: header.time_ms,
        patch: output.patch,
        executed,
        batches: work.block.batches.iter().map(|batch| batch.header.id()).collect(),
        set_change: output.decisions.validators.as_ref().map(|entry| (entry.effective, entry.value.clone())),
    })?;
    let done = ExecutedBlock {
        ids: transactions.iter().map(|transaction| transaction.id()).collect(),
        version: header.version,
        valid_until_ms: transactions.iter().map(|transaction| transaction.body.valid_until_ms).collect(),
        receipts: output.receipts,
        leaf: tip.leaf,
        history_size: tip.size,
        history_root: tip.root,
        internal_count: output.internal_count,
        windows: governance::windows(&store.snapshot()?)?,
        ordering_windows: None,
        ordered,
        refusal_check,
    };
    Ok((done, output.decisions))
}

/// The writes of the block, and those of the same block without its refused transactions; `None` when none was refused.
fn without_refused(
    newest: &Newest,
    input: &BlockInput<'_>,
    output: &BlockOutput,
) -> Result<Option<(Patch, Patch)>, StoreError> {
    if output.receipts.iter().all(|receipt| receipt.outcome == Outcome::Ok) {
        return Ok(None);
    }
    let effective = output.receipts.iter().zip(&output.executed).filter(|(receipt, _)| receipt.outcome == Outcome::Ok);
    let mut indexes: Vec<u32> = effective.map(|(_, index)| *index).collect();
    // In the order of the block: the rules of its version decide in which order they run.
    indexes.sort_unstable();
    let kept: Vec<&SealedTransaction> =
        indexes.iter().filter_map(|index| input.transactions.get(*index as usize).copied()).collect();
    let reference = quancheng_contracts::execute_block(newest, &BlockInput { transactions: &kept, ..*input })?;
    Ok(Some((output.patch.clone(), reference.patch)))
}
