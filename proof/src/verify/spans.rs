//! Over which heights a state claim holds: the leaf of its proof says since when and until when, its root up to when it is known.

use quancheng_types::Height;

use super::claims::{ClaimFault, LeafFault, leaf_fault};
use crate::bundle::{Bundle, Claim, LeafProof};
use crate::report::{Moment, ProvenSpan};
use crate::state_proof::{Holding, StateRoot, is_kept};

/// What the proof of a state claim shows, leaves and all.
pub(super) fn shown(bundle: &Bundle, claim: &Claim) -> Result<ProvenSpan, ClaimFault> {
    let Claim::State { leaf, root, key, value, proof } = claim else {
        return Err(ClaimFault::OtherTransaction);
    };
    let (asked, root) = (sound(bundle, *leaf)?, sound(bundle, *root)?);
    let state = StateRoot { height: root.leaf.height, hash: root.leaf.state_root };
    let span = proof.verify(&state, key, value.as_deref(), asked.leaf.height).map_err(ClaimFault::State)?;
    let at = |height: Height| Moment { height, time_ms: time_of(bundle, height) };
    Ok(ProvenSpan { since: at(span.since), until: span.until.map(at), known: at(state.height) })
}

fn sound(bundle: &Bundle, place: u16) -> Result<&LeafProof, ClaimFault> {
    let leaf = bundle.leaves.get(usize::from(place));
    let leaf = leaf.ok_or(ClaimFault::Leaf(LeafFault::OtherPlace))?;
    match leaf_fault(leaf, &bundle.header) {
        Some(fault) => Err(ClaimFault::Leaf(fault)),
        None => Ok(leaf),
    }
}

/// Block time of a height, if the bundle carries its leaf and the header certifies it.
fn time_of(bundle: &Bundle, height: Height) -> Option<u64> {
    let leaf = bundle.leaves.iter().find(|leaf| leaf.leaf.height == height)?;
    leaf_fault(leaf, &bundle.header).is_none().then_some(leaf.leaf.time_ms)
}

/// Whether two state claims can both be true. What is not about one kept key, or is not shown, contradicts nothing: a state that
/// follows the rules has no two such leaves, so those who signed for both broke them.
pub(super) fn agree(bundle: &Bundle, one: &Claim, other: &Claim) -> bool {
    let (Claim::State { key, proof, .. }, Claim::State { key: second, proof: against, .. }) = (one, other) else {
        return true;
    };
    if key != second || !is_kept(key) || shown(bundle, one).is_err() {
        return true;
    }
    match (proof.holding(), against.holding()) {
        (Some(holding), Some(other)) => holding.agrees(other),
        // A kept key that has no leaf had none before.
        (None, Some(holding)) => is_after(holding, root_height(bundle, one)),
        (Some(holding), None) => is_after(holding, root_height(bundle, other)),
        (None, None) => true,
    }
}

/// Whether version 0 can have come after a height, given a later version.
fn is_after(holding: &Holding, height: Height) -> bool {
    holding.since.0 > height.0.saturating_add(holding.version)
}

fn root_height(bundle: &Bundle, claim: &Claim) -> Height {
    bundle.leaves.get(usize::from(claim.root())).map_or(Height::GENESIS, |leaf| leaf.leaf.height)
}
