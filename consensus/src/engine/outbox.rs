//! Puts the actions of one step in their order: what must be durable first, at most one flush, then what may leave.
//!
//! The flush is made only when something depends on it: a signature of this node, or a commit (clients and the executor hear of it
//! right after). Log entries of others' messages wait for the next such flush.

use std::sync::Arc;

use quancheng_types::NodeId;

use super::api::{Action, Alarm, Commit, HaltReason, Offence};
use crate::log::LogEntry;
use crate::message::Message;
use crate::sign_record::SignRecord;

/// Actions of one step.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    durable: Vec<Action>,
    after: Vec<Action>,
    /// Something written in this or an earlier step is not flushed.
    dirty: bool,
    /// Something in this step depends on a flush.
    wanted: bool,
    halt: Option<HaltReason>,
    /// The halt comes after everything else of this step: nothing went wrong.
    is_orderly: bool,
}

impl Outbox {
    pub(crate) fn log(&mut self, entry: LogEntry) {
        self.dirty = true;
        self.durable.push(Action::AppendLog(entry));
    }

    /// A record that must be on disk before anything of this step leaves. Only the newest of a step is written.
    pub(crate) fn record(&mut self, record: SignRecord) {
        self.dirty = true;
        self.wanted = true;
        self.durable.retain(|action| !matches!(action, Action::RecordSign(_)));
        self.durable.push(Action::RecordSign(record));
    }

    pub(crate) fn commit(&mut self, commit: Arc<Commit>) {
        self.dirty = true;
        self.wanted = true;
        self.durable.push(Action::Commit(commit));
    }

    /// A message that carries a new signature of this node.
    pub(crate) fn broadcast_signed(&mut self, message: Message) {
        self.wanted = true;
        self.after.push(Action::Broadcast(message));
    }

    /// The mistake of [`crate::planted`] that lets a message leave before the flush.
    pub(crate) fn broadcast_early(&mut self, message: Message) {
        self.durable.insert(0, Action::Broadcast(message));
    }

    pub(crate) fn broadcast(&mut self, message: Message) {
        self.after.push(Action::Broadcast(message));
    }

    pub(crate) fn send(&mut self, to: NodeId, message: Message) {
        self.after.push(Action::Send { to, message });
    }

    pub(crate) fn blame(&mut self, peer: NodeId, offence: Offence) {
        self.after.push(Action::Blame { peer, offence });
    }

    pub(crate) fn alarm(&mut self, alarm: Alarm) {
        self.after.push(Action::Alarm(alarm));
    }

    /// Anything that depends on no flush, or only on one that a commit makes anyway.
    pub(crate) fn other(&mut self, action: Action) {
        self.after.push(action);
    }

    /// Stops the node. The first reason counts.
    pub(crate) fn halt(&mut self, reason: HaltReason) {
        self.halt.get_or_insert(reason);
    }

    /// Stops the node once everything of this step is flushed and said: nothing went wrong, it only must not go on.
    pub(crate) fn stop(&mut self, reason: HaltReason) {
        if self.halt.is_none() {
            self.is_orderly = true;
            self.halt = Some(reason);
        }
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halt.is_some()
    }

    /// The actions of the step, and whether they end with everything flushed. After a halt nothing leaves any more; an orderly stop is the
    /// last action of its step.
    pub(crate) fn finish(&mut self, early_send: bool) -> (Vec<Action>, bool) {
        let mut durable = std::mem::take(&mut self.durable);
        let after = std::mem::take(&mut self.after);
        if let Some(reason) = self.halt.as_ref().filter(|_| !self.is_orderly) {
            durable.retain(|action| !matches!(action, Action::RecordSign(_)));
            durable
                .extend(after.into_iter().filter(|action| matches!(action, Action::Alarm(_) | Action::Blame { .. })));
            durable.push(Action::Halt(reason.clone()));
            return (durable, false);
        }
        let flush = self.dirty && (self.wanted || self.halt.is_some());
        self.wanted = false;
        if flush {
            self.dirty = false;
            durable.push(Action::Flush);
        }
        let mut after = after;
        after.extend(self.halt.clone().map(Action::Halt));
        if early_send {
            return (after.into_iter().chain(durable).collect(), flush);
        }
        durable.extend(after);
        (durable, flush)
    }
}
