//! Between our wire types and the core's.

use std::collections::BTreeSet;

use arc_malachitebft_core_consensus as core_consensus;
use arc_malachitebft_core_types as core_types;
use core_consensus::{Input, ProposedValue};
use core_types::{NilOrVal, Round as CoreRound, SignedMessage, Timeout, TimeoutKind, Validity, ValueOrigin};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{
    BlockId, ChainId, CommitCertificate, Height, List, Proposal, Round, Signature, SignedProposal, SignedVote,
    ValidatorId, Vote, VoteType,
};

use super::context::{Address, CoreContext, CoreHeight, CoreProposal, CoreValue, CoreVote};
use crate::log::{LogEntry, TimeoutStep};
use crate::message::{PolkaCertificate, RoundCertificate, RoundCertificateKind, RoundVote};

pub(crate) fn core_round(round: Round) -> CoreRound {
    CoreRound::new(round.0)
}

pub(crate) fn round(round: CoreRound) -> Option<Round> {
    round.as_u32().map(Round)
}

/// The round of something that the core only makes in defined rounds.
pub(crate) fn defined_round(of: CoreRound) -> Round {
    round(of).unwrap_or_default()
}

fn core_kind(kind: VoteType) -> core_types::VoteType {
    match kind {
        VoteType::Prevote => core_types::VoteType::Prevote,
        VoteType::Precommit => core_types::VoteType::Precommit,
    }
}

fn kind(kind: core_types::VoteType) -> VoteType {
    match kind {
        core_types::VoteType::Prevote => VoteType::Prevote,
        core_types::VoteType::Precommit => VoteType::Precommit,
    }
}

fn core_value(block_id: Option<BlockId>) -> NilOrVal<BlockId> {
    block_id.map_or(NilOrVal::Nil, NilOrVal::Val)
}

fn value(value: NilOrVal<BlockId>) -> Option<BlockId> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(id) => Some(id),
    }
}

pub(crate) fn vote(chain_id: ChainId, vote: &CoreVote) -> Vote {
    Vote {
        kind: kind(vote.kind),
        chain_id,
        height: Height(vote.height.0),
        round: defined_round(vote.round),
        block_id: value(vote.value),
    }
}

pub(crate) fn signed_vote(chain_id: ChainId, signed: &SignedMessage<CoreContext, CoreVote>) -> SignedVote {
    SignedVote {
        vote: vote(chain_id, &signed.message),
        validator: signed.message.address.0,
        signature: signed.signature,
    }
}

pub(crate) fn core_vote(signed: &SignedVote) -> SignedMessage<CoreContext, CoreVote> {
    let vote = CoreVote {
        kind: core_kind(signed.vote.kind),
        height: signed.vote.height.into(),
        round: core_round(signed.vote.round),
        value: core_value(signed.vote.block_id),
        address: Address(signed.validator),
    };
    SignedMessage::new(vote, signed.signature)
}

pub(crate) fn proposal(chain_id: ChainId, proposal: &CoreProposal) -> Proposal {
    Proposal {
        chain_id,
        height: Height(proposal.height.0),
        round: defined_round(proposal.round),
        block_id: proposal.value.0,
        pol_round: round(proposal.pol_round),
    }
}

pub(crate) fn signed_proposal(chain_id: ChainId, signed: &SignedMessage<CoreContext, CoreProposal>) -> SignedProposal {
    SignedProposal {
        proposal: proposal(chain_id, &signed.message),
        validator: signed.message.address.0,
        signature: signed.signature,
    }
}

pub(crate) fn core_proposal(signed: &SignedProposal) -> SignedMessage<CoreContext, CoreProposal> {
    let inner = &signed.proposal;
    let proposal = CoreProposal {
        height: inner.height.into(),
        round: core_round(inner.round),
        value: CoreValue(inner.block_id),
        pol_round: inner.pol_round.map_or(CoreRound::Nil, core_round),
        address: Address(signed.validator),
    };
    SignedMessage::new(proposal, signed.signature)
}

/// Signatures in strictly ascending order of validator, as certificates want them.
fn sorted(signatures: impl Iterator<Item = (ValidatorId, Signature)>) -> Vec<CertificateSignature> {
    let mut sorted: Vec<_> =
        signatures.map(|(validator, signature)| CertificateSignature { validator, signature }).collect();
    sorted.sort_by_key(|entry| entry.validator);
    sorted.dedup_by_key(|entry| entry.validator);
    sorted
}

pub(crate) fn commit_certificate(certificate: &core_types::CommitCertificate<CoreContext>) -> CommitCertificate {
    let signatures = sorted(certificate.commit_signatures.iter().map(|entry| (entry.address.0, entry.signature)));
    CommitCertificate {
        height: Height(certificate.height.0),
        round: defined_round(certificate.round),
        block_id: certificate.value_id,
        signatures: List::new(signatures).expect("at most one signature per member of a bounded set"),
    }
}

pub(crate) fn polka(certificate: &core_types::PolkaCertificate<CoreContext>) -> PolkaCertificate {
    let signatures = sorted(certificate.polka_signatures.iter().map(|entry| (entry.address.0, entry.signature)));
    PolkaCertificate {
        height: Height(certificate.height.0),
        round: defined_round(certificate.round),
        block_id: certificate.value_id,
        signatures: List::new(signatures).expect("at most one signature per member of a bounded set"),
    }
}

