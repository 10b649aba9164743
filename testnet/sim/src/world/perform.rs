//! Carries out the actions of an engine, strictly in order, as a node does.

use std::sync::Arc;

use quancheng_consensus::message::{CommittedBlock, Message, MessageError};
use quancheng_consensus::{Action, Alarm, Input};
use quancheng_state::Durability;
use quancheng_types::{NodeId, TransactionId};

use super::{Event, World, breach, store_failed};
use crate::byzantine::Spoken;
use crate::disk::CrashMoment;
use crate::properties::{Breach, Observation};

/// One message in this many goes through its bytes.
const ENCODE_ONE_IN: u64 = 64;

impl World {
    /// One input to one engine, and everything it asks for.
    pub(super) fn step(&mut self, machine: usize, input: Input) -> Result<(), Breach> {
        let time_us = self.now_us;
        let node = &mut self.machines[machine];
        let now = node.now(time_us);
        let Some(engine) = &mut node.engine else {
            return Ok(());
        };
        let actions = engine.step(now, input);
        for action in actions {
            if self.is_power_lost(machine, &action)? {
                return Ok(());
            }
            self.perform(machine, action)?;
        }
        self.plan_wake(machine);
        Ok(())
    }

    fn plan_wake(&mut self, machine: usize) {
        let node = &mut self.machines[machine];
        let Some(deadline_ms) = node.engine.as_ref().and_then(quancheng_consensus::Engine::next_deadline_ms) else {
            return;
        };
        let due_us = node.boot_us.saturating_add(deadline_ms.saturating_mul(1000)).max(self.now_us);
        if node.wake_us.is_none_or(|planned| planned > due_us) {
            node.wake_us = Some(due_us);
            let epoch = node.epoch;
            self.queue.push(due_us, Event::Wake { machine, epoch });
        }
    }

