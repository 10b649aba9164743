//! Proposals and votes.
//!
//! Who votes: the organizations that run validators of the set in force at the block, each once, with the power of its validators
//! in that set. Powers are summed anew at every vote, so a change of the set counts from the vote after it. A vote may be changed
//! or repeated while the proposal is open. The vote that brings more than two thirds of all power closes the proposal and executes
//! its action in the same step; an action that is no longer possible closes it as FAILED with the refusal that met it. A proposal
//! against which so much power has voted that it can no longer be accepted closes as REJECTED.

use quancheng_types::{List, ValidatorSet};

use super::Governance;
use super::actions;
use super::calls::{Call, Error, Propose, Vote, Withdraw};
use super::consensus::validator_set_at;
use super::events::Event;
use super::tables::{OPEN_PROPOSALS, PROPOSAL_COUNT, PROPOSALS};
use super::types::{CastVote, OPEN_PROPOSALS_PER_ORGANIZATION_MAX, Proposal, ProposalStatus};
use crate::contract::Context;
use crate::identity::OrgId;
use crate::modules::Refusal;
use crate::refusal::{Failure, RefusalCode};

type Result<T = ()> = core::result::Result<T, Failure<Error>>;

pub(super) fn execute(context: &mut Context<'_, '_>, call: &Call) -> Result {
    match call {
        Call::Propose(call) => propose(context, call),
        Call::Vote(call) => vote(context, call),
        Call::Withdraw(call) => withdraw(context, call),
    }
}

fn propose(context: &mut Context<'_, '_>, call: &Propose) -> Result {
    let validators = validator_set_at(context.view(), context.height())?;
    let proposer = voter(context, &validators)?;
    let now = context.time_ms();
    let expires_at_ms = now.saturating_add(call.open_for_ms);
    let id = context.read(&PROPOSAL_COUNT, &())?.unwrap_or(0).saturating_add(1);

    let mut open = context.read(&OPEN_PROPOSALS, &())?.unwrap_or_default().into_vec();
    open.retain(|(_, _, expires)| now <= *expires);
    if open.iter().filter(|(_, org, _)| *org == proposer).count() >= OPEN_PROPOSALS_PER_ORGANIZATION_MAX {
        return Err(Error::TooManyOpen.into());
    }
    open.push((id, proposer.clone(), expires_at_ms));
    let open = List::new(open).map_err(|_| Error::TooManyOpen)?;
    // Told now rather than when the last vote is cast: most actions that cannot work now never will.
    if let Err(failure) = context.rehearse(|context| actions::apply(context, id, &call.action)) {
        return Err(failure.map(own_words));
    }

    context.put(&OPEN_PROPOSALS, &(), &open);
    context.put(&PROPOSAL_COUNT, &(), &id);
    context.emit::<Governance>(&Event::Proposed { proposal: id, proposer: proposer.clone(), expires_at_ms });
    let proposal = Proposal {
        id,
        action: call.action.clone(),
        title: call.title.clone(),
        document: call.document,
        proposer: proposer.clone(),
        opened: context.height(),
        expires_at_ms,
        status: ProposalStatus::Open,
        failure: None,
        closed: None,
        votes: List::empty(),
    };
    let ballot = Vote { proposal: id, is_approved: true, document: call.document };
    cast(context, proposal, proposer, &ballot, &validators)
}

/// A refusal of another module cannot be a refusal of this one: it is named as such, and its own code is on record when a proposal
/// fails by it.
fn own_words(refusal: Refusal) -> Error {
    let own = Error::ALL.iter().find(|error| actions::own(**error) == refusal);
    own.copied().unwrap_or(Error::RoleRefused)
}

fn vote(context: &mut Context<'_, '_>, call: &Vote) -> Result {
    let validators = validator_set_at(context.view(), context.height())?;
    let organization = voter(context, &validators)?;
    let proposal = context.read(&PROPOSALS, &call.proposal)?.ok_or(Error::ProposalNotFound)?;
    if !proposal.is_open_at(context.time_ms()) {
        return Err(Error::ProposalClosed.into());
    }
    cast(context, proposal, organization, call, &validators)
}

