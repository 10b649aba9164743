use quancheng_types::{
    AccountId, Bytes, Call, Digest, KeyId, List, ModuleId, SignedTransaction, Signer, SigningKey, Transaction,
    TransactionError,
};

use super::*;
use crate::driver::DriverHandle;
use crate::ledger::Ledger;
use crate::marks::MarkKeeper;
use crate::thread_end::Threads;

fn chain() -> ChainId {
    ChainId(Digest([7; 32]))
}

fn transaction(key: &SigningKey, nonce: u64) -> SignedTransaction {
    let public_key = key.public_key();
    let signer = Signer { account: AccountId::of(&public_key), key_id: KeyId::of(&public_key) };
    let call = Call { module: ModuleId(10), payload: Bytes::new(vec![1]).unwrap() };
    let body = Transaction {
        chain_id: chain(),
        signers: List::new(vec![signer]).unwrap(),
        nonce,
        valid_until_ms: 1,
        calls: List::new(vec![call]).unwrap(),
    };
    body.sign(&[key]).unwrap()
}

fn writer(ledger: Arc<Ledger>, driver: DriverHandle) -> StoreWriter {
    let threads = Threads::default();
    let (file, marks, marked) = ledger.take_marks().unwrap();
    let marks = MarkKeeper::start(file, marks, marked, driver.clone(), &threads).unwrap();
    StoreWriter::start(ledger, driver, marks, &threads).unwrap()
}

#[test]
fn verdicts_equal_those_of_single_checks_wherever_the_bad_ones_are() {
    let (driver, _inputs) = crate::driver::queue();
    let dir = tempfile::tempdir().unwrap();
    let ledger = Arc::new(crate::testing::ledger(dir.path()));
    let worker = Worker {
        chain_id: chain(),
        keys: Arc::default(),
        waste: Arc::new(WasteQuota::new(Arc::clone(&ledger))),
        writer: writer(ledger, driver.clone()),
        driver,
        metrics: Arc::new(Metrics::new()),
    };
    let keys: Vec<SigningKey> = (0..5).map(|n| SigningKey::from_seed([n; 32])).collect();
    let mut transactions: Vec<SignedTransaction> =
        (0..700).map(|n| transaction(&keys[usize::try_from(n % 5).unwrap()], n)).collect();
    transactions[3].body.nonce += 1;
    transactions[4].body.chain_id = ChainId(Digest([8; 32]));
    transactions[511].signatures = transactions[512].signatures.clone();
    transactions[699].body.calls = List::empty();
    let sealed: Vec<SealedTransaction> = transactions.iter().cloned().map(SignedTransaction::seal).collect();
    let all: Vec<&SealedTransaction> = sealed.iter().collect();
    let verdicts = worker.check(&all);
    for (at, (transaction, verdict)) in transactions.iter().zip(&verdicts).enumerate() {
        let single: Result<(), TransactionError> = transaction.check(&chain());
        assert_eq!(verdict.clone().map(|_| ()), single, "transaction {at}");
    }
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_err()).count(), 4);
}

#[test]
fn an_author_with_many_batches_delays_another_by_one() {
    let queue = JobQueue::default();
    let batch = |seed: u8, sequence: u64| {
        let key = SigningKey::from_seed([seed; 32]);
        let batch = quancheng_types::Batch::of(vec![transaction(&key, sequence)]).unwrap();
        Arc::new(batch.sign(chain(), sequence, 0, &key))
    };
    for sequence in 0..16 {
        queue.push_batch(batch(1, sequence));
    }
    let other = batch(2, 0);
    queue.push_batch(Arc::clone(&other));
    let next = || match queue.pop() {
        Some(Job::Batch(batch)) => batch,
        Some(Job::Transactions(_)) | None => panic!("a batch waits"),
    };
    next();
    assert_eq!(next().header, other.header);
}

#[test]
fn a_batch_that_misstates_its_weight_is_inconsistent() {
    let (driver, inputs) = crate::driver::queue();
    let dir = tempfile::tempdir().unwrap();
    let ledger = Arc::new(crate::testing::ledger(dir.path()));
    let chain_id = ledger.chain_id();
    let threads = crate::thread_end::Threads::default();
    let (file, marks, marked) = ledger.take_marks().unwrap();
    let marks = crate::marks::MarkKeeper::start(file, marks, marked, driver.clone(), &threads).unwrap();
    let (verifier, _writer) = start(1, chain_id, ledger, driver, Arc::new(Metrics::new()), marks, &threads).unwrap();
    let key = SigningKey::from_seed([1; 32]);
    let mut transaction = transaction(&key, 1);
    transaction.body.chain_id = chain_id;
    let transaction = transaction.body.sign(&[&key]).unwrap();
    let weight = batch_weight([&transaction]);
    for (stated, expected) in [
        (weight, BatchVerdict::Valid),
        (weight - 1, BatchVerdict::Inconsistent),
        (weight + 1, BatchVerdict::Inconsistent),
    ] {
        let batch = quancheng_types::Batch::of(vec![transaction.clone()]).unwrap().sign(chain_id, 1, stated, &key);
        verifier.check_batch(Arc::new(batch));
        let DriverInput::BatchChecked { verdict, .. } =
            inputs.recv_timeout(std::time::Duration::from_secs(10)).unwrap()
        else {
            panic!("only verdicts are told");
        };
        assert_eq!(verdict, expected, "{stated}");
    }
    verifier.stop();
}
