//! What honest machines have established together: the yardstick of the properties.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quancheng_consensus::message::CommittedBlock;
use quancheng_types::{
    BatchId, ChainId, Decisions, Digest, Genesis, Height, Outcome, PROTOCOL_VERSION, Parameters, PublicKey, Receipt,
    SignedBatch, TransactionId, ValidatorId, ValidatorSet,
};

use crate::checker::SharedChecker;

/// Common knowledge of a run.
pub(crate) struct Known {
    pub(crate) chain_id: ChainId,
    pub(crate) genesis: Genesis,
    pub(crate) parameters: Parameters,
    pub(crate) checker: SharedChecker,
    /// Validator sets by first height, ascending.
    sets: Vec<(Height, ValidatorSet)>,
    /// Parameters by first height, ascending.
    rules: Vec<(Height, Parameters)>,
    /// Versions of the rules by first height, ascending.
    versions: Vec<(Height, u16)>,
    /// History size and root after each executed height.
    history: BTreeMap<Height, (u64, Digest)>,
    /// Every batch that any machine offered.
    batches: BTreeMap<BatchId, Arc<SignedBatch>>,
    /// The first block committed at each height.
    blocks: BTreeMap<Height, Arc<CommittedBlock>>,
    /// Executed transactions, and whether they took effect.
    executed: BTreeMap<TransactionId, bool>,
    /// The consensus key of each machine, and whether the machine is honest.
    machines: Vec<(Option<ValidatorId>, bool)>,
    faulty: BTreeSet<ValidatorId>,
    /// True time, ms, and how far clocks of honest machines may be from it; `None` once too many clocks were wrong at the same time.
    pub(crate) time: Option<(u64, u64)>,
    keys: BTreeMap<ValidatorId, PublicKey>,
}

impl Known {
    pub(crate) fn new(genesis: Genesis, checker: SharedChecker, keys: &[(PublicKey, bool)]) -> Self {
        let machines: Vec<(Option<ValidatorId>, bool)> =
            keys.iter().map(|(key, is_honest)| (Some(ValidatorId::of(key)), *is_honest)).collect();
        let keys = keys.iter().map(|(key, _)| (ValidatorId::of(key), *key)).collect();
        let faulty = machines.iter().filter(|(_, is_honest)| !is_honest).filter_map(|(id, _)| *id).collect();
        Self {
            chain_id: genesis.chain_id(),
            parameters: genesis.parameters,
            sets: vec![(Height::GENESIS, genesis.validators.clone())],
            rules: vec![(Height::GENESIS, genesis.parameters)],
            versions: vec![(Height::GENESIS, PROTOCOL_VERSION)],
            genesis,
            checker,
            history: BTreeMap::new(),
            batches: BTreeMap::new(),
            blocks: BTreeMap::new(),
            executed: BTreeMap::new(),
            machines,
            faulty,
            time: None,
            keys,
        }
    }

    /// The validators of a height, as far as executed blocks have decided.
    pub(crate) fn validators(&self, height: Height) -> &ValidatorSet {
        let found = self.sets.iter().rev().find(|(from, _)| *from <= height);
        &found.expect("the genesis set covers every height").1
    }

    /// The parameters of a height, as far as executed blocks have decided.
    pub(crate) fn parameters_at(&self, height: Height) -> &Parameters {
        let found = self.rules.iter().rev().find(|(from, _)| *from <= height);
        &found.expect("the genesis parameters cover every height").1
    }

    /// The parameters that were decided last, in force or not.
    pub(crate) fn newest_parameters(&self) -> &Parameters {
        &self.rules.last().expect("the genesis parameters").1
    }

    /// The version of the rules at a height.
    pub(crate) fn version_at(&self, height: Height) -> u16 {
        self.versions.iter().rev().find(|(from, _)| *from <= height).map_or(PROTOCOL_VERSION, |(_, version)| *version)
    }

    /// The version that was decided last, in force or not.
    pub(crate) fn newest_version(&self) -> u16 {
        self.versions.last().map_or(PROTOCOL_VERSION, |(_, version)| *version)
    }

