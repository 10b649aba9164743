use core::sync::atomic::Ordering;

use quancheng_types::codec::encode;
use quancheng_types::{Digest, Height};

use super::{META_OLDEST, Store, read_record};
use crate::backend::{Column, Durability, Writes};
use crate::error::StoreError;
use crate::flat::{FlatRow, versioned};

impl Store {
    /// Forgets what derived tables held at heights below `oldest`, at most `heights_max` of them in one call, and returns the oldest
    /// height of which it is still known. Each height is one small write, made from the list of what it superseded. Everything else
    /// stays: newest values, all values of kept tables, receipts, transactions, blocks ([`Self::prune_chain`] is about those), validator sets and
    /// the history log, so whatever could be proved can be proved.
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
        if let Some(places) = read_record::<Vec<Digest>>(self.backend(), Column::Superseded, &key)? {
            for place in &places {
                let key = versioned(place.as_bytes(), height);
                // A crash may have taken back this call and not the one that it repeats.
                if let Some(row) = self.backend().get(Column::FlatHistory, &key)? {
                    if let Some(record) = FlatRow::parse(&key, &row)?.record() {
                        writes.delete(Column::Records, record);
                    }
                    writes.delete(Column::FlatHistory, key);
                }
            }
            writes.delete(Column::Superseded, key);
        }
        writes.put(Column::Meta, META_OLDEST, encode(&height.0));
        self.shared.backend.write(writes, Durability::Buffered)
    }
}
