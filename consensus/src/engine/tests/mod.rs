//! What single engines do with what they find on disk and with what single peers ask.

mod accusations;
mod hostile;
mod intact;
mod recovery;
mod requests;
mod twins;
mod versions;
mod weight;

use quancheng_types::hash::sha256;
use quancheng_types::{
    BlockId, ChainId, Decisions, Digest, Height, NodeId, Parameters, Round, Schedules, SignedVote, SigningKey, Text,
    Validator, ValidatorId, ValidatorSet, Vote, VoteType,
};

use super::*;
use crate::checker::CachedChecker;
use crate::log::LogEntry;
use crate::sign_record::SignRecord;

/// Wall clock at the start, ms since 1970.
const EPOCH_MS: u64 = 1_800_000_000_000;

fn chain_id() -> ChainId {
    ChainId(Digest([7; 32]))
}

fn key(index: u8) -> SigningKey {
    SigningKey::from_seed([index + 1; 32])
}

fn node_id(index: u8) -> NodeId {
    NodeId(Digest([index + 100; 32]))
}

fn rules(members: u8) -> Schedules {
    let validator = |index| Validator {
        public_key: key(index).public_key(),
        power: 1,
        node_id: node_id(index),
        organization: Text::new("org").unwrap(),
        interest: Text::new("none").unwrap(),
    };
    let validators = ValidatorSet::new((0..members).map(validator).collect()).unwrap();
    Schedules::starting(validators, Parameters::default())
}

fn fresh_record() -> SignRecord {
    SignRecord::fresh(chain_id(), key(0).public_key())
}

/// Validator 0 of a set of so many, at height 1, with this record and log.
fn engine(members: u8, record: SignRecord, log: Vec<LogEntry>) -> Engine {
    engine_with(
        members,
        RecoveredState { sign_record: Some(record), log, ..fresh_state() },
        Box::new(CachedChecker::new()),
    )
}

fn fresh_state() -> RecoveredState {
    let genesis = Executed {
        height: Height(0),
        history_size: 1,
        history_root: sha256(&[b"genesis"]),
        decisions: Decisions::default(),
    };
    RecoveredState { executed: vec![genesis], sign_record: Some(fresh_record()), ..RecoveredState::default() }
}

fn engine_with(members: u8, state: RecoveredState, checker: Box<dyn SignatureChecker>) -> Engine {
    let config = EngineConfig {
        chain_id: chain_id(),
        node_id: node_id(0),
        key: Some(key(0)),
        quarantine_ms: 0,
        instance: EPOCH_MS,
        earlier_instances: Vec::new(),
        #[cfg(feature = "planted-bugs")]
        planted: None,
    };
    Engine::recover(config, RecoveredState { schedules: rules(members), ..state }, checker).unwrap()
}

fn now(elapsed_ms: u64) -> Now {
    Now { elapsed_ms, unix_ms: EPOCH_MS + elapsed_ms }
}

fn vote(height: u64, round: u32, kind: VoteType, block: Option<u8>) -> SignedVote {
    vote_of(0, height, round, kind, block)
}

fn vote_of(index: u8, height: u64, round: u32, kind: VoteType, block: Option<u8>) -> SignedVote {
    let vote = Vote {
        kind,
        chain_id: chain_id(),
        height: Height(height),
        round: Round(round),
        block_id: block.map(|byte| BlockId(Digest([byte; 32]))),
    };
    SignedVote { vote, validator: id_of(index), signature: key(index).sign(vote.sign_message().as_bytes()) }
}

fn id_of(index: u8) -> ValidatorId {
    ValidatorId::of(&key(index).public_key())
}
