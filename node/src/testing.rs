//! What the tests of several rooms share.

use std::path::Path;
use std::sync::Arc;

use quancheng_consensus::{Commit, CommittedBlock};
use quancheng_types::{
    Attendance, Block, BlockId, CommitCertificate, Digest, Genesis, Header, Height, List, NodeId, PROTOCOL_VERSION,
    Parameters, Round, SigningKey, Suite, Text, Validator, ValidatorId, ValidatorSet, Writers,
};

use crate::config::{NodeConfig, StoreSection};
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

/// A configuration in a folder, with genesis, keys and password beside it.
pub(crate) fn node_config(dir: &Path, genesis: &Genesis, is_validator: bool) -> NodeConfig {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("genesis.json"), serde_json::to_vec(genesis).unwrap()).unwrap();
    std::fs::write(dir.join("password"), "a long password\n").unwrap();
    quancheng_keystore::write(&dir.join("peer.key"), &SigningKey::from_seed([9; 32]), "a long password").unwrap();
    quancheng_keystore::write(&dir.join("validator.key"), &SigningKey::from_seed([1; 32]), "a long password").unwrap();
    let validator = if is_validator { "validator_key = \"validator.key\"" } else { "" };
    let text = format!(
        "[node]\ndata_dir = \"data\"\ngenesis = \"genesis.json\"\npeer_key = \"peer.key\"\n{validator}\npassword_file = \"password\"\n\
         [network]\nlisten = [\"127.0.0.1:1\"]\n[api]\npublic = \"127.0.0.1:2\"\nadmin = \"127.0.0.1:3\"\n[store]\nmemory_mib = 32\n"
    );
    NodeConfig::parse(&text, &dir.join("node.toml"), std::iter::empty()).unwrap()
}
