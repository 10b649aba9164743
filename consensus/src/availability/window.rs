//! Which batches were ordered: a batch is ordered once (protocol §5).

use std::collections::{BTreeMap, BTreeSet};

use quancheng_types::{AuthorWindow, BatchHeader, BatchRef, ValidatorId};

use crate::planted::Planted;

/// The windows of all authors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Windows {
    rows: BTreeMap<ValidatorId, AuthorWindow>,
    planted: Planted,
}

impl Windows {
    pub(crate) fn new(rows: impl IntoIterator<Item = (ValidatorId, AuthorWindow)>, planted: Planted) -> Self {
        Self { rows: rows.into_iter().collect(), planted }
    }

    pub(crate) fn is_ordered(&self, header: &BatchHeader) -> bool {
        let remembers = |window: &AuthorWindow| {
            // By mistake, only the latest few numbers.
            !self.planted.short_window() || window.end().saturating_sub(header.sequence) <= 4
        };
        let window = self.rows.get(&header.author).filter(|window| remembers(window));
        window.is_some_and(|window| window.is_ordered(header.sequence))
    }

    /// Enters the batches of a block. Returns the rows that changed.
    pub(crate) fn insert(&mut self, batches: &[BatchRef]) -> Vec<(ValidatorId, AuthorWindow)> {
        for batch in batches {
            self.rows.entry(batch.header.author).or_default().insert(batch.header.sequence);
        }
        let authors: BTreeSet<ValidatorId> = batches.iter().map(|batch| batch.header.author).collect();
        authors.into_iter().filter_map(|author| self.rows.get(&author).map(|row| (author, *row))).collect()
    }
}
