//! A steady load, and the memory of what was reported certified.
//!
//! What a node that dies was asked is not known to be done: the same bytes go to another node until one says certified. That is
//! what the protocol promises to be safe.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Net;
use super::http::{self, BYTES};
use super::transactions::{Bulk, Maker};

/// Transactions of one request.
const BULK: usize = 20;
/// How long one request waits for its results.
const WAIT_MS: u64 = 5_000;
/// Longest time until a transaction is certified, resubmissions included.
const PATIENCE: Duration = Duration::from_secs(90);

/// A transaction that a node reported certified.
#[derive(Clone, Debug)]
pub(crate) struct Certified {
    /// Its canonical bytes.
    pub(crate) encoded: Vec<u8>,
    /// Its id.
    pub(crate) id: String,
    /// Height and position of its receipt.
    pub(crate) place: (u64, u64),
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    certified: Mutex<Vec<Certified>>,
    lost: Mutex<Vec<String>>,
}

/// A running load.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// `rate` transactions a second, spread over these nodes.
    pub(crate) fn start(net: &Net, nodes: &[u32], rate: u32, seed: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let apis: Vec<String> = nodes.iter().map(|index| net.api(*index)).collect();
        let share = f64::from(rate) / f64::from(u32::try_from(apis.len()).expect("few nodes"));
        let pause = Duration::from_secs_f64(f64::from(u32::try_from(BULK).expect("a small number")) / share);
        let chain_id = net.network().record().chain_id;
        let workers = (0..apis.len())
            .map(|number| {
                let (shared, apis) = (Arc::clone(&shared), apis.clone());
                let maker = Maker::new(chain_id, seed * 1000 + u64::try_from(number).expect("few nodes"));
                std::thread::spawn(move || Worker { shared, apis, maker, number }.run(pause))
            })
            .collect();
        Self { shared, workers }
    }

    /// How many are certified so far.
    pub(crate) fn certified(&self) -> usize {
        self.shared.certified.lock().expect("no worker panics").len()
    }

    /// Ends it; every transaction that was sent must have been certified.
    pub(crate) fn finish(self) -> Vec<Certified> {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in self.workers {
            worker.join().expect("no worker panics");
        }
        let lost = std::mem::take(&mut *self.shared.lost.lock().expect("no worker panics"));
        assert!(
            lost.is_empty(),
            "{} transactions were not certified in {} s: {lost:?}",
            lost.len(),
            PATIENCE.as_secs()
        );
        std::mem::take(&mut *self.shared.certified.lock().expect("no worker panics"))
    }
}

struct Worker {
    shared: Arc<Shared>,
    apis: Vec<String>,
    maker: Maker,
    number: usize,
}

impl Worker {
    fn run(mut self, pause: Duration) {
        let mut due = Instant::now();
        while !self.shared.stop.load(Ordering::SeqCst) {
            let bulk = Bulk::make(&mut self.maker, BULK);
            self.submit(&bulk);
            due += pause;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            // What a stalled network kept waiting is not made up for.
            due = due.max(Instant::now());
        }
    }

    fn submit(&self, bulk: &Bulk) {
        let agent = http::agent(Duration::from_millis(WAIT_MS) + Duration::from_secs(5));
        let body = bulk.body();
        let begin = Instant::now();
        let mut attempt = 0;
        let mut last = String::new();
        while begin.elapsed() < PATIENCE {
            let api = &self.apis[(self.number + attempt) % self.apis.len()];
            attempt += 1;
            let url = format!("{api}/v1/transactions/bulk?wait=certified&timeout_ms={WAIT_MS}");
            match http::post(&agent, &url, BYTES, &body) {
                Ok((200, answer)) => match places(bulk, &answer) {
                    Ok(done) => {
                        self.shared.certified.lock().expect("no worker panics").extend(done);
                        return;
                    }
                    Err(reason) => last = format!("{api}: {reason}"),
                },
                Ok((status, answer)) => last = format!("{api}: {status} {answer}"),
                Err(error) => last = format!("{api}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut lost = self.shared.lost.lock().expect("no worker panics");
        lost.extend(bulk.ids.iter().map(|id| format!("{id} ({last})")));
    }
}

/// Where each transaction of a bulk is certified; or what is missing.
pub(crate) fn places(bulk: &Bulk, answer: &serde_json::Value) -> Result<Vec<Certified>, String> {
    let items = answer["items"].as_array().ok_or_else(|| format!("no items: {answer}"))?;
    if items.len() != bulk.ids.len() {
        return Err(format!("{} items for {} transactions", items.len(), bulk.ids.len()));
    }
    let mut done = Vec::with_capacity(items.len());
    for ((item, id), encoded) in items.iter().zip(&bulk.ids).zip(&bulk.encoded) {
        let state = &item["transaction"];
        let place = state["height"].as_u64().zip(state["position"].as_u64());
        match place {
            Some(place)
                if state["stage"] == "certified"
                    && state["outcome"]["kind"] == "ok"
                    && state["id"] == id.to_string() =>
            {
                done.push(Certified { encoded: encoded.clone(), id: id.to_string(), place });
            }
            _ => return Err(item.to_string()),
        }
    }
    Ok(done)
}
