//! Whether this process was asked to stop what it does with networks.
//!
//! Making a network and bringing it up are many steps with processes of their own. Whoever is interrupted in between must not just end: then
//! nobody would know what runs. So the request is noted, and looked at between the steps.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Left, LocalError};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Asks every call of this process that makes a network or waits for its nodes to end early, with [`LocalError::Interrupted`].
pub fn interrupt() {
    ASKED.store(true, Ordering::SeqCst);
}

/// Refuses to go on once that was asked. `left`: what is there then.
pub(crate) fn check(dir: &Path, left: Left) -> Result<(), LocalError> {
    if ASKED.load(Ordering::SeqCst) { Err(LocalError::Interrupted { dir: dir.to_owned(), left }) } else { Ok(()) }
}
