//! From what is on disk to a running engine.
//!
//! Order: chain state first (tip, sets, results, windows), then what this validator signed, then the log of the height in
//! progress. The log is replayed into the voting core when the height starts, after the start-up questions; until then the
//! node listens and syncs. If the height is decided meanwhile, the log is dropped.
//!
//! The record and the log check each other: the record says how many entries had been synced when it was written. A log with fewer
//! has lost data, and with it perhaps a lock; then this node does not sign at that height. A log that shows own signatures which the
//! record does not know is ahead of it: they are entered (`own_log`). Either way the record changes, and the first flush after the
//! start makes that durable before anything leaves.

use core::fmt;

use quancheng_types::{Height, ValidatorId};

use super::height::{EarlyMessages, HeightState};
use super::own_log::{by_height, enter_own};
use super::pace::Pace;
use super::presence::Attendees;
use super::requests::Requests;
use super::startup::StartUp;
use super::timers::Timers;
use super::twin::TwinWatch;
use super::{Action, Alarm, Engine, EngineConfig, Now, Outbox, RecoveredState};
use crate::availability::{Availability, Windows};
use crate::checker::SignatureChecker;
use crate::log::LogEntry;
use crate::misbehavior::MisbehaviorPool;
use crate::ordering::core::VotingCore;
use crate::ordering::results::Results;
use crate::ordering::schedule::Schedule;
use crate::planted::Planted;
use crate::sign_record::SignRecord;
use crate::signer::Signer;
use crate::sync::Sync;

/// Heights that the record may be ahead of the height in progress: a flush writes it beside the blocks that one step decided, and a
/// crash may leave the one without the others.
const RECORD_AHEAD_MAX: u64 = super::STEP_HEIGHTS_MAX as u64;

/// Why what is on disk makes no engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoverError {
    /// There is a validator key and no sign record. Never made up: see `SignRecord`.
    NoSignRecord,
    /// The sign record is of another chain or key.
    OtherSignRecord,
    /// No results of executed heights, not even of genesis.
    NoResults,
    /// The state does not say what is in force at the next height.
    NoSchedule {
        /// The next height.
        height: Height,
    },
    /// The chain on disk is behind what the record shows to be signed, by more than a crash can take back.
    BehindRecord {
        /// Height of the latest signature.
        signed: Height,
        /// Newest committed height.
        committed: Height,
    },
    /// Results are not consecutive.
    ResultsGap {
        /// The height that should have come.
        expected: Height,
        /// The height that came.
        found: Height,
    },
    /// The executor is ahead of the chain.
    ExecutedBeyondTip {
        /// Newest executed height.
        executed: Height,
        /// Newest committed height.
        committed: Height,
    },
    /// A committed header names another history than the one on disk.
    RootMismatch {
        /// The executed height.
        height: Height,
    },
    /// Committed and not executed heights are not all there.
    UndeliveredGap {
        /// The height that is missing.
        expected: Height,
    },
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSignRecord => f.write_str(
                "there is a validator key and no sign record; the node must not guess what it signed: restore the record, or make one \
                 above the height of the network with `quanchengd init --rejoin-above HEIGHT`",
            ),
            Self::OtherSignRecord => {
                f.write_str("the sign record belongs to another chain or key: check the data directory and the key file")
            }
            Self::BehindRecord { signed, committed } => write!(
                f,
                "this validator signed at height {signed}, and the store knows blocks up to {committed} only: the store lost data or is an \
                 older copy. Move the data folder away and join again with `quanchengd init --rejoin-above HEIGHT --salvage OLD_FOLDER`"
            ),
            Self::NoResults => f.write_str("the store holds no executed height, not even genesis: run `quanchengd init`"),
            Self::NoSchedule { height } => write!(
                f,
                "the state does not say which validators, parameters and version are in force at height {height}: restore the store from \
                 a snapshot"
            ),
            Self::ResultsGap { expected, found } => {
                write!(f, "the store has results of height {found} where {expected} should be: restore it from a snapshot")
            }
            Self::ExecutedBeyondTip { executed, committed } => write!(
                f,
                "height {executed} is executed but only {committed} is committed: the store lost blocks, restore it from a snapshot"
            ),
            Self::RootMismatch { height } => write!(
                f,
                "a committed header certifies another history root for height {height} than the store holds: restore the store \
                 from a snapshot and keep the damaged one for analysis"
            ),
            Self::UndeliveredGap { expected } => {
                write!(f, "committed height {expected} is neither executed nor in the store: restore it from a snapshot")
            }
        }
    }
}

impl core::error::Error for RecoverError {}

