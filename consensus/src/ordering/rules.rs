//! When a block is valid (protocol §4): one predicate per rule, pure.
//!
//! Three groups, by what they depend on:
//!
//! - [`check_header`]: the block and the chain before it. The same at every node, so a decided block that fails here shows more
//!   than f faulty validators or other software.
//! - [`check_content`]: certificates of batches, repeats, proofs. The same at every node that holds the whole chain.
//! - time and history root: depend on this node's clock and executor; judged by the engine.

use std::borrow::Cow;

use quancheng_types::certificate::{CertificateSignature, check_quorum};
use quancheng_types::{
    Absence, BatchRef, Block, BlockId, ChainId, Digest, Header, Height, MisbehaviorProof, Presence, ValidatorSet,
    limits,
};

use super::attendance::{Shown, follow, is_return};
use super::context::CoreValidatorSet;
use super::header_error::HeaderError;
use super::schedule::Rules;
use crate::availability::Windows;
use crate::checker::SignatureChecker;
use crate::planted::Planted;

/// What the block of the next height must fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) chain_id: ChainId,
    pub(crate) height: Height,
    /// Header of the block before; `None` at height 1.
    pub(crate) parent: Option<&'a Header>,
    pub(crate) rules: &'a Rules,
    /// The turns of this height: those that are passed over have none.
    pub(crate) turns: &'a CoreValidatorSet,
    /// Absences after the parent.
    pub(crate) absences: &'a [Absence],
    pub(crate) next_validators_hash: Digest,
    pub(crate) lag_max: u64,
    pub(crate) planted: Planted,
}

/// Checks the header against the chain before it, and that it commits to the content.
pub(crate) fn check_header(expected: &Expected<'_>, block: &Block) -> Result<(), HeaderError> {
    let header = &block.header;
    if !expected.planted.version_ignored() {
        has_version(expected, header)?;
    }
    has_chain(expected, header)?;
    has_height(expected, header)?;
    has_parent(expected, header)?;
    if !expected.planted.time_backward() {
        is_after_parent(expected, header)?;
    }
    has_proposer(expected, header)?;
    has_hashes(expected, header)?;
    if !expected.planted.lag_ignored() {
        has_executed_height(expected, header)?;
    }
    has_history_size(header)?;
    has_absences(expected, block)?;
    if block.is_consistent() || expected.planted.body_unchecked() { Ok(()) } else { Err(HeaderError::Content) }
}

fn has_version(expected: &Expected<'_>, header: &Header) -> Result<(), HeaderError> {
    let version = expected.rules.version;
    if header.version == version {
        Ok(())
    } else {
        Err(HeaderError::Version { expected: version, found: header.version })
    }
}

fn has_chain(expected: &Expected<'_>, header: &Header) -> Result<(), HeaderError> {
    if header.chain_id == expected.chain_id { Ok(()) } else { Err(HeaderError::Chain { found: header.chain_id }) }
}

fn has_height(expected: &Expected<'_>, header: &Header) -> Result<(), HeaderError> {
    if header.height == expected.height {
        Ok(())
    } else {
        Err(HeaderError::Height { expected: expected.height, found: header.height })
    }
}

fn has_parent(expected: &Expected<'_>, header: &Header) -> Result<(), HeaderError> {
    let parent = expected.parent.map_or_else(BlockId::default, Header::id);
    if header.parent == parent || expected.planted.wrong_parent() {
        Ok(())
    } else {
        Err(HeaderError::Parent { expected: parent, found: header.parent })
    }
}

fn is_after_parent(expected: &Expected<'_>, header: &Header) -> Result<(), HeaderError> {
    let parent_ms = expected.parent.map_or(0, |parent| parent.time_ms);
    if header.time_ms > parent_ms { Ok(()) } else { Err(HeaderError::Time { parent_ms, found_ms: header.time_ms }) }
}

fn has_proposer(expected: &Expected<'_>, header: &Header) -> Result<(), HeaderError> {
    if header.proposer == expected.turns.proposer(header.height, header.round) || expected.planted.wrong_proposer() {
        Ok(())
    } else {
        Err(HeaderError::Proposer { found: header.proposer })
    }
}

