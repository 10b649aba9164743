//! What is on disk, in the form in which the engine takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quancheng_consensus::{AuthorWindow, Executed, LogEntry, RecoveredState, SignRecord, Tip, WINDOW_SEQUENCES};
use quancheng_types::{Decisions, Height, SignedBatch, ValidatorId};
use tracing::{error, info, warn};

use super::StartError;
use crate::api::StartProgress;
use crate::files::Marks;
use crate::ledger::{Ledger, LedgerError, execute_stored};
use crate::tracker::Tracker;
use crate::version::UnknownVersion;

/// How often a long start tells where it is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Batches to offer again, and the engine's state.
pub(super) struct Recovered {
    pub(super) state: RecoveredState,
    pub(super) own_batches: Vec<Arc<SignedBatch>>,
    /// Own batches that are ordered and not executed here.
    pub(super) own_ordered: Vec<(Height, Arc<SignedBatch>)>,
    pub(super) next_sequence: u64,
}

/// Whether this build carries the rules of the next block; warns when it will have to stop later.
pub(super) fn check_version(ledger: &Ledger) -> Result<(), StartError> {
    let failed = |error| StartError::Ledger(LedgerError::Store(error));
    let versions = ledger.versions().map_err(failed)?;
    let next = ledger.tip().map_err(failed)?.map_or(Height(1), |decided| decided.block.header.height.next());
    UnknownVersion::check(&versions, next).map_err(StartError::UnknownVersion)?;
    if let Some(unknown) = UnknownVersion::ahead(&versions, next) {
        warn!(height = %unknown.height, version = unknown.plan.version, "this node will stop: {unknown}");
    }
    Ok(())
}

/// Executes again what a crash took back of the results, before anything is built on them: as far as the batches are here. The rest, which
/// was never executed here, is executed by the running node.
pub(super) fn execute_again(ledger: &Ledger, asked: &AtomicBool, progress: &StartProgress) -> Result<(), StartError> {
    let failed = |error| StartError::Ledger(LedgerError::Store(error));
    let (from, begun) = (ledger.tip_status().height, Instant::now());
    let mut told = begun;
    loop {
        let executed = ledger.tip_status().height;
        progress.note(executed, ledger.newest_block());
        if asked.load(Ordering::Acquire) {
            // What is done is written out at the end, and the next start goes on there.
            info!(%from, to = %executed, "asked to stop while blocks are executed again");
            return Err(StartError::Asked);
        }
        let height = executed.next();
        let Some(block) = ledger.block(height).map_err(failed)?.map(|decided| decided.block) else {
            break;
        };
        let ids = block.batches.iter().map(|batch| batch.header.id());
        if !ids
            .map(|id| ledger.has_batch(&id))
            .try_fold(true, |all, is_here| is_here.map(|here| all && here))
            .map_err(failed)?
        {
            break;
        }
        UnknownVersion::check(&ledger.versions().map_err(failed)?, height).map_err(StartError::UnknownVersion)?;
        let batches = ledger.batches_of(&block).map_err(StartError::Ledger)?;
        execute_stored(ledger, &block, &batches).map_err(StartError::Ledger)?;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            info!(%height, of = %ledger.newest_block(), "blocks are executed again; the doors answer STARTING until this is done");
        }
    }
    let to = ledger.tip_status().height;
    if to > from {
        info!(%from, %to, ms = %begun.elapsed().as_millis(), "results that were not on the disk yet were made again");
    }
    Ok(())
}

pub(super) fn state(
    ledger: &Ledger,
    sign_record: Option<SignRecord>,
    log: Vec<LogEntry>,
    own: Option<ValidatorId>,
    marks: &Marks,
) -> Result<Recovered, StartError> {
    let failed = |error| StartError::Ledger(LedgerError::Store(error));
    let tip = ledger.tip().map_err(failed)?;
    let tip = tip.map(Tip::from);
    let tip_height = tip.as_ref().map_or(Height::GENESIS, |tip| tip.header.height);
    let (last_nonempty, windows) = ledger.windows();
    let undelivered = undelivered(ledger, tip_height).map_err(StartError::Ledger)?;
    let ordered: std::collections::BTreeSet<_> =
        undelivered.iter().flat_map(|(_, batches)| batches.iter().map(|(batch, _)| batch.header.id())).collect();

    let own_ordered = own_ordered(ledger, &undelivered, own).map_err(failed)?;
    let mut stored = Vec::new();
    let mut own_batches = Vec::new();
    let own_window = own.and_then(|own| windows.iter().find(|(author, _)| *author == own)).map(|(_, window)| *window);
    let floor = ledger.batch_floor().map_err(StartError::Ledger)?;
    let mut next_sequence = own_window.map_or(0, |window| window.end()).max(floor).max(marks.next_sequence);
    for batch in ledger.pending_batches().map_err(failed)? {
        let is_own = own == Some(batch.header.author);
        if is_own {
            next_sequence = next_sequence.max(batch.header.sequence.saturating_add(1));
        }
        if ordered.contains(&batch.header.id()) {
            continue;
        }
        if is_own {
            own_batches.push(batch);
        } else {
            stored.push(batch.header);
        }
    }
    own_batches.sort_by_key(|batch| batch.header.sequence);
    report_lost(&own_batches, &own_window.unwrap_or_default(), floor, marks);

    let state = RecoveredState {
        executed: executed(ledger, tip.as_ref()).map_err(failed)?,
        tip,
        last_nonempty,
        schedules: ledger.schedules().map_err(failed)?,
        sign_record,
        log,
        windows,
        stored,
        undelivered,
        next_sequence,
    };
    Ok(Recovered { state, own_batches, own_ordered, next_sequence })
}

