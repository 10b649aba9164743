//! How much of its own a validator keeps in flight: as much as keeps the chain busy, and no more.
//!
//! What is sealed is in line with everything else that is sealed; what waits at the door takes fair turns. So whatever is in flight
//! beyond need delays whoever comes next, and a flood would delay everybody by as much as the chain allows in flight (more than a
//! second). How much is needed depends on the network and on the machines, so it is measured, as TCP Vegas does (Brakmo and Peterson, 1995): a
//! batch takes some time from sealing to its place in the order when nothing is in its way, and longer when it waits. While own
//! batches wait no longer than [`QUEUE_MS`] more work is let out, else less. Throughput wants a long line and a light sender
//! ([`crate::fair::Mix`]) a short one, so the line is short while there is one ([`Aim`]).

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Lane;
use crate::fair::TURN_WEIGHT;

/// Time in line that is aimed at, ms.
const QUEUE_MS: u64 = 150;
/// The same while there are light senders.
const SHORT_QUEUE_MS: u64 = 5;
/// How long the shortest time is remembered: it may grow when the network changes.
const SHORTEST_KEPT: Duration = Duration::from_secs(10);
/// The window is not smaller than this part of what the chain allows.
const LEAST_PART: u64 = 2;
/// The same while there are light senders: one or two notarizations.
const SHORT_LEAST: u64 = TURN_WEIGHT / 12;
/// Then it is not larger than this part.
const SHORT_MOST_PART: u64 = 8;
/// Parts by which it grows and shrinks.
const STEP_PART: u64 = 8;
/// By which it shrinks while there are light senders: each step is the latency of one of them.
const SHORT_STEP_PART: u64 = 2;

/// What the window is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// As much as the chain can do: all who send are alike.
    Throughput,
    /// That nobody waits long: there are light senders beside others.
    ShortLine,
}

impl Aim {
    /// The longest time that is not late, when this is the shortest of late. A batch waits for the next height besides, from nothing to
    /// most of the shortest time.
    fn longest(self, shortest: Duration) -> Duration {
        match self {
            Self::Throughput => shortest + Duration::from_millis(QUEUE_MS),
            Self::ShortLine => shortest + shortest / 4 + Duration::from_millis(SHORT_QUEUE_MS),
        }
    }

    /// A window within its bounds; `greatest` is what the chain allows.
    fn bounded(self, window: u64, greatest: u64) -> u64 {
        let (least, most) = match self {
            Self::Throughput => (greatest / LEAST_PART, greatest),
            Self::ShortLine => (SHORT_LEAST, greatest / SHORT_MOST_PART),
        };
        window.clamp(least.min(most), most)
    }

    /// What it shrinks by.
    fn step(self, window: u64) -> u64 {
        window
            / match self {
                Self::Throughput => STEP_PART,
                Self::ShortLine => SHORT_STEP_PART,
            }
    }
}

/// A batch on its way.
#[derive(Clone, Copy, Debug)]
struct Sealed {
    at: Instant,
    weight: u64,
    lane: Lane,
}

/// Own batches in flight, and the weight that they may have together. Those of the lane of light senders are counted apart: they use nothing of
/// the window and say nothing about it.
#[derive(Debug)]
pub(crate) struct Window {
    limit: u64,
    /// Oldest first.
    sealed: VecDeque<Sealed>,
    /// Those that were in flight at the start: when they were sealed is not known.
    before: u64,
    /// Own batches that were ordered, as far as it is noted.
    ordered: u64,
    /// Shortest times of this span and the one before.
    shortest: [Option<Duration>; 2],
    span_began: Instant,
    /// Nothing is decided on batches sealed before this.
    changed: Instant,
}

impl Window {
    /// With so many of an earlier process in flight.
    pub(crate) fn new(now: Instant, before: usize) -> Self {
        Self {
            limit: u64::MAX,
            sealed: VecDeque::new(),
            before: u64::try_from(before).unwrap_or(u64::MAX),
            ordered: 0,
            shortest: [None; 2],
            span_began: now,
            changed: now,
        }
    }

    /// Notes a batch that is sealed now.
    pub(crate) fn seal(&mut self, now: Instant, weight: u64, lane: Lane) {
        self.sealed.push_back(Sealed { at: now, weight, lane });
    }

    /// Number and weight of the batches of light senders alone that are on their way.
    pub(crate) fn light(&self) -> (usize, u64) {
        let light = self.sealed.iter().filter(|sealed| sealed.lane == Lane::Light);
        light.fold((0, 0), |(count, weight), sealed| (count + 1, sealed.weight.saturating_add(weight)))
    }

    /// Notes that so many own batches were ordered since the start; `greatest` is what the chain allows in flight, and `is_full` says
    /// whether more would be in flight if it were allowed.
    pub(crate) fn ordered(&mut self, now: Instant, aim: Aim, ordered: u64, greatest: u64, is_full: bool) {
        self.limit = aim.bounded(self.limit, greatest);
        let mut newest = None;
        while self.ordered < ordered {
            self.ordered += 1;
            if self.before > 0 {
                self.before -= 1;
            } else if let Some(Sealed { at, lane: Lane::All, .. }) = self.sealed.pop_front() {
                let took = now.saturating_duration_since(at);
                self.note_time(now, took);
                newest = Some((at, took));
            }
        }
        let Some((sealed, took)) = newest else {
            return;
        };
        let shortest = self.shortest.iter().flatten().min().copied().unwrap_or(took);
        let is_late = took > aim.longest(shortest);
        if is_late && sealed >= self.changed {
            self.limit = aim.bounded(self.limit - aim.step(self.limit), greatest);
            // What is in flight was let out under the old limit.
            self.changed = now;
        } else if !is_late && is_full {
            self.limit = aim.bounded(self.limit.saturating_add((self.limit / STEP_PART).max(1)), greatest);
        }
    }

