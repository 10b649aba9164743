use core::cell::RefCell;

use quancheng_types::merkle::{Path, RootBuilder};
use quancheng_types::{Digest, Height, HistoryLeaf};

use super::{Store, missing, read_record};
use crate::backend::Column;
use crate::error::StoreError;

/// Key of a perfect subtree of the history log: level, then index.
pub(super) fn node_key(level: u32, index: u64) -> Vec<u8> {
    let level = u8::try_from(level).expect("a tree of u64 leaves has at most 64 levels");
    let mut key = vec![level];
    key.extend_from_slice(&index.to_be_bytes());
    key
}

impl Store {
    /// The leaf of a height. Kept for ever, pruned or not.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] above the newest height.
    pub fn history_leaf(&self, height: Height) -> Result<HistoryLeaf, StoreError> {
        let tip = self.tip().map(|tip| tip.height());
        if tip.is_none_or(|tip| height > tip) {
            return Err(StoreError::NotExecuted { height, tip });
        }
        let key = height.0.to_be_bytes();
        read_record(self.backend(), Column::HistoryLeaves, &key)?.ok_or_else(|| missing(Column::HistoryLeaves, &key))
    }

    /// RFC 9162 path of the leaf of `height` in the log of the first `size` heights.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] when the log is shorter than `size`, or `height` is not below it.
    pub fn history_path(&self, height: Height, size: u64) -> Result<Path, StoreError> {
        self.check_size(size)?;
        if height.0 >= size {
            return Err(StoreError::NotExecuted { height, tip: size.checked_sub(1).map(Height) });
        }
        let failed = RefCell::new(None);
        let path = Path::from_nodes(height.0, size, |level, index| match self.history_node(level, index) {
            Ok(hash) => Some(hash),
            Err(error) => {
                failed.borrow_mut().get_or_insert(error);
                None
            }
        });
        path.ok_or_else(|| {
            failed.into_inner().unwrap_or_else(|| missing(Column::HistoryNodes, &height.0.to_be_bytes()))
        })
    }

    /// RFC 9162 root of the log of the first `size` heights.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] when the log is shorter.
    pub fn history_root(&self, size: u64) -> Result<Digest, StoreError> {
        self.check_size(size)?;
        let mut peaks = Vec::new();
        let mut start = 0_u64;
        for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(self.history_node(level, start >> level)?);
            start += 1 << level;
        }
        let log = RootBuilder::from_parts(size, peaks).expect("one peak per set bit of size");
        Ok(log.root())
    }

    fn check_size(&self, size: u64) -> Result<(), StoreError> {
        let tip = self.tip();
        if size > tip.map_or(0, |tip| tip.size) {
            let height = Height(size.saturating_sub(1));
            return Err(StoreError::NotExecuted { height, tip: tip.map(|tip| tip.height()) });
        }
        Ok(())
    }

    fn history_node(&self, level: u32, index: u64) -> Result<Digest, StoreError> {
        let key = node_key(level, index);
        read_record(self.backend(), Column::HistoryNodes, &key)?.ok_or_else(|| missing(Column::HistoryNodes, &key))
    }
}
