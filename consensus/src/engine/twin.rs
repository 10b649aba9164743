//! Does another process use our key, or did it, beyond what our record knows?
//!
//! Two ways lead there: the key is on two machines, or the data folder is an older copy. Either is noticed by what only the key can make:
//!
//! - **A statement of our key that our record does not cover**, in an answer to the start-up question, a vote, a proposal, a certificate of a
//!   round or of a decided block; and **a batch of our key** in a decided block whose number we never gave. The record is written before a
//!   signature leaves, so somebody else signed.
//! - **A living twin.** Every process draws a number, its *instance*, and asks with it at the start (`SignQuery`), signed with its key, so
//!   that nobody can ask in the name of another and make it fear a twin. Whoever holds the same
//!   key and hears a question of another instance signs that instance: "I am alive". Nobody else can, and since the number is
//!   fresh, no old answer fits. Peers pass the question on to whoever they know under that validator's node identity, again whenever
//!   that identity connects (twins that share it take the connection from each other), and the answer to the one that asked. Who gets it
//!   was there later, and has to stop.
//!
//! The engine signs nothing that could conflict (the floor of the record is raised) and raises an alarm; the shell stops the node.

use std::collections::{BTreeMap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::hash::Domain;
use quancheng_types::{
    BatchRef, ChainId, CommitCertificate, Digest, Height, NodeId, PublicKey, Round, Signature, SigningKey, ValidatorId,
    Vote, VoteType,
};

use super::{Alarm, Engine};
use crate::limits::PEERS_MAX;
use crate::message::{Message, SignAnswer};
use crate::sign_record::{Slot, SlotValue};
use crate::signer::vote_slot;

/// "Does anybody know this key from elsewhere?", signed with the key, so that nobody can ask in the name of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignQuery {
    /// The key that is asked about.
    pub key: PublicKey,
    /// The process that asks; repeated in the answer.
    pub instance: u64,
    /// Over [`SignQuery::message`].
    pub signature: Signature,
}

impl SignQuery {
    /// A question of the process `instance`.
    #[must_use]
    pub fn sign(chain_id: &ChainId, key: &SigningKey, instance: u64) -> Self {
        let public = key.public_key();
        let message = Self::message(chain_id, &ValidatorId::of(&public), instance);
        Self { key: public, instance, signature: key.sign(message.as_bytes()) }
    }

    /// Whose key it is.
    #[must_use]
    pub fn validator(&self) -> ValidatorId {
        ValidatorId::of(&self.key)
    }

    /// What is signed: chain, validator, the instance that asks.
    #[must_use]
    pub fn message(chain_id: &ChainId, validator: &ValidatorId, instance: u64) -> Digest {
        Domain::SignQuery.hash_of(&(chain_id, validator, instance))
    }
}

/// "This instance of the key is alive", signed on being asked by another instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Alive {
    /// The one that signs.
    pub instance: u64,
    /// Over [`Alive::message`].
    pub signature: Signature,
}

impl Alive {
    /// What is signed: chain, validator, the instance that asked, the instance that answers.
    #[must_use]
    pub fn message(chain_id: &ChainId, validator: &ValidatorId, asked_by: u64, instance: u64) -> Digest {
        Domain::SignAlive.hash_of(&(chain_id, validator, asked_by, instance))
    }
}

/// A question that was passed on.
#[derive(Clone, Copy, Debug)]
struct Asked {
    query: SignQuery,
    alive: Option<Alive>,
}

/// What is known about processes and keys.
#[derive(Debug)]
pub(crate) struct TwinWatch {
    /// This process.
    pub(crate) instance: u64,
    /// Earlier processes on this data folder.
    earlier: Vec<u64>,
    /// One more than the greatest number that an own batch was given.
    pub(crate) next_sequence: u64,
    /// The newest question of each peer.
    asked: BTreeMap<NodeId, Asked>,
    /// Other processes that asked with our key and were told of, the newest of them.
    pub(super) twins: VecDeque<u64>,
}

/// Twins that are remembered, so that each is told of once.
const TWINS_MAX: usize = 64;

impl TwinWatch {
    pub(crate) fn new(instance: u64, earlier: Vec<u64>, next_sequence: u64) -> Self {
        Self { instance, earlier, next_sequence, asked: BTreeMap::new(), twins: VecDeque::new() }
    }

    /// Whether another process asked with our key.
    pub(crate) fn is_key_asked(&self) -> bool {
        !self.twins.is_empty()
    }

    /// Notes a process that asked with our key; whether it is another one than those that were noted of late.
    fn is_new_twin(&mut self, instance: u64) -> bool {
        if self.twins.contains(&instance) {
            return false;
        }
        if self.twins.len() == TWINS_MAX {
            self.twins.pop_front();
        }
        self.twins.push_back(instance);
        true
    }
}

impl Engine {
    /// Remembers a question about the key of another validator, and hands it to the `node` that the set names for it. `from` asks for
    /// itself or passes it on.
    pub(super) fn pass_on_question(&mut self, from: NodeId, node: NodeId, query: SignQuery) {
        let is_new = self.twin.asked.get(&from).is_none_or(|asked| asked.query != query);
        if is_new && (self.twin.asked.len() < PEERS_MAX || self.twin.asked.contains_key(&from)) {
            self.twin.asked.insert(from, Asked { query, alive: None });
        }
        if node != from && node != self.node_id {
            self.out.send(node, Message::SignQuery(query));
        }
    }

