//! Whose the chain's part of a store is.

use std::path::Path;
use std::sync::Arc;

use quancheng_state::backend::Part;
use quancheng_state::{ChainStore, Durability, Record, StoreError};
use quancheng_state_rocks::{LogRecovery, RocksOptions, RocksPart};
use quancheng_types::codec::{decode, encode};

use super::{Ledger, LedgerError};
use crate::files::Owner;

/// Name of the record.
const NAME: &str = "owner";
/// Bytes of it, at most.
const BYTES_MAX: u32 = 33;
/// Memory for changing it, bytes.
const CHANGE_BYTES: usize = 16 * 1024 * 1024;

/// Whose a store is, if it says so.
pub(super) fn owner_of(chain: &ChainStore) -> Result<Option<Owner>, StoreError> {
    let owner = chain.meta(NAME)?.map(|bytes| decode(&bytes, BYTES_MAX)).transpose();
    owner.map_err(|error| StoreError::Undecodable {
        record: Record::Column("meta"),
        key: NAME.as_bytes().to_vec(),
        error,
    })
}

pub(super) fn put_owner(chain: &ChainStore, owner: Owner, durability: Durability) -> Result<(), StoreError> {
    chain.meta_put(NAME, encode(&owner), durability)
}

/// Refuses a store that says what another node did, or does not say whose it is.
pub(super) fn check_owner(chain: &ChainStore, expected: Owner) -> Result<(), LedgerError> {
    match owner_of(chain)? {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(LedgerError::OtherOwner { found, expected }),
        None => Err(LedgerError::Nameless),
    }
}

impl Ledger {
    /// Hands a copied store to the node that goes on from it: what its maker did is no concern of that node, which numbers and signs as one that
    /// lost everything. Durable when it returns.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn hand_over(folder: &Path, owner: Owner) -> Result<(), LedgerError> {
        let options = RocksOptions {
            memory_bytes: CHANGE_BYTES,
            is_created: false,
            recovery: LogRecovery::WholeLog,
            ..RocksOptions::default()
        };
        let chain = ChainStore::over(Arc::new(RocksPart::open(folder, Part::Chain, &options)?));
        Ok(put_owner(&chain, owner, Durability::Synced)?)
    }
}
