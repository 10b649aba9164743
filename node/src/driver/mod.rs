//! The driver: owns the consensus engine, feeds it, and carries out its actions strictly in order.
//!
//! ```text
//!  network ─┐                                   ┌─► log, sign record, blocks   (durable, before anything leaves)
//!  batcher ─┤                                   ├─► network
//!  verifier ┼─► inputs ─► Engine::step ─► actions┼─► verifier, executor
//!  executor ┤                                   └─► tracker
//!  clock ───┘
//! ```
//!
//! It runs on a thread of its own, because a flush blocks. Everyone else talks to it through one bounded queue; the driver itself
//! never waits for anyone but the disk. An effect that cannot be made durable ends the process before another message leaves
//! (protocol §4, the signing boundary).

mod asked;
mod bars;
mod clock;
mod flush;
mod peers;
mod perform;
mod pruned_peers;
mod pump;
mod serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quancheng_consensus::{BatchVerdict, Engine, EngineStatus, Executed, HaltReason, Input, Message, Now};
use quancheng_types::{BatchId, Height, NodeId, SignedBatch, ValidatorId, ValidatorSet};
use tokio::sync::{oneshot, watch};

use crate::admission::Duty;
use crate::batcher::{InFlight, SealRules};
use crate::executor::ExecutorHandle;
use crate::files::{FileError, FolderLost, LogFile, SignRecordFile, StoppedFile};
use crate::ledger::{Ledger, LedgerError};
use crate::marks::MarkKeeper;
use crate::metrics::Metrics;
use crate::network::NetworkHandle;
use crate::start::seal_rules;
use crate::thread_end::Threads;
use crate::tracker::Tracker;
use crate::verifier::VerifierHandle;
use crate::version::UnknownVersion;

pub use asked::Asked;
pub use bars::Bars;
pub use clock::ClockReport;
pub use peers::PeerBook;
pub use pump::{Place, Pump};
pub use serve::ServeQueue;

/// Inputs that may wait for the driver. Past it their senders wait. Few of them are messages of peers: see [`Pump`].
const QUEUE_LENGTH: usize = 4096;
/// Longest sleep without a deadline: bounds how late a shutdown or a clock change is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// Something for the driver.
#[derive(Debug)]
pub enum DriverInput {
    /// A peer is connected.
    PeerUp(NodeId),
    /// A peer is gone.
    PeerDown(NodeId),
    /// A decoded message.
    Message {
        /// Who says it.
        from: NodeId,
        /// What.
        message: Box<Message>,
        /// Free for another message when this one has been taken in.
        place: Place,
    },
    /// An own batch, stored durably.
    LocalBatch {
        /// The batch.
        batch: Arc<SignedBatch>,
    },
    /// A verdict.
    BatchChecked {
        /// On which batch.
        batch: BatchId,
        /// The verdict.
        verdict: BatchVerdict,
    },
    /// Results of a height.
    Executed(Executed),
    /// The executor cannot go on.
    ExecutorFailed(LedgerError),
    /// Batches cannot be stored.
    StoreFailed(LedgerError),
    /// What is durable cannot be noted outside the store.
    MarksFailed(Arc<FileError>),
    /// End the loop after the current step.
    Stop,
}

/// Sends inputs.
#[derive(Clone, Debug)]
pub struct DriverHandle {
    queue: SyncSender<DriverInput>,
}

impl DriverHandle {
    /// For inputs that nobody repeats: waits for a place in the queue. `false` when the driver is gone.
    #[must_use]
    pub fn deliver(&self, input: DriverInput) -> bool {
        self.queue.send(input).is_ok()
    }

    /// Tries without waiting; gives the input back when the queue is full. A driver that is gone swallows it.
    #[must_use]
    pub fn try_deliver(&self, input: DriverInput) -> Option<DriverInput> {
        match self.queue.try_send(input) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => None,
            Err(TrySendError::Full(input)) => Some(input),
        }
    }
}

/// Why the driver stopped.
#[derive(Debug)]
pub enum DriverEnd {
    /// It was asked to.
    Stopped,
    /// The engine found that going on would spread an error.
    Halted(Box<HaltReason>),
    /// The next height follows rules that this build does not carry.
    UnknownVersion(UnknownVersion),
    /// A file could not be made durable.
    File(Arc<FileError>),
    /// The store failed.
    Ledger(LedgerError),
    /// The key of this validator signed elsewhere: another process has it, or the data folder is an older copy.
    KeyElsewhere(String),
    /// The data folder was taken away under the running node.
    FolderLost(Box<FolderLost>),
    /// The driver itself failed: a bug.
    Panicked,
}

