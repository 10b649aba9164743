//! Who sends of late, and whether there are light senders among them.
//!
//! Fair turns alone leave a light sender what a flood leaves: his turn comes soon, and then his transaction stands behind everything that was
//! let out before. So a node looks at the accounts of what was executed, whoever's door it came through, and at the client addresses at its own door. Where
//! somebody sends far less than a few others do on average, what is let out is kept small enough for him (`batcher`); and the line is short where so few accounts
//! send almost everything that anybody who came would be light. Of a crowd nothing is held back: beside it a light sender has his lane. It is a rule of
//! the node and none of validity.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is looked at together.
const SPAN: Duration = Duration::from_secs(2);
/// So long after a light sender was seen beside others he is expected again.
const KEPT: Duration = Duration::from_secs(10);
/// The same for one who has just come beside few, as long as nobody knows whether he stays light.
const KEPT_NEW: Duration = Duration::from_secs(4);
/// So long it counts that few sent.
const FEW_KEPT: Duration = Duration::from_secs(10);
/// A light sender sends less than this part of what the others do on average.
const LIGHT_PART: u64 = 8;
/// Fewer senders than this are few. They are counted by the inverse of Simpson's index (Hill, 1973): as many equal senders would be
/// as uneven.
const FEW: u128 = 8;
/// So many or more are a crowd: nothing of it is held back for a light sender, who has his lane (`batcher::line`). Beside a crowd that is served in turns somebody always
/// looks light, and holding back would make itself necessary.
const CROWD: u128 = 16;
/// Senders told apart in a span; more are counted as one.
const SENDERS_MAX: usize = 8_192;

/// What the senders are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// Many that send about alike, or nobody.
    Even,
    /// So few that one who came would be light.
    Few,
    /// There are light ones beside others.
    Uneven,
}

#[derive(Debug)]
struct Span<K> {
    /// Weight of what each sender sent.
    weights: HashMap<K, u64>,
    /// Weight of the senders that are not told apart.
    rest: u64,
}

impl<K> Default for Span<K> {
    fn default() -> Self {
        Self { weights: HashMap::new(), rest: 0 }
    }
}

impl<K: Eq + Hash> Span<K> {
    /// Adds to a sender, and tells what he has sent.
    fn add(&mut self, sender: K, weight: u64) -> u64 {
        let is_room = self.weights.len() < SENDERS_MAX;
        match self.weights.get_mut(&sender) {
            Some(held) => {
                *held = held.saturating_add(weight);
                *held
            }
            None if is_room => {
                self.weights.insert(sender, weight);
                weight
            }
            None => {
                self.rest = self.rest.saturating_add(weight);
                self.rest
            }
        }
    }

    fn of(&self, sender: &K) -> u64 {
        self.weights.get(sender).copied().unwrap_or(0)
    }

    /// Weight in a span below which a sender is light.
    fn bound(&self) -> u64 {
        let senders = self.weights.len() as u64 + u64::from(self.rest > 0);
        let all = self.weights.values().copied().fold(self.rest, u64::saturating_add);
        all / senders.saturating_mul(LIGHT_PART).max(1)
    }

    /// Whether fewer than so many send almost everything.
    fn is_below(&self, senders: u128) -> bool {
        let (mut all, mut squares) = (u128::from(self.rest), 0_u128);
        for weight in self.weights.values().copied().map(u128::from) {
            all = all.saturating_add(weight);
            squares = squares.saturating_add(weight.saturating_mul(weight));
        }
        all > 0 && all.saturating_mul(all) < squares.saturating_mul(senders)
    }
}

#[derive(Debug)]
struct Inner<K> {
    began: Option<Instant>,
    now: Span<K>,
    last: Span<K>,
    /// Until when light senders are expected, and few ones.
    uneven_until: Option<Instant>,
    few_until: Option<Instant>,
}

/// Shared by who notes and who asks.
#[derive(Debug)]
pub struct Mix<K> {
    inner: Mutex<Inner<K>>,
}

impl<K> Default for Mix<K> {
    fn default() -> Self {
        let (now, last) = (Span::default(), Span::default());
        Self { inner: Mutex::new(Inner { began: None, now, last, uneven_until: None, few_until: None }) }
    }
}

impl<K: Eq + Hash> Mix<K> {
    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was sent: each sender with a weight.
    pub(crate) fn note(&self, now: Instant, sent: impl IntoIterator<Item = (K, u64)>) {
        let mut inner = self.lock();
        let began = *inner.began.get_or_insert(now);
        if now.saturating_duration_since(began) >= SPAN {
            inner.turn(now);
        }
        // Beside many who send in bursts, one who begins a burst would look like a light one.
        let bound = if inner.last.is_below(FEW) { inner.last.bound() } else { 0 };
        for (sender, weight) in sent {
            let before = inner.last.of(&sender);
            let all = inner.now.add(sender, weight).saturating_add(before);
            if all <= bound {
                // Who comes beside few need not wait for the end of the span.
                inner.uneven_until = inner.uneven_until.max(Some(now + KEPT_NEW));
            }
        }
    }

