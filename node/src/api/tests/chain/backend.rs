//! What the API asks of the node in memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quancheng_contracts::{BlockInput, executor};
use quancheng_proof::SetChange;
use quancheng_state::{Snapshot, StoreError};
use quancheng_types::{
    AccountId, Block, CommitCertificate, Height, HistoryLeaf, PROTOCOL_VERSION, Parameters, Receipt, SealedTransaction,
    TransactionId, ValidatorSet, merkle,
};
use tokio::sync::broadcast;

use super::{Fake, START_MS};
use crate::admission::AdmissionError;
use crate::api::backend::{
    Answer, Backend, CertifiedBlock, CertifiedHeader, ExecutedTransaction, Identity, NodeStatus, Stage, Submitted,
    TransactionState, VersionStatus,
};
use crate::backup::{BackupError, BackupStatus};
use crate::fair::ClientAddress;
use crate::snapshot::{SnapshotError, SnapshotFolder, SnapshotStatus};

impl Backend for Fake {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn status(&self) -> NodeStatus {
        let tip = self.store.tip().expect("genesis");
        NodeStatus {
            versions: VersionStatus { in_force: PROTOCOL_VERSION, scheduled: None },
            height: tip.height(),
            time_ms: tip.leaf.time_ms,
            executed_height: tip.height(),
            certified_height: Height(tip.height().0.saturating_sub(1)),
            history_size: tip.size,
            history_root: tip.root,
            state_root: tip.leaf.state_root,
            round: None,
            is_signing: self.is_signing.load(Ordering::SeqCst),
            is_key_asked: false,
            is_log_lost: false,
            is_store_damaged: false,
            is_syncing: false,
            clock: None,
            peers: 0,
            connected_validators: 0,
            validators: 1,
            reachable_power: 1,
            total_power: 1,
            pending_transactions: self.inner().pending.len(),
            uptime_ms: 1,
            lowest_state_height: self.store.oldest(),
            lowest: self.lowest(),
            is_pruned_at_peers: false,
        }
    }

    fn parameters(&self) -> Parameters {
        self.identity.genesis.parameters
    }