/// The absences are those that follow from the parent's and from this block.
fn has_absences(expected: &Expected<'_>, block: &Block) -> Result<(), HeaderError> {
    let presences = &block.attendance.presences;
    let ascend = presences.windows(2).position(|pair| pair[0].validator >= pair[1].validator).map(|before| before + 1);
    let stray = presences.iter().position(|presence| !is_return(expected.absences, presence, block.header.time_ms));
    if let Some(index) = ascend.or(stray) {
        return Err(HeaderError::Presence { index });
    }
    let found = &block.attendance.absences;
    let is_due = **found == *absences_after(expected, &block.header, presences);
    if is_due || expected.planted.absences_believed() { Ok(()) } else { Err(HeaderError::Absences) }
}

/// The absences that a block with this header and these statements must carry.
pub(crate) fn absences_after(expected: &Expected<'_>, header: &Header, presences: &[Presence]) -> Vec<Absence> {
    let missed = expected.turns.missed(expected.height, header.round);
    let shown = Shown {
        validators: &expected.rules.validators,
        missed: &missed,
        proposer: header.proposer,
        time_ms: header.time_ms,
        presences,
    };
    follow(expected.absences, &shown)
}

fn has_hashes(expected: &Expected<'_>, header: &Header) -> Result<(), HeaderError> {
    if header.validators_hash != expected.rules.validators_hash {
        return Err(HeaderError::Validators);
    }
    if header.next_validators_hash != expected.next_validators_hash && !expected.planted.next_set_ignored() {
        return Err(HeaderError::NextValidators);
    }
    if header.params_hash == expected.rules.params_hash { Ok(()) } else { Err(HeaderError::Parameters) }
}

/// `parent.executed_height ≤ executed_height < height ≤ executed_height + lag_max`.
fn has_executed_height(expected: &Expected<'_>, header: &Header) -> Result<(), HeaderError> {
    let (least, greatest) = executed_bounds(expected);
    if (least..=greatest).contains(&header.executed_height) {
        Ok(())
    } else {
        Err(HeaderError::ExecutedHeight { found: header.executed_height, least, greatest })
    }
}

/// Least and greatest executed height that the next header may name.
pub(crate) fn executed_bounds(expected: &Expected<'_>) -> (Height, Height) {
    let of_parent = expected.parent.map_or(Height::GENESIS, |parent| parent.executed_height);
    let by_lag = Height(expected.height.0.saturating_sub(expected.lag_max));
    (of_parent.max(by_lag), expected.height.previous().unwrap_or_default())
}

fn has_history_size(header: &Header) -> Result<(), HeaderError> {
    let expected = header.executed_height.0.saturating_add(1);
    if header.history_size == expected {
        Ok(())
    } else {
        Err(HeaderError::HistorySize { found: header.history_size, expected })
    }
}

/// Checks batches, proofs, and the signatures of those that are back.
pub(crate) fn check_content(
    expected: &Expected<'_>,
    block: &Block,
    windows: &Windows,
    checker: &mut dyn SignatureChecker,
) -> Result<(), HeaderError> {
    let count = block.batches.len();
    let most = usize::try_from(expected.rules.parameters.block_batches_max).unwrap_or(usize::MAX);
    if count > most && !expected.planted.many_batches() {
        return Err(HeaderError::TooManyBatches { count });
    }
    let (weight, max) = (block_weight(&block.batches), expected.rules.parameters.block_weight_max);
    if weight > max {
        return Err(HeaderError::TooHeavy { weight, max });
    }
    let mut numbers = std::collections::BTreeSet::new();
    for (index, batch) in block.batches.iter().enumerate() {
        let header = &batch.header;
        if !is_acceptable_batch(expected.chain_id, &expected.rules.validators, batch) {
            return Err(HeaderError::Batch { index });
        }
        let is_repeat = windows.is_ordered(header) && !expected.planted.repeated_batch();
        let is_double = !numbers.insert((header.author, header.sequence)) && !expected.planted.repeat_in_block();
        if is_repeat || is_double {
            return Err(HeaderError::RepeatedBatch { index });
        }
        if !has_batch_quorum(batch, &expected.rules.validators, checker, expected.planted) {
            return Err(HeaderError::BatchCertificate { index });
        }
    }
    check_misbehavior(expected, &block.misbehavior)?;
    check_presences(expected, &block.attendance.presences, checker)
}

