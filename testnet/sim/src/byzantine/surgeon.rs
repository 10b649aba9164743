//! Changes exactly one field of one message.
//!
//! A message is visited twice. The first visit lists the *places* where something can be changed, by the path of field names that
//! leads there; the second changes one of them. Paths have equal chances, whatever the number of their places: a version number
//! is changed as often as one of a hundred signatures. Lists, which can be changed in many ways, have three times the chance.

use std::collections::BTreeMap;

use super::parts::Parts;
use super::stock::Stock;
use crate::random::Random;

/// Names of fields from the message down to a place.
pub(super) type FieldPath = Vec<&'static str>;

enum Visit {
    /// Counts the places of every path, beside its weight.
    Survey(BTreeMap<FieldPath, (usize, u64)>),
    /// Changes the place that is this many places of its path away.
    Strike { path: FieldPath, left: usize, is_done: bool },
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Any field, in any way.
    Anything,
    /// A number, to an end of its range.
    Ends,
}

/// What a visit carries along.
pub(super) struct Surgeon<'a> {
    /// Chance.
    pub(super) random: &'a mut Random,
    /// What the liar has heard: where foreign parts come from.
    pub(super) stock: &'a Stock,
    /// What is changed.
    pub(super) aim: Aim,
    path: FieldPath,
    visit: Visit,
}

impl Surgeon<'_> {
    /// Visits what a field of this name holds.
    pub(super) fn inside(&mut self, field: &'static str, visit: impl FnOnce(&mut Self)) {
        self.path.push(field);
        visit(self);
        self.path.pop();
    }

    /// Whether the value at hand is the one to change.
    pub(super) fn is_struck(&mut self) -> bool {
        self.is_struck_by(1)
    }

    /// As before, for a place of another weight.
    pub(super) fn is_struck_by(&mut self, weight: u64) -> bool {
        self.aim == Aim::Anything && self.meets(weight)
    }

    /// As before, for a number.
    pub(super) fn is_number_struck(&mut self) -> bool {
        self.meets(1)
    }

    fn meets(&mut self, weight: u64) -> bool {
        match &mut self.visit {
            Visit::Survey(places) => {
                places.entry(self.path.clone()).or_insert((0, weight)).0 += 1;
                false
            }
            Visit::Strike { is_done: true, .. } => false,
            Visit::Strike { path, left, is_done } => {
                if *path != self.path {
                    return false;
                }
                *is_done = *left == 0;
                *left = left.saturating_sub(1);
                *is_done
            }
        }
    }
}

/// Changes one place of a value; returns its path, empty where there is nothing of what is aimed at.
pub(super) fn operate(value: &mut impl Parts, aim: Aim, random: &mut Random, stock: &Stock) -> FieldPath {
    let mut survey = Surgeon { random, stock, aim, path: Vec::new(), visit: Visit::Survey(BTreeMap::new()) };
    value.visit(&mut survey);
    let Visit::Survey(places) = survey.visit else {
        return Vec::new();
    };
    let mut left = random.below(places.values().map(|(_, weight)| weight).sum());
    let chosen = places.into_iter().find(|(_, (_, weight))| {
        let is_chosen = left < *weight;
        left = left.saturating_sub(*weight);
        is_chosen
    });
    let Some((path, (count, _))) = chosen else {
        return Vec::new();
    };
    let left = random.index(count);
    let visit = Visit::Strike { path: path.clone(), left, is_done: false };
    value.visit(&mut Surgeon { random, stock, aim, path: Vec::new(), visit });
    path
}

/// Every path of a value.
#[cfg(test)]
pub(super) fn paths(value: &mut impl Parts, random: &mut Random, stock: &Stock) -> Vec<FieldPath> {
    let visit = Visit::Survey(BTreeMap::new());
    let mut survey = Surgeon { random, stock, aim: Aim::Anything, path: Vec::new(), visit };
    value.visit(&mut survey);
    match survey.visit {
        Visit::Survey(places) => places.into_keys().collect(),
        Visit::Strike { .. } => Vec::new(),
    }
}