    /// Changes of parameters and of versions that are in force at a height.
    pub(crate) fn rule_changes(&self, height: Height) -> (usize, usize) {
        let rules = self.rules.iter().filter(|(from, _)| *from <= height).count();
        let versions = self.versions.iter().filter(|(from, _)| *from <= height).count();
        (rules - 1, versions - 1)
    }

    /// Changes of the set after genesis: first height and members.
    pub(crate) fn set_changes(&self) -> &[(Height, ValidatorSet)] {
        &self.sets[1..]
    }

    /// How many different machines ever had a vote.
    pub(crate) fn validators_ever(&self) -> usize {
        self.machines.len()
    }

    pub(crate) fn validator_of(&self, machine: usize) -> Option<ValidatorId> {
        self.machines.get(machine).and_then(|(id, _)| *id)
    }

    pub(crate) fn is_honest_validator(&self, validator: &ValidatorId) -> bool {
        !self.faulty.contains(validator)
    }

    pub(crate) fn history(&self, height: Height) -> Option<(u64, Digest)> {
        self.history.get(&height).copied()
    }

    pub(crate) fn batch(&self, id: &BatchId) -> Option<&Arc<SignedBatch>> {
        self.batches.get(id)
    }

    /// The first block committed at a height.
    pub(crate) fn block(&self, height: Height) -> Option<&Arc<CommittedBlock>> {
        self.blocks.get(&height)
    }

    /// The key of a validator, whether it is in office or not.
    pub(crate) fn key_of(&self, validator: &ValidatorId) -> Option<PublicKey> {
        self.keys.get(validator).copied()
    }

    pub(crate) fn blocks(&self) -> impl DoubleEndedIterator<Item = &Arc<CommittedBlock>> {
        self.blocks.values()
    }

    /// Turns that honest validators and the faulty one let pass, as the blocks say.
    pub(crate) fn misses(&self) -> (u64, u64) {
        let (mut honest, mut faulty) = (0, 0);
        for decided in self.blocks.values() {
            let time_ms = decided.block.header.time_ms;
            let absences = decided.block.attendance.absences.iter();
            for absence in absences.filter(|absence| absence.away && absence.since_ms == time_ms) {
                let count = if self.is_honest_validator(&absence.validator) { &mut honest } else { &mut faulty };
                *count += 1;
            }
        }
        (honest, faulty)
    }

    /// Whether a transaction took effect; `None` when it is not executed.
    pub(crate) fn effect(&self, id: &TransactionId) -> Option<bool> {
        self.executed.get(id).copied()
    }

    /// The newest set that was decided, in force or not.
    pub(crate) fn newest_set(&self) -> &ValidatorSet {
        &self.sets.last().expect("the genesis set").1
    }

    pub(crate) fn learn_batch(&mut self, batch: &Arc<SignedBatch>) {
        self.batches.entry(batch.header.id()).or_insert_with(|| Arc::clone(batch));
    }

    pub(crate) fn learn_block(&mut self, decided: &CommittedBlock) {
        self.blocks.entry(decided.block.header.height).or_insert_with(|| Arc::new(decided.clone()));
    }

    /// Takes the results of the first honest machine that executed a height; later ones are compared by `root_agreement`.
    /// Returns whether it was the first.
    pub(crate) fn learn_results(
        &mut self,
        height: Height,
        results: (u64, Digest),
        receipts: &[Receipt],
        decisions: &Decisions,
    ) -> bool {
        if self.history.contains_key(&height) {
            return false;
        }
        self.history.insert(height, results);
        for receipt in receipts {
            self.executed.entry(receipt.transaction_id).or_insert(receipt.outcome == Outcome::Ok);
        }
        let from = height.plus(self.parameters.execution_lag_max + 2);
        if let Some(set) = &decisions.validators {
            self.sets.push((from, set.value.clone()));
        }
        if let Some(parameters) = &decisions.parameters {
            self.rules.push((from, parameters.value));
        }
        if let Some(plan) = &decisions.version {
            // The organizations choose the height.
            self.versions.push((plan.effective, plan.value.version));
        }
        true
    }
}
