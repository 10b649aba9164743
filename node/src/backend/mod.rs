//! The node as the API sees it.

mod proofs;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quancheng_consensus::EngineStatus;
use quancheng_proof::SetChange;
use quancheng_state::{Record, Snapshot, StoreError};
use quancheng_types::merkle::Path;
use quancheng_types::{
    AccountId, Block, CommitCertificate, Height, HistoryLeaf, NodeId, Parameters, Receipt, Schedule, SealedTransaction,
    TransactionId, Validator, ValidatorSet, VersionPlan,
};
use tokio::sync::{broadcast, watch};

use crate::admission::{Admission, AdmissionError};
use crate::api::backend::{
    Answer, Backend, CertifiedBlock, CertifiedHeader, ExecutedTransaction, Identity, NodeStatus, Stage, Submitted,
    TransactionState, VersionStatus,
};
use crate::backup::{BackupDesk, BackupError, BackupStatus};
use crate::driver::{ClockReport, PeerBook};
use crate::fair::ClientAddress;
use crate::ledger::{Ledger, Lowest};
use crate::metrics::Metrics;
use crate::network::NetworkHandle;
use crate::snapshot::{SnapshotDesk, SnapshotError, SnapshotFolder, SnapshotStatus};
use crate::tracker::{Progress, Tracker, Waiter};

/// Blocks that a node may be behind its peers and still count as following.
const BEHIND_MAX: u64 = 4;

/// The parts of a running node that answer questions.
#[derive(Debug)]
pub struct NodeBackend {
    /// Who this node is.
    pub identity: Identity,
    /// The store.
    pub ledger: Arc<Ledger>,
    /// Where transactions stand.
    pub tracker: Arc<Tracker>,
    /// The door.
    pub admission: Admission,
    /// The network.
    pub network: NetworkHandle,
    /// Who is who.
    pub peers: Arc<PeerBook>,
    /// Where the engine stands.
    pub status: watch::Receiver<EngineStatus>,
    /// How this node's clock compares with the validators'.
    pub clock: watch::Receiver<Option<ClockReport>>,
    /// Whether no connected peer has the next block any more.
    pub pruned_peers: Arc<AtomicBool>,
    /// Whether the log had lost something at the start.
    pub is_log_lost: bool,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// When the node started.
    pub started: Instant,
    /// Backups of it.
    pub backups: BackupDesk,
    /// Snapshots of it.
    pub snapshots: Arc<SnapshotDesk>,
}

impl NodeBackend {
    async fn wait_for(
        &self,
        ids: Vec<TransactionId>,
        stage: Stage,
        timeout: Duration,
    ) -> Result<Vec<TransactionState>, StoreError> {
        if stage == Stage::Admitted {
            return ids.iter().map(|id| self.transaction(id)).collect();
        }
        let deadline = tokio::time::Instant::now() + timeout;
        let waiter = self.tracker.waiter(&ids, stage == Stage::Ordered);
        // A timeout is an answer, not an error: the states below say how far each came.
        let _ = tokio::time::timeout_at(deadline, self.reach(&ids, stage, &waiter)).await;
        let seen = waiter.seen();
        let certified = *self.tracker.watch_certified().borrow();
        let state = |id| match seen.get(id).and_then(|seen| Some((seen, seen.receipt()?))) {
            Some((seen, receipt)) => Ok(executed(seen.height, Some(seen.time_ms), receipt, certified)),
            None => self.transaction(id),
        };
        ids.iter().map(state).collect()
    }

    /// Resolves when every transaction is at `stage` (not the first one), expired or unknown.
    async fn reach(&self, ids: &[TransactionId], stage: Stage, waiter: &Waiter) -> Result<(), StoreError> {
        waiter.done().await;
        if stage != Stage::Certified {
            return Ok(());
        }
        let seen = waiter.seen();
        let mut newest = Height::GENESIS;
        for id in ids {
            let height = match seen.get(id) {
                Some(seen) => Some(seen.height),
                None => self.ledger.transaction_location(id)?.map(|(height, _)| height),
            };
            newest = newest.max(height.unwrap_or(Height::GENESIS));
        }
        let mut certified = self.tracker.watch_certified();
        // The sender lives as long as the tracker, which this holds.
        let _ = certified.wait_for(|height| *height >= newest).await;
        Ok(())
    }
}

