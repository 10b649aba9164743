//! The log is best effort: a full disk, a closed pipe or a reader that stands still costs lines, never the node.
//!
//! Whoever has something to say puts it into a queue that is bounded in bytes and never waits. One thread writes it out. What finds no
//! room, or cannot be written, is counted, and the count is told with the next line that can be written.

mod filter;
mod queue;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

pub use self::filter::{LEVELS, is_filter};
use self::queue::Queue;

/// The voting core tells of every vote at level `info`: more lines than transactions. An operator's own level for it comes later in the
/// list and wins.
const LIBRARY_LEVELS: &str = "arc_malachitebft_core_consensus=warn,libp2p_swarm=warn";
/// How long the end of the process waits for lines that are not written yet.
const FINISH_PATIENCE: Duration = Duration::from_secs(1);

/// The log of this process, for those who end it without going back to `main`.
static LOG: OnceLock<Log> = OnceLock::new();

/// Why there is no log.
#[derive(Debug)]
pub enum LogError {
    /// The filter names a level or a part that does not exist; the configuration checks that before.
    Filter(String),
    /// The system gives no thread.
    Thread(io::Error),
    /// There is one already.
    Twice,
}

impl std::fmt::Display for LogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Filter(reason) => write!(f, "log.level: {reason}"),
            Self::Thread(error) => {
                write!(f, "the system gives no thread for the log: {error}; raise the limit of processes (ulimit -u)")
            }
            Self::Twice => f.write_str("the log of this process was started twice; this is a bug"),
        }
    }
}

impl std::error::Error for LogError {}

/// Puts lines into the queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log(Arc<Queue>);

impl Log {
    /// Starts the log of this process on standard error: lines of `tracing`, and panics.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn start(filter: &str, is_json: bool) -> Result<Self, LogError> {
        let filter = EnvFilter::try_new(format!("{LIBRARY_LEVELS},{filter}"))
            .map_err(|error| LogError::Filter(error.to_string()))?;
        let log = Self::over(io::stderr(), is_json).map_err(LogError::Thread)?;
        LOG.set(log.clone()).map_err(|_| LogError::Twice)?;
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(log.clone())
            .with_target(true)
            .log_internal_errors(false);
        let is_first = if is_json { lines.json().try_init() } else { lines.with_ansi(false).try_init() };
        is_first.map_err(|_| LogError::Twice)?;
        let panics = log.clone();
        // The hook of the standard library writes to standard error itself, and would wait for a reader that stands still.
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            panics.say(&format!("thread '{}' {panic}", thread.name().unwrap_or("unnamed")));
        }));
        Ok(log)
    }

    /// A log on any sink, which one thread of its own writes to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn over(sink: impl io::Write + Send + 'static, is_json: bool) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(is_json));
        let work = Arc::clone(&queue);
        crate::thread_end::builder("log").spawn(move || work.write_out(sink))?;
        Ok(Self(queue))
    }

    /// One line that is not of `tracing`. Never waits.
    pub fn say(&self, line: &str) {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        self.0.push(bytes);
    }

    /// Waits for a moment until what was said is written; whether it is.
    pub fn finish(&self) -> bool {
        self.0.wait_until_written(FINISH_PATIENCE)
    }

    /// Lines that were lost so far and not told of yet.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost()
    }
}

/// Waits for a moment until the log of this process is written, before the process ends abruptly.
pub(crate) fn finish() {
    if let Some(log) = LOG.get() {
        log.finish();
    }
}

impl io::Write for Log {
    /// Takes all of it: whole lines come at once, and what finds no room is counted.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