    fn note_time(&mut self, now: Instant, took: Duration) {
        if now.saturating_duration_since(self.span_began) >= SHORTEST_KEPT {
            self.shortest = [None, self.shortest[0]];
            self.span_began = now;
        }
        self.shortest[0] = Some(self.shortest[0].map_or(took, |shortest| shortest.min(took)));
    }

    /// Weight that own batches in flight may have together, of what the chain allows.
    pub(crate) fn limit(&self, aim: Aim, greatest: u64) -> u64 {
        aim.bounded(self.limit, greatest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREATEST: u64 = 40_000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A chain that orders one batch each `service_ms`, and takes 20 ms besides.
    fn run(window: &mut Window, aim: Aim, now: &mut Instant, service_ms: u64, batches: u64) {
        let (mut waiting, mut done): (VecDeque<(Instant, u64)>, _) = (VecDeque::new(), window.ordered);
        for _ in 0..batches {
            let weight = 1_000;
            while (waiting.len() as u64 + 1) * weight <= window.limit(aim, GREATEST) || waiting.is_empty() {
                window.seal(*now, weight, Lane::All);
                waiting.push_back((*now, weight));
            }
            *now += ms(service_ms);
            let (sealed, _) = waiting[0];
            if now.saturating_duration_since(sealed) < ms(20) {
                *now = sealed + ms(20);
            }
            waiting.pop_front();
            done += 1;
            window.ordered(*now, aim, done, GREATEST, true);
        }
        window.sealed.clear();
    }

    #[test]
    fn what_waits_in_line_is_bounded_in_time_and_a_fast_chain_is_kept_busy() {
        let mut now = Instant::now();
        let mut window = Window::new(now, 0);
        assert_eq!(window.limit(Aim::Throughput, GREATEST), GREATEST);
        run(&mut window, Aim::Throughput, &mut now, 10, 400);
        let slow = window.limit(Aim::Throughput, GREATEST);
        assert_eq!(slow, GREATEST / LEAST_PART);
        run(&mut window, Aim::Throughput, &mut now, 1, 4_000);
        let fast = window.limit(Aim::Throughput, GREATEST);
        assert!(fast > GREATEST * 3 / 4, "{fast}");
    }

    /// A chain that does thirty batches a second holds two or three of them at a time for a light sender, and is let out again without him.
    #[test]
    fn the_line_is_short_for_a_light_sender() {
        let mut now = Instant::now();
        let mut window = Window::new(now, 0);
        run(&mut window, Aim::ShortLine, &mut now, 30, 400);
        assert!(window.limit(Aim::ShortLine, GREATEST) < GREATEST / 8, "{window:?}");
        assert_eq!(window.limit(Aim::ShortLine, 400), 50, "a part of a small bound");
        assert_eq!(window.limit(Aim::Throughput, GREATEST), GREATEST / LEAST_PART);
    }

    #[test]
    fn the_limit_keeps_its_bounds_and_those_of_before_are_not_measured() {
        let mut now = Instant::now();
        let mut window = Window::new(now, 3);
        window.ordered(now, Aim::Throughput, 3, GREATEST, true);
        assert_eq!(window.limit(Aim::Throughput, GREATEST), GREATEST);
        for ordered in 4..200 {
            window.seal(now, 1, Lane::All);
            now += ms(1_000 * (ordered % 2));
            window.ordered(now, Aim::Throughput, ordered, GREATEST, true);
        }
        assert_eq!(window.limit(Aim::Throughput, GREATEST), GREATEST / LEAST_PART);
        assert_eq!(window.limit(Aim::Throughput, 64), 64.min(window.limit(Aim::Throughput, 64)));
        // Nobody asks for more: nothing changes.
        let before = window.limit(Aim::Throughput, GREATEST);
        window.seal(now, 1, Lane::All);
        window.ordered(now, Aim::Throughput, 200, GREATEST, false);
        assert_eq!(window.limit(Aim::Throughput, GREATEST), before);
    }

    #[test]
    fn batches_of_light_senders_are_counted_apart_and_say_nothing_about_the_window() {
        let mut now = Instant::now();
        let mut window = Window::new(now, 0);
        window.ordered(now, Aim::Throughput, 0, GREATEST, true);
        for (weight, lane) in [(100, Lane::Light), (7_000, Lane::All), (50, Lane::Light)] {
            window.seal(now, weight, lane);
        }
        assert_eq!(window.light(), (2, 150));
        let before = window.limit(Aim::Throughput, GREATEST);
        now += ms(5_000);
        window.ordered(now, Aim::Throughput, 1, GREATEST, true);
        assert_eq!((window.light(), window.limit(Aim::Throughput, GREATEST)), ((1, 50), before));
        assert!(window.shortest.iter().all(Option::is_none));
        window.ordered(now, Aim::Throughput, 3, GREATEST, true);
        assert_eq!(window.light(), (0, 0));
        assert_eq!(window.shortest[0], Some(ms(5_000)));
    }
}
