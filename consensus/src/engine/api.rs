//! What goes into the engine and what comes out.

use core::fmt;
use std::sync::Arc;

use quancheng_types::limits::VALIDATORS_MAX;
use quancheng_types::{
    Absence, BatchHeader, BatchId, BatchRef, ChainId, CommitCertificate, Decisions, Digest, Header, Height, List,
    NodeId, PublicKey, Round, Schedules, Signature, SignedBatch, SigningKey, ValidatorId, VersionPlan,
};

use crate::availability::AuthorWindow;
use crate::log::LogEntry;
use crate::message::{BlocksRequest, CommittedBlock, Message};
use crate::sign_record::{NotSafe, SignRecord};

/// The two clocks of a step. Timers run on `elapsed_ms`, so a wall clock that jumps never fires or stops them; block
/// times are made and judged by `unix_ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that only goes forward, from any start.
    pub elapsed_ms: u64,
    /// Wall clock, milliseconds since 1970 UTC.
    pub unix_ms: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The shell is ready to carry out actions. Exactly once, first.
    Start,
    /// `Engine::next_deadline_ms` is reached. Early or needless ticks do no harm.
    Tick,
    /// A connection to this peer stands. Optional, but makes a start faster.
    PeerUp {
        /// Its proven identity.
        peer: NodeId,
    },
    /// The connection is gone.
    PeerDown {
        /// Its identity.
        peer: NodeId,
    },
    /// A peer says something.
    Peer {
        /// Its proven identity.
        from: NodeId,
        /// What it says.
        message: Message,
        /// Whether the shell has verified everything that `Engine::signatures_in` lists for this message.
        verified: bool,
    },
    /// The batcher sealed a batch of this validator, checked every transaction and stored it durably. After a restart
    /// the shell feeds stored batches of its own that were never ordered again, before new ones.
    LocalBatch {
        /// The batch, signed with this validator's key.
        batch: Arc<SignedBatch>,
    },
    /// Answer to [`Action::CheckBatch`].
    BatchChecked {
        /// Which.
        batch: BatchId,
        /// What was found.
        verdict: BatchVerdict,
    },
    /// A height was executed and its results are durable. In ascending order, one per height.
    Executed(Executed),
}

/// What the shell found when it checked a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchVerdict {
    /// The header commits to the transactions, every transaction is well formed, correctly signed and of this chain, and
    /// the batch is stored durably.
    Valid,
    /// The header commits to the transactions, and this one is not well formed or not correctly signed. This is
    /// provable misbehavior of the author.
    InvalidTransaction {
        /// Place in the batch.
        index: u32,
    },
    /// The header does not commit to the transactions, or they break a limit that is no part of the proof.
    Inconsistent,
    /// This node cannot store it now (no space). It is offered again later.
    NotStored,
}

/// Results of one executed height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The height; 0 is the genesis state.
    pub height: Height,
    /// Leaves of the history log: `height + 1`.
    pub history_size: u64,
    /// Root over them.
    pub history_root: Digest,
    /// What this height decided about later ones, with the heights from which it counts: taken as they are. `execution_lag_max` must
    /// be that of genesis: it is fixed for ever (decision 0021).
    pub decisions: Decisions,
}

