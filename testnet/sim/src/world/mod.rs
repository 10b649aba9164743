//! One world: machines, links, clients, and the queue that orders what happens.
//!
//! | file | does |
//! |---|---|
//! | `machine` | one machine, its start and its crash |
//! | `event` | what can happen next |
//! | `perform` | carries out the actions of an engine |
//! | `work` | what a machine does beside its engine: batches, execution, answers |
//! | `faults` | crashes, cuts, troubles |
//! | `healing` | how a run ends |

mod event;
mod faults;
mod healing;
mod machine;
mod perform;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use quancheng_consensus::Input;
use quancheng_types::Height;

use crate::byzantine::Liar;
use crate::chain::Chain;
use crate::checker::SharedChecker;
use crate::clients::Clients;
use crate::config::{Byzantine, SimConfig};
use crate::known::Known;
use crate::network::Network;
use crate::outcome::{Outcome, Stats, Violation};
use crate::properties::{Breach, Observation, Properties};
use crate::queue::Queue;
use crate::random::Random;
use crate::trace::TraceHash;
use event::Event;
use machine::Machine;

/// Steps between two looks at the sizes of queues.
const STANDS_EVERY: u64 = 256;
/// Steps between two times that the shared memory of signatures is emptied: it bounds the memory of a run.
const FORGET_EVERY: u64 = 200_000;

/// Runs one configuration to its end.
///
/// # Errors
/// The first [`Violation`]. A panic in the crates under test is one as well, named `no_panic`.
pub fn run(config: SimConfig) -> Result<Outcome, Violation> {
    let seed = config.seed;
    plant(&config);
    let mut world =
        World::new(config).map_err(|details| Violation { property: "start", seed, step: 0, time_us: 0, details })?;
    let result = catch_unwind(AssertUnwindSafe(|| world.run()));
    let (step, time_us) = (world.stats.steps, world.now_us);
    match result {
        Ok(Ok(())) => Ok(world.outcome()),
        Ok(Err(Breach { property, details })) => Err(Violation { property, seed, step, time_us, details }),
        Err(panic) => {
            let details = panic.downcast_ref::<String>().cloned();
            let details =
                details.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
            Err(Violation { property: "no_panic", seed, step, time_us, details })
        }
    }
}

struct World {
    config: SimConfig,
    random: Random,
    now_us: u64,
    queue: Queue<Event>,
    machines: Vec<Machine>,
    network: Network,
    clients: Clients,
    known: Known,
    properties: Properties,
    stats: Stats,
    trace: TraceHash,
    /// Newest height committed by any honest machine, and when.
    newest: (Height, u64),
    /// When faults ended and the network was left to heal.
    healing_since_us: Option<u64>,
    /// Since when faults pause because nothing was decided for long.
    calm_since_us: Option<u64>,
}

impl World {
    fn new(config: SimConfig) -> Result<Self, String> {
        let mut random = Random::new(config.seed);
        let chain = Chain::new(&config, &mut random.fork(1));
        let genesis = Arc::new(chain.genesis.clone());
        let faulty = config.byzantine.map(|kind| (kind, faulty_place(kind, &config, &mut random)));
        let mut machines = Vec::new();
        for (place, member) in chain.members.iter().enumerate() {
            let is_honest = faulty.is_none_or(|(_, faulty)| faulty != place);
            machines.push(Machine::new(member.clone(), &genesis, is_honest)?);
        }
        if let Some((kind, place)) = faulty {
            let member = chain.members[place].clone();
            machines[place].liar =
                Some(Liar::new((kind, config.habit), place, &chain.members, chain.genesis.chain_id(), random.fork(3)));
            if kind == Byzantine::Twin {
                machines.push(Machine::new(member, &genesis, false)?);
            }
        }
        for (machine, place) in machines.iter_mut().zip(0..) {
            if machine.is_honest {
                machine.plant(&config, place);
            }
        }
        let checker = SharedChecker::default();
        let keys: Vec<_> =
            machines.iter().map(|machine| (machine.member.key.public_key(), machine.is_honest)).collect();
        let mut world = Self {
            network: Network::new(machines.len(), config.faults, random.fork(4)),
            clients: Clients::new(&chain, &config, random.fork(5)),
            known: Known::new(chain.genesis, checker, &keys),
            properties: Properties::new(),
            queue: Queue::new(),
            stats: Stats::default(),
            trace: TraceHash::new(),
            newest: (Height::GENESIS, 0),
            healing_since_us: None,
            calm_since_us: None,
            now_us: 0,
            machines,
            random,
            config,
        };
        if let Some((kind, place)) = faulty.filter(|(kind, _)| kind.is_structured()) {
            // The lines of a structured liar are the best in the city, so that it speaks first; not always.
            world.network.hasten(place, world.random.permille(if kind == Byzantine::Forger { 750 } else { 950 }));
        }
        world.split_twins();
        Ok(world)
    }

