//! Validator sets and parameters with the heights from which they are in force, as the engine takes them.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_consensus::{ScheduledSet, SetChange};
use quancheng_contracts::BlockOutput;
use quancheng_state::{ChainStore, Record, StoreError};
use quancheng_types::codec::{decode, encode};
use quancheng_types::{Genesis, Height, Parameters, ValidatorSet};

use super::LedgerError;

pub(super) const META_NAME: &str = "schedule";
/// Entries kept. Every one that may still matter is among them: at most one is added per height, and a change is in force
/// `execution_lag_max` + 2 (at most 66) heights after it was decided.
const ENTRIES_MAX: usize = 80;
const META_BYTES_MAX: u32 = 64 * 1024 * 1024;

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Row {
    from: Height,
    validators: ValidatorSet,
    parameters: Parameters,
}

/// The newest entries, ascending by height, beginning with genesis (from height 1).
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    entries: Vec<ScheduledSet>,
    lag: u64,
}

impl Schedule {
    pub(super) fn read(chain: &ChainStore, genesis: &Genesis) -> Result<Self, LedgerError> {
        let lag = genesis.parameters.execution_lag_max;
        let Some(bytes) = chain.meta(META_NAME)? else {
            let change = SetChange { validators: genesis.validators.clone(), parameters: genesis.parameters };
            return Ok(Self { entries: vec![ScheduledSet { from: Height(1), change }], lag });
        };
        let rows: Vec<Row> = decode(&bytes, META_BYTES_MAX).map_err(|error| StoreError::Undecodable {
            record: Record::Column("meta"),
            key: META_NAME.as_bytes().to_vec(),
            error,
        })?;
        let entry = |row: Row| ScheduledSet {
            from: row.from,
            change: SetChange { validators: row.validators, parameters: row.parameters },
        };
        Ok(Self { entries: rows.into_iter().map(entry).collect(), lag })
    }

    /// What an executed height decided, as one change; `None` when it decided nothing.
    pub(super) fn decided(&self, height: Height, output: &BlockOutput) -> Option<ScheduledSet> {
        if output.set_change.is_none() && output.parameters_change.is_none() {
            return None;
        }
        let newest = self.entries.last()?;
        let validators =
            output.set_change.as_ref().map_or(&newest.change.validators, |change| &change.validators).clone();
        let parameters = output.parameters_change.map_or(newest.change.parameters, |change| change.parameters);
        Some(ScheduledSet { from: height.plus(self.lag + 2), change: SetChange { validators, parameters } })
    }

    pub(super) fn with(&self, entry: ScheduledSet) -> Self {
        let mut entries = self.entries.clone();
        entries.push(entry);
        let surplus = entries.len().saturating_sub(ENTRIES_MAX);
        entries.drain(..surplus);
        Self { entries, lag: self.lag }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let row = |entry: &ScheduledSet| Row {
            from: entry.from,
            validators: entry.change.validators.clone(),
            parameters: entry.change.parameters,
        };
        encode(&self.entries.iter().map(row).collect::<Vec<_>>())
    }

    /// The entry in force at `height` and all later ones.
    pub(super) fn active(&self, height: Height) -> impl Iterator<Item = &ScheduledSet> {
        let first = self.entries.iter().rposition(|entry| entry.from <= height).unwrap_or(0);
        self.entries.iter().skip(first)
    }
}
