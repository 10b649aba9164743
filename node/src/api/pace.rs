//! How fast one client address may ask and send.
//!
//! Taking something in costs memory and processors before anybody knows whether it is worth anything: a client that is refused at once can send
//! the next one at once. So what an address asks beyond a rate is left in its sockets for a while, and TCP slows it down. Bytes of bodies
//! count as they are, a request as some more, and a transaction that is refused for a fault of its own as many: its signature was checked, alone,
//! after the check of many at once had failed.
//!
//! Addresses of which much is refused are *suspect*, and wait for one another besides: a hundred of them together cost no more than a few.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fair::ClientAddress;

/// Bytes a second that one address may send in the long run: some 20,000 notarizations.
const RATE: u64 = 8 * 1024 * 1024;
/// What it may send at once after a pause.
const BURST: u64 = 8 * 1024 * 1024;
/// What a request counts beside its body.
const REQUEST_BYTES: u64 = 4 * 1024;
/// What a transaction counts that is refused for a fault of its own.
const REFUSED_BYTES: u64 = 16 * 1024;
/// All suspect addresses together, in the same bytes.
const SUSPECTS_RATE: u64 = 16 * 1024 * 1024;
/// Transactions refused of late that make an address suspect.
const SUSPECT_REFUSED: u64 = 64;
/// So many are forgotten in a second.
const FORGOTTEN_RATE: u64 = 16;
/// Nobody waits longer for one request or one piece of a body.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Addresses that are remembered; while so many send, further ones are not slowed down.
const ADDRESSES_MAX: usize = 4_096;

/// What is owed, and paid off at a rate.
#[derive(Clone, Copy, Debug)]
struct Debt {
    amount: u64,
    at: Instant,
}

impl Debt {
    const fn new(now: Instant) -> Self {
        Self { amount: 0, at: now }
    }

    /// What is left of it now.
    fn left(self, now: Instant, rate: u64) -> u64 {
        let paid = now.saturating_duration_since(self.at).as_millis().saturating_mul(u128::from(rate)) / 1000;
        self.amount.saturating_sub(u64::try_from(paid).unwrap_or(u64::MAX))
    }

    fn add(&mut self, now: Instant, rate: u64, amount: u64) {
        *self = Self { amount: self.left(now, rate).saturating_add(amount), at: now };
    }

    /// How long until no more than a burst is owed.
    fn wait(self, now: Instant, rate: u64, burst: u64) -> Duration {
        let over = self.left(now, rate).saturating_sub(burst);
        Duration::from_millis(over.saturating_mul(1000) / rate).min(WAIT_MAX)
    }
}

/// What one address has done of late.
#[derive(Clone, Copy, Debug)]
struct Account {
    bytes: Debt,
    refused: Debt,
}

impl Account {
    fn is_suspect(&self, now: Instant) -> bool {
        self.refused.left(now, FORGOTTEN_RATE) > SUSPECT_REFUSED
    }

    fn is_settled(&self, now: Instant) -> bool {
        self.bytes.left(now, RATE) == 0 && self.refused.left(now, FORGOTTEN_RATE) == 0
    }
}

#[derive(Debug, Default)]
struct Book {
    accounts: HashMap<ClientAddress, Account>,
    suspects: Option<Debt>,
}

impl Book {
    /// The account of an address; none while too many are remembered.
    fn account(&mut self, client: ClientAddress, now: Instant) -> Option<&mut Account> {
        if self.accounts.len() >= ADDRESSES_MAX && !self.accounts.contains_key(&client) {
            self.accounts.retain(|_, account| !account.is_settled(now));
            if self.accounts.len() >= ADDRESSES_MAX {
                return None;
            }
        }
        Some(self.accounts.entry(client).or_insert(Account { bytes: Debt::new(now), refused: Debt::new(now) }))
    }

    /// Notes so many bytes, and tells how long the address has to wait.
    fn take(&mut self, client: ClientAddress, bytes: u64, now: Instant) -> Duration {
        let Some(account) = self.account(client, now) else {
            return Duration::ZERO;
        };
        account.bytes.add(now, RATE, bytes);
        let (own, is_suspect) = (account.bytes.wait(now, RATE, BURST), account.is_suspect(now));
        let together = self.suspects.filter(|_| is_suspect);
        own.max(together.map_or(Duration::ZERO, |debt| debt.wait(now, SUSPECTS_RATE, 0)))
    }
}

