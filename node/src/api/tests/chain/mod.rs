//! A node of one validator in memory, for the tests of the API: real state, receipts, headers and certificates, no network.

mod backend;
mod start;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use quancheng_contracts::modules::{check_call, encode_call};
use quancheng_contracts::{BlockInput, CoreRefusal, RefusalCode as _, execute_block, genesis_patch};
use quancheng_state::view::EmptyView;
use quancheng_state::{BlockCommit, BodyLocation, Executed, Memory, Store, StoreError, StoreOptions};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{
    AccountId, Attendance, Batch, BatchCertificate, BatchId, BatchRef, Block, BlockId, CommitCertificate, Digest,
    Header, Height, KeyId, List, NodeId, PROTOCOL_VERSION, Receipt, Round, SealedTransaction, SignedTransaction,
    Signer, SigningKey, Transaction, TransactionId, ValidatorId, merkle,
};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::admission::AdmissionError;
use crate::api::backend::{CertifiedBlock, Identity, Submitted};
use crate::backup::BackupStatus;
use crate::ledger::Lowest;

pub(in crate::api::tests) use start::{key, organizations};

/// Time of the genesis; block h comes h seconds later.
pub(in crate::api::tests) const START_MS: u64 = 1_790_000_000_000;
/// Organizations of the samples that found the chain; the others may register.
pub(in crate::api::tests) const FOUNDERS: usize = 5;

struct Inner {
    blocks: BTreeMap<Height, (Block, CommitCertificate)>,
    bodies: BTreeMap<TransactionId, SealedTransaction>,
    pending: Vec<SealedTransaction>,
}

/// The node.
pub(in crate::api::tests) struct Fake {
    identity: Identity,
    store: Store,
    inner: Mutex<Inner>,
    sender: broadcast::Sender<Arc<CertifiedBlock>>,
    newest_receipts: Mutex<Arc<Vec<quancheng_types::Receipt>>>,
    /// What the next submission is answered with.
    pub(in crate::api::tests) refusal: Mutex<Option<AdmissionError>>,
    /// Whether nothing is ordered, however long one waits.
    pub(in crate::api::tests) is_stuck: AtomicBool,
    /// Whether it says that it may sign.
    pub(in crate::api::tests) is_signing: AtomicBool,
    /// What the next read of receipts is answered with.
    pub(in crate::api::tests) receipts_error: Mutex<Option<StoreError>>,
    /// The lowest height whose transactions it knows.
    pub(in crate::api::tests) known_from: AtomicU64,
    /// Where its newest backup stands.
    pub(in crate::api::tests) backup: Mutex<BackupStatus>,
    /// Where its snapshots are.
    pub(in crate::api::tests) snapshots: std::path::PathBuf,
}

impl Fake {
    pub(in crate::api::tests) fn new() -> Self {
        let genesis = start::genesis();
        let store =
            Store::open(Arc::new(Memory::new()), StoreOptions { blocks_kept_min: 1, ..StoreOptions::default() })
                .expect("empty store");
        let patch = genesis_patch(&genesis, &EmptyView).expect("genesis");
        store.init_genesis(genesis.time_ms, patch, &genesis.validators).expect("genesis");
        let identity = Identity {
            chain_id: genesis.chain_id(),
            node_id: NodeId(Digest([1; 32])),
            validator_id: Some(ValidatorId::of(&key("validator").public_key())),
            genesis: Arc::new(genesis),
        };
        let inner = Mutex::new(Inner { blocks: BTreeMap::new(), bodies: BTreeMap::new(), pending: Vec::new() });
        let fake = Self {
            identity,
            store,
            inner,
            sender: broadcast::channel(16).0,
            refusal: Mutex::new(None),
            is_stuck: AtomicBool::new(false),
            is_signing: AtomicBool::new(true),
            receipts_error: Mutex::new(None),
            newest_receipts: Mutex::default(),
            known_from: AtomicU64::new(1),
            backup: Mutex::default(),
            snapshots: std::path::PathBuf::from("/nonexistent"),
        };
        fake.seal();
        fake
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panics inside")
    }

