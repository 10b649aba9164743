//! The durable memory of what this validator signed: two slots written in turn (`slots`), each synced before the signature leaves.
//!
//! The magic names the version of the layout; the record inside has one of its own. A file of another version is refused.

use std::path::Path;

use quancheng_consensus::SignRecord;
use quancheng_types::{ChainId, PublicKey};

use super::FileError;
use super::slots::{SlotContent, Slots, SlotsError};

/// Begins every slot and names the version of the layout.
const MAGIC: [u8; 8] = *b"QCSLOT1\0";
/// Name in the data folder.
pub const NAME: &str = "sign-record";

/// The file.
#[derive(Debug)]
pub struct SignRecordFile {
    slots: Slots,
}

impl SignRecordFile {
    /// Names the file; touches nothing.
    #[must_use]
    pub fn at(data_dir: &Path) -> Self {
        Self { slots: Slots::at(data_dir, NAME, MAGIC, "the sign record") }
    }

    /// Whether there is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.slots.path().exists()
    }

    /// How many records were written, from 1; 0 while the file is not open. An older copy of the file has a smaller one.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.slots.count()
    }

    /// Makes the file of a key that has no record here yet.
    ///
    /// # Errors
    /// [`FileError::Io`], also when there is one already.
    pub fn create(&mut self, record: &SignRecord) -> Result<(), FileError> {
        self.slots.create(&record.encode())
    }

    /// Reads and verifies it, and keeps it open for [`Self::replace`]. At least `count_min` records were written, as far as is known
    /// from elsewhere.
    ///
    /// # Errors
    /// [`FileError::SignRecordMissing`], [`FileError::SignRecord`], [`FileError::SignRecordOlder`] and
    /// [`FileError::SignRecordDamaged`] on any damage, [`FileError::Io`].
    pub fn read(&mut self, chain_id: &ChainId, key: &PublicKey, count_min: u64) -> Result<SignRecord, FileError> {
        let slots = self.slots.read();
        let (count, record) = self.newest(slots, chain_id, key)?;
        if count < count_min {
            let path = self.slots.path().to_owned();
            return Err(FileError::SignRecordOlder { path, found: count, written: count_min });
        }
        Ok(record)
    }

    /// Whether it is a record of this key. It is not changed.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn look(&self, chain_id: &ChainId, key: &PublicKey) -> Result<(), FileError> {
        self.newest(self.slots.look(), chain_id, key).map(|_| ())
    }

    fn newest(
        &self,
        slots: Result<[SlotContent; 2], SlotsError>,
        chain_id: &ChainId,
        key: &PublicKey,
    ) -> Result<(u64, SignRecord), FileError> {
        let path = self.slots.path().to_owned();
        let [older, newer] = match slots {
            Ok(slots) => slots,
            Err(SlotsError::Missing) => return Err(FileError::SignRecordMissing { path }),
            Err(SlotsError::Damaged) => return Err(FileError::SignRecordDamaged { path }),
            Err(SlotsError::OtherLayout) => return Err(FileError::OtherLayout { path, what: self.slots.what() }),
            Err(SlotsError::File(error)) => return Err(error),
        };
        let decode = |bytes: &[u8]| {
            SignRecord::decode(bytes, chain_id, key)
                .map_err(|error| FileError::SignRecord { path: path.clone(), error })
        };
        // Both must hold, whichever is newer, and they are written in turn.
        let (_, record) = (decode(&older.bytes)?, decode(&newer.bytes)?);
        if newer.count - older.count != 1 {
            return Err(FileError::SignRecordDamaged { path });
        }
        Ok((newer.count, record))
    }

    /// Writes the next record. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`FileError::Io`]; the process must stop before another signature leaves.
    pub fn replace(&mut self, record: &SignRecord) -> Result<(), FileError> {
        if self.slots.count() == 0 {
            return Err(FileError::SignRecordMissing { path: self.slots.path().to_owned() });
        }
        self.slots.replace(&record.encode())
    }
}
