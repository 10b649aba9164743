//! The rules of the agreement (Tendermint), written a second time: what an honest validator says follows from what was said before.
//!
//! The ledger holds every genuine vote that was ever let go: those of honest validators as they leave their machine, those of a
//! faulty one wherever it shows them. What was lost on the way counts too, so that no honest validator is judged by what it cannot
//! know; no rule is weakened by it, because nobody can act on a vote that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use quancheng_consensus::SignatureChecker as _;
use quancheng_consensus::message::Message;
use quancheng_consensus::sign_record::{Slot, SlotValue, Step};
use quancheng_types::{BlockId, CommitCertificate, Height, Round, SignedVote, ValidatorId, ValidatorSet, VoteType};

use super::signing::for_statements;
use super::{Observation, Property};
use crate::known::Known;

type Voters = BTreeSet<ValidatorId>;

/// Everything said at one height.
#[derive(Default)]
struct Said {
    prevotes: BTreeMap<(Round, Option<BlockId>), Voters>,
    precommits: BTreeMap<(Round, Option<BlockId>), Voters>,
    /// The newest block that each honest validator precommitted.
    locks: BTreeMap<ValidatorId, (Round, BlockId)>,
}

impl Said {
    fn voters(&self, kind: VoteType, round: Round, block_id: Option<BlockId>) -> Voters {
        let votes = match kind {
            VoteType::Prevote => &self.prevotes,
            VoteType::Precommit => &self.precommits,
        };
        votes.get(&(round, block_id)).cloned().unwrap_or_default()
    }

    fn note(&mut self, kind: VoteType, round: Round, block_id: Option<BlockId>, voter: ValidatorId) {
        let votes = match kind {
            VoteType::Prevote => &mut self.prevotes,
            VoteType::Precommit => &mut self.precommits,
        };
        votes.entry((round, block_id)).or_default().insert(voter);
    }

    /// Who precommitted anything in this round.
    fn precommitters(&self, round: Round) -> Voters {
        let of_round = self.precommits.iter().filter(|((of, _), _)| *of == round);
        of_round.flat_map(|(_, voters)| voters.iter().copied()).collect()
    }

    /// Who voted in this round.
    fn present(&self, round: Round) -> Voters {
        let all = self.prevotes.iter().chain(&self.precommits);
        all.filter(|((of, _), _)| *of == round).flat_map(|(_, voters)| voters.iter().copied()).collect()
    }

    fn has_polka(&self, set: &ValidatorSet, round: Round, block_id: BlockId, own: ValidatorId) -> bool {
        let mut voters = self.voters(VoteType::Prevote, round, Some(block_id));
        voters.insert(own);
        is_quorum(&voters, set)
    }
}

/// More than two thirds of the power: the rule of the protocol, not the code under test.
pub(super) fn is_quorum(voters: &Voters, set: &ValidatorSet) -> bool {
    power(voters, set) * 3 > set.total_power() * 2
}

fn is_one_honest(voters: &Voters, set: &ValidatorSet) -> bool {
    power(voters, set) * 3 > set.total_power()
}

fn power(voters: &Voters, set: &ValidatorSet) -> u64 {
    set.validators().iter().filter(|validator| voters.contains(&validator.id())).map(|validator| validator.power).sum()
}

/// An honest validator precommits what a quorum prevoted, prevotes against its lock only behind a newer polka, proposes again only
/// what had one, and enters a round only when the one before is over or others are there. What a stored certificate says was said.
#[derive(Default)]
pub(super) struct VotesAreJustified {
    heights: BTreeMap<Height, Said>,
    judged: BTreeMap<Height, Vec<CommitCertificate>>,
}

impl Property for VotesAreJustified {
    fn name(&self) -> &'static str {
        "votes_are_justified"
    }

    fn observe(&mut self, machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Some(own) = known.validator_of(machine) else {
            return Ok(());
        };
        match observation {
            Observation::Sent { message, .. } => for_statements(message, |validator, slot, value| {
                if validator != own {
                    return Ok(());
                }
                self.said(own, slot, value, known)
            }),
            Observation::Committed(decided) => self.is_genuine(own, &decided.certificate, known),
            Observation::Reported { .. }
            | Observation::Executed(_)
            | Observation::Blamed { .. }
            | Observation::Halted { .. }
            | Observation::Alarmed { .. }
            | Observation::Crashed
            | Observation::Stands { .. } => Ok(()),
        }
    }
}