/// What the shell does, strictly in order. It goes on to the next action only when one is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Append this entry to the log of the height (durable only after [`Self::Flush`]).
    AppendLog(LogEntry),
    /// Replace the sign record as a whole (durable only after [`Self::Flush`]).
    RecordSign(SignRecord),
    /// This block is final. Store it (durable only after [`Self::Flush`]); when flushed, tell clients and hand the block to the executor.
    /// Log entries up to its height may be dropped then; entries of later heights must stay.
    Commit(Arc<Commit>),
    /// Everything above is on disk, or the process stops: no action after a failed flush may be carried out.
    ///
    /// The log is synced before the record is replaced. A record without the vote it names would forbid this node to vote otherwise
    /// and leave it nothing to repeat; were that so at every node, the round would never end. Blocks may go beside either.
    Flush,
    /// Send to one peer. May be dropped when the peer is gone or slow.
    Send {
        /// Receiver.
        to: NodeId,
        /// Content.
        message: Message,
    },
    /// Send to every connected peer: validators and followers.
    Broadcast(Message),
    /// Check this batch (consistency, form and all signatures, in parallel), store it durably, and answer with
    /// [`Input::BatchChecked`].
    CheckBatch {
        /// The batch. Its author's signature is already verified.
        batch: Arc<SignedBatch>,
    },
    /// Store this batch for the executor. A quorum vouched for it: its transactions need no further check.
    StoreBatch {
        /// The batch. Verified to be the one that was ordered.
        batch: Arc<SignedBatch>,
    },
    /// All batches of this committed height are stored: it can be executed. In ascending order, one per height.
    BatchesReady {
        /// The height.
        height: Height,
    },
    /// Batches that can never be ordered any more; the shell may delete them.
    ForgetBatches(Vec<BatchId>),
    /// Answer a peer from the store, within the limits of the lane (`Message::BlocksResponse`, `Message::BatchResponse`).
    Serve {
        /// Receiver.
        to: NodeId,
        /// What it asked for.
        request: ServeRequest,
    },
    /// A peer broke the protocol in a way that no honest peer can. The shell may disconnect it for a while.
    Blame {
        /// The peer.
        peer: NodeId,
        /// Its deed.
        offence: Offence,
    },
    /// Something an operator must know; the node goes on.
    Alarm(Alarm),
    /// This node must stop: going on would spread an error, or needs other software ([`HaltReason::UnknownVersion`]). No action follows,
    /// now or later.
    Halt(HaltReason),
}

/// A decided block with what must be stored beside it in the same write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The block and its certificate.
    pub decided: CommittedBlock,
    /// New ordered-batch windows of the authors in this block; the shell keeps one row per author and gives all rows
    /// back in [`RecoveredState::windows`].
    pub windows: Vec<(ValidatorId, AuthorWindow)>,
}

/// What a peer asks of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServeRequest {
    /// Decided blocks; answer with as many as fit in `limits::SYNC_RESPONSE_BYTES`, at least one if there is one.
    Blocks(BlocksRequest),
    /// Batches; one message each, those that are there.
    Batches(Vec<BatchId>),
}

/// What a peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// A signature in its message does not verify.
    BadSignature,
    /// It delivered a block that is not the one it is named as: the header does not commit to the content beside it.
    BadBlock,
    /// It sent a batch that is not the one asked for, or whose header does not commit to it.
    BadBatch,
    /// It sent a certificate that is no quorum.
    BadCertificate,
    /// It answered a question nobody asked.
    Unasked,
    /// It takes part in the agreement of a height whose validators do not include it.
    Stranger,
    /// It told a proof of misbehavior that proves nothing.
    BadAccusation,
}

