//! What the node counts, as Prometheus text.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::network::{Lane, NetworkMetrics};

/// A gauge of a number that is never negative.
pub type Level = Gauge<u64, AtomicU64>;

/// All of the node's own counters. Those of the network layer are added when the text is made.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Newest final height.
    pub height: Level,
    /// Newest executed height.
    pub executed_height: Level,
    /// Newest certified height.
    pub certified_height: Level,
    /// Connected peers.
    pub peers: Level,
    /// Transactions admitted here and not yet executed.
    pub pending: Level,
    /// This node's clock ahead of the validators', ms; 0 until it is known.
    pub clock_ahead_ms: Gauge,
    /// Transactions taken.
    pub admitted: Counter,
    /// Transactions not taken.
    pub rejected: Counter,
    /// Transactions executed.
    pub executed: Counter,
    /// Executed transactions that were refused.
    pub refused: Counter,
    /// Contract panics caught by the executor. Anything but 0 is a bug.
    pub internal: Counter,
    /// Batches sealed here.
    pub batches_sealed: Counter,
    /// Batches of others checked here.
    pub batches_checked: Counter,
    /// Batches found invalid.
    pub batches_invalid: Counter,
    /// Messages not sent because a peer's queue was full.
    pub messages_dropped: Counter,
    /// Messages not read because their sender had broken the protocol.
    pub inputs_dropped: Counter,
    /// Messages that did not decode.
    pub messages_malformed: Counter,
    /// Requests of peers dropped because too many waited.
    pub serves_dropped: Counter,
    /// Proven breaches of protocol by peers.
    pub offences: Counter,
    /// Alarms of the engine.
    pub alarms: Counter,
    /// Time from admission to the final block, seconds.
    pub order_seconds: Histogram,
    /// Time from admission to the certified result, seconds.
    pub certify_seconds: Histogram,
    /// Time to execute and commit a block, seconds.
    pub execute_seconds: Histogram,
    /// Time of one flush of the driver, seconds.
    pub flush_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

impl Metrics {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("quancheng")),
            height: Level::default(),
            executed_height: Level::default(),
            certified_height: Level::default(),
            peers: Level::default(),
            pending: Level::default(),
            clock_ahead_ms: Gauge::default(),
            admitted: Counter::default(),
            rejected: Counter::default(),
            executed: Counter::default(),
            refused: Counter::default(),
            internal: Counter::default(),
            batches_sealed: Counter::default(),
            batches_checked: Counter::default(),
            batches_invalid: Counter::default(),
            messages_dropped: Counter::default(),
            inputs_dropped: Counter::default(),
            messages_malformed: Counter::default(),
            serves_dropped: Counter::default(),
            offences: Counter::default(),
            alarms: Counter::default(),
            order_seconds: seconds(),
            certify_seconds: seconds(),
            execute_seconds: seconds(),
            flush_seconds: seconds(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let levels = [
            ("height", "Newest final height", &self.height),
            ("executed_height", "Newest executed height", &self.executed_height),
            ("certified_height", "Newest certified height", &self.certified_height),
            ("peers", "Connected peers", &self.peers),
            ("pending_transactions", "Transactions admitted here and not yet executed", &self.pending),
        ];
        for (name, help, level) in levels {
            registry.register(name, help, level.clone());
        }
        let help = "This node's clock ahead of the validators', ms; negative when behind, 0 until known";
        registry.register("clock_ahead_ms", help, self.clock_ahead_ms.clone());
        let counters = [
            ("transactions_admitted", "Transactions taken", &self.admitted),
            ("transactions_rejected", "Transactions not taken", &self.rejected),
            ("transactions_executed", "Transactions executed", &self.executed),
            ("transactions_refused", "Executed transactions that a contract refused", &self.refused),
            ("contract_panics", "Contract panics; anything but 0 is a bug", &self.internal),
            ("batches_sealed", "Batches sealed here", &self.batches_sealed),
            ("batches_checked", "Batches of others checked here", &self.batches_checked),
            ("batches_invalid", "Batches found invalid", &self.batches_invalid),
            ("messages_dropped", "Messages not sent because a peer was slow", &self.messages_dropped),
            ("inputs_dropped", "Messages not read because their sender had broken the protocol", &self.inputs_dropped),
            ("messages_malformed", "Messages that did not decode", &self.messages_malformed),
            ("serves_dropped", "Requests of peers dropped", &self.serves_dropped),
            ("offences", "Breaches of protocol by peers", &self.offences),
            ("alarms", "Alarms an operator should read in the log", &self.alarms),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let histograms = [
            ("order_seconds", "From admission to the final block", &self.order_seconds),
            ("certify_seconds", "From admission to the certified result", &self.certify_seconds),
            ("execute_seconds", "Execute and commit one block", &self.execute_seconds),
            ("flush_seconds", "One flush of the driver", &self.flush_seconds),
        ];
        for (name, help, histogram) in histograms {
            registry.register(name, help, histogram.clone());
        }
    }

    /// Prometheus text of everything.
    #[must_use]
    pub fn text(&self, network: &NetworkMetrics) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if encode(&mut text, &registry).is_err() {
            return String::new();
        }
        // The exporter ends its text with a mark; what follows must come before it.
        let end = "# EOF\n";
        text.truncate(text.trim_end_matches(end).len());
        for lane in Lane::ALL {
            let counted = network.lane(lane);
            let name = lane.name();
            let rows = [
                ("frames_in", counted.frames_in.value()),
                ("frames_out", counted.frames_out.value()),
                ("bytes_in", counted.bytes_in.value()),
                ("bytes_out", counted.bytes_out.value()),
            ];
            for (row, value) in rows {
                let _ = writeln!(text, "quancheng_network_{row}_total{{lane=\"{name}\"}} {value}");
            }
        }
        text.push_str(end);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_every_lane_and_ends_once() {
        let metrics = Metrics::new();
        metrics.height.set(7);
        metrics.offences.inc();
        let text = metrics.text(&NetworkMetrics::default());
        assert!(text.contains("quancheng_height 7\n"), "{text}");
        assert!(text.contains("quancheng_offences_total 1\n"), "{text}");
        for lane in Lane::ALL {
            assert!(
                text.contains(&format!("quancheng_network_bytes_in_total{{lane=\"{}\"}} 0", lane.name())),
                "{text}"
            );
        }
        assert_eq!(text.matches("# EOF").count(), 1);
    }
}
