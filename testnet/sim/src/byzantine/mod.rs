//! What a faulty node sends instead of what its engine says. It holds its own key and nobody else's.
//!
//! | file | does |
//! |---|---|
//! | `classic` | five narrow kinds: silent, false sync, false headers, false batches, twins |
//! | `forger` | the structured liar: what it does when, and to whom |
//! | `habits` | what it does at every height: withholds, comes just in time, frames, exaggerates, plays absent |
//! | `fabricate` | messages that nobody said |
//! | `surgeon`, `parts`, `leaves` | changes one field of any message, every field of every wire type |
//! | `mend` | makes the rest fit, as far as one key allows |
//! | `past` | keeps a careful liar from convicting itself |
//! | `stock` | what it has heard |

mod classic;
mod fabricate;
mod forger;
mod habits;
mod leaves;
mod mend;
mod parts;
mod past;
mod stock;
mod surgeon;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use quancheng_consensus::message::Message;
use quancheng_types::{NodeId, SigningKey, ValidatorId};

use crate::chain::Member;
use crate::config::{Byzantine, Habit};
use crate::known::Known;
use crate::random::Random;
use classic::Classic;
use forger::Forger;
use mend::Pen;
use stock::{SiblingChain, Stock};

/// A message that a faulty node lets go.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    /// To one peer, or to all.
    pub(crate) to: Option<NodeId>,
    /// The message.
    pub(crate) message: Message,
    /// How long it is kept back, µs.
    pub(crate) after_us: u64,
    /// Whether it is not what its engine said, so that it may not even be well formed.
    pub(crate) is_forged: bool,
}

impl Spoken {
    fn own(to: Option<NodeId>, message: Message) -> Self {
        Self { to, message, after_us: 0, is_forged: false }
    }

    fn forged(to: Option<NodeId>, message: Message) -> Self {
        Self { to, message, after_us: 0, is_forged: true }
    }
}

/// The mind of a faulty node.
pub(crate) enum Liar {
    /// One of the narrow kinds.
    Classic(Box<Classic>),
    /// Changes anything.
    Forger(Box<Forger>),
}

impl Liar {
    /// The mind of the member in this place.
    pub(crate) fn new(
        (kind, habit): (Byzantine, Option<Habit>),
        place: usize,
        members: &[Member],
        chain_id: quancheng_types::ChainId,
        random: Random,
    ) -> Self {
        let own = &members[place];
        match kind {
            Byzantine::Twin | Byzantine::Silent | Byzantine::Liar | Byzantine::Proposer | Byzantine::Batcher => {
                Self::Classic(Box::new(Classic::new(kind, own.key.clone(), random)))
            }
            Byzantine::Forger | Byzantine::Stranger => {
                let others = || members.iter().enumerate().filter(|(other, _)| *other != place);
                let keys: Vec<SigningKey> = others().map(|(_, member)| member.key.clone()).collect();
                let validators: Vec<ValidatorId> =
                    members.iter().map(|member| ValidatorId::of(&member.key.public_key())).collect();
                let peers =
                    others().map(|(_, member)| (member.node_id, ValidatorId::of(&member.key.public_key()))).collect();
                let habit = habit.filter(|habit| kind == Byzantine::Forger || !habit.needs_a_vote());
                let stock = Stock::new(SiblingChain::new(keys), validators);
                Self::Forger(Box::new(Forger::new(Pen::new(own.key.clone(), chain_id), stock, peers, habit, random)))
            }
        }
    }

    /// Looks at what arrives; returns what it says at once.
    pub(crate) fn hear(&mut self, from: NodeId, message: &Arc<Message>) -> Vec<Spoken> {
        match self {
            Self::Classic(classic) => {
                classic.hear(message);
                Vec::new()
            }
            Self::Forger(forger) => forger.hear(from, message),
        }
    }

    /// What it says instead of what its engine says.
    pub(crate) fn speak(&mut self, to: Option<NodeId>, message: Message, known: &Known) -> Vec<Spoken> {
        match self {
            Self::Classic(classic) => {
                classic.speak(message, known).into_iter().map(|message| Spoken::own(to, message)).collect()
            }
            Self::Forger(forger) => forger.speak(to, message),
        }
    }

    /// How often each field was changed.
    pub(crate) fn changes(&self) -> BTreeMap<String, u64> {
        match self {
            Self::Classic(_) => BTreeMap::new(),
            Self::Forger(forger) => forger.changes().clone(),
        }
    }

    /// How often it acted by habit.
    pub(crate) fn acts(&self) -> u64 {
        match self {
            Self::Classic(_) => 0,
            Self::Forger(forger) => forger.acts(),
        }
    }
}
