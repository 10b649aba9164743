//! Before the first signature: does anybody hold signatures of this key that its record does not know?
//!
//! A cloned key or a restored backup signs what was signed before. So a starting validator asks everybody for the latest
//! statement they saw of it, and signs nothing before validators with a quorum of power, itself counted, have answered. That
//! costs no liveness, since without a quorum nothing is decided anyway; and any earlier precommit that helped to decide was
//! counted by a quorum, which meets this one in an honest validator: it answers with that statement, or with a committed height
//! beyond it.
//!
//! - A statement that the record does not cover raises the floor of the record above its height, and an alarm.
//! - A height that validators with more than a third of the power have committed raises the floor above it: nothing is to be
//!   signed there any more.
//! - Besides, the node waits out a quarantine, so that a clone that runs at the same moment is heard. A key that has never signed,
//!   on a chain that nobody has seen a block of, need not wait: four fresh nodes start at once.

use std::collections::BTreeMap;

use quancheng_types::{Height, NodeId, Round, SignedProposal, SignedVote, ValidatorId};

use super::requests::RequestKind;
use super::{Alarm, Engine, Offence, TimerKey};
use crate::limits::{PEERS_MAX, SIGN_QUERY_RETRY_MS, STATUS_INTERVAL_MS};
use crate::message::{Message, SignAnswer, SignQuery, SignedStatement, Status};
use crate::sign_record::{Slot, SlotValue};
use crate::signer::{proposal_slot, vote_slot};

/// How far the start has come.
#[derive(Debug)]
pub(crate) enum StartUp {
    /// `Input::Start` has not come.
    NotStarted {
        /// To be raised at the start.
        alarms: Vec<Alarm>,
        /// What was found on disk changed the sign record: it is made durable before anything leaves.
        is_record_changed: bool,
    },
    /// Waiting for answers and for the end of the quarantine.
    Asking {
        /// Signed once, asked again and again.
        query: SignQuery,
        not_before_ms: u64,
        /// Nothing says that this key ever signed.
        fresh: bool,
        answers: BTreeMap<ValidatorId, Height>,
    },
    /// Free to sign what the record admits.
    Done,
}

impl StartUp {
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    pub(crate) fn is_waiting_for_start(&self) -> bool {
        matches!(self, Self::NotStarted { .. })
    }
}

impl Engine {
    pub(super) fn on_start(&mut self) {
        let StartUp::NotStarted { alarms, is_record_changed } = &mut self.startup else {
            return;
        };
        let (alarms, is_record_changed) = (std::mem::take(alarms), *is_record_changed);
        for alarm in alarms {
            self.out.alarm(alarm);
        }
        if is_record_changed && let Some(record) = self.signer.record() {
            self.out.record(record.clone());
        }
        let replay = std::mem::take(&mut self.height.replay);
        self.note_logged(&replay);
        self.height.replay = replay;
        let now_ms = self.now.elapsed_ms;
        let heartbeat_ms = self.parameters().heartbeat_ms;
        self.timers.set(TimerKey::Heartbeat, now_ms.saturating_add(heartbeat_ms), Round(0));
        self.timers.set(TimerKey::Status, now_ms.saturating_add(STATUS_INTERVAL_MS), Round(0));
        self.out.broadcast(Message::Status(Status { committed: self.committed() }));
        let (availability, mut env) = self.availability_env();
        availability.delivery.on_start(&mut env);
        let Some(key) = self.signer.key() else {
            self.startup = StartUp::Done;
            return;
        };
        let query = SignQuery::sign(&self.chain_id, key, self.twin.instance);
        let fresh = self.tip.is_none() && self.signer.record().is_some_and(crate::sign_record::SignRecord::is_fresh);
        let not_before_ms = now_ms.saturating_add(self.quarantine_ms);
        self.startup = StartUp::Asking { query, not_before_ms, fresh, answers: BTreeMap::new() };
        self.send_sign_query();
    }

    pub(super) fn send_sign_query(&mut self) {
        let StartUp::Asking { query, .. } = &self.startup else {
            return;
        };
        self.out.broadcast(Message::SignQuery(*query));
        self.timers.set(TimerKey::StartUp, self.now.elapsed_ms.saturating_add(SIGN_QUERY_RETRY_MS), Round(0));
    }

    pub(super) fn on_peer_up(&mut self, peer: NodeId) {
        self.out.send(peer, Message::Status(Status { committed: self.committed() }));
        if let StartUp::Asking { query, .. } = &self.startup {
            self.out.send(peer, Message::SignQuery(*query));
        }
        self.repeat_question(peer);
        self.repeat_accusations(peer);
    }

