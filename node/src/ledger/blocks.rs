//! Decided blocks, and the windows of ordered batches that belong to them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_consensus::{AuthorWindow, Commit, CommittedBlock};
use quancheng_state::{ChainStore, Durability, Record, StoreError};
use quancheng_types::codec::{decode, encode};
use quancheng_types::{Block, Height, ValidatorId};

use super::{Ledger, LedgerError};

const META_NAME: &str = "chain-tip";
/// Greatest size of the record: a window of 200 bytes per author that ever was.
const META_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// What the next block depends on beside the newest one. Written with each commit; when a crash leaves it behind the newest block,
/// the blocks between bring it up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct ChainTip {
    height: Height,
    last_nonempty: Height,
    windows: BTreeMap<ValidatorId, AuthorWindow>,
}

impl ChainTip {
    pub(super) fn height(&self) -> Height {
        self.height
    }

    /// Which batches of an author were ordered.
    pub(super) fn window(&self, author: &ValidatorId) -> Option<AuthorWindow> {
        self.windows.get(author).copied()
    }

    pub(super) fn read(chain: &ChainStore) -> Result<Self, LedgerError> {
        let mut tip = match chain.meta(META_NAME)? {
            Some(bytes) => decode::<Self>(&bytes, META_BYTES_MAX).map_err(|error| StoreError::Undecodable {
                record: Record::Column("meta"),
                key: META_NAME.as_bytes().to_vec(),
                error,
            })?,
            None => Self::default(),
        };
        let last = chain.last_block()?.unwrap_or_default();
        while tip.height < last {
            let height = tip.height.next();
            let block = chain.block(height)?.ok_or(LedgerError::BlockMissing { height })?;
            for (author, sequence) in block.ordered() {
                tip.windows.entry(author).or_default().insert(sequence);
            }
            tip.enter(&block);
        }
        Ok(tip)
    }

    /// Of a chain that begins after a height, with the windows that its state tells.
    pub(super) fn imported(height: Height, windows: Vec<(ValidatorId, AuthorWindow)>) -> Self {
        // Which of the blocks before was the newest with content is not known: this one, at the latest.
        Self { height, last_nonempty: height, windows: windows.into_iter().collect() }
    }

    /// Writes it, to be durable with a later write.
    pub(super) fn write(&self, chain: &ChainStore) -> Result<(), StoreError> {
        chain.meta_put(META_NAME, encode(self), Durability::Buffered)
    }

    fn enter(&mut self, block: &Block) {
        self.height = block.header.height;
        if !block.batches.is_empty() || !block.misbehavior.is_empty() {
            self.last_nonempty = block.header.height;
        }
    }
}

impl Ledger {
    /// Stores decided blocks with their windows. Durable when it returns.
    ///
    /// # Errors
    /// [`LedgerError::Store`]: the process must stop.
    pub fn put_commits(&self, commits: &[Arc<Commit>]) -> Result<(), LedgerError> {
        let mut tip = self.tip.read().unwrap_or_else(PoisonError::into_inner).clone();
        for commit in commits {
            let CommittedBlock { block, certificate } = &commit.decided;
            self.chain.put_block(block, certificate, Durability::Buffered)?;
            tip.windows.extend(commit.windows.iter().copied());
            tip.enter(block);
        }
        self.chain.meta_put(META_NAME, encode(&tip), Durability::Synced)?;
        *self.tip.write().unwrap_or_else(PoisonError::into_inner) = tip;
        Ok(())
    }

