//! A small content that is replaced again and again, and survives a crash at any moment.
//!
//! ```text
//! offset 0      slot A: magic ‖ count u64 LE ‖ length u32 LE ‖ content ‖ SHA-256 of all before      in one sector of 512 bytes
//! offset 4096   slot B: likewise
//! ```
//!
//! The magic names what the file is and the version of this layout. Slots are written in place, in a file whose size never changes: one
//! data sync makes a content durable, without touching the folder or the journal of the file system. A disk writes a sector
//! whole or not at all, so after a crash both slots hold, and the one with the greater count is the newest. A slot that does not hold is
//! damage: nobody can tell whether it held the newer content.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use quancheng_types::hash::sha256;

use super::{FileError, check_plain, io, sync_folder};

/// Distance of the slots: a page, so that no device writes both at once.
const SLOT_DISTANCE: u64 = 4096;
/// The same, as a length.
const FIRST_BYTES: usize = 4096;
/// Bytes of a slot: one sector.
const SLOT_BYTES: usize = 512;
/// Magic, count and length before the content.
const HEAD_BYTES: usize = MAGIC_BYTES + 12;
/// Bytes of a magic.
const MAGIC_BYTES: usize = 8;
/// Of these, what names the file; its version follows.
const MAGIC_NAME_BYTES: usize = 6;
/// Checksum behind it.
const SUM_BYTES: usize = 32;
/// Greatest content.
pub(super) const CONTENT_BYTES_MAX: usize = SLOT_BYTES - HEAD_BYTES - SUM_BYTES;

/// Why two slots cannot be read.
#[derive(Debug)]
pub(super) enum SlotsError {
    /// There is no file.
    Missing,
    /// A slot does not hold, or the file is no such file.
    Damaged,
    /// Another version of the program wrote it, in its own layout.
    OtherLayout,
    /// The system refused.
    File(FileError),
}

/// Count and content of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlotContent {
    pub(super) count: u64,
    pub(super) bytes: Vec<u8>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Slots {
    path: PathBuf,
    folder: PathBuf,
    magic: [u8; MAGIC_BYTES],
    what: &'static str,
    open: Option<(File, u64)>,
}

