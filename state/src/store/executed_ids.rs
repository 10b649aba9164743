use core::mem::size_of;
use std::collections::VecDeque;

use quancheng_types::TransactionId;

/// Ids in one generation.
const GENERATION_IDS: u32 = 1 << 19;
/// Generations, at most: two million ids.
const GENERATIONS_MAX: usize = 4;
/// Words of 64 bits that an id falls into, one line of a processor's cache; it sets one bit in each.
const BLOCK_WORDS: usize = 8;
/// Blocks of a generation: 16 bits for an id, at which one of about a thousand others is taken for one that is there.
const BLOCKS: usize = (GENERATION_IDS as usize) * 16 / (BLOCK_WORDS * 64);

/// Bytes of memory that it takes, at most.
pub const EXECUTED_IDS_BYTES: usize = GENERATIONS_MAX * BLOCKS * size_of::<[u64; BLOCK_WORDS]>();

/// The transactions that were executed last, in so little memory that another may be taken for one of them, but none of them for another. Almost
/// every transaction is a new one, and to look for each in each file of the disk cost a third of executing it.
///
/// Ids are hashes, so their bytes are the bits. They stand in generations; with the oldest one goes what it held, but for the greatest
/// `valid_until_ms` of it: an id has one `valid_until_ms`, so what is valid for longer is not among those that are gone.
#[derive(Debug)]
pub(super) struct ExecutedIds {
    generations: VecDeque<Generation>,
    gone_until_ms: u64,
}

#[derive(Debug)]
struct Generation {
    blocks: Vec<[u64; BLOCK_WORDS]>,
    count: u32,
    until_ms: u64,
}

impl ExecutedIds {
    /// Knows nothing of what was executed so far but the greatest `valid_until_ms` of it.
    pub(super) const fn new(gone_until_ms: u64) -> Self {
        Self { generations: VecDeque::new(), gone_until_ms }
    }

    /// Takes an id before it is executed.
    pub(super) fn insert(&mut self, id: &TransactionId, valid_until_ms: u64) {
        if self.generations.back().is_none_or(|generation| generation.count == GENERATION_IDS) {
            self.begin_generation();
        }
        if let Some(generation) = self.generations.back_mut() {
            generation.insert(id, valid_until_ms);
        }
    }

    /// Whether a transaction was certainly never executed.
    pub(super) fn is_new(&self, id: &TransactionId, valid_until_ms: u64) -> bool {
        valid_until_ms > self.gone_until_ms && !self.generations.iter().any(|generation| generation.may_have(id))
    }

    /// The greatest `valid_until_ms` of all that was executed.
    pub(super) fn until_ms(&self) -> u64 {
        self.generations.iter().map(|generation| generation.until_ms).fold(self.gone_until_ms, u64::max)
    }

    fn begin_generation(&mut self) {
        let recycled = if self.generations.len() == GENERATIONS_MAX { self.generations.pop_front() } else { None };
        let mut blocks = match recycled {
            Some(oldest) => {
                self.gone_until_ms = self.gone_until_ms.max(oldest.until_ms);
                oldest.blocks
            }
            None => Vec::new(),
        };
        blocks.clear();
        blocks.resize(BLOCKS, [0; BLOCK_WORDS]);
        self.generations.push_back(Generation { blocks, count: 0, until_ms: 0 });
    }
}

impl Generation {
    fn insert(&mut self, id: &TransactionId, valid_until_ms: u64) {
        let (at, bits) = bits_of(id);
        for (word, bits) in self.blocks[at].iter_mut().zip(bits) {
            *word |= bits;
        }
        self.count += 1;
        self.until_ms = self.until_ms.max(valid_until_ms);
    }

    fn may_have(&self, id: &TransactionId) -> bool {
        let (at, bits) = bits_of(id);
        self.blocks[at].iter().zip(bits).all(|(word, bits)| word & bits == bits)
    }
}

/// The block of an id, and one bit of each word of it.
fn bits_of(id: &TransactionId) -> (usize, [u64; BLOCK_WORDS]) {
    let (words, _) = id.as_bytes().as_chunks::<8>();
    let at = usize::try_from(u64::from_le_bytes(words[0]) % BLOCKS as u64).expect("a block has a place");
    let places = u64::from_le_bytes(words[1]);
    let mut bits = [0; BLOCK_WORDS];
    for (word, bits) in (0_u32..).zip(&mut bits) {
        *bits = 1 << (places >> (6 * word) & 63);
    }
    (at, bits)
}

#[cfg(test)]
mod tests {
    use quancheng_types::hash::sha256;

    use super::*;

    fn id(number: u64) -> TransactionId {
        TransactionId(sha256(&[&number.to_le_bytes()]))
    }

    #[test]
    fn what_was_executed_is_never_taken_for_new_and_little_else_for_executed() {
        let mut ids = ExecutedIds::new(0);
        for number in 0..100_000 {
            assert!(number > 10_000 || ids.is_new(&id(number), 1), "an empty memory takes nothing for executed");
            ids.insert(&id(number), 1);
        }
        assert!((0..100_000).all(|number| !ids.is_new(&id(number), 1)));
        let wrong = (100_000..200_000).filter(|number| !ids.is_new(&id(*number), 1)).count();
        assert!(wrong < 100, "{wrong}");
    }

    #[test]
    fn a_full_generation_is_as_exact_as_stated() {
        let mut ids = ExecutedIds::new(0);
        for number in 0..u64::from(GENERATION_IDS) {
            ids.insert(&id(number), 1);
        }
        let others = u64::from(GENERATION_IDS)..u64::from(GENERATION_IDS) + 100_000;
        let wrong = others.filter(|number| !ids.is_new(&id(*number), 1)).count();
        assert!(wrong < 200, "{wrong} of 100,000");
    }

    /// Nothing of a generation that is gone is called new, unless it is valid for longer than all of it.
    #[test]
    fn what_is_gone_is_known_by_how_long_it_was_valid() {
        let mut ids = ExecutedIds::new(5);
        assert!(!ids.is_new(&id(0), 5) && ids.is_new(&id(0), 6), "before it was opened");
        let all = u64::from(GENERATION_IDS) * GENERATIONS_MAX as u64;
        for number in 0..all {
            ids.insert(&id(number), 10 + number);
        }
        assert_eq!((ids.until_ms(), ids.generations.len()), (9 + all, GENERATIONS_MAX));
        assert!(!ids.is_new(&id(0), 10), "still here");
        ids.insert(&id(all), 7);
        assert_eq!((ids.until_ms(), ids.generations.len()), (9 + all, GENERATIONS_MAX));
        let gone = 9 + u64::from(GENERATION_IDS);
        for (until_ms, is_new) in [(10, false), (gone, false), (gone + 1, true)] {
            assert_eq!(ids.is_new(&id(all + 1), until_ms), is_new, "{until_ms}");
        }
        assert!(!ids.is_new(&id(all), 7));
    }
}