impl NodeBackend {
    /// Versions of the rules for a node that works on this height.
    fn versions(&self, next: Height) -> VersionStatus {
        // A store that cannot be read says so elsewhere.
        let versions = self.ledger.versions().unwrap_or_else(|_| Schedule::starting(VersionPlan::first()));
        VersionStatus::of(&versions, next)
    }

    /// The transactions of a height that an account signed.
    fn read_signed_by(&self, height: Height, account: &AccountId) -> Result<BTreeSet<TransactionId>, StoreError> {
        let mut signed = BTreeSet::new();
        let Some(decided) = self.ledger.block(height)? else {
            return Ok(signed);
        };
        // One batch in memory at a time.
        for reference in &decided.block.batches {
            let id = reference.header.id();
            let missing = || StoreError::Missing { record: Record::Column("batches"), key: id.as_bytes().to_vec() };
            let batch = self.ledger.batch(&id)?.ok_or_else(missing)?;
            let is_signer = |transaction: &&SealedTransaction| {
                transaction.body.signers.iter().any(|signer| signer.account == *account)
            };
            signed.extend(batch.batch.transactions.iter().filter(is_signer).map(SealedTransaction::id));
        }
        Ok(signed)
    }
}

/// Of a transaction with a receipt, where results up to `certified` are certified.
fn executed(height: Height, time_ms: Option<u64>, receipt: Receipt, certified: Height) -> TransactionState {
    let stage = if height <= certified { Stage::Certified } else { Stage::Executed };
    TransactionState::Known { stage, height: Some(height), time_ms, receipt: Some(Arc::new(receipt)) }
}

impl Backend for NodeBackend {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn status(&self) -> NodeStatus {
        let engine = self.status.borrow().clone();
        let connected = self.network.connected();
        let validators = self.ledger.validators_in_force().unwrap_or_default();
        let connected_nodes: Vec<NodeId> = connected.iter().filter_map(|peer| self.peers.node_id(peer)).collect();
        let is_connected = |validator: &&Validator| connected_nodes.contains(&validator.node_id);
        let is_reachable =
            |validator: &&Validator| is_connected(validator) || validator.node_id == self.identity.node_id;
        let connected_validators = validators.iter().filter(is_connected).count();
        self.metrics.peers.set(u64::try_from(connected.len()).unwrap_or(u64::MAX));
        let tip = self.ledger.tip_status();
        // A store that cannot be read says so elsewhere.
        let lowest = self.ledger.lowest().unwrap_or_else(|_| Lowest::archive());
        NodeStatus {
            versions: self.versions(engine.committed.next()),
            height: engine.committed,
            time_ms: self.tracker.block_time_ms(),
            executed_height: tip.height,
            certified_height: *self.tracker.watch_certified().borrow(),
            history_size: tip.history_size,
            history_root: tip.history_root,
            state_root: tip.state_root,
            round: engine.round,
            is_signing: engine.signing,
            is_key_asked: engine.key_asked,
            is_log_lost: self.is_log_lost,
            is_store_damaged: self.ledger.is_damaged(),
            clock: *self.clock.borrow(),
            is_syncing: engine.claimed.0 > engine.committed.0.saturating_add(BEHIND_MAX),
            peers: connected.len(),
            connected_validators,
            validators: validators.len(),
            reachable_power: validators.iter().filter(is_reachable).map(|validator| validator.power).sum(),
            total_power: validators.iter().map(|validator| validator.power).sum(),
            pending_transactions: self.tracker.pending(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            lowest_state_height: tip.lowest_state_height,
            lowest,
            is_pruned_at_peers: self.pruned_peers.load(Ordering::Relaxed),
        }
    }

    fn parameters(&self) -> Parameters {
        self.admission.duty.borrow().parameters
    }

    fn submit(
        &self,
        from: ClientAddress,
        transactions: Vec<SealedTransaction>,
    ) -> Answer<'_, Vec<Result<Submitted, AdmissionError>>> {
        // A client that hangs up takes back what is in no batch yet; the rest comes to its end without it.
        Box::pin(self.admission.submit(from, transactions))
    }

