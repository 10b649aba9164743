//! Bytes of a log file: a header, then records that carry their number and a checksum.
//!
//! ```text
//! header  = magic "QCLOGv1\0" (8) ‖ chain id (32) ‖ check (16)
//! record  = magic "QCLR" (4) ‖ payload bytes u32 LE (4) ‖ number u64 LE (8) ‖ check (16) ‖ payload
//! check   = first 16 bytes of SHA-256(tag ‖ chain id ‖ all other fields ‖ payload)
//! ```
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

use sha2::{Digest as _, Sha256};

use crate::limits::{LOG_ENTRY_BYTES_MAX, LOG_FILE_BYTES_MAX};

const FILE_MAGIC: [u8; 8] = *b"QCLOGv1\0";
const RECORD_MAGIC: [u8; 4] = *b"QCLR";
const CHECK_BYTES: usize = 16;
/// Bytes of the header of a log file.
pub const FILE_HEADER_BYTES: usize = 8 + 32 + CHECK_BYTES;
/// Bytes of a record around its payload.
pub const RECORD_FRAME_BYTES: usize = 4 + 4 + 8 + CHECK_BYTES;

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

fn header_check(chain_id: &[u8; 32]) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"quancheng/log-file/1");
    hash.update(FILE_MAGIC);
    hash.update(chain_id);
    first_bytes(&hash.finalize())
}

fn record_check(chain_id: &[u8; 32], number: u64, length: u32, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"quancheng/log-record/1");
    hash.update(chain_id);
    hash.update(length.to_le_bytes());
    hash.update(number.to_le_bytes());
    hash.update(payload);
    first_bytes(&hash.finalize())
}

fn first_bytes(hash: &[u8]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash[..CHECK_BYTES]);
    check
}

/// The header of a new file.
#[must_use]
pub fn file_header(chain_id: &[u8; 32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FILE_HEADER_BYTES);
    bytes.extend_from_slice(&FILE_MAGIC);
    bytes.extend_from_slice(chain_id);
    bytes.extend_from_slice(&header_check(chain_id));
    bytes
}

/// The bytes of record `number` with this payload.
///
/// # Panics
/// When the payload is longer than [`LOG_ENTRY_BYTES_MAX`]: the engine logs only what passed the limits of messages.
#[must_use]
pub fn record(chain_id: &[u8; 32], number: u64, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= LOG_ENTRY_BYTES_MAX, "a log entry fits its limit");
    let length = u32::try_from(payload.len()).expect("LOG_ENTRY_BYTES_MAX fits in u32");
    let mut bytes = Vec::with_capacity(RECORD_FRAME_BYTES + payload.len());
    bytes.extend_from_slice(&RECORD_MAGIC);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&record_check(chain_id, number, length, payload));
    bytes.extend_from_slice(payload);
    bytes
}

/// Reads a whole file. See the module text for what is cut and what is an error.
pub fn read_frames(chain_id: &[u8; 32], bytes: &[u8]) -> Result<Frames, LogError> {
    if bytes.len() > LOG_FILE_BYTES_MAX {
        return Err(LogError::TooLong { bytes: bytes.len() });
    }
    if !header_holds(chain_id, bytes)? {
        return match later_record(chain_id, bytes, 0, 0) {
            Some(_) => Err(LogError::HeaderDamaged),
            None => Ok(Frames { payloads: Vec::new(), valid_bytes: 0, torn_bytes: bytes.len() }),
        };
    }
    let mut frames = Frames { payloads: Vec::new(), valid_bytes: FILE_HEADER_BYTES, torn_bytes: 0 };
    let mut number = 0_u64;
    while frames.valid_bytes < bytes.len() {
        let rest = &bytes[frames.valid_bytes..];
        match valid_record(chain_id, rest) {
            Some((found, payload)) if found == number => {
                frames.valid_bytes += RECORD_FRAME_BYTES + payload.len();
                frames.payloads.push(payload.to_vec());
                number += 1;
            }
            Some(_) | None => {
                if let Some(later) = later_record(chain_id, bytes, frames.valid_bytes, number) {
                    return Err(LogError::Damaged { number, offset: frames.valid_bytes, later });
                }
                frames.torn_bytes = rest.len();
                return Ok(frames);
            }
        }
    }
    Ok(frames)
}

/// Whether the header holds. A header of another chain that is whole is an error of its own.
fn header_holds(chain_id: &[u8; 32], bytes: &[u8]) -> Result<bool, LogError> {
    let Some(header) = bytes.get(..FILE_HEADER_BYTES) else {
        return Ok(false);
    };
    if header == file_header(chain_id) {
        return Ok(true);
    }
    let mut other = [0; 32];
    other.copy_from_slice(&header[8..40]);
    if header == file_header(&other) { Err(LogError::WrongChain) } else { Ok(false) }
}

/// The record at the start of `bytes`, if it holds: its number and payload.
fn valid_record<'a>(chain_id: &[u8; 32], bytes: &'a [u8]) -> Option<(u64, &'a [u8])> {
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
    (frame[16..RECORD_FRAME_BYTES] == record_check(chain_id, number, length, payload)).then_some((number, payload))
}

/// The number of any valid record with a number of at least `number` behind `offset`.
fn later_record(chain_id: &[u8; 32], bytes: &[u8], offset: usize, number: u64) -> Option<u64> {
    let mut at = offset;
    while let Some(rest) = bytes.get(at..) {
        let found = rest.windows(RECORD_MAGIC.len()).position(|window| window == RECORD_MAGIC)?;
        if let Some((later, _)) = valid_record(chain_id, &rest[found..])
            && later >= number
        {
            return Some(later);
        }
        at += found + 1;
    }
    None
}
