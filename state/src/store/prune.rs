use core::sync::atomic::Ordering;

use quancheng_types::Height;
use quancheng_types::codec::encode;

use super::{META_OLDEST, Store, read_record};
use crate::backend::{Column, Durability, Writes};
use crate::error::StoreError;
use crate::flat::versioned;
use crate::tree::HeightChanges;

impl Store {
    /// Forgets the state as of heights below `oldest`, at most `heights_max` of them in one call, and returns the oldest
    /// height now kept. Each height is one small write, made from the list of what it superseded. Removes nothing but
    /// superseded versions: newest values, receipts, transactions, blocks, validator sets and the history log stay, so every
    /// executed transaction can still be proved.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] when `oldest` is above the newest height; [`StoreError`] of the backend.
    pub fn prune(&self, oldest: Height, heights_max: u32) -> Result<Height, StoreError> {
        let tip = self.tip().map(|tip| tip.height());
        if tip.is_none_or(|tip| oldest > tip) {
            return Err(StoreError::NotExecuted { height: oldest, tip });
        }
        for _ in 0..heights_max {
            let next = self.oldest().next();
            if next > oldest {
                break;
            }
            // Readers learn first: what they read of that height from here on, they refuse themselves.
            self.shared.oldest.fetch_max(next.0, Ordering::AcqRel);
            self.forget_superseded_by(next)?;
        }
        Ok(self.oldest())
    }

    fn forget_superseded_by(&self, height: Height) -> Result<(), StoreError> {
        let key = height.0.to_be_bytes();
        let mut writes = Writes::new();
        if let Some(changes) = read_record::<HeightChanges>(self.backend(), Column::Changes, &key)? {
            for base in &changes.flat {
                writes.delete(Column::FlatHistory, versioned(base.as_bytes(), height));
            }
            for base in &changes.slots {
                writes.delete(Column::TreeHistory, versioned(base, height));
            }
            for base in &changes.members {
                writes.delete(Column::Members, versioned(base, height));
            }
            writes.delete(Column::Changes, key.to_vec());
        }
        writes.put(Column::Meta, META_OLDEST.to_vec(), encode(&height.0));
        self.shared.backend.write(writes, Durability::Buffered)
    }
}
