//! How a run ends: faults stop, and the network must recover by itself within a bounded time.

use quancheng_types::Height;

use super::{Event, World, breach};
use crate::audit;
use crate::properties::Breach;

/// Simulated time in which a healed network must have ordered and executed everything that was admitted, µs.
const HEAL_US: u64 = 30_000_000;
/// Simulated time in which a network under faults, all of which pass, must decide a block, µs.
const STALL_US: u64 = 120_000_000;

impl World {
    /// Whether the run is over. Ends the faults when enough blocks were made.
    pub(super) fn is_healed(&mut self) -> Result<bool, Breach> {
        let (newest, since_us) = self.newest;
        let Some(healing_us) = self.healing_since_us else {
            if newest.0 >= self.config.blocks {
                self.heal();
            } else if self.now_us > since_us + STALL_US {
                return Err(breach("heals", format!("no block after height {newest} for {} s: {}", STALL_US / 1_000_000, self.standing())));
            }
            return Ok(false);
        };
        // Looking at every machine costs more than a step; nothing is lost by looking now and then.
        if !self.stats.steps.is_multiple_of(16) {
            return Ok(false);
        }
        if self.is_settled() {
            return Ok(true);
        }
        if self.now_us > healing_us + HEAL_US {
            return Err(breach("heals", format!("not settled {} s after the last fault: {}", HEAL_US / 1_000_000, self.standing())));
        }
        Ok(false)
    }

    fn heal(&mut self) {
        self.healing_since_us = Some(self.now_us);
        self.network.heal();
        for machine in 0..self.machines.len() {
            let node = &mut self.machines[machine];
            node.crash_after = None;
            node.skew_ms = node.home_skew_ms;
            if !node.is_up() {
                self.queue.push(self.now_us, Event::Restart { machine });
            }
        }
    }

    /// Every honest machine runs, has committed and executed the same height, and no client waits.
    fn is_settled(&self) -> bool {
        let newest = self.newest.0;
        let is_level = |height: Option<Height>| height == Some(newest);
        let machines = self.machines.iter().filter(|machine| machine.is_honest);
        machines.into_iter().all(|machine| {
            let status = machine.engine.as_ref().map(quancheng_consensus::Engine::status);
            is_level(status.as_ref().map(|status| status.committed)) && is_level(status.as_ref().map(|status| status.executed))
        }) && self.owed() == 0
    }

    /// Admitted transactions that are not ordered, of validators that are still in office.
    fn owed(&self) -> usize {
        let validators = self.known.validators(self.newest.0);
        let in_office = |machine: &usize| {
            self.known.validator_of(*machine).is_some_and(|validator| validators.by_id(&validator).is_some())
        };
        self.clients.waiting.values().filter(|tracked| tracked.is_lasting && tracked.machines.iter().any(in_office)).count()
    }

    fn standing(&self) -> String {
        let machines: Vec<String> = self
            .machines
            .iter()
            .enumerate()
            .map(|(place, machine)| match &machine.engine {
                Some(engine) => {
                    let mark = if machine.is_honest { "" } else { " (faulty)" };
                    let record = crate::properties::Durable::sign_record(&machine.disk);
                    let signed = record.map(|record| (record.floor(), record.last().map(|last| last.slot)));
                    format!("machine {place}{mark}: {:?}, up for {} ms, record {signed:?}", engine.status(), (self.now_us - machine.boot_us) / 1000)
                }
                None => format!("machine {place}: down"),
            })
            .collect();
        format!("{} transactions wait; {}", self.owed(), machines.join("; "))
    }

    /// The invariants that need the whole run.
    pub(super) fn audit(&mut self) -> Result<(), Breach> {
        let disks: Vec<_> = self.machines.iter().filter(|machine| machine.is_honest).map(|machine| &machine.disk).collect();
        audit::replay_equals_live(&disks, &self.known)?;
        self.stats.bundles += audit::evidence_verifies(&disks, &self.known, &mut self.random)?;
        Ok(())
    }
}
