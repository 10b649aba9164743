//! Bytes of a log file: a header, then records that carry their number and a checksum.
//!
//! ```text
//! name    = chain id (32) ‖ owner (32) ‖ number of the file u64 LE (8)
//! header  = magic "QCLOGv2\0" (8) ‖ name (72) ‖ check (16)
//! record  = magic "QCLR" (4) ‖ payload bytes u32 LE (4) ‖ number u64 LE (8) ‖ check (16) ‖ payload
//! check   = first 16 bytes of SHA-256(tag ‖ name ‖ all other fields ‖ payload)
//! ```
//!
//! The name says whose log it is: a log of another validator, or a file of this one under another number, holds nothing that this
//! validator may go on from, and no record of it counts here.
//!
//! Records are numbered from 0 in each file. A record is valid only at its number, so records cannot be lost,
//! doubled or swapped without notice.
//!
//! **Torn tail and damage are told apart.** A crash can only cut or spoil what was written after the last completed
//! sync, and that is always the end of the file. So after the first record that does not hold, the rest of the file is
//! searched: if a valid record with a higher number stands anywhere behind it, bytes in the middle were damaged, which
//! no crash does, and reading fails. If none does, the tail is cut. What cannot be seen from the bytes alone — damage of
//! exactly the last records — is caught by the sign record, which states how many entries had been synced.

use core::fmt;

use quancheng_types::hash::sha256;
use quancheng_types::{ChainId, Digest, ValidatorId};

use crate::limits::{LOG_ENTRY_BYTES_MAX, LOG_FILE_BYTES_MAX};

const FILE_MAGIC: [u8; 8] = *b"QCLOGv2\0";
const RECORD_MAGIC: [u8; 4] = *b"QCLR";
const CHECK_BYTES: usize = 16;
const NAME_BYTES: usize = 32 + 32 + 8;
/// Bytes of the header of a log file.
pub const FILE_HEADER_BYTES: usize = 8 + NAME_BYTES + CHECK_BYTES;
/// Bytes of a record around its payload.
pub const RECORD_FRAME_BYTES: usize = 4 + 4 + 8 + CHECK_BYTES;

/// Which file of whose log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogName {
    /// The chain.
    pub chain_id: ChainId,
    /// The validator whose signatures and locks it keeps; none in a follower, which signs nothing.
    pub owner: Option<ValidatorId>,
    /// The number that the file is named by.
    pub file: u64,
}

impl LogName {
    fn to_bytes(self) -> [u8; NAME_BYTES] {
        let mut bytes = [0; NAME_BYTES];
        bytes[..32].copy_from_slice(self.chain_id.as_bytes());
        bytes[32..64].copy_from_slice(&self.owner.map_or([0; 32], |owner| owner.0.0));
        bytes[64..].copy_from_slice(&self.file.to_le_bytes());
        bytes
    }
}

/// Why a log file cannot be used. Every one means: do not sign from this log; restore the node from its peers
/// (`docs/operator.md`, section on a damaged log).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogError {
    /// The file is larger than [`LOG_FILE_BYTES_MAX`]: not written by this node.
    TooLong {
        /// Bytes of the file.
        bytes: usize,
    },
    /// The header does not hold although records follow.
    HeaderDamaged,
    /// The header belongs to another chain.
    WrongChain,
    /// The header belongs to another node of the chain.
    WrongOwner,
    /// The header belongs to a file of another number.
    WrongFile {
        /// That number.
        found: u64,
    },
    /// A record in the middle is damaged: valid records stand behind it.
    Damaged {
        /// Number of the first record that does not hold.
        number: u64,
        /// Its place in the file, in bytes.
        offset: usize,
        /// Number of a valid record further behind.
        later: u64,
    },
    /// The bytes of a record hold, but they are no entry this release knows.
    UnknownEntry {
        /// Number of the record.
        number: u64,
    },
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "the log has {bytes} bytes, more than {LOG_FILE_BYTES_MAX}: it was not written by this node")
            }
            Self::HeaderDamaged => f.write_str(
                "the header of the log is damaged: move the log away; the node will not vote in the height it was in",
            ),
            Self::WrongChain => {
                f.write_str("the log belongs to another chain: check the data directory in the configuration")
            }
            Self::WrongOwner => f.write_str(
                "the log belongs to another node of this chain: check the data directory and the validator key in the configuration; \
                 put the log of this node back, or move this one away (then the node will not vote in the height it was in)",
            ),
            Self::WrongFile { found } => write!(
                f,
                "the log is a copy of file {found} under another name: put the log of this node back, or move this one away (then the \
                 node will not vote in the height it was in)"
            ),
            Self::Damaged { number, offset, later } => write!(
                f,
                "record {number} of the log (byte {offset}) is damaged, record {later} behind it is whole: the disk lost \
                 data; check the disk, move the log away; the node will not vote in the height it was in"
            ),
            Self::UnknownEntry { number } => {
                write!(
                    f,
                    "record {number} of the log is of a kind this release does not know: start the release that wrote it"
                )
            }
        }
    }
}

impl core::error::Error for LogError {}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Payloads of the valid records in order.
    pub payloads: Vec<Vec<u8>>,
    /// Bytes of the file that are valid; the shell truncates the file to this length before it appends. Zero when even
    /// the header is torn: write a new header.
    pub valid_bytes: usize,
    /// Bytes behind them that a crash left.
    pub torn_bytes: usize,
}

