//! SHA-256 of at most two blocks, padded in place: nodes of trees, keys and small values are all that short, and the buffering of
//! a streaming hasher costs them as much as the hash.

use sha2::block_api::compress256;

use super::Digest;

/// The initial state (FIPS 180-4 §5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const BLOCK_BYTES: usize = 64;
/// What padding takes at least: the bit after the content, and the length.
const PADDING_BYTES_MIN: usize = 1 + 8;
/// Content that fits two blocks with its padding, in bytes.
const CONTENT_BYTES_MAX: usize = 2 * BLOCK_BYTES - PADDING_BYTES_MIN;

/// The hash of the parts one after another; `None` when they do not fit two blocks.
pub(super) fn sha256(parts: &[&[u8]]) -> Option<Digest> {
    let mut blocks = [[0_u8; BLOCK_BYTES]; 2];
    let bytes = blocks.as_flattened_mut();
    let mut length = 0_usize;
    for part in parts {
        let end = length.checked_add(part.len()).filter(|end| *end <= CONTENT_BYTES_MAX)?;
        bytes[length..end].copy_from_slice(part);
        length = end;
    }
    // FIPS 180-4 §5.1.1: a bit 1, zeros, and the length in bits at the end of the last block.
    bytes[length] = 0x80;
    let used = if length + PADDING_BYTES_MIN <= BLOCK_BYTES { 1 } else { 2 };
    let bits = u64::try_from(length * 8).expect("at most two blocks");
    bytes[used * BLOCK_BYTES - 8..used * BLOCK_BYTES].copy_from_slice(&bits.to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &blocks[..used]);
    let mut digest = [0; 32];
    for (word, place) in state.iter().zip(digest.as_chunks_mut::<4>().0) {
        *place = word.to_be_bytes();
    }
    Some(Digest(digest))
}
