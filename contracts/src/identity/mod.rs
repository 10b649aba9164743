//! Identity: organizations, their roles, keys and officers (module 1, domain model §2.1).
//!
//! Anyone with a key has an account and may apply; who else may write is a parameter of the chain (`writers`). An organization acts through the account it applied with; its keys,
//! their validity and revocation, and its roles with their periods are on record for ever, and authority is judged at the block of
//! each act (G8).
//!
//! | call | who | from → to |
//! |---|---|---|
//! | `register` | a key bound to nobody | → APPLIED |
//! | `verify` | SUPERVISOR, not of itself | APPLIED → VERIFIED |
//! | `activate` | SUPERVISOR, not of itself; grants the roles that it lawfully may | VERIFIED → ACTIVE |
//! | `reject` | SUPERVISOR, not of itself | APPLIED, VERIFIED → REJECTED: id, code and key are free again |
//! | `suspend`, `resume` | SUPERVISOR, not of itself, nor of one under governance | ACTIVE ⇄ SUSPENDED |
//! | `revoke` | SUPERVISOR, not of itself, nor of one under governance | ACTIVE, SUSPENDED → REVOKED |
//! | `close` | the organization, and every successor | → CLOSED, MERGED, SPLIT |
//! | `grant_role`, `revoke_role` | the role's lawful grantor ([`Role::grantor`]), not of itself; VALIDATOR, SUPERVISOR, TREASURY, COURT and ARBITRATION only by governance vote | |
//! | `add_key` | the organization, or a SUPERVISOR to recover it; a signing key signs too | |
//! | `revoke_key` | the organization (not its last key), or a SUPERVISOR | |
//! | `appoint_officer`, `dismiss_officer` | the organization; the officer signs the appointment | |
//!
//! Invariants: a code belongs to at most one live organization; a signing key belongs to at most one account, and after an admission
//! never to another; a revocation is prospective, and a time of compromise only moves earlier; roles count only while the
//! organization is ACTIVE; accounts of suspended, revoked or closed organizations cannot act at all (`ACCOUNT_SUSPENDED`).
//! An organization with a role that only a vote grants is under governance: no supervisor suspends it, revokes it or touches its
//! keys until a vote has ended that role, so no single office can silence the voters or a court.
//! Founding organizations of the genesis are active without review; nobody else is exempt from it (G5).

mod calls;
mod events;
mod execute;
mod names;
mod queries;
mod refusals;
mod signer;
mod types;
mod weight;

use quancheng_state::{StoreError, View};
use quancheng_types::{ModuleId, Parameters};

use crate::contract::{Answer, Context, Contract};
use crate::describe::Describe;
use crate::genesis::GenesisRefused;
use crate::refusal::Failure;
use crate::weight::Cost;

pub use calls::{
    Activate, AddKey, AppointOfficer, Call, Close, Decide, DismissOfficer, GrantRole, Register, RevokeKey, RevokeRole,
};
pub use events::Event;
pub(crate) use execute::{grant_at_genesis, grant_by_vote, revoke_by_vote};
pub use names::{Grantor, InvalidOrgId, MerchantClass, ORG_ID_BYTES_MAX, OrgId, OrgStatus, OrgType, Role};
pub use queries::{Query, account, account_of_key, officer, organization, organization_key};
pub(crate) use queries::{has_organizations, owns_key_of};
pub use refusals::Error;
pub use signer::{SignerRefused, resolve};
pub use types::{
    AccountRecord, CERTIFICATE_BYTES_MAX, Decision, FOUNDERS_MAX, Founder, GrantedBy, IdentityGenesis, KEYS_MAX,
    KeyCertificate, KeyRecord, KeyUse, NAME_BYTES_MAX, OfficerRecord, Organization, ROLE_GRANTS_MAX, ROLES_MAX,
    RoleGrant, SUCCESSORS_MAX, TITLE_BYTES_MAX,
};

/// The module.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl Contract for Identity {
    const ID: ModuleId = ModuleId(1);
    const NAME: &'static str = "identity";
    const TABLES: &'static [&'static dyn Describe] = types::TABLES;

    type Call = Call;
    type Event = Event;
    type Error = Error;
    type Query = Query;
    type Genesis = IdentityGenesis;

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

    fn genesis(content: &IdentityGenesis, context: &mut Context<'_, '_>) -> Result<(), GenesisRefused> {
        execute::found(context, content)
    }

    fn query(view: &dyn View, query: &Query) -> Result<Answer, StoreError> {
        queries::answer(view, query)
    }
}

#[cfg(test)]
mod tests;
