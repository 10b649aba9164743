//! When to dial again.

use core::time::Duration;

/// Doubling delays with jitter between a lowest and a highest value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) min_ms: u64,
    pub(super) max_ms: u64,
}

impl Backoff {
    /// The delay after `failures` failures in a row. The upper half is random, so that nodes that lost each other
    /// at one moment do not dial each other at one moment.
    pub(super) fn delay(self, failures: u32, random: u64) -> Duration {
        let factor = 1_u64.checked_shl(failures).unwrap_or(u64::MAX);
        let ceiling = self.min_ms.saturating_mul(factor).min(self.max_ms);
        let half = ceiling / 2;
        Duration::from_millis(ceiling - half + random % (half + 1))
    }
}

/// A random number that is good enough to spread delays; keys of the standard hasher are seeded by the system.
pub(super) fn jitter() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}