    /// Answers whoever can sign with the key it asks about; a question that nobody signed is the fault of its carrier.
    pub(super) fn on_sign_query(&mut self, from: NodeId, query: SignQuery) {
        let validator = query.validator();
        let is_ours = validator == self.signer.id();
        let member = self.validators().by_id(&validator).map(|member| member.node_id);
        let latest = self.statements.get(&validator).copied();
        let matters =
            if is_ours { self.is_other_instance(query.instance) } else { member.is_some() || latest.is_some() };
        if !matters || !self.admit_request(from, RequestKind::SignQuery, 1) {
            return;
        }
        let message = SignQuery::message(&self.chain_id, &validator, query.instance);
        if !self.checker.check(&query.key, &message, &query.signature) {
            self.out.blame(from, Offence::BadSignature);
            return;
        }
        if is_ours {
            self.answer_alive(from, query.instance);
            return;
        }
        if member == Some(from) || latest.is_some() {
            let committed = self.committed();
            let answer = SignAnswer { validator, nonce: query.instance, committed, latest, alive: None };
            self.out.send(from, Message::SignAnswer(answer));
        }
        if let Some(node) = member {
            self.pass_on_question(from, node, query);
        }
    }

    pub(super) fn on_sign_answer(&mut self, from: NodeId, answer: &SignAnswer) {
        self.sync.claim(from, answer.committed);
        self.on_alive(answer);
        let me = self.signer.id();
        let Some(sender) = self.validators().by_node(&from).map(quancheng_types::Validator::id) else {
            return;
        };
        let StartUp::Asking { query, fresh, answers, .. } = &mut self.startup else {
            return;
        };
        if answer.nonce != query.instance || answer.validator != me || sender == me {
            return;
        }
        answers.insert(sender, answer.committed);
        if answer.latest.is_some() || answer.committed > Height::GENESIS {
            *fresh = false;
        }
        if let Some(statement) = answer.latest {
            self.heed_own_statement(from, &statement);
        }
    }

    /// Raises the floor when a statement of our key is not covered by the record.
    fn heed_own_statement(&mut self, from: NodeId, statement: &SignedStatement) {
        let Some(key) = self.signer.key().map(quancheng_types::SigningKey::public_key) else {
            return;
        };
        let chain_id = self.chain_id;
        let (named_chain, message, signature, (slot, value)) = describe(statement);
        if named_chain != chain_id || !self.checker.check(&key, &message, &signature) {
            // Whoever answers has verified what it remembers.
            self.out.blame(from, Offence::BadSignature);
            return;
        }
        let me = self.signer.id();
        self.heed_own(&me, slot, value);
    }

    /// Ends the start when a quorum has answered and the quarantine is over.
    pub(super) fn finish_startup(&mut self) {
        let StartUp::Asking { not_before_ms, fresh, answers, .. } = &self.startup else {
            return;
        };
        let validators = self.validators();
        let me = self.signer.id();
        let power = answers
            .keys()
            .chain(std::iter::once(&me))
            .filter_map(|id| validators.by_id(id))
            .fold(0_u64, |power, validator| power.saturating_add(validator.power));
        if power < validators.quorum() || (!fresh && self.now.elapsed_ms < *not_before_ms) {
            return;
        }
        let honest = self.sync.honest_claim(validators);
        self.startup = StartUp::Done;
        self.timers.cancel(TimerKey::StartUp);
        self.speak_up();
        if let Some(record) = self.signer.record_mut()
            && honest > Height::GENESIS
            && record.raise_floor(honest.next())
        {
            let record = record.clone();
            self.out.record(record);
        }
    }

    /// Remembers a verified statement, if it is the latest of its validator.
    pub(super) fn note_statement(&mut self, statement: SignedStatement) {
        let id = match &statement {
            SignedStatement::Vote(SignedVote { validator, .. })
            | SignedStatement::Proposal(SignedProposal { validator, .. }) => *validator,
        };
        let (.., (slot, _)) = describe(&statement);
        let is_latest = self.statements.get(&id).is_none_or(|known| describe(known).3.0 < slot);
        if is_latest && (self.statements.len() < PEERS_MAX || self.statements.contains_key(&id)) {
            self.statements.insert(id, statement);
        }
    }
}

type Described = (quancheng_types::ChainId, quancheng_types::Digest, quancheng_types::Signature, (Slot, SlotValue));

fn describe(statement: &SignedStatement) -> Described {
    match statement {
        SignedStatement::Vote(signed) => {
            (signed.vote.chain_id, signed.vote.sign_message(), signed.signature, vote_slot(&signed.vote))
        }
        SignedStatement::Proposal(signed) => (
            signed.proposal.chain_id,
            signed.proposal.sign_message(),
            signed.signature,
            proposal_slot(&signed.proposal),
        ),
    }
}