    /// Forgets blocks and receipts below a height.
    pub(in crate::api::tests) fn prune(&self, to: u64) {
        self.store.sync().expect("in memory");
        assert_eq!(self.store.prune_chain(Height(to), 1_000), Ok(Height(to)));
    }

    fn lowest(&self) -> Lowest {
        let block = self.store.chain().first_block().expect("in memory");
        let transaction = Height(self.known_from.load(Ordering::SeqCst));
        Lowest { block, receipt: self.store.first_receipt(), transaction }
    }

    /// A transaction of one call.
    pub(in crate::api::tests) fn sign(&self, name: &str, module: &str, call: Value, nonce: u64) -> SignedTransaction {
        self.sign_all(&[name], module, call, nonce)
    }

    /// The same of several keys, each for its own account.
    pub(in crate::api::tests) fn sign_all(
        &self,
        names: &[&str],
        module: &str,
        call: Value,
        nonce: u64,
    ) -> SignedTransaction {
        let keys: Vec<SigningKey> = names.iter().map(|name| key(name)).collect();
        let signer = |key: &SigningKey| {
            let public = key.public_key();
            Signer { account: AccountId::of(&public), key_id: KeyId::of(&public) }
        };
        let body = Transaction {
            chain_id: self.identity.chain_id,
            signers: List::new(keys.iter().map(signer).collect()).expect("a few"),
            nonce,
            valid_until_ms: START_MS + 300_000,
            calls: List::new(vec![encode_call(module, call).expect("a call")]).expect("one"),
        };
        body.sign(&keys.iter().collect::<Vec<_>>()).expect("a key for each")
    }

    /// The application of the sample organization with this index.
    pub(in crate::api::tests) fn register(&self, index: usize) -> SignedTransaction {
        let mut call = organizations()[index].clone();
        let fields = call.as_object_mut().expect("an object");
        for field in ["status", "fictional", "roles"] {
            fields.remove(field);
        }
        let name = fields["org_id"].as_str().expect("a text").to_owned();
        self.sign(&name, "identity", json!({ "register": call }), 1)
    }

    /// Puts everything that waits into a block, executes it, and certifies the height before.
    pub(in crate::api::tests) fn seal(&self) -> Height {
        let mut inner = self.inner();
        let transactions = std::mem::take(&mut inner.pending);
        let tip = self.store.tip().expect("genesis");
        let height = tip.height().next();
        let time_ms = START_MS + height.0 * 1000;
        let parent = inner.blocks.last_key_value().map_or_else(BlockId::default, |(_, (block, _))| block.header.id());
        let block = self.block(height, time_ms, parent, &transactions);
        let refs: Vec<&SealedTransaction> = transactions.iter().collect();
        let ordered = block.ordered();
        let input = BlockInput {
            chain_id: self.identity.chain_id,
            version: PROTOCOL_VERSION,
            height,
            time_ms,
            batches: &ordered,
            transactions: &refs,
            already_executed: &|_, _| Ok(false),
            misbehavior: &[],
        };
        let output = execute_block(&self.store.snapshot().expect("snapshot"), &input).expect("executed");
        let body = BodyLocation { batch: BatchId::default(), offset_bytes: 0, length_bytes: 0 };
        let row = |(receipt, signed): (Receipt, &SealedTransaction)| {
            let valid_until_ms = signed.body.valid_until_ms;
            Executed { receipt, body, valid_until_ms }
        };
        let executed = output.receipts.into_iter().zip(&transactions).map(row).collect();
        let commit = BlockCommit {
            height,
            block_id: block.header.id(),
            time_ms,
            patch: output.patch,
            executed,
            ..BlockCommit::default()
        };
        self.store.commit(commit).expect("committed");
        inner.bodies.extend(transactions.into_iter().map(|transaction| (transaction.id(), transaction)));
        let certificate = self.certify(&block.header);
        inner.blocks.insert(height, (block, certificate));
        drop(inner);
        if let Some(before) = height.previous().filter(|before| before.0 > 0) {
            let receipts = Arc::new(self.store.receipts(before).expect("receipts"));
            let time_ms = START_MS + before.0 * 1000;
            let _ = self.sender.send(Arc::new(CertifiedBlock {
                height: before,
                executed_height: height,
                time_ms,
                receipts: Arc::downgrade(&receipts),
            }));
            // As in a node, which keeps those of the newest blocks alone.
            *self.newest_receipts.lock().expect("no panics inside") = receipts;
        }
        height
    }

