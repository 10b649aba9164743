//! Signals: what ends a node, and what does not.
//!
//! SIGTERM, SIGINT and SIGQUIT end it in order. Signals whose default action would end it without order, and which people and systems
//! send for other reasons (a terminal that closes, a log rotator, a limit on file sizes), are told in the log and do nothing else.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// Signals that are told and ignored, by their numbers on Linux where tokio has no name for them.
const IGNORED: [(&str, i32); 9] = [
    ("SIGHUP", 1),
    ("SIGUSR1", 10),
    ("SIGUSR2", 12),
    ("SIGALRM", 14),
    ("SIGXFSZ", 25),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGIO", 29),
    ("SIGPWR", 30),
];
/// Least time between two lines about one signal.
const PAUSE: Duration = Duration::from_secs(1);

/// The signals that end a node.
#[derive(Debug)]
pub struct StopSignals([(&'static str, Signal); 3]);

/// From now on signals are listened to. Call it before anything that takes time: until then the defaults count.
///
/// # Errors
/// When the system does not let the process listen.
pub fn listen() -> io::Result<StopSignals> {
    for (name, number) in IGNORED {
        let mut arrivals = signal(SignalKind::from_raw(number))?;
        tokio::spawn(async move {
            while arrivals.recv().await.is_some() {
                warn!(signal = name, "the signal is ignored; SIGTERM ends the node");
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    Ok(StopSignals([
        ("SIGTERM", signal(SignalKind::terminate())?),
        ("SIGINT", signal(SignalKind::interrupt())?),
        ("SIGQUIT", signal(SignalKind::quit())?),
    ]))
}

impl StopSignals {
    /// Resolves when one arrived, also one that came before this call.
    pub async fn stop(mut self) {
        let [(first, terminate), (second, interrupt), (third, quit)] = &mut self.0;
        let name = tokio::select! {
            _ = terminate.recv() => first,
            _ = interrupt.recv() => second,
            _ = quit.recv() => third,
        };
        info!(signal = *name, "asked to stop");
    }
}
