//! What a block may hold, and when it may say that it is.

use quancheng_types::{Height, limits};

use super::{Observation, Property};
use crate::known::Known;

/// A block keeps the limits of the parameters in force.
pub(super) struct WithinLimits;

impl Property for WithinLimits {
    fn name(&self) -> &'static str {
        "within_limits"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Observation::Committed(decided) = observation else {
            return Ok(());
        };
        let (block, height) = (&decided.block, decided.block.header.height);
        if known.block(height).is_some() {
            return Ok(());
        }
        let most = known.parameters_at(height).block_batches_max;
        if usize::try_from(most).is_ok_and(|most| block.batches.len() > most) {
            return Err(format!("height {height} holds {} batches, at most {most} may be", block.batches.len()));
        }
        let bytes = block.encode().len();
        if usize::try_from(limits::BLOCK_BYTES_MAX).is_ok_and(|most| bytes > most) {
            return Err(format!("height {height} has {bytes} bytes, at most {} may be", limits::BLOCK_BYTES_MAX));
        }
        Ok(())
    }
}

/// No block is from the future: a quorum of clocks found its time near.
#[derive(Default)]
pub(super) struct TimeIsNear {
    newest: Height,
}

impl Property for TimeIsNear {
    fn name(&self) -> &'static str {
        "time_is_near"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Observation::Committed(decided) = observation else {
            return Ok(());
        };
        let header = &decided.block.header;
        if header.height <= self.newest {
            return Ok(());
        }
        self.newest = header.height;
        let Some((now_ms, skew_ms)) = known.time else {
            return Ok(());
        };
        let latest_ms = now_ms + skew_ms + known.parameters_at(header.height).clock_drift_max_ms;
        if header.time_ms > latest_ms {
            return Err(format!(
                "height {} says {} ms, {} ms after the latest time at which it could be voted for",
                header.height,
                header.time_ms,
                header.time_ms - latest_ms
            ));
        }
        Ok(())
    }
}
