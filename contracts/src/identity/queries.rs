//! What can be looked up, and the keys that prove the answer.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{StateKey, StoreError, View};
use quancheng_types::{AccountId, KeyId, PublicKey, Validator};
use serde::{Deserialize, Serialize};

use super::names::OrgId;
use super::types::{
    ACCOUNTS, AccountRecord, CODES, KEY_OWNERS, OFFICER_COUNT, OFFICER_LIST, OFFICERS, ORG_COUNT, ORG_LIST,
    ORGANIZATIONS, OfficerRecord, Organization,
};
use crate::contract::Answer;
use crate::domain::Uscc;
use crate::index::Range;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Query {
    /// An organization by id.
    Organization {
        /// Its id.
        org_id: OrgId,
    } = 1,
    /// The live organization with a code.
    Code {
        /// The code.
        uscc: Uscc,
    } = 2,
    /// An account that acts for an organization, with its keys.
    Account {
        /// Which.
        account: AccountId,
    } = 3,
    /// The account that a signing key is bound to, with all its keys.
    Key {
        /// Which.
        key_id: KeyId,
    } = 4,
    /// Organizations in order of first application.
    Organizations {
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 5,
    /// An officer.
    Officer {
        /// Of which organization.
        org_id: OrgId,
        /// Whose account.
        account: AccountId,
    } = 6,
    /// Officers of an organization in order of appointment, past ones included.
    Officers {
        /// Of which organization.
        org_id: OrgId,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 7,
}

/// An organization.
///
/// # Errors
/// [`StoreError`].
pub fn organization(view: &dyn View, org_id: &OrgId) -> Result<Option<Organization>, StoreError> {
    ORGANIZATIONS.read(view, org_id)
}

/// Whether any organization has ever been entered.
pub(crate) fn has_organizations(view: &dyn View) -> Result<bool, StoreError> {
    Ok(ORG_COUNT.read(view, &())?.is_some())
}

/// Whether a key of a validator, that of its votes or that of its node, is bound to an account and signs its transactions. A key that is
/// recorded for [`KeyUse::Consensus`](super::KeyUse::Consensus) signs none.
pub(crate) fn owns_key_of(view: &dyn View, validator: &Validator) -> Result<bool, StoreError> {
    let node_key = PublicKey::Ed25519(*validator.node_id.as_bytes());
    let is_bound = |key: &PublicKey| KEY_OWNERS.read(view, &KeyId::of(key)).map(|owner| owner.is_some());
    Ok(is_bound(&validator.public_key)? || is_bound(&node_key)?)
}

/// The key of an organization's entry, for a proof.
#[must_use]
pub fn organization_key(org_id: &OrgId) -> StateKey {
    ORGANIZATIONS.key(org_id)
}

/// The record of an account; `None` when the account is its key's own.
///
/// # Errors
/// [`StoreError`].
pub fn account(view: &dyn View, account: &AccountId) -> Result<Option<AccountRecord>, StoreError> {
    ACCOUNTS.read(view, account)
}

/// The account that a key signs for: the one it is bound to, else its own.
///
/// # Errors
/// [`StoreError`].
pub fn account_of_key(view: &dyn View, key: &PublicKey) -> Result<AccountId, StoreError> {
    Ok(KEY_OWNERS.read(view, &KeyId::of(key))?.unwrap_or_else(|| AccountId::of(key)))
}

/// An officer of an organization, past or present: ask [`OfficerRecord::is_in_office_at`].
///
/// # Errors
/// [`StoreError`].
pub fn officer(view: &dyn View, org_id: &OrgId, account: &AccountId) -> Result<Option<OfficerRecord>, StoreError> {
    OFFICERS.read(view, &(org_id.clone(), *account))
}

pub(super) fn answer(view: &dyn View, query: &Query) -> Result<Answer, StoreError> {
    match query {
        Query::Organization { org_id } => {
            Ok(Answer::of(ORGANIZATIONS.read(view, org_id)?.as_ref(), ORGANIZATIONS.key(org_id)))
        }
        Query::Code { uscc } => {
            let mut keys = vec![CODES.key(uscc)];
            let org = match CODES.read(view, uscc)? {
                None => None,
                Some(org_id) => {
                    keys.push(ORGANIZATIONS.key(&org_id));
                    ORGANIZATIONS.read(view, &org_id)?
                }
            };
            Ok(Answer::linked(org.as_ref(), keys))
        }
        Query::Account { account } => Ok(Answer::of(ACCOUNTS.read(view, account)?.as_ref(), ACCOUNTS.key(account))),
        Query::Key { key_id } => {
            let mut keys = vec![KEY_OWNERS.key(key_id)];
            let record = match KEY_OWNERS.read(view, key_id)? {
                None => None,
                Some(account) => {
                    keys.push(ACCOUNTS.key(&account));
                    ACCOUNTS.read(view, &account)?
                }
            };
            Ok(Answer::linked(record.as_ref(), keys))
        }
        Query::Organizations { range } => organizations(view, *range),
        Query::Officer { org_id, account } => {
            let key = (org_id.clone(), *account);
            Ok(Answer::of(OFFICERS.read(view, &key)?.as_ref(), OFFICERS.key(&key)))
        }
        Query::Officers { org_id, range } => officers(view, org_id, *range),
    }
}

fn organizations(view: &dyn View, range: Range) -> Result<Answer, StoreError> {
    let count = ORG_COUNT.read(view, &())?.unwrap_or(0);
    let (mut list, mut keys) = (Vec::new(), vec![ORG_COUNT.key(&())]);
    for place in range.from..count.min(range.end()) {
        keys.push(ORG_LIST.key(&place));
        if let Some(org_id) = ORG_LIST.read(view, &place)? {
            keys.push(ORGANIZATIONS.key(&org_id));
            list.extend(ORGANIZATIONS.read(view, &org_id)?);
        }
    }
    Ok(Answer::list(&list, keys))
}

fn officers(view: &dyn View, org_id: &OrgId, range: Range) -> Result<Answer, StoreError> {
    let count = OFFICER_COUNT.read(view, org_id)?.unwrap_or(0);
    let (mut list, mut keys) = (Vec::new(), vec![OFFICER_COUNT.key(org_id)]);
    for place in range.from..count.min(range.end()) {
        let at = (org_id.clone(), place);
        keys.push(OFFICER_LIST.key(&at));
        if let Some(account) = OFFICER_LIST.read(view, &at)? {
            let key = (org_id.clone(), account);
            keys.push(OFFICERS.key(&key));
            list.extend(OFFICERS.read(view, &key)?);
        }
    }
    Ok(Answer::list(&list, keys))
}
