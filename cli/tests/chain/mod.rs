//! A chain of one validator for servers that answer as nodes do. Whatever transaction one of them is given lies in a block of its own,
//! with the outcome that the test wants, and nothing is ever written to the state; so its bundles hold under its genesis.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use quancheng_contracts::governance::parameters_key;
use quancheng_proof::state_proof::{EMPTY, Holding, Terminal, key_hash, leaf_hash, value_hash};
use quancheng_proof::{Bundle, BundleBuilder, LeafProof, StateProof};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::codec::encode;
use quancheng_types::merkle::{self, Path};
use quancheng_types::{
    Attendance, Block, BlockId, ChainId, CommitCertificate, Digest, Genesis, Header, Height, HistoryLeaf, List,
    ModuleId, NodeId, Outcome, PROTOCOL_VERSION, Parameters, Receipt, Round, Schedule, SignedTransaction, SigningKey,
    Suite, Text, TransactionId, Validator, ValidatorId, ValidatorSet,
};
use serde_json::Value;

/// Time of the genesis.
const GENESIS_MS: u64 = 1_768_867_200_000;

/// What all servers of a process were given.
static GIVEN: LazyLock<Mutex<BTreeMap<TransactionId, SignedTransaction>>> = LazyLock::new(Mutex::default);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn validators(seed: u8) -> ValidatorSet {
    let validator = Validator {
        public_key: key(seed).public_key(),
        power: 1,
        node_id: NodeId(Digest([seed; 32])),
        organization: Text::new("市大数据局").expect("short"),
        interest: Text::new("无").expect("short"),
    };
    ValidatorSet::new(vec![validator]).expect("one validator")
}

/// What it starts from.
pub(crate) fn genesis() -> Genesis {
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("试验链").expect("short"),
        time_ms: GENESIS_MS,
        parameters: Parameters::default(),
        validators: validators(1),
        modules: List::empty(),
    }
}

/// Its id.
pub(crate) fn id() -> ChainId {
    genesis().chain_id()
}

/// Takes note of a transaction that a server was given.
pub(crate) fn given(bytes: &[u8]) {
    if let Ok(signed) = SignedTransaction::decode(bytes) {
        GIVEN.lock().expect("no test panics with it").insert(signed.id(), signed);
    }
}

/// The bundle of a transaction that some server was given, with the height and the outcome that a status of it names.
pub(crate) fn of_transaction(id: &TransactionId, status: &Value) -> Option<Bundle> {
    signed_by(1, id, status)
}

/// As [`of_transaction`], by validators that somebody made up, whose seed this is.
pub(crate) fn signed_by(seed: u8, id: &TransactionId, status: &Value) -> Option<Bundle> {
    let signed = GIVEN.lock().expect("no test panics with it").get(id).cloned()?;
    let outcome: Outcome = match status.pointer("/outcome/kind")?.as_str()? {
        "ok" => Outcome::Ok,
        _ => Outcome::Refused {
            module: ModuleId(u16::try_from(status.pointer("/outcome/module")?.as_u64()?).ok()?),
            code: u16::try_from(status.pointer("/outcome/code")?.as_u64()?).ok()?,
            call: u8::try_from(status.pointer("/outcome/call")?.as_u64()?).ok()?,
        },
    };
    let receipt = Receipt { transaction_id: *id, position: 0, outcome, events: List::empty() };
    let height = status.get("height")?.as_u64()?;
    let leaves = history(height, merkle::root(&[receipt.leaf_hash()]), EMPTY);
    let receipts = Path::of(&[receipt.leaf_hash()], 0)?;
    let LeafProof { leaf, path } = last(&leaves);
    let builder = builder(seed, &leaves).transaction(leaf, path, signed, receipt, &receipts);
    builder.and_then(BundleBuilder::build).ok()
}

/// The proof that there is nothing under a key.
pub(crate) fn of_absence(key: &[u8]) -> Bundle {
    let leaves = history(5, merkle::root(&[]), EMPTY);
    let leaf = last(&leaves);
    let proof = StateProof { key_hash: key_hash(key), siblings: List::empty(), terminal: Terminal::Empty };
    let builder = builder(1, &leaves).state(leaf.clone(), leaf, key.to_vec(), None, proof);
    builder.and_then(BundleBuilder::build).expect("one absence makes a bundle")
}

