//! How much of its own a validator keeps in flight: as much as keeps the chain busy, and no more.
//!
//! What is sealed is in line with everything else that is sealed; what waits at the door takes fair turns. So whatever is in flight
//! beyond need delays whoever comes next, and a flood would delay everybody by as much as the chain allows in flight (more than a
//! second). How much is needed depends on the network and on the machines, so it is measured, as TCP Vegas does (Brakmo and Peterson, 1995): a
//! batch takes some time from sealing to its place in the order when nothing is in its way, and longer when it waits. While own
//! batches wait no longer than [`QUEUE_MS`] more work is let out, else less.
//!
//! Throughput wants a long line and a light sender ([`crate::fair::Senders`]) a free road ([`Aim`]). What costs him time beside a flood is not its transactions
//! but the heights that order them: each small batch makes two or three, and while one is being decided he waits for the next. So for him the
//! others come seldom, and then with more: one batch at a time leaves, and after it they rest, longer where a batch takes long, where
//! many seal, and after a heavier one. Where nobody is light nobody rests.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Lane;
use crate::fair::{Company, TURN_WEIGHT};

/// Time in line that is aimed at, ms.
const QUEUE_MS: u64 = 150;
/// The same where few send, none of them light: who comes then meets a short line.
const QUEUE_FEW_MS: u64 = 40;
/// How long the shortest time is remembered: it may grow when the network changes.
const SHORTEST_KEPT: Duration = Duration::from_secs(10);
/// The window is not smaller than this part of what the chain allows.
const LEAST_PART: u64 = 2;
/// The same where few send.
const LEAST_PART_FEW: u64 = 16;
/// Parts by which it grows and shrinks.
const STEP_PART: u64 = 8;
/// Where a batch takes more than so many times the shortest time of late, the chain is busy: batches gather what comes.
const BUSY_PART: u32 = 2;
/// Longest time that a batch gathers what comes while another one is on its way.
pub(super) const GATHER_MAX: Duration = Duration::from_millis(200);
/// With light senders beside them: weight of one batch of the others, about forty notarizations.
const ROAD_WEIGHT: u64 = 2 * TURN_WEIGHT;
/// How long the others rest after it, at least: so many times as long as it took.
const REST_PART: u32 = 3;
/// And so many times the shortest time of late for each validator there is: all of them seal.
const REST_EACH_PART: u32 = 4;
/// But for each of them no longer than this.
const REST_EACH_MAX: Duration = Duration::from_millis(100);
/// Nobody rests longer.
const REST_MAX: Duration = Duration::from_secs(3);

/// What the chain allows, and what it asks of the window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Weight that may be in flight.
    pub(crate) greatest: u64,
    /// Whether more would be in flight if it were allowed.
    pub(crate) is_full: bool,
    /// Validators in force.
    pub(crate) validators: u32,
}

impl Bounds {
    /// How long nothing follows a batch of this weight that took so long, where others took `shortest`.
    fn rest(&self, took: Duration, shortest: Duration, weight: u64) -> Duration {
        let parts = u32::try_from(weight / ROAD_WEIGHT).unwrap_or(u32::MAX).max(1);
        let each = shortest.saturating_mul(REST_EACH_PART).min(REST_EACH_MAX);
        let rest = took.saturating_mul(REST_PART).max(each.saturating_mul(self.validators));
        rest.saturating_mul(parts).min(REST_MAX)
    }
}

/// What the window is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// As much as the chain can do: all who send are alike.
    Throughput,
    /// As much, with a shorter line: few send, and somebody may come.
    Few,
    /// That nobody waits long: there are light senders beside others.
    FreeRoad,
}

impl Aim {
    /// Beside such accounts in what was executed, and such addresses at the own door. One address may be that of a proxy or of a bulk sender, so few addresses mean nothing.
    pub(crate) fn beside(accounts: Company, addresses: Company) -> Self {
        match (accounts, addresses) {
            (Company::Uneven, _) | (_, Company::Uneven) => Self::FreeRoad,
            (Company::Few, Company::Even | Company::Few) => Self::Few,
            (Company::Even, Company::Even | Company::Few) => Self::Throughput,
        }
    }

    /// Time in line that is aimed at.
    const fn queue(self) -> Duration {
        Duration::from_millis(match self {
            Self::Throughput | Self::FreeRoad => QUEUE_MS,
            Self::Few => QUEUE_FEW_MS,
        })
    }

