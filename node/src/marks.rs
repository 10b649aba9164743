//! Keeps the marks: a thread that writes outside the store what the store made durable.
//!
//! A group of batches is acknowledged (to clients, to other validators) only when its mark is durable too. The mark of one group
//! is written while the store writes the next, so marks cost latency, not throughput, and all groups that wait share one. The
//! mark of a block needs no such care, since blocks can be fetched again: it is written at once, and synced a little later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use quancheng_types::Height;
use tracing::error;

use crate::driver::{DriverHandle, DriverInput};
use crate::files::{FileError, LogMark, Marks, MarksFile};
use crate::thread_end::{EndWithProcess, Threads};

/// How long the mark of a block may wait for its sync.
const SYNC_DELAY: Duration = Duration::from_millis(100);

/// Told when the mark of a group is durable, or why it is not.
pub type Marked = Box<dyn FnOnce(Result<(), Arc<FileError>>) + Send>;

enum Note {
    Group { groups: u64, next_sequence: u64, done: Marked },
    Block { height: Height, sign_records: u64, log: LogMark },
}

/// Takes notes for the thread.
#[derive(Clone, Debug)]
pub struct MarkKeeper {
    queue: Sender<Note>,
}

struct Keeper {
    file: MarksFile,
    marks: Marks,
    /// Groups whose mark is durable; the store names them in each later group.
    marked: Arc<AtomicU64>,
    driver: DriverHandle,
}

impl MarkKeeper {
    /// Starts the thread; it ends when all its handles are dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        file: MarksFile,
        marks: Marks,
        marked: Arc<AtomicU64>,
        driver: DriverHandle,
        threads: &Threads,
    ) -> std::io::Result<Self> {
        let (queue, notes) = channel();
        let keeper = Keeper { file, marks, marked, driver };
        threads.spawn("marks", move || {
            let _guard = EndWithProcess("marks");
            keeper.run(&notes);
        })?;
        Ok(Self { queue })
    }

    /// A group of batches is durable in the store; `done` is told when its mark is, too. `next_sequence`: one more than the greatest
    /// number of an own batch in it; 0 when there is none.
    pub fn group(&self, groups: u64, next_sequence: u64, done: Marked) {
        // The thread ends only after all who could ask.
        let _ = self.queue.send(Note::Group { groups, next_sequence, done });
    }

    /// A block is durable in the store, and so are so many sign records and the log so far.
    pub fn block(&self, height: Height, sign_records: u64, log: LogMark) {
        let _ = self.queue.send(Note::Block { height, sign_records, log });
    }
}

impl Keeper {
    fn run(mut self, notes: &Receiver<Note>) {
        let mut dirty_since = None;
        loop {
            let first = if dirty_since.is_some() {
                notes.recv_timeout(SYNC_DELAY)
            } else {
                notes.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            let mut waiting = Vec::new();
            let has_note = first.is_ok();
            match first {
                Ok(note) => {
                    self.take(note, &mut waiting);
                    for note in notes.try_iter() {
                        self.take(note, &mut waiting);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let since = *dirty_since.get_or_insert_with(Instant::now);
            if waiting.is_empty() && has_note && since.elapsed() < SYNC_DELAY {
                let noted = self.file.note(&self.marks);
                self.finish(noted, waiting);
            } else {
                dirty_since = None;
                let written = self.file.replace(&self.marks);
                self.finish(written, waiting);
            }
        }
        if dirty_since.is_some()
            && let Err(error) = self.file.sync()
        {
            error!(%error, "the last marks could not be synced");
        }
    }

    fn take(&mut self, note: Note, waiting: &mut Vec<Marked>) {
        let marks = match note {
            Note::Group { groups, next_sequence, done } => {
                waiting.push(done);
                Marks { groups, next_sequence, ..Marks::default() }
            }
            Note::Block { height, sign_records, log } => {
                Marks { height: height.0, sign_records, log, ..Marks::default() }
            }
        };
        self.marks = self.marks.merged(marks);
    }

    fn finish(&self, result: Result<(), FileError>, waiting: Vec<Marked>) {
        let result = result.map_err(Arc::new);
        match &result {
            Ok(()) if !waiting.is_empty() => self.marked.store(self.marks.groups, Ordering::Release),
            Ok(()) => {}
            Err(error) => {
                error!(%error, "the marks cannot be written; this node stops");
                // The driver is gone only when the process ends.
                let _ = self.driver.deliver(DriverInput::MarksFailed(Arc::clone(error)));
            }
        }
        for done in waiting {
            done(result.clone());
        }
    }
}
