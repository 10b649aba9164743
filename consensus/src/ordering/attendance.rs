//! Who is passed over as proposer (protocol §4): one pure function from a block's parent to the list that the block must carry.
//!
//! An absent validator costs every one of its turns the propose timeout. So a turn that passed, which the round in the next header
//! shows, takes the validator out of the rotation until it says that it is there.
//!
//! - *Never more than f.* Those passed over have together at most the power that may fail. So among those who keep their turns the
//!   honest have more power than the faulty could have, and agreement is as live as with the plain rotation; nothing else hangs on this list.
//! - *A height in trouble passes over nobody.* From round [`PASSING_ROUNDS`] on every validator has its turns: one that is away may hold the only
//!   lock, and agreement ends only because whoever is locked proposes some day.
//! - *Playing absent pays less and less.* The first word of a validator that is back counts a second after the missed turn, after the next
//!   miss 4 s, then 16 s, up to [`pause_ms`] of [`MISSES_MAX`]. A miss is forgiven only [`FORGIVE_MS`] later, and only to one that proposes. So
//!   in the long run a liar costs the others one timeout in about five minutes.
//! - *Wrong evidence does little harm.* A slow line or a split may make honest validators miss turns. They vote and acknowledge as before,
//!   propose whenever too many are away, and come back within a second or a few.

use quancheng_types::{Absence, Presence, ValidatorId, ValidatorSet};

/// Misses that are counted.
pub(crate) const MISSES_MAX: u8 = 5;
/// Time between the first missed turn and the first word that counts, ms.
const PAUSE_MS: u64 = 1_000;
/// Time after which a miss is forgiven, ms.
pub(crate) const FORGIVE_MS: u64 = 300_000;

/// Rounds of a height in which those that are away have no turns. In a height that takes longer everybody has its turns: one of them may
/// alone be locked on a block, which nobody else would propose again, and be needed for every quorum.
pub(crate) const PASSING_ROUNDS: u32 = 4;

/// Time of blocks between a missed turn and the return, ms: four times as long for each miss that is not forgiven.
pub(crate) fn pause_ms(misses: u8) -> u64 {
    PAUSE_MS << (2 * u32::from(misses.clamp(1, MISSES_MAX) - 1))
}

/// What the block of a height shows.
#[derive(Clone, Debug)]
pub(crate) struct Shown<'a> {
    /// The set of the height.
    pub(crate) validators: &'a ValidatorSet,
    /// Whose turns passed before the block was proposed.
    pub(crate) missed: &'a [ValidatorId],
    /// Who proposed it.
    pub(crate) proposer: ValidatorId,
    /// Its time.
    pub(crate) time_ms: u64,
    /// What it carries.
    pub(crate) presences: &'a [Presence],
}

/// Whether this statement ends the absence it names in a block of this time. Its signature is another matter.
pub(crate) fn is_return(absences: &[Absence], presence: &Presence, time_ms: u64) -> bool {
    find(absences, &presence.validator).is_some_and(|absence| {
        absence.away
            && absence.since_ms == presence.since_ms
            && time_ms >= absence.since_ms.saturating_add(pause_ms(absence.misses))
    })
}

/// The absence of a validator.
pub(crate) fn find<'a>(absences: &'a [Absence], validator: &ValidatorId) -> Option<&'a Absence> {
    absences.iter().find(|absence| absence.validator == *validator)
}

/// The list that a block must carry after `before`, its parent's, ascending by validator. Statements that end no absence are ignored
/// here; a block that carries one is refused.
pub(crate) fn follow(before: &[Absence], shown: &Shown<'_>) -> Vec<Absence> {
    let time_ms = shown.time_ms;
    let mut after: std::collections::BTreeMap<ValidatorId, Absence> = before
        .iter()
        .filter(|absence| shown.validators.by_id(&absence.validator).is_some())
        .map(|absence| (absence.validator, *absence))
        .collect();
    for presence in shown.presences.iter().filter(|presence| is_return(before, presence, time_ms)) {
        if let Some(absence) = after.get_mut(&presence.validator) {
            *absence = Absence { away: false, since_ms: time_ms, ..*absence };
        }
    }
    for validator in shown.missed {
        let misses = after.get(validator).map_or(0, |absence| absence.misses);
        let misses = misses.saturating_add(1).min(MISSES_MAX);
        after.insert(*validator, Absence { validator: *validator, misses, away: true, since_ms: time_ms });
    }
    if let Some(absence) = after.get_mut(&shown.proposer) {
        // Whoever proposes is there: too many were away, or its own earlier turn passed.
        absence.away = false;
        if time_ms >= absence.since_ms.saturating_add(FORGIVE_MS) {
            (absence.misses, absence.since_ms) = (absence.misses.saturating_sub(1), time_ms);
        }
    }
    after.into_values().filter(|absence| absence.misses > 0).collect()
}

/// Who is passed over at the next height, as places in its set, ascending: those first whose missed turn is the latest, and of these those that
/// missed most, as long as they have together no more power than may fail. What was missed long ago says little about who is silent now; a
/// turn that comes back to one that is there ends its absence, to one that is not makes it the latest.
pub(crate) fn passed_over(absences: &[Absence], validators: &ValidatorSet) -> Vec<usize> {
    let mut away: Vec<&Absence> = absences.iter().filter(|absence| absence.away).collect();
    away.sort_by_key(|absence| (std::cmp::Reverse((absence.since_ms, absence.misses)), absence.validator));
    let mut left = validators.total_power().saturating_sub(validators.quorum());
    let mut places = Vec::new();
    for absence in away {
        let Ok(place) = validators.ids().binary_search(&absence.validator) else {
            continue;
        };
        let power = validators.validators().get(place).map_or(u64::MAX, |validator| validator.power);
        if power <= left {
            left -= power;
            places.push(place);
        }
    }
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests;
