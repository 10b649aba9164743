//! Lines on their way to the sink.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

/// Bytes of lines that may wait. Past it new lines are lost.
pub(super) const WAITING_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one line; a longer one is cut.
pub(super) const LINE_BYTES_MAX: usize = 32 * 1024;
/// What a waiting line costs besides its bytes.
const LINE_OVERHEAD_BYTES: usize = 64;
/// Pause after a line that could not be written, so that a full disk is not asked a million times a second.
const FAILURE_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Line {
    /// Lines lost between the one before and this one.
    lost_before: u64,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Line>,
    bytes: usize,
    /// Lost since the newest waiting line.
    lost: u64,
    /// A line is being written.
    is_writing: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        self.lines.is_empty() && !self.is_writing
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    is_json: bool,
    state: Mutex<State>,
    arrival: Condvar,
    written: Condvar,
}

impl Queue {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, state: Mutex::default(), arrival: Condvar::new(), written: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line, or counts it as lost. Never waits for the sink.
    pub(super) fn push(&self, mut bytes: Vec<u8>) {
        if bytes.len() > LINE_BYTES_MAX {
            bytes.truncate(LINE_BYTES_MAX);
            bytes.extend_from_slice(b"... (cut)\n");
        }
        let cost = bytes.len() + LINE_OVERHEAD_BYTES;
        let mut state = self.lock();
        if state.bytes + cost > WAITING_BYTES_MAX {
            state.lost += 1;
            return;
        }
        state.bytes += cost;
        let lost_before = std::mem::take(&mut state.lost);
        state.lines.push_back(Line { lost_before, bytes });
        drop(state);
        self.arrival.notify_one();
    }

    pub(super) fn lost(&self) -> u64 {
        let state = self.lock();
        state.lines.iter().map(|line| line.lost_before).sum::<u64>() + state.lost
    }

    /// Whether everything was written within this time.
    pub(super) fn wait_until_written(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        while !state.is_idle() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.written.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Writes lines for ever.
    pub(super) fn write_out(&self, mut sink: impl io::Write) {
        let mut lost = Lost::default();
        loop {
            let line = self.next();
            lost.count += line.lost_before;
            let result = self.write_one(&mut sink, &line.bytes, &mut lost);
            let mut state = self.lock();
            state.bytes = state.bytes.saturating_sub(line.bytes.len() + LINE_OVERHEAD_BYTES);
            state.is_writing = false;
            drop(state);
            self.written.notify_all();
            if let Err(error) = result {
                lost.count += 1;
                lost.reason = Some(error.to_string());
                std::thread::sleep(FAILURE_PAUSE);
            }
        }
    }

    fn next(&self) -> Line {
        let mut state = self.lock();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.is_writing = true;
                return line;
            }
            state = self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write_one(&self, sink: &mut impl io::Write, line: &[u8], lost: &mut Lost) -> io::Result<()> {
        if lost.count > 0 {
            let words = lost.words(self.is_json);
            write_whole(sink, words.as_bytes(), &mut lost.is_torn)?;
            *lost = Lost::default();
        }
        write_whole(sink, line, &mut lost.is_torn)
    }
}

/// Lines that nobody will read, and why.
#[derive(Debug, Default)]
struct Lost {
    count: u64,
    reason: Option<String>,
    /// A part of a line was written: the next one begins on a line of its own.
    is_torn: bool,
}

impl Lost {
    fn words(&self, is_json: bool) -> String {
        let mut time = String::new();
        // A clock that cannot be written leaves the place empty.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let reason = self.reason.as_deref().unwrap_or("they were not taken fast enough");
        let mut text = if self.is_torn { "\n".to_owned() } else { String::new() };
        if is_json {
            let message = "lines of the log were lost";
            let fields = serde_json::json!({ "message": message, "lost": self.count, "reason": reason });
            let line = serde_json::json!({ "timestamp": time, "level": "WARN", "fields": fields, "target": "quancheng_node::log" });
            text.push_str(&line.to_string());
            text.push('\n');
        } else {
            let count = self.count;
            writeln!(text, "{time}  WARN quancheng_node::log: lines of the log were lost lost={count} reason={reason}")
                .expect("writing to memory cannot fail");
        }
        text
    }
}

/// Writes all bytes; notes when only a part of them could be written.
fn write_whole(sink: &mut impl io::Write, bytes: &[u8], is_torn: &mut bool) -> io::Result<()> {
    let mut left = bytes;
    while !left.is_empty() {
        match sink.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                left = &left[count..];
                *is_torn = !left.is_empty();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Standard error that was set not to block, by another program that shares it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(FAILURE_PAUSE),
            Err(error) => return Err(error),
        }
    }
    sink.flush()
}
