//! A node of one validator in memory, for the tests of the API: real state, receipts, headers and certificates, no network.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use quancheng_contracts::modules::{check_call, encode_call, encode_genesis};
use quancheng_contracts::{BlockInput, CoreRefusal, RefusalCode as _, execute_block, executor, genesis_patch};
use quancheng_proof::SetChange;
use quancheng_state::view::EmptyView;
use quancheng_state::{BlockCommit, BodyLocation, Executed, Memory, Snapshot, Store, StoreError, StoreOptions};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{
    AccountId, Batch, BatchCertificate, BatchId, BatchRef, Block, BlockId, CommitCertificate, Digest, Genesis, Header, Height,
    HistoryLeaf, KeyId, List, NodeId, PROTOCOL_VERSION, Parameters, Receipt, Round, SignedTransaction, Signer, SigningKey, Suite,
    Text, Transaction, TransactionId, Validator, ValidatorId, ValidatorSet, merkle,
};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::admission::AdmissionError;
use crate::api::backend::{
    Answer, Backend, CertifiedBlock, CertifiedHeader, ExecutedTransaction, Identity, NodeStatus, Stage, Submitted,
    TransactionState,
};

/// Time of the genesis; block h comes h seconds later.
pub(super) const START_MS: u64 = 1_790_000_000_000;
/// Organizations of the samples that found the chain; the others may register.
pub(super) const FOUNDERS: usize = 5;

/// The sample organizations.
pub(super) fn organizations() -> Vec<Value> {
    let samples: Value = serde_json::from_str(include_str!("../../../../samples/samples.json")).expect("samples");
    samples["organizations"].as_array().expect("organizations").clone()
}

/// A key by name.
pub(super) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(*merkle::leaf_hash(name.as_bytes()).as_bytes())
}

fn validator() -> Validator {
    Validator {
        public_key: key("validator").public_key(),
        power: 1,
        node_id: NodeId(Digest([1; 32])),
        organization: Text::new("ORG-GOV-DATA").expect("short"),
        interest: Text::new("无").expect("short"),
    }
}

fn genesis() -> Genesis {
    let founders: Vec<Value> = organizations()
        .into_iter()
        .take(FOUNDERS)
        .map(|mut founder| {
            let fields = founder.as_object_mut().expect("an object");
            fields.remove("status");
            fields.remove("fictional");
            let name = fields["org_id"].as_str().expect("a text").to_owned();
            fields.insert("key".to_owned(), key(&name).public_key().to_string().into());
            founder
        })
        .collect();
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("泉城测试链").expect("short"),
        time_ms: START_MS,
        parameters: Parameters::default(),
        validators: ValidatorSet::new(vec![validator()]).expect("one validator"),
        modules: List::new(vec![encode_genesis("identity", json!({ "organizations": founders })).expect("founders")])
            .expect("one"),
    }
}

struct Inner {
    blocks: BTreeMap<Height, (Block, CommitCertificate)>,
    bodies: BTreeMap<TransactionId, SignedTransaction>,
    pending: Vec<SignedTransaction>,
}

/// The node.
pub(super) struct Fake {
    identity: Identity,
    store: Store,
    inner: Mutex<Inner>,
    sender: broadcast::Sender<Arc<CertifiedBlock>>,
    /// What the next submission is answered with.
    pub(super) refusal: Mutex<Option<AdmissionError>>,
    /// Whether nothing is ordered, however long one waits.
    pub(super) is_stuck: AtomicBool,
    /// Whether it says that it may sign.
    pub(super) is_signing: AtomicBool,
    /// What the next read of receipts is answered with.
    pub(super) receipts_error: Mutex<Option<StoreError>>,
}