    /// Whether a question about our key that names this instance comes from another process, which is to be told of this one.
    pub(super) fn is_other_instance(&self, asked_by: u64) -> bool {
        let own = self.twin.instance;
        // A peer that missed our start repeats the question of the life before.
        let is_own = asked_by == own || self.twin.earlier.contains(&asked_by);
        // Of two that start at once, one stays.
        !is_own && (self.startup.is_done() || own < asked_by)
    }

    /// Somebody with our key starts while we run.
    pub(super) fn answer_alive(&mut self, to: NodeId, asked_by: u64) {
        let own = self.twin.instance;
        let (chain_id, validator) = (self.chain_id, self.signer.id());
        let Some(key) = self.signer.key() else {
            return;
        };
        let signature = key.sign(Alive::message(&chain_id, &validator, asked_by, own).as_bytes());
        let alive = Some(Alive { instance: own, signature });
        let answer = SignAnswer { validator, nonce: asked_by, committed: self.committed(), latest: None, alive };
        self.out.send(to, Message::SignAnswer(answer));
        if self.startup.is_done() && self.twin.is_new_twin(asked_by) {
            self.out.alarm(Alarm::KeyAsked { from: to });
        }
    }

    /// An answer that says that a key lives: ours, or of one that asked through us.
    pub(super) fn on_alive(&mut self, answer: &SignAnswer) {
        let Some(alive) = answer.alive else {
            return;
        };
        let message = Alive::message(&self.chain_id, &answer.validator, answer.nonce, alive.instance);
        if answer.validator == self.signer.id() {
            let own = self.twin.instance;
            let Some(key) = self.signer.key().map(SigningKey::public_key) else {
                return;
            };
            if answer.nonce == own && alive.instance != own && self.checker.check(&key, &message, &alive.signature) {
                self.out.alarm(Alarm::KeyAlive);
            }
            return;
        }
        let Some(key) = self.validators().by_id(&answer.validator).map(|member| member.public_key) else {
            return;
        };
        let asker = self.twin.asked.iter().find(|(_, asked)| {
            asked.query.validator() == answer.validator && asked.query.instance == answer.nonce && asked.alive.is_none()
        });
        let Some(asker) = asker.map(|(node, _)| *node) else {
            return;
        };
        if !self.checker.check(&key, &message, &alive.signature) {
            return;
        }
        if let Some(asked) = self.twin.asked.get_mut(&asker) {
            asked.alive = Some(alive);
        }
        self.pass_on_alive(asker);
    }

    /// A peer connects: one of two twins, perhaps the other one than before.
    pub(super) fn repeat_question(&mut self, peer: NodeId) {
        let Some(Asked { query, .. }) = self.twin.asked.get(&peer).copied() else {
            return;
        };
        self.out.send(peer, Message::SignQuery(query));
        self.pass_on_alive(peer);
    }

    fn pass_on_alive(&mut self, to: NodeId) {
        let Some(Asked { query, alive: Some(alive) }) = self.twin.asked.get(&to).copied() else {
            return;
        };
        let validator = query.validator();
        let latest = self.statements.get(&validator).copied();
        let committed = self.committed();
        let answer = SignAnswer { validator, nonce: query.instance, committed, latest, alive: Some(alive) };
        self.out.send(to, Message::SignAnswer(answer));
    }

    /// Looks at a verified signature: when it is ours and the record does not cover it, somebody else made it.
    pub(super) fn heed_own(&mut self, validator: &ValidatorId, slot: Slot, value: SlotValue) {
        if *validator != self.signer.id() || self.planted.forgotten_vote() {
            return;
        }
        let Some(record) = self.signer.record_mut() else {
            return;
        };
        if record.covers(slot, value) || !record.raise_floor(slot.height.next()) {
            return;
        }
        let record = record.clone();
        self.out.record(record);
        self.out.alarm(Alarm::SignedElsewhere { height: slot.height, round: slot.round });
    }

    /// As [`Self::heed_own`], for a vote in a certificate that is said to be ours. Its signature is checked here: whoever checks
    /// certificates passes over signers outside the set of the height, which this node may be.
    pub(super) fn heed_own_vote(
        &mut self,
        (kind, height, round): (VoteType, Height, Round),
        block_id: Option<quancheng_types::BlockId>,
        signature: &Signature,
    ) {
        let vote = Vote { kind, chain_id: self.chain_id, height, round, block_id };
        let Some(key) = self.signer.key().map(SigningKey::public_key) else {
            return;
        };
        if self.checker.check(&key, &vote.sign_message(), signature) {
            let (slot, value) = vote_slot(&vote);
            self.heed_own(&self.signer.id(), slot, value);
        }
    }

    /// Looks for our own precommit in the certificate of a decided block that came from peers.
    pub(super) fn heed_own_precommit(&mut self, certificate: &CommitCertificate) {
        let me = self.signer.id();
        if let Some(own) = certificate.signatures.iter().find(|entry| entry.validator == me) {
            let of = (VoteType::Precommit, certificate.height, certificate.round);
            self.heed_own_vote(of, Some(certificate.block_id), &own.signature);
        }
    }

    /// Looks for batches of ours in a decided block that we never made.
    pub(super) fn heed_own_batches(&mut self, batches: &[BatchRef]) {
        let me = self.signer.id();
        if !self.signer.has_key() {
            return;
        }
        let own = batches.iter().filter(|batch| batch.header.author == me).map(|batch| batch.header.sequence);
        let Some(sequence) = own.max().filter(|sequence| *sequence >= self.twin.next_sequence) else {
            return;
        };
        self.twin.next_sequence = sequence.saturating_add(1);
        self.out.alarm(Alarm::BatchElsewhere { sequence });
    }
}
