//! Two bundles that contradict each other: proof that more than a third of the validators broke the protocol.

use core::fmt;
use std::collections::BTreeMap;

use quancheng_types::{BlockId, CommitCertificate, Digest, Header, Height, ValidatorId, ValidatorSet};
use serde::Serialize;

use crate::bundle::Bundle;
use crate::checkpoint::Checkpoint;
use crate::report::Assessment;
use crate::verify::{finality, leaf_fault, trust_path};

/// A contradiction between two certified histories of one chain, and who signed both.
///
/// Each history is certified by a quorum, so two quorums of one validator set share more than a third of its power:
/// `signers_of_both` names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fork {
    /// The height of the contradiction: the block, or the newest height that the two history roots cover.
    pub height: Height,
    /// What contradicts.
    pub kind: ForkKind,
    /// Validators whose signature stands under both, in ascending order of id.
    pub signers_of_both: Vec<ForkSigner>,
}

/// What contradicts in a [`Fork`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ForkKind {
    /// Two blocks at one height.
    Blocks {
        /// In the first bundle.
        first: BlockId,
        /// In the second.
        second: BlockId,
    },
    /// Two histories of one length.
    Histories {
        /// In the first bundle.
        first: Digest,
        /// In the second.
        second: Digest,
    },
}

/// A validator that signed both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForkSigner {
    /// Hash of its key.
    pub validator: ValidatorId,
    /// The organization that runs it.
    pub organization: String,
}

/// Why two bundles could not be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictError {
    /// The first bundle's header does not follow from the checkpoint: it proves nothing, so it contradicts nothing.
    First {
        /// What was found.
        detail: String,
    },
    /// The same of the second bundle.
    Second {
        /// What was found.
        detail: String,
    },
}

impl fmt::Display for ConflictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (which, detail) = match self {
            Self::First { detail } => ("first", detail),
            Self::Second { detail } => ("second", detail),
        };
        write!(f, "the {which} bundle does not follow from the checkpoint ({detail}); verify it on its own first")
    }
}

impl core::error::Error for ConflictError {}

/// Looks for a contradiction between two bundles of one chain.
///
/// Compared are all blocks and histories that the certified headers of the bundles (its own and those of its set changes)
/// vouch for: the header itself, its parent, its history root, and the proven leaves. `Ok(None)` says only that these two
/// bundles do not contradict each other.
///
/// # Errors
/// [`ConflictError`] when a bundle does not verify under the checkpoint.
pub fn conflict(first: &Bundle, second: &Bundle, checkpoint: &Checkpoint) -> Result<Option<Fork>, ConflictError> {
    standing(first, checkpoint).map_err(|detail| ConflictError::First { detail })?;
    standing(second, checkpoint).map_err(|detail| ConflictError::Second { detail })?;
    let (one, two) = (Vouched::of(first, checkpoint), Vouched::of(second, checkpoint));
    Ok(one.blocks_against(&two).or_else(|| one.histories_against(&two)))
}

fn standing(bundle: &Bundle, checkpoint: &Checkpoint) -> Result<(), String> {
    bundle.check_shape().map_err(|error| error.to_string())?;
    for finding in [finality(bundle), trust_path(bundle, checkpoint)] {
        if finding.result != Assessment::Match {
            return Err(format!("{}: {}", finding.statement_en, finding.detail));
        }
    }
    Ok(())
}

/// Whose signatures stand under a statement.
#[derive(Clone, Copy)]
struct Voucher<'a> {
    certificate: &'a CommitCertificate,
    validators: &'a ValidatorSet,
}

/// What the certified headers of a bundle say.
struct Vouched<'a> {
    blocks: BTreeMap<Height, (BlockId, Voucher<'a>)>,
    histories: BTreeMap<u64, (Digest, Voucher<'a>)>,
}

impl<'a> Vouched<'a> {
    fn of(bundle: &'a Bundle, checkpoint: &'a Checkpoint) -> Self {
        let mut vouched = Self { blocks: BTreeMap::new(), histories: BTreeMap::new() };
        let mut set = checkpoint.validators();
        for step in bundle.trust_path.iter().filter(|step| step.header.height >= checkpoint.height()) {
            vouched.header(&step.header, Voucher { certificate: &step.certificate, validators: set });
            set = &step.next_validators;
        }
        let voucher = Voucher { certificate: &bundle.certificate, validators: &bundle.validators };
        vouched.header(&bundle.header, voucher);
        for proof in bundle.leaves.iter().filter(|proof| leaf_fault(proof, &bundle.header).is_none()) {
            vouched.blocks.entry(proof.leaf.height).or_insert((proof.leaf.block_id, voucher));
        }
        vouched
    }

    fn header(&mut self, header: &Header, voucher: Voucher<'a>) {
        self.blocks.insert(header.height, (header.id(), voucher));
        if let Some(parent) = header.height.previous() {
            self.blocks.entry(parent).or_insert((header.parent, voucher));
        }
        self.histories.insert(header.history_size, (header.history_root, voucher));
    }

    fn blocks_against(&self, other: &Self) -> Option<Fork> {
        // The genesis has no block: below height 1 there is nothing to differ.
        let blocks = self.blocks.iter().filter(|(height, _)| **height > Height::GENESIS);
        for (height, (first, voucher)) in blocks {
            if let Some((second, against)) = other.blocks.get(height).filter(|(second, _)| second != first) {
                let kind = ForkKind::Blocks { first: *first, second: *second };
                return Some(Fork { height: *height, kind, signers_of_both: both(*voucher, *against) });
            }
        }
        None
    }

    fn histories_against(&self, other: &Self) -> Option<Fork> {
        for (size, (first, voucher)) in &self.histories {
            if let Some((second, against)) = other.histories.get(size).filter(|(second, _)| second != first) {
                let kind = ForkKind::Histories { first: *first, second: *second };
                let height = Height(size.saturating_sub(1));
                return Some(Fork { height, kind, signers_of_both: both(*voucher, *against) });
            }
        }
        None
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
