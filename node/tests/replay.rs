//! `quanchengd replay` of recorded blocks: what it finds, and the exit code by which a script learns of it.
#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use quancheng_consensus::{Commit, CommittedBlock};
use quancheng_contracts::modules::{encode_call, encode_genesis};
use quancheng_contracts::weight::batch_weight;
use quancheng_node::config::StoreSection;
use quancheng_node::files::Owner;
use quancheng_node::ledger::{Ledger, execute_stored};
use quancheng_state::StoreError;
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{
    AccountId, Attendance, Batch, BatchCertificate, BatchRef, Block, BlockId, CommitCertificate, Digest, Genesis,
    Header, Height, KeyId, List, NodeId, PROTOCOL_VERSION, Parameters, Round, SignedBatch, SignedTransaction, Signer,
    SigningKey, Suite, Text, Transaction, Validator, ValidatorId, ValidatorSet, Writers,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const START_MS: u64 = 1_790_000_000_000;
const ORGANIZATION: &str = "ORG-GOV-DATA";
const NOTICE: &str = "请安装 quanchengd 0.2";

fn validator_key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

fn founder_key() -> SigningKey {
    SigningKey::from_seed([2; 32])
}

/// A chain of one validator, whose organization alone decides.
fn genesis() -> Genesis {
    let samples: Value = serde_json::from_str(include_str!("../../samples/samples.json")).unwrap();
    let organizations = samples["organizations"].as_array().unwrap();
    let mut founder = organizations.iter().find(|one| one["org_id"] == ORGANIZATION).unwrap().clone();
    let fields = founder.as_object_mut().unwrap();
    fields.remove("status");
    fields.remove("fictional");
    fields.insert("key".to_owned(), founder_key().public_key().to_string().into());
    let validator = Validator {
        public_key: validator_key().public_key(),
        power: 1,
        node_id: NodeId(Digest([1; 32])),
        organization: Text::new(ORGANIZATION).unwrap(),
        interest: Text::default(),
    };
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("泉城测试链").unwrap(),
        time_ms: START_MS,
        parameters: Parameters { writers: Writers::Anyone, ..Parameters::default() },
        validators: ValidatorSet::new(vec![validator]).unwrap(),
        modules: List::new(vec![encode_genesis("identity", json!({ "organizations": [founder] })).unwrap()]).unwrap(),
    }
}

/// The data folder of a stopped node, and what was recorded in it.
struct Recorded {
    folder: TempDir,
    genesis: Genesis,
    ledger: Ledger,
    tip: BlockId,
}

impl Recorded {
    fn new() -> Self {
        let (folder, genesis) = (tempfile::tempdir().unwrap(), genesis());
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        // A replay takes the place of the node, so the folder has a lock to take.
        std::fs::write(data.join("lock"), "").unwrap();
        std::fs::write(folder.path().join("genesis"), genesis.encode()).unwrap();
        let owner = Owner::Validator(ValidatorId::of(&validator_key().public_key()));
        let ledger =
            Ledger::open(&data, &genesis, owner, &StoreSection { memory_mib: 32, ..StoreSection::default() }).unwrap();
        Self { folder, genesis, ledger, tip: BlockId::default() }
    }

    fn height(&self) -> Height {
        self.ledger.tip_status().height.next()
    }

    /// A decision of the organization.
    fn decide(&self, action: &Value) -> SignedTransaction {
        let key = founder_key();
        let public = key.public_key();
        let signer = Signer { account: AccountId::of(&public), key_id: KeyId::of(&public) };
        let call = json!({"propose": {"action": action, "title": "提案"}});
        let body = Transaction {
            chain_id: self.genesis.chain_id(),
            signers: List::new(vec![signer]).unwrap(),
            nonce: self.height().0,
            valid_until_ms: START_MS + 300_000,
            calls: List::new(vec![encode_call("governance", call).unwrap()]).unwrap(),
        };
        body.sign(&[&key]).unwrap()
    }

