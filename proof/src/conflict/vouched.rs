//! What the certified headers of a bundle say, and where two of them differ.

use std::collections::{BTreeMap, BTreeSet};

use quancheng_types::{BlockId, CommitCertificate, Digest, Header, Height, HistoryLeaf, ValidatorId, ValidatorSet};

use super::{Basis, BlockResult, Comparison, Fork, ForkKind, ForkSigner, Guilt, Vouching};
use crate::bundle::{Bundle, Claim, LeafProof};
use crate::checkpoint::Checkpoint;
use crate::state_proof::StateRoot;
use crate::verify::{earlier_root, leaf_fault};

/// Whose signatures stand under a statement.
#[derive(Clone, Copy)]
struct Voucher<'a> {
    basis: Basis,
    certificate: &'a CommitCertificate,
    validators: &'a ValidatorSet,
}

impl Voucher<'_> {
    const fn shown(self) -> Vouching {
        let CommitCertificate { height, round, block_id, .. } = *self.certificate;
        Vouching { basis: self.basis, signed_height: height, round, block_id }
    }
}

/// What the certified headers of a bundle say.
pub(super) struct Vouched<'a> {
    bundle: &'a Bundle,
    blocks: BTreeMap<Height, (BlockId, Voucher<'a>)>,
    times: BTreeMap<Height, (u64, Voucher<'a>)>,
    leaves: BTreeMap<Height, (HistoryLeaf, Voucher<'a>)>,
    histories: BTreeMap<u64, (Digest, Voucher<'a>)>,
}

impl<'a> Vouched<'a> {
    /// What vouches directly for a statement comes before what follows from a later header.
    pub(super) fn of(bundle: &'a Bundle, checkpoint: &'a Checkpoint) -> Self {
        let mut vouched = Self {
            bundle,
            blocks: BTreeMap::new(),
            times: BTreeMap::new(),
            leaves: BTreeMap::new(),
            histories: BTreeMap::new(),
        };
        let mut set = checkpoint.validators();
        let mut signed = Vec::new();
        for step in bundle.trust_path.iter().filter(|step| step.header.height >= checkpoint.height()) {
            signed.push((&step.header, &step.certificate, set));
            set = &step.next_validators;
        }
        signed.push((&bundle.header, &bundle.certificate, &bundle.validators));
        for &(header, certificate, validators) in &signed {
            vouched.header(header, Voucher { basis: Basis::Block, certificate, validators });
        }
        for &(header, certificate, validators) in &signed {
            if let Some(parent) = header.height.previous().filter(|parent| *parent > Height::GENESIS) {
                let voucher = Voucher { basis: Basis::Parent, certificate, validators };
                vouched.blocks.entry(parent).or_insert((header.parent, voucher));
            }
        }
        let (certificate, validators) = (&bundle.certificate, &bundle.validators);
        for proof in bundle.leaves.iter().filter(|proof| leaf_fault(proof, &bundle.header).is_none()) {
            vouched.leaf(proof, Voucher { basis: Basis::History, certificate, validators });
        }
        vouched
    }

    fn header(&mut self, header: &Header, voucher: Voucher<'a>) {
        self.blocks.insert(header.height, (header.id(), voucher));
        let history = Voucher { basis: Basis::History, ..voucher };
        self.times.insert(header.height, (header.time_ms, history));
        self.histories.insert(header.history_size, (header.history_root, history));
    }

    fn leaf(&mut self, proof: &LeafProof, voucher: Voucher<'a>) {
        let leaf = proof.leaf;
        if leaf.height > Height::GENESIS {
            self.blocks.entry(leaf.height).or_insert((leaf.block_id, voucher));
        }
        self.times.entry(leaf.height).or_insert((leaf.time_ms, voucher));
        self.leaves.insert(leaf.height, (leaf, voucher));
        // All powers of two up to the length of the history; the path does not pass through other lengths.
        for size in (0..u64::BITS).map(|power| 1_u64 << power) {
            if let Some(root) = earlier_root(proof, size) {
                self.histories.entry(size).or_insert((root, voucher));
            }
        }
    }

    /// Everything that both name, and what differs.
    pub(super) fn against(&self, other: &Self) -> Comparison {
        let mut forks = self.blocks_against(other);
        let heights_of_blocks: BTreeSet<Height> = forks.iter().map(|fork| fork.height).collect();
        // Of different blocks the results differ anyway.
        forks.extend(self.results_against(other).into_iter().filter(|fork| !heights_of_blocks.contains(&fork.height)));
        forks.extend(self.histories_against(other));
        forks.sort_by_key(|fork| (fork.guilt, fork.height));
        let mut heights = common(&self.blocks, &other.blocks);
        heights.append(&mut common(&self.leaves, &other.leaves));
        let histories = common(&self.histories, &other.histories).into_iter().collect();
        Comparison { forks, heights: heights.into_iter().collect(), histories }
    }

    fn blocks_against(&self, other: &Self) -> Vec<Fork> {
        let differ = |(height, (first, voucher)): (&Height, &(BlockId, Voucher<'_>))| {
            let (second, against) = other.blocks.get(height).filter(|(second, _)| second != first)?;
            let kind = ForkKind::Blocks { first_block: *first, second_block: *second };
            Some(fork(*height, kind, *voucher, *against))
        };
        self.blocks.iter().filter_map(differ).collect()
    }

    /// Whole leaves, and times where one side holds no leaf.
    fn results_against(&self, other: &Self) -> Vec<Fork> {
        let time = |time_ms: u64| BlockResult { time_ms, receipts_root: None, state_root: None };
        let differ = |(height, (first, voucher)): (&Height, &(u64, Voucher<'_>))| {
            let (second, against) = other.times.get(height)?;
            if let Some(((one, voucher), (two, against))) = self.leaves.get(height).zip(other.leaves.get(height)) {
                let kind = ForkKind::Results {
                    first_result: BlockResult::of(one),
                    second_result: BlockResult::of(two),
                    keys: self.keys_against(other, *height),
                };
                return (one != two).then(|| fork(*height, kind, *voucher, *against));
            }
            let kind = ForkKind::Results { first_result: time(*first), second_result: time(*second), keys: Vec::new() };
            (first != second).then(|| fork(*height, kind, *voucher, *against))
        };
        self.times.iter().filter_map(differ).collect()
    }

    /// Keys of which the two claim different values as of a height.
    fn keys_against(&self, other: &Self, height: Height) -> Vec<String> {
        let (one, two) = (self.values(height), other.values(height));
        one.iter()
            .filter(|(key, value)| two.get(*key).is_some_and(|other| other != *value))
            .map(|(key, _)| hex::encode(key))
            .collect()
    }

    /// What the proofs of a bundle show of keys as of a height.
    fn values(&self, height: Height) -> BTreeMap<&'a [u8], Option<&'a [u8]>> {
        let value = |claim: &'a Claim| match claim {
            Claim::State { leaf, root, key, value, proof } => {
                self.bundle.leaves.get(usize::from(*leaf)).filter(|at| at.leaf.height == height)?;
                let root = &self.bundle.leaves.get(usize::from(*root))?.leaf;
                let root = StateRoot { height: root.height, hash: root.state_root };
                let is_proven = proof.verify(&root, key, value.as_deref(), height).is_ok();
                is_proven.then_some((&**key, value.as_deref()))
            }
            Claim::Transaction { .. } => None,
        };
        self.bundle.claims.iter().filter_map(value).collect()
    }

    fn histories_against(&self, other: &Self) -> Vec<Fork> {
        let differ = |(size, (first, voucher)): (&u64, &(Digest, Voucher<'_>))| {
            let (second, against) = other.histories.get(size).filter(|(second, _)| second != first)?;
            let kind = ForkKind::Histories { size: *size, first_root: *first, second_root: *second };
            Some(fork(Height(size.saturating_sub(1)), kind, *voucher, *against))
        };
        self.histories.iter().filter_map(differ).collect()
    }
}

fn common<K: Copy + Ord, V>(one: &BTreeMap<K, V>, two: &BTreeMap<K, V>) -> BTreeSet<K> {
    one.keys().filter(|key| two.contains_key(key)).copied().collect()
}

fn fork(height: Height, kind: ForkKind, one: Voucher<'_>, two: Voucher<'_>) -> Fork {
    let (first, second) = (one.shown(), two.shown());
    Fork {
        height,
        kind,
        first,
        second,
        guilt: Guilt::of(&first, &second),
        is_one_set: one.validators == two.validators,
        signers_of_both: both(one, two),
    }
}

fn both(one: Voucher<'_>, two: Voucher<'_>) -> Vec<ForkSigner> {
    let others: Vec<ValidatorId> = two.certificate.signatures.iter().map(|entry| entry.validator).collect();
    let in_both = one.certificate.signatures.iter().filter(|entry| others.binary_search(&entry.validator).is_ok());
    in_both
        .filter_map(|entry| {
            let organization = one.validators.by_id(&entry.validator)?.organization.to_string();
            Some(ForkSigner { validator: entry.validator, organization })
        })
        .collect()
}
