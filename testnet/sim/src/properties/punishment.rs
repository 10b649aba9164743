//! What becomes of those who break the protocol.

use std::collections::{BTreeMap, BTreeSet};

use quancheng_types::{Height, MisbehaviorProof, ValidatorId};

use super::{Observation, Property};
use crate::known::Known;

/// Heights within which a proof that a running validator holds must be in a block: its turn comes many times in them.
const HEIGHTS_MAX: u64 = 80;

/// What an honest validator can prove against another one is ordered, unless it loses power before, or the accused is out of the set.
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
                self.newest = self.newest.max(decided.block.header.height);
                self.punished.extend(decided.block.misbehavior.iter().map(MisbehaviorProof::validator));
                self.judge(known)
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
