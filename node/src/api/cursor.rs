//! Places in lists, bound to the list and to the height at which it is read: pages never shift while the chain grows.

use quancheng_types::{Height, merkle};

use super::problem::{ApiError, ApiResult};

/// Bytes of a cursor: height, row, check.
const CURSOR_BYTES: usize = 8 + 8 + 4;

/// Where the next page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The height of the first page.
    pub(crate) height: Height,
    /// Next row.
    pub(crate) from: u64,
}

impl Cursor {
    /// The opaque text. `list` names the list and its filter.
    #[must_use]
    pub(crate) fn encode(&self, list: &str) -> String {
        let mut bytes = Vec::with_capacity(CURSOR_BYTES);
        bytes.extend_from_slice(&self.height.0.to_be_bytes());
        bytes.extend_from_slice(&self.from.to_be_bytes());
        let check = self.check(list);
        bytes.extend_from_slice(&check);
        hex::encode(bytes)
    }

    /// Reads a text that [`Self::encode`] gave for the same list.
    ///
    /// # Errors
    /// [`ApiError::InvalidParameter`].
    pub(crate) fn decode(text: &str, list: &str) -> ApiResult<Self> {
        let refused = || {
            ApiError::parameter(
                "cursor",
                "not a cursor of this list; take next_cursor of an earlier page, or leave it out",
            )
        };
        let bytes: [u8; CURSOR_BYTES] =
            hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(refused)?;
        let word = |from: usize| bytes.iter().skip(from).take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        let cursor = Self { height: Height(word(0)), from: word(8) };
        if bytes.ends_with(&cursor.check(list)) { Ok(cursor) } else { Err(refused()) }
    }

    /// Tells a cursor of one list from those of others, and mistyped ones. It is no secret: a cursor grants nothing.
    fn check(&self, list: &str) -> [u8; 4] {
        let digest = merkle::leaf_hash(format!("{list}/{}/{}", self.height, self.from).as_bytes());
        let [a, b, c, d, ..] = *digest.as_bytes();
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_one_list() {
        let cursor = Cursor { height: Height(7), from: 200 };
        let text = cursor.encode("organizations");
        assert_eq!(Cursor::decode(&text, "organizations").expect("own list"), cursor);
        assert!(Cursor::decode(&text, "registrations").is_err());
        let mut wrong = text.clone();
        wrong.replace_range(14..16, "ff");
        assert!(Cursor::decode(&wrong, "organizations").is_err());
        for text in ["", "zz", "00", &text[2..]] {
            assert!(Cursor::decode(text, "organizations").is_err());
        }
    }
}
