//! The durable memory of what this validator signed.
//!
//! ```text
//! offset 0      slot A: magic "QCSLOT1\0" ‖ count u64 LE ‖ length u32 LE ‖ record ‖ SHA-256 of all before      in one sector of 512 bytes
//! offset 4096   slot B: likewise
//! ```
//!
//! The magic names the version of this layout; the record inside has one of its own. A file of another version is refused.
//!
//! Slots are written in turn, in place, in a file whose size never changes: one data sync makes a record durable, without touching
//! the folder or the journal of the file system. A disk writes a sector whole or not at all, so after a crash both slots
//! hold, and the one with the greater count is the newest record. A slot that does not hold is damage, and refused: nobody
//! can tell whether it held the newer record.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use quancheng_consensus::SignRecord;
use quancheng_types::hash::sha256;
use quancheng_types::{ChainId, PublicKey};

use super::{FileError, io, sync_folder};

/// Distance of the slots: a page, so that no device writes both at once.
const SLOT_DISTANCE: u64 = 4096;
/// Bytes of a slot: one sector.
const SLOT_BYTES: usize = 512;
/// Begins every slot and names the version of the layout.
const MAGIC: [u8; 8] = *b"QCSLOT1\0";
/// Magic, count and length before the record.
const HEAD_BYTES: usize = MAGIC.len() + 12;
/// Checksum behind it.
const SUM_BYTES: usize = 32;
/// Greatest record.
const RECORD_BYTES_MAX: usize = SLOT_BYTES - HEAD_BYTES - SUM_BYTES;

/// The file.
#[derive(Debug)]
pub struct SignRecordFile {
    path: PathBuf,
    folder: PathBuf,
    open: Option<(File, u64)>,
}

impl SignRecordFile {
    /// Names the file; touches nothing.
    #[must_use]
    pub fn at(data_dir: &Path) -> Self {
        Self { path: data_dir.join("sign-record"), folder: data_dir.to_owned(), open: None }
    }

    /// Whether there is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Makes the file of a key that has no record here yet.
    ///
    /// # Errors
    /// [`FileError::Io`], also when there is one already.
    pub fn create(&mut self, record: &SignRecord) -> Result<(), FileError> {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let file = options.open(&self.path).map_err(io(&self.path, "create the sign record"))?;
        let mut content = vec![0; usize::try_from(SLOT_DISTANCE).unwrap_or(SLOT_BYTES)];
        let slots = [self.slot(1, record)?, self.slot(0, record)?];
        content[..SLOT_BYTES].copy_from_slice(&slots[0]);
        content.extend_from_slice(&slots[1]);
        file.write_all_at(&content, 0).map_err(io(&self.path, "write the sign record"))?;
        file.sync_all().map_err(io(&self.path, "sync the sign record"))?;
        sync_folder(&self.folder)?;
        self.open = Some((file, 1));
        Ok(())
    }

    /// Reads and verifies it, and keeps it open for [`Self::replace`].
    ///
    /// # Errors
    /// [`FileError::SignRecordMissing`], [`FileError::SignRecord`] and [`FileError::SignRecordDamaged`] on any damage,
    /// [`FileError::Io`].
    pub fn read(&mut self, chain_id: &ChainId, key: &PublicKey) -> Result<SignRecord, FileError> {
        let file = match File::options().read(true).write(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(FileError::SignRecordMissing { path: self.path.clone() });
            }
            Err(error) => return Err(io(&self.path, "open the sign record")(error)),
        };
        let damaged = || FileError::SignRecordDamaged { path: self.path.clone() };
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(&file, SLOT_DISTANCE * 2 + 1), &mut content)
            .map_err(io(&self.path, "read the sign record"))?;
        let distance = usize::try_from(SLOT_DISTANCE).unwrap_or(SLOT_BYTES);
        let (first, second) = content.split_at_checked(distance).ok_or_else(damaged)?;
        let (first, padding) = first.split_at(SLOT_BYTES);
        if second.len() != SLOT_BYTES || padding.iter().any(|byte| *byte != 0) {
            return Err(damaged());
        }
        let (Some(first), Some(second)) = (open_slot(first), open_slot(second)) else {
            return Err(damaged());
        };
        let decode = |bytes: &[u8]| {
            SignRecord::decode(bytes, chain_id, key)
                .map_err(|error| FileError::SignRecord { path: self.path.clone(), error })
        };
        // Both must hold, whichever is newer.
        let (records, counts) = ([decode(first.1)?, decode(second.1)?], [first.0, second.0]);
        if counts[0].abs_diff(counts[1]) != 1 {
            return Err(damaged());
        }
        let [older, newer] = records;
        let record = if counts[0] > counts[1] { older } else { newer };
        self.open = Some((file, counts[0].max(counts[1])));
        Ok(record)
    }

    /// Writes the next record. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`FileError::Io`]; the process must stop before another signature leaves.
    pub fn replace(&mut self, record: &SignRecord) -> Result<(), FileError> {
        let count = match &self.open {
            Some((_, count)) => count.saturating_add(1),
            None => {
                return Err(FileError::SignRecordMissing { path: self.path.clone() });
            }
        };
        let slot = self.slot(count, record)?;
        let Some((file, newest)) = &mut self.open else {
            return Err(FileError::SignRecordMissing { path: self.path.clone() });
        };
        // Odd counts in slot A, even ones in slot B: the older slot is overwritten.
        let offset = if count % 2 == 1 { 0 } else { SLOT_DISTANCE };
        file.write_all_at(&slot, offset).map_err(io(&self.path, "write the sign record"))?;
        file.sync_data().map_err(io(&self.path, "sync the sign record"))?;
        *newest = count;
        Ok(())
    }

    fn slot(&self, count: u64, record: &SignRecord) -> Result<Vec<u8>, FileError> {
        let bytes = record.encode();
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= RECORD_BYTES_MAX);
        let length = length.ok_or_else(|| FileError::SignRecordDamaged { path: self.path.clone() })?;
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(&MAGIC);
        slot.extend_from_slice(&count.to_le_bytes());
        slot.extend_from_slice(&length.to_le_bytes());
        slot.extend_from_slice(&bytes);
        let sum = sha256(&[&slot]);
        slot.extend_from_slice(sum.as_bytes());
        slot.resize(SLOT_BYTES, 0);
        Ok(slot)
    }
}

/// Count and record of a slot that holds.
fn open_slot(slot: &[u8]) -> Option<(u64, &[u8])> {
    let rest = slot.strip_prefix(&MAGIC)?;
    let (count, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= RECORD_BYTES_MAX)?;
    let (record, rest) = rest.split_at_checked(length)?;
    let (sum, padding) = rest.split_at_checked(SUM_BYTES)?;
    let holds = sha256(&[&slot[..HEAD_BYTES + length]]).as_bytes() == sum && padding.iter().all(|byte| *byte == 0);
    holds.then_some((u64::from_le_bytes(*count), record))
}