    fn check(
        &self,
        from: ClientAddress,
        transaction: SealedTransaction,
    ) -> Answer<'_, Result<SealedTransaction, AdmissionError>> {
        Box::pin(self.admission.check(from, transaction))
    }

    fn simulate(&self, transaction: &SealedTransaction) -> Result<Receipt, AdmissionError> {
        self.admission.simulate(transaction, |height| self.versions(height).in_force)
    }

    fn transaction(&self, id: &TransactionId) -> Result<TransactionState, StoreError> {
        let known = |stage, height| TransactionState::Known { stage, height, time_ms: None, receipt: None };
        let progress = self.tracker.progress(id);
        // Executed between the two looks: the store knows it by then, so it is asked second.
        let receipt = match self.ledger.receipt_of(id) {
            Err(StoreError::Pruned { height, oldest }) => {
                return Ok(TransactionState::Pruned { height, lowest: oldest });
            }
            other => other?,
        };
        if let Some((height, receipt)) = receipt {
            let time_ms = self.ledger.history_leaf(height)?.map(|leaf| leaf.time_ms);
            return Ok(executed(height, time_ms, receipt, *self.tracker.watch_certified().borrow()));
        }
        Ok(match progress {
            Some(Progress::Admitted) => known(Stage::Admitted, None),
            Some(Progress::Ordered(height)) => known(Stage::Ordered, Some(height)),
            Some(Progress::Expired) => TransactionState::Expired,
            None => TransactionState::Unknown,
        })
    }

    fn wait(
        &self,
        ids: Vec<TransactionId>,
        stage: Stage,
        timeout: Duration,
    ) -> Answer<'_, Result<Vec<TransactionState>, StoreError>> {
        Box::pin(self.wait_for(ids, stage, timeout))
    }

    fn snapshot(&self, height: Option<Height>) -> Result<Snapshot, StoreError> {
        match height {
            Some(height) => self.ledger.snapshot_at(height),
            None => self.ledger.snapshot(),
        }
    }

    fn height_at(&self, time_ms: u64) -> Result<Option<Height>, StoreError> {
        self.ledger.height_at(time_ms)
    }

    fn block(&self, height: Height) -> Result<Option<(Block, CommitCertificate)>, StoreError> {
        let decided = self.ledger.unless_pruned(height, self.ledger.block(height))?;
        Ok(decided.map(|decided| (decided.block, decided.certificate)))
    }

    fn receipts(&self, height: Height, from: u32, limit: u32) -> Result<Vec<Receipt>, StoreError> {
        self.ledger.receipts_from(height, from, limit)
    }

    fn signed_by(&self, height: Height, account: &AccountId) -> Result<BTreeSet<TransactionId>, StoreError> {
        self.ledger.unless_pruned(height, self.read_signed_by(height, account))
    }

    fn executed_transaction(&self, id: &TransactionId) -> Result<Option<ExecutedTransaction>, StoreError> {
        self.ledger.executed_transaction(id)
    }
    fn validators(&self, height: Height) -> Result<Option<ValidatorSet>, StoreError> {
        self.ledger.validators_at(height)
    }

    fn history_leaf(&self, height: Height) -> Result<Option<HistoryLeaf>, StoreError> {
        self.ledger.history_leaf(height)
    }

    fn history_path(&self, height: Height, size: u64) -> Result<Path, StoreError> {
        self.ledger.history_path(height, size)
    }

    fn certifying_header(&self, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
        proofs::certifying_header(&self.ledger, height)
    }

    fn trust_path(&self, height: Height) -> Result<Vec<SetChange>, StoreError> {
        self.ledger.trust_path(height)
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<CertifiedBlock>> {
        self.tracker.subscribe()
    }

    fn begin_backup(&self) -> Result<BackupStatus, BackupError> {
        self.backups.begin(&self.ledger)
    }

    fn backup_status(&self) -> BackupStatus {
        self.backups.status()
    }

    fn begin_snapshot(&self) -> Result<SnapshotStatus, SnapshotError> {
        self.snapshots.begin(&self.ledger)
    }

    fn snapshot_status(&self) -> SnapshotStatus {
        self.snapshots.status()
    }

    fn snapshots(&self) -> SnapshotFolder {
        self.snapshots.folder()
    }

    fn metrics(&self) -> String {
        // The status refreshes the gauges that nobody else sets.
        let _ = self.status();
        self.metrics.text(self.network.metrics())
    }
}
