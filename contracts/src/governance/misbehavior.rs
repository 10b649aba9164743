//! What follows from a proof that a validator broke the protocol: it is recorded for ever, and the validator leaves the set by rule.
//!
//! The guard: suspensions by rule never take away one third or more of the power of the newest set that people decided (genesis or
//! vote). Up to there at most f validators are faulty and the rest is enough to go on; beyond it agreement itself is in doubt, and
//! removing more would hand the chain to a few. Such a validator is FLAGGED and stays until a vote decides. So a set of one to three
//! equal validators never shrinks by rule, one of four may lose one, and the set never becomes empty.

use quancheng_state::{Overlay, StoreError};
use quancheng_types::codec::encode;
use quancheng_types::{MisbehaviorProof, Validator, ValidatorId, ValidatorSet, merkle};

use super::consensus::{decide_set, latest_set};
use super::tables::{MISBEHAVIOR, MISBEHAVIOR_COUNT, MISBEHAVIOR_SEEN, VALIDATORS};
use super::types::{MisbehaviorRecord, ValidatorRecord, ValidatorStatus};
use crate::executor::BlockInput;
use crate::refusal::Failure;

/// Executes the misbehavior proofs of a block. Returns how many were recorded; those of an offence on record, about strangers, or that
/// convict nobody are passed over.
pub(crate) fn punish(overlay: &mut Overlay<'_>, block: &BlockInput<'_>) -> Result<u32, StoreError> {
    let mut recorded = 0_u32;
    for proof in block.misbehavior {
        if punish_one(overlay, block, proof)? {
            recorded = recorded.saturating_add(1);
        }
    }
    Ok(recorded)
}

fn punish_one(overlay: &mut Overlay<'_>, block: &BlockInput<'_>, proof: &MisbehaviorProof) -> Result<bool, StoreError> {
    let offence = proof.offence_id();
    if MISBEHAVIOR_SEEN.read(overlay, &offence)?.is_some() {
        return Ok(false);
    }
    let id = proof.validator();
    let Some(mut accused) = VALIDATORS.read(overlay, &id)? else {
        return Ok(false);
    };
    if !convicts(proof, block, &accused.validator) {
        return Ok(false);
    }

    let status = suspend(overlay, block, &id, &accused)?;
    if status != accused.status {
        accused.status = status;
        accused.decided = block.height;
    }
    accused.misbehavior_count = accused.misbehavior_count.saturating_add(1);
    VALIDATORS.put(overlay, &id, &accused);

    let place = MISBEHAVIOR_COUNT.read(overlay, &())?.unwrap_or(0);
    let digest = merkle::leaf_hash(&encode(proof));
    let record =
        MisbehaviorRecord { validator: id, proof: digest, offence: proof.height(), height: block.height, status };
    MISBEHAVIOR.put(overlay, &place, &record);
    MISBEHAVIOR_COUNT.put(overlay, &(), &place.saturating_add(1));
    MISBEHAVIOR_SEEN.put(overlay, &offence, &place);
    Ok(true)
}

/// A proof rests on the key of the accused alone, and an id is the hash of a key: no set of the past is needed.
fn convicts(proof: &MisbehaviorProof, block: &BlockInput<'_>, accused: &Validator) -> bool {
    ValidatorSet::new(vec![accused.clone()]).is_ok_and(|alone| proof.verify(&block.chain_id, &alone).is_ok())
}

/// Takes the validator out of the newest set, if it is in there and the guard admits it.
fn suspend(
    overlay: &mut Overlay<'_>,
    block: &BlockInput<'_>,
    id: &ValidatorId,
    accused: &ValidatorRecord,
) -> Result<ValidatorStatus, StoreError> {
    let (set, reference) = latest_set(&*overlay)?;
    if set.by_id(id).is_none() {
        return Ok(accused.status);
    }
    let rest: Vec<Validator> = set.validators().iter().filter(|validator| validator.id() != *id).cloned().collect();
    let Ok(rest) = ValidatorSet::new(rest) else {
        return Ok(ValidatorStatus::Flagged);
    };
    // Powers are at most 2^62, so products with 3 fit in 128 bits with ease.
    if u128::from(rest.total_power()) * 3 <= u128::from(reference.voted_power) * 2 {
        return Ok(ValidatorStatus::Flagged);
    }
    match overlay.scope(|child| decide_set(child, block.height, &rest, false)) {
        Ok(_) => Ok(ValidatorStatus::Suspended),
        // Too many changes are in flight: people decide.
        Err(Failure::Refused(_)) => Ok(ValidatorStatus::Flagged),
        Err(Failure::Fatal(error)) => Err(error),
    }
}
