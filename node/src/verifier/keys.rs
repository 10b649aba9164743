//! Public keys, parsed once.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use quancheng_types::PublicKey;
use quancheng_types::keys::{PreparedKey, SignatureError};

/// Keys remembered. A prepared key takes about 0.3 KiB, so the cache stays below 20 MiB.
const KEYS_MAX: usize = 65_536;

/// Bounded: when it is full it starts anew, which costs one parse per key that comes again.
#[derive(Debug, Default)]
pub(super) struct KeyCache {
    keys: RwLock<HashMap<PublicKey, PreparedKey>>,
}

impl KeyCache {
    pub(super) fn prepare(&self, key: &PublicKey) -> Result<PreparedKey, SignatureError> {
        if let Some(prepared) = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(prepared.clone());
        }
        let prepared = PreparedKey::new(key)?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        keys.insert(*key, prepared.clone());
        Ok(prepared)
    }
}
