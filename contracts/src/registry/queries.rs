//! What can be looked up, and the entries that prove each answer.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{StateKey, StoreError, Table, View};
use serde::{Deserialize, Serialize};

use super::dossier::Dossier;
use super::types::{
    BY_KIND, BY_MANIFEST, BY_NUMBER, BY_OFFICIAL, BY_ORGANIZATION, BY_REGISTRAR, COUNTERS, DOSSIERS, LOG, OBJECTIONS,
    OfficialCode, REGISTRATIONS, RELIANCES, Registration, RegistrationId, Status, VERSIONS,
};
use crate::contract::Answer;
use crate::domain::{Commitment, LedgerNumber, RegistrationKind};
use crate::identity::OrgId;
use crate::index::{Index, PAGE_MAX, Page, Range};

/// What can be looked up. Numbers are fixed for ever once released.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Query {
    /// A registration by serial.
    Registration {
        /// Which.
        registration: RegistrationId,
        /// Time (ms since 1970 UTC) for which to compute its status: the time of the block the view is as of.
        #[serde(default)]
        at_ms: Option<u64>,
    } = 1,
    /// A registration by ledger number; no answer proves that the number was never issued.
    Number {
        /// Which.
        ledger_no: LedgerNumber,
        /// As above.
        #[serde(default)]
        at_ms: Option<u64>,
    } = 2,
    /// A registration by a number given outside.
    Official {
        /// Which.
        official: OfficialCode,
        /// As above.
        #[serde(default)]
        at_ms: Option<u64>,
    } = 3,
    /// One revision of a dossier.
    Dossier {
        /// Of which registration.
        registration: RegistrationId,
        /// Which, from 1.
        revision: u32,
    } = 4,
    /// One version of a certificate.
    Version {
        /// Of which registration.
        registration: RegistrationId,
        /// Which, from 1.
        version: u32,
    } = 5,
    /// The life of a registration.
    Log {
        /// Of which registration.
        registration: RegistrationId,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 6,
    /// Objections to a registration.
    Objections {
        /// To which registration.
        registration: RegistrationId,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 7,
    /// Reliance on a certificate.
    Reliances {
        /// On which registration.
        registration: RegistrationId,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 8,
    /// All registrations, by serial.
    All {
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 9,
    /// Registrations that an organization applied for or holds or held.
    Organization {
        /// Which.
        organization: OrgId,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 10,
    /// Registrations at a registrar.
    Registrar {
        /// Which.
        registrar: OrgId,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 11,
    /// Registrations of a kind.
    Kind {
        /// Which.
        kind: RegistrationKind,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 12,
    /// Registrations of one data set (domain invariant R7).
    Manifest {
        /// Its root.
        manifest_root: Commitment,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 13,
    /// Counters of the whole register.
    Counters = 14,
}

/// A registration with what a reader asks next.
#[derive(Clone, Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    registration: Registration,
    status: Option<Status>,
    dossier: Option<Dossier>,
}

fn show(
    view: &dyn View,
    id: Option<RegistrationId>,
    mut keys: Vec<StateKey>,
    at_ms: Option<u64>,
) -> Result<Answer, StoreError> {
    let Some(id) = id else {
        return Ok(Answer { value: serde_json::Value::Null, keys });
    };
    let registration = REGISTRATIONS.read(view, &id)?;
    keys.push(REGISTRATIONS.key(&id));
    let shown = match registration {
        None => None,
        Some(registration) => {
            let revision = (id, registration.revision);
            keys.push(DOSSIERS.key(&revision));
            let status = at_ms.map(|time_ms| registration.status(time_ms));
            Some(Shown { status, dossier: DOSSIERS.read(view, &revision)?, registration })
        }
    };
    Ok(Answer { keys, ..Answer::of(shown.as_ref(), REGISTRATIONS.key(&id)) })
}

/// One row of a list of registrations.
#[derive(Clone, Debug, Serialize)]
struct Row {
    number: u64,
    registration: RegistrationId,
}

fn list(page: Page<RegistrationId>) -> Answer {
    let rows: Vec<Row> = page.rows.into_iter().map(|(number, registration)| Row { number, registration }).collect();
    Answer::list(&rows, page.keys)
}

/// Rows of a table numbered within a registration, whose count the registration itself holds.
fn numbered<V>(
    view: &dyn View,
    table: &Table<(RegistrationId, u32), V>,
    id: RegistrationId,
    count: impl Fn(&Registration) -> u32,
    range: Range,
) -> Result<Answer, StoreError>
where
    V: BorshSerialize + BorshDeserialize + Serialize,
{
    let mut keys = vec![REGISTRATIONS.key(&id)];
    let mut rows = Vec::new();
    if let Some(registration) = REGISTRATIONS.read(view, &id)? {
        let from = u32::try_from(range.from).unwrap_or(u32::MAX);
        let end = count(&registration).min(from.saturating_add(range.limit.min(PAGE_MAX)));
        for number in from..end {
            keys.push(table.key(&(id, number)));
            rows.extend(table.read(view, &(id, number))?);
        }
    }
    Ok(Answer::list(&rows, keys))
}

/// All serials are taken in order, so the list of all registrations needs no rows of its own.
fn all(view: &dyn View, range: Range) -> Result<Answer, StoreError> {
    let mut keys = vec![COUNTERS.key(&())];
    let mut rows = Vec::new();
    if let Some(counters) = COUNTERS.read(view, &())? {
        let first = u64::from(counters.serial_first).saturating_add(range.from);
        let end = u64::from(counters.serial_next).min(first.saturating_add(range.limit.min(PAGE_MAX).into()));
        for serial in first..end {
            let Ok(serial) = u32::try_from(serial) else {
                break;
            };
            keys.push(REGISTRATIONS.key(&RegistrationId(serial)));
            rows.extend(REGISTRATIONS.read(view, &RegistrationId(serial))?);
        }
    }
    Ok(Answer::list(&rows, keys))
}

/// A row of a table.
fn row<K, V>(view: &dyn View, table: &Table<K, V>, key: &K) -> Result<Answer, StoreError>
where
    K: BorshSerialize,
    V: BorshSerialize + BorshDeserialize + Serialize,
{
    Ok(Answer::of(table.read(view, key)?.as_ref(), table.key(key)))
}

/// Part of a list of registrations.
fn part<K>(view: &dyn View, index: &Index<K, RegistrationId>, key: &K, range: Range) -> Result<Answer, StoreError>
where
    K: BorshSerialize + BorshDeserialize + Clone,
{
    Ok(list(index.named(view, key, range, |id| REGISTRATIONS.key(id))?))
}

fn reliances(view: &dyn View, id: RegistrationId, range: Range) -> Result<Answer, StoreError> {
    let page = RELIANCES.page(view, &id, range.from, range.limit)?;
    let rows: Vec<_> = page.rows.into_iter().map(|(_, reliance)| reliance).collect();
    Ok(Answer::list(&rows, page.keys))
}

pub(super) fn query(view: &dyn View, query: &Query) -> Result<Answer, StoreError> {
    match query {
        Query::Registration { registration, at_ms } => show(view, Some(*registration), Vec::new(), *at_ms),
        Query::Number { ledger_no, at_ms } => {
            let id = BY_NUMBER.read(view, ledger_no)?;
            show(view, id, vec![BY_NUMBER.key(ledger_no)], *at_ms)
        }
        Query::Official { official, at_ms } => {
            let id = BY_OFFICIAL.read(view, official)?;
            show(view, id, vec![BY_OFFICIAL.key(official)], *at_ms)
        }
        Query::Dossier { registration, revision } => row(view, &DOSSIERS, &(*registration, *revision)),
        Query::Version { registration, version } => row(view, &VERSIONS, &(*registration, *version)),
        Query::Log { registration, range } => numbered(view, &LOG, *registration, |record| record.log, *range),
        Query::Objections { registration, range } => {
            numbered(view, &OBJECTIONS, *registration, |record| record.objections, *range)
        }
        Query::Reliances { registration, range } => reliances(view, *registration, *range),
        Query::All { range } => all(view, *range),
        Query::Organization { organization, range } => part(view, &BY_ORGANIZATION, organization, *range),
        Query::Registrar { registrar, range } => part(view, &BY_REGISTRAR, registrar, *range),
        Query::Kind { kind, range } => part(view, &BY_KIND, kind, *range),
        Query::Manifest { manifest_root, range } => part(view, &BY_MANIFEST, manifest_root, *range),
        Query::Counters => row(view, &COUNTERS, &()),
    }
}
