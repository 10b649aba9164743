//! What is known to be durable, kept outside the store: a store that lost synced data looks like one that is short, and only
//! something beside it can tell the difference.

use std::path::Path;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::ChainId;
use quancheng_types::codec::{decode, encode};

use super::slots::{CONTENT_BYTES_MAX, SlotContent, Slots, SlotsError};
use super::{FileError, LogMark, OtherOwner, Owner};

/// Begins every slot and names the version of the layout.
const MAGIC: [u8; 8] = *b"QCMARK3\0";
/// Name in the data folder.
pub const NAME: &str = "marks";

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
    /// Whether a node has run on the folder: what makes a folder leaves these as they were.
    #[must_use]
    pub fn is_of_a_run(&self) -> bool {
        self.sign_records > 0 || self.log != LogMark::default() || self.instances != [0; INSTANCES]
    }

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
    owner: Owner,
    marks: Marks,
}

/// The file.
#[derive(Debug)]
pub struct MarksFile {
    slots: Slots,
    chain_id: ChainId,
    owner: Owner,
}

impl MarksFile {
    /// Names the file; touches nothing.
    #[must_use]
    pub fn at(data_dir: &Path, chain_id: ChainId, owner: Owner) -> Self {
        Self { slots: slots(data_dir), chain_id, owner }
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
    /// [`FileError::OtherChain`], [`FileError::OtherOwner`], [`FileError::Io`].
    pub fn open(&mut self, has_run: bool) -> Result<Marks, FileError> {
        let read = match self.slots.read() {
            Err(SlotsError::Missing) if !has_run => {
                let marks = Marks::default();
                self.slots.create(&self.encode(&marks))?;
                return Ok(marks);
            }
            read => read,
        };
        let (found, marks) = newest(&self.slots, read, self.chain_id)?;
        if found != self.owner {
            let (path, expected) = (self.slots.path().to_owned(), self.owner);
            return Err(FileError::OtherOwner(Box::new(OtherOwner { path, found, expected })));
        }
        Ok(marks)
    }

    /// Reads the marks of whatever node of a chain. The file is not changed.
    ///
    /// # Errors
    /// As [`Self::open`], but for [`FileError::OtherOwner`].
    pub fn look(data_dir: &Path, chain_id: ChainId) -> Result<(Owner, Marks), FileError> {
        let slots = slots(data_dir);
        let read = slots.look();
        newest(&slots, read, chain_id)
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
        encode(&Row { chain_id: self.chain_id, owner: self.owner, marks: *marks })
    }
}

fn slots(data_dir: &Path) -> Slots {
    Slots::at(data_dir, NAME, MAGIC, "the file of marks")
}

/// The newest of two slots that hold, and whose they are.
fn newest(
    file: &Slots,
    slots: Result<[SlotContent; 2], SlotsError>,
    chain_id: ChainId,
) -> Result<(Owner, Marks), FileError> {
    let (path, what) = (file.path().to_owned(), file.what());
    let [older, newer] = match slots {
        Ok(slots) => slots,
        Err(SlotsError::Missing) => return Err(FileError::MarksMissing { path }),
        Err(SlotsError::Damaged) => return Err(FileError::Damaged { path, what }),
        Err(SlotsError::OtherLayout) => return Err(FileError::OtherLayout { path, what }),
        Err(SlotsError::File(error)) => return Err(error),
    };
    let length = u32::try_from(CONTENT_BYTES_MAX).expect("a slot is small");
    let row = |slot: &SlotContent| {
        decode::<Row>(&slot.bytes, length).map_err(|_| FileError::Damaged { path: path.clone(), what })
    };
    let (older, newer) = (row(&older)?, row(&newer)?);
    if [older.chain_id, newer.chain_id] != [chain_id; 2] {
        return Err(FileError::OtherChain { path, expected: chain_id });
    }
    if older.owner != newer.owner {
        return Err(FileError::Damaged { path, what });
    }
    Ok((newer.owner, older.marks.merged(newer.marks)))
}