    /// What those are like who sent of late.
    pub(crate) fn company(&self, now: Instant) -> Company {
        let inner = self.lock();
        let is_before = |until: Option<Instant>| until.is_some_and(|until| now < until);
        if is_before(inner.uneven_until) {
            Company::Uneven
        } else if is_before(inner.few_until) {
            Company::Few
        } else {
            Company::Even
        }
    }
}

impl<K: Eq + Hash> Inner<K> {
    fn turn(&mut self, now: Instant) {
        self.last = std::mem::take(&mut self.now);
        let bound = self.last.bound();
        if !self.last.is_below(CROWD) {
            if bound > 0 {
                (self.uneven_until, self.few_until) = (None, None);
            }
        } else if self.last.weights.values().any(|weight| *weight <= bound) {
            self.uneven_until = Some(now + KEPT);
        }
        if self.last.is_below(FEW) {
            self.few_until = Some(now + FEW_KEPT);
        }
        self.began = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::AccountId;

    use super::*;

    fn account(number: u32) -> AccountId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        AccountId(quancheng_types::Digest(bytes))
    }

    /// What a span of these senders is, when the next one begins.
    fn company(sent: impl IntoIterator<Item = (u32, u64)>) -> Company {
        let (mix, began) = (Mix::default(), Instant::now());
        mix.note(began, sent.into_iter().map(|(number, weight)| (account(number), weight)));
        assert_eq!(mix.company(began), Company::Even, "nothing is known before a span is over");
        mix.note(began + SPAN, []);
        mix.company(began + SPAN)
    }

    #[test]
    fn one_who_sends_far_less_than_the_others_or_few_make_it_uneven() {
        let even = |count: u32| (0..count).map(|number| (number, 150));
        assert_eq!(company(even(100)), Company::Even, "all send alike");
        assert_eq!(company(even(12).chain([(1_000, 20)])), Company::Even);
        assert_eq!(company(even(12).chain([(1_000, 16)])), Company::Uneven);
        assert_eq!(company(even(100).chain([(1_000, 1)])), Company::Even, "beside a crowd nothing is held back");
        assert_eq!(company([]), Company::Even, "nobody sends");
        assert_eq!(company([(1, 10_000), (2, 10)]), Company::Uneven, "a light one beside a single other");
        // How many send as much.
        for (senders, expected) in [(1, Company::Few), (7, Company::Few), (8, Company::Even), (64, Company::Even)] {
            assert_eq!(company((0..senders).map(|number| (number, u64::MAX / 64))), expected, "{senders}");
        }
    }

    #[test]
    fn a_light_sender_is_seen_at_once_expected_for_a_while_and_then_forgotten() {
        let (mix, mut now) = (Mix::default(), Instant::now());
        let even = || (0..10).map(|number| (account(number), 1_000));
        let crowd = || (0..100).map(|number| (account(number), 1_000));
        let flood = || [(account(1), 100_000)];
        mix.note(now, flood());
        now += SPAN;
        mix.note(now, [(account(1), 10)]);
        assert_eq!(
            mix.company(now),
            Company::Few,
            "who sent much in the last span is not light at the beginning of this one"
        );
        mix.note(now, flood());
        mix.note(now, [(account(1_000), 1)]);
        assert_eq!(mix.company(now), Company::Uneven, "beside few he need not wait for the end of the span");
        now += SPAN;
        let seen = now;
        while now < seen + KEPT {
            mix.note(now, even());
            assert_eq!(mix.company(now), Company::Uneven);
            now += SPAN;
        }
        assert_eq!(mix.company(now), Company::Even);
        // A crowd ends it at once.
        mix.note(now, flood());
        mix.note(now, [(account(1_000), 1)]);
        now += SPAN;
        mix.note(now, crowd());
        assert_eq!(mix.company(now), Company::Uneven);
        now += SPAN;
        mix.note(now, crowd());
        assert_eq!(mix.company(now), Company::Even);
    }

    #[test]
    fn the_senders_of_a_span_are_bounded() {
        let (mix, began) = (Mix::default(), Instant::now());
        mix.note(began, (0..20_000).map(|number| (account(number), 1)));
        assert_eq!(mix.lock().now.weights.len(), SENDERS_MAX);
        assert_eq!(mix.lock().now.rest, 20_000 - SENDERS_MAX as u64);
    }
}