impl std::fmt::Display for DriverEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped => f.write_str("as asked"),
            Self::Halted(reason) => write!(f, "going on would spread an error: {reason:?}"),
            Self::UnknownVersion(unknown) => unknown.fmt(f),
            Self::File(error) => error.fmt(f),
            Self::Ledger(error) => error.fmt(f),
            Self::KeyElsewhere(reason) => f.write_str(reason),
            Self::FolderLost(lost) => lost.fmt(f),
            Self::Panicked => f.write_str("the driver failed; this is a bug, the log above says where"),
        }
    }
}

/// What the driver works with.
pub struct DriverParts {
    /// The pure engine, recovered.
    pub engine: Engine,
    /// The log.
    pub log: LogFile,
    /// Where the sign record lies.
    pub sign_record: SignRecordFile,
    /// Notes what is durable outside the store.
    pub marks: MarkKeeper,
    /// Where it is noted why this node may not go on.
    pub stopped: StoppedFile,
    /// The store.
    pub ledger: Arc<Ledger>,
    /// The network.
    pub network: NetworkHandle,
    /// Who is who.
    pub peers: Arc<PeerBook>,
    /// Who is not listened to.
    pub bars: Arc<Bars>,
    /// What peers were asked for.
    pub asked: Arc<Asked>,
    /// Checks batches.
    pub verifier: VerifierHandle,
    /// Executes blocks.
    pub executor: ExecutorHandle,
    /// Tells clients.
    pub tracker: Arc<Tracker>,
    /// Answers peers from the store.
    pub serve: ServeQueue,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where the engine stands, for everyone.
    pub status: watch::Sender<EngineStatus>,
    /// Own batches in flight, for the batcher.
    pub in_flight: watch::Sender<InFlight>,
    /// Parameters and membership in force, for admission.
    pub duty: watch::Sender<Duty>,
    /// When batches are sealed, for the batcher.
    pub rules: watch::Sender<SealRules>,
    /// How this node's clock compares with the validators', for admission and the API; `None` until that is known.
    pub clock: watch::Sender<Option<ClockReport>>,
    /// Whether no connected peer has the next block any more, for the API.
    pub pruned_peers: Arc<AtomicBool>,
    /// This validator; `None` on a follower.
    pub own: Option<ValidatorId>,
}

/// The running driver.
pub struct Driver {
    parts: DriverParts,
    staged: flush::Staged,
    queue: Receiver<DriverInput>,
    started: Instant,
    halted: Arc<AtomicBool>,
    clock_watch: clock::ClockWatch,
    pruned_peers: pruned_peers::PrunedPeers,
    /// The set in force when it was last looked at, and the height.
    in_force: (Height, ValidatorSet),
}

impl std::fmt::Debug for DriverParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DriverParts")
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Driver")
    }
}

/// Makes the queue of a driver that is built later.
#[must_use]
pub fn queue() -> (DriverHandle, Receiver<DriverInput>) {
    let (sender, receiver) = sync_channel(QUEUE_LENGTH);
    (DriverHandle { queue: sender }, receiver)
}

impl Driver {
    /// Puts it together; nothing runs yet.
    #[must_use]
    pub fn new(parts: DriverParts, queue: Receiver<DriverInput>, halted: Arc<AtomicBool>) -> Self {
        let in_force = (parts.engine.status().committed, parts.engine.validators().clone());
        Self {
            in_force,
            parts,
            staged: flush::Staged::default(),
            queue,
            started: Instant::now(),
            halted,
            clock_watch: clock::ClockWatch::default(),
            pruned_peers: pruned_peers::PrunedPeers::default(),
        }
    }

