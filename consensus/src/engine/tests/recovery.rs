//! The log and the sign record after a crash within a flush.

use std::collections::BTreeSet;

use quancheng_types::Block;

use super::*;
use crate::log::TimeoutStep;
use crate::message::SignAnswer;
use crate::sign_record::Step;
use crate::signer::{proposal_slot, vote_slot};

fn slot(height: u64, round: u32, step: Step) -> crate::sign_record::Slot {
    crate::sign_record::Slot { height: Height(height), round: Round(round), step }
}

fn timeout(height: u64) -> LogEntry {
    LogEntry::Timeout { height: Height(height), round: Round(0), step: TimeoutStep::Propose }
}

/// A record on a disk, and every vote and proposal that left: none may leave before the record on the disk covers it.
struct Shell {
    engine: Engine,
    written: Option<SignRecord>,
    durable: SignRecord,
    votes: BTreeSet<(Height, Round, VoteType, Option<BlockId>)>,
    alarms: Vec<Alarm>,
    commits: Vec<Block>,
    executed: Height,
    elapsed_ms: u64,
}

impl Shell {
    fn new(members: u8, record: SignRecord, log: Vec<LogEntry>) -> Self {
        Self {
            durable: record.clone(),
            engine: engine(members, record, log),
            written: None,
            votes: BTreeSet::new(),
            alarms: Vec::new(),
            commits: Vec::new(),
            executed: Height(0),
            elapsed_ms: 0,
        }
    }

    fn step(&mut self, input: Input) {
        for action in self.engine.step(now(self.elapsed_ms), input) {
            match action {
                Action::RecordSign(record) => self.written = Some(record),
                Action::Flush => {
                    if let Some(record) = self.written.take() {
                        self.durable = record;
                    }
                }
                Action::Broadcast(message) | Action::Send { message, .. } => self.sees(&message),
                Action::Alarm(alarm) => self.alarms.push(alarm),
                Action::Commit(commit) => self.commits.push(commit.decided.block.clone()),
                Action::Halt(reason) => panic!("halted: {reason:?}"),
                Action::AppendLog(_)
                | Action::CheckBatch { .. }
                | Action::StoreBatch { .. }
                | Action::BatchesReady { .. }
                | Action::ForgetBatches(_)
                | Action::Serve { .. }
                | Action::Blame { .. } => {}
            }
        }
    }

    /// Every own signature in a message that leaves.
    fn sees(&mut self, message: &Message) {
        for statement in message.said().statements() {
            let (slot, value) = match statement {
                SignedStatement::Vote(SignedVote { vote, validator, .. }) if validator == id_of(0) => {
                    self.votes.insert((vote.height, vote.round, vote.kind, vote.block_id));
                    vote_slot(&vote)
                }
                SignedStatement::Proposal(signed) if signed.validator == id_of(0) => proposal_slot(&signed.proposal),
                SignedStatement::Vote(_) | SignedStatement::Proposal(_) => continue,
            };
            assert!(self.durable.covers(slot, value), "{slot:?} left too early");
        }
    }

    /// Ticks, and executes what is committed, until `done` or the time is over.
    fn run(&mut self, until_ms: u64, done: impl Fn(&Self) -> bool) {
        while self.elapsed_ms < until_ms && !done(self) {
            self.elapsed_ms += 5;
            self.step(Input::Tick);
            while self.commits.iter().any(|block| block.header.height > self.executed) {
                self.executed = self.executed.next();
                self.step(Input::Executed(Executed {
                    height: self.executed,
                    history_size: self.executed.0 + 1,
                    history_root: sha256(&[&self.executed.0.to_le_bytes()]),
                    decisions: Decisions::default(),
                }));
            }
        }
    }

    fn answer(&mut self, from: u8) {
        self.answer_with(from, Height(0));
    }

    fn answer_with(&mut self, from: u8, committed: Height) {
        let answer = SignAnswer {
            validator: ValidatorId::of(&key(0).public_key()),
            nonce: EPOCH_MS,
            committed,
            latest: None,
            alive: None,
        };
        self.step(Input::Peer { from: node_id(from), message: Message::SignAnswer(answer), verified: false });
    }

    fn values(&self, height: u64, round: u32, kind: VoteType) -> Vec<Option<BlockId>> {
        self.votes
            .iter()
            .filter(|vote| (vote.0, vote.1, vote.2) == (Height(height), Round(round), kind))
            .map(|vote| vote.3)
            .collect()
    }
}