/// What an operator must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The sign record does not admit a signature, so it was not made. Never [`NotSafe::BelowFloor`]: what raised the floor had an
    /// alarm of its own, or is that the others have already decided the heights below it.
    NotSafe(NotSafe),
    /// A peer holds a signature of our key that our record does not know: a cloned key or a restored backup. This node
    /// signs nothing up to and including that height.
    SignedElsewhere {
        /// Height of the foreign signature.
        height: Height,
        /// Its round.
        round: Round,
    },
    /// Another process with our key lives, and was there before this one. This node must stop.
    KeyAlive,
    /// Another process starts with our key: it is told to stop.
    KeyAsked {
        /// Who asked, or passed the question on.
        from: NodeId,
    },
    /// A decided block holds a batch of our key that this node did not make. This node must stop: it might give numbers again.
    BatchElsewhere {
        /// The number of the batch.
        sequence: u64,
    },
    /// An own batch cannot be ordered, because its number counts as ordered or is that of another own batch. What it holds was
    /// admitted: this node must stop before it admits more.
    OwnBatchRefused {
        /// Its number.
        sequence: u64,
    },
    /// The log holds less than had been synced when the record was written. This node signs nothing at that height.
    LogBehindRecord {
        /// The height.
        height: Height,
        /// Entries that had been synced.
        expected: u64,
        /// Entries found.
        found: u64,
    },
    /// A validator broke the protocol; the proof is on its way into a block.
    Misbehavior {
        /// Who.
        validator: ValidatorId,
    },
    /// A proposal was refused for its content.
    ProposalRefused {
        /// Height.
        height: Height,
        /// Round.
        round: Round,
        /// Why.
        reason: crate::ordering::HeaderError,
    },
    /// A proposal was not voted for because its time is too far from our clock: one of the two clocks is wrong.
    ClockDrift {
        /// Whose proposal.
        proposer: ValidatorId,
        /// Its time, ms since 1970.
        time_ms: u64,
        /// Our clock, ms since 1970.
        now_ms: u64,
    },
    /// Peers are this far ahead and this node fetches what it missed.
    Behind {
        /// Our height.
        own: Height,
        /// Greatest height claimed by peers.
        claimed: Height,
    },
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSafe(reason) => write!(f, "a signature was not made: {reason}"),
            Self::SignedElsewhere { height, round } => write!(
                f,
                "a peer holds a signature of this validator's key at height {height} round {round} that this node did not make: \
                 check that the key runs on one machine only and that no backup of the data folder was restored; this node signs \
                 nothing up to that height"
            ),
            Self::KeyAlive => f.write_str(
                "another process that was there before this one uses this validator's key: this one stops. Check that the key runs on one \
                 machine only",
            ),
            Self::KeyAsked { from } => write!(
                f,
                "another process starts with this validator's key (heard from peer {from}); it is told to stop. Check that the key runs on \
                 one machine only; where this node was restored or made anew a moment ago, it may be what it asked itself at the start before, \
                 handed on by a peer that was away then"
            ),
            Self::BatchElsewhere { sequence } => write!(
                f,
                "the chain ordered batch number {sequence} of this validator's key, which this node did not make: the key runs on another \
                 machine, or the data folder is an older copy"
            ),
            Self::OwnBatchRefused { sequence } => write!(
                f,
                "own batch number {sequence} can never be ordered, because its number was used before; the transactions in it were admitted \
                 and are still in the data folder. The key runs on another machine, or the data folder is an older copy"
            ),
            Self::LogBehindRecord { height, expected, found } => write!(
                f,
                "the log of height {height} holds {found} entries, {expected} had been written: the disk lost data; this node signs \
                 nothing at that height and takes part again after it"
            ),
            Self::Misbehavior { validator } => write!(
                f,
                "validator {validator} broke the protocol; the proof is on its way into a block, which suspends it by rule"
            ),
            Self::ProposalRefused { height, round, reason } => {
                write!(f, "the proposal of height {height} round {round} is not voted for: {reason}")
            }
            Self::ClockDrift { proposer, time_ms, now_ms } => write!(
                f,
                "a proposal of {proposer} was not voted for: its time, {time_ms} ms, is too far from this node's clock, {now_ms} ms"
            ),
            Self::Behind { own, claimed } => write!(f, "peers are at height {claimed}, this node at {own}"),
        }
    }
}

/// Why this node must stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HaltReason {
    /// A quorum certified another history than this node computed: a bug or a corrupt disk, here or there.
    RootMismatch {
        /// The executed height.
        height: Height,
        /// Root this node computed.
        own: Digest,
        /// Root in a certified header.
        certified: Digest,
    },
    /// A quorum decided a block that breaks the rules as this node knows them: more than f faulty validators, or a
    /// release with other rules.
    CertifiedBlockInvalid {
        /// Its height.
        height: Height,
        /// Which rule.
        reason: crate::ordering::HeaderError,
    },
    /// From this height on the chain follows rules that this build does not carry. Everything before it is kept; a build that carries
    /// them goes on from here.
    UnknownVersion {
        /// The first height under them.
        height: Height,
        /// The version, and what to install.
        plan: VersionPlan,
    },
    /// The voting core failed: a bug.
    Core {
        /// Height in progress.
        height: Height,
        /// What it said.
        error: crate::ordering::CoreError,
    },
    /// Executing this height decided another `execution_lag_max` than genesis fixed: a bug in governance.
    LagChanged {
        /// The executed height.
        height: Height,
    },
    /// Executing this height decided something for heights that had been certain before, or more than may be in flight: a bug in
    /// governance.
    DecidedTooSoon {
        /// The executed height.
        height: Height,
    },
    /// The executor skipped a height: a bug.
    ExecutorOutOfOrder {
        /// Height named.
        height: Height,
        /// Height expected.
        expected: Height,
    },
}

