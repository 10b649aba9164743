//! The two loops.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quancheng_types::ChainId;

use crate::client::{Client, Fate, LoadError, Submitted};
use crate::open::{self, Hand};
use crate::proofs::{self, Chosen};
use crate::report::{Report, Window};
use crate::tally::{Sample, Tally};
use crate::workload::{self, Request};
use crate::{Arguments, complain};

/// In open loop, transactions that fall due within this time travel together.
const GATHER: Duration = Duration::from_millis(10);

/// How long, after the last answer, transactions may take that were not certified in time.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// Pause of a connection in closed loop whose door is shut.
const SHUT_PAUSE: Duration = Duration::from_millis(200);

/// Unit of CPU times in `/proc`: fixed for user space on all platforms that Linux runs on today.
const TICKS_PER_S: f64 = 100.0;

/// A request and when what is in it is due, counted from the start.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) request: Request,
    pub(crate) at: Duration,
    pub(crate) spacing: Duration,
}

impl Due {
    /// Sent when the last of it is due; each counts from its own time.
    pub(crate) fn send_at(&self) -> Duration {
        self.at + self.spacing * self.request.count().saturating_sub(1)
    }
}

/// What the connections share.
pub(crate) struct Field<'a> {
    endpoints: &'a [String],
    queue: Mutex<VecDeque<Due>>,
    tally: Mutex<Tally>,
    start: Instant,
}

/// Runs the load and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<Report, LoadError> {
    let first = arguments.api.first().ok_or(LoadError::Usage("--api names no address"))?;
    let checkpoint = arguments.checkpoint.as_deref().map(proofs::checkpoint).transpose()?;
    let chain_id = Client::new(first).chain_id()?;
    let requests = prepare(arguments, chain_id)?;
    complain(&format!("{} requests are signed; sending begins", requests.len()));
    let cpu_before = cpu_s();
    let field = Field {
        endpoints: &arguments.api,
        queue: Mutex::new(requests.into()),
        tally: Mutex::new(Tally { chosen: Chosen::new(arguments.verify as usize), ..Tally::default() }),
        start: Instant::now(),
    };
    let hand = Hand::default();
    let is_open = arguments.rate.is_some();
    std::thread::scope(|scope| {
        if is_open {
            open::send_all(scope, &field, &hand, arguments.connections());
            return;
        }
        field.tally().connections = arguments.connections();
        for number in 0..arguments.connections() as usize {
            let field = &field;
            scope.spawn(move || field.closed(number, arguments.sending()));
        }
    });
    let elapsed = field.start.elapsed();
    let cpu_s = cpu_before.zip(cpu_s()).map(|(before, after)| after - before);
    let mut tally = field.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let lost = settle(&arguments.api, &mut tally);
    let chosen = std::mem::take(&mut tally.chosen).into_ids();
    let window = Window { warm_up: arguments.warm_up, elapsed };
    let report = Report::of(is_open, tally, lost, &window, cpu_s);
    let bundles = checkpoint.filter(|_| arguments.verify > 0);
    let bundles = bundles.map(|checkpoint| proofs::verify(&arguments.api, chosen, &checkpoint));
    Ok(Report { bundles, ..report })
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

fn prepare(arguments: &Arguments, chain_id: ChainId) -> Result<Vec<Due>, LoadError> {
    let Some(rate) = arguments.rate else {
        let requests =
            workload::prepare(arguments, chain_id, arguments.signed_ahead as usize, arguments.batch as usize)?;
        let due = |request| Due { request, at: Duration::ZERO, spacing: Duration::ZERO };
        return Ok(requests.into_iter().map(due).collect());
    };
    let spacing = Duration::from_secs(1) / rate;
    let gathered = (GATHER.as_nanos() / spacing.as_nanos().max(1)).clamp(1, arguments.batch.into());
    let per_request = usize::try_from(gathered).unwrap_or(1);
    let count = usize::try_from(arguments.sending().as_nanos() / spacing.as_nanos().max(1)).unwrap_or(usize::MAX);
    let requests = workload::prepare(arguments, chain_id, count, per_request)?;
    let mut at = Duration::ZERO;
    let mut due = Vec::with_capacity(requests.len());
    for request in requests {
        let length = request.count();
        due.push(Due { request, at, spacing });
        at += spacing * length;
    }
    Ok(due)
}

impl Field<'_> {
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is due next.
    pub(crate) fn next(&self) -> Option<Due> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    pub(crate) fn since_start(&self) -> Duration {
        self.start.elapsed()
    }

    /// Connections take turns among the addresses.
    pub(crate) fn endpoint(&self, number: usize) -> (usize, &str) {
        let endpoint = number % self.endpoints.len();
        (endpoint, &self.endpoints[endpoint])
    }

    /// One connection of a closed loop.
    fn closed(&self, number: usize, sending: Duration) {
        let (endpoint, base) = self.endpoint(number);
        let client = Client::new(base);
        while self.since_start() < sending
            && let Some(due) = self.next()
        {
            let from = self.since_start();
            if let Some(due) = self.send(&client, endpoint, due, from) {
                // What nobody has heard of is for the next one; a door that is shut is not asked without end.
                self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_front(due);
                std::thread::sleep(SHUT_PAUSE);
            }
        }
    }

    /// Sends one request and counts its answer; the first of what is in it counts from `from`. Gives back transactions that were never sent.
    pub(crate) fn send(&self, client: &Client, endpoint: usize, due: Due, from: Duration) -> Option<Due> {
        match &due.request {
            Request::Submit { ids, body } => match client.submit(body) {
                Submitted::Unsent => return Some(due),
                answer @ (Submitted::Answered(_) | Submitted::Unanswered) => {
                    let answered = self.since_start();
                    self.tally().count(endpoint, ids, answer, (from, due.spacing), answered);
                }
            },
            Request::Read => {
                // Before anything is certified there is nothing to read.
                let known = self.tally().reads.next(endpoint);
                if let Some(id) = known {
                    let answer = client.ask_bundle(&id);
                    let sample = Sample { from, answered: self.since_start() };
                    self.tally().reads.count(answer.map_or(Err(0), |bundle| bundle.map(|_| ())), sample);
                }
            }
        }
        None
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
            Some(Fate::Certified) => tally.certified_late += 1,
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
