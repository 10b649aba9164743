//! How a run ends: faults stop, and the network must recover by itself within a bounded time.

use quancheng_types::Height;

use super::{Event, World, breach};
use crate::audit;
use crate::properties::Breach;

/// Simulated time in which a healed network must have ordered and executed everything that was admitted, µs.
const HEAL_US: u64 = 30_000_000;
/// Simulated time without a block after which a storm of faults pauses, µs: progress is owed only to a network that is connected
/// for long enough.
const STORM_US: u64 = 15_000_000;

impl World {
    /// Whether the run is over. Ends the faults when enough blocks were made.
    pub(super) fn is_healed(&mut self) -> Result<bool, Breach> {
        let (newest, since_us) = self.newest;
        let Some(healing_us) = self.healing_since_us else {
            if newest.0 >= self.config.blocks {
                self.healing_since_us = Some(self.now_us);
                self.calm_down();
            } else {
                self.weather(newest, since_us)?;
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
            return Err(breach(
                "heals",
                format!("not settled {} s after the last fault: {}", HEAL_US / 1_000_000, self.standing()),
            ));
        }
        Ok(false)
    }

    /// Pauses the faults when they leave no room for progress, and resumes them when there was some.
    fn weather(&mut self, newest: Height, since_us: u64) -> Result<(), Breach> {
        match self.calm_since_us {
            None if self.now_us > since_us + STORM_US => {
                self.calm_since_us = Some(self.now_us);
                self.calm_down();
            }
            Some(calm_us) if since_us > calm_us => {
                self.calm_since_us = None;
                self.network.resume();
            }
            Some(calm_us) if self.now_us > calm_us + HEAL_US => {
                let details = format!(
                    "no block after height {newest} in {} s without faults: {}",
                    HEAL_US / 1_000_000,
                    self.standing()
                );
                return Err(breach("heals", details));
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// Whether faults are paused or over.
    pub(super) fn is_calm(&self) -> bool {
        self.healing_since_us.is_some() || self.calm_since_us.is_some()
    }

    fn calm_down(&mut self) {
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
            is_level(status.as_ref().map(|status| status.committed))
                && is_level(status.as_ref().map(|status| status.executed))
        }) && self.owed() == 0
    }

    /// Admitted transactions that are not ordered, of validators that are still in office.
    fn owed(&self) -> usize {
        let validators = self.known.validators(self.newest.0);
        let in_office = |machine: &usize| {
            self.known.validator_of(*machine).is_some_and(|validator| validators.by_id(&validator).is_some())
        };
        self.clients
            .waiting
            .values()
            .filter(|tracked| tracked.is_lasting && tracked.machines.iter().any(in_office))
            .count()
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
                    format!(
                        "machine {place}{mark}: {:?}, up for {} ms, record {signed:?}",
                        engine.status(),
                        (self.now_us - machine.boot_us) / 1000
                    )
                }
                None => format!("machine {place}: down"),
            })
            .collect();
        format!("{} transactions wait; {}", self.owed(), machines.join("; "))
    }

    /// The invariants that need the whole run.
    pub(super) fn audit(&mut self) -> Result<(), Breach> {
        let disks: Vec<_> =
            self.machines.iter().filter(|machine| machine.is_honest).map(|machine| &machine.disk).collect();
        audit::replay_equals_live(&disks, &self.known)?;
        self.stats.bundles += audit::evidence_verifies(&disks, &self.known, &mut self.random)?;
        Ok(())
    }
}
