//! The links between machines: delay, loss, duplication, reordering, cuts in one or both directions.
//!
//! Messages are not kept in order: real links are ordered streams, one per lane, so this is harsher than any of them.

use crate::config::Faults;
use crate::random::Random;

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    delay_us: u64,
    /// Nothing passes before this time.
    cut_until_us: u64,
    /// Nothing ever passes: twins see different parts of the network.
    is_severed: bool,
}

/// All links of a world.
#[derive(Debug)]
pub(crate) struct Network {
    random: Random,
    faults: Faults,
    machines: usize,
    links: Vec<Link>,
    /// A machine is slow until this time: everything to and from it takes [`SLOW_US`] longer.
    slow_until_us: Vec<u64>,
    /// Loss is [`BURST_LOSS_PERMILLE`] until this time.
    burst_until_us: u64,
    /// No message is lost or doubled.
    is_calm: bool,
    /// A machine whose messages, both ways, are faster than all others and never lost.
    fast: Option<usize>,
}

/// What a slow machine adds to every delay, µs.
const SLOW_US: u64 = 120_000;
/// Greatest delay of the fastest lines, µs: two of them in a row are faster than any other one.
const FAST_US: u64 = 40;
/// Loss during a burst.
const BURST_LOSS_PERMILLE: u64 = 300;
/// One message in this many is held up for long, as by a retransmission.
const STRAGGLER_ONE_IN: u64 = 1_000;
/// How long at most, µs.
const STRAGGLER_US: u64 = 400_000;

impl Network {
    pub(crate) fn new(machines: usize, faults: Faults, mut random: Random) -> Self {
        let links = (0..machines * machines)
            .map(|_| Link { delay_us: random.between(faults.delay_us, faults.delay_us * 4), ..Link::default() })
            .collect();
        Self {
            random,
            faults,
            machines,
            links,
            slow_until_us: vec![0; machines],
            burst_until_us: 0,
            is_calm: false,
            fast: None,
        }
    }

    fn link(&mut self, from: usize, to: usize) -> &mut Link {
        let place = from * self.machines + to;
        &mut self.links[place]
    }

    /// Gives a machine the fastest lines, or no machine.
    pub(crate) fn hasten(&mut self, machine: usize, is_fast: bool) {
        self.fast = is_fast.then_some(machine);
    }

    /// Takes a link out for good.
    pub(crate) fn sever(&mut self, from: usize, to: usize, is_severed: bool) {
        self.link(from, to).is_severed = is_severed;
    }

    /// Whether a message would pass now, loss apart.
    pub(crate) fn is_open(&mut self, now_us: u64, from: usize, to: usize) -> bool {
        let link = self.link(from, to);
        !link.is_severed && link.cut_until_us <= now_us
    }

    /// Lets nothing pass from one to the other for a while.
    pub(crate) fn cut(&mut self, from: usize, to: usize, until_us: u64) {
        let link = self.link(from, to);
        link.cut_until_us = link.cut_until_us.max(until_us);
    }

    pub(crate) fn slow(&mut self, machine: usize, until_us: u64) {
        self.slow_until_us[machine] = until_us;
    }

    pub(crate) fn burst(&mut self, until_us: u64) {
        self.burst_until_us = until_us;
    }

    /// Ends every fault; links severed for twins stay so.
    pub(crate) fn heal(&mut self) {
        self.is_calm = true;
        self.burst_until_us = 0;
        self.slow_until_us.fill(0);
        for link in &mut self.links {
            link.cut_until_us = 0;
        }
    }

    /// Lets messages be lost and doubled again after [`Self::heal`].
    pub(crate) fn resume(&mut self) {
        self.is_calm = false;
    }

    /// When a message sent now arrives: not at all, once, or twice.
    pub(crate) fn arrivals(&mut self, now_us: u64, from: usize, to: usize) -> [Option<u64>; 2] {
        if !self.is_open(now_us, from, to) {
            return [None, None];
        }
        if self.fast.is_some_and(|fast| fast == from || fast == to) {
            return [Some(now_us + self.random.between(1, FAST_US)), None];
        }
        if self.is_calm {
            return [Some(self.arrival(now_us, from, to)), None];
        }
        let loss = if now_us < self.burst_until_us { BURST_LOSS_PERMILLE } else { self.faults.loss_permille };
        if self.random.permille(loss) {
            return [None, None];
        }
        let first = self.arrival(now_us, from, to);
        let second = self.random.permille(self.faults.duplicate_permille).then(|| self.arrival(now_us, from, to));
        [Some(first), second]
    }

    fn arrival(&mut self, now_us: u64, from: usize, to: usize) -> u64 {
        let mut delay_us = self.link(from, to).delay_us + self.random.below(self.faults.jitter_us);
        if self.random.below(STRAGGLER_ONE_IN) == 0 {
            delay_us += self.random.below(STRAGGLER_US);
        }
        for machine in [from, to] {
            if self.slow_until_us[machine] > now_us {
                delay_us += SLOW_US;
            }
        }
        now_us + delay_us
    }
}

#[cfg(test)]
mod tests {
    use super::Network;
    use crate::config::Faults;
    use crate::random::Random;

    #[test]
    fn cuts_have_a_direction_and_an_end() {
        let mut network = Network::new(3, Faults::none(), Random::new(1));
        network.cut(0, 1, 500);
        assert!(!network.is_open(499, 0, 1));
        assert!(network.is_open(499, 1, 0));
        assert!(network.is_open(500, 0, 1));
        network.cut(0, 1, 900);
        network.heal();
        assert!(network.is_open(501, 0, 1));
    }

    #[test]
    fn severed_links_stay_when_the_network_heals() {
        let mut network = Network::new(2, Faults::none(), Random::new(1));
        network.sever(0, 1, true);
        network.heal();
        assert_eq!(network.arrivals(1_000, 0, 1), [None, None]);
        assert!(network.arrivals(1_000, 1, 0)[0].is_some());
    }

    #[test]
    fn loss_and_duplication_happen_as_often_as_asked() {
        let faults = Faults { loss_permille: 250, duplicate_permille: 500, ..Faults::none() };
        let mut network = Network::new(2, faults, Random::new(3));
        let arrivals: Vec<_> = (0..4_000).map(|_| network.arrivals(0, 0, 1)).collect();
        let lost = arrivals.iter().filter(|[first, _]| first.is_none()).count();
        let doubled = arrivals.iter().filter(|[_, second]| second.is_some()).count();
        assert!((900..1_100).contains(&lost), "{lost}");
        assert!((1_350..1_650).contains(&doubled), "{doubled}");
    }
}