    /// Counts down to an armed crash; true when it happens before this action.
    fn is_power_lost(&mut self, machine: usize, action: &Action) -> Result<bool, Breach> {
        match &mut self.machines[machine].crash_after {
            None => return Ok(false),
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                return Ok(false);
            }
        }
        let is_flush = matches!(action, Action::Flush);
        let moment = if is_flush && self.random.permille(700) { CrashMoment::InFlush } else { CrashMoment::Between };
        self.crash(machine, moment)?;
        Ok(true)
    }

    fn perform(&mut self, machine: usize, action: Action) -> Result<(), Breach> {
        let disk = &mut self.machines[machine].disk;
        match action {
            Action::AppendLog(entry) => disk.append_log(&entry),
            Action::RecordSign(record) => disk.stage_record(record),
            Action::Commit(commit) => disk.stage_commit(commit),
            Action::Flush => return self.flush(machine),
            Action::Send { to, message } => return self.send(machine, Some(to), message),
            Action::Broadcast(message) => return self.send(machine, None, message),
            Action::CheckBatch { batch } => {
                self.plan(machine, 300, 3_000, |machine, epoch| Event::Check { machine, epoch, batch });
            }
            Action::StoreBatch { batch } => disk.put_batch(&batch, Durability::Buffered).map_err(store_failed)?,
            Action::BatchesReady { height } => {
                self.machines[machine].ready.push_back(height);
                self.execute_next(machine);
            }
            Action::ForgetBatches(batches) => {
                disk.chain().delete_batches(&batches).map_err(store_failed)?;
            }
            Action::Serve { to, request } => {
                self.plan(machine, 100, 2_000, |machine, epoch| Event::Serve { machine, epoch, to, request });
            }
            Action::Blame { peer, offence } => {
                let is_peer_honest = self.machines.iter().any(|other| other.node_id() == peer && other.is_honest);
                let what = format!("{offence:?}");
                return self.observe(machine, &Observation::Blamed { is_peer_honest, what });
            }
            Action::Alarm(alarm) => return self.alarm(machine, &alarm),
            Action::Halt(reason) => {
                return self.observe(machine, &Observation::Halted { why: format!("{reason:?}") });
            }
        }
        Ok(())
    }

    /// Plans something that this machine does after a while, unless it crashes before.
    pub(super) fn plan(
        &mut self,
        machine: usize,
        least_us: u64,
        most_us: u64,
        event: impl FnOnce(usize, u32) -> Event,
    ) {
        let time_us = self.now_us + self.random.between(least_us, most_us);
        let epoch = self.machines[machine].epoch;
        self.queue.push(time_us, event(machine, epoch));
    }

    fn flush(&mut self, machine: usize) -> Result<(), Breach> {
        let commits = self.machines[machine].disk.flush().map_err(store_failed)?;
        for commit in commits {
            self.committed(machine, &commit.decided)?;
        }
        Ok(())
    }

    /// A block is final and on disk: now clients of this machine may hear of it.
    pub(super) fn committed(&mut self, machine: usize, decided: &CommittedBlock) -> Result<(), Breach> {
        let (block, height) = (&decided.block, decided.block.header.height);
        self.machines[machine].observed = height;
        if !self.machines[machine].is_honest {
            return Ok(());
        }
        self.observe(machine, &Observation::Committed(decided))?;
        self.known.learn_block(decided);
        self.trace.digest(&block.id().0);
        if height > self.newest.0 {
            self.newest = (height, self.now_us);
        }
        let mut ids: Vec<TransactionId> = Vec::new();
        for batch in &block.batches {
            let id = batch.header.id();
            let is_held = self.machines[machine].disk.chain().has_batch(&id).map_err(store_failed)?;
            let own = self.machines[machine].validator_id();
            if !is_held && batch.certificate.signatures.iter().any(|entry| entry.validator == own) {
                let details =
                    format!("machine {machine} acknowledged batch {id} of height {height} and holds it no more");
                return Err(breach("acknowledged_is_kept", details));
            }
            if let Some(content) = self.known.batch(&id)
                && is_held
            {
                ids.extend(content.batch.transactions.iter().map(|transaction| transaction.id()));
            }
        }
        for id in &ids {
            self.clients.waiting.remove(id);
        }
        self.observe(machine, &Observation::Reported { height, ids: &ids })
    }

    fn alarm(&mut self, machine: usize, alarm: &Alarm) -> Result<(), Breach> {
        if !self.machines[machine].is_honest {
            return Ok(());
        }
        self.stats.alarms += 1;
        match alarm {
            // No key of an honest machine is ever used elsewhere.
            Alarm::SignedElsewhere { .. } => {
                Err(breach("no_double_sign", format!("machine {machine} found its key used elsewhere: {alarm:?}")))
            }
            Alarm::KeyAlive | Alarm::KeyAsked { .. } => {
                Err(breach("no_double_sign", format!("machine {machine} met a twin: {alarm:?}")))
            }
            Alarm::BatchElsewhere { .. } | Alarm::OwnBatchRefused { .. } => {
                Err(breach("admitted_is_ordered", format!("machine {machine}: {alarm:?}")))
            }
            Alarm::LogBehindRecord { .. } => {
                Err(breach("durable_before_visible", format!("machine {machine}: {alarm:?}")))
            }
            Alarm::Misbehavior { validator } => {
                let convicted = *validator;
                self.observe(machine, &Observation::Alarmed { convicted })
            }
            Alarm::NotSafe(_) | Alarm::ProposalRefused { .. } | Alarm::ClockDrift { .. } | Alarm::Behind { .. } => {
                Ok(())
            }
        }
    }

    /// Lets a message leave a machine, to one peer or to all.
    pub(super) fn send(&mut self, machine: usize, to: Option<NodeId>, message: Message) -> Result<(), Breach> {
        if self.machines[machine].is_honest {
            let observation = Observation::Sent { message: &message, durable: &self.machines[machine].disk };
            self.properties.observe(machine, &observation, &self.known)?;
        }
        if let Message::BatchOffer(batch) = &message {
            self.known.learn_batch(batch);
        }
        match &mut self.machines[machine].liar {
            Some(liar) => {
                let spoken = liar.speak(to, message, &self.known);
                self.utter(machine, spoken)
            }
            None => {
                let message = self.through_bytes(message)?;
                if !self.machines[machine].is_honest {
                    // The second of two twins.
                    self.properties.overhear(&message, &self.known);
                }
                self.transmit(machine, to, message, 0);
                Ok(())
            }
        }
    }

    /// What a faulty machine says leaves it. What does not even decode is turned away at the door of the peer.
    fn utter(&mut self, machine: usize, spoken: Vec<Spoken>) -> Result<(), Breach> {
        for Spoken { to, message, after_us, is_forged } in spoken {
            let message = if is_forged {
                match Message::decode(message.lane(), &message.encode()) {
                    Ok(message) => message,
                    Err(_) => continue,
                }
            } else {
                self.through_bytes(message)?
            };
            if let Message::BatchOffer(batch) = &message
                && batch.is_consistent()
            {
                self.known.learn_batch(batch);
            }
            self.properties.overhear(&message, &self.known);
            self.transmit(machine, to, message, after_us);
        }
        Ok(())
    }

    fn transmit(&mut self, machine: usize, to: Option<NodeId>, message: Message, after_us: u64) {
        let message = Arc::new(message);
        let own = self.machines[machine].node_id();
        for receiver in 0..self.machines.len() {
            let node_id = self.machines[receiver].node_id();
            if node_id == own || to.is_some_and(|to| to != node_id) {
                continue;
            }
            self.stats.messages_sent += 1;
            for arrival_us in self.network.arrivals(self.now_us + after_us, machine, receiver).into_iter().flatten() {
                let event = Event::Deliver { to: receiver, from: machine, message: Arc::clone(&message) };
                self.queue.push(arrival_us, event);
            }
        }
    }

    /// Some messages are encoded and decoded again, and must be the same: the wire form is part of what is simulated.
    fn through_bytes(&mut self, message: Message) -> Result<Message, Breach> {
        if self.random.below(ENCODE_ONE_IN) != 0 {
            return Ok(message);
        }
        let decoded: Result<Message, MessageError> = Message::decode(message.lane(), &message.encode());
        match decoded {
            Ok(decoded) if decoded == message => Ok(decoded),
            Ok(_) => Err(breach("wire_form", format!("a {} message changes when it is decoded", message.name()))),
            Err(error) => Err(breach("wire_form", format!("a {} message: {error}", message.name()))),
        }
    }

    pub(super) fn deliver(&mut self, to: usize, from: usize, message: Arc<Message>) -> Result<(), Breach> {
        if !self.machines[to].is_up() {
            return Ok(());
        }
        self.stats.messages_delivered += 1;
        self.trace.text(message.name());
        let from = self.machines[from].node_id();
        if let Some(liar) = &mut self.machines[to].liar {
            let spoken = liar.hear(from, &message);
            self.utter(to, spoken)?;
        }
        let message = Arc::unwrap_or_clone(message);
        self.step(to, Input::Peer { from, message, verified: false })
    }
}