    fn block(&self, transactions: Vec<SignedTransaction>) -> (Block, Vec<Arc<SignedBatch>>) {
        let mut batches = Vec::new();
        if !transactions.is_empty() {
            let weight = batch_weight(&transactions);
            let batch = Batch::of(transactions).unwrap();
            batches.push(Arc::new(batch.sign(self.genesis.chain_id(), self.height().0, weight, &validator_key())));
        }
        let reference = |batch: &Arc<SignedBatch>| {
            let signature = CertificateSignature { validator: batch.header.author, signature: batch.signature };
            let certificate = BatchCertificate { signatures: List::new(vec![signature]).unwrap() };
            BatchRef { header: batch.header, certificate }
        };
        let references: Vec<_> = batches.iter().map(reference).collect();
        let set = &self.genesis.validators;
        let status = self.ledger.tip_status();
        let attendance = Attendance::default();
        let header = Header {
            version: PROTOCOL_VERSION,
            chain_id: self.genesis.chain_id(),
            height: self.height(),
            time_ms: START_MS + self.height().0 * 1_000,
            parent: self.tip,
            proposer: set.ids()[0],
            round: Round(0),
            batches_root: Block::batches_root(&references),
            validators_hash: set.hash(),
            next_validators_hash: set.hash(),
            params_hash: self.genesis.parameters.hash(),
            executed_height: status.height,
            history_size: status.history_size,
            history_root: status.history_root,
            misbehavior_root: Block::misbehavior_root(&[]),
            attendance_hash: attendance.hash(),
        };
        (Block { header, batches: List::new(references).unwrap(), misbehavior: List::empty(), attendance }, batches)
    }

    /// Records a block, and as its results those of executing `executed` with `batches`.
    fn record_as(&mut self, block: Block, stored: &[Arc<SignedBatch>], executed: &Block, batches: &[Arc<SignedBatch>]) {
        self.ledger.put_batches(stored).unwrap();
        let (height, round, block_id) = (block.header.height, block.header.round, block.id());
        let certificate = CommitCertificate { height, round, block_id, signatures: List::empty() };
        let decided = CommittedBlock { block, certificate };
        self.ledger.put_commits(&[Arc::new(Commit { decided, windows: Vec::new() })]).unwrap();
        execute_stored(&self.ledger, executed, batches).unwrap();
        self.tip = block_id;
    }

    fn record(&mut self, transactions: Vec<SignedTransaction>) {
        let (block, batches) = self.block(transactions);
        self.record_as(block.clone(), &batches, &block, &batches);
    }

    /// The exit code of a replay of it all, and what the program said.
    fn replay(self, arguments: &[&str]) -> (i32, String) {
        let Self { folder, ledger, .. } = self;
        drop(ledger);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "[node]\ndata_dir = {:?}\ngenesis = {:?}\npeer_key = \"none\"\npassword_file = \"none\"\n[network]\nlisten = [\"127.0.0.1:1\"]\n\
             [api]\npublic = \"127.0.0.1:2\"\nadmin = \"127.0.0.1:3\"\n",
            path("data"),
            path("genesis")
        );
        let file: PathBuf = folder.path().join("node.toml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_quanchengd"));
        command.arg("replay").arg("--config").arg(&file).arg("--scratch").arg(folder.path().join("scratch"));
        let output = command.args(arguments).output().unwrap();
        let words = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8(words).unwrap())
    }
}

fn calendar() -> Value {
    json!({"publish_calendar": {"year": 2027, "holidays": ["01-01"], "adjusted_workdays": []}})
}

/// Five heights, the third of which decides something.
fn five() -> Recorded {
    let mut recorded = Recorded::new();
    for height in 1..=5 {
        let transactions = if height == 3 { vec![recorded.decide(&calendar())] } else { Vec::new() };
        recorded.record(transactions);
    }
    recorded
}

#[test]
fn what_gives_the_same_again_is_equal() {
    let (code, words) = five().replay(&[]);
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("EQUAL: heights 1 to 5 (1 receipts)"), "{words}");
}

/// The store says what this build would never have made of the block: it was recorded by a build with other rules, or was changed.
#[test]
fn results_that_differ_end_with_3_and_name_height_and_root() {
    let mut recorded = five();
    let (block, batches) = recorded.block(vec![recorded.decide(&calendar())]);
    recorded.record_as(block.clone(), &batches, &block, &[]);
    recorded.record(Vec::new());
    let (code, words) = recorded.replay(&[]);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("NOT EQUAL at height 6: the root of the receipts") && words.contains("高度 6"), "{words}");

    // Up to the height before, everything is equal.
    let mut recorded = five();
    let (block, batches) = recorded.block(vec![recorded.decide(&calendar())]);
    recorded.record_as(block.clone(), &batches, &block, &[]);
    let (code, words) = recorded.replay(&["--until", "5"]);
    assert_eq!(code, 0, "{words}");
}

