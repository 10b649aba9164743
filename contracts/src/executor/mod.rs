//! Runs the transactions of a decided block (protocol §5).
//!
//! - Order: blocks, batches as proposed, transactions as packed. An id that was executed before is skipped without a receipt.
//! - Every transaction runs over its own overlay, which is dropped whole when a call is refused: contracts never undo.
//! - Signatures are not checked here: only certified batches arrive, and an acknowledgement vouches for every signature. Whether a
//!   key may act for its account *is* judged here, at the block's height and time.
//! - A panic inside a contract is our own fault. It is caught, the overlay is dropped, the receipt says `INTERNAL` and
//!   [`BlockOutput::internal_count`] rises; every test that sees one fails. A store that fails is never caught: it travels as
//!   [`StoreError`] and stops the node.

mod planted;
mod refusal;
mod transaction;

use std::collections::BTreeSet;

use quancheng_state::{Memo, Overlay, Patch, StoreError, View};
use quancheng_types::{
    ChainId, Decisions, Height, MisbehaviorProof, Parameters, Receipt, SealedTransaction, SignedTransaction,
    TransactionId, ValidatorId, is_known_version,
};

use crate::contract::ResolvedSigner;
use crate::governance;
use crate::identity::OrgId;
use crate::refusal::Failure;
use planted::Planted;
use transaction::BlockScope;

#[cfg(feature = "planted-bugs")]
pub use planted::PlantedBug;
pub use refusal::CoreRefusal;

/// A version that only test builds carry (feature `test-version-2` of `quancheng-types`).
const TEST_VERSION: u16 = 2;

/// How far outside its time a transaction may be and still gets a receipt that says so, ms. Beyond, a block passes over it as if it were not
/// there: so what a block does with a transaction depends on the ids of the last [`replay_window_ms`] alone, and a node need not know all
/// that was ever executed.
const OUT_OF_TIME_TOLD_MS: u64 = 10 * 60 * 1000;

/// How long before a block the transactions were executed, at most, of which it has to know the ids, ms: those that it could meet again and
/// give a receipt. `lifetime_max_ms`: the longest that any parameters in force in that time let a transaction be valid.
#[must_use]
pub const fn replay_window_ms(lifetime_max_ms: u64) -> u64 {
    lifetime_max_ms.saturating_add(2 * OUT_OF_TIME_TOLD_MS)
}

/// Answers whether the transaction with this id, which is valid until so many ms since 1970 UTC, was executed at an earlier height.
pub type AlreadyExecuted<'a> = &'a dyn Fn(&TransactionId, u64) -> Result<bool, StoreError>;

/// A decided block, as the executor needs it.
#[derive(Clone, Copy)]
pub struct BlockInput<'a> {
    /// The chain.
    pub chain_id: ChainId,
    /// Version of the rules in the header.
    pub version: u16,
    /// Height of the block.
    pub height: Height,
    /// Time of the block, ms since 1970 UTC.
    pub time_ms: u64,
    /// Author and number of each batch, in order ([`quancheng_types::Block::ordered`]).
    pub batches: &'a [(ValidatorId, u64)],
    /// All transactions of all batches, in order.
    pub transactions: &'a [&'a SealedTransaction],
    /// Whether an id was executed at an earlier height. Ids within this block are watched by the executor.
    pub already_executed: AlreadyExecuted<'a>,
    /// The misbehavior proofs of the block, in order.
    pub misbehavior: &'a [MisbehaviorProof],
}

impl core::fmt::Debug for BlockInput<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "BlockInput(height {}, {} transactions)", self.height, self.transactions.len())
    }
}

/// What came of a block.
#[derive(Clone, Debug)]
pub struct BlockOutput {
    /// All writes.
    pub patch: Patch,
    /// One receipt per executed transaction; `position` counts from 0.
    pub receipts: Vec<Receipt>,
    /// For each receipt, the index of its transaction in [`BlockInput::transactions`].
    pub executed: Vec<u32>,
    /// For each receipt, the active organization for which the first signer acted; `None` for strangers and for what was refused before that was
    /// known. Part of no root.
    pub acting: Vec<Option<OrgId>>,
    /// What this block decided about later heights, with the heights from which it counts.
    pub decisions: Decisions,
    /// Misbehavior proofs recorded for the first time.
    pub misbehavior_recorded: u32,
    /// Transactions refused because a contract panicked. Anything but 0 is a bug.
    pub internal_count: u32,
}

/// Executes a block over the state of the height before.
///
/// # Errors
/// [`StoreError`]: the store failed, nothing may be committed, the node must stop.
pub fn execute_block(view: &dyn View, input: &BlockInput<'_>) -> Result<BlockOutput, StoreError> {
    execute_with(view, input, Planted::default())
}