/// What addresses have done of late. Shared by the connections of a door.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    book: Arc<Mutex<Book>>,
}

impl Pace {
    /// Notes bytes of an address (as counted for places), and tells how long no more of it is to be read.
    pub(super) fn take(&self, client: ClientAddress, bytes: usize, now: Instant) -> Duration {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.book.lock().unwrap_or_else(PoisonError::into_inner).take(client, bytes, now)
    }

    /// Notes a request, and tells how long it has to wait.
    pub(super) fn request(&self, client: ClientAddress, now: Instant) -> Duration {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).take(client, REQUEST_BYTES, now)
    }

    /// Notes transactions that were refused for a fault of their own.
    pub(super) fn refused(&self, client: ClientAddress, count: u64, now: Instant) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = book.account(client, now) else {
            return;
        };
        let bytes = count.saturating_mul(REFUSED_BYTES);
        account.bytes.add(now, RATE, bytes);
        account.refused.add(now, FORGOTTEN_RATE, count);
        if account.is_suspect(now) {
            book.suspects.get_or_insert(Debt::new(now)).add(now, SUSPECTS_RATE, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 1024 * 1024;
    const SECOND: Duration = Duration::from_secs(1);

    fn address(number: u32) -> ClientAddress {
        ClientAddress::of(number.to_be_bytes().into())
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
    fn requests_and_what_is_refused_count_too() {
        let (pace, start) = (Pace::default(), Instant::now());
        let (mut now, mut requests) = (start, 0);
        while now < start + 11 * SECOND {
            now += pace.request(address(1), now);
            requests += 1;
        }
        let expected = (11 * RATE + BURST) / REQUEST_BYTES;
        assert!((expected - 50..expected + 50).contains(&requests), "{requests} of {expected}");
        // A few refusals slow nobody down; a thousand at once do, and a burst of good ones does not.
        pace.refused(address(2), 60, now);
        assert_eq!(pace.request(address(2), now), Duration::ZERO);
        pace.refused(address(2), 1_000, now);
        assert!(pace.request(address(2), now) >= SECOND);
        assert_eq!(pace.request(address(3), now), Duration::ZERO);
    }

    #[test]
    fn many_addresses_together_are_refused_no_more_than_a_few() {
        let (pace, start) = (Pace::default(), Instant::now());
        let mut free = vec![start; 100];
        let (mut refused, end) = (0_u64, start + 20 * SECOND);
        let mut now = start;
        while now < end {
            let (at, next) = free.iter().copied().enumerate().min_by_key(|(_, free)| *free).unwrap();
            now = now.max(next);
            let number = u32::try_from(at).unwrap();
            let wait = pace.request(address(number), now);
            if wait.is_zero() {
                pace.refused(address(number), 100, now);
                refused += 100;
            }
            free[at] = now + wait.max(Duration::from_millis(1));
        }
        // Each once before it is suspect, and then all of them at the common rate.
        let most = 100 * 100 + 20 * SUSPECTS_RATE / REFUSED_BYTES + 10_000;
        assert!(refused <= most, "{refused} of {most}");
        assert_eq!(pace.request(address(1_000), now), Duration::ZERO, "who is not suspect does not wait with them");
    }

    #[test]
    fn addresses_are_bounded_and_nobody_waits_for_ever() {
        let (pace, start) = (Pace::default(), Instant::now());
        for number in 0..10_000 {
            pace.take(address(number), 8 * PIECE, start);
        }
        assert_eq!(pace.book.lock().unwrap().accounts.len(), ADDRESSES_MAX);
        pace.take(address(20_000), PIECE, start + 60 * SECOND);
        assert_eq!(pace.book.lock().unwrap().accounts.len(), 1, "those that owe nothing are forgotten");
        pace.refused(address(1), u64::MAX, start);
        assert_eq!(pace.request(address(1), start), WAIT_MAX);
    }
}
