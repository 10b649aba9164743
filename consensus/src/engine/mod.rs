//! The engine: one `step` at a time, no socket, no clock, no disk.
//!
//! ```text
//!   shell ── Input ──▶ step ──▶ [durable…, Flush, messages…] ──▶ shell
//! ```
//!
//! | file | does |
//! |---|---|
//! | `api` | inputs, actions, configuration |
//! | `recover` | from what is on disk to a running engine |
//! | `startup` | asks peers what this key signed, before it signs again |
//! | `own_log` | signatures of this node that the log shows and the record does not |
//! | `start_height` | when a height starts |
//! | `agreement` | runs the voting core |
//! | `propose`, `commit` | makes a proposal; takes in a decision |
//! | `proposals` | judges proposals |
//! | `help` | repeats and answers, so that lost messages do not stop a height |
//! | `data` | batches, results, blocks of peers |
//! | `presence` | whose turns there are, and how a validator gets its own back |
//! | `pace` | how long to wait in a round |
//! | `requests` | how much a peer may ask |
//! | `verify` | which signatures a message carries |
//! | `height`, `outbox`, `timers` | state of a height, order of actions, deadlines |
//!
//! **When a height starts.** An idle chain is quiet. A height starts when there is something to order or to certify, when the one whose
//! turn it is has proposed or more validators speak about it than may be faulty, or when the heartbeat is due (`start_height`).

mod accusations;
mod agreement;
mod ahead;
mod api;
mod cadence;
mod commit;
mod data;
mod height;
mod help;
mod outbox;
mod own_log;
mod pace;
mod presence;
mod proposals;
mod propose;
mod recover;
mod requests;
mod start_height;
mod startup;
#[cfg(test)]
mod tests;
mod timers;
mod twin;
mod verify;

use std::collections::BTreeMap;

use quancheng_types::{ChainId, Height, NodeId, Parameters, ValidatorId, ValidatorSet, VersionPlan};

use ahead::Ahead;
pub use api::{
    Action, Alarm, BatchVerdict, Commit, EngineConfig, EngineStatus, Executed, HaltReason, Input, Now, Offence,
    RecoveredState, ServeRequest, SignatureItem, Tip,
};
use cadence::Cadence;
pub(crate) use outbox::Outbox;
pub use recover::RecoverError;

use crate::availability::{Availability, Env, Windows};
use crate::checker::SignatureChecker;
use crate::log::LogEntry;
use crate::message::{Message, SignedStatement, Status};
use crate::misbehavior::MisbehaviorPool;
use crate::ordering::core::VotingCore;
use crate::ordering::results::Results;
use crate::ordering::schedule::Schedule;
use crate::planted::Planted;
use crate::signer::Signer;
use crate::sync::Sync;
use height::{EarlyMessages, HeightState};
use pace::Pace;
use presence::Attendees;
use requests::Requests;
use startup::StartUp;
use timers::{TimerKey, Timers};
use twin::TwinWatch;

pub use twin::{Alive, SignQuery};

/// Heights that one step starts at most.
const STEP_HEIGHTS_MAX: usize = 4;

/// Orders batches, makes them available, catches up. See the module text.
pub struct Engine {
    chain_id: ChainId,
    node_id: NodeId,
    quarantine_ms: u64,
    planted: Planted,
    now: Now,
    signer: Signer,
    checker: Box<dyn SignatureChecker>,
    core: VotingCore,
    height: HeightState,
    early: EarlyMessages,
    /// Entries of the log from before the restart, of heights after the one in progress.
    logged_ahead: BTreeMap<Height, Vec<LogEntry>>,
    tip: Option<Tip>,
    last_nonempty: Height,
    ahead: Ahead,
    cadence: Cadence,
    heartbeat_due: bool,
    schedule: Schedule,
    results: Results,
    windows: Windows,
    availability: Availability,
    misbehavior: MisbehaviorPool,
    sync: Sync,
    requests: Requests,
    attendees: Attendees,
    pace: Pace,
    startup: StartUp,
    twin: TwinWatch,
    /// The latest statement of each validator that was verified: what a restarted validator asks for.
    statements: BTreeMap<ValidatorId, SignedStatement>,
    timers: Timers,
    status_sent_ms: Option<u64>,
    out: Outbox,
    halted: bool,
}

