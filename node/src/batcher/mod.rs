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
use crate::admission::Claims;
use crate::fair::{FairShare, Senders, TURN_WEIGHT};
use crate::ledger::LedgerError;
use crate::metrics::Metrics;
use crate::verifier::StoreWriter;
use line::Amount;
pub use line::{Line, LineFull, Waiting};
use window::{Aim, Bounds, GATHER_MAX, Window};

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
    _share: Arc<FairShare>,
}

impl Ticket {
    /// A ticket, and what resolves with its end.
    #[must_use]
    pub fn new(claims: Claims, share: Arc<FairShare>) -> (Self, oneshot::Receiver<Result<(), LedgerError>>) {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Validators in force: all of them seal.
    pub validators: u32,
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
    /// Whether there are light senders among the accounts of what was executed.
    pub senders: Arc<Senders>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// What is on its way, and how far that may grow.
#[derive(Clone, Copy, Debug)]
struct Way {
    batches: usize,
    weight: u64,
    /// Of it, batches of light senders alone.
    light: (usize, u64),
    /// Weight that the others may have.
    window: u64,
    /// Weight that the chain allows.
    greatest: u64,
}

impl Way {
    /// Whether a batch of this lane may leave, when so much waits in it. The lanes use nothing of each other's room: light senders have half of
    /// the places and [`LIGHT_IN_FLIGHT`], and the others the window.
    fn has_room(self, lane: Lane, waits: Amount, rules: &SealRules) -> bool {
        if waits.count == 0 || self.batches >= rules.in_flight {
            return false;
        }
        let (light_batches, light_weight) = self.light;
        let next = waits.weight.min(lane.weight(rules));
        let is_within = self.weight == 0 || self.weight.saturating_add(next) <= self.greatest;
        is_within
            && match lane {
                Lane::Light => {
                    let places = (rules.in_flight / 2).max(1);
                    light_batches < places && light_weight.saturating_add(next) <= LIGHT_IN_FLIGHT
                }
                Lane::All => {
                    let others = self.weight.saturating_sub(light_weight);
                    others == 0 || others.saturating_add(next) <= self.window
                }
            }
    }
}

impl Lane {
    /// Weight of a full batch.
    fn weight(self, rules: &SealRules) -> u64 {
        match self {
            Self::Light => LIGHT_WEIGHT,
            Self::All => rules.weight,
        }
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
        let aim = Aim::beside(parts.senders.company(now), line.company(now));
        window.ordered(now, aim, in_flight.ordered, &Bounds { greatest, is_full, validators: rules.validators });
        rules.weight = rules.weight.min(window.batch_weight(aim, greatest));
        let writing = WRITES_MAX - writes.available_permits();
        let way = Way {
            batches: in_flight.batches + writing,
            weight: in_flight.weight.saturating_add(writing_weight.load(Ordering::Acquire)),
            light: window.light(),
            window: window.limit(aim, greatest),
            greatest,
        };
        let (light, all) = (line.amount(Lane::Light), line.amount(Lane::All));
        let has_room = |lane, waits| writing < WRITES_MAX && way.has_room(lane, waits, &rules);
        is_full = all.count > 0 && !has_room(Lane::All, all);
        let open = [(Lane::Light, light), (Lane::All, all)].into_iter().filter(|(lane, waits)| has_room(*lane, *waits));
        let due = |lane, waits: Amount, since| {
            let is_full = waits.is_full(&SealRules { weight: Lane::weight(lane, &rules), ..rules });
            let wait = if lane == Lane::All && window.gathers(aim) { GATHER_MAX.max(rules.wait) } else { rules.wait };
            let due = if is_full { now } else { since + wait };
            if lane == Lane::All { due.max(window.rest_until(aim).unwrap_or(due)) } else { due }
        };
        let open: Vec<(Lane, Instant)> =
            open.filter_map(|(lane, waits)| Some((lane, due(lane, waits, waits.since?)))).collect();
        let ready = open.iter().find(|(_, due)| *due <= now);
        if let Some((lane, _)) = ready {
            let rules = SealRules { weight: lane.weight(&rules), ..rules };
            if let (Ok(permit), Some(content)) = (Arc::clone(&writes).try_acquire_owned(), line.take(&rules, *lane)) {
                window.seal(now, content.weight, *lane);
                seal(&mut parts, content, permit, &writing_weight);
            }
            continue;
        }
        let due = open.iter().map(|(_, due)| *due).min();
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
    let writer = parts.writer.clone();
    let writing_weight = Arc::clone(writing_weight);
    writing_weight.fetch_add(weight, Ordering::AcqRel);
    tokio::spawn(async move {
        let result = writer.store_own(batch).await;
        writing_weight.fetch_sub(weight, Ordering::AcqRel);
        drop(permit);
        content.finish(&result);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_room_of_its_own() {
        let rules = SealRules {
            bytes: 1 << 20,
            weight: 5_000,
            wait: Duration::ZERO,
            in_flight: 8,
            weight_in_flight: 40_000,
            validators: 4,
        };
        let waits = |weight| Amount { count: 1, bytes: 1, weight, since: None };
        let (much, little, nothing) = (waits(100_000), waits(200), Amount::default());
        let way = |batches, weight, light| Way { batches, weight, light, window: 10_000, greatest: 14_000 };
        // On the way (batches, weight, light ones), which lane, what waits in it, whether it may leave.
        let cases = [
            ((1, 5_000, (0, 0)), Lane::All, much, true),
            ((1, 5_001, (0, 0)), Lane::All, much, false),
            ((1, 5_001, (0, 0)), Lane::All, waits(4_999), true),
            ((1, 5_001, (0, 0)), Lane::Light, little, true),
            // What is light takes nothing of the window, and the other way round.
            ((5, 9_000, (4, 4_000)), Lane::All, much, true),
            ((5, 9_001, (4, 4_000)), Lane::All, much, false),
            ((3, 13_000, (1, 3_000)), Lane::Light, much, true),
            ((3, 12_000, (1, 3_001)), Lane::Light, much, false),
            ((3, 3_000, (3, 150)), Lane::Light, little, true),
            ((4, 3_000, (4, 200)), Lane::Light, little, false),
            ((4, 200, (4, 200)), Lane::All, much, true),
            // The bounds of the chain hold for both together.
            ((3, 13_800, (1, 3_000)), Lane::Light, little, true),
            ((3, 13_801, (1, 3_000)), Lane::Light, little, false),
            ((8, 800, (4, 200)), Lane::All, much, false),
            ((8, 800, (3, 200)), Lane::Light, little, false),
            // A single batch may be as heavy as it is; nothing leaves where nothing waits.
            ((0, 0, (0, 0)), Lane::All, much, true),
            ((0, 0, (0, 0)), Lane::All, nothing, false),
            ((0, 0, (0, 0)), Lane::Light, nothing, false),
        ];
        for ((batches, weight, light), lane, amount, expected) in cases {
            let found = way(batches, weight, light).has_room(lane, amount, &rules);
            assert_eq!(found, expected, "{batches} {weight} {light:?} {lane:?} {amount:?}");
        }
    }
}
