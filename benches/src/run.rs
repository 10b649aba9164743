//! The two loops.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quancheng_types::TransactionId;

use crate::Arguments;
use crate::client::{Client, Fate, LoadError};
use crate::report::{Latency, Report};
use crate::workload::{Request, sign};

/// In open loop, transactions that fall due within this time travel together.
const GATHER: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Tally {
    certified: u64,
    refused: u64,
    errors: u64,
    submitted: u64,
    latencies: Vec<u64>,
    pending: Vec<(usize, TransactionId)>,
}

/// A request and when its transactions are due, counted from the start.
struct Due {
    request: Request,
    at: Duration,
    spacing: Duration,
}

struct Field<'a> {
    clients: &'a [String],
    queue: Mutex<VecDeque<Due>>,
    tally: Mutex<Tally>,
    start: Instant,
    end: Duration,
    is_open: bool,
}

/// Runs the load and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<Report, LoadError> {
    let first = arguments.api.first().ok_or(LoadError::Usage("--api names no address"))?;
    let chain_id = Client::new(first).chain_id()?;
    let requests = prepare(arguments, chain_id)?;
    let field = Field {
        clients: &arguments.api,
        queue: Mutex::new(requests.into()),
        tally: Mutex::default(),
        start: Instant::now(),
        end: arguments.duration,
        is_open: arguments.rate.is_some(),
    };
    std::thread::scope(|scope| {
        for number in 0..arguments.connections as usize {
            let field = &field;
            scope.spawn(move || field.connection(number));
        }
    });
    let elapsed = field.start.elapsed();
    let mut tally = field.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let lost = settle(&arguments.api, &mut tally);
    let seconds = elapsed.as_secs_f64();
    let certified = u32::try_from(tally.certified).unwrap_or(u32::MAX);
    Ok(Report {
        mode: if arguments.rate.is_some() { "open loop" } else { "closed loop" },
        submitted: tally.submitted,
        certified: tally.certified,
        refused: tally.refused,
        lost,
        errors: tally.errors,
        duration_s: seconds,
        tx_per_s: f64::from(certified) / seconds,
        latency_ms: Latency::of(tally.latencies),
    })
}

fn prepare(arguments: &Arguments, chain_id: quancheng_types::ChainId) -> Result<Vec<Due>, LoadError> {
    let Some(rate) = arguments.rate else {
        let requests = sign(arguments, chain_id, arguments.signed_ahead as usize, arguments.batch as usize)?;
        let due = |request| Due { request, at: Duration::ZERO, spacing: Duration::ZERO };
        return Ok(requests.into_iter().map(due).collect());
    };
    let spacing = Duration::from_secs(1) / rate;
    let gathered = (GATHER.as_nanos() / spacing.as_nanos().max(1)).clamp(1, arguments.batch.into());
    let per_request = usize::try_from(gathered).unwrap_or(1);
    let count = usize::try_from(arguments.duration.as_nanos() / spacing.as_nanos().max(1)).unwrap_or(usize::MAX);
    let requests = sign(arguments, chain_id, count, per_request)?;
    let mut at = Duration::ZERO;
    let mut due = Vec::with_capacity(requests.len());
    for request in requests {
        let length = u32::try_from(request.ids.len()).unwrap_or(u32::MAX);
        // Sent when its last transaction is due; each counts from its own time.
        due.push(Due { request, at, spacing });
        at += spacing * length;
    }
    Ok(due)
}

impl Field<'_> {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self, number: usize) {
        let endpoint = number % self.clients.len();
        let client = Client::new(&self.clients[endpoint]);
        while self.start.elapsed() < self.end || self.is_open {
            let Some(due) = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
                return;
            };
            let length = u32::try_from(due.request.ids.len()).unwrap_or(u32::MAX);
            let send_at = due.at + due.spacing * length.saturating_sub(1);
            std::thread::sleep(send_at.saturating_sub(self.start.elapsed()));
            self.send(&client, endpoint, due);
        }
    }

    fn send(&self, client: &Client, endpoint: usize, due: Due) {
        let sent = self.start.elapsed();
        let answer = client.submit(&due.request.body);
        let answered = self.start.elapsed();
        let mut tally = self.tally();
        tally.submitted += u64::try_from(due.request.ids.len()).unwrap_or(0);
        let Ok(fates) = answer else {
            tally.errors += 1;
            tally.pending.extend(due.request.ids.into_iter().map(|id| (endpoint, id)));
            return;
        };
        let mut from = if self.is_open { due.at } else { sent };
        for (id, fate) in due.request.ids.iter().zip(fates) {
            match fate {
                Fate::Certified => {
                    tally.certified += 1;
                    tally.latencies.push(u64::try_from(answered.saturating_sub(from).as_micros()).unwrap_or(u64::MAX));
                }
                Fate::RefusedAtDoor | Fate::RefusedByContract => tally.refused += 1,
                Fate::Pending => tally.pending.push((endpoint, *id)),
            }
            from += due.spacing;
        }
    }
}

/// Asks again for what was taken and not certified in time. What no endpoint can tell of is lost.
fn settle(endpoints: &[String], tally: &mut Tally) -> u64 {
    let mut lost = 0;
    for (endpoint, id) in std::mem::take(&mut tally.pending) {
        // The one that took it knows best; after it, any other.
        let order = (0..endpoints.len()).map(|step| (endpoint + step) % endpoints.len());
        let fate =
            order.filter_map(|at| Client::new(&endpoints[at]).wait(&id).ok()).find(|fate| *fate != Fate::Pending);
        match fate {
            Some(Fate::Certified) => tally.certified += 1,
            Some(Fate::RefusedAtDoor | Fate::RefusedByContract) => tally.refused += 1,
            Some(Fate::Pending) | None => lost += 1,
        }
    }
    lost
}
