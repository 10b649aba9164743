//! Results of executed heights, and what certified headers say about them.

use std::collections::BTreeMap;

use quancheng_types::{Digest, Header, Height};

use crate::limits::ROOTS_KEPT;

/// A history log at one height: its size and root.
pub(crate) type History = (u64, Digest);

/// A header names another history than the own one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) height: Height,
    pub(crate) own: Digest,
    pub(crate) certified: Digest,
}

/// How the history that a header names compares with the own one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The same.
    Equal,
    /// The own executor is not there yet.
    NotYet,
    /// Another one.
    Differs(Mismatch),
}

/// Own results, and certified ones that wait for the own executor.
#[derive(Debug)]
pub(crate) struct Results {
    own: BTreeMap<Height, History>,
    newest: Height,
    certified: BTreeMap<Height, History>,
}

impl Results {
    pub(crate) fn new(own: impl IntoIterator<Item = (Height, History)>) -> Self {
        let own: BTreeMap<Height, History> = own.into_iter().collect();
        let newest = own.keys().next_back().copied().unwrap_or_default();
        Self { own, newest, certified: BTreeMap::new() }
    }

    /// Newest executed height.
    pub(crate) fn newest(&self) -> Height {
        self.newest
    }

    /// The own history at an executed height that is still kept.
    pub(crate) fn at(&self, height: Height) -> Option<History> {
        self.own.get(&height).copied()
    }

    /// Compares the history that a header names. Heights older than what is kept compare as equal: a certified header has
    /// covered them already.
    pub(crate) fn compare(&self, header: &Header) -> Comparison {
        if header.executed_height > self.newest {
            return Comparison::NotYet;
        }
        match self.own.get(&header.executed_height) {
            Some(own) if *own != (header.history_size, header.history_root) => Comparison::Differs(Mismatch {
                height: header.executed_height,
                own: own.1,
                certified: header.history_root,
            }),
            Some(_) | None => Comparison::Equal,
        }
    }

    /// Takes in a certified header.
    ///
    /// # Errors
    /// [`Mismatch`] when it names another history than the own one.
    pub(crate) fn certify(&mut self, header: &Header) -> Result<(), Mismatch> {
        match self.compare(header) {
            Comparison::Equal => {}
            Comparison::NotYet => {
                self.certified.insert(header.executed_height, (header.history_size, header.history_root));
            }
            Comparison::Differs(mismatch) => return Err(mismatch),
        }
        Ok(())
    }

    /// Takes in an own result.
    ///
    /// # Errors
    /// [`Mismatch`] when a certified header named another history.
    pub(crate) fn executed(&mut self, height: Height, history: History) -> Result<(), Mismatch> {
        self.own.insert(height, history);
        self.newest = height;
        while self.own.len() > ROOTS_KEPT {
            self.own.pop_first();
        }
        match self.certified.remove(&height) {
            Some(certified) if certified != history => Err(Mismatch { height, own: history.1, certified: certified.1 }),
            Some(_) | None => Ok(()),
        }
    }
}