fn withdraw(context: &mut Context<'_, '_>, call: &Withdraw) -> Result {
    let mut proposal = context.read(&PROPOSALS, &call.proposal)?.ok_or(Error::ProposalNotFound)?;
    if context.sender().and_then(|sender| sender.org_id()) != Some(&proposal.proposer) {
        return Err(Error::NotTheProposer.into());
    }
    if !proposal.is_open_at(context.time_ms()) {
        return Err(Error::ProposalClosed.into());
    }
    proposal.status = ProposalStatus::Withdrawn;
    close(context, proposal)
}

/// The sender's organization, if it is active and runs a validator.
fn voter(context: &Context<'_, '_>, validators: &ValidatorSet) -> core::result::Result<OrgId, Error> {
    let sender = context.sender().filter(|sender| sender.is_active()).ok_or(Error::NotAVoter)?;
    let organization = sender.org_id().ok_or(Error::NotAVoter)?;
    if power_of(validators, organization) == 0 { Err(Error::NotAVoter) } else { Ok(organization.clone()) }
}

fn power_of(validators: &ValidatorSet, organization: &OrgId) -> u64 {
    let own =
        validators.validators().iter().filter(|validator| validator.organization.as_str() == organization.as_str());
    // The total of a set is at most 2^62, so no part of it overflows.
    own.map(|validator| validator.power).sum()
}

/// Enters the vote, counts, and closes the proposal when it is decided.
fn cast(
    context: &mut Context<'_, '_>,
    mut proposal: Proposal,
    organization: OrgId,
    ballot: &Vote,
    validators: &ValidatorSet,
) -> Result {
    let vote = CastVote {
        organization: organization.clone(),
        is_approved: ballot.is_approved,
        document: ballot.document,
        height: context.height(),
        at_ms: context.time_ms(),
    };
    let mut votes = core::mem::take(&mut proposal.votes).into_vec();
    // Organizations that run no validator any more have no voice, and make room.
    votes.retain(|earlier| earlier.organization == organization || power_of(validators, &earlier.organization) > 0);
    match votes.iter_mut().find(|earlier| earlier.organization == organization) {
        Some(earlier) => *earlier = vote,
        None => votes.push(vote),
    }
    let sum = |is_approved: bool| -> u64 {
        let side = votes.iter().filter(|vote| vote.is_approved == is_approved);
        side.map(|vote| power_of(validators, &vote.organization)).sum()
    };
    let (power_for, power_against, power_total) = (sum(true), sum(false), validators.total_power());
    proposal.votes = List::new(votes).expect("at most one vote per validator, and a set has at most as many");
    let (id, is_approved) = (proposal.id, ballot.is_approved);
    context.emit::<Governance>(&Event::Voted {
        proposal: id,
        organization,
        is_approved,
        power_for,
        power_against,
        power_total,
    });

    if power_for >= validators.quorum() {
        match context.attempt(|context| actions::apply(context, id, &proposal.action)) {
            Ok(()) => proposal.status = ProposalStatus::Accepted,
            Err(Failure::Refused(refusal)) => {
                proposal.status = ProposalStatus::Failed;
                proposal.failure = Some(refusal);
            }
            Err(Failure::Fatal(error)) => return Err(error.into()),
        }
        return close(context, proposal);
    }
    if power_total - power_against < validators.quorum() {
        proposal.status = ProposalStatus::Rejected;
        return close(context, proposal);
    }
    context.put(&PROPOSALS, &id, &proposal);
    Ok(())
}

fn close(context: &mut Context<'_, '_>, mut proposal: Proposal) -> Result {
    proposal.closed = Some(context.height());
    let mut open = context.read(&OPEN_PROPOSALS, &())?.unwrap_or_default().into_vec();
    open.retain(|(id, _, _)| *id != proposal.id);
    let open = List::new(open).map_err(|_| Error::TooManyOpen)?;
    context.put(&OPEN_PROPOSALS, &(), &open);
    context.put(&PROPOSALS, &proposal.id, &proposal);
    context.emit::<Governance>(&Event::Closed {
        proposal: proposal.id,
        status: proposal.status,
        failure: proposal.failure,
    });
    Ok(())
}
