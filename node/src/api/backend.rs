//! What the HTTP API needs from the node. The API holds nothing else: no store, no queue, no key.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use quancheng_proof::SetChange;
use quancheng_state::{Snapshot, StoreError};
use quancheng_types::merkle::Path;
use quancheng_types::{
    AccountId, Block, ChainId, CommitCertificate, Digest, Genesis, Header, Height, HistoryLeaf, NodeId,
    PROTOCOL_VERSION, Parameters, Receipt, Round, Schedule, SealedTransaction, SignedTransaction, TransactionId,
    ValidatorId, ValidatorSet, VersionPlan, is_known_version,
};

use crate::admission::AdmissionError;
use crate::backup::{BackupError, BackupStatus};
use crate::driver::ClockReport;
use crate::fair::ClientAddress;
use crate::ledger::Lowest;
use crate::snapshot::{SnapshotError, SnapshotFolder, SnapshotStatus};

/// A future that an object-safe trait can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who this node is. Never changes while it runs.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain.
    pub chain_id: ChainId,
    /// Its genesis.
    pub genesis: Arc<Genesis>,
    /// Peer identity.
    pub node_id: NodeId,
    /// Validator identity; `None` on a follower.
    pub validator_id: Option<ValidatorId>,
}

/// Versions of the rules, as far as they are decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionStatus {
    /// The version of the next block.
    pub in_force: u16,
    /// The next one that this node does not carry, or else the next one at all, with the height from which it counts.
    pub scheduled: Option<(Height, VersionPlan)>,
}

impl VersionStatus {
    /// What a schedule says to a node that works on this height.
    #[must_use]
    pub fn of(versions: &Schedule<VersionPlan>, next: Height) -> Self {
        let later: Vec<_> = versions.entries().iter().filter(|entry| entry.effective > next).collect();
        let unknown = later.iter().find(|entry| !is_known_version(entry.value.version));
        let scheduled = unknown.or(later.first()).map(|entry| (entry.effective, entry.value.clone()));
        Self { in_force: versions.at(next).map_or(PROTOCOL_VERSION, |entry| entry.value.version), scheduled }
    }

    /// The scheduled version, when this node does not carry it and will stop before its height.
    #[must_use]
    pub fn unknown(&self) -> Option<&(Height, VersionPlan)> {
        self.scheduled.as_ref().filter(|(_, plan)| !is_known_version(plan.version))
    }
}

/// Where this node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Versions of the rules.
    pub versions: VersionStatus,
    /// Newest final block, durable here.
    pub height: Height,
    /// Its time, ms since 1970 UTC.
    pub time_ms: u64,
    /// Newest executed height.
    pub executed_height: Height,
    /// Newest height whose results a final header certifies.
    pub certified_height: Height,
    /// Leaves of the history log.
    pub history_size: u64,
    /// Its root.
    pub history_root: Digest,
    /// State root after `executed_height`.
    pub state_root: Digest,
    /// Round in progress; `None` while idle.
    pub round: Option<Round>,
    /// Whether this node may sign now.
    pub is_signing: bool,
    /// Whether another process asked with this validator's key since the start.
    pub is_key_asked: bool,
    /// Whether the log of the height in progress had lost something durable at the start.
    pub is_log_lost: bool,
    /// Whether a file of the store was found damaged since the start.
    pub is_store_damaged: bool,
    /// Whether it fetches blocks it missed.
    pub is_syncing: bool,
    /// How its clock compares with the validators'; `None` until that is known.
    pub clock: Option<ClockReport>,
    /// Connected peers.
    pub peers: usize,
    /// Those of them that are validators.
    pub connected_validators: usize,
    /// Validators in force.
    pub validators: usize,
    /// Power of the connected validators, and of this node if it is one.
    pub reachable_power: u64,
    /// Power of all validators in force.
    pub total_power: u64,
    /// Transactions admitted here and not yet executed.
    pub pending_transactions: usize,
    /// Time since start, ms.
    pub uptime_ms: u64,
    /// Least height of which lists and counts can be read; records can be read as of every height.
    pub lowest_state_height: Height,
    /// Least heights of blocks, receipts and known transactions.
    pub lowest: Lowest,
    /// Whether no connected peer has the next block any more.
    pub is_pruned_at_peers: bool,
}

/// How far a transaction has come. The order is the order of the stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// This node holds it durably.
    Admitted,
    /// It is in a final block.
    Ordered,
    /// It has a receipt.
    Executed,
    /// A final header certifies the receipt.
    Certified,
}

/// What is known of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// Nothing: never seen here, or not admitted.
    Unknown,
    /// Its time passed before it was ordered.
    Expired,
    /// It was executed, and its receipt is no longer kept here.
    Pruned {
        /// Height of its block.
        height: Height,
        /// Least height whose receipts are here.
        lowest: Height,
    },
    /// It has come this far.
    Known {
        /// Stage reached.
        stage: Stage,
        /// Height of its block, from [`Stage::Ordered`] on.
        height: Option<Height>,
        /// Time of that block, from [`Stage::Executed`] on.
        time_ms: Option<u64>,
        /// Its receipt, from [`Stage::Executed`] on.
        receipt: Option<Arc<Receipt>>,
    },
}

/// Result of submitting one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its id.
    pub id: TransactionId,
    /// Whether it was not known here before.
    pub is_new: bool,
}

/// An executed transaction with everything that proves it, except the header.
#[derive(Clone, Debug)]
pub struct ExecutedTransaction {
    /// Height of its block.
    pub height: Height,
    /// The transaction.
    pub transaction: SignedTransaction,
    /// Its receipt.
    pub receipt: Receipt,
    /// Path of the receipt to `receipts_root`.
    pub receipt_path: Path,
}