impl core::fmt::Debug for Engine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine").field("node_id", &self.node_id).field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Takes in one input and returns what is to be done, in order. After [`Action::Halt`] it returns nothing any more.
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Action> {
        if self.halted {
            return Vec::new();
        }
        self.now = Now { elapsed_ms: now.elapsed_ms.max(self.now.elapsed_ms), unix_ms: now.unix_ms };
        self.take_in(input);
        self.drive();
        let (actions, flushed) = self.out.finish(self.planted.early_send());
        self.halted = self.out.is_halted();
        if flushed {
            self.signer.log_entries_flushed = self.height.log_entries;
        }
        actions
    }

    fn take_in(&mut self, input: Input) {
        match input {
            Input::Start => self.on_start(),
            Input::Tick => self.on_tick(),
            Input::PeerUp { peer } => self.on_peer_up(peer),
            Input::PeerDown { peer } => {
                self.sync.forget(&peer);
                self.requests.forget_waiting(&peer);
                let (availability, mut env) = self.availability_env();
                availability.delivery.on_peer_down(&mut env, &peer);
            }
            Input::Peer { from, message, verified } => {
                if verified {
                    for item in self.signatures_in(&message) {
                        self.checker.remember(&item.key, &item.message, &item.signature);
                    }
                }
                self.on_message(from, message);
            }
            Input::LocalBatch { batch } => self.on_local_batch(batch),
            Input::BatchChecked { batch, verdict } => self.on_batch_checked(&batch, verdict),
            Input::Executed(executed) => self.on_executed(executed),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Proposal(_)
            | Message::Vote(_)
            | Message::Votes(_)
            | Message::Polka(_)
            | Message::RoundChange(_) => {
                self.on_agreement(from, message);
            }
            Message::RoundStatus(status) => self.on_round_status(from, &status),
            Message::SignQuery(query) => self.on_sign_query(from, query),
            Message::SignAnswer(answer) => self.on_sign_answer(from, &answer),
            Message::BatchOffer(batch) => self.on_batch_offer(from, batch),
            Message::BatchAck(ack) => self.on_batch_ack(from, &ack),
            Message::BatchCertified(batch) => self.on_batch_certified(from, *batch),
            Message::BatchRequest(ids) => self.on_batch_request(from, &ids),
            Message::BatchResponse(batch) => self.on_batch_response(from, batch),
            Message::Status(Status { committed }) => self.sync.claim(from, committed),
            Message::BlocksRequest(request) => self.on_blocks_request(from, request),
            Message::BlocksResponse(blocks) => self.on_blocks_response(from, blocks.into_vec()),
            Message::Presence(presence) => self.on_presence(from, presence),
            Message::Misbehavior(proof) => self.on_misbehavior(from, *proof),
        }
    }

    /// Does everything that has become possible.
    fn drive(&mut self) {
        // A decision makes the next height possible. A node that is a quorum by itself would go on for ever, so the
        // number of heights in one step is bounded; results of the executor wake it again.
        for _ in 0..STEP_HEIGHTS_MAX {
            let before = self.height.height;
            self.apply_synced();
            self.retry_held();
            self.finish_startup();
            self.start_height();
            self.propose();
            if self.height.height == before || self.out.is_halted() {
                break;
            }
        }
        self.request_blocks();
    }

    fn on_tick(&mut self) {
        while let Some((key, round)) = self.timers.pop_due(self.now.elapsed_ms) {
            match key {
                TimerKey::Core(step) => self.on_timeout(step, round),
                TimerKey::Stuck => self.on_stuck(round),
                TimerKey::Reason => self.tell_proposer_reason(),
                // The step that follows begins the height.
                TimerKey::Cadence => {}
                TimerKey::ProposeAnyway => self.height.propose_anyway = true,
                TimerKey::Heartbeat => self.heartbeat_due = true,
                TimerKey::Status => self.send_status(),
                TimerKey::StartUp => self.send_sign_query(),
                TimerKey::Serve => self.serve_waiting(),
                TimerKey::Presence => self.speak_up(),
            }
        }
        let (availability, mut env) = self.availability_env();
        availability.on_tick(&mut env);
    }

    /// The moment (`Now::elapsed_ms`) at which [`Input::Tick`] is wanted; ask after every step.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        if self.halted {
            return None;
        }
        let deadlines =
            [self.timers.deadline_ms(), self.availability.deadline_ms(), self.sync.deadline_ms(self.committed())];
        deadlines.into_iter().flatten().min()
    }

    /// Own batches that are not ordered yet, or `OWN_BATCHES_MAX` while the oldest of them is about to be left behind by the
    /// window. The batcher stops sealing at `parameters().batches_in_flight_max`.
    #[must_use]
    pub fn local_batches_in_flight(&self) -> usize {
        self.availability.own.in_flight()
    }

    /// Weight of own batches that are not ordered yet. The batcher keeps it within `parameters().author_weight_max`.
    #[must_use]
    pub fn local_weight_in_flight(&self) -> u64 {
        self.availability.own.weight()
    }

    /// Own batches that were ordered since the start.
    #[must_use]
    pub fn local_batches_ordered(&self) -> u64 {
        self.availability.own.ordered()
    }

    /// Parameters in force at the height in progress.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.schedule.at(self.height.height).parameters
    }

    /// Validators in force at the height in progress.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.schedule.at(self.height.height).validators
    }

    /// The validators decided last: in force, or soon.
    #[must_use]
    pub fn latest_validators(&self) -> &ValidatorSet {
        &self.schedule.latest().validators
    }

    /// Versions of the rules in force and in flight as far as they are decided, ascending, with the heights from which they count.
    pub fn versions(&self) -> impl Iterator<Item = (Height, &VersionPlan)> {
        self.schedule.versions()
    }

    /// Where the engine stands.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        EngineStatus {
            committed: self.committed(),
            executed: self.results.newest(),
            certified: self.tip.as_ref().map_or(Height::GENESIS, |tip| tip.header.executed_height),
            round: self.height.started.then(|| self.core.round()),
            signing: self.may_sign(),
            pool_batches: self.availability.pool.len(),
            missing_batches: self.availability.delivery.missing(),
            claimed: self.sync.honest_claim(self.validators()),
            key_asked: self.twin.is_key_asked(),
        }
    }

    /// Whether this node is a validator of the height in progress and its record admits that height.
    fn may_sign(&self) -> bool {
        self.startup.is_done()
            && self.validators().by_id(&self.signer.id()).is_some()
            && self.signer.record().is_some_and(|record| record.floor() <= self.height.height)
    }

    fn committed(&self) -> Height {
        self.tip.as_ref().map_or(Height::GENESIS, |tip| tip.header.height)
    }

    /// The availability part and what it needs, for the height in progress.
    fn availability_env(&mut self) -> (&mut Availability, Env<'_>) {
        let env = Env {
            now: self.now,
            chain_id: self.chain_id,
            me: self.signer.id(),
            rules: self.schedule.at(self.height.height),
            windows: &self.windows,
            checker: self.checker.as_mut(),
            out: &mut self.out,
            is_offering: self.startup.is_done(),
            planted: self.planted,
        };
        (&mut self.availability, env)
    }
}
