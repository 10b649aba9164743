//! One spelling of a value in JSON: white space, the order of members and escapes inside texts are free, nothing else is.

use serde::Serialize;
use serde_json::Value;

/// Commas and opening brackets outside of texts: how many values a JSON text holds. Counted before anything is read, it bounds the
/// memory that a hostile text takes.
pub(crate) fn separators(text: &[u8]) -> u32 {
    let (mut inside, mut escaped, mut count) = (false, false, 0_u32);
    for byte in text {
        match (inside, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => inside = !inside,
            (false, _, b',' | b'[' | b'{') => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

/// Whether a text that was read as `value` is a spelling of it.
///
/// Nested types skip members they do not know and sort what must be sorted; a text that needed either is not. The separators
/// are counted first, so that the comparison takes no more memory than the value itself does.
///
/// # Errors
/// That of the parser.
pub(crate) fn is_of<T: Serialize>(text: &[u8], value: &T) -> Result<bool, serde_json::Error> {
    let canonical = serde_json::to_vec(value)?;
    if separators(text) != separators(&canonical) {
        return Ok(false);
    }
    Ok(serde_json::from_slice::<Value>(text)? == serde_json::from_slice::<Value>(&canonical)?)
}