    /// A decided block, once it is durable: neither a peer nor a client may see one that a power cut can take back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn block(&self, height: Height) -> Result<Option<CommittedBlock>, StoreError> {
        if height > self.tip.read().unwrap_or_else(PoisonError::into_inner).height {
            return Ok(None);
        }
        let (Some(block), Some(certificate)) = (self.chain.block(height)?, self.chain.certificate(height)?) else {
            return Ok(None);
        };
        Ok(Some(CommittedBlock { block, certificate }))
    }

    /// The newest decided block.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tip(&self) -> Result<Option<CommittedBlock>, StoreError> {
        let height = self.tip.read().unwrap_or_else(PoisonError::into_inner).height;
        if height == Height::GENESIS { Ok(None) } else { self.block(height) }
    }

    /// The newest decided block whose header certifies nothing that is not executed here. Others may be ahead: the headers that they propose then
    /// certify a state that this node does not have yet, and under them it can prove nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn certifying(&self) -> Result<Option<CommittedBlock>, StoreError> {
        let executed = self.store.tip().map_or(Height::GENESIS, |tip| tip.height());
        let is_known = |decided: &CommittedBlock| decided.block.header.executed_height <= executed;
        let Some(newest) = self.tip()? else { return Ok(None) };
        if is_known(&newest) {
            return Ok(Some(newest));
        }
        // Headers certify ever more, and each one only heights below its own: the one after the newest executed block certifies nothing unknown.
        let mut known = self.block(executed.next())?;
        let (mut below, mut above) = (executed.next().0, newest.block.header.height.0);
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            match self.block(Height(middle))? {
                Some(decided) if is_known(&decided) => (known, below) = (Some(decided), middle),
                Some(_) | None => above = middle,
            }
        }
        Ok(known)
    }

    /// The height of the newest decided block.
    #[must_use]
    pub fn newest_block(&self) -> Height {
        self.tip.read().unwrap_or_else(PoisonError::into_inner).height
    }

    /// Newest height up to the tip whose block is not empty, and the windows of all authors.
    #[must_use]
    pub fn windows(&self) -> (Height, Vec<(ValidatorId, AuthorWindow)>) {
        let tip = self.tip.read().unwrap_or_else(PoisonError::into_inner);
        (tip.last_nonempty, tip.windows.iter().map(|(author, window)| (*author, *window)).collect())
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::{Attendance, BlockId, CommitCertificate, Digest, Header, List, PROTOCOL_VERSION, Round};

    use super::*;

    /// Between the write of a block and the sync that makes it durable, it used to be served to peers.
    #[test]
    fn a_block_is_seen_when_it_is_durable() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = crate::testing::ledger(dir.path());
        let header = Header {
            version: PROTOCOL_VERSION,
            chain_id: ledger.chain_id(),
            height: Height(1),
            time_ms: 1,
            parent: BlockId::default(),
            proposer: ValidatorId::default(),
            round: Round(0),
            batches_root: Block::batches_root(&[]),
            validators_hash: Digest::ZERO,
            next_validators_hash: Digest::ZERO,
            params_hash: Digest::ZERO,
            executed_height: Height(0),
            history_size: 1,
            history_root: Digest::ZERO,
            misbehavior_root: Block::misbehavior_root(&[]),
            attendance_hash: Attendance::default().hash(),
        };
        let attendance = Attendance::default();
        let block = Block { header, batches: List::empty(), misbehavior: List::empty(), attendance };
        let certificate =
            CommitCertificate { height: Height(1), round: Round(0), block_id: header.id(), signatures: List::empty() };
        ledger.chain.put_block(&block, &certificate, Durability::Buffered).unwrap();
        assert_eq!(ledger.block(Height(1)).unwrap(), None, "a power cut can still take it back");
        let decided = CommittedBlock { block, certificate };
        let commit = Commit { decided: decided.clone(), windows: Vec::new() };
        ledger.put_commits(&[Arc::new(commit)]).unwrap();
        assert_eq!(ledger.block(Height(1)).unwrap(), Some(decided));
    }

    /// Others may be ahead: the newest header of all certified a state that was not here, and nothing could be proven under it.
    #[test]
    fn the_header_that_certifies_is_the_newest_whose_state_is_here() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = crate::testing::ledger(dir.path());
        let certifying = |ledger: &Ledger| ledger.certifying().unwrap().map(|decided| decided.block.header.height.0);
        assert_eq!(certifying(&ledger), None);
        let certified = [0, 0, 0, 1, 1, 3, 5, 6];
        for (height, executed) in (1..).zip(certified) {
            let mut commit = crate::testing::commit(height);
            let decided = &mut Arc::get_mut(&mut commit).unwrap().decided;
            decided.block.header.executed_height = Height(executed);
            decided.certificate.block_id = decided.block.id();
            ledger.put_commits(&[commit]).unwrap();
        }
        let mut seen = vec![(ledger.progress().unwrap().1.0, certifying(&ledger))];
        for height in 1..=7 {
            let block = quancheng_state::BlockCommit { height: Height(height), ..Default::default() };
            ledger.store.commit(block).unwrap();
            seen.push((ledger.progress().unwrap().1.0, certifying(&ledger)));
        }
        let expected = [(0, 3), (1, 5), (1, 5), (3, 6), (3, 6), (5, 7), (6, 8), (6, 8)];
        assert_eq!(seen, expected.map(|(certified, at)| (certified, Some(at))));
    }
}
