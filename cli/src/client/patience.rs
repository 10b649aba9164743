//! How long a command waits.
//!
//! A time that the user names holds for the whole command: it begins with the first question to a node - what comes before it, such as
//! reading files and passwords, is no waiting - and every later question, pause and retry has what is left of it. Without one, each step
//! of a command has the same time anew, so that a run over many files or lines is not cut off for being long.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// When the waiting of a command began; its clients share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandClock(Rc<OnceCell<Instant>>);

/// How long to try.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    timeout: Duration,
    /// The clock of the command, when the user has named the time.
    command: Option<CommandClock>,
}

impl Patience {
    /// So long for each step; a closed door is told at once.
    pub(crate) const fn of_each_step(timeout: Duration) -> Self {
        Self { timeout, command: None }
    }

    /// So long for the whole command; a closed door is tried again until then.
    pub(crate) const fn of_command(timeout: Duration, clock: CommandClock) -> Self {
        Self { timeout, command: Some(clock) }
    }

    /// Whether the user has said how long to try.
    pub(crate) const fn is_asked_for(&self) -> bool {
        self.command.is_some()
    }

    /// Until when a step that begins now may go on.
    pub(crate) fn deadline(&self) -> Instant {
        match &self.command {
            Some(CommandClock(begun)) => after(*begun.get_or_init(Instant::now), self.timeout),
            None => moment_after(self.timeout),
        }
    }
}

/// The moment so long from now; a length beyond what the clock can hold counts as a century.
pub(crate) fn moment_after(length: Duration) -> Instant {
    after(Instant::now(), length)
}

fn after(moment: Instant, length: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    moment + length.min(CENTURY)
}

/// Whether a moment has come.
pub(crate) fn is_over(deadline: Instant) -> bool {
    Instant::now() >= deadline
}
