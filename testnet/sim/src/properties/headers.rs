//! The rules of headers (protocol §4), written a second time.

use std::collections::BTreeSet;

use quancheng_types::{BatchId, Block, Header, Height};

use super::attendance::Attendees;
use super::{Observation, Property};
use crate::known::Known;

/// Every committed header follows from what honest machines know.
#[derive(Default)]
pub(super) struct HeadersHold {
    parent: Option<Header>,
    ordered: BTreeSet<BatchId>,
    attendance: Attendees,
}

impl Property for HeadersHold {
    fn name(&self) -> &'static str {
        "headers_hold"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Observation::Committed(decided) = observation else {
            return Ok(());
        };
        let (block, header) = (&decided.block, &decided.block.header);
        let newest = self.parent.map_or(Height::GENESIS, |parent| parent.height);
        if header.height <= newest {
            return Ok(());
        }
        let round = decided.certificate.round.0;
        self.chained(header, known)?;
        in_force(header, known)?;
        if header.round.0 > round {
            return Err(format!(
                "height {} was proposed in round {} and decided in {round}",
                header.height, header.round
            ));
        }
        self.attendance.follow(block, known)?;
        results(header, self.parent.as_ref(), known)?;
        self.content(block)?;
        self.parent = Some(*header);
        Ok(())
    }
}

impl HeadersHold {
    fn chained(&self, header: &Header, known: &Known) -> Result<(), String> {
        let (height, parent_id, parent_time_ms) = match &self.parent {
            None => (Height::GENESIS, quancheng_types::BlockId::default(), 0),
            Some(parent) => (parent.height, parent.id(), parent.time_ms),
        };
        if header.version != known.version_at(header.height) || header.chain_id != known.chain_id {
            return Err(format!(
                "height {} names version {} and chain {}",
                header.height, header.version, header.chain_id
            ));
        }
        if header.height != height.next() || header.parent != parent_id {
            return Err(format!(
                "height {} with parent {} follows height {height}, {parent_id}",
                header.height, header.parent
            ));
        }
        if header.time_ms <= parent_time_ms {
            return Err(format!(
                "time of height {} is {}, its parent's {parent_time_ms}",
                header.height, header.time_ms
            ));
        }
        Ok(())
    }

    fn content(&mut self, block: &Block) -> Result<(), String> {
        if !block.is_consistent() {
            return Err(format!("the header of height {} does not commit to its content", block.header.height));
        }
        for batch in &block.batches {
            if !self.ordered.insert(batch.header.id()) {
                return Err(format!("batch {} is ordered again at height {}", batch.header.id(), block.header.height));
            }
        }
        Ok(())
    }
}

fn in_force(header: &Header, known: &Known) -> Result<(), String> {
    let own = (known.validators(header.height).hash(), known.validators(header.height.next()).hash());
    if (header.validators_hash, header.next_validators_hash) != own {
        return Err(format!("height {} names other validators than governance decided", header.height));
    }
    if header.params_hash != known.parameters_at(header.height).hash() {
        return Err(format!("height {} names other parameters", header.height));
    }
    Ok(())
}

fn results(header: &Header, parent: Option<&Header>, known: &Known) -> Result<(), String> {
    let (height, executed) = (header.height, header.executed_height);
    let before = parent.map_or(Height::GENESIS, |parent| parent.executed_height);
    let lag_max = known.parameters.execution_lag_max;
    if executed < before || executed >= height || height > executed.plus(lag_max) {
        return Err(format!(
            "height {height} certifies height {executed} after {before}, with a lag of at most {lag_max}"
        ));
    }
    let Some((size, root)) = known.history(executed) else {
        return Err(format!("height {height} certifies height {executed}, which no honest machine has executed"));
    };
    if (header.history_size, header.history_root) != (size, root) {
        return Err(format!(
            "height {height} certifies root {} for height {executed}, honest machines have {root}",
            header.history_root
        ));
    }
    Ok(())
}