    fn submit(
        &self,
        _from: ClientAddress,
        transactions: Vec<SealedTransaction>,
    ) -> Answer<'_, Vec<Result<Submitted, AdmissionError>>> {
        Box::pin(async move { transactions.into_iter().map(|transaction| self.take(transaction)).collect() })
    }

    fn check(
        &self,
        _from: ClientAddress,
        transaction: SealedTransaction,
    ) -> Answer<'_, Result<SealedTransaction, AdmissionError>> {
        let checked = transaction.check(&self.identity.chain_id).map_err(AdmissionError::Transaction);
        Box::pin(std::future::ready(checked.map(|()| transaction)))
    }

    fn simulate(&self, transaction: &SealedTransaction) -> Result<Receipt, AdmissionError> {
        let tip = self.store.tip().expect("genesis");
        let input = BlockInput {
            chain_id: self.identity.chain_id,
            version: PROTOCOL_VERSION,
            height: tip.height().next(),
            time_ms: tip.leaf.time_ms + 1,
            batches: &[],
            transactions: &[],
            already_executed: &|_, _| Ok(false),
            misbehavior: &[],
        };
        Ok(executor::simulate(&self.store.snapshot()?, &input, transaction)?)
    }

    fn transaction(&self, id: &TransactionId) -> Result<TransactionState, StoreError> {
        if let Some((height, position)) = self.store.transaction_location(id)? {
            let receipt = match self.store.receipt(height, position) {
                Err(StoreError::Pruned { height, oldest }) => {
                    return Ok(TransactionState::Pruned { height, lowest: oldest });
                }
                receipt => receipt?.map(Arc::new),
            };
            let stage = if height <= self.status().certified_height { Stage::Certified } else { Stage::Executed };
            let time_ms = Some(START_MS + height.0 * 1000);
            return Ok(TransactionState::Known { stage, height: Some(height), time_ms, receipt });
        }
        if self.inner().pending.iter().any(|transaction| transaction.id() == *id) {
            return Ok(TransactionState::Known { stage: Stage::Admitted, height: None, time_ms: None, receipt: None });
        }
        Ok(TransactionState::Unknown)
    }

    fn wait(
        &self,
        ids: Vec<TransactionId>,
        stage: Stage,
        timeout: Duration,
    ) -> Answer<'_, Result<Vec<TransactionState>, StoreError>> {
        Box::pin(async move {
            if self.is_stuck.load(Ordering::SeqCst) {
                tokio::time::sleep(timeout).await;
            } else {
                self.seal();
                if stage == Stage::Certified {
                    self.seal();
                }
            }
            ids.iter().map(|id| self.transaction(id)).collect()
        })
    }

    fn snapshot(&self, height: Option<Height>) -> Result<Snapshot, StoreError> {
        height.map_or_else(|| self.store.snapshot(), |height| self.store.snapshot_at(height))
    }

    fn height_at(&self, time_ms: u64) -> Result<Option<Height>, StoreError> {
        let newest = self.status().executed_height.0;
        Ok(time_ms.checked_sub(START_MS).map(|since_ms| Height((since_ms / 1000).min(newest))))
    }

    fn block(&self, height: Height) -> Result<Option<(Block, CommitCertificate)>, StoreError> {
        let oldest = self.lowest().block;
        let is_pruned = Height::GENESIS < height && height < oldest;
        if is_pruned {
            Err(StoreError::Pruned { height, oldest })
        } else {
            Ok(self.inner().blocks.get(&height).cloned())
        }
    }

    fn receipts(&self, height: Height, from: u32, limit: u32) -> Result<Vec<Receipt>, StoreError> {
        match self.receipts_error.lock().expect("no panics inside").take() {
            Some(error) => Err(error),
            None => self.store.receipts_from(height, from, limit),
        }
    }

    fn signed_by(&self, height: Height, account: &AccountId) -> Result<BTreeSet<TransactionId>, StoreError> {
        let receipts = self.store.receipts(height)?;
        let inner = self.inner();
        let is_signer = |id: &TransactionId| {
            let transaction = inner.bodies.get(id).expect("executed");
            transaction.body.signers.iter().any(|signer| signer.account == *account)
        };
        Ok(receipts.into_iter().map(|receipt| receipt.transaction_id).filter(is_signer).collect())
    }

    fn executed_transaction(&self, id: &TransactionId) -> Result<Option<ExecutedTransaction>, StoreError> {
        let Some((height, position)) = self.store.transaction_location(id)? else {
            return Ok(None);
        };
        let receipt = self.store.receipt(height, position)?.expect("located");
        let receipt_path = self.store.receipt_path(height, position)?.expect("located");
        let transaction = self.inner().bodies.get(id).cloned().expect("executed").into_signed();
        Ok(Some(ExecutedTransaction { height, transaction, receipt, receipt_path }))
    }

    fn validators(&self, height: Height) -> Result<Option<ValidatorSet>, StoreError> {
        let is_known = height.0 > 0 && height <= self.status().height;
        Ok(is_known.then(|| self.identity.genesis.validators.clone()))
    }

    fn history_leaf(&self, height: Height) -> Result<Option<HistoryLeaf>, StoreError> {
        if height > self.status().executed_height { Ok(None) } else { self.store.history_leaf(height).map(Some) }
    }

    fn history_path(&self, height: Height, size: u64) -> Result<merkle::Path, StoreError> {
        self.store.history_path(height, size)
    }

    fn certifying_header(&self, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
        let inner = self.inner();
        let newest = inner.blocks.last_key_value().map(|(_, block)| block.clone());
        Ok(newest.filter(|(block, _)| block.header.executed_height >= height).map(|(block, certificate)| {
            CertifiedHeader { header: block.header, certificate, validators: self.identity.genesis.validators.clone() }
        }))
    }

    fn trust_path(&self, _height: Height) -> Result<Vec<SetChange>, StoreError> {
        Ok(Vec::new())
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<CertifiedBlock>> {
        self.sender.subscribe()
    }

    fn begin_backup(&self) -> Result<BackupStatus, BackupError> {
        let mut status = self.backup.lock().expect("no panics inside");
        if matches!(*status, BackupStatus::Running { .. }) {
            return Err(BackupError::Running);
        }
        *status = BackupStatus::Running { begun_ms: START_MS };
        Ok(status.clone())
    }

    fn begin_snapshot(&self) -> Result<SnapshotStatus, SnapshotError> {
        Err(SnapshotError::Empty)
    }

    fn snapshot_status(&self) -> SnapshotStatus {
        SnapshotStatus::Idle
    }

    fn snapshots(&self) -> SnapshotFolder {
        SnapshotFolder::at(&self.snapshots)
    }

    fn backup_status(&self) -> BackupStatus {
        self.backup.lock().expect("no panics inside").clone()
    }

    fn metrics(&self) -> String {
        "# TYPE height gauge\nheight 1\n".to_owned()
    }
}