impl Engine {
    /// Makes an engine from what is on disk.
    ///
    /// # Errors
    /// [`RecoverError`]: the node must not start.
    pub fn recover(
        config: EngineConfig,
        state: RecoveredState,
        checker: Box<dyn SignatureChecker>,
    ) -> Result<Self, RecoverError> {
        let planted = planted(&config);
        let committed = state.tip.as_ref().map_or(Height::GENESIS, |tip| tip.header.height);
        let height = committed.next();
        let results = recover_results(&state, committed)?;
        check_undelivered(&state, results.newest(), committed)?;
        let mut logged_ahead = by_height(state.log, committed);
        let mut record = state.sign_record;
        if planted.forgotten_vote() {
            logged_ahead.clear();
            record = record.map(|record| SignRecord::fresh(record.chain_id(), record.public_key()));
        }
        let mut log = logged_ahead.remove(&height).unwrap_or_default();
        let (signer, startup) = recover_signer(&config, record, height, &mut log)?;
        let schedule = Schedule::new(state.schedules, results.newest(), height, planted);
        let schedule = schedule.ok_or(RecoverError::NoSchedule { height })?;
        let attendees = Attendees::new(schedule.at(height).core.clone());
        let core = VotingCore::new(config.chain_id, signer.id(), signer.has_key(), &schedule.at(height).core, planted);
        let own_window = state.windows.iter().find(|(author, _)| *author == signer.id());
        let ordered = own_window.map_or(0, |(_, window)| window.end());
        let twin = TwinWatch::new(config.instance, config.earlier_instances, state.next_sequence.max(ordered));
        let windows = Windows::new(state.windows, planted);
        let mut availability = Availability::default();
        let mut unorderable = Vec::new();
        for header in state.stored {
            if windows.is_ordered(&header) {
                unorderable.push(header.id());
            } else if header.author != signer.id() {
                availability.offers.recover(header);
            }
        }
        let validators = &schedule.at(height).validators;
        availability.delivery.recover(state.undelivered, validators, &signer.id());
        let mut out = Outbox::default();
        if !unorderable.is_empty() {
            out.other(Action::ForgetBatches(unorderable));
        }
        Ok(Self {
            chain_id: config.chain_id,
            node_id: config.node_id,
            quarantine_ms: config.quarantine_ms,
            planted,
            now: Now::default(),
            signer,
            checker,
            core,
            height: HeightState::new(height, log),
            early: EarlyMessages::default(),
            logged_ahead,
            tip: state.tip,
            last_nonempty: state.last_nonempty,
            ahead: super::ahead::Ahead::default(),
            cadence: super::Cadence::default(),
            heartbeat_due: false,
            schedule,
            results,
            windows,
            availability,
            misbehavior: MisbehaviorPool::default(),
            sync: Sync::new(planted),
            requests: Requests::default(),
            attendees,
            pace: Pace::default(),
            startup,
            twin,
            statements: std::collections::BTreeMap::new(),
            timers: Timers::default(),
            status_sent_ms: None,
            out,
            halted: false,
        })
    }
}

#[cfg(feature = "planted-bugs")]
fn planted(config: &EngineConfig) -> Planted {
    Planted::new(config.planted)
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(_config: &EngineConfig) -> Planted {
    Planted::default()
}

fn recover_results(state: &RecoveredState, committed: Height) -> Result<Results, RecoverError> {
    let Some(first) = state.executed.first() else {
        return Err(RecoverError::NoResults);
    };
    let mut expected = first.height;
    for executed in &state.executed {
        if executed.height != expected {
            return Err(RecoverError::ResultsGap { expected, found: executed.height });
        }
        expected = expected.next();
    }
    let own = state.executed.iter().map(|done| (done.height, (done.history_size, done.history_root)));
    let mut results = Results::new(own);
    if results.newest() > committed {
        return Err(RecoverError::ExecutedBeyondTip { executed: results.newest(), committed });
    }
    if let Some(tip) = &state.tip {
        results.certify(&tip.header).map_err(|mismatch| RecoverError::RootMismatch { height: mismatch.height })?;
    }
    Ok(results)
}

fn check_undelivered(state: &RecoveredState, executed: Height, committed: Height) -> Result<(), RecoverError> {
    let mut expected = executed.next();
    for (height, _) in &state.undelivered {
        if *height != expected {
            return Err(RecoverError::UndeliveredGap { expected });
        }
        expected = expected.next();
    }
    if expected == committed.next() { Ok(()) } else { Err(RecoverError::UndeliveredGap { expected }) }
}

/// The signer, and what is to be told and written at the start: the record as the log completes it, alarms about what it may
/// have forgotten.
fn recover_signer(
    config: &EngineConfig,
    record: Option<SignRecord>,
    height: Height,
    log: &mut Vec<LogEntry>,
) -> Result<(Signer, StartUp), RecoverError> {
    let mut alarms = Vec::new();
    let mut is_record_changed = false;
    let Some(key) = config.key.clone() else {
        let startup = StartUp::NotStarted { alarms, is_record_changed };
        return Ok((Signer::new(None), startup));
    };
    let Some(mut record) = record else {
        return Err(RecoverError::NoSignRecord);
    };
    if record.chain_id() != config.chain_id || record.public_key() != key.public_key() {
        return Err(RecoverError::OtherSignRecord);
    }
    if let Some(last) = record.last()
        && last.slot.height.0 > height.0.saturating_add(RECORD_AHEAD_MAX)
    {
        let committed = height.previous().unwrap_or_default();
        return Err(RecoverError::BehindRecord { signed: last.slot.height, committed });
    }
    let mut flushed = 0;
    if let Some(last) = record.last().copied()
        && last.slot.height == height
    {
        let found = u64::try_from(log.len()).unwrap_or(u64::MAX);
        flushed = last.log_entries.min(found);
        if found < last.log_entries {
            // Written at the start: entries that come later would hide the loss from the next restart.
            is_record_changed |= record.raise_floor(height.next());
            alarms.push(Alarm::LogBehindRecord { height, expected: last.log_entries, found });
        }
    }
    let own = ValidatorId::of(&key.public_key());
    let entered = enter_own(&mut record, &own, log, flushed);
    is_record_changed |= entered.is_changed;
    alarms.extend(entered.alarm);
    let mut signer = Signer::new(Some((key, record)));
    signer.log_entries_flushed = flushed;
    let startup = StartUp::NotStarted { alarms, is_record_changed };
    Ok((signer, startup))
}
