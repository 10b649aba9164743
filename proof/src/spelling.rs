//! One spelling of a value in JSON: white space, the order of members and escapes inside texts are free, nothing else is.

use core::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Brackets that may be open at one place of a JSON text: no reader runs out of stack. A bundle needs nine.
pub(crate) const JSON_DEPTH_MAX: u32 = 64;

/// How much a JSON text holds. Counted before anything is read, it bounds the memory and the stack that a hostile text takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Commas and opening brackets outside of texts.
    pub(crate) separators: u32,
    /// Brackets that are open at once, at most.
    pub(crate) depth: u32,
}

/// Counts without reading.
pub(crate) fn extent(text: &[u8]) -> Extent {
    let (mut inside, mut escaped, mut open) = (false, false, 0_u32);
    let mut extent = Extent::default();
    for byte in text {
        match (inside, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => inside = !inside,
            (false, _, b',') => extent.separators = extent.separators.saturating_add(1),
            (false, _, b'[' | b'{') => {
                extent.separators = extent.separators.saturating_add(1);
                open = open.saturating_add(1);
                extent.depth = extent.depth.max(open);
            }
            (false, _, b']' | b'}') => open = open.saturating_sub(1),
            _ => {}
        }
    }
    extent
}

/// What is read first, so that a newer version is named as such and not as damage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) format: String,
    pub(crate) version: u64,
}

/// Format and version of a text. Of all else it asks only that the whole is UTF-8 and JSON by its grammar (RFC 8259): any member may
/// repeat but these two, a number may be of any size, an escape may stand for half a pair.
///
/// # Errors
/// That of the parser.
pub(crate) fn frame(text: &[u8]) -> Result<Frame, serde_json::Error> {
    let text = core::str::from_utf8(text).map_err(serde_json::Error::custom)?;
    // The names of members are read as bytes below, in which the parser lets control characters pass.
    let _: IgnoredAny = serde_json::from_str(text)?;
    serde_json::from_str(text)
}

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FrameVisitor)
    }
}

struct FrameVisitor;

impl<'de> Visitor<'de> for FrameVisitor {
    type Value = Frame;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `format` and `version`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Frame, A::Error> {
        let (mut format, mut version) = (None, None);
        while let Some(Name(name)) = map.next_key()? {
            match name.as_slice() {
                b"format" if format.is_some() => return Err(A::Error::duplicate_field("format")),
                b"version" if version.is_some() => return Err(A::Error::duplicate_field("version")),
                b"format" => format = Some(map.next_value()?),
                b"version" => version = Some(map.next_value()?),
                _ => {
                    let _: IgnoredAny = map.next_value()?;
                }
            }
        }
        let format = format.ok_or_else(|| A::Error::missing_field("format"))?;
        let version = version.ok_or_else(|| A::Error::missing_field("version"))?;
        Ok(Frame { format, version })
    }
}

/// The name of a member, which need not be a text.
struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Name, E> {
        Ok(Name(name.to_vec()))
    }
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
    if extent(text).separators != extent(&canonical).separators {
        return Ok(false);
    }
    Ok(serde_json::from_slice::<Value>(text)? == serde_json::from_slice::<Value>(&canonical)?)
}

#[cfg(test)]
mod tests;
