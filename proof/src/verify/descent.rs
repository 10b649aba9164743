//! Step 6, its end: whether all that a bundle holds tells one history with the checkpoint, and whether it shows descent from a pinned
//! block.

use core::fmt;

use quancheng_types::merkle::node_hash;
use quancheng_types::{Digest, Header, Height};

use super::claims::leaf_fault;
use crate::bundle::{Bundle, LeafProof};

/// What is shown of the way from the checkpoint to the bundle's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Descent {
    /// The checkpoint is a genesis: whoever is in office by its changes certifies this chain.
    Genesis,
    /// The header is the pinned one.
    Same,
    /// The header, or the history it certifies, names the pinned block.
    Shown {
        /// Whether results of heights that the pinned header certifies were not compared with its history.
        is_history_open: bool,
    },
    /// The header is certified by the validators in office, and nothing in the bundle leads to the pinned block.
    NotShown,
}

/// Reads the pinned header, those of the changes that were followed, the bundle's own and its certified leaves as one history.
///
/// No two of them may name different blocks for a height or different roots for a length of the history; times rise, and what is
/// executed never falls back.
///
/// # Errors
/// [`HistoryFault`]: what contradicts.
pub(super) fn one_history(bundle: &Bundle, pinned: Option<&Header>) -> Result<Descent, HistoryFault> {
    let start = pinned.map_or(Height::GENESIS, |pin| pin.height);
    let steps = bundle.trust_path.iter().map(|step| &step.header).filter(|header| header.height >= start);
    let mut headers: Vec<&Header> = pinned.into_iter().chain(steps).chain([&bundle.header]).collect();
    // Of one height there is one block: that was checked of the pinned one.
    headers.dedup_by_key(|header| header.height);
    for pair in headers.windows(2) {
        follows(pair[0], pair[1])?;
    }
    let leaves: Vec<&LeafProof> =
        bundle.leaves.iter().filter(|proof| leaf_fault(proof, &bundle.header).is_none()).collect();
    for proof in &leaves {
        headers.iter().try_for_each(|header| beside(proof, header))?;
    }
    let Some(pin) = pinned else { return Ok(Descent::Genesis) };
    let header = &bundle.header;
    if header.height == pin.height {
        return Ok(Descent::Same);
    }
    let is_child = header.height == pin.height.next();
    if !is_child && leaves.iter().all(|proof| proof.leaf.height != pin.height) {
        return Ok(Descent::NotShown);
    }
    let is_compared = header.history_size == pin.history_size
        || leaves.iter().any(|proof| earlier_root(proof, pin.history_size).is_some());
    let is_older = leaves.iter().any(|proof| proof.leaf.height.0 < pin.history_size);
    Ok(Descent::Shown { is_history_open: is_older && !is_compared })
}

/// Whether a header may stand above another of one chain, with no change of validators between them that is left out.
fn follows(lower: &Header, upper: &Header) -> Result<(), HistoryFault> {
    let height = upper.height;
    if lower.height.next() == height && upper.parent != lower.id() {
        return Err(HistoryFault::Block { height: lower.height });
    }
    if upper.validators_hash != lower.next_validators_hash {
        return Err(HistoryFault::Validators { height: lower.height });
    }
    if upper.time_ms <= lower.time_ms {
        return Err(HistoryFault::Time { height });
    }
    if upper.executed_height < lower.executed_height {
        return Err(HistoryFault::Executed { height });
    }
    if upper.history_size == lower.history_size && upper.history_root != lower.history_root {
        return Err(HistoryFault::History { size: upper.history_size });
    }
    Ok(())
}

/// Whether a certified leaf and a header can be of one chain.
fn beside(proof: &LeafProof, header: &Header) -> Result<(), HistoryFault> {
    let leaf = &proof.leaf;
    let height = leaf.height;
    let is_other = (height == header.height && leaf.block_id != header.id())
        || (height.next() == header.height && leaf.block_id != header.parent);
    if is_other {
        return Err(HistoryFault::Block { height });
    }
    if height.cmp(&header.height) != leaf.time_ms.cmp(&header.time_ms) {
        return Err(HistoryFault::Time { height });
    }
    match earlier_root(proof, header.history_size) {
        Some(root) if root != header.history_root => Err(HistoryFault::History { size: header.history_size }),
        Some(_) | None => Ok(()),
    }
}

/// The root of the first `size` heights, where the path of a certified leaf passes through it: a whole subtree that holds the leaf.
pub(crate) fn earlier_root(proof: &LeafProof, size: u64) -> Option<Digest> {
    let path = &proof.path;
    if !size.is_power_of_two() || path.index >= size || size > path.size {
        return None;
    }
    let levels = usize::try_from(size.trailing_zeros()).ok()?;
    let siblings = path.siblings.get(..levels)?;
    let step = |(hash, index): (Digest, u64), sibling: &Digest| {
        let hash = if index & 1 == 1 { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) };
        (hash, index >> 1)
    };
    Some(siblings.iter().fold((proof.leaf.leaf_hash(), path.index), step).0)
}

/// What does not fit together. If both sides are certified, validators broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HistoryFault {
    /// Two blocks of one height.
    Block { height: Height },
    /// The header names other validators for what follows it.
    Validators { height: Height },
    /// A time that does not rise with the height.
    Time { height: Height },
    /// A header that certifies less than one below it.
    Executed { height: Height },
    /// Two histories of one length.
    History { size: u64 },
}

impl HistoryFault {
    pub(super) fn zh(self) -> String {
        match self {
            Self::Block { height } => format!(
                "检查点、验证者更替、区块头与记录所在的叶对高度 {height} 载有不同区块：如均经签署，则超过三分之一投票权的验证者违反了协议"
            ),
            Self::Validators { height } => {
                format!("高度 {height} 的区块头所载继任验证者不是其后区块头所载者，缺少某次更替")
            }
            Self::Time { height } => format!("高度 {height} 的时间与所附其他区块的先后不符"),
            Self::Executed { height } => format!("高度 {height} 的区块头所认证的历史短于在前的区块头"),
            Self::History { size } => format!(
                "所附材料对历史的前 {size} 个高度载有不同结果：如均经签署，则超过三分之一投票权的验证者违反了协议"
            ),
        }
    }
}

impl fmt::Display for HistoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block { height } => write!(
                f,
                "checkpoint, changes, header and leaves name different blocks of height {height}: if all are certified, validators \
                 with more than a third of the power broke the protocol"
            ),
            Self::Validators { height } => write!(
                f,
                "the header of height {height} names other successors than the header above it; a change is missing"
            ),
            Self::Time { height } => write!(f, "the time of height {height} does not rise with the height"),
            Self::Executed { height } => write!(f, "the header of height {height} certifies less than one below it"),
            Self::History { size } => write!(
                f,
                "two results for the first {size} heights of the history: if all are certified, validators with more than a third \
                 of the power broke the protocol"
            ),
        }
    }
}
