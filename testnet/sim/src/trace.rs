//! A fingerprint of everything that happened, to compare two runs of one seed.

use core::fmt;

use quancheng_types::Digest;

/// Running hash over the events of a run. Not cryptographic: it compares runs of one program, nobody forges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceHash(u64);

impl TraceHash {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    pub(crate) fn index(&mut self, index: usize) {
        self.word(u64::try_from(index).expect("an index fits in u64"));
    }

    pub(crate) fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.word(u64::from(byte));
        }
    }

    pub(crate) fn digest(&mut self, digest: &Digest) {
        for chunk in digest.as_bytes().chunks_exact(8) {
            self.word(u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes")));
        }
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
