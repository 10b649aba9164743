//! Whose turn it was, and who is passed over (protocol §4), written a second time. All validators of a simulated network have equal power.

use std::collections::BTreeMap;

use quancheng_types::{Absence, Block, ValidatorId, ValidatorSet};

use crate::known::Known;

/// What is known of one that missed turns: how many, whether it spoke since, and the time of the last change.
type Record = (u8, bool, u64);

/// The absences after the newest block.
#[derive(Default)]
pub(super) struct Attendees {
    records: BTreeMap<ValidatorId, Record>,
}

impl Attendees {
    /// Checks proposer and lists of the next block.
    pub(super) fn follow(&mut self, block: &Block, known: &Known) -> Result<(), String> {
        let header = &block.header;
        let validators = known.validators(header.height);
        let (some, all) = (self.turns(validators), validators.ids().to_vec());
        let turn = |round: u64| {
            // A height that takes many rounds passes over nobody.
            let turns = if round < 4 { &some } else { &all };
            let place =
                usize::try_from((header.height.0 + round) % u64::try_from(turns.len()).unwrap_or(1)).unwrap_or(0);
            turns.get(place).copied()
        };
        let round = u64::from(header.round.0);
        if turn(round) != Some(header.proposer) {
            return Err(format!(
                "height {} was proposed by {} out of turn in round {round}",
                header.height, header.proposer
            ));
        }
        let missed = (0..round.min(128)).filter_map(turn).collect::<std::collections::BTreeSet<_>>();
        self.records.retain(|validator, _| validators.by_id(validator).is_some());
        let before = self.records.clone();
        for presence in &block.attendance.presences {
            match before.get(&presence.validator) {
                Some((misses, true, since_ms))
                    if *since_ms == presence.since_ms
                        && header.time_ms - since_ms >= 1_000 * 4_u64.pow(u32::from(*misses) - 1) =>
                {
                    self.records.insert(presence.validator, (*misses, false, header.time_ms));
                }
                other => return Err(format!("height {} takes {} back: {other:?}", header.height, presence.validator)),
            }
        }
        for validator in missed {
            let misses = self.records.get(&validator).map_or(0, |(misses, ..)| *misses);
            self.records.insert(validator, (5.min(misses + 1), true, header.time_ms));
        }
        if let Some((misses, away, since_ms)) = self.records.get_mut(&header.proposer) {
            *away = false;
            if header.time_ms - *since_ms >= 300_000 {
                (*misses, *since_ms) = (*misses - 1, header.time_ms);
            }
        }
        self.records.retain(|_, (misses, ..)| *misses > 0);
        let expected = self.records.iter().map(|(validator, (misses, away, since_ms))| Absence {
            validator: *validator,
            misses: *misses,
            away: *away,
            since_ms: *since_ms,
        });
        if expected.eq(block.attendance.absences.iter().copied()) {
            return Ok(());
        }
        Err(format!("height {} lists {:?}, not {:?}", header.height, block.attendance.absences, self.records))
    }

    /// Who has turns, in order of id: all but the f that missed a turn last.
    fn turns(&self, validators: &ValidatorSet) -> Vec<ValidatorId> {
        let count = validators.ids().len();
        let mut away: Vec<_> = self.records.iter().filter(|(_, (_, away, _))| *away).collect();
        away.retain(|(validator, _)| validators.by_id(validator).is_some());
        away.sort_by_key(|(validator, (misses, _, since_ms))| (u64::MAX - since_ms, u8::MAX - misses, **validator));
        let passed: Vec<_> = away.into_iter().take((count - 1) / 3).map(|(validator, _)| *validator).collect();
        validators.ids().iter().filter(|id| !passed.contains(id)).copied().collect()
    }
}