#[test]
fn a_block_that_is_not_the_executed_one_or_not_of_the_version_in_force_ends_with_3() {
    let mut recorded = five();
    let (block, _) = recorded.block(Vec::new());
    let mut other = block.clone();
    other.header.time_ms += 1;
    recorded.record_as(block, &[], &other, &[]);
    let (code, words) = recorded.replay(&[]);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("NOT EQUAL at height 6: the block id"), "{words}");

    let mut recorded = five();
    let (mut block, _) = recorded.block(Vec::new());
    block.header.version = PROTOCOL_VERSION + 1;
    recorded.record_as(block.clone(), &[], &block, &[]);
    let (code, words) = recorded.replay(&[]);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("NOT EQUAL at height 6: the version of the rules"), "{words}");

    // A body that is not what its header names.
    let mut recorded = five();
    let (mut block, _) = recorded.block(Vec::new());
    block.header.batches_root = Digest([9; 32]);
    recorded.record_as(block.clone(), &[], &block, &[]);
    let (code, words) = recorded.replay(&[]);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("NOT EQUAL at height 6: the block"), "{words}");
}

/// A node that keeps its newest blocks alone says of the others that it has removed them, and starts without results no more.
#[test]
fn blocks_that_were_removed_are_told_and_cannot_be_executed_again() {
    let mut recorded = Recorded::new();
    let data = recorded.folder.path().join("data");
    let first = recorded.decide(&calendar());
    recorded.record(vec![first.clone()]);
    while recorded.height() <= Height(1_040) {
        recorded.record(Vec::new());
    }
    let keep = StoreSection { memory_mib: 32, keep_blocks: Some(1_024), ..StoreSection::default() };
    let open = |genesis: &Genesis| {
        Ledger::open(&data, genesis, Owner::Validator(ValidatorId::of(&validator_key().public_key())), &keep)
    };
    let Recorded { folder, genesis, ledger, tip } = recorded;
    drop(ledger);
    let ledger = open(&genesis).unwrap();
    let mut recorded = Recorded { folder, genesis, ledger, tip };
    while recorded.height() <= Height(1_080) {
        recorded.record(Vec::new());
    }
    let lowest = recorded.ledger.lowest().unwrap();
    assert_eq!((lowest.block, lowest.receipt, lowest.transaction), (Height(57), Height(57), Height(1)));
    assert_eq!(
        (recorded.ledger.block(Height(56)).unwrap(), recorded.ledger.block(Height(57)).unwrap().is_some()),
        (None, true)
    );
    assert_eq!(recorded.ledger.transaction_location(&first.id()).unwrap(), Some((Height(1), 0)));
    let pruned = StoreError::Pruned { height: Height(1), oldest: Height(57) };
    assert_eq!(recorded.ledger.executed_transaction(&first.id()).map(|_| ()), Err(pruned));

    // Without results nothing is made again, and nothing is changed: with them it is as before.
    let Recorded { folder, genesis, ledger, tip } = recorded;
    drop(ledger);
    let (results, aside) = (data.join("store/results"), data.join("aside"));
    std::fs::rename(&results, &aside).unwrap();
    for _ in 0..2 {
        let words = open(&genesis).unwrap_err().to_string();
        assert!(words.contains("begin at height 57") && words.contains("cannot be made again"), "{words}");
        assert!(words.contains("from a backup") && words.contains("从备份恢复"), "{words}");
        assert!(!results.exists(), "the folder, found again, still fits");
    }
    std::fs::rename(&aside, &results).unwrap();
    let ledger = open(&genesis).unwrap();
    let (code, words) = Recorded { folder, genesis, ledger, tip }.replay(&[]);
    assert_ne!(code, 0, "{words}");
    assert!(words.contains("begin at height 57") && words.contains("归档节点"), "{words}");
}

#[test]
fn blocks_under_rules_that_this_build_does_not_carry_end_with_4_and_say_what_to_install() {
    let mut recorded = Recorded::new();
    let effective = 20;
    let plan = json!({"schedule_version": {"version": PROTOCOL_VERSION + 1, "effective": effective, "notice": NOTICE}});
    recorded.record(vec![recorded.decide(&plan)]);
    while recorded.height() < Height(effective) {
        recorded.record(Vec::new());
    }
    let (mut block, _) = recorded.block(Vec::new());
    block.header.version = PROTOCOL_VERSION + 1;
    recorded.record_as(block.clone(), &[], &block, &[]);
    let (code, words) = recorded.replay(&[]);
    assert_eq!(code, 4, "{words}");
    assert!(words.contains("blocks before it are equal") && words.contains(&format!("height {effective}")), "{words}");
    assert!(words.contains(NOTICE), "{words}");
}
