//! What came out.

use std::io;

use serde::Serialize;

/// Result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) mode: &'static str,
    pub(crate) submitted: u64,
    pub(crate) certified: u64,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
    pub(crate) errors: u64,
    pub(crate) duration_s: f64,
    /// CPU time of this process while the clock ran, where the system tells it.
    pub(crate) cpu_s: Option<f64>,
    pub(crate) tx_per_s: f64,
    pub(crate) latency_ms: Latency,
}

/// From the moment a transaction was due (open loop) or sent (closed loop) to the answer that it is certified.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Latency {
    /// From microseconds in any order.
    pub(crate) fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        let at = |share: usize| {
            let last = micros.len().checked_sub(1)?;
            micros.get(last * share / 100).copied()
        };
        let millis =
            |value: Option<u64>| std::time::Duration::from_micros(value.unwrap_or_default()).as_secs_f64() * 1000.0;
        Self { p50: millis(at(50)), p95: millis(at(95)), p99: millis(at(99)), max: millis(micros.last().copied()) }
    }
}

impl Report {
    pub(crate) fn write_json(&self, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "{}", serde_json::to_string(self).unwrap_or_default())
    }

    pub(crate) fn write_table(&self, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "mode       {}", self.mode)?;
        writeln!(out, "submitted  {}", self.submitted)?;
        writeln!(out, "certified  {}", self.certified)?;
        writeln!(out, "refused    {}", self.refused)?;
        writeln!(out, "lost       {}", self.lost)?;
        writeln!(out, "errors     {}", self.errors)?;
        writeln!(out, "tx/s       {:.0}", self.tx_per_s)?;
        if let Some(cpu_s) = self.cpu_s {
            writeln!(out, "own CPU s  {cpu_s:.2}")?;
        }
        let Latency { p50, p95, p99, max } = &self.latency_ms;
        writeln!(out, "latency ms p50 {p50:.1}  p95 {p95:.1}  p99 {p99:.1}  max {max:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::Latency;

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let latency = Latency::of((1..=100).rev().map(|ms| ms * 1000).collect());
        assert!(
            (latency.p50 - 50.0).abs() < 1e-9
                && (latency.p99 - 99.0).abs() < 1e-9
                && (latency.max - 100.0).abs() < 1e-9
        );
        assert!(Latency::of(Vec::new()).max.abs() < 1e-9);
    }
}
