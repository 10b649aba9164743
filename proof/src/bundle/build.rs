//! Putting a bundle together: what a node does with its store, and a submitter with its salts.

use quancheng_types::merkle::Path;
use quancheng_types::{
    Bytes, CommitCertificate, Header, HistoryLeaf, List, Receipt, SignedTransaction, TooLong, ValidatorSet,
};

use super::{
    Bundle, BundleError, CLAIMS_MAX, Claim, ItemsOpening, KEY_BYTES_MAX, LeafProof, OPENINGS_MAX, ReceiptPath,
    SetChange, TRUST_STEPS_MAX, VALUE_BYTES_MAX,
};
use crate::state_proof::StateProof;

/// Collects the parts of a bundle in any order. [`build`](Self::build) checks shape and size, not truth.
#[derive(Clone, Debug)]
pub struct BundleBuilder {
    header: Header,
    certificate: CommitCertificate,
    validators: ValidatorSet,
    trust_path: Vec<SetChange>,
    claims: Vec<Made>,
    times: Vec<LeafProof>,
}

/// A claim with the leaf that it speaks of and the one that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    leaf: LeafProof,
    root: LeafProof,
    claim: Claim,
}

impl BundleBuilder {
    /// Starts from a certified header and the validators of its height. The header's `executed_height` must reach every
    /// height that is claimed.
    #[must_use]
    pub const fn new(header: Header, certificate: CommitCertificate, validators: ValidatorSet) -> Self {
        Self { header, certificate, validators, trust_path: Vec::new(), claims: Vec::new(), times: Vec::new() }
    }

    /// Adds a change of validators: one for each header below the bundle's whose `next_validators_hash` differs from its
    /// `validators_hash`, in ascending order.
    #[must_use]
    pub fn trust_step(mut self, change: SetChange) -> Self {
        self.trust_path.push(change);
        self
    }

    /// Claims that a transaction was executed. `leaf_path` leads from the leaf of its height to the header's history root,
    /// `receipt_path` from the receipt to the leaf's receipts root.
    ///
    /// # Errors
    /// [`BundleError::ReceiptPath`] when the path does not fit its own index and size.
    pub fn transaction(
        mut self,
        leaf: HistoryLeaf,
        leaf_path: Path,
        transaction: SignedTransaction,
        receipt: Receipt,
        receipt_path: &Path,
    ) -> Result<Self, BundleError> {
        let path = ReceiptPath::from_path(receipt_path).ok_or(BundleError::ReceiptPath)?;
        let claim = Claim::Transaction { leaf: 0, transaction: Box::new(transaction), receipt, path };
        let leaf = LeafProof { leaf, path: leaf_path };
        self.claims.push(Made { root: leaf.clone(), leaf, claim });
        Ok(self)
    }

    /// Claims that the state after the height of `leaf` held a value under a key, or nothing; `proof` leads to the state root of
    /// `root`, the leaf of the same height or a later one.
    ///
    /// # Errors
    /// [`BundleError::TooMany`] for a key or value above its limit.
    pub fn state(
        mut self,
        leaf: LeafProof,
        root: LeafProof,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
        proof: StateProof,
    ) -> Result<Self, BundleError> {
        let key = Bytes::new(key).map_err(too_many("bytes of a state key", KEY_BYTES_MAX))?;
        let value = value.map(Bytes::new).transpose();
        let value = value.map_err(too_many("bytes of a state value", VALUE_BYTES_MAX))?;
        self.claims.push(Made { leaf, root, claim: Claim::State { leaf: 0, root: 0, key, value, proof } });
        Ok(self)
    }

    /// Adds the leaf of a height at which the span of a claimed entry begins or ends, so that a reader learns the time.
    #[must_use]
    pub fn time(mut self, leaf: LeafProof) -> Self {
        self.times.push(leaf);
        self
    }

    /// The bundle, with leaves shared between claims of one height. What was claimed twice stands once.
    ///
    /// # Errors
    /// [`BundleError`] when parts contradict each other in shape or are too many.
    pub fn build(self) -> Result<Bundle, BundleError> {
        let Self { header, certificate, validators, trust_path, claims: all, times } = self;
        let mut claims: Vec<Made> = Vec::new();
        for made in all {
            if !claims.contains(&made) {
                claims.push(made);
            }
        }
        let named = claims.iter().flat_map(|made| [&made.leaf, &made.root]);
        let mut leaves: Vec<LeafProof> = named.chain(&times).cloned().collect();
        leaves.sort_by_key(|leaf| leaf.leaf.height);
        leaves.dedup();
        if let Some(pair) = leaves.windows(2).find(|pair| pair[0].leaf.height == pair[1].leaf.height) {
            return Err(BundleError::LeafConflict { height: pair[0].leaf.height });
        }
        let claims = claims.into_iter().map(|made| with_leaves(made, &leaves)).collect();
        let bundle = Bundle {
            claims: List::new(claims).map_err(too_many("claims", CLAIMS_MAX))?,
            openings: List::empty(),
            leaves: List::new(leaves).map_err(too_many("heights", CLAIMS_MAX))?,
            header,
            certificate,
            validators,
            trust_path: List::new(trust_path).map_err(too_many("changes of validators", TRUST_STEPS_MAX))?,
        };
        bundle.check_size()?;
        Ok(bundle)
    }
}

fn with_leaves(made: Made, leaves: &[LeafProof]) -> Claim {
    let place = |own: &LeafProof| {
        let place = leaves.iter().position(|leaf| leaf == own).unwrap_or_default();
        // More leaves than u16 counts are refused as too many heights before the index is used.
        u16::try_from(place).unwrap_or(u16::MAX)
    };
    let (leaf, root) = (place(&made.leaf), place(&made.root));
    match made.claim {
        Claim::Transaction { transaction, receipt, path, .. } => {
            Claim::Transaction { leaf, transaction, receipt, path }
        }
        Claim::State { key, value, proof, .. } => Claim::State { leaf, root, key, value, proof },
    }
}

fn too_many(part: &'static str, max: u32) -> impl FnOnce(TooLong) -> BundleError {
    move |_| BundleError::TooMany { part, max }
}

impl Bundle {
    /// Adds the files behind a claim's commitment, which only the submitter can.
    ///
    /// # Errors
    /// [`BundleError`] when the claim or call is not there, its files were added before, or the bundle grows too large.
    pub fn attach(self, opening: ItemsOpening) -> Result<Self, BundleError> {
        let place = |o: &ItemsOpening| (o.claim, o.call);
        let mut openings = self.openings.into_vec();
        let at = openings.partition_point(|other| place(other) < place(&opening));
        openings.insert(at, opening);
        let openings = List::new(openings).map_err(too_many("opened batches", OPENINGS_MAX))?;
        let bundle = Self { openings, ..self };
        bundle.check_size()?;
        Ok(bundle)
    }
}
