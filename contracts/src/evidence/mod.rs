//! Notarized commitments (存证): single items, whole manifests, batches; their custody, time stamps, deeds, holds and use before
//! courts.
//!
//! The chain holds a root over salted commitments (see `quancheng_proof::commitment`), a count and a size: neither content nor
//! names. The record shows that the root existed no later than its block's time, and who brought it; whether the content was
//! authentic before is not assessed.
//!
//! | call | who | refusals beside NOT_FOUND |
//! |---|---|---|
//! | notarize | a member; anyone with a key where parameter `writers` is `anyone` | ALREADY_NOTARIZED (the first record counts), COUNT_INVALID, TOO_MANY_ITEMS, CLAIMED_IN_FUTURE |
//! | attach_timestamp | role TSA | NOT_TSA, ALREADY_ATTACHED |
//! | attach_deed | role NOTARY | NOT_NOTARY, ALREADY_ATTACHED |
//! | hand_over | custodian and receiver together | CUSTODIANS_MUST_SIGN |
//! | hold, release_hold | role COURT; each court its own | NOT_COURT, HOLD_EXISTS, HOLD_UNKNOWN |
//! | produce | submitter or custodian | NOT_CUSTODIAN, ERASED, FORUM_UNKNOWN |
//! | record_finding | the forum | NOT_FORUM, PRODUCTION_UNKNOWN |
//! | attest_erasure | custodian | HOLD, RETENTION, ERASED |
//! | extend_retention | custodian | RETENTION_IN_PAST |
//!
//! Invariants: a root has one record for ever; root, count, size, submitter, height and time of a record never change; custody
//! passes only with both signatures; while a legal hold stands no erasure is attested.

pub mod calls;
mod events;
mod execute;
mod queries;
#[cfg(test)]
mod tests;
pub mod types;
mod weight;

use quancheng_state::{StoreError, View};
use quancheng_types::{ModuleId, Parameters};

pub use calls::{Call, Error};
pub use events::Event;
pub use queries::{Query, is_notarized, record, record_key};
pub use types::Record;

use crate::contract::{Answer, Context, Contract};
use crate::describe::Describe;
use crate::genesis::GenesisRefused;
use crate::index::IndexList;
use crate::refusal::Failure;
use crate::weight::Cost;

/// The module.
#[derive(Clone, Copy, Debug)]
pub struct Evidence;

impl Contract for Evidence {
    const ID: ModuleId = ModuleId(10);
    const NAME: &'static str = "evidence";
    const TABLES: &'static [&'static dyn Describe] = types::TABLES;
    const LISTS: &'static [IndexList] = types::LISTS;

    type Call = Call;
    type Event = Event;
    type Error = Error;
    type Query = Query;
    type Genesis = ();

    fn check(call: &Call, parameters: &Parameters) -> Result<(), Error> {
        calls::check(call, parameters)
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

    fn genesis(_content: &(), _context: &mut Context<'_, '_>) -> Result<(), GenesisRefused> {
        Ok(())
    }

    fn query(view: &dyn View, query: &Query) -> Result<Answer, StoreError> {
        queries::query(view, query)
    }
}
