//! Governance: validators, consensus parameters, protocol versions, rule sets and the working-day calendar (module 2, domain model
//! §2.10, protocol §8). Everything changes by vote of the organizations that run the validators.
//!
//! | call | who |
//! |---|---|
//! | `propose` | an active organization with a validator of the set in force; counts as its vote |
//! | `vote` | the same; may be changed or repeated while the proposal is open |
//! | `withdraw` | the proposer, while the proposal is open |
//!
//! Accepted by more than two thirds of the power of the set in force; closed as soon as acceptance is reached or impossible; expiry
//! is computed. See [`Action`] for what can be proposed, `execute.rs` for the rules of voting, `schedule.rs` for when a change
//! comes into force, `misbehavior.rs` for what follows from a proof against a validator.
//!
//! Invariants: the validator set is never empty; a set, parameters or version decided in block `e` is in force from
//! `e + execution_lag_max + 2` at the earliest and never before an earlier decision; published rule sets, calendar editions, sets and
//! misbehavior stay on record for ever. The windows of ordered batches are those that the blocks up to this one give (`ordered.rs`).

mod actions;
mod calls;
mod consensus;
mod events;
mod execute;
mod misbehavior;
mod ordered;
mod publish;
mod queries;
mod schedule;
mod tables;
mod types;
mod weight;

use quancheng_state::{StoreError, View};
use quancheng_types::{ModuleId, Parameters};

use crate::contract::{Answer, Context, Contract};
use crate::describe::Describe;
use crate::genesis::GenesisRefused;
use crate::refusal::Failure;
use crate::weight::Cost;

pub use calls::{Call, Error, Propose, Vote, Withdraw};
pub(crate) use consensus::{decided_at, init_consensus};
pub use consensus::{
    lifetime_max_ms, parameters_at, schedules, set_history, validator, validator_set_at, version_at, versions,
};
pub use events::Event;
pub(crate) use misbehavior::punish;
pub(crate) use ordered::order;
pub use ordered::windows;
pub use publish::{calendar_year, rule_set, rule_set_in_force};
pub use queries::{Query, parameters_key, proposal_key};
pub use schedule::SetRef;
pub use types::{
    Action, CastVote, GENESIS_RULE_SETS_MAX, GENESIS_YEARS_MAX, GovernanceGenesis, MisbehaviorRecord,
    OPEN_PROPOSALS_MAX, OPEN_PROPOSALS_PER_ORGANIZATION_MAX, PROPOSAL_OPEN_MAX_MS, Proposal, ProposalStatus,
    PublishedYear, RULE_SET_DAYS_MAX, RULE_SET_ID_BYTES_MAX, RULE_SET_KINDS_MAX, RULE_SET_MONTHS_MAX,
    RULE_SET_PURPOSES_MAX, RULE_SET_TEXT_BYTES_MAX, RULE_SET_VERIFIED_MAX, RuleSet, RuleSetId, RuleSetRef,
    SET_PART_MAX, TITLE_BYTES_MAX, VOTES_MAX, ValidatorRecord, ValidatorStatus,
};

/// The module.
#[derive(Clone, Copy, Debug)]
pub struct Governance;

impl Contract for Governance {
    const ID: ModuleId = ModuleId(2);
    const NAME: &'static str = "governance";
    const TABLES: &'static [&'static dyn Describe] = tables::TABLES;

    type Call = Call;
    type Event = Event;
    type Error = Error;
    type Query = Query;
    type Genesis = GovernanceGenesis;

    fn check(call: &Call, _parameters: &Parameters) -> Result<(), Error> {
        calls::check(call)
    }

    fn cost(call: &Call) -> Cost {
        weight::cost(call)
    }

    fn is_open(call: &Call) -> bool {
        weight::is_open(call)
    }

    fn execute(context: &mut Context<'_, '_>, call: &Call) -> Result<(), Failure<Error>> {
        execute::execute(context, call)
    }

    fn genesis(content: &GovernanceGenesis, context: &mut Context<'_, '_>) -> Result<(), GenesisRefused> {
        publish::found(context, content)
    }

    fn query(view: &dyn View, query: &Query) -> Result<Answer, StoreError> {
        queries::answer(view, query)
    }
}

#[cfg(test)]
mod tests;
