//! Progress on stderr, for people at a terminal.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Format;
use crate::session::Session;

/// A bar, or nothing where nobody watches.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// So many bytes.
    pub(crate) fn bytes(session: &Session, length: u64) -> Self {
        Self::new(session, length, "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    }

    /// So many items.
    pub(crate) fn items(session: &Session, length: u64) -> Self {
        Self::new(session, length, "{bar:30} {pos}/{len} {per_sec} {eta}")
    }

    fn new(session: &Session, length: u64, template: &str) -> Self {
        let printer = session.printer;
        let is_watched = std::io::stderr().is_terminal() && !printer.is_quiet && printer.format == Format::Table;
        let target = if is_watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// One that nobody sees.
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So much more is done.
    pub(crate) fn step(&self, amount: u64) {
        self.0.inc(amount);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
