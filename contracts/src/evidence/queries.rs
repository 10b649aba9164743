//! What can be looked up, and the entries that prove each answer.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{StateKey, StoreError, Table, View};
use quancheng_types::{AccountId, Digest};
use serde::{Deserialize, Serialize};

use super::types::{BY_RELATION, BY_SUBMITTER, COUNT, HANDOVERS, PRODUCTIONS, RECORDS, Record, Relation};
use crate::contract::Answer;
use crate::index::{PAGE_MAX, Range};

/// What can be looked up. Numbers are fixed for ever once released.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Query {
    /// A record by root; no answer proves that the root was never notarized.
    Record {
        /// Root.
        root: Digest,
    } = 1,
    /// Roots that an account notarized, in order.
    Submitter {
        /// Whose.
        account: AccountId,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 2,
    /// Roots that relate to a matter, in order.
    Relation {
        /// Which.
        relation: Relation,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 3,
    /// The chain of custody of a record.
    Handovers {
        /// Which.
        root: Digest,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 4,
    /// Productions of a record.
    Productions {
        /// Which.
        root: Digest,
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 5,
    /// Number of all records.
    Count = 6,
}

/// A record by root.
///
/// # Errors
/// [`StoreError`].
pub fn record(view: &dyn View, root: &Digest) -> Result<Option<Record>, StoreError> {
    RECORDS.read(view, root)
}

/// Whether a root is notarized.
///
/// # Errors
/// [`StoreError`].
pub fn is_notarized(view: &dyn View, root: &Digest) -> Result<bool, StoreError> {
    RECORDS.has(view, root)
}

/// The entry that exists if and only if the root was notarized.
#[must_use]
pub fn record_key(root: &Digest) -> StateKey {
    RECORDS.key(root)
}

/// Rows of a table numbered within a record, whose count the record itself holds.
fn numbered<V>(
    view: &dyn View,
    table: &Table<(Digest, u32), V>,
    root: &Digest,
    count: impl Fn(&Record) -> u32,
    range: Range,
) -> Result<Answer, StoreError>
where
    V: BorshSerialize + BorshDeserialize + Serialize,
{
    let mut keys = vec![RECORDS.key(root)];
    let mut rows = Vec::new();
    if let Some(record) = RECORDS.read(view, root)? {
        let from = u32::try_from(range.from).unwrap_or(u32::MAX);
        let end = count(&record).min(from.saturating_add(range.limit.min(PAGE_MAX)));
        for number in from..end {
            keys.push(table.key(&(*root, number)));
            rows.extend(table.read(view, &(*root, number))?);
        }
    }
    Ok(Answer::list(&rows, keys))
}

pub(super) fn query(view: &dyn View, query: &Query) -> Result<Answer, StoreError> {
    match query {
        Query::Record { root } => Ok(Answer::of(RECORDS.read(view, root)?.as_ref(), RECORDS.key(root))),
        Query::Submitter { account, range } => {
            let page = BY_SUBMITTER.named(view, account, *range, record_key)?;
            let roots: Vec<Digest> = page.rows.into_iter().map(|(_, root)| root).collect();
            Ok(Answer::list(&roots, page.keys))
        }
        Query::Relation { relation, range } => {
            let page = BY_RELATION.named(view, relation, *range, record_key)?;
            let roots: Vec<Digest> = page.rows.into_iter().map(|(_, root)| root).collect();
            Ok(Answer::list(&roots, page.keys))
        }
        Query::Handovers { root, range } => numbered(view, &HANDOVERS, root, |record| record.handovers, *range),
        Query::Productions { root, range } => numbered(view, &PRODUCTIONS, root, |record| record.productions, *range),
        Query::Count => Ok(Answer::of(Some(&COUNT.read(view, &())?.unwrap_or(0)), COUNT.key(&()))),
    }
}
