//! The threads of the node: what happens when one panics, and that all of them have ended before the process does.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::error;

use crate::limits::STACK_BYTES;

/// Niceness of threads whose work can wait.
const NICE: i32 = 10;

/// Pause between two looks at threads that still run.
const POLL: Duration = Duration::from_millis(2);

/// For every thread of the node. Its stack is given here, since the library would ask the environment for it (`RUST_MIN_STACK`): a value
/// that somebody meant for another program would stop this one.
pub(crate) fn builder(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.into()).stack_size(STACK_BYTES)
}

/// Ends the process when the thread that holds it unwinds: a node without its executor or its writer would go on answering and do nothing.
/// Nothing is lost, since all that was acknowledged is durable, and who supervises the process starts it again.
#[derive(Debug)]
pub(crate) struct EndWithProcess(pub(crate) &'static str);

impl Drop for EndWithProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!(
                thread = self.0,
                "a thread of the node panicked: this is a bug; the process ends to be started again"
            );
            crate::log::finish();
            std::process::abort();
        }
    }
}

/// The threads that were started. A thread that still uses the store when `main` returns would use it after the storage engine has
/// taken its globals down, which aborts the process: so all of them are waited for.
#[derive(Clone, Debug, Default)]
pub struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Threads {
    /// Starts a thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = builder(name).spawn(run)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Starts a thread that gives way to the others when the processor is short: agreement must not wait for work that can.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn spawn_behind(&self, name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.spawn(name, move || {
            // Of the calling thread alone, on Linux (nice(2)); where it is not possible the work is done all the same.
            let _ = rustix::process::nice(NICE);
            run();
        })
    }

    /// Waits until all have ended, at most so long. Returns the names of those that have not.
    #[must_use]
    pub fn join(&self, patience: Duration) -> Vec<String> {
        let until = Instant::now() + patience;
        let mut threads = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        loop {
            let (ended, running): (Vec<_>, Vec<_>) = threads.into_iter().partition(JoinHandle::is_finished);
            for thread in ended {
                // A panic was told by the thread itself.
                let _ = thread.join();
            }
            if running.is_empty() || Instant::now() >= until {
                return running.iter().map(|thread| thread.thread().name().unwrap_or("?").to_owned()).collect();
            }
            threads = running;
            std::thread::sleep(POLL);
        }
    }
}
