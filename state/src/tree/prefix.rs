use core::cmp::Ordering;
use core::fmt;

use quancheng_types::Digest;

/// Bits of a nibble: levels of a page.
pub(crate) const NIBBLE_BITS: usize = 4;
/// Nibbles of a key hash.
const NIBBLES_MAX: u8 = 64;

/// The first nibbles of key hashes: names a subtree at a depth that is a multiple of four.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    nibbles: u8,
    path: [u8; 32],
}

/// By length, then by path, as [`Prefix::to_bytes`] sorts. Maps of prefixes compare a lot, so paths are compared as numbers.
impl Ord for Prefix {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.nibbles, self.halves()).cmp(&(other.nibbles, other.halves()))
    }
}

impl PartialOrd for Prefix {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Prefix {
    /// The order in which a walk down the tree meets subtrees: each before those in it, those in it before the next one.
    pub(crate) fn cmp_in_walk(&self, other: &Self) -> Ordering {
        (self.halves(), self.nibbles).cmp(&(other.halves(), other.nibbles))
    }

    /// The whole tree.
    pub(crate) const ROOT: Self = Self { nibbles: 0, path: [0; 32] };

    /// The subtree `nibble` (below 16) levels further down. `None` below the last level.
    pub(crate) fn child(&self, nibble: u8) -> Option<Self> {
        if self.nibbles >= NIBBLES_MAX {
            return None;
        }
        let mut path = self.path;
        let byte = path.get_mut(usize::from(self.nibbles / 2))?;
        *byte |= if self.nibbles.is_multiple_of(2) { nibble << 4 } else { nibble };
        Some(Self { nibbles: self.nibbles + 1, path })
    }

    /// The subtree so many nibbles from the top that a place is in. `None` below the last level.
    pub(crate) fn above(place: &Digest, nibbles: u8) -> Option<Self> {
        if nibbles > NIBBLES_MAX {
            return None;
        }
        let whole = usize::from(nibbles / 2);
        let mut path = [0; 32];
        path.get_mut(..whole)?.copy_from_slice(place.0.get(..whole)?);
        if !nibbles.is_multiple_of(2) {
            *path.get_mut(whole)? = place.0.get(whole)? & 0xf0;
        }
        Some(Self { nibbles, path })
    }

    /// Nibbles from the top.
    pub(crate) const fn nibbles(&self) -> u8 {
        self.nibbles
    }

    /// The subtree that this one is a child of. `None` of the whole tree.
    pub(crate) fn parent(&self) -> Option<Self> {
        let nibbles = self.nibbles.checked_sub(1)?;
        let mut path = self.path;
        let byte = path.get_mut(usize::from(nibbles / 2))?;
        *byte = if nibbles.is_multiple_of(2) { 0 } else { *byte & 0xf0 };
        Some(Self { nibbles, path })
    }

    fn halves(&self) -> [u128; 2] {
        let (halves, _) = self.path.as_chunks::<16>();
        [u128::from_be_bytes(halves[0]), u128::from_be_bytes(halves[1])]
    }

    /// Depth in bits.
    pub(crate) fn depth(&self) -> usize {
        usize::from(self.nibbles) * NIBBLE_BITS
    }

    /// Which child of this subtree a key below it belongs to.
    pub(crate) fn nibble_of(&self, key_hash: &Digest) -> u8 {
        let byte = key_hash.as_bytes().get(usize::from(self.nibbles / 2)).copied().unwrap_or(0);
        if self.nibbles.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
    }

    /// Whether a key is below this subtree.
    pub(crate) fn covers(&self, key_hash: &[u8]) -> bool {
        let whole = usize::from(self.nibbles / 2);
        if key_hash.len() < 32 || key_hash.get(..whole) != self.path.get(..whole) {
            return false;
        }
        self.nibbles.is_multiple_of(2) || key_hash.get(whole).map(|b| b & 0xf0) == self.path.get(whole).copied()
    }

    /// The least key hash below this subtree.
    pub(crate) const fn first_key(&self) -> &[u8; 32] {
        &self.path
    }

    /// The prefix that these bytes name, as [`Self::to_bytes`] writes them.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&nibbles, rest) = bytes.split_first()?;
        let mut path = [0; 32];
        path.get_mut(..rest.len())?.copy_from_slice(rest);
        let prefix = Self { nibbles, path };
        // Half of the last byte of an odd number of nibbles is not of the path.
        let is_whole = nibbles.is_multiple_of(2) || rest.last().is_some_and(|byte| byte & 0x0f == 0);
        (nibbles <= NIBBLES_MAX && is_whole && prefix.to_bytes() == bytes).then_some(prefix)
    }

    /// Bytes that name it in a store: number of nibbles, then the nibbles in whole bytes.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 32);
        bytes.push(self.nibbles);
        bytes.extend_from_slice(&self.path[..usize::from(self.nibbles.div_ceil(2))]);
        bytes
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for nibble in 0..self.nibbles {
            let byte = self.path[usize::from(nibble / 2)];
            write!(f, "{:x}", if nibble % 2 == 0 { byte >> 4 } else { byte & 0x0f })?;
        }
        f.write_str("*")
    }
}
