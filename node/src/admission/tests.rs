use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quancheng_types::{AccountId, Digest, KeyId, List, SignedTransaction, Signer, SigningKey, Transaction, Writers};

use super::*;
use crate::batcher::{Content, Lane, Line, SealRules};
use crate::driver::{self, DriverInput};

/// Memory of the door, bytes.
const MEMORY_BYTES: usize = 64 * 1024;

/// A door with its store and verifiers. The test stands for the batcher: it says when a packet is durable.
struct Door {
    admission: Admission,
    line: Arc<Line>,
    _inputs: std::sync::mpsc::Receiver<DriverInput>,
    _dir: tempfile::TempDir,
    duty: watch::Sender<Duty>,
    _clock: watch::Sender<Option<ClockReport>>,
}

impl Door {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Arc::new(crate::testing::ledger(dir.path()));
        let metrics = Arc::new(Metrics::new());
        let (driver, inputs) = driver::queue();
        let threads = crate::thread_end::Threads::default();
        let (file, marks, marked) = ledger.take_marks().unwrap();
        let marks = crate::marks::MarkKeeper::start(file, marks, marked, driver.clone(), &threads).unwrap();
        let (id, shared) = (ledger.chain_id(), Arc::clone(&metrics));
        let (verifier, _writer) =
            crate::verifier::start(1, id, Arc::clone(&ledger), driver, shared, marks, &threads).unwrap();
        let line = Arc::new(Line::default());
        let (duty_sender, duty) = watch::channel(Duty { parameters: anyone(), is_validator: true, is_ready: true });
        let (clock_sender, clock) = watch::channel(None);
        let tracker =
            Arc::new(Tracker::new(quancheng_types::Height(0), quancheng_types::Height(0), 0, Arc::clone(&metrics)));
        let limits = ClaimLimits { total: 100, per_account: 100 };
        let admission = Admission {
            ledger,
            tracker,
            verifier,
            batcher: Some(Arc::clone(&line)),
            duty,
            clock,
            limits,
            memory: FairBudget::halves(MEMORY_BYTES),
            metrics,
        };
        Self { admission, line, _inputs: inputs, _dir: dir, duty: duty_sender, _clock: clock_sender }
    }

    fn transaction(&self, nonce: u64) -> SealedTransaction {
        let key = SigningKey::from_seed([9; 32]);
        let public_key = key.public_key();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let commitment = serde_json::json!({
            "root": Digest([u8::try_from(nonce).unwrap(); 32]).to_string(), "count": 1, "bytes": 1, "complete": false
        });
        let call = serde_json::json!({ "notarize": { "commitment": commitment } });
        let body = Transaction {
            chain_id: self.admission.ledger.chain_id(),
            signers: List::new(vec![Signer { account: AccountId::of(&public_key), key_id: KeyId::of(&public_key) }])
                .unwrap(),
            nonce,
            valid_until_ms: u64::try_from(now.as_millis()).unwrap() + 60_000,
            calls: List::new(vec![quancheng_contracts::encode_call("evidence", call).unwrap()]).unwrap(),
        };
        body.sign(&[&key]).unwrap().seal()
    }

    /// Two with one id, of which the first is badly signed.
    fn forged_and_genuine(&self, nonce: u64) -> (SealedTransaction, SealedTransaction) {
        let genuine = self.transaction(nonce);
        let signatures = self.transaction(nonce + 100).into_signed().signatures;
        let forged = SignedTransaction { body: genuine.body.clone(), signatures }.seal();
        assert_eq!(forged.id(), genuine.id());
        (forged, genuine)
    }

    fn submit(&self, transactions: Vec<SealedTransaction>) -> tokio::task::JoinHandle<Vec<Answer>> {
        let admission = self.admission.clone();
        tokio::spawn(async move { admission.submit(here(), transactions).await })
    }

    fn set(&self, parameters: Parameters) {
        self.duty.send_modify(|duty| duty.parameters = parameters);
    }

    /// What waits for a batch, once something does.
    async fn packet(&self) -> Content {
        let rules = SealRules {
            bytes: u32::MAX,
            weight: u64::MAX,
            wait: Duration::ZERO,
            in_flight: 1,
            weight_in_flight: u64::MAX,
            validators: 1,
        };
        let next = async {
            loop {
                match self.line.take(&rules, Lane::All) {
                    Some(content) => return content,
                    None => self.line.arrived.notified().await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next).await.expect("a packet comes")
    }
}

fn anyone() -> Parameters {
    Parameters { writers: Writers::Anyone, ..Parameters::default() }
}

fn here() -> ClientAddress {
    ClientAddress::of(IpAddr::from([127, 0, 0, 1]))
}

type Answer = Result<Submitted, AdmissionError>;

fn is_new(answer: &Answer) -> Option<bool> {
    answer.as_ref().ok().map(|submitted| submitted.is_new)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_badly_signed_copy_does_not_stand_for_the_genuine_one() {
    let door = Door::new();
    let (forged, genuine) = door.forged_and_genuine(1);
    let id = genuine.id();
    let answers = door.submit(vec![forged, genuine.clone(), genuine]);
    let packet = door.packet().await;
    assert_eq!(packet.transactions.iter().map(SealedTransaction::id).collect::<Vec<_>>(), [id]);
    assert_eq!(door.admission.tracker.progress(&id), None, "not durable yet");
    packet.finish(&Ok(()));
    let answers = answers.await.unwrap();
    assert!(matches!(answers[0], Err(AdmissionError::Transaction(_))), "{answers:?}");
    assert_eq!(answers[1..].iter().map(is_new).collect::<Vec<_>>(), [Some(true), Some(false)]);
    assert_eq!(door.admission.tracker.progress(&id), Some(crate::tracker::Progress::Admitted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_submission_is_answered_when_the_first_is_durable() {
    let door = Door::new();
    let transaction = door.transaction(2);
    let first = door.submit(vec![transaction.clone()]);
    let packet = door.packet().await;
    let second = door.submit(vec![transaction]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!second.is_finished(), "nothing is durable yet");
    packet.finish(&Ok(()));
    assert_eq!(is_new(&first.await.unwrap()[0]), Some(true));
    assert_eq!(is_new(&second.await.unwrap()[0]), Some(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_submission_could_not_store_the_next_one_packs() {
    let door = Door::new();
    let transaction = door.transaction(3);
    let first = door.submit(vec![transaction.clone()]);
    let lost = door.packet().await;
    let second = door.submit(vec![transaction.clone()]);
    drop(lost);
    assert!(first.await.unwrap()[0].is_err());
    let packet = door.packet().await;
    packet.finish(&Ok(()));
    assert_eq!(is_new(&second.await.unwrap()[0]), Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_is_cut_off_leaves_no_claim() {
    let door = Door::new();
    let transaction = door.transaction(4);
    let first = door.submit(vec![transaction.clone()]);
    while door.line.amount(Lane::All).count == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.is_err());
    // As the batcher does.
    door.line.sweep();
    assert_eq!(door.line.amount(Lane::All).count, 0);
    assert_eq!(door.admission.tracker.pending(), 0);
    // The verifier drops its copy after it has answered.
    while door.admission.memory.free() < MEMORY_BYTES {
        tokio::task::yield_now().await;
    }
    let second = door.submit(vec![transaction]);
    door.packet().await.finish(&Ok(()));
    assert_eq!(is_new(&second.await.unwrap()[0]), Some(true));
}

/// A validator that was voted out while it was down used to answer "admitted" until it had caught up.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_know_its_duty_admits_nothing() {
    let door = Door::new();
    door.duty.send_modify(|duty| duty.is_ready = false);
    let transaction = door.transaction(5);
    let answers = door.submit(vec![transaction.clone()]).await.unwrap();
    assert!(matches!(answers[0], Err(AdmissionError::Starting { .. })), "{answers:?}");
    door.duty.send_modify(|duty| duty.is_ready = true);
    let submission = door.submit(vec![transaction]);
    door.packet().await.finish(&Ok(()));
    assert_eq!(is_new(&submission.await.unwrap()[0]), Some(true));
}

/// Whether the client waits or has gone: what it sent is held until it is on the disk, and one address has half of the memory of the door.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_bounded_in_bytes_and_what_hangs_up_makes_room() {
    let door = Door::new();
    let cost = cost_of(&door.transaction(5));
    let fits = MEMORY_BYTES / 2 / cost;
    let mut waiting: Vec<_> =
        (1..=fits).map(|n| door.submit(vec![door.transaction(u64::try_from(n).unwrap())])).collect();
    while door.line.amount(Lane::All).count < fits {
        tokio::task::yield_now().await;
    }
    let refused = door.submit(vec![door.transaction(200)]).await.unwrap();
    let full = AdmissionError::QuotaExceeded { whose: Whose::Address, retry_after_ms: RETRY_AFTER_MS };
    assert_eq!(refused, [Err(full)]);
    assert!(door.admission.memory.free() >= MEMORY_BYTES / 2, "the other half is the others'");

    let gone = waiting.pop().unwrap();
    gone.abort();
    assert!(gone.await.is_err());
    door.line.sweep();
    assert_eq!(door.line.amount(Lane::All).count, fits - 1);
    let next = door.submit(vec![door.transaction(201)]);
    while door.line.amount(Lane::All).count < fits {
        tokio::task::yield_now().await;
    }
    door.packet().await.finish(&Ok(()));
    for submission in waiting.into_iter().chain([next]) {
        assert_eq!(is_new(&submission.await.unwrap()[0]), Some(true));
    }
    // The thread that checked the last ones gives back its share a moment after its answer.
    while door.admission.memory.free() < MEMORY_BYTES {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_heavy_or_of_a_stranger_is_refused_with_what_to_do() {
    let door = Door::new();
    door.set(Parameters { transaction_weight_max: 10, ..anyone() });
    let answers = door.submit(vec![door.transaction(6)]).await.unwrap();
    let weight = quancheng_contracts::weight::transaction_weight(&door.transaction(6));
    assert_eq!(answers, [Err(AdmissionError::TooHeavy { weight, max: 10 })]);
    door.set(Parameters::default());
    let answers = door.submit(vec![door.transaction(6)]).await.unwrap();
    let code = quancheng_contracts::RefusalCode::code(quancheng_contracts::CoreRefusal::NotAMember);
    let refused = AdmissionError::Refused { module: quancheng_contracts::modules::CORE, code, call: 0 };
    assert_eq!(answers, [Err(refused)]);
    assert_eq!(door.admission.tracker.pending(), 0, "nothing of it is kept");
}

/// The newest block of an idle chain is long ago: here it is the genesis.
#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_on_an_idle_chain_takes_what_the_door_takes() {
    let door = Door::new();
    let checked = door.admission.check(here(), door.transaction(1)).await.unwrap();
    let receipt = door.admission.simulate(&checked, |_| quancheng_types::PROTOCOL_VERSION);
    assert_eq!(receipt.unwrap().outcome, quancheng_types::Outcome::Ok);
    // What is valid for too long by the clock is too long for both.
    door.set(Parameters { transaction_lifetime_max_ms: 30_000, ..anyone() });
    let late = door.admission.check(here(), door.transaction(2)).await;
    assert!(matches!(late, Err(AdmissionError::LifetimeTooLong { .. })), "{late:?}");
}
