//! What becomes of those who break the protocol.

use std::collections::{BTreeMap, BTreeSet};

use quancheng_types::{Header, Height, MisbehaviorProof, ValidatorId};

use super::{Observation, Property};
use crate::known::Known;

/// Heights within which a proof that a running validator holds must be in a block: its turn comes many times in them.
const HEIGHTS_MAX: u64 = 80;

/// What an honest validator can prove against another one is ordered, unless it loses power before, or the accused is out of the set; and no block of an honest
/// validator leaves out what its proposer could prove when the height began, whoever else may order it.
#[derive(Default)]
pub(super) struct MisbehaviorIsPunished {
    waiting: BTreeMap<(usize, ValidatorId), Height>,
    punished: BTreeSet<ValidatorId>,
    newest: Height,
}

impl Property for MisbehaviorIsPunished {
    fn name(&self) -> &'static str {
        "misbehavior_is_punished"
    }

    fn observe(&mut self, machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        match observation {
            Observation::Alarmed { convicted } => {
                self.waiting.entry((machine, *convicted)).or_insert(self.newest);
                Ok(())
            }
            Observation::Crashed => {
                self.waiting.retain(|(holder, _), _| *holder != machine);
                Ok(())
            }
            Observation::Committed(decided) => {
                let header = &decided.block.header;
                self.newest = self.newest.max(header.height);
                self.punished.extend(decided.block.misbehavior.iter().map(MisbehaviorProof::validator));
                self.judge(known)?;
                self.judge_block(header, known)
            }
            Observation::Sent { .. }
            | Observation::Reported { .. }
            | Observation::Executed(_)
            | Observation::Blamed { .. }
            | Observation::Halted { .. }
            | Observation::Stands { .. } => Ok(()),
        }
    }
}

impl MisbehaviorIsPunished {
    /// The block after the newest one may have been proposed before its proposer had the proof; those after it were not.
    fn judge_block(&self, header: &Header, known: &Known) -> Result<(), String> {
        let set = known.validators(header.height);
        let left_out = self.waiting.iter().find(|((holder, accused), since)| {
            known.validator_of(*holder) == Some(header.proposer)
                && header.height.0 > since.0 + 1
                && set.by_id(accused).is_some()
        });
        match left_out {
            Some(((_, accused), since)) => Err(format!(
                "proposed block {} without the proof against {accused} that it holds since height {since}",
                header.height
            )),
            None => Ok(()),
        }
    }

    fn judge(&mut self, known: &Known) -> Result<(), String> {
        let set = known.validators(self.newest);
        let is_member = |machine: usize| known.validator_of(machine).is_some_and(|own| set.by_id(&own).is_some());
        let punished = &self.punished;
        self.waiting.retain(|(holder, accused), _| {
            !punished.contains(accused) && set.by_id(accused).is_some() && is_member(*holder)
        });
        let late = self.waiting.iter().find(|(_, since)| self.newest.0 > since.0 + HEIGHTS_MAX);
        match late {
            Some(((_, accused), since)) => Err(format!(
                "holds a proof against {accused} since height {since}, and no block until {} has it",
                self.newest
            )),
            None => Ok(()),
        }
    }
}
