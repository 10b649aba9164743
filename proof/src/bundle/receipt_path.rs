//! The path of a receipt, in a form without a free choice.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::merkle::{self, Path};
use quancheng_types::{Digest, List};
use serde::{Deserialize, Serialize};

/// Siblings of a receipt: a block has fewer than 2^32.
pub const RECEIPT_PATH_MAX: u32 = 32;

/// Inclusion path of a receipt in `receipts_root`.
///
/// A leaf of the history log does not carry the number of receipts, and an RFC 9162 path of a claimed size would verify
/// under several sizes. So this form carries no size, only what the root does fix: the place of the receipt (inside the
/// receipt) and the level at which its way to the root meets the right edge of the tree. One path has one encoding.
///
/// Level `l < inner`: the sibling is on the side that bit `l` of the place says (1: left). The rest are left siblings, one
/// for each bit that is set in `place >> inner`. With `inner > 0`, bit `inner - 1` of the place is 0: the way leaves the
/// right edge there.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptPath {
    /// Levels below the right edge, 0 to 32.
    pub inner: u8,
    /// Siblings, lowest first.
    pub siblings: List<Digest, RECEIPT_PATH_MAX>,
}

impl ReceiptPath {
    /// From the path with its size. `None` when the path does not fit its own index and size, or counts beyond 2^32 receipts.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        let last = path.size.checked_sub(1)?;
        if path.index > last {
            return None;
        }
        let place = u32::try_from(path.index).ok()?;
        let last = u32::try_from(last).ok()?;
        let inner = 32 - (place ^ last).leading_zeros();
        let path = Self { inner: u8::try_from(inner).ok()?, siblings: List::new(path.siblings.to_vec()).ok()? };
        path.fits(place).then_some(path)
    }

    /// The root to which this path leads from the receipt at `place`; `None` when its length does not fit the place.
    #[must_use]
    pub fn root(&self, place: u32, leaf: Digest) -> Option<Digest> {
        if !self.fits(place) {
            return None;
        }
        let mut hash = leaf;
        for (level, sibling) in (0_u32..).zip(&self.siblings) {
            let left = level >= u32::from(self.inner) || place >> level & 1 == 1;
            hash = if left { merkle::node_hash(sibling, &hash) } else { merkle::node_hash(&hash, sibling) };
        }
        Some(hash)
    }

    fn fits(&self, place: u32) -> bool {
        let place = u64::from(place);
        let inner = u32::from(self.inner);
        if inner > 32 || (inner > 0 && place >> (inner - 1) & 1 == 1) {
            return false;
        }
        let border = (place >> inner).count_ones();
        u32::try_from(self.siblings.len()).is_ok_and(|length| length == inner + border)
    }
}

#[cfg(test)]
mod tests;
