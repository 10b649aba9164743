//! Bytes of a sign record.
//!
//! ```text
//! magic "QCSIGN1\0" (8) ‖ body bytes u16 LE (2) ‖ body (borsh) ‖ SHA-256(tag ‖ everything before) (32)
//! ```

use core::fmt;

use quancheng_types::{ChainId, PublicKey, codec, hash};

use super::SignRecord;

const MAGIC: [u8; 8] = *b"QCSIGN1\0";
const CHECK_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + 2;
/// Greatest length of a record, bytes: fits one disk sector.
pub const SIGN_RECORD_BYTES_MAX: usize = 512;

/// Why bytes are not the sign record of this validator. In every case the node must not sign; each text says how to
/// recover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignRecordError {
    /// There are no bytes.
    Missing,
    /// Shorter or longer than a record.
    Length {
        /// Bytes found.
        bytes: usize,
    },
    /// Not a sign record, or of a release that is not known.
    Magic,
    /// The checksum does not hold.
    Damaged,
    /// The record belongs to another chain.
    OtherChain {
        /// The chain in the record.
        found: ChainId,
    },
    /// The record belongs to another key.
    OtherKey {
        /// The key in the record.
        found: PublicKey,
    },
}

impl fmt::Display for SignRecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the sign record is missing")?,
            Self::Length { bytes } => write!(f, "the sign record has {bytes} bytes, which no record has")?,
            Self::Magic => f.write_str("the file is no sign record of a known version")?,
            Self::Damaged => f.write_str("the sign record is damaged: its checksum does not hold")?,
            Self::OtherChain { found } => {
                return write!(
                    f,
                    "the sign record belongs to chain {found}: check the data directory in the configuration"
                );
            }
            Self::OtherKey { found } => {
                return write!(f, "the sign record belongs to key {found}: check the key file in the configuration");
            }
        }
        f.write_str(
            "; this node signs nothing without it. Make sure that no other machine runs this key, then make a record that \
             starts above the height of the network (`quanchengd init --rejoin-above HEIGHT`)",
        )
    }
}

impl core::error::Error for SignRecordError {}

impl SignRecord {
    /// The bytes to write.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let body = codec::encode(self);
        let length = u16::try_from(body.len()).expect("a record body has less than SIGN_RECORD_BYTES_MAX bytes");
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len() + CHECK_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&body);
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    /// Reads the record of this chain and key.
    ///
    /// # Errors
    /// [`SignRecordError`] for anything but an undamaged record: every flipped byte is noticed.
    pub fn decode(bytes: &[u8], chain_id: &ChainId, public_key: &PublicKey) -> Result<Self, SignRecordError> {
        if bytes.is_empty() {
            return Err(SignRecordError::Missing);
        }
        if bytes.len() < HEAD_BYTES + CHECK_BYTES || bytes.len() > SIGN_RECORD_BYTES_MAX {
            return Err(SignRecordError::Length { bytes: bytes.len() });
        }
        if bytes[..MAGIC.len()] != MAGIC {
            return Err(SignRecordError::Magic);
        }
        let (content, check) = bytes.split_at(bytes.len() - CHECK_BYTES);
        if checksum(content) != check {
            return Err(SignRecordError::Damaged);
        }
        let body = &content[HEAD_BYTES..];
        if content[MAGIC.len()..HEAD_BYTES] != u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes() {
            return Err(SignRecordError::Length { bytes: bytes.len() });
        }
        let bytes_max = u32::try_from(SIGN_RECORD_BYTES_MAX).expect("the limit fits in u32");
        let record: Self = codec::decode(body, bytes_max).map_err(|_| SignRecordError::Damaged)?;
        if record.chain_id != *chain_id {
            return Err(SignRecordError::OtherChain { found: record.chain_id });
        }
        if record.public_key != *public_key {
            return Err(SignRecordError::OtherKey { found: record.public_key });
        }
        Ok(record)
    }
}

pub(super) fn checksum(content: &[u8]) -> [u8; CHECK_BYTES] {
    *hash::sha256(&[b"quancheng/sign-record/1", content]).as_bytes()
}
