//! How fast one client address may send bodies.
//!
//! Taking a body in costs memory and processors before anybody knows whether it is worth anything: a client that is refused at once can send the
//! next one at once. So what an address sends beyond a rate is left in its sockets for a while, and TCP slows it down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes a second that one address may send in the long run: some 20,000 notarizations.
const RATE: u64 = 8 * 1024 * 1024;
/// What it may send at once after a pause.
const BURST: u64 = 8 * 1024 * 1024;
/// Addresses that are remembered; while so many send, further ones are not slowed down.
const ADDRESSES_MAX: usize = 4_096;

#[derive(Clone, Copy, Debug)]
struct Debt {
    bytes: u64,
    at: Instant,
}

impl Debt {
    /// What is left of it now.
    fn left(self, now: Instant) -> u64 {
        let paid = now.saturating_duration_since(self.at).as_millis().saturating_mul(u128::from(RATE)) / 1000;
        self.bytes.saturating_sub(u64::try_from(paid).unwrap_or(u64::MAX))
    }
}

/// What addresses have sent of late. Shared by the connections of a door.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    debts: Arc<Mutex<HashMap<IpAddr, Debt>>>,
}

impl Pace {
    /// Notes bytes of an address (as counted for places), and tells how long no more of it is to be read.
    pub(super) fn take(&self, origin: IpAddr, bytes: usize, now: Instant) -> Duration {
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        if debts.len() >= ADDRESSES_MAX && !debts.contains_key(&origin) {
            debts.retain(|_, debt| debt.left(now) > 0);
            if debts.len() >= ADDRESSES_MAX {
                return Duration::ZERO;
            }
        }
        let debt = debts.entry(origin).or_insert(Debt { bytes: 0, at: now });
        let bytes = debt.left(now).saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        *debt = Debt { bytes, at: now };
        Duration::from_millis(bytes.saturating_sub(BURST).saturating_mul(1000) / RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 1024 * 1024;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn an_address_sends_so_much_at_once_and_then_at_the_rate() {
        let (pace, start) = (Pace::default(), Instant::now());
        let mut now = start;
        for _ in 0..40 {
            now += pace.take(address(1), PIECE, now);
        }
        let expected = Duration::from_secs(40 * PIECE as u64 / RATE) - Duration::from_secs(BURST / RATE);
        assert!(now - start >= expected - Duration::from_millis(40) && now - start <= expected, "{:?}", now - start);
        assert_eq!(pace.take(address(2), PIECE, now), Duration::ZERO, "another address is not slowed down");
        now += Duration::from_secs(10);
        assert_eq!(pace.take(address(1), 8 * PIECE, now), Duration::ZERO, "a pause pays");
        assert_eq!(pace.take(address(1), PIECE, now), Duration::from_millis(125));
    }

    #[test]
    fn addresses_are_bounded() {
        let (pace, start) = (Pace::default(), Instant::now());
        for number in 0..10_000 {
            pace.take(address(number), 8 * PIECE, start);
        }
        assert_eq!(pace.debts.lock().unwrap().len(), ADDRESSES_MAX);
        pace.take(address(20_000), PIECE, start + Duration::from_secs(60));
        assert_eq!(pace.debts.lock().unwrap().len(), 1, "those that owe nothing are forgotten");
    }
}