/// Tells clients before the doors open what was durable before the restart: batches that wait, and those ordered and not executed here.
pub(super) fn inform(
    ledger: &Ledger,
    tracker: &Tracker,
    waiting: &[Arc<SignedBatch>],
    ordered: &[(Height, Arc<SignedBatch>)],
) {
    // A store that fails is noticed by all that write to it; here an unknown transaction is one that waits.
    let is_executed =
        |id: &quancheng_types::TransactionId, until_ms: u64| ledger.is_executed(id, until_ms).unwrap_or(false);
    for (height, batch) in ordered {
        tracker.restore(batch, Some(*height), is_executed);
    }
    for batch in waiting {
        tracker.restore(batch, None, is_executed);
    }
}

fn own_ordered(
    ledger: &Ledger,
    undelivered: &Undelivered,
    own: Option<ValidatorId>,
) -> Result<Vec<(Height, Arc<SignedBatch>)>, quancheng_state::StoreError> {
    let mut found = Vec::new();
    for (height, batches) in undelivered {
        for (reference, _) in batches.iter().filter(|(reference, _)| own == Some(reference.header.author)) {
            found.extend(ledger.batch(&reference.header.id())?.map(|batch| (*height, batch)));
        }
    }
    Ok(found)
}

/// Says which own batches were durable, and hence answered "admitted", and are neither ordered nor here any more. A store that holds all
/// that its marks name has lost none; this is for damage that no mark can show.
fn report_lost(own_batches: &[Arc<SignedBatch>], window: &AuthorWindow, floor: u64, marks: &Marks) {
    let first = marks.next_sequence.saturating_sub(WINDOW_SEQUENCES).max(floor);
    for sequence in first..marks.next_sequence {
        let is_here = own_batches.binary_search_by_key(&sequence, |batch| batch.header.sequence).is_ok();
        if !is_here && !window.is_ordered(sequence) {
            error!(
                sequence,
                "an own batch that was answered \"admitted\" is neither ordered nor in the store: unless another validator has it, its \
                 transactions are lost; check the disk, and tell those who submitted to submit again"
            );
        }
    }
}

/// Results from the height that the tip certifies (or the newest, if older) up to the newest.
fn executed(ledger: &Ledger, tip: Option<&Tip>) -> Result<Vec<Executed>, quancheng_state::StoreError> {
    let newest = ledger.tip_status().height;
    let certified = tip.map_or(Height::GENESIS, |tip| tip.header.executed_height).min(newest);
    let mut results = Vec::new();
    for height in certified.0..=newest.0 {
        let size = height.saturating_add(1);
        let history_root = ledger.history_root(size)?;
        let (height, decisions) = (Height(height), Decisions::default());
        results.push(Executed { height, history_size: size, history_root, decisions });
    }
    Ok(results)
}

type Undelivered = Vec<(Height, Vec<(quancheng_types::BatchRef, bool)>)>;

fn undelivered(ledger: &Ledger, tip: Height) -> Result<Undelivered, LedgerError> {
    let mut heights = Vec::new();
    let mut height = ledger.tip_status().height.next();
    while height <= tip {
        let block = ledger.block(height)?.ok_or(LedgerError::BlockMissing { height })?.block;
        let mut batches = Vec::new();
        for reference in block.batches.into_vec() {
            let is_stored = ledger.has_batch(&reference.header.id())?;
            batches.push((reference, is_stored));
        }
        heights.push((height, batches));
        height = height.next();
    }
    Ok(heights)
}
