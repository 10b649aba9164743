//! What certifies a snapshot.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_consensus::CommittedBlock;
use quancheng_proof::SetChange;
use quancheng_proof::verify::certified_from_genesis;
use quancheng_state::export::ExportList;
use quancheng_types::codec::{decode, encode};
use quancheng_types::{ChainId, CommitCertificate, Genesis, Header, Height, HistoryLeaf, ValidatorSet};

use super::SnapshotError;

/// First bytes of the file.
const MAGIC: &[u8; 8] = b"QCSNAP1\0";
/// Greatest length in bytes. Whoever joins holds one in memory before anything in it is proven, so it is no more than what a long life can need:
///
/// - a chunk takes 37 bytes in the list (indexes, receipts), 69 (history), or at most 114 (state), and holds 1.6 MB of state on average: most of a
///   terabyte takes the 524,288 entries that a list may have (`CHUNKS_MAX`), 48 MB of about 90 bytes; a hundred gigabytes takes 6 MB.
/// - a change of validators takes a header (400 bytes), two certificates (97 bytes a signature), the next set (80 bytes and what a validator declares,
///   each), and its block: for each batch in it 150 bytes and a certificate. That is 30 KB with 16 validators that each have a batch in it, a thousand
///   changes in half of this; with the 128 that a set may have it is 1.1 MB, and sixty changes fit.
///
/// A node does not make one that is longer, and says so.
pub(crate) const MANIFEST_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// What a snapshot is of, and why that is believed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Manifest {
    /// The chain.
    pub chain_id: ChainId,
    /// A header that counts the height of the state among those whose results it certifies.
    pub header: Header,
    /// The quorum that signed it.
    pub certificate: CommitCertificate,
    /// Every change of validators up to it, from the genesis on.
    pub steps: Vec<SetChange>,
    /// The blocks at which validators changed, as far as they are not above the state, and that of the height of the state, ascending.
    pub blocks: Vec<CommittedBlock>,
    /// The chunks.
    pub list: ExportList,
}

impl Manifest {
    /// Height of the state.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.list.height
    }

    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&encode(self));
        bytes
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`SnapshotError::Manifest`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let Some(content) = bytes.strip_prefix(MAGIC) else {
            return Err(SnapshotError::manifest("it does not begin as one", "其开头不是快照清单"));
        };
        decode(content, MANIFEST_BYTES_MAX).map_err(|error| {
            SnapshotError::manifest(&format!("it cannot be decoded: {error}"), "其内容无法解码，可能已损坏")
        })
    }

    /// Whether it follows from a genesis: the validators who signed the header do, and its height is among those that the header certifies.
    ///
    /// # Errors
    /// [`SnapshotError::OtherChain`], [`SnapshotError::Manifest`].
    pub fn check(&self, genesis: &Genesis) -> Result<(), SnapshotError> {
        let expected = genesis.chain_id();
        if self.chain_id != expected {
            return Err(SnapshotError::OtherChain { expected, found: self.chain_id });
        }
        certified_from_genesis(genesis, &self.steps, &self.header, &self.certificate)
            .map_err(|refused| SnapshotError::manifest(&refused.en, &refused.zh))?;
        if self.height() > self.header.executed_height || self.height() == Height::GENESIS {
            return Err(SnapshotError::manifest(
                "its height is not among those whose results the header certifies",
                "其高度不在区块头所认证的范围内",
            ));
        }
        Ok(())
    }

    /// Whether the blocks are those that they should be, once the leaf of the height is known.
    ///
    /// # Errors
    /// [`SnapshotError::Manifest`].
    pub fn check_blocks(&self, genesis: &Genesis, leaf: &HistoryLeaf) -> Result<(), SnapshotError> {
        let refused =
            || SnapshotError::manifest("a block in it is not the certified one", "所附区块与经认证的区块不符");
        let mut expected: Vec<_> = self.handovers().map(|step| (step.header.height, step.header.id())).collect();
        if expected.last().is_none_or(|(height, _)| *height < leaf.height) {
            expected.push((leaf.height, leaf.block_id));
        }
        // Each certificate by itself: what lies beside a block is stored, and served as proof, whatever the path of changes has for the same height.
        let is_expected = |(decided, (height, id)): (&CommittedBlock, &(Height, _))| {
            decided.is_intact()
                && (decided.block.header.height, decided.block.id()) == (*height, *id)
                && decided.certificate.verify(self.chain_id, self.set_at(genesis, *height)).is_ok()
        };
        let are_whole = self.blocks.len() == expected.len() && self.blocks.iter().zip(&expected).all(is_expected);
        if are_whole { Ok(()) } else { Err(refused()) }
    }

    fn handovers(&self) -> impl Iterator<Item = &SetChange> {
        self.steps.iter().filter(|step| step.header.height <= self.height())
    }

    /// The validators of a height up to that of the header.
    fn set_at<'a>(&'a self, genesis: &'a Genesis, height: Height) -> &'a ValidatorSet {
        let last = self.steps.iter().rev().find(|step| step.header.height < height);
        last.map_or(&genesis.validators, |step| &step.next_validators)
    }
}
