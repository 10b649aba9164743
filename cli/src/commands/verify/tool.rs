//! What made a report, and when: a reader years later has to be able to get the very same program.

use std::path::Path;

use quancheng_proof::report::shanghai_time;
use quancheng_types::Digest;
use serde_json::{Value, json};

use crate::files;
use crate::time::now_ms;

/// The running program and this machine's clock.
pub(super) struct Tool {
    /// Digest of the program's own file; nothing when the system does not show it.
    pub(super) sha256: Option<Digest>,
    /// This machine's clock, ms since 1970 UTC. Nobody vouches for it.
    time_ms: u64,
}

impl Tool {
    /// The name of the program.
    pub(super) const NAME: &'static str = "quancheng";
    /// Its version.
    pub(super) const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    /// Reads the program's own file and the clock.
    pub(super) fn of_this_run() -> Self {
        // The link leads to the file that runs, also when another took its name meanwhile.
        let own = files::hash(Path::new("/proc/self/exe"), Self::NAME, &mut |_| {}).ok();
        Self { sha256: own.map(|(digests, _)| digests.sha256), time_ms: now_ms() }
    }

    /// The time of the check in Beijing.
    pub(super) fn time(&self) -> String {
        shanghai_time(self.time_ms)
    }

    /// Name, version and digest, for programs.
    pub(super) fn to_json(&self) -> Value {
        json!({ "name": Self::NAME, "version": Self::VERSION, "sha256": self.sha256 })
    }

    /// The time of the check, for programs.
    pub(super) fn time_json(&self) -> Value {
        json!({ "time_ms": self.time_ms, "time": self.time() })
    }
}