    fn run(&mut self) -> Result<(), Breach> {
        let genesis_tip = self.machines[0].disk.store().tip().map(|tip| (tip.size, tip.root));
        if let Some(results) = genesis_tip {
            self.known.learn_results(Height::GENESIS, results, &[], &quancheng_types::Decisions::default());
        }
        self.known.time = Some((self.unix_ms(), self.config.faults.skew_ms_max));
        self.begin()?;
        while !self.is_healed()? {
            let Some((time_us, sequence, event)) = self.queue.pop() else {
                return Err(breach("heals", "nothing is left to happen"));
            };
            self.now_us = time_us;
            self.known.time = self.known.time.map(|(_, skew_ms)| (self.unix_ms(), skew_ms));
            self.stats.steps += 1;
            let (kind, machine) = event.trace();
            for word in [time_us, sequence, kind] {
                self.trace.word(word);
            }
            self.trace.index(machine);
            self.handle(event)?;
            self.watch()?;
        }
        self.audit()
    }

    /// Starts every machine and plans the first of everything that repeats.
    fn begin(&mut self) -> Result<(), Breach> {
        let skew_max = self.config.faults.skew_ms_max;
        for machine in 0..self.machines.len() {
            let skew = self.random.between(0, 2 * skew_max);
            let skew = i64::try_from(skew).unwrap_or(0) - i64::try_from(skew_max).unwrap_or(0);
            self.machines[machine].home_skew_ms = skew;
            self.machines[machine].skew_ms = skew;
            let time_us = self.random.below(50_000);
            self.queue.push(time_us, Event::Restart { machine });
        }
        self.queue.push(100_000, Event::Client);
        if self.config.set_change || self.config.parameter_change || self.config.version_change {
            self.queue.push(500_000, Event::Vote);
        }
        self.plan_faults();
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Breach> {
        match event {
            Event::Deliver { to, from, message } => self.deliver(to, from, message),
            Event::Wake { machine, epoch } => {
                if self.is_current(machine, epoch) && self.machines[machine].wake_us.is_some_and(|at| at <= self.now_us)
                {
                    self.machines[machine].wake_us = None;
                    return self.step(machine, Input::Tick);
                }
                Ok(())
            }
            Event::Check { machine, epoch, batch } if self.is_current(machine, epoch) => {
                self.check_batch(machine, &batch)
            }
            Event::Sealed { machine, epoch, batch } if self.is_current(machine, epoch) => self.sealed(machine, batch),
            Event::Seal { machine, epoch } if self.is_current(machine, epoch) => self.seal(machine),
            Event::Execute { machine, epoch, height } if self.is_current(machine, epoch) => {
                self.execute(machine, height)
            }
            Event::Serve { machine, epoch, to, request } if self.is_current(machine, epoch) => {
                self.serve(machine, to, request)
            }
            Event::Check { .. }
            | Event::Sealed { .. }
            | Event::Seal { .. }
            | Event::Execute { .. }
            | Event::Serve { .. } => Ok(()),
            Event::Restart { machine } => self.restart(machine),
            Event::Client => self.client(),
            Event::Vote => self.vote(),
            Event::Crash => {
                self.arm_crash();
                Ok(())
            }
            Event::Cut => {
                self.cut();
                Ok(())
            }
            Event::Trouble => {
                self.trouble();
                Ok(())
            }
            Event::Clock { machine } => {
                self.machines[machine].skew_ms = self.machines[machine].home_skew_ms;
                Ok(())
            }
        }
    }

    fn is_current(&self, machine: usize, epoch: u32) -> bool {
        let machine = &self.machines[machine];
        machine.epoch == epoch && machine.is_up()
    }

    /// Tells every property what an honest machine did.
    fn observe(&mut self, machine: usize, observation: &Observation<'_>) -> Result<(), Breach> {
        if !self.machines[machine].is_honest {
            return Ok(());
        }
        self.properties.observe(machine, observation, &self.known)
    }

    /// Looks at the sizes of one machine now and then, and at the whole run.
    fn watch(&mut self) -> Result<(), Breach> {
        if self.stats.steps.is_multiple_of(FORGET_EVERY) {
            self.known.checker.forget();
        }
        if !self.stats.steps.is_multiple_of(STANDS_EVERY) {
            return Ok(());
        }
        let machine = self.random.index(self.machines.len());
        let Some(engine) = &self.machines[machine].engine else {
            return Ok(());
        };
        let (status, own_batches) = (engine.status(), engine.local_batches_in_flight());
        let own = self.machines[machine].validator_id();
        let author_batches = self.machines[machine].disk.greatest_author(own).map_err(store_failed)?;
        let pending_events = self.queue.len();
        let stands = Observation::Stands { status: &status, own_batches, author_batches, pending_events };
        self.observe(machine, &stands)
    }

    fn outcome(self) -> Outcome {
        let mut stats = self.stats;
        stats.time_us = self.now_us;
        stats.signatures_verified = self.known.checker.verified();
        let late = self.known.blocks().filter(|decided| decided.certificate.round.0 > 0).count();
        stats.late_rounds = u64::try_from(late).unwrap_or(u64::MAX);
        let proofs: usize = self.known.blocks().map(|decided| decided.block.misbehavior.len()).sum();
        stats.misbehavior = u64::try_from(proofs).unwrap_or(u64::MAX);
        (stats.honest_misses, stats.liar_misses) = self.known.misses();
        let height = self.newest.0;
        let mut mutations = std::collections::BTreeMap::new();
        for liar in self.machines.iter().filter_map(|machine| machine.liar.as_ref()) {
            stats.habit_acts += liar.acts();
            for (path, count) in liar.changes() {
                *mutations.entry(path).or_default() += count;
            }
        }
        let changes = self.known.set_changes().iter().filter(|(from, _)| *from <= height).count();
        let (parameters, versions) = self.known.rule_changes(height);
        stats.parameter_changes = u64::try_from(parameters).unwrap_or(u64::MAX);
        stats.version_changes = u64::try_from(versions).unwrap_or(u64::MAX);
        stats.set_changes = u64::try_from(changes).unwrap_or(u64::MAX);
        Outcome { seed: self.config.seed, trace_hash: self.trace, height, stats, mutations }
    }
}

/// Plants a mistake in the meaning of bytes, for this run.
#[cfg(feature = "planted-bugs")]
fn plant(config: &SimConfig) {
    use crate::planted::Planted;
    quancheng_types::planted::plant(match config.planted {
        Some(Planted::Types(bug)) => Some(bug),
        Some(Planted::Consensus(_) | Planted::Executor(_)) | None => None,
    });
}

/// Without the feature there is nothing to plant.
#[cfg(not(feature = "planted-bugs"))]
fn plant(_config: &SimConfig) {}

/// Where the faulty node is: among the validators, or the last follower.
fn faulty_place(kind: Byzantine, config: &SimConfig, random: &mut Random) -> usize {
    let place = random.fork(2).index(config.validators);
    match kind {
        Byzantine::Stranger => config.validators + config.followers - 1,
        Byzantine::Twin
        | Byzantine::Silent
        | Byzantine::Liar
        | Byzantine::Proposer
        | Byzantine::Batcher
        | Byzantine::Forger => place,
    }
}

/// A broken invariant.
fn breach(property: &'static str, details: impl Into<String>) -> Breach {
    Breach { property, details: details.into() }
}

/// The store of a simulated disk never fails by itself: when it does, the store is wrong.
fn store_failed(error: impl core::fmt::Display) -> Breach {
    Breach { property: "store_holds", details: error.to_string() }
}
