//! What the environment does, and what comes back after it.

use std::sync::Arc;

use quancheng_consensus::Input;

use super::{Event, World, breach, store_failed};
use crate::config::Byzantine;
use crate::disk::CrashMoment;
use crate::properties::{Breach, Observation};

/// Actions after which an armed crash happens, at most.
const CRASH_ACTIONS_MAX: u64 = 40;

impl World {
    /// Plans the first fault of each kind.
    pub(super) fn plan_faults(&mut self) {
        let faults = self.config.faults;
        self.plan_fault(faults.crash_interval_ms, Event::Crash);
        self.plan_fault(faults.cut_interval_ms, Event::Cut);
        self.plan_fault(faults.trouble_interval_ms, Event::Trouble);
    }

    fn plan_fault(&mut self, interval_ms: u64, event: Event) {
        if interval_ms > 0 && self.healing_since_us.is_none() {
            let pause_us = self.random.between(interval_ms * 300, interval_ms * 1_700);
            self.queue.push(self.now_us + pause_us, event);
        }
    }

    /// Some machine loses power within its next actions; sometimes all of them do.
    pub(super) fn arm_crash(&mut self) {
        self.plan_fault(self.config.faults.crash_interval_ms, Event::Crash);
        if self.is_calm() {
            return;
        }
        let is_outage = self.random.permille(80);
        let victim = self.random.index(self.machines.len());
        for machine in 0..self.machines.len() {
            let is_hit =
                (is_outage || machine == victim) && self.machines[machine].is_honest && self.machines[machine].is_up();
            if is_hit {
                self.machines[machine].crash_after = Some(self.random.below(CRASH_ACTIONS_MAX));
            }
        }
    }

    /// A machine loses power now, and gets it back after a while.
    pub(super) fn crash(&mut self, machine: usize, moment: CrashMoment) -> Result<(), Breach> {
        self.stats.crashes += 1;
        self.stats.torn_flushes += u64::from(moment == CrashMoment::InFlush);
        self.observe(machine, &Observation::Crashed)?;
        let node = &mut self.machines[machine];
        node.power_off();
        node.disk.crash(moment, &mut self.random).map_err(store_failed)?;
        let pause_us = self.random.between(20_000, 700_000);
        self.queue.push(self.now_us + pause_us, Event::Restart { machine });
        Ok(())
    }

    /// Power is there: the machine reads its disk and starts.
    pub(super) fn restart(&mut self, machine: usize) -> Result<(), Breach> {
        if self.machines[machine].is_up() {
            return Ok(());
        }
        self.execute_again(machine)?;
        let (now_us, checker) = (self.now_us, self.known.checker.clone());
        let batches = self.machines[machine]
            .boot(now_us, &self.known.genesis, &checker)
            .map_err(|error| breach("recovers", format!("machine {machine} does not start: {error}")))?;
        let observed = self.machines[machine].observed;
        for decided in self.machines[machine].disk.committed_above(observed).map_err(store_failed)? {
            self.committed(machine, &decided)?;
        }
        self.step(machine, Input::Start)?;
        for other in 0..self.machines.len() {
            let is_linked = self.machines[other].is_up() && self.network.is_open(self.now_us, machine, other);
            if is_linked && self.machines[other].node_id() != self.machines[machine].node_id() {
                let (own, peer) = (self.machines[machine].node_id(), self.machines[other].node_id());
                self.step(machine, Input::PeerUp { peer })?;
                self.step(other, Input::PeerUp { peer: own })?;
            }
        }
        for batch in batches {
            self.step(machine, Input::LocalBatch { batch: Arc::clone(&batch) })?;
        }
        Ok(())
    }

    /// Cuts links: a partition in two, one machine alone, or one direction.
    pub(super) fn cut(&mut self) {
        self.plan_fault(self.config.faults.cut_interval_ms, Event::Cut);
        if self.is_calm() {
            return;
        }
        self.stats.cuts += 1;
        let until_us = self.now_us + self.random.between(50_000, 1_500_000);
        let count = self.machines.len();
        let sides: u64 = match self.random.below(3) {
            0 => self.random.draw(),
            1 => 1 << self.random.index(count),
            _ => 0,
        };
        if sides == 0 {
            let (from, to) = (self.random.index(count), self.random.index(count));
            self.network.cut(from, to, until_us);
        } else {
            let side = |machine: usize| (sides >> machine) & 1;
            let pairs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
            for (from, to) in pairs.filter(|(from, to)| side(*from) != side(*to)) {
                self.network.cut(from, to, until_us);
            }
        }
    }

    /// A slow machine, a clock that jumps, a burst of loss, or twins that meet other peers.
    pub(super) fn trouble(&mut self) {
        self.plan_fault(self.config.faults.trouble_interval_ms, Event::Trouble);
        if self.is_calm() {
            return;
        }
        self.stats.troubles += 1;
        let until_us = self.now_us + self.random.between(100_000, 1_200_000);
        let machine = self.random.index(self.machines.len());
        match self.random.below(4) {
            0 => self.network.slow(machine, until_us),
            1 => {
                // Two days ahead or behind, as a broken time server may do.
                let days_ms = 2 * 24 * 3_600_000;
                self.machines[machine].skew_ms = if self.random.permille(500) { days_ms } else { -days_ms };
                self.queue.push(until_us, Event::Clock { machine });
                let wrong = self.machines.iter().filter(|machine| machine.skew_ms != machine.home_skew_ms).count();
                if wrong > 1 {
                    // With the faulty one that is a quorum for a false time, or almost.
                    self.known.time = None;
                }
            }
            2 => self.network.burst(until_us),
            _ => self.split_twins(),
        }
    }

    /// Lets each other machine talk to one of the two twins, sometimes to both.
    pub(super) fn split_twins(&mut self) {
        if self.config.byzantine != Some(Byzantine::Twin) {
            return;
        }
        let second = self.machines.len() - 1;
        let node_id = self.machines[second].node_id();
        let Some(first) = self.machines.iter().position(|machine| machine.node_id() == node_id) else {
            return;
        };
        for other in (0..second).filter(|other| *other != first) {
            let choice = self.random.below(5);
            for (twin, is_severed) in [(first, choice < 2), (second, choice == 2 || choice == 3)] {
                self.network.sever(other, twin, is_severed);
                self.network.sever(twin, other, is_severed);
            }
        }
    }
}