fn check_presences(
    expected: &Expected<'_>,
    presences: &[Presence],
    checker: &mut dyn SignatureChecker,
) -> Result<(), HeaderError> {
    let stray = presences
        .iter()
        .position(|presence| !is_genuine_presence(expected.chain_id, &expected.rules.validators, presence, checker));
    stray.map_or(Ok(()), |index| Err(HeaderError::Presence { index }))
}

/// Whether a validator of this set signed that it is back.
pub(crate) fn is_genuine_presence(
    chain_id: ChainId,
    validators: &ValidatorSet,
    presence: &Presence,
    checker: &mut dyn SignatureChecker,
) -> bool {
    let Presence { validator, since_ms, signature } = presence;
    validators.by_id(validator).is_some_and(|member| {
        checker.check(&member.public_key, &Presence::sign_message(chain_id, *validator, *since_ms), signature)
    })
}

/// What executing these batches costs at most, by their headers: a quorum vouches for each.
pub(crate) fn block_weight(batches: &[BatchRef]) -> u64 {
    batches.iter().map(|batch| batch.header.weight).fold(0, u64::saturating_add)
}

/// Whether a batch may be ordered at all, apart from its certificate.
pub(crate) fn is_acceptable_batch(chain_id: ChainId, validators: &ValidatorSet, batch: &BatchRef) -> bool {
    let header = &batch.header;
    header.chain_id == chain_id
        && header.count > 0
        && header.sequence < u64::MAX
        && header.bytes <= limits::BATCH_BYTES_MAX
        && header.weight <= limits::BATCH_WEIGHT_MAX
        && validators.by_id(&header.author).is_some()
}

/// Whether 2f+1 validators of this set acknowledged the batch.
pub(crate) fn has_batch_quorum(
    batch: &BatchRef,
    validators: &ValidatorSet,
    checker: &mut dyn SignatureChecker,
    planted: Planted,
) -> bool {
    let signatures = counted(&batch.certificate.signatures, validators, planted);
    has_quorum(&signatures, validators, planted.batch_quorum())
        && (planted.batch_signature_unchecked()
            || signatures_hold(&signatures, &batch.header.ack_message(), validators, checker))
}

/// The signatures of a certificate that are looked at: all of them, unless strangers are to be passed over by mistake.
pub(crate) fn counted<'a>(
    signatures: &'a [CertificateSignature],
    validators: &ValidatorSet,
    planted: Planted,
) -> Cow<'a, [CertificateSignature]> {
    if planted.stranger_signature() {
        let members = signatures.iter().filter(|entry| validators.by_id(&entry.validator).is_some());
        return members.copied().collect();
    }
    Cow::Borrowed(signatures)
}

/// Whether the signers are distinct members with a quorum of power. `one_less` is the planted off-by-one.
pub(crate) fn has_quorum(signatures: &[CertificateSignature], validators: &ValidatorSet, one_less: bool) -> bool {
    use quancheng_types::CertificateError;
    match check_quorum(signatures, validators) {
        Ok(_) => true,
        Err(CertificateError::NoQuorum { power, needed }) => one_less && power + 1 >= needed,
        Err(
            CertificateError::NotAscending { .. }
            | CertificateError::NotAValidator { .. }
            | CertificateError::Signature { .. },
        ) => false,
    }
}

/// Whether every signature of members verifies.
pub(crate) fn signatures_hold(
    signatures: &[CertificateSignature],
    message: &Digest,
    validators: &ValidatorSet,
    checker: &mut dyn SignatureChecker,
) -> bool {
    signatures.iter().all(|entry| {
        validators
            .by_id(&entry.validator)
            .is_some_and(|validator| checker.check(&validator.public_key, message, &entry.signature))
    })
}

fn check_misbehavior(expected: &Expected<'_>, proofs: &[MisbehaviorProof]) -> Result<(), HeaderError> {
    let mut offences = std::collections::BTreeSet::new();
    for (index, proof) in proofs.iter().enumerate() {
        let is_new = offences.insert(proof.offence_id());
        let is_proven = proof.verify(&expected.chain_id, &expected.rules.validators).is_ok();
        if !is_new || !(is_proven || expected.planted.honest_punished()) {
            return Err(HeaderError::Misbehavior { index });
        }
    }
    Ok(())
}
