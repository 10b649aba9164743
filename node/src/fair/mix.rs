//! Who the chain works for of late, and whether there are light senders among them.
//!
//! Fair turns alone leave a light sender what a flood leaves: his turn comes soon, and then his transaction stands behind everything that was
//! let out before. So a node looks at what was executed, whoever's door it came through: where somebody sends far less than the
//! others do on average, or where so few send almost everything that anybody who came would, what is let out is kept small enough for him
//! (`batcher`). Where many send about alike, nobody is light, and nothing is held back. It is a rule of the node and none of validity.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quancheng_types::AccountId;
use tokio::time::Instant;

/// What is looked at together.
const SPAN: Duration = Duration::from_secs(2);
/// So long after a light sender was seen he is expected again.
const KEPT: Duration = Duration::from_secs(10);
/// A light sender sends less than this part of what the others do on average.
const LIGHT_PART: u64 = 8;
/// Fewer senders than this are few. They are counted by the inverse of Simpson's index (Hill, 1973): as many equal senders would be
/// as uneven.
const FEW: u128 = 8;
/// Accounts told apart in a span; more are counted as one.
const ACCOUNTS_MAX: usize = 8_192;

#[derive(Debug, Default)]
struct Span {
    /// Weight of what each account sent.
    weights: HashMap<AccountId, u64>,
    /// Weight of the accounts that are not told apart.
    rest: u64,
}

impl Span {
    fn add(&mut self, account: AccountId, weight: u64) {
        let is_room = self.weights.len() < ACCOUNTS_MAX;
        match self.weights.get_mut(&account) {
            Some(held) => *held = held.saturating_add(weight),
            None if is_room => {
                self.weights.insert(account, weight);
            }
            None => self.rest = self.rest.saturating_add(weight),
        }
    }

    /// Weight in a span below which a sender is light.
    fn bound(&self) -> u64 {
        let senders = self.weights.len() as u64 + u64::from(self.rest > 0);
        let all = self.weights.values().copied().fold(self.rest, u64::saturating_add);
        all / senders.saturating_mul(LIGHT_PART).max(1)
    }

    /// Whether few send almost everything.
    fn is_few(&self) -> bool {
        let (mut all, mut squares) = (u128::from(self.rest), 0_u128);
        for weight in self.weights.values().copied().map(u128::from) {
            all = all.saturating_add(weight);
            squares = squares.saturating_add(weight.saturating_mul(weight));
        }
        all > 0 && all.saturating_mul(all) < squares.saturating_mul(FEW)
    }
}

#[derive(Debug, Default)]
struct Inner {
    began: Option<Instant>,
    now: Span,
    /// When a light sender was last seen, or few senders.
    seen: Option<Instant>,
}

/// Shared by the executor, which notes, and the batcher, which asks.
#[derive(Debug, Default)]
pub struct Mix {
    inner: Mutex<Inner>,
}

impl Mix {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was executed: the first signer of each transaction with its weight.
    pub(crate) fn note(&self, now: Instant, sent: impl IntoIterator<Item = (AccountId, u64)>) {
        let mut inner = self.lock();
        let began = *inner.began.get_or_insert(now);
        if now.saturating_duration_since(began) >= SPAN {
            inner.turn(now);
        }
        for (account, weight) in sent {
            inner.now.add(account, weight);
        }
    }

    /// Whether somebody sends far less than others, or would if he came.
    pub(crate) fn is_uneven(&self, now: Instant) -> bool {
        self.lock().is_uneven(now)
    }
}

impl Inner {
    fn turn(&mut self, now: Instant) {
        let last = std::mem::take(&mut self.now);
        let bound = last.bound();
        if last.is_few() || last.weights.values().any(|weight| *weight <= bound) {
            self.seen = Some(now);
        }
        self.began = Some(now);
    }

    fn is_uneven(&self, now: Instant) -> bool {
        self.seen.is_some_and(|seen| now.saturating_duration_since(seen) < KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u32) -> AccountId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        AccountId(quancheng_types::Digest(bytes))
    }

    /// Whether a span of these senders is uneven, when the next one begins.
    fn is_uneven(sent: impl IntoIterator<Item = (u32, u64)>) -> bool {
        let (mix, began) = (Mix::default(), Instant::now());
        mix.note(began, sent.into_iter().map(|(number, weight)| (account(number), weight)));
        assert!(!mix.is_uneven(began), "nothing is known before a span is over");
        mix.note(began + SPAN, []);
        mix.is_uneven(began + SPAN)
    }

    #[test]
    fn one_who_sends_far_less_than_the_others_or_few_make_it_uneven() {
        let even = |count: u32| (0..count).map(|number| (number, 50 + u64::from(number % 5) * 50));
        assert!(!is_uneven(even(100)), "all send alike");
        assert!(!is_uneven(even(100).chain([(1_000, 20)])));
        assert!(is_uneven(even(100).chain([(1_000, 18)])));
        assert!(!is_uneven([]), "nobody sends");
        // How many send as much.
        for (senders, is_few) in [(1, true), (7, true), (8, false), (64, false)] {
            assert_eq!(is_uneven((0..senders).map(|number| (number, u64::MAX / 64))), is_few, "{senders}");
        }
    }

    #[test]
    fn a_light_sender_is_expected_for_a_while_and_then_forgotten() {
        let (mix, mut now) = (Mix::default(), Instant::now());
        let even = || (0..100).map(|number| (account(number), 1_000));
        mix.note(now, even().chain([(account(1_000), 1)]));
        now += SPAN;
        let seen = now;
        while now < seen + KEPT {
            mix.note(now, even());
            assert!(mix.is_uneven(now));
            now += SPAN;
        }
        assert!(!mix.is_uneven(now));
    }

    #[test]
    fn the_accounts_of_a_span_are_bounded() {
        let (mix, began) = (Mix::default(), Instant::now());
        mix.note(began, (0..20_000).map(|number| (account(number), 1)));
        assert_eq!(mix.lock().now.weights.len(), ACCOUNTS_MAX);
        assert_eq!(mix.lock().now.rest, 20_000 - ACCOUNTS_MAX as u64);
    }
}
