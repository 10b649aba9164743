//! What came out.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::client::WAIT_MS;
use crate::proofs::Bundles;
use crate::tally::{Reads, Sample, Tally};

/// The generator is the limit where one request in a hundred goes out later than this.
const LATE_MAX: Duration = Duration::from_millis(20);

/// When the measurement began and ended, counted from the first request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// What was due earlier is in no figure of speed or latency.
    pub(crate) warm_up: Duration,
    /// When the last answer was there.
    pub(crate) elapsed: Duration,
}

/// Result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Open or closed loop.
    pub(crate) mode: &'static str,
    /// Transactions of the whole run, warm-up included; so are the next five.
    pub(crate) submitted: u64,
    pub(crate) certified: u64,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
    pub(crate) errors: u64,
    /// Due at a door to which there was no connection, and so not submitted; open loop alone.
    pub(crate) unsent: u64,
    /// Certified, but not while their request waited: the percentiles lack them.
    pub(crate) certified_after_wait: u64,
    /// From the first request to the last answer, seconds.
    pub(crate) duration_s: f64,
    /// CPU time of this process while the clock ran, where the system tells it.
    pub(crate) cpu_s: Option<f64>,
    /// Connections that were opened.
    pub(crate) connections: u32,
    /// Certified per second of the measurement, without the warm-up.
    pub(crate) tx_per_s: f64,
    /// Latency of what was due within the measurement.
    pub(crate) latency_ms: Latency,
    /// How late the generator itself sent; open loop alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent_late_ms: Option<Latency>,
    /// The network was not asked as often as `--rate` says.
    pub(crate) generator_was_the_limit: bool,
    /// Upper bounds of latency in ms, each a quarter above the last, with the number of transactions between it and the one before.
    pub(crate) histogram: Vec<(u64, u64)>,
    /// One row for each second of the run.
    pub(crate) seconds: Vec<Second>,
    /// Bundles that were read while transactions went in (kind mixed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reads: Option<ReadFigures>,
    /// What came of the bundles that were asked for with `--verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bundles: Option<Bundles>,
}

/// What came of reads within the measurement.
#[derive(Debug, Serialize)]
pub(crate) struct ReadFigures {
    /// Bundles per second.
    pub(crate) per_s: f64,
    /// Answers of the whole run that were no bundle, by status; 0 stands for no answer.
    pub(crate) failed: BTreeMap<u16, u64>,
    /// From the moment a read was due (open loop) or sent (closed loop) to the whole bundle.
    pub(crate) latency_ms: Latency,
}

/// What was due within one second.
#[derive(Debug, Serialize)]
pub(crate) struct Second {
    /// The second, counted from the first request.
    pub(crate) second: u64,
    /// Transactions that were due in it and are certified.
    pub(crate) certified: usize,
    pub(crate) p50_ms: f64,
    pub(crate) max_ms: f64,
}

/// From the moment a transaction was due (open loop) or sent (closed loop) to the answer that it is certified.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

impl Latency {
    /// From durations in any order.
    pub(crate) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |share: usize| {
            let last = all.len().checked_sub(1)?;
            all.get(last * share / 100).copied()
        };
        let millis = |value: Option<Duration>| millis(value.unwrap_or_default());
        Self { p50: millis(at(50)), p95: millis(at(95)), p99: millis(at(99)), max: millis(all.last().copied()) }
    }
}

fn latency(sample: &Sample) -> Duration {
    sample.answered.saturating_sub(sample.from)
}

