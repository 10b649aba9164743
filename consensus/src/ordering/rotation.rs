//! Whose turn it is to propose: weighted round robin over (height, round), the same at every node.
//!
//! The turns of one cycle are spread evenly (smooth weighted round robin: each turn, everyone gains its weight, the one with
//! most takes the turn and pays the total). With equal power this is simply one after the other in order of id. The cycle starts
//! anew with every set, so nothing but the set, those passed over, and the two numbers matters.

use quancheng_types::ValidatorSet;

/// Turns in one cycle at most. Powers are first divided by their greatest common divisor; if they still add up to more, they
/// are scaled down, which only blurs shares below 1/4096.
const CYCLE_TURNS_MAX: u64 = 4096;

/// The turns of one cycle, as places in the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    turns: Vec<usize>,
}

impl Rotation {
    /// Everybody's turns.
    pub(crate) fn new(set: &ValidatorSet) -> Self {
        Self::without(set, &[])
    }

    /// The turns when those at these places have none. At least one place must be left.
    pub(crate) fn without(set: &ValidatorSet, passed_over: &[usize]) -> Self {
        let mut weights = weights(set);
        for place in passed_over {
            weights[*place] = 0;
        }
        let total: i64 = weights.iter().sum();
        let mut credit = vec![0_i64; weights.len()];
        let mut turns = Vec::new();
        for _ in 0..total {
            for (have, weight) in credit.iter_mut().zip(&weights) {
                *have += weight;
            }
            let mut chosen = 0;
            for (index, have) in credit.iter().enumerate() {
                if weights[index] > 0 && (weights[chosen] == 0 || *have > credit[chosen]) {
                    chosen = index;
                }
            }
            credit[chosen] -= total;
            turns.push(chosen);
        }
        Self { turns }
    }

    /// Turns of one cycle.
    pub(crate) fn cycle(&self) -> u32 {
        u32::try_from(self.turns.len()).expect("a cycle has at most CYCLE_TURNS_MAX turns and one per member")
    }

    /// The place in the set of the one whose turn it is.
    pub(crate) fn turn(&self, height: u64, round: u32) -> usize {
        let cycle = u64::try_from(self.turns.len()).expect("a cycle has at most CYCLE_TURNS_MAX turns");
        let turn = (height % cycle + u64::from(round) % cycle) % cycle;
        self.turns[usize::try_from(turn).expect("less than the length of a vector")]
    }
}

/// Weights that add up to at most [`CYCLE_TURNS_MAX`], each at least 1 unless the set has one member per turn.
fn weights(set: &ValidatorSet) -> Vec<i64> {
    let divisor = set.validators().iter().fold(0, |divisor, validator| gcd(divisor, validator.power));
    let total = set.total_power() / divisor;
    let scale = total.div_ceil(CYCLE_TURNS_MAX).max(1);
    set.validators()
        .iter()
        .map(|validator| {
            let weight = (validator.power / divisor / scale).max(1);
            i64::try_from(weight).expect("at most CYCLE_TURNS_MAX")
        })
        .collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