/// The proof of the parameters as of a height: those of the genesis, and what was decided since with the height from which it counts.
pub(crate) fn of_parameters(height: u64, in_flight: Option<(u64, Parameters)>) -> Bundle {
    let mut schedule = Schedule::starting(genesis().parameters);
    if let Some((from, parameters)) = in_flight {
        schedule.decide(Height(height), Height(from), parameters).expect("one is in flight");
    }
    of_entry(height, parameters_key().as_bytes().to_vec(), encode(&schedule))
}

/// The proof of the one entry that a state has as of a height.
fn of_entry(height: u64, key: Vec<u8>, value: Vec<u8>) -> Bundle {
    let holding = Holding { value_hash: Some(value_hash(&value)), since: Height(height), version: 0, until: None };
    let place = key_hash(&key);
    let leaves = history(height, merkle::root(&[]), leaf_hash(&place, &holding));
    let leaf = last(&leaves);
    let terminal = Terminal::Leaf { key_hash: place, holding };
    let proof = StateProof { key_hash: place, siblings: List::empty(), terminal };
    let builder = builder(1, &leaves).state(leaf.clone(), leaf, key, Some(value), proof);
    builder.and_then(BundleBuilder::build).expect("one entry makes a bundle")
}

/// The leaves up to a height, whose receipts and state these are.
fn history(height: u64, receipts_root: Digest, state_root: Digest) -> Vec<HistoryLeaf> {
    let leaf = |at: u64| HistoryLeaf {
        height: Height(at),
        block_id: BlockId::default(),
        time_ms: GENESIS_MS + at * 1000,
        receipts_root: if at == height { receipts_root } else { merkle::root(&[]) },
        state_root: if at == height { state_root } else { EMPTY },
    };
    (0..=height).map(leaf).collect()
}

fn last(leaves: &[HistoryLeaf]) -> LeafProof {
    let hashes: Vec<Digest> = leaves.iter().map(HistoryLeaf::leaf_hash).collect();
    let leaf = *leaves.last().expect("there is the genesis at least");
    LeafProof { leaf, path: Path::of(&hashes, leaf.height.0).expect("it is one of them") }
}

/// The header that certifies these leaves, signed.
fn builder(seed: u8, leaves: &[HistoryLeaf]) -> BundleBuilder {
    let hashes: Vec<Digest> = leaves.iter().map(HistoryLeaf::leaf_hash).collect();
    let size = u64::try_from(leaves.len()).expect("small");
    let set = validators(seed);
    let header = Header {
        version: PROTOCOL_VERSION,
        chain_id: id(),
        height: Height(size),
        time_ms: GENESIS_MS + size * 1000,
        parent: leaves.last().map(|leaf| leaf.block_id).unwrap_or_default(),
        proposer: ValidatorId::of(&key(seed).public_key()),
        round: Round(0),
        batches_root: Block::batches_root(&[]),
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
        params_hash: genesis().parameters.hash(),
        executed_height: Height(size - 1),
        history_size: size,
        history_root: merkle::root(&hashes),
        misbehavior_root: Block::misbehavior_root(&[]),
        attendance_hash: Attendance::default().hash(),
    };
    let mut certificate =
        CommitCertificate { height: header.height, round: Round(0), block_id: header.id(), signatures: List::empty() };
    let signature = key(seed).sign(certificate.sign_message(header.chain_id).as_bytes());
    let signed = CertificateSignature { validator: ValidatorId::of(&key(seed).public_key()), signature };
    certificate.signatures = List::new(vec![signed]).expect("one signature");
    BundleBuilder::new(header, certificate, set)
}

/// What a node of this chain answers to a question for proofs, or for what it starts from; `status` is what it says of a transaction.
pub(crate) fn answer(path: &str, status: impl FnOnce(&str) -> Option<Value>) -> Option<Vec<u8>> {
    if path == "/v1/genesis" {
        return Some(genesis().encode());
    }
    let (kind, key) = path.strip_prefix("/v1/bundles/")?.split_once('/')?;
    let key = key.split('?').next()?;
    match kind {
        "transactions" => {
            let status = status(key)?;
            let is_certified = status["stage"] == "certified";
            is_certified.then(|| of_transaction(&key.parse().ok()?, &status)).flatten().map(|bundle| bundle.encode())
        }
        "state" => {
            let key = hex::decode(key).ok()?;
            let is_parameters = key == parameters_key().as_bytes();
            Some(if is_parameters { of_parameters(9, None) } else { of_absence(&key) }.encode())
        }
        _ => None,
    }
}