fn header_check(name: &[u8]) -> [u8; CHECK_BYTES] {
    first_bytes(&sha256(&[b"quancheng/log-file/2", &FILE_MAGIC, name]))
}

fn record_check(name: LogName, number: u64, length: u32, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let (name, length, number) = (name.to_bytes(), length.to_le_bytes(), number.to_le_bytes());
    first_bytes(&sha256(&[b"quancheng/log-record/2", &name, &length, &number, payload]))
}

fn first_bytes(hash: &Digest) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash.as_bytes()[..CHECK_BYTES]);
    check
}

/// The header of a new file.
#[must_use]
pub fn file_header(name: LogName) -> Vec<u8> {
    let name = name.to_bytes();
    let mut bytes = Vec::with_capacity(FILE_HEADER_BYTES);
    bytes.extend_from_slice(&FILE_MAGIC);
    bytes.extend_from_slice(&name);
    bytes.extend_from_slice(&header_check(&name));
    bytes
}

/// The bytes of record `number` with this payload.
///
/// # Panics
/// When the payload is longer than [`LOG_ENTRY_BYTES_MAX`]: the engine logs only what passed the limits of messages.
#[must_use]
pub fn record(name: LogName, number: u64, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= LOG_ENTRY_BYTES_MAX, "a log entry fits its limit");
    let length = u32::try_from(payload.len()).expect("LOG_ENTRY_BYTES_MAX fits in u32");
    let mut bytes = Vec::with_capacity(RECORD_FRAME_BYTES + payload.len());
    bytes.extend_from_slice(&RECORD_MAGIC);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&record_check(name, number, length, payload));
    bytes.extend_from_slice(payload);
    bytes
}

/// Reads a whole file. See the module text for what is cut and what is an error.
pub fn read_frames(name: LogName, bytes: &[u8]) -> Result<Frames, LogError> {
    if bytes.len() > LOG_FILE_BYTES_MAX {
        return Err(LogError::TooLong { bytes: bytes.len() });
    }
    if !header_holds(name, bytes)? {
        return match later_record(name, bytes, 0, 0) {
            Some(_) => Err(LogError::HeaderDamaged),
            None => Ok(Frames { payloads: Vec::new(), valid_bytes: 0, torn_bytes: bytes.len() }),
        };
    }
    let mut frames = Frames { payloads: Vec::new(), valid_bytes: FILE_HEADER_BYTES, torn_bytes: 0 };
    let mut number = 0_u64;
    while frames.valid_bytes < bytes.len() {
        let rest = &bytes[frames.valid_bytes..];
        match valid_record(name, rest) {
            Some((found, payload)) if found == number => {
                frames.valid_bytes += RECORD_FRAME_BYTES + payload.len();
                frames.payloads.push(payload.to_vec());
                number += 1;
            }
            Some(_) | None => {
                if let Some(later) = later_record(name, bytes, frames.valid_bytes, number) {
                    return Err(LogError::Damaged { number, offset: frames.valid_bytes, later });
                }
                frames.torn_bytes = rest.len();
                return Ok(frames);
            }
        }
    }
    Ok(frames)
}

/// Whether the header holds. A whole header of another log is an error of its own.
fn header_holds(name: LogName, bytes: &[u8]) -> Result<bool, LogError> {
    let Some(header) = bytes.get(..FILE_HEADER_BYTES) else {
        return Ok(false);
    };
    let (found, expected) = (&header[8..8 + NAME_BYTES], name.to_bytes());
    if header[..8] != FILE_MAGIC || header[8 + NAME_BYTES..] != header_check(found) {
        return Ok(false);
    }
    if found[..32] != expected[..32] {
        return Err(LogError::WrongChain);
    }
    if found[32..64] != expected[32..64] {
        return Err(LogError::WrongOwner);
    }
    if found[64..] != expected[64..] {
        let mut file = [0; 8];
        file.copy_from_slice(&found[64..]);
        return Err(LogError::WrongFile { found: u64::from_le_bytes(file) });
    }
    Ok(true)
}

/// The record at the start of `bytes`, if it holds: its number and payload.
fn valid_record(name: LogName, bytes: &[u8]) -> Option<(u64, &[u8])> {
    let frame = bytes.get(..RECORD_FRAME_BYTES)?;
    if frame[..4] != RECORD_MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(frame[4..8].try_into().ok()?);
    let number = u64::from_le_bytes(frame[8..16].try_into().ok()?);
    let payload_bytes = usize::try_from(length).ok()?;
    if payload_bytes > LOG_ENTRY_BYTES_MAX {
        return None;
    }
    let payload = bytes.get(RECORD_FRAME_BYTES..RECORD_FRAME_BYTES.checked_add(payload_bytes)?)?;
    (frame[16..RECORD_FRAME_BYTES] == record_check(name, number, length, payload)).then_some((number, payload))
}

/// The number of any valid record with a number of at least `number` behind `offset`.
fn later_record(name: LogName, bytes: &[u8], offset: usize, number: u64) -> Option<u64> {
    let mut at = offset;
    while let Some(rest) = bytes.get(at..) {
        let found = rest.windows(RECORD_MAGIC.len()).position(|window| window == RECORD_MAGIC)?;
        if let Some((later, _)) = valid_record(name, &rest[found..])
            && later >= number
        {
            return Some(later);
        }
        at += found + 1;
    }
    None
}
