//! What the tests of several rooms share.

use std::path::Path;
use std::sync::Arc;

use quancheng_consensus::{Commit, CommittedBlock};
use quancheng_types::{
    Attendance, Block, BlockId, CommitCertificate, Digest, Genesis, Header, Height, List, NodeId, PROTOCOL_VERSION,
    Parameters, Round, SigningKey, Suite, Text, Validator, ValidatorId, ValidatorSet, Writers,
};

use crate::config::StoreSection;
use crate::files::Owner;
use crate::ledger::Ledger;

/// A chain of one validator and no modules' content.
pub(crate) fn genesis() -> Genesis {
    let key = SigningKey::from_seed([1; 32]).public_key();
    let validator = Validator {
        public_key: key,
        power: 1,
        node_id: NodeId(Digest([1; 32])),
        organization: Text::new("ORG-GOV-DATA").unwrap(),
        interest: Text::default(),
    };
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("test").unwrap(),
        time_ms: 1_790_000_000_000,
        parameters: Parameters { writers: Writers::Anyone, ..Parameters::default() },
        validators: ValidatorSet::new(vec![validator]).unwrap(),
        modules: List::empty(),
    }
}

/// The one validator of the chain.
pub(crate) fn owner() -> Owner {
    Owner::Validator(ValidatorId::of(&SigningKey::from_seed([1; 32]).public_key()))
}

/// A ledger of it on disk.
pub(crate) fn ledger(data_dir: &Path) -> Ledger {
    let options = StoreSection { memory_mib: 32, ..Default::default() };
    Ledger::open(data_dir, &genesis(), owner(), &options).unwrap()
}

/// A decided block of a height, with nothing in it.
pub(crate) fn commit(height: u64) -> Arc<Commit> {
    let zero = Digest([0; 32]);
    let header = Header {
        version: PROTOCOL_VERSION,
        chain_id: genesis().chain_id(),
        height: Height(height),
        time_ms: height,
        parent: BlockId(zero),
        proposer: ValidatorId(zero),
        round: Round(0),
        batches_root: zero,
        validators_hash: zero,
        next_validators_hash: zero,
        params_hash: zero,
        executed_height: Height(0),
        history_size: 1,
        history_root: zero,
        misbehavior_root: zero,
        attendance_hash: zero,
    };
    let block = Block { header, batches: List::empty(), misbehavior: List::empty(), attendance: Attendance::default() };
    let certificate =
        CommitCertificate { height: Height(height), round: Round(0), block_id: block.id(), signatures: List::empty() };
    Arc::new(Commit { decided: CommittedBlock { block, certificate }, windows: Vec::new() })
}
