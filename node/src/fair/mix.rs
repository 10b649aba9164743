//! Who the chain works for of late, and who of them is a light sender.
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
const SPAN: Duration = Duration::from_secs(1);
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
    /// The last full span.
    last: Span,
    /// Its bound.
    bound: u64,
    /// When a light sender was last seen, or few senders.
    seen: Option<Instant>,
}

/// Shared by the executor, which notes, and the batcher and its line, which ask.
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

    /// Whether this account is a light sender: others send much, and it does not.
    pub(crate) fn is_light(&self, now: Instant, account: &AccountId) -> bool {
        let inner = self.lock();
        let weight_in = |span: &Span| span.weights.get(account).copied().unwrap_or(0);
        inner.is_uneven(now) && weight_in(&inner.last).max(weight_in(&inner.now)) <= inner.bound
    }
}

impl Inner {
    fn turn(&mut self, now: Instant) {
        self.last = std::mem::take(&mut self.now);
        self.bound = self.last.bound();
        if self.last.is_few() || self.last.weights.values().any(|weight| *weight <= self.bound) {
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

    #[test]
    fn whoever_sends_far_less_than_the_others_is_light() {
        let (mix, began) = (Mix::default(), Instant::now());
        mix.note(began, [(account(1), 100_000), (account(2), 500)]);
        assert!(!mix.is_uneven(began), "nothing is known before a span is over");
        let later = began + SPAN;
        mix.note(later, [(account(1), 100_000)]);
        assert!(mix.is_uneven(later));
        assert!(mix.is_light(later, &account(2)));
        assert!(mix.is_light(later, &account(3)), "who was not seen sends nothing");
        assert!(!mix.is_light(later, &account(1)));
        // He begins to send as much: known before the span is over.
        mix.note(later, [(account(2), 100_000)]);
        assert!(!mix.is_light(later, &account(2)));
    }

    #[test]
    fn where_all_send_alike_nobody_is_light() {
        let (mix, began) = (Mix::default(), Instant::now());
        for number in 0..100 {
            mix.note(began, [(account(number), 50 + u64::from(number % 5) * 50)]);
        }
        mix.note(began + SPAN, []);
        assert!(!mix.is_uneven(began + SPAN));
        assert!(!mix.is_light(began + SPAN, &account(1_000)));
    }

    #[test]
    fn beside_few_senders_anybody_is_light() {
        // How many send, how much each; whether anybody else is light.
        for (senders, is_few) in [(1, true), (7, true), (8, false), (64, false)] {
            let (mix, began) = (Mix::default(), Instant::now());
            mix.note(began, (0..senders).map(|number| (account(number), u64::MAX / 64)));
            mix.note(began + SPAN, []);
            assert_eq!(mix.is_uneven(began + SPAN), is_few, "{senders}");
            assert_eq!(mix.is_light(began + SPAN, &account(1_000)), is_few, "{senders}");
            assert!(!mix.is_light(began + SPAN, &account(0)), "{senders}");
        }
        let (mix, began) = (Mix::default(), Instant::now());
        mix.note(began, []);
        mix.note(began + SPAN, []);
        assert!(!mix.is_uneven(began + SPAN), "nobody sends");
    }

    #[test]
    fn a_light_sender_is_expected_for_a_while_and_then_forgotten() {
        let (mix, mut now) = (Mix::default(), Instant::now());
        mix.note(now, [(account(1), 100_000), (account(2), 1)]);
        now += SPAN;
        mix.note(now, [(account(1), 100_000)]);
        let seen = now;
        while now < seen + KEPT {
            assert!(mix.is_light(now, &account(2)));
            now += SPAN;
            mix.note(now, [(account(1), 100_000)]);
        }
        assert!(!mix.is_uneven(now) && !mix.is_light(now, &account(2)));
    }

    #[test]
    fn the_accounts_of_a_span_are_bounded() {
        let (mix, began) = (Mix::default(), Instant::now());
        mix.note(began, (0..20_000).map(|number| (account(number), 1)));
        assert_eq!(mix.lock().now.weights.len(), ACCOUNTS_MAX);
        assert_eq!(mix.lock().now.rest, 20_000 - ACCOUNTS_MAX as u64);
    }
}