impl Fake {
    pub(super) fn new() -> Self {
        let genesis = genesis();
        let store = Store::open(Arc::new(Memory::new()), StoreOptions::default()).expect("empty store");
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
        };
        fake.seal();
        fake
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panics inside")
    }

    /// A transaction of one call.
    pub(super) fn sign(&self, name: &str, module: &str, call: Value, nonce: u64) -> SignedTransaction {
        let key = key(name);
        let public = key.public_key();
        let body = Transaction {
            chain_id: self.identity.chain_id,
            signers: List::new(vec![Signer { account: AccountId::of(&public), key_id: KeyId::of(&public) }]).expect("one"),
            nonce,
            valid_until_ms: START_MS + 300_000,
            calls: List::new(vec![encode_call(module, call).expect("a call")]).expect("one"),
        };
        body.sign(&[&key]).expect("one key")
    }

    /// The application of the sample organization with this index.
    pub(super) fn register(&self, index: usize) -> SignedTransaction {
        let mut call = organizations()[index].clone();
        let fields = call.as_object_mut().expect("an object");
        for field in ["status", "fictional", "roles"] {
            fields.remove(field);
        }
        let name = fields["org_id"].as_str().expect("a text").to_owned();
        self.sign(&name, "identity", json!({ "register": call }), 1)
    }

    /// Puts everything that waits into a block, executes it, and certifies the height before.
    pub(super) fn seal(&self) -> Height {
        let mut inner = self.inner();
        let transactions = std::mem::take(&mut inner.pending);
        let tip = self.store.tip().expect("genesis");
        let height = tip.height().next();
        let time_ms = START_MS + height.0 * 1000;
        let parent = inner.blocks.last_key_value().map_or_else(BlockId::default, |(_, (block, _))| block.header.id());
        let block = self.block(height, time_ms, parent, &transactions);
        let refs: Vec<&SignedTransaction> = transactions.iter().collect();
        let input = BlockInput {
            chain_id: self.identity.chain_id,
            version: PROTOCOL_VERSION,
            height,
            time_ms,
            transactions: &refs,
            already_executed: &|_| Ok(false),
            misbehavior: &[],
        };
        let output = execute_block(&self.store.snapshot().expect("snapshot"), &input).expect("executed");
        let body = BodyLocation { batch: BatchId::default(), offset_bytes: 0, length_bytes: 0 };
        let executed = output.receipts.into_iter().map(|receipt| Executed { receipt, body }).collect();
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
            let _ = self.sender.send(Arc::new(CertifiedBlock { height: before, executed_height: height, time_ms, receipts }));
        }
        height
    }

    fn block(&self, height: Height, time_ms: u64, parent: BlockId, transactions: &[SignedTransaction]) -> Block {
        let validators = &self.identity.genesis.validators;
        let batches = if transactions.is_empty() {
            Vec::new()
        } else {
            let batch = Batch { transactions: List::new(transactions.to_vec()).expect("few") };
            let signed = batch.sign(self.identity.chain_id, height.0, &key("validator"));
            let signature =
                CertificateSignature { validator: signed.header.author, signature: signed.signature };
            let certificate = BatchCertificate { signatures: List::new(vec![signature]).expect("one") };
            vec![BatchRef { header: signed.header, certificate }]
        };
        let ids: Vec<Digest> = batches.iter().map(|batch| merkle::leaf_hash(batch.header.id().as_bytes())).collect();
        let header = Header {
            version: PROTOCOL_VERSION,
            chain_id: self.identity.chain_id,
            height,
            time_ms,
            parent,
            proposer: validators.ids()[0],
            batches_root: merkle::root(&ids),
            validators_hash: validators.hash(),
            next_validators_hash: validators.hash(),
            params_hash: self.identity.genesis.parameters.hash(),
            executed_height: Height(height.0 - 1),
            history_size: height.0,
            history_root: self.store.history_root(height.0).expect("history"),
            misbehavior_root: merkle::empty_root(),
        };
        Block { header, batches: List::new(batches).expect("one"), misbehavior: List::empty() }
    }

    fn certify(&self, header: &Header) -> CommitCertificate {
        let mut certificate =
            CommitCertificate { height: header.height, round: Round(0), block_id: header.id(), signatures: List::empty() };
        let signature = key("validator").sign(certificate.sign_message(self.identity.chain_id).as_bytes());
        let validator = self.identity.genesis.validators.ids()[0];
        certificate.signatures = List::new(vec![CertificateSignature { validator, signature }]).expect("one");
        certificate
    }

    fn take(&self, transaction: SignedTransaction) -> Result<Submitted, AdmissionError> {
        if let Some(error) = self.refusal.lock().expect("no panics inside").take() {
            return Err(error);
        }
        transaction.check(&self.identity.chain_id).map_err(AdmissionError::Transaction)?;
        for (index, call) in (0_u8..).zip(&transaction.body.calls) {
            check_call(call, &self.identity.genesis.parameters)
                .map_err(|refusal| AdmissionError::Refused { module: refusal.module, code: refusal.code, call: index })?;
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

impl Backend for Fake {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn status(&self) -> NodeStatus {
        let tip = self.store.tip().expect("genesis");
        NodeStatus {
            height: tip.height(),
            time_ms: tip.leaf.time_ms,
            executed_height: tip.height(),
            certified_height: Height(tip.height().0.saturating_sub(1)),
            history_size: tip.size,
            history_root: tip.root,
            state_root: tip.leaf.state_root,
            round: None,
            is_signing: self.is_signing.load(Ordering::SeqCst),
            is_syncing: false,
            peers: 0,
            connected_validators: 0,
            validators: 1,
            pending_transactions: self.inner().pending.len(),
            uptime_ms: 1,
            lowest_state_height: self.store.oldest(),
        }
    }

    fn parameters(&self) -> Parameters {
        self.identity.genesis.parameters
    }

    fn submit(&self, transactions: Vec<SignedTransaction>) -> Answer<'_, Vec<Result<Submitted, AdmissionError>>> {
        Box::pin(async move { transactions.into_iter().map(|transaction| self.take(transaction)).collect() })
    }

    fn simulate(&self, transaction: SignedTransaction) -> Answer<'_, Result<Receipt, AdmissionError>> {
        Box::pin(async move {
            transaction.check(&self.identity.chain_id).map_err(AdmissionError::Transaction)?;
            let tip = self.store.tip().expect("genesis");
            let input = BlockInput {
                chain_id: self.identity.chain_id,
                version: PROTOCOL_VERSION,
                height: tip.height().next(),
                time_ms: tip.leaf.time_ms + 1,
                transactions: &[],
                already_executed: &|_| Ok(false),
                misbehavior: &[],
            };
            Ok(executor::simulate(&self.store.snapshot()?, &input, &transaction)?)
        })
    }

    fn transaction(&self, id: &TransactionId) -> Result<TransactionState, StoreError> {
        if let Some((height, position)) = self.store.transaction_location(id)? {
            let receipt = self.store.receipt(height, position)?.map(Arc::new);
            let stage = if height <= self.status().certified_height { Stage::Certified } else { Stage::Executed };
            let time_ms = Some(START_MS + height.0 * 1000);
            return Ok(TransactionState::Known { stage, height: Some(height), time_ms, receipt });
        }
        if self.inner().pending.iter().any(|transaction| transaction.id() == *id) {
            return Ok(TransactionState::Known { stage: Stage::Admitted, height: None, time_ms: None, receipt: None });
        }
        Ok(TransactionState::Unknown)
    }

    fn wait(
        &self,
        ids: Vec<TransactionId>,
        stage: Stage,
        timeout: Duration,
    ) -> Answer<'_, Result<Vec<TransactionState>, StoreError>> {
        Box::pin(async move {
            if self.is_stuck.load(Ordering::SeqCst) {
                tokio::time::sleep(timeout).await;
            } else {
                self.seal();
                if stage == Stage::Certified {
                    self.seal();
                }
            }
            ids.iter().map(|id| self.transaction(id)).collect()
        })
    }

    fn snapshot(&self, height: Option<Height>) -> Result<Snapshot, StoreError> {
        height.map_or_else(|| self.store.snapshot(), |height| self.store.snapshot_at(height))
    }

    fn height_at(&self, time_ms: u64) -> Result<Option<Height>, StoreError> {
        let newest = self.status().executed_height.0;
        Ok(time_ms.checked_sub(START_MS).map(|since_ms| Height((since_ms / 1000).min(newest))))
    }

    fn block(&self, height: Height) -> Result<Option<(Block, CommitCertificate)>, StoreError> {
        Ok(self.inner().blocks.get(&height).cloned())
    }

    fn receipts(&self, height: Height) -> Result<Vec<Receipt>, StoreError> {
        match self.receipts_error.lock().expect("no panics inside").take() {
            Some(error) => Err(error),
            None => self.store.receipts(height),
        }
    }

    fn executed_transaction(&self, id: &TransactionId) -> Result<Option<ExecutedTransaction>, StoreError> {
        let Some((height, position)) = self.store.transaction_location(id)? else { return Ok(None) };
        let receipt = self.store.receipt(height, position)?.expect("located");
        let receipt_path = self.store.receipt_path(height, position)?.expect("located");
        let transaction = self.inner().bodies.get(id).cloned().expect("executed");
        Ok(Some(ExecutedTransaction { height, transaction, receipt, receipt_path }))
    }

    fn validators(&self, height: Height) -> Result<Option<ValidatorSet>, StoreError> {
        let is_known = height.0 > 0 && height <= self.status().height;
        Ok(is_known.then(|| self.identity.genesis.validators.clone()))
    }

    fn history_leaf(&self, height: Height) -> Result<Option<HistoryLeaf>, StoreError> {
        if height > self.status().executed_height { Ok(None) } else { self.store.history_leaf(height).map(Some) }
    }

    fn history_path(&self, height: Height, size: u64) -> Result<merkle::Path, StoreError> {
        self.store.history_path(height, size)
    }

    fn certifying_header(&self, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
        let inner = self.inner();
        let newest = inner.blocks.last_key_value().map(|(_, block)| block.clone());
        Ok(newest.filter(|(block, _)| block.header.executed_height >= height).map(|(block, certificate)| CertifiedHeader {
            header: block.header,
            certificate,
            validators: self.identity.genesis.validators.clone(),
        }))
    }

    fn trust_path(&self, _height: Height) -> Result<Vec<SetChange>, StoreError> {
        Ok(Vec::new())
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<CertifiedBlock>> {
        self.sender.subscribe()
    }

    fn metrics(&self) -> String {
        "# TYPE height gauge\nheight 1\n".to_owned()
    }
}

/// A refusal of the executor, for tests of its texts.
pub(super) fn core_refusal(refusal: CoreRefusal) -> AdmissionError {
    AdmissionError::Refused { module: quancheng_types::ModuleId(0), code: refusal.code(), call: 0 }
}
