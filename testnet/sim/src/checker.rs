//! One memory of verified signatures for the whole network.
//!
//! An exact set: what is in it was either verified by the rule of `quancheng_types::keys` in this run, or was made in this run by
//! the engine that holds the key (which by that rule always verifies). So the verdicts are those of checking every signature at
//! every node, at the price of checking each foreign one once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use quancheng_consensus::SignatureChecker;
use quancheng_types::{Digest, PublicKey, Signature};

type Item = (Signature, Digest, PublicKey);

#[derive(Debug, Default)]
struct Memory {
    good: BTreeSet<Item>,
    bad: BTreeSet<Item>,
    verified: u64,
}

/// Handle to the memory of one network.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedChecker {
    memory: Arc<Mutex<Memory>>,
}

impl SharedChecker {
    /// Forgets everything. What comes again is verified again, so this costs time only.
    pub(crate) fn forget(&self) {
        self.with(|memory| {
            memory.good.clear();
            memory.bad.clear();
        });
    }

    /// Signatures that were verified by computation.
    pub(crate) fn verified(&self) -> u64 {
        self.with(|memory| memory.verified)
    }

    fn with<R>(&self, act: impl FnOnce(&mut Memory) -> R) -> R {
        // One thread per network: a poisoned lock only means that a panic is already on its way.
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SignatureChecker for SharedChecker {
    fn check(&mut self, key: &PublicKey, message: &Digest, signature: &Signature) -> bool {
        let item = (*signature, *message, *key);
        self.with(|memory| {
            if memory.good.contains(&item) {
                return true;
            }
            if memory.bad.contains(&item) {
                return false;
            }
            memory.verified += 1;
            let is_good = key.verify(message.as_bytes(), signature).is_ok();
            if is_good {
                memory.good.insert(item)
            } else {
                memory.bad.insert(item)
            };
            is_good
        })
    }

    fn remember(&mut self, key: &PublicKey, message: &Digest, signature: &Signature) {
        self.with(|memory| memory.good.insert((*signature, *message, *key)));
    }
}

#[cfg(test)]
mod tests {
    use quancheng_consensus::SignatureChecker as _;
    use quancheng_types::{Digest, SigningKey};

    use super::SharedChecker;

    #[test]
    fn each_signature_is_verified_once_and_verdicts_hold() {
        let key = SigningKey::from_seed([1; 32]);
        let (message, other) = (Digest([1; 32]), Digest([2; 32]));
        let signature = key.sign(message.as_bytes());
        let mut checker = SharedChecker::default();
        let mut twin = checker.clone();
        for _ in 0..3 {
            assert!(checker.check(&key.public_key(), &message, &signature));
            assert!(!twin.check(&key.public_key(), &other, &signature));
        }
        assert_eq!(checker.verified(), 2);
        checker.forget();
        assert!(!twin.check(&key.public_key(), &other, &signature));
        assert_eq!(checker.verified(), 3);
    }
}
