//! Who verifies signatures.
//!
//! The voting core asks about every signature, our own and those of its own certificates included, one by one. A checker
//! answers from memory what was verified before: ahead and in parallel by the shell, or once for a whole simulated
//! network.

use std::collections::{BTreeSet, VecDeque};

use quancheng_types::hash::sha256;
use quancheng_types::{Digest, PublicKey, Signature, codec};

use crate::limits::VERIFIED_SIGNATURES_MAX;

/// Verifies signatures and remembers what verified.
pub trait SignatureChecker: Send {
    /// Whether `signature` is one of `key` over the 32 bytes of `message`.
    fn check(&mut self, key: &PublicKey, message: &Digest, signature: &Signature) -> bool;

    /// Takes note that this signature was verified elsewhere, or was made by this node itself.
    fn remember(&mut self, key: &PublicKey, message: &Digest, signature: &Signature);
}

/// The checker of a node: the signature rule of `quancheng_types::keys`, with the latest
/// [`VERIFIED_SIGNATURES_MAX`] good signatures in memory. Bad ones are not remembered: a flood of them must not push
/// good ones out.
#[derive(Debug, Default)]
pub struct CachedChecker {
    verified: BTreeSet<Digest>,
    order: VecDeque<Digest>,
}

impl CachedChecker {
    /// A checker with an empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn name(key: &PublicKey, message: &Digest, signature: &Signature) -> Digest {
        sha256(&[b"quancheng/verified/1", &codec::encode(key), message.as_bytes(), &codec::encode(signature)])
    }

    fn insert(&mut self, name: Digest) {
        if self.verified.insert(name) {
            self.order.push_back(name);
            if self.order.len() > VERIFIED_SIGNATURES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.verified.remove(&oldest);
            }
        }
    }
}

impl SignatureChecker for CachedChecker {
    fn check(&mut self, key: &PublicKey, message: &Digest, signature: &Signature) -> bool {
        let name = Self::name(key, message, signature);
        if self.verified.contains(&name) {
            return true;
        }
        let good = key.verify(message.as_bytes(), signature).is_ok();
        if good {
            self.insert(name);
        }
        good
    }

    fn remember(&mut self, key: &PublicKey, message: &Digest, signature: &Signature) {
        self.insert(Self::name(key, message, signature));
    }
}