    fn block(&self, height: Height, time_ms: u64, parent: BlockId, transactions: &[SealedTransaction]) -> Block {
        let validators = &self.identity.genesis.validators;
        let batches = if transactions.is_empty() {
            Vec::new()
        } else {
            let batch = Batch { transactions: List::new(transactions.to_vec()).expect("few") };
            let weight = quancheng_contracts::weight::batch_weight(transactions);
            let signed = batch.sign(self.identity.chain_id, height.0, weight, &key("validator"));
            let signature = CertificateSignature { validator: signed.header.author, signature: signed.signature };
            let certificate = BatchCertificate { signatures: List::new(vec![signature]).expect("one") };
            vec![BatchRef { header: signed.header, certificate }]
        };
        let header = Header {
            version: PROTOCOL_VERSION,
            chain_id: self.identity.chain_id,
            height,
            time_ms,
            parent,
            proposer: validators.ids()[0],
            round: Round(0),
            batches_root: Block::batches_root(&batches),
            validators_hash: validators.hash(),
            next_validators_hash: validators.hash(),
            params_hash: self.identity.genesis.parameters.hash(),
            executed_height: Height(height.0 - 1),
            history_size: height.0,
            history_root: self.store.history_root(height.0).expect("history"),
            misbehavior_root: merkle::empty_root(),
            attendance_hash: Attendance::default().hash(),
        };
        let batches = List::new(batches).expect("one");
        Block { header, batches, misbehavior: List::empty(), attendance: Attendance::default() }
    }

    fn certify(&self, header: &Header) -> CommitCertificate {
        let mut certificate = CommitCertificate {
            height: header.height,
            round: Round(0),
            block_id: header.id(),
            signatures: List::empty(),
        };
        let signature = key("validator").sign(certificate.sign_message(self.identity.chain_id).as_bytes());
        let validator = self.identity.genesis.validators.ids()[0];
        certificate.signatures = List::new(vec![CertificateSignature { validator, signature }]).expect("one");
        certificate
    }

    fn take(&self, transaction: SealedTransaction) -> Result<Submitted, AdmissionError> {
        if let Some(error) = self.refusal.lock().expect("no panics inside").take() {
            return Err(error);
        }
        transaction.check(&self.identity.chain_id).map_err(AdmissionError::Transaction)?;
        for (index, call) in (0_u8..).zip(&transaction.body.calls) {
            check_call(call, &self.identity.genesis.parameters).map_err(|refusal| AdmissionError::Refused {
                module: refusal.module,
                code: refusal.code,
                call: index,
            })?;
        }
        let id = transaction.id();
        let mut inner = self.inner();
        let is_new = !inner.bodies.contains_key(&id) && !inner.pending.iter().any(|other| other.id() == id);
        if is_new {
            inner.pending.push(transaction);
        }
        Ok(Submitted { id, is_new })
    }
}

/// A refusal of the executor, for tests of its texts.
pub(in crate::api::tests) fn core_refusal(refusal: CoreRefusal) -> AdmissionError {
    AdmissionError::Refused { module: quancheng_types::ModuleId(0), code: refusal.code(), call: 0 }
}
