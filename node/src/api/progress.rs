//! Whether something still comes: what counts is of late, not on average since the beginning.

use std::time::{Duration, Instant};

/// A sender who is to send at a rate. Time that passes is owed, and what comes pays for as much of it as it would take at that rate; nothing is
/// saved up, so who has sent much at once may not be silent for long after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    rate: u32,
    owed: Duration,
    at: Instant,
}

impl Progress {
    /// From now on, in bytes a second.
    pub(super) const fn new(rate: u32, now: Instant) -> Self {
        Self { rate, owed: Duration::ZERO, at: now }
    }

    /// Notes bytes that came.
    pub(super) fn came(&mut self, bytes: usize, now: Instant) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let worth = Duration::from_millis(bytes.saturating_mul(1000) / u64::from(self.rate));
        *self = Self { rate: self.rate, owed: self.owed(now).saturating_sub(worth), at: now };
    }

    /// How far the sender is behind.
    pub(super) fn owed(&self, now: Instant) -> Duration {
        self.owed.saturating_add(now.saturating_duration_since(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_sent_much_may_not_be_silent_for_long_and_a_steady_sender_owes_nothing() {
        const RATE: u32 = 8 * 1024;
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        // Bytes at first, bytes in each second after it, and what is owed after ten.
        for (first, each, owed) in [
            (0, 0, 10 * second),
            (20 << 20, 0, 10 * second),
            (20 << 20, 1, 10 * second),
            (0, 4 * 1024, 5 * second),
            (0, 8 * 1024, Duration::ZERO),
            (20 << 20, 1 << 20, Duration::ZERO),
        ] {
            let mut progress = Progress::new(RATE, start);
            progress.came(first, start);
            for n in 1..=10 {
                progress.came(each, start + n * second);
            }
            assert_eq!(progress.owed(start + 10 * second), owed, "{first} bytes at once, then {each} a second");
        }
    }
}