/// A final header that certifies results, with the quorum that signed it.
#[derive(Clone, Debug)]
pub struct CertifiedHeader {
    /// The header.
    pub header: Header,
    /// Its certificate.
    pub certificate: CommitCertificate,
    /// The set of its height.
    pub validators: ValidatorSet,
}

/// Results of one height, published when they are certified.
#[derive(Clone, Debug)]
pub struct CertifiedBlock {
    /// The height.
    pub height: Height,
    /// Newest executed height at that moment.
    pub executed_height: Height,
    /// Time of the block.
    pub time_ms: u64,
    /// All receipts, as long as the node keeps them in memory: a subscriber that lags must not. Later the store has them.
    pub receipts: Weak<Vec<Receipt>>,
}

/// The node as the API sees it. Reads may block on the disk for a few milliseconds: call them on a blocking thread.
pub trait Backend: Send + Sync + 'static {
    /// Who this node is.
    fn identity(&self) -> &Identity;
    /// Where it stands.
    fn status(&self) -> NodeStatus;
    /// Parameters in force.
    fn parameters(&self) -> Parameters;
    /// Checks and takes transactions of one client; answers when those that were taken are durable. One answer each, in order.
    fn submit(
        &self,
        from: ClientAddress,
        transactions: Vec<SealedTransaction>,
    ) -> Answer<'_, Vec<Result<Submitted, AdmissionError>>>;
    /// Checks form, signatures and account as [`Self::submit`] does.
    fn check(
        &self,
        from: ClientAddress,
        transaction: SealedTransaction,
    ) -> Answer<'_, Result<SealedTransaction, AdmissionError>>;
    /// Runs a checked transaction over the newest state and drops the result.
    ///
    /// # Errors
    /// [`AdmissionError`].
    fn simulate(&self, transaction: &SealedTransaction) -> Result<Receipt, AdmissionError>;
    /// What is known of a transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    fn transaction(&self, id: &TransactionId) -> Result<TransactionState, StoreError>;
    /// Waits until every transaction reached the stage (or expired, or is unknown), at most `timeout`.
    fn wait(
        &self,
        ids: Vec<TransactionId>,
        stage: Stage,
        timeout: Duration,
    ) -> Answer<'_, Result<Vec<TransactionState>, StoreError>>;
    /// State as of a height; the newest executed when `None`.
    ///
    /// # Errors
    /// [`StoreError`], also when the height is not yet executed.
    fn snapshot(&self, height: Option<Height>) -> Result<Snapshot, StoreError>;
    /// The newest executed height whose block time is not after `time_ms`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn height_at(&self, time_ms: u64) -> Result<Option<Height>, StoreError>;
    /// A final block and its certificate.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Pruned`] for one that is no longer kept, as of all that follows.
    fn block(&self, height: Height) -> Result<Option<(Block, CommitCertificate)>, StoreError>;
    /// At most `limit` receipts of an executed height from a position on, in order: a block may have more than fit in memory for
    /// every client at once.
    ///
    /// # Errors
    /// [`StoreError`].
    fn receipts(&self, height: Height, from: u32, limit: u32) -> Result<Vec<Receipt>, StoreError>;
    /// The transactions of an executed height that an account signed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn signed_by(&self, height: Height, account: &AccountId) -> Result<BTreeSet<TransactionId>, StoreError>;
    /// An executed transaction with its receipt and path.
    ///
    /// # Errors
    /// [`StoreError`].
    fn executed_transaction(&self, id: &TransactionId) -> Result<Option<ExecutedTransaction>, StoreError>;
    /// The set of a height.
    ///
    /// # Errors
    /// [`StoreError`].
    fn validators(&self, height: Height) -> Result<Option<ValidatorSet>, StoreError>;
    /// Leaf of the history log.
    ///
    /// # Errors
    /// [`StoreError`].
    fn history_leaf(&self, height: Height) -> Result<Option<HistoryLeaf>, StoreError>;
    /// Path of leaf `height` in the log of `size` leaves.
    ///
    /// # Errors
    /// [`StoreError`].
    fn history_path(&self, height: Height, size: u64) -> Result<Path, StoreError>;
    /// The newest final header that certifies the results of `height`; `None` when none does yet.
    ///
    /// # Errors
    /// [`StoreError`].
    fn certifying_header(&self, height: Height) -> Result<Option<CertifiedHeader>, StoreError>;
    /// Headers at which the set changed, below `height`, in ascending order.
    ///
    /// # Errors
    /// [`StoreError`].
    fn trust_path(&self, height: Height) -> Result<Vec<SetChange>, StoreError>;
    /// Certified results from now on. A receiver that is too slow misses some and is told so.
    fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Arc<CertifiedBlock>>;
    /// Begins a backup of this node, and returns before it is made.
    ///
    /// # Errors
    /// [`BackupError`]: [`BackupError::Running`] while one is being made.
    fn begin_backup(&self) -> Result<BackupStatus, BackupError>;
    /// Where the newest backup of this process stands.
    fn backup_status(&self) -> BackupStatus;
    /// Begins a snapshot of this node, and returns before it is made.
    ///
    /// # Errors
    /// [`SnapshotError`]: [`SnapshotError::Running`] while one is being made.
    fn begin_snapshot(&self) -> Result<SnapshotStatus, SnapshotError>;
    /// Where the newest snapshot of this process stands.
    fn snapshot_status(&self) -> SnapshotStatus;
    /// The snapshots that this node has.
    fn snapshots(&self) -> SnapshotFolder;
    /// Prometheus text.
    fn metrics(&self) -> String;
}