/// Counts by upper bound.
fn histogram(latencies: &[Duration]) -> Vec<(u64, u64)> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for latency in latencies {
        let ms = u64::try_from(latency.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let mut bound: u64 = 1;
        while bound < ms {
            bound = bound.saturating_add(bound.div_ceil(4));
        }
        *counts.entry(bound).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn by_second(samples: &[Sample]) -> Vec<Second> {
    let mut seconds: BTreeMap<u64, Vec<Duration>> = BTreeMap::new();
    for sample in samples {
        seconds.entry(sample.from.as_secs()).or_default().push(latency(sample));
    }
    let row = |(second, all): (u64, Vec<Duration>)| {
        let (certified, latency) = (all.len(), Latency::of(all));
        Second { second, certified, p50_ms: latency.p50, max_ms: latency.max }
    };
    seconds.into_iter().map(row).collect()
}

fn count_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// `None` where nothing was read.
fn read_figures(reads: &Reads, window: &Window, measured_s: f64) -> Option<ReadFigures> {
    if reads.samples.is_empty() && reads.failed.is_empty() {
        return None;
    }
    let within = reads.samples.iter().filter(|sample| sample.from >= window.warm_up);
    let latencies: Vec<Duration> = within.map(latency).collect();
    let per_s = count_f64(latencies.len()) / measured_s;
    Some(ReadFigures { per_s, failed: reads.failed.clone(), latency_ms: Latency::of(latencies) })
}

impl Report {
    pub(crate) fn of(is_open: bool, tally: Tally, lost: u64, window: &Window, cpu_s: Option<f64>) -> Self {
        let at_once = u64::try_from(tally.samples.len()).unwrap_or(u64::MAX);
        let measured: Vec<Duration> =
            tally.samples.iter().filter(|sample| sample.from >= window.warm_up).map(latency).collect();
        let measured_s = window.elapsed.saturating_sub(window.warm_up).as_secs_f64().max(f64::MIN_POSITIVE);
        let reads = read_figures(&tally.reads, window, measured_s);
        let mut late = tally.late;
        late.sort_unstable();
        let late_p99 = late.get(late.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default();
        Self {
            mode: if is_open { "open loop" } else { "closed loop" },
            submitted: tally.submitted,
            certified: at_once.saturating_add(tally.certified_late),
            refused: tally.refused,
            lost,
            errors: tally.errors,
            unsent: tally.unsent,
            certified_after_wait: tally.certified_late,
            duration_s: window.elapsed.as_secs_f64(),
            cpu_s,
            connections: tally.connections,
            tx_per_s: count_f64(measured.len()) / measured_s,
            histogram: histogram(&measured),
            latency_ms: Latency::of(measured),
            generator_was_the_limit: late_p99 > LATE_MAX,
            sent_late_ms: is_open.then(|| Latency::of(late)),
            seconds: by_second(&tally.samples),
            reads,
            bundles: None,
        }
    }

    /// Whether everything was sent, nothing was lost, and every bundle that was asked for is what it should be.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost == 0 && self.unsent == 0 && self.bundles.as_ref().is_none_or(|bundles| bundles.failed.is_empty())
    }

    pub(crate) fn write_json(&self, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "{}", serde_json::to_string(self).unwrap_or_default())
    }

    pub(crate) fn write_table(&self, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "mode        {}, {} connections", self.mode, self.connections)?;
        writeln!(out, "submitted   {}", self.submitted)?;
        writeln!(out, "certified   {}", self.certified)?;
        writeln!(out, "refused     {}", self.refused)?;
        writeln!(out, "lost        {}", self.lost)?;
        writeln!(out, "errors      {}", self.errors)?;
        if self.unsent > 0 {
            writeln!(out, "unsent      {}: a door did not open", self.unsent)?;
        }
        writeln!(out, "tx/s        {:.0}", self.tx_per_s)?;
        if let Some(cpu_s) = self.cpu_s {
            writeln!(out, "own CPU s   {cpu_s:.2}")?;
        }
        let Latency { p50, p95, p99, max } = &self.latency_ms;
        writeln!(out, "latency ms  p50 {p50:.1}  p95 {p95:.1}  p99 {p99:.1}  max {max:.1}")?;
        let all: u64 = self.histogram.iter().map(|(_, count)| count).sum();
        let mut below = 0;
        for (bound, count) in &self.histogram {
            below += count;
            let share = below.saturating_mul(1000).checked_div(all).unwrap_or(0);
            writeln!(out, "  <= {bound:>6} ms  {count:>8}  {:>3}.{}%", share / 10, share % 10)?;
        }
        if let Some(ReadFigures { per_s, failed, latency_ms: Latency { p50, p95, p99, max } }) = &self.reads {
            writeln!(out, "reads/s     {per_s:.0}, {} failed", failed.values().sum::<u64>())?;
            for (status, count) in failed {
                writeln!(out, "  HTTP {status}: {count}")?;
            }
            writeln!(out, "  read ms   p50 {p50:.1}  p95 {p95:.1}  p99 {p99:.1}  max {max:.1}")?;
        }
        if self.certified_after_wait > 0 {
            let (count, seconds) = (self.certified_after_wait, WAIT_MS / 1000);
            writeln!(out, "{count} more took over {seconds} s and are in no percentile")?;
        }
        if let Some(Bundles { verified, failed, bytes_max, fetch_ms, verify_ms }) = &self.bundles {
            writeln!(out, "bundles     {verified} verified, {} failed, at most {bytes_max} bytes", failed.len())?;
            let (fetch, verify) = ((fetch_ms.p50, fetch_ms.p99), (verify_ms.p50, verify_ms.p99));
            writeln!(
                out,
                "  fetch ms  p50 {:.1}  p99 {:.1}  verify ms  p50 {:.2}  p99 {:.2}",
                fetch.0, fetch.1, verify.0, verify.1
            )?;
            for (id, words) in failed {
                writeln!(out, "  {id}: {words}")?;
            }
        }
        if let (true, Some(late)) = (self.generator_was_the_limit, &self.sent_late_ms) {
            let Latency { p99, max, .. } = late;
            writeln!(out, "the generator was the limit: it sent late itself (p99 {p99:.0}, max {max:.0} ms)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn sample(from_ms: u32, latency_ms: u32) -> Sample {
        Sample { from: MS * from_ms, answered: MS * (from_ms + latency_ms) }
    }

    fn is(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let latency = Latency::of((1..=100).rev().map(|ms| MS * ms).collect());
        assert!(is(latency.p50, 50.0) && is(latency.p99, 99.0) && is(latency.max, 100.0));
        assert!(is(Latency::of(Vec::new()).max, 0.0));
    }

    #[test]
    fn a_warm_up_is_counted_but_not_measured() {
        let samples = vec![sample(0, 900), sample(999, 700), sample(1000, 10), sample(2500, 20)];
        let tally = Tally { samples, certified_late: 2, ..Tally::default() };
        let window = Window { warm_up: 1000 * MS, elapsed: 3000 * MS };
        let report = Report::of(true, tally, 0, &window, None);
        assert_eq!((report.certified, report.certified_after_wait), (6, 2));
        assert!(is(report.latency_ms.max, 20.0) && is(report.tx_per_s, 1.0));
        let rows: Vec<_> = report.seconds.iter().map(|row| (row.second, row.certified)).collect();
        assert_eq!(rows, [(0, 2), (1, 1), (2, 1)], "the rows show the warm-up too");
    }

    #[test]
    fn reads_are_told_apart_from_transactions() {
        let mut tally = Tally { samples: vec![sample(1500, 70)], ..Tally::default() };
        for (from_ms, answer) in [(0, Ok(())), (1000, Ok(())), (1200, Err(404)), (2500, Ok(()))] {
            tally.reads.count(answer, sample(from_ms, from_ms / 100 + 1));
        }
        let window = Window { warm_up: 1000 * MS, elapsed: 3000 * MS };
        let report = Report::of(true, tally, 0, &window, None);
        let reads = report.reads.unwrap();
        assert!(is(reads.per_s, 1.0) && reads.failed == BTreeMap::from([(404, 1)]) && is(reads.latency_ms.max, 26.0));
        assert!(is(report.latency_ms.max, 70.0));
        assert!(Report::of(true, Tally::default(), 0, &window, None).reads.is_none());
    }

    #[test]
    fn the_bounds_of_the_histogram_hold_what_they_say() {
        let counts = histogram(&[MS / 2, MS, MS + MS / 1000, 2 * MS, 3 * MS, 4 * MS, 1000 * MS]);
        assert_eq!(counts, [(1, 2), (2, 2), (3, 1), (4, 1), (1110, 1)]);
    }

    #[test]
    fn a_bundle_that_fails_is_told_and_makes_the_run_fail() {
        let window = Window { warm_up: Duration::ZERO, elapsed: MS };
        let bundles = |failed| Bundles {
            verified: 2,
            failed,
            bytes_max: 900,
            fetch_ms: Latency::default(),
            verify_ms: Latency::default(),
        };
        let report =
            |failed| Report { bundles: Some(bundles(failed)), ..Report::of(true, Tally::default(), 0, &window, None) };
        assert!(report(Vec::new()).is_whole());
        let failed = report(vec![(quancheng_types::TransactionId::default(), "http://a: no bundle".to_owned())]);
        let mut table = Vec::new();
        failed.write_table(&mut table).unwrap();
        assert!(!failed.is_whole());
        assert!(String::from_utf8(table).unwrap().contains("http://a: no bundle"));
        assert!(!Report::of(true, Tally::default(), 1, &window, None).is_whole());
    }

    #[test]
    fn a_generator_that_sends_late_says_so() {
        let report = |late: Vec<Duration>| {
            let window = Window { warm_up: Duration::ZERO, elapsed: MS };
            Report::of(true, Tally { late, ..Tally::default() }, 0, &window, None)
        };
        assert!(!report(vec![MS; 200]).generator_was_the_limit);
        let late = report(vec![21 * MS; 200]);
        let mut table = Vec::new();
        late.write_table(&mut table).unwrap();
        assert!(late.generator_was_the_limit && String::from_utf8(table).unwrap().contains("generator was the limit"));
    }
}