pub(crate) fn core_polka(certificate: &PolkaCertificate) -> core_types::PolkaCertificate<CoreContext> {
    core_types::PolkaCertificate {
        height: certificate.height.into(),
        round: core_round(certificate.round),
        value_id: certificate.block_id,
        polka_signatures: certificate
            .signatures
            .iter()
            .map(|entry| core_types::PolkaSignature::new(Address(entry.validator), entry.signature))
            .collect(),
    }
}

pub(crate) fn round_certificate(certificate: &core_types::RoundCertificate<CoreContext>) -> RoundCertificate {
    let mut seen = BTreeSet::new();
    let votes = certificate
        .round_signatures
        .iter()
        .filter(|entry| seen.insert((entry.address, entry.vote_type)))
        .map(|entry| RoundVote {
            kind: kind(entry.vote_type),
            block_id: value(entry.value_id),
            validator: entry.address.0,
            signature: entry.signature,
        })
        .collect();
    RoundCertificate {
        height: Height(certificate.height.0),
        round: defined_round(certificate.round),
        kind: match certificate.cert_type {
            core_types::RoundCertificateType::Skip => RoundCertificateKind::Skip,
            core_types::RoundCertificateType::Precommit => RoundCertificateKind::Precommit,
        },
        votes: List::new(votes).expect("at most two votes per member of a bounded set"),
    }
}

pub(crate) fn core_round_certificate(certificate: &RoundCertificate) -> core_types::RoundCertificate<CoreContext> {
    core_types::RoundCertificate {
        height: certificate.height.into(),
        round: core_round(certificate.round),
        cert_type: match certificate.kind {
            RoundCertificateKind::Skip => core_types::RoundCertificateType::Skip,
            RoundCertificateKind::Precommit => core_types::RoundCertificateType::Precommit,
        },
        round_signatures: certificate
            .votes
            .iter()
            .map(|entry| {
                core_types::RoundSignature::new(
                    core_kind(entry.kind),
                    core_value(entry.block_id),
                    Address(entry.validator),
                    entry.signature,
                )
            })
            .collect(),
    }
}

/// The judgement of a block, for the core.
pub(crate) fn proposed_value(
    height: Height,
    round: Round,
    proposer: ValidatorId,
    block_id: BlockId,
    valid: bool,
) -> Input<CoreContext> {
    let value = ProposedValue {
        height: CoreHeight(height.0),
        round: core_round(round),
        valid_round: CoreRound::Nil,
        proposer: Address(proposer),
        value: CoreValue(block_id),
        validity: Validity::from_bool(valid),
    };
    Input::ProposedValue(value, ValueOrigin::Consensus)
}

/// The core's input as an entry of our log; `None` for inputs that are never logged.
pub(crate) fn log_entry(chain_id: ChainId, height: CoreHeight, input: &Input<CoreContext>) -> Option<LogEntry> {
    match input {
        Input::Vote(signed) => Some(LogEntry::Vote(signed_vote(chain_id, signed))),
        Input::Proposal(signed) => Some(LogEntry::Proposal(signed_proposal(chain_id, signed))),
        Input::PolkaCertificate(certificate) => Some(LogEntry::Polka(polka(certificate))),
        Input::ProposedValue(value, _) => Some(LogEntry::Value {
            height: Height(value.height.0),
            round: defined_round(value.round),
            proposer: value.proposer.0,
            block_id: value.value.0,
            valid: value.validity.is_valid(),
        }),
        Input::TimeoutElapsed(timeout) => Some(LogEntry::Timeout {
            height: Height(height.0),
            round: defined_round(timeout.round),
            step: timeout_step(timeout.kind)?,
        }),
        Input::StartHeight(..) | Input::RoundCertificate(_) | Input::Propose(_) | Input::SyncValueResponse(_) => None,
    }
}

/// An entry of the log as the core takes it in again; `None` for blocks, which the core does not see.
pub(crate) fn core_input(entry: &LogEntry) -> Option<Input<CoreContext>> {
    match entry {
        LogEntry::Block(_) => None,
        LogEntry::Value { height, round, proposer, block_id, valid } => {
            Some(proposed_value(*height, *round, *proposer, *block_id, *valid))
        }
        LogEntry::Proposal(signed) => Some(Input::Proposal(core_proposal(signed))),
        LogEntry::Vote(signed) => Some(Input::Vote(core_vote(signed))),
        LogEntry::Polka(certificate) => Some(Input::PolkaCertificate(core_polka(certificate))),
        LogEntry::Timeout { round, step, .. } => Some(Input::TimeoutElapsed(core_timeout(*step, *round))),
    }
}

pub(crate) fn timeout_step(kind: TimeoutKind) -> Option<TimeoutStep> {
    match kind {
        TimeoutKind::Propose => Some(TimeoutStep::Propose),
        TimeoutKind::Prevote => Some(TimeoutStep::Prevote),
        TimeoutKind::Precommit => Some(TimeoutStep::Precommit),
        TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => None,
    }
}

pub(crate) fn core_timeout(step: TimeoutStep, round: Round) -> Timeout {
    let round = core_round(round);
    match step {
        TimeoutStep::Propose => Timeout::propose(round),
        TimeoutStep::Prevote => Timeout::prevote(round),
        TimeoutStep::Precommit => Timeout::precommit(round),
    }
}
