//! One machine: an engine over a disk, and the work in progress that a crash forgets.

use std::collections::VecDeque;
use std::sync::Arc;

use quancheng_consensus::{Engine, EngineConfig, Now};
use quancheng_types::{Genesis, Height, NodeId, SealedTransaction, SignedBatch, ValidatorId};

use crate::byzantine::Liar;
use crate::chain::{GENESIS_TIME_MS, Member};
use crate::checker::SharedChecker;
use crate::config::SimConfig;
use crate::disk::Disk;
use crate::executor::Mode;

/// Wait of a node that starts, ms.
const QUARANTINE_MS: u64 = 300;

/// One machine of a world.
pub(super) struct Machine {
    pub(super) member: Member,
    pub(super) is_honest: bool,
    pub(super) liar: Option<Liar>,
    pub(super) engine: Option<Engine>,
    pub(super) disk: Disk,
    /// Counts starts: what was planned for an earlier one is forgotten.
    pub(super) epoch: u32,
    /// Numbers of the processes that ran here.
    instances: Vec<u64>,
    pub(super) boot_us: u64,
    /// How far its wall clock is ahead of true time, ms.
    pub(super) skew_ms: i64,
    /// The skew it has when nothing else happens to its clock.
    pub(super) home_skew_ms: i64,
    /// When the earliest planned tick is.
    pub(super) wake_us: Option<u64>,
    /// Actions until it loses power.
    pub(super) crash_after: Option<u64>,
    /// Transactions that wait for a batch.
    pub(super) pool: Vec<SealedTransaction>,
    pub(super) is_seal_planned: bool,
    pub(super) next_sequence: u64,
    /// Heights to execute.
    pub(super) ready: VecDeque<Height>,
    pub(super) is_executing: bool,
    /// Newest block that properties have seen committed here.
    pub(super) observed: Height,
    pub(super) mode: Mode,
    #[cfg(feature = "planted-bugs")]
    pub(super) planted: Option<quancheng_consensus::PlantedBug>,
}

impl Machine {
    pub(super) fn new(member: Member, genesis: &Arc<Genesis>, is_honest: bool) -> Result<Self, String> {
        let disk = Disk::init(genesis, Some(member.key.public_key()))?;
        Ok(Self {
            member,
            is_honest,
            liar: None,
            engine: None,
            disk,
            epoch: 0,
            instances: Vec::new(),
            boot_us: 0,
            skew_ms: 0,
            home_skew_ms: 0,
            wake_us: None,
            crash_after: None,
            pool: Vec::new(),
            is_seal_planned: false,
            next_sequence: 0,
            ready: VecDeque::new(),
            is_executing: false,
            observed: Height::GENESIS,
            mode: Mode::default(),
            #[cfg(feature = "planted-bugs")]
            planted: None,
        })
    }

    /// Plants the deliberate mistake of the run into this machine.
    #[cfg(feature = "planted-bugs")]
    pub(super) fn plant(&mut self, config: &SimConfig, place: u64) {
        use quancheng_contracts::executor::PlantedBug;

        use crate::planted::Planted;
        match config.planted {
            Some(Planted::Consensus(bug)) => self.planted = Some(bug),
            Some(Planted::Executor(bug)) => {
                self.mode.bug = Some(match bug {
                    PlantedBug::UnorderedIteration { .. } => PlantedBug::UnorderedIteration { node_seed: place },
                    PlantedBug::LocalClock { .. } => PlantedBug::LocalClock { ahead_ms: place * 40 },
                    PlantedBug::RefusalLeavesWrites
                    | PlantedBug::DuplicateExecutedTwice
                    | PlantedBug::ExpiryUnchecked
                    | PlantedBug::OrderedById
                    | PlantedBug::ReceiptsReversed
                    | PlantedBug::WindowsForgotten => bug,
                });
            }
            // Planted for the whole run, in `world::run`.
            Some(Planted::Types(_)) | None => {}
        }
    }

    /// Without the feature there is nothing to plant.
    #[cfg(not(feature = "planted-bugs"))]
    pub(super) fn plant(&mut self, _config: &SimConfig, _place: u64) {}

    pub(super) fn node_id(&self) -> NodeId {
        self.member.node_id
    }

    pub(super) fn validator_id(&self) -> ValidatorId {
        ValidatorId::of(&self.member.key.public_key())
    }

    pub(super) fn is_up(&self) -> bool {
        self.engine.is_some()
    }

    /// Both clocks of this machine at a true time.
    pub(super) fn now(&self, time_us: u64) -> Now {
        let true_ms = GENESIS_TIME_MS + 1 + time_us / 1000;
        Now { elapsed_ms: (time_us - self.boot_us) / 1000, unix_ms: true_ms.saturating_add_signed(self.skew_ms) }
    }

    /// Reads the disk and makes an engine. Returns own batches to offer again.
    pub(super) fn boot(
        &mut self,
        time_us: u64,
        genesis: &Genesis,
        checker: &SharedChecker,
    ) -> Result<Vec<Arc<SignedBatch>>, String> {
        let (state, own) = self.disk.recover(Some(self.member.key.public_key()))?;
        self.next_sequence = self.disk.next_sequence(self.validator_id()).map_err(crate::disk::text)?;
        let instance =
            time_us.rotate_left(20) ^ u64::from(self.epoch) ^ u64::from(self.node_id().0.0[0]).rotate_left(50);
        let config = EngineConfig {
            chain_id: genesis.chain_id(),
            node_id: self.node_id(),
            key: Some(self.member.key.clone()),
            quarantine_ms: QUARANTINE_MS,
            instance,
            earlier_instances: self.instances.clone(),
            #[cfg(feature = "planted-bugs")]
            planted: self.planted,
        };
        let engine = Engine::recover(config, state, Box::new(checker.clone())).map_err(crate::disk::text)?;
        self.engine = Some(engine);
        self.instances.push(instance);
        self.epoch += 1;
        self.boot_us = time_us;
        let mut batches = Vec::new();
        for id in own {
            let bytes = self.disk.chain().batch(&id).map_err(crate::disk::text)?;
            let bytes = bytes.ok_or("a pending batch has no content")?;
            batches.push(Arc::new(SignedBatch::decode(&bytes).map_err(crate::disk::text)?));
        }
        Ok(batches)
    }

    /// Forgets everything that is not on disk.
    pub(super) fn power_off(&mut self) {
        self.engine = None;
        self.wake_us = None;
        self.crash_after = None;
        self.pool.clear();
        self.is_seal_planned = false;
        self.ready.clear();
        self.is_executing = false;
    }
}
