//! Packs admitted transactions into batches: full, or after a short wait. A batch is durable before anyone hears of it: only then
//! are its transactions "admitted", and only then does the driver offer it to the other validators.
//!
//! While as many own batches are in flight as the chain allows, transactions wait in a fair line: what is sealed next holds a share of
//! everybody who waits, so a flood of one sender does not delay the others ([`Line`]). Of what the chain allows in flight no more is used
//! than keeps the chain busy (`window`), and beside it a little for light senders alone.

mod line;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quancheng_consensus::Engine;
use quancheng_types::{Batch, ChainId, List, SigningKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;

pub(crate) use self::line::{Content, Lane};
use crate::admission::{Claims, DoorShare};
use crate::driver::{DriverHandle, DriverInput};
use crate::fair::{Mix, TURN_WEIGHT};
use crate::ledger::LedgerError;
use crate::metrics::Metrics;
use crate::verifier::StoreWriter;
use line::Amount;
pub use line::{Line, LineFull, Waiting};
use window::{Aim, Window};

/// Own batches that may be on their way to the disk at a time.
const WRITES_MAX: usize = 4;

/// Weight of a batch of light senders alone, and of all such that may be in flight beyond the window.
const LIGHT_WEIGHT: u64 = TURN_WEIGHT;
const LIGHT_IN_FLIGHT: u64 = 4 * LIGHT_WEIGHT;

/// Pause between two looks for submissions whose clients hung up.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// What a submission leaves behind when its transactions are in batches.
#[derive(Debug)]
pub struct Ticket {
    stored: oneshot::Sender<Result<(), LedgerError>>,
    claims: Claims,
    /// Of the memory of the door, until they are durable.
    _share: Arc<DoorShare>,
}

impl Ticket {
    /// A ticket, and what resolves with its end.
    #[must_use]
    pub fn new(claims: Claims, share: Arc<DoorShare>) -> (Self, oneshot::Receiver<Result<(), LedgerError>>) {
        let (stored, receiver) = oneshot::channel();
        (Self { stored, claims, _share: share }, receiver)
    }

    /// Whether nobody waits for it any more: the client hung up. As long as nothing of it is in a batch, it is thrown away.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.stored.is_closed()
    }

    /// Tells whether all is durable; if not, the places in the tracker are given back.
    pub fn end(self, result: Result<(), LedgerError>) {
        match &result {
            Ok(()) => self.claims.stored(),
            Err(_) => drop(self.claims),
        }
        // The client may have gone.
        let _ = self.stored.send(result);
    }
}

/// When a batch is sealed.
#[derive(Clone, Copy, Debug)]
pub struct SealRules {
    /// At this many bytes; a batch never holds more, but for a single transaction that is larger.
    pub bytes: u32,
    /// Or at this weight, likewise.
    pub weight: u64,
    /// Or after this wait.
    pub wait: Duration,
    /// Unless this many own batches are in flight.
    pub in_flight: usize,
    /// Or one more would make them heavier than this. A single one may be.
    pub weight_in_flight: u64,
}

/// Own batches that are sealed and not ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// How many.
    pub batches: usize,
    /// Their weight.
    pub weight: u64,
    /// How many were ordered since the start.
    pub ordered: u64,
}

impl InFlight {
    /// As the engine counts them.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        Self {
            batches: engine.local_batches_in_flight(),
            weight: engine.local_weight_in_flight(),
            ordered: engine.local_batches_ordered(),
        }
    }
}

/// Feeds the batcher.
pub type BatcherHandle = Arc<Line>;

/// What the batcher works with.
#[derive(Debug)]
pub struct BatcherParts {
    /// The chain.
    pub chain_id: ChainId,
    /// The validator's key; signs batch headers.
    pub key: SigningKey,
    /// Number of the next batch.
    pub next_sequence: u64,
    /// Rules, which may change with the parameters.
    pub rules: watch::Receiver<SealRules>,
    /// Own batches in flight.
    pub in_flight: watch::Receiver<InFlight>,
    /// The disk.
    pub writer: StoreWriter,
    /// Told of durable batches.
    pub driver: DriverHandle,
    /// Whether there are light senders.
    pub mix: Arc<Mix>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// What may be sealed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// A batch of everybody's transactions.
    All,
    /// The window is full: one of light senders alone.
    Light,
    /// Nothing before something is ordered or written.
    Nothing,
}

/// What is on its way, and how far that may grow.
#[derive(Clone, Copy, Debug)]
struct Way {
    batches: usize,
    weight: u64,
    /// Weight of the window.
    window: u64,
    /// Weight that the chain allows.
    greatest: u64,
}

impl Way {
    /// What may be sealed of what waits in the two lanes.
    fn room(self, all: Amount, light: Amount, rules: &SealRules) -> Room {
        if self.batches >= rules.in_flight {
            return Room::Nothing;
        }
        let with = |amount: Amount, most: u64| self.weight.saturating_add(amount.weight.min(most));
        if self.weight == 0 || with(all, rules.weight) <= self.window {
            return Room::All;
        }
        let beyond = self.window.saturating_add(LIGHT_IN_FLIGHT).min(self.greatest);
        if light.count > 0 && with(light, LIGHT_WEIGHT) <= beyond { Room::Light } else { Room::Nothing }
    }
}

