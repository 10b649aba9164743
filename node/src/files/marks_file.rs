//! What is known to be durable, kept outside the store: a store that lost synced data looks like one that is short, and only
//! something beside it can tell the difference.

use std::path::Path;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::ChainId;
use quancheng_types::codec::{decode, encode};

use super::slots::{CONTENT_BYTES_MAX, Slots, SlotsError};
use super::{FileError, LogMark};

/// Begins every slot and names the version of the layout.
const MAGIC: [u8; 8] = *b"QCMARK2\0";
/// Name in the data folder.
pub(super) const NAME: &str = "marks";

/// Processes that are remembered.
pub const INSTANCES: usize = 8;

/// The marks. Every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Marks {
    /// The store was made and holds genesis.
    pub has_store: bool,
    /// A block of this height is durable in the store.
    pub height: u64,
    /// So many groups of batches are durable in the store.
    pub groups: u64,
    /// Every number below was, or may have been, given to an own batch.
    pub next_sequence: u64,
    /// So many sign records were written.
    pub sign_records: u64,
    /// So far the log was durable when the newest block was.
    pub log: LogMark,
    /// The numbers of the newest processes on this folder, newest first; 0 where there was none.
    pub instances: [u64; INSTANCES],
}

impl Marks {
    /// The greater of each number, and the newer processes, which are those of `other` if it names any.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            has_store: self.has_store || other.has_store,
            height: self.height.max(other.height),
            groups: self.groups.max(other.groups),
            next_sequence: self.next_sequence.max(other.next_sequence),
            sign_records: self.sign_records.max(other.sign_records),
            log: self.log.max(other.log),
            instances: if other.instances == [0; INSTANCES] { self.instances } else { other.instances },
        }
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Row {
    chain_id: ChainId,
    marks: Marks,
}

/// The file.
#[derive(Debug)]
pub struct MarksFile {
    slots: Slots,
    chain_id: ChainId,
}

impl MarksFile {
    /// Names the file; touches nothing.
    #[must_use]
    pub fn at(data_dir: &Path, chain_id: ChainId) -> Self {
        Self { slots: Slots::at(data_dir, NAME, MAGIC, "the file of marks"), chain_id }
    }

    /// Whether there is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.slots.path().exists()
    }

    /// Reads it, or makes it where no other file of a node is.
    ///
    /// # Errors
    /// [`FileError::MarksMissing`] when the node has run before, [`FileError::Damaged`] on any damage,
    /// [`FileError::OtherChain`], [`FileError::Io`].
    pub fn open(&mut self, has_run: bool) -> Result<Marks, FileError> {
        let path = self.slots.path().to_owned();
        let slots = match self.slots.read() {
            Ok(slots) => slots,
            Err(SlotsError::Missing) if has_run => return Err(FileError::MarksMissing { path }),
            Err(SlotsError::Missing) => {
                let marks = Marks::default();
                self.slots.create(&self.encode(&marks))?;
                return Ok(marks);
            }
            Err(SlotsError::Damaged) => return Err(FileError::Damaged { path, what: self.slots.what() }),
            Err(SlotsError::OtherLayout) => return Err(FileError::OtherLayout { path, what: self.slots.what() }),
            Err(SlotsError::File(error)) => return Err(error),
        };
        let length = u32::try_from(CONTENT_BYTES_MAX).expect("a slot is small");
        let mut newest = Marks::default();
        for slot in slots {
            let row: Row = decode(&slot.bytes, length)
                .map_err(|_| FileError::Damaged { path: path.clone(), what: self.slots.what() })?;
            if row.chain_id != self.chain_id {
                return Err(FileError::OtherChain { path, expected: self.chain_id });
            }
            newest = newest.merged(row.marks);
        }
        Ok(newest)
    }

    /// Writes the marks. When this returns, they are on disk.
    ///
    /// # Errors
    /// [`FileError::Io`]; what depends on it may not be acknowledged.
    pub fn replace(&mut self, marks: &Marks) -> Result<(), FileError> {
        let content = self.encode(marks);
        self.slots.replace(&content)
    }

    /// Writes the marks; they outlive the process at once, and the machine after [`Self::sync`].
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn note(&mut self, marks: &Marks) -> Result<(), FileError> {
        let content = self.encode(marks);
        self.slots.note(&content)
    }

    /// Makes durable what [`Self::note`] wrote.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn sync(&mut self) -> Result<(), FileError> {
        self.slots.sync()
    }

    fn encode(&self, marks: &Marks) -> Vec<u8> {
        encode(&Row { chain_id: self.chain_id, marks: *marks })
    }
}