#[test]
fn an_own_vote_that_only_the_log_knows_is_recorded_before_it_leaves() {
    let own = vote(1, 0, VoteType::Prevote, None);
    let log = vec![timeout(1), LogEntry::Vote(own)];
    let mut shell = Shell::new(4, fresh_record(), log);
    shell.step(Input::Start);
    let last = shell.durable.last().copied().unwrap();
    assert_eq!(last.slot, slot(1, 0, Step::Prevote));
    assert_eq!(last.value.block_id, None);
    assert!(shell.votes.is_empty(), "peers are asked first");
    for peer in 1..4 {
        shell.answer(peer);
    }
    shell.run(500, |_| false);
    assert_eq!(shell.values(1, 0, VoteType::Prevote), [None]);
    assert_eq!(shell.alarms, []);
}

#[test]
fn a_start_that_finds_nothing_new_writes_nothing() {
    let mut record = fresh_record();
    let own = vote(1, 0, VoteType::Prevote, None);
    let (slot, value) = vote_slot(&own.vote);
    record.admit(slot, value, 1).unwrap();
    let log = vec![timeout(1), LogEntry::Vote(own)];
    let actions = engine(4, record, log).step(now(0), Input::Start);
    let is_written = |action: &Action| matches!(action, Action::RecordSign(_) | Action::Flush);
    assert!(!actions.iter().any(is_written), "{actions:?}");
}

#[test]
fn votes_of_others_in_the_log_do_not_enter_the_record() {
    let mut other = vote(1, 3, VoteType::Precommit, Some(9));
    other.validator = ValidatorId::of(&key(1).public_key());
    let mut shell = Shell::new(4, fresh_record(), vec![LogEntry::Vote(other)]);
    shell.step(Input::Start);
    assert_eq!(shell.durable, fresh_record());
}

#[test]
fn a_logged_vote_that_contradicts_the_record_is_not_repeated() {
    let mut record = fresh_record();
    let recorded = vote(1, 0, VoteType::Prevote, Some(5));
    let (at, value) = vote_slot(&recorded.vote);
    record.admit(at, value, 0).unwrap();
    let foreign = vote(1, 0, VoteType::Prevote, None);
    let mut shell = Shell::new(4, record, vec![timeout(1), LogEntry::Vote(foreign)]);
    shell.step(Input::Start);
    assert_eq!(shell.durable.floor(), Height(2));
    assert_eq!(shell.alarms, [Alarm::SignedElsewhere { height: Height(1), round: Round(0) }]);
    for peer in 1..4 {
        shell.answer(peer);
    }
    shell.run(2_000, |_| false);
    assert!(shell.votes.is_empty(), "{:?}", shell.votes);
}

#[test]
fn a_height_that_the_others_have_decided_is_not_signed_and_that_is_no_alarm() {
    let mut shell = Shell::new(4, fresh_record(), vec![timeout(1)]);
    shell.step(Input::Start);
    for peer in 1..4 {
        shell.answer_with(peer, Height(1));
    }
    shell.step(Input::Tick);
    assert_eq!(shell.durable.floor(), Height(2));
    // The votes of the others come before the block itself: the core would vote with them.
    for kind in [VoteType::Prevote, VoteType::Precommit] {
        for peer in 1..4 {
            let message = Message::Vote(vote_of(peer, 1, 0, kind, None));
            shell.step(Input::Peer { from: node_id(peer), message, verified: false });
        }
    }
    shell.run(3_000, |_| false);
    assert!(shell.votes.is_empty(), "{:?}", shell.votes);
    assert!(!shell.engine.status().signing);
    assert_eq!(shell.alarms, []);
}

#[test]
fn a_lost_log_is_remembered_by_the_record_itself() {
    let mut record = fresh_record();
    record.admit(slot(1, 0, Step::Prevote), vote_slot(&vote(1, 0, VoteType::Prevote, None).vote).1, 3).unwrap();
    let mut shell = Shell::new(4, record, Vec::new());
    shell.step(Input::Start);
    assert!(matches!(shell.alarms[..], [Alarm::LogBehindRecord { .. }]));
    // Entries that come after the loss fill the log up again: only the floor tells the next start of the loss.
    assert_eq!(shell.durable.floor(), Height(2));
}

#[test]
fn what_was_signed_after_a_commit_that_was_lost_counts_when_its_height_begins() {
    // The flush of block 1 was cut: the log holds a vote of height 2 already, the block and the record are not on disk.
    let own = vote(2, 0, VoteType::Prevote, None);
    let log = vec![timeout(2), LogEntry::Vote(own)];
    let mut shell = Shell::new(1, fresh_record(), log);
    shell.step(Input::Start);
    shell.run(10_000, |shell| shell.commits.len() >= 2);
    assert!(shell.commits.len() >= 2, "{:?}", shell.engine.status());
    assert_eq!(shell.values(2, 0, VoteType::Prevote), [None], "the vote of before, and no other");
    let slots: BTreeSet<_> = shell.votes.iter().map(|v| (v.0, v.1, v.2)).collect();
    assert_eq!(slots.len(), shell.votes.len(), "one value per slot");
}
