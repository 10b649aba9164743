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

/// How long, after the last answer, transactions may take that were not certified in time.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// Unit of CPU times in `/proc`: fixed for user space on all platforms that Linux runs on today.
const TICKS_PER_S: f64 = 100.0;

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
    let cpu_before = cpu_s();
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
    let cpu_after = cpu_s();
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
        cpu_s: cpu_before.zip(cpu_after).map(|(before, after)| after - before),
        tx_per_s: f64::from(certified) / seconds,
        latency_ms: Latency::of(tally.latencies),
    })
}

/// CPU time of this process so far, seconds; `None` where there is no `/proc`.
fn cpu_s() -> Option<f64> {
    parse_cpu_s(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// The 14th and 15th field of `proc_pid_stat(5)`: user and system time. The second one, a name in parentheses, may hold spaces.
fn parse_cpu_s(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_ascii_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_S)
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

/// Asks again for what was taken and not certified in time. What no endpoint can tell of when [`SETTLE_MAX`] is over is lost.
fn settle(endpoints: &[String], tally: &mut Tally) -> u64 {
    let mut lost = 0;
    let deadline = Instant::now() + SETTLE_MAX;
    for (endpoint, id) in std::mem::take(&mut tally.pending) {
        // The one that took it knows best; after it, any other. Each is asked at least once, without waiting.
        let order = (0..endpoints.len()).map(|step| (endpoint + step) % endpoints.len());
        let left = || deadline.saturating_duration_since(Instant::now());
        let ask = |at: usize| Client::new(&endpoints[at]).wait(&id, left()).ok();
        let fate = order.filter_map(ask).find(|fate| *fate != Fate::Pending);
        match fate {
            Some(Fate::Certified) => tally.certified += 1,
            Some(Fate::RefusedAtDoor | Fate::RefusedByContract) => tally.refused += 1,
            Some(Fate::Pending) | None => lost += 1,
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_a_name_with_spaces() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0";
        assert!(parse_cpu_s(stat).is_some_and(|seconds| (seconds - 3.0).abs() < 1e-9));
        for bad in ["", "7 (a) S 1 2", "7 (a) S 1 2 3 4 5 6 7 8 9 10 x 50"] {
            assert_eq!(parse_cpu_s(bad), None, "{bad}");
        }
    }
}