/// Executes a block with a deliberate fault.
///
/// # Errors
/// As [`execute_block`].
#[cfg(feature = "planted-bugs")]
pub fn execute_block_with_bug(
    view: &dyn View,
    input: &BlockInput<'_>,
    bug: PlantedBug,
) -> Result<BlockOutput, StoreError> {
    execute_with(view, input, Planted { bug: Some(bug) })
}

/// What a transaction would come to in a block after the state of `view`, without deciding anything: for a client that asks before
/// it submits. Signatures are not looked at.
///
/// # Errors
/// [`StoreError`].
pub fn simulate(
    view: &dyn View,
    block: &BlockInput<'_>,
    transaction: &SealedTransaction,
) -> Result<Receipt, StoreError> {
    let parameters = governance::parameters_at(view, block.height)?;
    let mut overlay = Overlay::new(view);
    let scope = BlockScope { input: block, parameters: &parameters, planted: Planted::default() };
    transaction::execute(&mut overlay, &scope, transaction, 0).map(|done| done.receipt)
}

/// The signers of a transaction, when each may act for its account at a time and the sender may write at all, by the rules of
/// execution: what a node asks before it checks signatures. Signatures are not looked at.
///
/// # Errors
/// [`StoreError`].
pub fn check_signers(
    view: &dyn View,
    signed: &SignedTransaction,
    time_ms: u64,
    parameters: &Parameters,
) -> Result<Result<Vec<ResolvedSigner>, CoreRefusal>, StoreError> {
    match transaction::resolve(view, signed, time_ms) {
        Ok(signers) => Ok(transaction::check_writer(&signers, signed, parameters.writers).map(|()| signers)),
        Err(Failure::Refused(refusal)) => Ok(Err(refusal)),
        Err(Failure::Fatal(error)) => Err(error),
    }
}

fn execute_with(view: &dyn View, input: &BlockInput<'_>, planted: Planted) -> Result<BlockOutput, StoreError> {
    let parameters = governance::parameters_at(view, input.height)?;
    let scope = BlockScope { input, parameters: &parameters, planted };
    let memo = Memo::new(view);
    let mut overlay = Overlay::new(&memo);
    let mut seen = BTreeSet::new();
    let (mut receipts, mut executed, mut acting, mut internal_count) = (Vec::new(), Vec::new(), Vec::new(), 0_u32);

    for index in order(input, planted) {
        let Some(signed) = input.transactions.get(index as usize) else {
            continue;
        };
        if is_far_out_of_time(input.time_ms, signed, &parameters) {
            continue;
        }
        let id = signed.id();
        let is_new = seen.insert(id) && !(input.already_executed)(&id, signed.body.valid_until_ms)?;
        if !is_new && !planted.skips_duplicate_check() {
            continue;
        }
        let position = u32::try_from(receipts.len()).expect("a block holds fewer than 2^32 transactions");
        let done = transaction::execute(&mut overlay, &scope, signed, position)?;
        internal_count = internal_count.saturating_add(u32::from(done.is_internal));
        receipts.push(done.receipt);
        acting.push(done.acting);
        executed.push(index);
    }

    planted.number(&mut receipts);
    if !planted.forgets_windows() {
        governance::order(&mut overlay, input.batches)?;
    }
    let misbehavior_recorded = governance::punish(&mut overlay, input)?;
    let decisions = governance::decided_at(&overlay, input.height)?;
    let patch = overlay.into_patch();
    Ok(BlockOutput { patch, receipts, executed, acting, decisions, misbehavior_recorded, internal_count })
}

/// Whether a transaction is so far outside its time that it gets no receipt.
fn is_far_out_of_time(time_ms: u64, signed: &SignedTransaction, parameters: &Parameters) -> bool {
    let until_ms = signed.body.valid_until_ms;
    let latest_ms = time_ms.saturating_add(parameters.transaction_lifetime_max_ms);
    time_ms > until_ms.saturating_add(OUT_OF_TIME_TOLD_MS) || until_ms > latest_ms.saturating_add(OUT_OF_TIME_TOLD_MS)
}

/// Indexes of the transactions in the order of execution.
fn order(input: &BlockInput<'_>, planted: Planted) -> Vec<u32> {
    let count = u32::try_from(input.transactions.len()).expect("a block holds fewer than 2^32 transactions");
    let mut indexes: Vec<u32> = (0..count).collect();
    // The one rule of the version that only test builds know: the last packed runs first, so that roots tell the versions apart.
    if is_known_version(TEST_VERSION) && input.version >= TEST_VERSION {
        indexes.reverse();
    }
    planted.order(&mut indexes, input.transactions);
    indexes
}

#[cfg(test)]
mod tests;
