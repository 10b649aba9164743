//! What a starting node reads from its disk.

use quancheng_consensus::{Executed, LogEntry, RecoveredState, SignRecord, Tip, read_log};
use quancheng_contracts::governance;
use quancheng_state::StoreError;
use quancheng_types::codec::decode;
use quancheng_types::{BatchId, Decisions, Height, PublicKey, ValidatorId};

use super::{ChainTip, Disk, META_BYTES_MAX, META_TIP, Undelivered, text};

impl Disk {
    /// Reads everything back, as a starting node does: the engine's state, and own batches to offer again.
    pub(crate) fn recover(&mut self, key: Option<PublicKey>) -> Result<(RecoveredState, Vec<BatchId>), String> {
        let chain_id = self.genesis.chain_id();
        let log = read_log(self.log.name, &self.log.bytes).map_err(text)?;
        self.log.bytes.truncate(log.valid_bytes);
        self.log.writer = log.writer;
        self.log.newest = log.entries.iter().map(LogEntry::height).max().unwrap_or_default();
        if log.valid_bytes == 0 {
            self.log = self.log.next();
        }
        self.log.synced = self.log.bytes.len();
        self.read_tip()?;
        let sign_record = match (&self.record, key) {
            (Some(record), Some(key)) => Some(SignRecord::decode(&record.encode(), &chain_id, &key).map_err(text)?),
            (Some(_) | None, _) => None,
        };
        let tip = self.block(self.tip.height).map_err(text)?;
        let tip = tip.map(Tip::from);
        let undelivered = self.undelivered()?;
        let (stored, own) = self.pending(&undelivered, key.map(|key| ValidatorId::of(&key))).map_err(text)?;
        let state = RecoveredState {
            executed: self.executed(tip.as_ref()).map_err(text)?,
            tip,
            last_nonempty: self.tip.last_nonempty,
            schedules: governance::schedules(&self.store.snapshot().map_err(text)?).map_err(text)?,
            sign_record,
            log: log.entries,
            windows: self.tip.windows.iter().map(|(author, window)| (*author, *window)).collect(),
            stored,
            undelivered,
            next_sequence: key.map_or(Ok(0), |key| self.next_sequence(ValidatorId::of(&key))).map_err(text)?,
        };
        Ok((state, own))
    }

    /// The record beside the newest block may be older than it by the blocks of a torn flush.
    fn read_tip(&mut self) -> Result<(), String> {
        self.tip = match self.chain.meta(META_TIP).map_err(text)? {
            Some(bytes) => decode(&bytes, META_BYTES_MAX).map_err(text)?,
            None => ChainTip::default(),
        };
        let last = self.chain.last_block().map_err(text)?.unwrap_or_default();
        while self.tip.height < last {
            let height = self.tip.height.next();
            let block = self.chain.block(height).map_err(text)?.ok_or(format!("block {height} is not stored"))?;
            for (author, sequence) in block.ordered() {
                self.tip.windows.entry(author).or_default().insert(sequence);
            }
            self.tip.height = height;
            if !block.batches.is_empty() || !block.misbehavior.is_empty() {
                self.tip.last_nonempty = height;
            }
        }
        Ok(())
    }

    fn executed(&self, tip: Option<&Tip>) -> Result<Vec<Executed>, StoreError> {
        let newest = self.store.tip().map_or(Height::GENESIS, |tip| tip.height());
        let certified = tip.map_or(Height::GENESIS, |tip| tip.header.executed_height).min(newest);
        (certified.0..=newest.0)
            .map(|height| {
                let history_size = height + 1;
                let history_root = self.store.history_root(history_size)?;
                Ok(Executed { height: Height(height), history_size, history_root, decisions: Decisions::default() })
            })
            .collect()
    }

    fn undelivered(&self) -> Result<Undelivered, String> {
        let executed = self.store.tip().map_or(0, |tip| tip.height().0);
        let mut heights = Vec::new();
        for height in (executed + 1..=self.tip.height.0).map(Height) {
            let block = self.chain.block(height).map_err(text)?.ok_or(format!("block {height} is not stored"))?;
            let mut batches = Vec::new();
            for batch in block.batches.into_vec() {
                let is_stored = self.chain.has_batch(&batch.header.id()).map_err(text)?;
                batches.push((batch, is_stored));
            }
            heights.push((height, batches));
        }
        Ok(heights)
    }

    /// Stored batches that no block names: others' headers, and own ids in order of sequence.
    fn pending(
        &self,
        undelivered: &Undelivered,
        own: Option<ValidatorId>,
    ) -> Result<(Vec<quancheng_types::BatchHeader>, Vec<BatchId>), StoreError> {
        let ordered: Vec<BatchId> =
            undelivered.iter().flat_map(|(_, batches)| batches.iter().map(|(batch, _)| batch.header.id())).collect();
        let mut pending = self.chain.pending_batches()?;
        pending.retain(|header| !ordered.contains(&header.id()));
        pending.sort_by_key(|header| header.sequence);
        let (own, others): (Vec<_>, Vec<_>) = pending.into_iter().partition(|header| Some(header.author) == own);
        Ok((others, own.iter().map(quancheng_types::BatchHeader::id).collect()))
    }
}