    /// A window within its bounds; `greatest` is what the chain allows.
    fn bounded(self, window: u64, greatest: u64) -> u64 {
        let least = match self {
            Self::Throughput | Self::FreeRoad => LEAST_PART,
            Self::Few => LEAST_PART_FEW,
        };
        window.clamp((greatest / least).min(greatest), greatest)
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
    /// With light senders beside them the others seal nothing before this.
    rest_until: Instant,
    /// Whether the newest one waited on its way.
    is_busy: bool,
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
            rest_until: now,
            is_busy: false,
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

    /// Notes that so many own batches were ordered since the start.
    pub(crate) fn ordered(&mut self, now: Instant, aim: Aim, ordered: u64, bounds: &Bounds) {
        let greatest = bounds.greatest;
        self.limit = aim.bounded(self.limit, greatest);
        let mut newest = None;
        while self.ordered < ordered {
            self.ordered += 1;
            if self.before > 0 {
                self.before -= 1;
            } else if let Some(Sealed { at, lane: Lane::All, weight }) = self.sealed.pop_front() {
                let took = now.saturating_duration_since(at);
                self.note_time(now, took);
                self.is_busy = took > self.shortest(took).saturating_mul(BUSY_PART);
                self.rest_until = now + bounds.rest(took, self.shortest(took), weight);
                newest = Some((at, took));
            }
        }
        let Some((sealed, took)) = newest.filter(|_| aim != Aim::FreeRoad) else {
            return;
        };
        let is_late = took > self.shortest(took) + aim.queue();
        if is_late && sealed >= self.changed {
            self.limit = aim.bounded(self.limit - self.limit / STEP_PART, greatest);
            // What is in flight was let out under the old limit.
            self.changed = now;
        } else if !is_late && bounds.is_full {
            self.limit = aim.bounded(self.limit.saturating_add((self.limit / STEP_PART).max(1)), greatest);
        }
    }

    /// The shortest time of late, where one that took so long has just come.
    fn shortest(&self, took: Duration) -> Duration {
        self.shortest.iter().flatten().min().copied().unwrap_or(took)
    }

    fn note_time(&mut self, now: Instant, took: Duration) {
        if now.saturating_duration_since(self.span_began) >= SHORTEST_KEPT {
            self.shortest = [None, self.shortest[0]];
            self.span_began = now;
        }
        self.shortest[0] = Some(self.shortest[0].map_or(took, |shortest| shortest.min(took)));
    }

    /// Weight that own batches in flight may have together, of what the chain allows. A single one may always be heavier.
    pub(crate) fn limit(&self, aim: Aim, greatest: u64) -> u64 {
        if aim == Aim::FreeRoad { 0 } else { aim.bounded(self.limit, greatest) }
    }

    /// Weight of one batch, at most. Where nobody rests, two at least fit, so that one is on its way while the other one fills.
    pub(crate) fn batch_weight(&self, aim: Aim, greatest: u64) -> u64 {
        if aim == Aim::FreeRoad { ROAD_WEIGHT } else { (aim.bounded(self.limit, greatest) / 2).max(1) }
    }

    /// Whether what comes is gathered as long as another batch is on its way (Nagle, RFC 896, for batches). Each batch costs every validator a check, a sync and
    /// an answer, whatever is in it: on a busy chain small ones took a quarter of what it could do, and on an idle one they are what makes it quick.
    pub(crate) fn gathers(&self, aim: Aim) -> bool {
        aim != Aim::FreeRoad && self.is_busy && self.sealed.iter().any(|sealed| sealed.lane == Lane::All)
    }

    /// Before this nothing is sealed but for light senders.
    pub(crate) fn rest_until(&self, aim: Aim) -> Option<Instant> {
        (aim == Aim::FreeRoad).then_some(self.rest_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREATEST: u64 = 40_000;
    const BOUNDS: Bounds = Bounds { greatest: GREATEST, is_full: true, validators: 4 };

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
            window.ordered(*now, aim, done, &BOUNDS);
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

    /// For a light sender one batch at a time is on its way and the road is free most of the time, on a fast chain and on a slow one; without him
    /// the line is as long as before.
    #[test]
    fn the_road_is_free_most_of_the_time_for_a_light_sender() {
        for (validators, took, cycle) in
            [(4, 20, 340), (4, 50, 450), (4, 200, 800), (1, 20, 100), (7, 20, 580), (20, 5, 405), (100, 20, 3_020)]
        {
            let bounds = Bounds { greatest: GREATEST, is_full: true, validators };
            let (mut now, mut window) = (Instant::now(), Window::new(Instant::now(), 0));
            let begun = now;
            for ordered in 1..=20 {
                assert_eq!(window.limit(Aim::FreeRoad, GREATEST), 0, "a single batch, whatever its weight");
                window.seal(now, ROAD_WEIGHT, Lane::All);
                now += ms(took);
                window.ordered(now, Aim::FreeRoad, ordered, &bounds);
                now = now.max(window.rest_until(Aim::FreeRoad).unwrap());
            }
            assert_eq!(now - begun, ms(cycle) * 20, "{validators} {took}");
        }
        let mut window = Window::new(Instant::now(), 0);
        let now = Instant::now();
        window.seal(now, 5 * ROAD_WEIGHT + 1, Lane::All);
        window.ordered(now + ms(10), Aim::FreeRoad, 1, &BOUNDS);
        let rested = window.rest_until(Aim::FreeRoad).map(|until| until - now);
        assert_eq!(rested, Some(ms(10 + 10 * 4 * 4 * 5)), "what is heavy is followed by a longer rest");
        assert_eq!(window.batch_weight(Aim::FreeRoad, GREATEST), ROAD_WEIGHT);
        assert_eq!((window.rest_until(Aim::Throughput), window.limit(Aim::Throughput, GREATEST)), (None, GREATEST));
    }

    #[test]
    fn batches_gather_what_comes_while_another_one_waits_on_its_way() {
        let (mut now, mut window) = (Instant::now(), Window::new(Instant::now(), 0));
        let mut after = |took, lane| {
            window.seal(now, 1_000, lane);
            now += ms(took);
            let ordered = window.ordered + 1;
            window.ordered(now, Aim::Throughput, ordered, &BOUNDS);
            let nothing_left = window.gathers(Aim::Throughput);
            window.seal(now, 1_000, Lane::Light);
            let beside_a_light_one = window.gathers(Aim::Throughput);
            window.seal(now, 1_000, Lane::All);
            let gathers = [Aim::Throughput, Aim::Few, Aim::FreeRoad].map(|aim| window.gathers(aim));
            window.sealed.clear();
            (nothing_left, beside_a_light_one, gathers)
        };
        assert_eq!(after(20, Lane::All), (false, false, [false; 3]), "nothing is in its way");
        assert_eq!(after(40, Lane::All), (false, false, [false; 3]));
        assert_eq!(after(41, Lane::All), (false, false, [true, true, false]));
        assert_eq!(after(500, Lane::Light).2, [true, true, false], "light ones say nothing");
        assert_eq!(after(30, Lane::All).2, [false; 3]);
    }

    /// Nothing is held back where nobody waits: few that send much get what the chain can do, in a line that is shorter than that of many.
    #[test]
    fn few_rest_never_and_keep_a_short_line() {
        let mut now = Instant::now();
        let mut window = Window::new(now, 0);
        run(&mut window, Aim::Few, &mut now, 1, 4_000);
        let fast = window.limit(Aim::Few, GREATEST);
        assert!(fast > GREATEST / 2, "a fast chain is kept busy: {fast}");
        assert_eq!(window.rest_until(Aim::Few), None);
        run(&mut window, Aim::Few, &mut now, 10, 400);
        let slow = window.limit(Aim::Few, GREATEST);
        assert!((GREATEST / LEAST_PART_FEW..GREATEST / 3).contains(&slow), "{slow}");
        assert_eq!(window.limit(Aim::Throughput, GREATEST), GREATEST / LEAST_PART);
        let of = |accounts, addresses| Aim::beside(accounts, addresses);
        for (accounts, addresses, expected) in [
            (Company::Even, Company::Even, Aim::Throughput),
            (Company::Even, Company::Few, Aim::Throughput),
            (Company::Few, Company::Few, Aim::Few),
            (Company::Even, Company::Uneven, Aim::FreeRoad),
            (Company::Uneven, Company::Few, Aim::FreeRoad),
        ] {
            assert_eq!(of(accounts, addresses), expected, "{accounts:?} {addresses:?}");
        }
    }

    #[test]
    fn the_limit_keeps_its_bounds_and_those_of_before_are_not_measured() {
        let mut now = Instant::now();
        let mut window = Window::new(now, 3);
        window.ordered(now, Aim::Throughput, 3, &BOUNDS);
        assert_eq!(window.limit(Aim::Throughput, GREATEST), GREATEST);
        for ordered in 4..200 {
            window.seal(now, 1, Lane::All);
            now += ms(1_000 * (ordered % 2));
            window.ordered(now, Aim::Throughput, ordered, &BOUNDS);
        }
        assert_eq!(window.limit(Aim::Throughput, GREATEST), GREATEST / LEAST_PART);
        assert_eq!(window.limit(Aim::Throughput, 64), 64.min(window.limit(Aim::Throughput, 64)));
        // Nobody asks for more: nothing changes.
        let before = window.limit(Aim::Throughput, GREATEST);
        window.seal(now, 1, Lane::All);
        window.ordered(now, Aim::Throughput, 200, &Bounds { is_full: false, ..BOUNDS });
        assert_eq!(window.limit(Aim::Throughput, GREATEST), before);
    }

    #[test]
    fn batches_of_light_senders_are_counted_apart_and_say_nothing_about_the_window() {
        let mut now = Instant::now();
        let mut window = Window::new(now, 0);
        window.ordered(now, Aim::Throughput, 0, &BOUNDS);
        for (weight, lane) in [(100, Lane::Light), (7_000, Lane::All), (50, Lane::Light)] {
            window.seal(now, weight, lane);
        }
        assert_eq!(window.light(), (2, 150));
        let before = window.limit(Aim::Throughput, GREATEST);
        now += ms(5_000);
        window.ordered(now, Aim::Throughput, 1, &BOUNDS);
        assert_eq!((window.light(), window.limit(Aim::Throughput, GREATEST)), ((1, 50), before));
        assert!(window.shortest.iter().all(Option::is_none));
        window.ordered(now, Aim::Throughput, 3, &BOUNDS);
        assert_eq!(window.light(), (0, 0));
        assert_eq!(window.shortest[0], Some(ms(5_000)));
    }
}
