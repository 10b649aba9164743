//! One action after the other.

use std::sync::Arc;

use bytes::Bytes;
use quancheng_consensus::{Action, Alarm, HaltReason, Message, Offence};
use quancheng_types::NodeId;
use tracing::{error, info, warn};

use super::{Driver, DriverEnd};
use crate::version::UnknownVersion;

impl Driver {
    pub(super) fn perform(&mut self, actions: Vec<Action>) -> Result<(), DriverEnd> {
        for action in actions {
            self.perform_one(action)?;
        }
        Ok(())
    }

    fn perform_one(&mut self, action: Action) -> Result<(), DriverEnd> {
        let parts = &mut self.parts;
        match action {
            Action::AppendLog(entry) => parts.log.append(&entry),
            Action::RecordSign(record) => self.staged.record = Some(record),
            Action::Commit(commit) => self.staged.commits.push(commit),
            Action::Flush => return self.flush(),
            Action::Send { to, message } => self.send(to, &message),
            Action::Broadcast(message) => self.broadcast(&message),
            Action::CheckBatch { batch } => parts.verifier.check_batch(batch),
            Action::StoreBatch { batch } => parts.ledger.put_certified_batch(batch).map_err(DriverEnd::Ledger)?,
            Action::BatchesReady { height } => parts.executor.execute(height),
            Action::ForgetBatches(batches) => parts.ledger.forget_batches(&batches).map_err(DriverEnd::Ledger)?,
            Action::Serve { to, request } => parts.serve.offer(to, request),
            Action::Blame { peer, offence } => self.blame(peer, offence),
            Action::Alarm(alarm) => return self.alarm(&alarm),
            Action::Halt(HaltReason::UnknownVersion { height, plan }) => {
                let unknown = UnknownVersion { height, plan };
                error!(%height, version = unknown.plan.version, "this node stops: {unknown}");
                return Err(DriverEnd::UnknownVersion(unknown));
            }
            Action::Halt(reason) => {
                error!(?reason, "this node stops: going on would spread an error");
                return Err(DriverEnd::Halted(Box::new(reason)));
            }
        }
        Ok(())
    }

    fn send(&mut self, to: NodeId, message: &Message) {
        let Some(peer) = self.parts.peers.peer_id(&to) else {
            return;
        };
        self.parts.asked.note([to], message, std::time::Instant::now());
        self.pruned_peers.asks(to, message);
        // A peer that is gone or slow is served again by the repeats of the protocol.
        if self.parts.network.send(&peer, message.lane().into(), Bytes::from(message.encode())).is_err() {
            self.parts.metrics.messages_dropped.inc();
        }
    }

    fn broadcast(&self, message: &Message) {
        if message.asks_for().is_some() {
            self.parts.asked.note(self.parts.peers.node_ids(), message, std::time::Instant::now());
        }
        if let Ok(report) = self.parts.network.broadcast(message.lane().into(), &Bytes::from(message.encode())) {
            self.parts.metrics.messages_dropped.inc_by(u64::try_from(report.dropped).unwrap_or(u64::MAX));
        }
    }

    fn blame(&self, peer: NodeId, offence: Offence) {
        self.parts.metrics.offences.inc();
        if self.parts.bars.bar(peer, std::time::Instant::now()) {
            warn!(%peer, ?offence, "a peer broke the protocol; it is not listened to for a while");
        }
    }

    fn alarm(&mut self, alarm: &Alarm) -> Result<(), DriverEnd> {
        self.parts.metrics.alarms.inc();
        match alarm {
            // What this node was made sure of is durable; going on would make the harm greater, whoever else has the key.
            Alarm::SignedElsewhere { .. } | Alarm::BatchElsewhere { .. } | Alarm::OwnBatchRefused { .. } => {
                error!(alarm = alarm_name(alarm), "{alarm}; this node stops");
                let reason = alarm.to_string();
                self.parts.stopped.write(&reason).map_err(|error| DriverEnd::File(Arc::new(error)))?;
                return Err(DriverEnd::KeyElsewhere(reason));
            }
            Alarm::KeyAlive => {
                error!(alarm = "KeyAlive", "{alarm}");
                return Err(DriverEnd::KeyElsewhere(alarm.to_string()));
            }
            Alarm::KeyAsked { .. } => error!(alarm = "KeyAsked", "{alarm}"),
            Alarm::Behind { own, claimed } => {
                info!(%own, %claimed, "peers are ahead; fetching what was missed")
            }
            Alarm::ClockDrift { proposer, time_ms, now_ms } => {
                // One at every turn of that proposer, for as long as a clock is off.
                if self.clock_watch.is_due_of(*proposer, std::time::Instant::now()) {
                    warn!(%proposer, time_ms, now_ms, "a proposal was not voted for: its time is too far from this node's clock");
                }
            }
            Alarm::NotSafe(_) => warn!(alarm = "NotSafe", "{alarm}"),
            Alarm::LogBehindRecord { .. } => warn!(alarm = "LogBehindRecord", "{alarm}"),
            Alarm::Misbehavior { .. } => warn!(alarm = "Misbehavior", "{alarm}"),
            Alarm::ProposalRefused { .. } => warn!(alarm = "ProposalRefused", "{alarm}"),
        }
        Ok(())
    }
}

/// The name of an alarm that ends the node.
fn alarm_name(alarm: &Alarm) -> &'static str {
    if matches!(alarm, Alarm::SignedElsewhere { .. }) {
        "SignedElsewhere"
    } else if matches!(alarm, Alarm::BatchElsewhere { .. }) {
        "BatchElsewhere"
    } else {
        "OwnBatchRefused"
    }
}
