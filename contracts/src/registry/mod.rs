//! Registration certificates (登记凭证) of data, and their whole life.
//!
//! A certificate is prima facie evidence that a registration was made on what was stated and reviewed; it is not title
//! (domain invariant R9). The ledger holds statements, decisions and commitments, never data.
//!
//! ```text
//! Submitted ⇄ NeedSupplement → Accepted → (UnderReview) → Reviewed → Notice ⇄ (objected) → Issued
//!     └──────────── Rejected by the registrar, Withdrawn by the applicant ────────────┘
//! Issued: renewal, change, transfer, cancellation asked by the holders and decided by the registrar; holds suspend;
//!         → Cancelled | Revoked; expiry is computed from the block's time
//! ```
//!
//! | call | who | refusals beside NOT_FOUND, NOT_ACTIVE_ORGANIZATION, WRONG_PHASE |
//! |---|---|---|
//! | submit | applicant, with all holders | RULE_SET_*, REGISTRAR_NOT_COMPETENT, APPLICANT_NOT_ELIGIBLE, HOLDERS_MUST_SIGN, CORE_DATA, PRIOR_EVIDENCE_REQUIRED, SOURCE_NOT_IN_FORCE, LICENCE_ENDED |
//! | supplement | applicant | NOT_APPLICANT, HOLDERS_CHANGE, as submit |
//! | accept, request_supplement, start_review, review_pass, reject | registrar | NOT_REGISTRAR, SELF_REVIEW, CLASS_UNRESOLVED, SUPPLEMENT_PERIOD_OPEN |
//! | open_notice | registrar | NOTICE_DAY, CALENDAR_MISSING |
//! | object, withdraw_objection | any active organization that is no party; the objector | OWN_REGISTRATION, NOTICE_CLOSED, NOT_OBJECTOR |
//! | resolve_objection | registrar | OBJECTION_UNKNOWN |
//! | issue | registrar | NOTICE_OPEN, OBJECTION_OPEN, HOLD, LICENCE_ENDED |
//! | withdraw | applicant; requester | NOT_APPLICANT, NO_REQUEST |
//! | hold, release_hold | court, registrar; the same, or a court by an effective ruling | NOT_HOLD_AUTHORITY, HOLD_* |
//! | apply_renewal, apply_change, apply_transfer, apply_cancel | all holders; the receiver and pledgees | HOLDERS_MUST_SIGN, RENEWAL_WINDOW, HOLD, PLEDGEE_CONSENT, ENCUMBERED |
//! | decide_request | registrar | NO_REQUEST |
//! | revoke | registrar, on a ruling or after a hearing | RULING_NOT_EFFECTIVE |
//! | assign_code | registrar | CODE_TAKEN |
//! | record_reliance | any active organization | NOT_IN_FORCE, CERTIFICATE_EXPIRED, HOLD, WRONG_VERSION, PURPOSE_NOT_ALLOWED |
//!
//! Invariants: a number is issued once; no version and no log entry ever changes; no organization decides about a registration it
//! is a party of; while a hold stands nothing is issued, transferred, changed or cancelled; every list has a counter in the state.

pub mod calls;
mod check;
pub mod dossier;
pub mod effects;
mod events;
mod execute;
mod queries;
mod refusals;
#[cfg(test)]
mod tests;
pub mod types;
mod weight;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{StoreError, View};
use quancheng_types::{ModuleId, Parameters};
use serde::{Deserialize, Serialize};

pub use calls::Call;
pub use dossier::Dossier;
pub use events::Event;
pub use queries::Query;
pub use refusals::Error;
pub use types::{Phase, Registration, RegistrationId, Status};

use crate::contract::{Answer, Context, Contract};
use crate::describe::Describe;
use crate::domain::SERIAL_MAX;
use crate::genesis::GenesisRefused;
use crate::index::IndexList;
use crate::refusal::Failure;
use crate::weight::Cost;

/// First state of the registry.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Serial of the first dossier; later than every serial of an earlier register whose numbers must not return.
    pub serial_first: u32,
}

impl Default for Genesis {
    fn default() -> Self {
        Self { serial_first: 1 }
    }
}

/// The module.
#[derive(Clone, Copy, Debug)]
pub struct Registry;

impl Contract for Registry {
    const ID: ModuleId = ModuleId(3);
    const NAME: &'static str = "registry";
    const TABLES: &'static [&'static dyn Describe] = types::TABLES;
    const LISTS: &'static [IndexList] = types::LISTS;

    type Call = Call;
    type Event = Event;
    type Error = Error;
    type Query = Query;
    type Genesis = Genesis;

    fn check(call: &Call, _parameters: &Parameters) -> Result<(), Error> {
        check::check(call)
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

    fn genesis(content: &Genesis, context: &mut Context<'_, '_>) -> Result<(), GenesisRefused> {
        let serial = content.serial_first;
        if serial == 0 || serial > SERIAL_MAX {
            return Err(GenesisRefused::content("serial_first", format!("{serial} is outside 1..={SERIAL_MAX}")));
        }
        let counters = types::Counters { serial_first: serial, serial_next: serial, issued: 0 };
        context.put(&types::COUNTERS, &(), &counters);
        Ok(())
    }

    fn query(view: &dyn View, query: &Query) -> Result<Answer, StoreError> {
        queries::query(view, query)
    }
}
