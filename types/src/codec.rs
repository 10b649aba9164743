//! Strict decoding: one value, all bytes, nothing left over.

use core::fmt;

use borsh::BorshDeserialize;

/// Why bytes are not a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// More bytes than the limit of this kind of message; nothing was decoded.
    TooLarge {
        /// Bytes offered.
        bytes: usize,
        /// Bytes allowed.
        max: u32,
    },
    /// The value ended before the bytes did.
    Trailing {
        /// Bytes left over.
        bytes: usize,
    },
    /// The bytes do not encode a value of this type (truncated, unknown tag, a length over its limit, not UTF-8).
    Malformed {
        /// Where decoding stopped, in bytes from the start.
        offset: usize,
        /// What the decoder met there.
        reason: std::string::String,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, max } => write!(f, "{bytes} bytes exceed the limit of {max}"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes follow the end of the value"),
            Self::Malformed { offset, reason } => write!(f, "malformed at byte {offset}: {reason}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Decodes exactly one value from at most `bytes_max` bytes.
///
/// # Errors
/// [`DecodeError`]: too large (checked first), malformed, or trailing bytes.
pub fn decode<T: BorshDeserialize>(bytes: &[u8], bytes_max: u32) -> Result<T, DecodeError> {
    if u32::try_from(bytes.len()).map_or(true, |n| n > bytes_max) {
        return Err(DecodeError::TooLarge { bytes: bytes.len(), max: bytes_max });
    }
    let mut rest = bytes;
    match T::deserialize(&mut rest) {
        Ok(value) if rest.is_empty() => Ok(value),
        Ok(_) => Err(DecodeError::Trailing { bytes: rest.len() }),
        Err(error) => Err(DecodeError::Malformed { offset: bytes.len() - rest.len(), reason: error.to_string() }),
    }
}

/// The canonical bytes of a value.
#[must_use]
pub fn encode<T: borsh::BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory cannot fail, and lengths are bounded by their types")
}