/// A signature that a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureItem {
    /// Who signed.
    pub key: PublicKey,
    /// The 32 bytes that were signed.
    pub message: Digest,
    /// The signature.
    pub signature: Signature,
}

/// What one node chooses for itself.
#[derive(Debug)]
pub struct EngineConfig {
    /// The chain.
    pub chain_id: ChainId,
    /// Our identity on the network.
    pub node_id: NodeId,
    /// Our validator key; `None` makes a follower, which never signs.
    pub key: Option<SigningKey>,
    /// Least time between start and the first signature when our record is not fresh, ms. The node also waits until a
    /// quorum has told what it saw of us.
    pub quarantine_ms: u64,
    /// Drawn at random by every process anew: tells two processes with one key apart.
    pub instance: u64,
    /// Those of earlier processes on this data folder: a peer may still repeat the question of one of them.
    pub earlier_instances: Vec<u64>,
    /// A deliberate mistake.
    #[cfg(feature = "planted-bugs")]
    pub planted: Option<crate::planted::PlantedBug>,
}

/// A committed block as far as the next one depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its header.
    pub header: Header,
    /// Its certificate.
    pub certificate: CommitCertificate,
    /// Who is absent after it.
    pub absences: List<Absence, { VALIDATORS_MAX }>,
}

impl From<CommittedBlock> for Tip {
    fn from(decided: CommittedBlock) -> Self {
        let CommittedBlock { block, certificate } = decided;
        Self { header: block.header, certificate, absences: block.attendance.absences }
    }
}

/// What the shell found on disk. All of it was flushed, or is a tail that a crash may have left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveredState {
    /// Newest committed block; `None` on a fresh chain.
    pub tip: Option<Tip>,
    /// Newest height up to the tip whose block is not empty; 0 if none.
    pub last_nonempty: Height,
    /// Results of executed heights in ascending order without gaps: at least the newest, and as far back as
    /// `tip.header.executed_height` if that is older. On a fresh chain, the result of height 0.
    pub executed: Vec<Executed>,
    /// Sets, parameters and versions in force and in flight in the state of the newest executed height.
    pub schedules: Schedules,
    /// Our sign record; `None` for followers only.
    pub sign_record: Option<SignRecord>,
    /// Entries of the log in order. Entries up to the tip are ignored; those after the next height wait for theirs.
    pub log: Vec<LogEntry>,
    /// Rows of ordered-batch windows.
    pub windows: Vec<(ValidatorId, AuthorWindow)>,
    /// Batches of other authors that are stored and not ordered.
    pub stored: Vec<BatchHeader>,
    /// Committed and not yet executed blocks in ascending order: their batches, and whether each is stored.
    pub undelivered: Vec<(Height, Vec<(BatchRef, bool)>)>,
    /// One more than the greatest number that a batch of ours was given.
    pub next_sequence: u64,
}

/// Where the engine stands, for metrics and the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineStatus {
    /// Newest committed height.
    pub committed: Height,
    /// Newest executed height.
    pub executed: Height,
    /// Newest height whose results a committed header certifies.
    pub certified: Height,
    /// Round in progress; `None` while idle.
    pub round: Option<Round>,
    /// Whether this node may sign now.
    pub signing: bool,
    /// Certified batches waiting to be ordered.
    pub pool_batches: usize,
    /// Committed batches whose data is missing.
    pub missing_batches: usize,
    /// Greatest height that peers claim.
    pub claimed: Height,
    /// Another process asked with our key since the start.
    pub key_asked: bool,
}