/// Runs until nobody feeds it or the driver has ended.
pub async fn run(mut parts: BatcherParts, line: BatcherHandle) {
    // Weight of the batches on their way to the disk.
    let writing_weight = Arc::new(AtomicU64::new(0));
    let writes = Arc::new(Semaphore::new(WRITES_MAX));
    let mut swept = Instant::now();
    let mut window = Window::new(swept, parts.in_flight.borrow().batches);
    let mut is_full = false;
    loop {
        if swept.elapsed() >= SWEEP_PAUSE {
            line.sweep();
            swept = Instant::now();
        }
        let now = Instant::now();
        let mut rules = *parts.rules.borrow();
        let greatest = rules.weight_in_flight;
        let in_flight = *parts.in_flight.borrow_and_update();
        let aim = if parts.mix.is_uneven(now) { Aim::ShortLine } else { Aim::Throughput };
        window.ordered(now, aim, in_flight.ordered, greatest, is_full);
        // Two at least fit, so that one is on its way while the other one fills.
        rules.weight = rules.weight.min((window.limit(aim, greatest) / 2).max(1));
        let writing = WRITES_MAX - writes.available_permits();
        let way = Way {
            batches: in_flight.batches + writing,
            weight: in_flight.weight.saturating_add(writing_weight.load(Ordering::Acquire)),
            window: window.limit(aim, greatest),
            greatest,
        };
        let (all, light) = (line.amount(Lane::All), line.amount(Lane::Light));
        let room = if writing < WRITES_MAX { way.room(all, light, &rules) } else { Room::Nothing };
        is_full = room != Room::All;
        let lane = match room {
            Room::All => Some((Lane::All, all)),
            Room::Light => Some((Lane::Light, light)),
            Room::Nothing => None,
        };
        let due = lane.and_then(|(_, amount)| amount.since).map(|since| since + rules.wait);
        if let Some((lane, amount)) = lane
            && (amount.is_full(&rules) || due.is_some_and(|due| due <= now))
        {
            let weight = if lane == Lane::Light { rules.weight.min(LIGHT_WEIGHT) } else { rules.weight };
            let rules = SealRules { weight, ..rules };
            if let (Ok(permit), Some(content)) = (Arc::clone(&writes).try_acquire_owned(), line.take(&rules, lane)) {
                window.seal(now);
                seal(&mut parts, content, permit, &writing_weight);
            }
            continue;
        }
        let timer = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                // The change of `in_flight` wakes us, or a finished write at the latest after a wait.
                None if all.count > 0 => tokio::time::sleep(rules.wait.max(Duration::from_millis(5))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = line.arrived.notified() => {}
            changed = parts.in_flight.changed() => if changed.is_err() { break },
            () = timer => {}
        }
    }
    // What was never sealed was never acknowledged; its senders learn that the node stops.
    line.close();
}

fn seal(parts: &mut BatcherParts, mut content: Content, permit: OwnedSemaphorePermit, writing_weight: &Arc<AtomicU64>) {
    let weight = content.weight;
    let transactions =
        List::new(std::mem::take(&mut content.transactions)).expect("the line gives no more than a batch may hold");
    let batch = Arc::new(Batch { transactions }.sign(parts.chain_id, parts.next_sequence, weight, &parts.key));
    parts.next_sequence += 1;
    parts.metrics.batches_sealed.inc();
    let (writer, driver) = (parts.writer.clone(), parts.driver.clone());
    let writing_weight = Arc::clone(writing_weight);
    writing_weight.fetch_add(weight, Ordering::AcqRel);
    tokio::spawn(async move {
        let result = writer.store_own(Arc::clone(&batch)).await;
        let result = result.and_then(|()| {
            // The queue of the driver is drained by a thread; a full one is a matter of microseconds.
            let told = tokio::task::block_in_place(|| driver.deliver(DriverInput::LocalBatch { batch }));
            if told { Ok(()) } else { Err(LedgerError::WriterPanicked) }
        });
        writing_weight.fetch_sub(weight, Ordering::AcqRel);
        drop(permit);
        content.finish(&result);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_window_there_is_a_little_room_for_light_senders_alone() {
        let rules =
            SealRules { bytes: 1 << 20, weight: 5_000, wait: Duration::ZERO, in_flight: 8, weight_in_flight: 40_000 };
        let waits = |weight| Amount { count: 1, bytes: 1, weight, since: None };
        let (much, little, nothing) = (waits(100_000), waits(200), Amount::default());
        let way = |batches, weight| Way { batches, weight, window: 10_000, greatest: 12_000 };
        // In flight (batches, weight), what waits (all, light), what may be sealed.
        let cases = [
            ((1, 5_000), (much, nothing), Room::All),
            ((1, 5_001), (much, nothing), Room::Nothing),
            ((1, 5_001), (much, little), Room::Light),
            ((1, 9_800), (little, nothing), Room::All),
            ((2, 11_800), (much, little), Room::Light),
            // The bound of the chain holds for all of it.
            ((2, 11_801), (much, little), Room::Nothing),
            ((8, 100), (little, little), Room::Nothing),
            // A single batch may be as heavy as it is.
            ((0, 0), (much, nothing), Room::All),
        ];
        for ((batches, weight), (all, light), expected) in cases {
            assert_eq!(way(batches, weight).room(all, light, &rules), expected, "{batches} {weight}");
        }
    }
}