    /// Runs on a thread of its own. The receiver resolves when it ends; an error there means that it panicked.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(
        self,
        own_batches: Vec<Arc<SignedBatch>>,
        threads: &Threads,
    ) -> std::io::Result<oneshot::Receiver<DriverEnd>> {
        let (ended, end) = oneshot::channel();
        threads.spawn("driver", move || {
            // Nobody listens once the node has lost patience.
            let _ = ended.send(self.run(own_batches));
        })?;
        Ok(end)
    }

    /// Runs until it is stopped or must stop. `own_batches` are stored batches of this validator that were never ordered.
    #[must_use]
    pub fn run(mut self, own_batches: Vec<Arc<SignedBatch>>) -> DriverEnd {
        let mut inputs = vec![Input::Start];
        inputs.extend(own_batches.into_iter().map(|batch| Input::LocalBatch { batch }));
        for input in inputs {
            if let Err(end) = self.step(input) {
                return self.end(end);
            }
        }
        loop {
            let sleep = self.until_deadline();
            let end = match self.queue.recv_timeout(sleep) {
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => self.step(Input::Tick),
                Err(RecvTimeoutError::Disconnected) => Err(DriverEnd::Stopped),
            };
            if let Err(end) = end {
                return self.end(end);
            }
        }
    }

    fn end(&self, end: DriverEnd) -> DriverEnd {
        self.halted.store(true, Ordering::SeqCst);
        end
    }

    fn take(&mut self, input: DriverInput) -> Result<(), DriverEnd> {
        // A deadline that has passed goes first: a busy queue must not starve the timers.
        if self.until_deadline().is_zero() {
            self.step(Input::Tick)?;
        }
        let input = match input {
            DriverInput::PeerUp(peer) => Input::PeerUp { peer },
            DriverInput::PeerDown(peer) => {
                self.forget_blocks_of(&peer);
                Input::PeerDown { peer }
            }
            DriverInput::Message { from, message, place } => {
                self.read_clock(from, &message);
                self.hear_of_blocks(from, &message);
                place.free();
                Input::Peer { from, message: *message, verified: false }
            }
            DriverInput::LocalBatch { batch } => Input::LocalBatch { batch },
            DriverInput::BatchChecked { batch, verdict } => Input::BatchChecked { batch, verdict },
            DriverInput::Executed(executed) => Input::Executed(executed),
            DriverInput::ExecutorFailed(error) | DriverInput::StoreFailed(error) => {
                return Err(DriverEnd::Ledger(error));
            }
            DriverInput::MarksFailed(error) => return Err(DriverEnd::File(error)),
            DriverInput::Stop => return Err(DriverEnd::Stopped),
        };
        self.step(input)
    }

    fn step(&mut self, input: Input) -> Result<(), DriverEnd> {
        self.clock_watch.awake(Instant::now());
        let now = self.now();
        let actions = self.parts.engine.step(now, input);
        self.perform(actions)?;
        self.publish();
        Ok(())
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { elapsed_ms: millis(self.started.elapsed()), unix_ms: millis(unix) }
    }

    /// Compares the clocks, if the message is a proposal.
    fn read_clock(&mut self, from: NodeId, message: &Message) {
        self.clock_watch.awake(Instant::now());
        let now = self.now();
        let Some(report) = self.clock_watch.observe(&self.parts.engine, self.parts.own, from, message, now) else {
            return;
        };
        self.clock_watch.tell(report, Instant::now());
        self.parts.metrics.clock_ahead_ms.set(report.map_or(0, |report| report.ahead_ms));
        self.parts.clock.send_if_modified(|old| std::mem::replace(old, report) != report);
    }

    fn until_deadline(&self) -> Duration {
        let Some(deadline) = self.parts.engine.next_deadline_ms() else {
            return SLEEP_MAX;
        };
        let now = millis(self.started.elapsed());
        Duration::from_millis(deadline.saturating_sub(now)).min(SLEEP_MAX)
    }

    fn publish(&mut self) {
        let status = self.parts.engine.status();
        let is_ready = status.signing;
        self.follow_set();
        self.parts.status.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
        let in_flight = InFlight::of(&self.parts.engine);
        let engine = &self.parts.engine;
        // One that is about to leave takes nothing more: what it takes now might not be ordered before its batches count no longer.
        let sets = [engine.validators(), engine.latest_validators()];
        let is_validator = self.parts.own.is_some_and(|id| sets.iter().all(|set| set.by_id(&id).is_some()));
        let duty = Duty { parameters: *engine.parameters(), is_validator, is_ready };
        if *self.parts.duty.borrow() != duty {
            self.parts.duty.send_replace(duty);
        }
        let rules = seal_rules(engine);
        self.parts.rules.send_if_modified(|old| std::mem::replace(old, rules) != rules);
        self.parts.in_flight.send_if_modified(|old| std::mem::replace(old, in_flight) != in_flight);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
