//! Files that an editor or a shell has saved in another encoding: a mark before UTF-8, or UTF-16 and UTF-32 with or without one.
//!
//! Windows PowerShell writes what `>` takes as UTF-16 with a mark. Whoever did that has damaged nothing of what the bundle says: it is the
//! reader's slip, and what to do about it depends on the form. Text can be saved back; the compact form is no text, and what a program
//! made of it that took it for text cannot be undone.

use super::BUNDLE_MAGIC;

/// An encoding that no bundle is in. A mark, the character U+FEFF, is what tells UTF-8 apart; the others need none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 behind a byte-order mark.
    Utf8Marked,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// UTF-32, low byte first.
    Utf32Le,
    /// UTF-32, high byte first.
    Utf32Be,
}

impl Encoding {
    /// UTF-32 first: its mark of low byte first begins with that of UTF-16.
    const ALL: [Self; 5] = [Self::Utf8Marked, Self::Utf32Le, Self::Utf32Be, Self::Utf16Le, Self::Utf16Be];

    /// U+FEFF.
    const fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8Marked => &[0xEF, 0xBB, 0xBF],
            Self::Utf16Le => &[0xFF, 0xFE],
            Self::Utf16Be => &[0xFE, 0xFF],
            Self::Utf32Le => &[0xFF, 0xFE, 0, 0],
            Self::Utf32Be => &[0, 0, 0xFE, 0xFF],
        }
    }

    /// Bytes of a character of ASCII.
    const fn width(self) -> usize {
        match self {
            Self::Utf8Marked => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
            Self::Utf32Le | Self::Utf32Be => 4,
        }
    }

    /// The character of ASCII that so many bytes are, if they are one.
    fn ascii(self, unit: &[u8]) -> Option<u8> {
        let (byte, zeros) = match self {
            Self::Utf8Marked | Self::Utf16Le | Self::Utf32Le => unit.split_first()?,
            Self::Utf16Be | Self::Utf32Be => unit.split_last()?,
        };
        (byte.is_ascii() && zeros.iter().all(|zero| *zero == 0)).then_some(*byte)
    }

    /// Its name, in Chinese and English.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Utf8Marked => ("带字节顺序标记（BOM）的 UTF-8", "UTF-8 with a byte-order mark"),
            Self::Utf16Le => ("UTF-16（低位在前）", "UTF-16 (low byte first)"),
            Self::Utf16Be => ("UTF-16（高位在前）", "UTF-16 (high byte first)"),
            Self::Utf32Le => ("UTF-32（低位在前）", "UTF-32 (low byte first)"),
            Self::Utf32Be => ("UTF-32（高位在前）", "UTF-32 (high byte first)"),
        }
    }
}

/// What a file is that somebody saved anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reencoded {
    /// In which encoding it is now.
    pub encoding: Encoding,
    /// Whether it was a bundle in the compact form, which is no text; otherwise it is JSON.
    pub is_compact: bool,
}

impl Reencoded {
    /// What bytes were before they were saved anew: behind the marks, and in that encoding, they begin as JSON or as the compact form
    /// does. `None` of all others, among them every bundle. Nothing behind the beginning is looked at.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Encoding::ALL.into_iter().find_map(|encoding| {
            let mut text = bytes;
            while let Some(rest) = text.strip_prefix(encoding.mark()) {
                text = rest;
            }
            if encoding == Encoding::Utf8Marked && text.len() == bytes.len() {
                return None;
            }
            let units = || text.chunks_exact(encoding.width()).map(|unit| encoding.ascii(unit));
            if units().take(BUNDLE_MAGIC.len()).eq(BUNDLE_MAGIC.map(Some)) {
                return Some(Self { encoding, is_compact: true });
            }
            let is_space = |unit: &Option<u8>| unit.is_some_and(|byte| byte.is_ascii_whitespace());
            let is_json = units().find(|unit| !is_space(unit)) == Some(Some(b'{'));
            is_json.then_some(Self { encoding, is_compact: false })
        })
    }
}

#[cfg(test)]
mod tests;
