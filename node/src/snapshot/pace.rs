//! How fast a source gives: each answer has time for its bytes, and what it takes longer adds up, so that a source is bounded as a whole and not only
//! answer by answer.

use std::time::Duration;

/// Least pace of a source, bytes a second: that of a line of a megabit.
pub(super) const LEAST_PACE: u32 = 128 * 1024;
/// Time for an answer beside that for its bytes: for the way there and back, and for finding it.
const ALLOWED: Duration = Duration::from_secs(1);
/// Time by which a source may fall behind its least pace altogether; above it, it is slow. It comes back when it is faster again.
pub(super) const BEHIND_MAX: Duration = Duration::from_secs(120);

/// By how much a source is behind its least pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    behind: Duration,
}

impl Pace {
    /// An answer of so many bytes took so long.
    pub(super) fn took(&mut self, time: Duration, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let allowed = ALLOWED + Duration::from_secs(1) * bytes / LEAST_PACE;
        self.behind = (self.behind + time).saturating_sub(allowed);
    }

    /// Whether it is behind by more than this.
    pub(super) fn is_behind(self, max: Duration) -> bool {
        self.behind > max
    }
}
