//! Texts that people read: nothing in them may be there without being seen.
//!
//! A name with a mark of direction reads backwards, one with a zero-width space is another name than the one it looks like. Both would
//! stand on the ledger for ever, and every reader of it would have to know. The characters are a written list ([`is_unseen`]), so that no
//! table of Unicode that a compiler brings decides whether a block is valid.

use core::fmt;

use quancheng_proof::foreign::is_unseen;

/// A character of a text that no reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The character.
    pub character: char,
    /// Its place among the characters of the text, from 1.
    pub place: usize,
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X} at character {}", u32::from(self.character), self.place)
    }
}

/// The first character of a name, a title or another text of one line that is a control, turns the direction of text, or is never seen.
#[must_use]
pub fn unseen_in(text: &str) -> Option<Unseen> {
    (1_usize..).zip(text.chars()).find(|(_, c)| is_unseen(*c)).map(|(place, character)| Unseen { character, place })
}

/// The same of a text that may have lines.
#[must_use]
pub fn unseen_in_lines(text: &str) -> Option<Unseen> {
    let is_hidden = |c: char| c != '\n' && is_unseen(c);
    (1_usize..).zip(text.chars()).find(|(_, c)| is_hidden(*c)).map(|(place, character)| Unseen { character, place })
}

/// Whether a text is a name: there is something to read, and nothing that is not seen.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && unseen_in(text).is_none()
}