impl Slots {
    /// Names the file; touches nothing. `what` it is in words.
    pub(super) fn at(folder: &Path, name: &str, magic: [u8; MAGIC_BYTES], what: &'static str) -> Self {
        Self { path: folder.join(name), folder: folder.to_owned(), magic, what, open: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file is, in words.
    pub(super) fn what(&self) -> &'static str {
        self.what
    }

    /// Count of the newest content; 0 while the file is not open.
    pub(super) fn count(&self) -> u64 {
        self.open.as_ref().map_or(0, |(_, count)| *count)
    }

    /// Makes the file with the same content in both slots.
    pub(super) fn create(&mut self, content: &[u8]) -> Result<(), FileError> {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let file = options.open(&self.path).map_err(io(&self.path, "create"))?;
        let mut bytes = self.slot(1, content)?;
        bytes.resize(FIRST_BYTES, 0);
        bytes.extend_from_slice(&self.slot(0, content)?);
        file.write_all_at(&bytes, 0).map_err(io(&self.path, "write"))?;
        file.sync_all().map_err(io(&self.path, "sync"))?;
        sync_folder(&self.folder)?;
        self.open = Some((file, 1));
        Ok(())
    }

    /// Reads both slots, older first, and keeps the file open.
    pub(super) fn read(&mut self) -> Result<[SlotContent; 2], SlotsError> {
        let file = self.open_with(File::options().read(true).write(true))?;
        let slots = self.slots_of(&file)?;
        self.open = Some((file, slots[1].count));
        Ok(slots)
    }

    /// Reads both slots, older first, of a file that is not to be changed.
    pub(super) fn look(&self) -> Result<[SlotContent; 2], SlotsError> {
        self.slots_of(&self.open_with(File::options().read(true))?)
    }

    fn open_with(&self, options: &std::fs::OpenOptions) -> Result<File, SlotsError> {
        check_plain(&self.path).map_err(SlotsError::File)?;
        options.open(&self.path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                SlotsError::Missing
            } else {
                SlotsError::File(io(&self.path, "open")(error))
            }
        })
    }

    fn slots_of(&self, file: &File) -> Result<[SlotContent; 2], SlotsError> {
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, SLOT_DISTANCE * 2 + 1), &mut content)
            .map_err(|error| SlotsError::File(io(&self.path, "read")(error)))?;
        let (name, version) = self.magic.split_at(MAGIC_NAME_BYTES);
        if content
            .strip_prefix(name)
            .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit) && !rest.starts_with(version))
        {
            return Err(SlotsError::OtherLayout);
        }
        let (first, second) = content.split_at_checked(FIRST_BYTES).ok_or(SlotsError::Damaged)?;
        let (first, padding) = first.split_at(SLOT_BYTES);
        if second.len() != SLOT_BYTES || padding.iter().any(|byte| *byte != 0) {
            return Err(SlotsError::Damaged);
        }
        let (Some(first), Some(second)) = (self.open_slot(first), self.open_slot(second)) else {
            return Err(SlotsError::Damaged);
        };
        // Each content stands in the slot of its count; two equal counts cannot be.
        if first.count % 2 != 1 || second.count % 2 != 0 {
            return Err(SlotsError::Damaged);
        }
        Ok(if first.count < second.count { [first, second] } else { [second, first] })
    }

    /// Writes the next content over the older slot. When this returns, it is on disk.
    pub(super) fn replace(&mut self, content: &[u8]) -> Result<(), FileError> {
        let count = self.count().saturating_add(1);
        self.write(count, content)?;
        self.sync()
    }

    /// Writes the next content over the *newest* slot, without a sync: it outlives the process at once and the machine at the next
    /// [`Self::sync`] or [`Self::replace`]. Until then a loss of power may take it back, never the content before the last sync.
    pub(super) fn note(&mut self, content: &[u8]) -> Result<(), FileError> {
        let count = self.count().saturating_add(2);
        self.write(count, content)
    }

    pub(super) fn sync(&mut self) -> Result<(), FileError> {
        let Some((file, _)) = &self.open else {
            return Err(FileError::Damaged { path: self.path.clone(), what: self.what });
        };
        file.sync_data().map_err(io(&self.path, "sync"))
    }

    fn write(&mut self, count: u64, content: &[u8]) -> Result<(), FileError> {
        let slot = self.slot(count, content)?;
        let Some((file, newest)) = &mut self.open else {
            return Err(FileError::Damaged { path: self.path.clone(), what: self.what });
        };
        // Odd counts in slot A, even ones in slot B.
        let offset = if count % 2 == 1 { 0 } else { SLOT_DISTANCE };
        file.write_all_at(&slot, offset).map_err(io(&self.path, "write"))?;
        *newest = count;
        Ok(())
    }

    fn slot(&self, count: u64, content: &[u8]) -> Result<Vec<u8>, FileError> {
        let length = u32::try_from(content.len()).ok().filter(|_| content.len() <= CONTENT_BYTES_MAX);
        let length = length.ok_or_else(|| FileError::Damaged { path: self.path.clone(), what: self.what })?;
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(&self.magic);
        slot.extend_from_slice(&count.to_le_bytes());
        slot.extend_from_slice(&length.to_le_bytes());
        slot.extend_from_slice(content);
        let sum = sha256(&[&slot]);
        slot.extend_from_slice(sum.as_bytes());
        slot.resize(SLOT_BYTES, 0);
        Ok(slot)
    }

    /// Count and content of a slot that holds.
    fn open_slot(&self, slot: &[u8]) -> Option<SlotContent> {
        let rest = slot.strip_prefix(&self.magic)?;
        let (count, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= CONTENT_BYTES_MAX)?;
        let (content, rest) = rest.split_at_checked(length)?;
        let (sum, padding) = rest.split_at_checked(SUM_BYTES)?;
        let holds = sha256(&[&slot[..HEAD_BYTES + length]]).as_bytes() == sum && padding.iter().all(|byte| *byte == 0);
        holds.then(|| SlotContent { count: u64::from_le_bytes(*count), bytes: content.to_vec() })
    }
}