impl VotesAreJustified {
    /// Takes note of what a faulty validator shows.
    pub(super) fn overhear(&mut self, message: &Message, known: &Known) {
        for SignedVote { vote, validator, signature } in message.said().votes(known.chain_id) {
            if known.is_honest_validator(&validator) || vote.chain_id != known.chain_id {
                continue;
            }
            let mut checker = known.checker.clone();
            let key = known.key_of(&validator);
            if key.is_some_and(|key| checker.check(&key, &vote.sign_message(), &signature)) {
                self.heights.entry(vote.height).or_default().note(vote.kind, vote.round, vote.block_id, validator);
            }
        }
    }

    fn said(&mut self, own: ValidatorId, slot: Slot, value: SlotValue, known: &Known) -> Result<(), String> {
        let Slot { height, round, step } = slot;
        let set = known.validators(height);
        if set.by_id(&own).is_none() {
            return Ok(());
        }
        let said = self.heights.entry(height).or_default();
        entered(said, set, own, height, round)?;
        match (step, value.block_id) {
            (Step::Propose, Some(block_id)) => repeated(said, set, own, slot, block_id, value.pol_round)?,
            (Step::Prevote, Some(block_id)) => unlocked(said, set, own, slot, block_id)?,
            (Step::Precommit, Some(block_id)) => {
                if !said.has_polka(set, round, block_id, own) {
                    let voters = said.voters(VoteType::Prevote, round, Some(block_id)).len();
                    return Err(format!("{own} precommits {block_id} at {slot:?}, which {voters} have prevoted"));
                }
                let lock = said.locks.entry(own).or_insert((round, block_id));
                *lock = (*lock).max((round, block_id));
            }
            (Step::Propose | Step::Prevote | Step::Precommit, None) => {}
        }
        match step {
            Step::Propose => {}
            Step::Prevote => said.note(VoteType::Prevote, round, value.block_id, own),
            Step::Precommit => said.note(VoteType::Precommit, round, value.block_id, own),
        }
        Ok(())
    }

    /// Every honest signature in a stored certificate was made, by its machine and for this.
    fn is_genuine(&mut self, own: ValidatorId, proof: &CommitCertificate, known: &Known) -> Result<(), String> {
        let judged = self.judged.entry(proof.height).or_default();
        if judged.contains(proof) {
            return Ok(());
        }
        judged.push(proof.clone());
        let said = self.heights.entry(proof.height).or_default();
        for entry in &proof.signatures {
            let voter = entry.validator;
            if voter == own {
                // Its own vote may be on disk and still on its way.
                said.note(VoteType::Precommit, proof.round, Some(proof.block_id), own);
            }
            let voters = said.voters(VoteType::Precommit, proof.round, Some(proof.block_id));
            if known.is_honest_validator(&voter) && !voters.contains(&voter) {
                return Err(format!(
                    "the certificate of height {} round {} holds a precommit of {voter} that it never made",
                    proof.height, proof.round
                ));
            }
        }
        Ok(())
    }
}

/// A round begins when the precommits of the one before are in, or when somebody honest is there.
fn entered(said: &Said, set: &ValidatorSet, own: ValidatorId, height: Height, round: Round) -> Result<(), String> {
    let Some(before) = round.0.checked_sub(1).map(Round) else {
        return Ok(());
    };
    let mut over = said.precommitters(before);
    over.insert(own);
    let mut present = said.present(round);
    present.remove(&own);
    if is_quorum(&over, set) || is_one_honest(&present, set) || said.present(round).contains(&own) {
        return Ok(());
    }
    Err(format!("{own} is in round {round} of height {height}, which nothing that was said has begun"))
}

/// A block is proposed again only behind its polka.
fn repeated(
    said: &Said,
    set: &ValidatorSet,
    own: ValidatorId,
    slot: Slot,
    block_id: BlockId,
    pol_round: Option<Round>,
) -> Result<(), String> {
    match pol_round {
        Some(of) if of >= slot.round || !said.has_polka(set, of, block_id, own) => {
            Err(format!("{own} proposes {block_id} again at {slot:?} by a polka of round {of} that never was"))
        }
        Some(_) | None => Ok(()),
    }
}

/// A lock gives way to a newer polka only.
fn unlocked(said: &Said, set: &ValidatorSet, own: ValidatorId, slot: Slot, block_id: BlockId) -> Result<(), String> {
    let Some((locked, lock)) = said.locks.get(&own).copied() else {
        return Ok(());
    };
    if lock == block_id || locked >= slot.round {
        return Ok(());
    }
    if (locked.0..slot.round.0).any(|round| said.has_polka(set, Round(round), block_id, own)) {
        return Ok(());
    }
    Err(format!("{own} prevotes {block_id} at {slot:?} although it is locked on {lock} since round {locked}"))
}
