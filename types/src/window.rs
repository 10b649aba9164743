//! Which batches of one author were ordered: a batch is ordered once (protocol §5).
//!
//! Authors number their batches in ascending order, so a sliding window over the numbers is enough: everything below the
//! window counts as ordered. The window is wider than the batches an author may have in flight, so an honest
//! author never falls out of it. The windows after each block are part of the state, so whoever has the state needs no block to know them.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Numbers that one window covers. Wider than `batches_in_flight_max` may ever be (256).
pub const WINDOW_SEQUENCES: u64 = 1024;
const WORDS: usize = 16;

/// The window of one author: the greatest ordered number, and a bit for each of the numbers just below. 136 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorWindow {
    /// One more than the greatest ordered number; 0 when none was ordered.
    end: u64,
    /// Bit `n % 1024` tells whether number `n` of the last 1024 below `end` was ordered.
    bits: [u64; WORDS],
}

impl AuthorWindow {
    /// Whether this number was ordered, or is too old to be told from one that was.
    #[must_use]
    pub fn is_ordered(&self, sequence: u64) -> bool {
        if sequence >= self.end {
            return false;
        }
        if self.end - sequence > WINDOW_SEQUENCES {
            return true;
        }
        let (word, bit) = Self::place(sequence);
        self.bits[word] & bit != 0
    }

    /// Enters an ordered number.
    pub fn insert(&mut self, sequence: u64) {
        if sequence >= self.end {
            let new_end = sequence.saturating_add(1);
            if new_end - self.end >= WINDOW_SEQUENCES {
                self.bits = [0; WORDS];
            } else {
                for skipped in self.end..new_end {
                    let (word, bit) = Self::place(skipped);
                    self.bits[word] &= !bit;
                }
            }
            self.end = new_end;
        } else if self.end - sequence > WINDOW_SEQUENCES {
            return;
        }
        let (word, bit) = Self::place(sequence);
        self.bits[word] |= bit;
    }

    /// One more than the greatest ordered number.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    fn place(sequence: u64) -> (usize, u64) {
        let index = sequence % WINDOW_SEQUENCES;
        let word = usize::try_from(index / 64).expect("below 16");
        (word, 1 << (index % 64))
    }
}

#[cfg(test)]
mod tests;
