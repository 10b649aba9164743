//! SIGINT, SIGTERM and SIGHUP while something is half done.
//!
//! Whoever makes what an interruption would leave behind holds it here for as long as that is so, with what is to be done about it then. A run
//! that is interrupted clears away what helps nobody, says of the rest where it is and how to go on, and ends with 128 and the number of
//! the signal, as a shell tells it. A run that holds nothing ends at once.
//!
//! What is held changes under one lock, and an interruption never gives the lock back: whoever wants to go from "nothing was
//! submitted" to "something may have been" gets there before the signal is answered, or not at all.
//!
//! Work that has to be brought to an end by those who do it (processes that are started) is only [asked to stop](wind_down); a second
//! signal does not wait for it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::fault::{Exit, Fault};
use crate::output::Printer;
use crate::text::{Text, say};

/// Signals by which people and systems end a command, with their numbers.
const SIGNALS: [(&str, u8); 3] = [("SIGHUP", 1), ("SIGINT", 2), ("SIGTERM", 15)];
/// What a shell adds to the number of a signal.
const CODE_BASE: u8 = 128;

/// What to do about a thing that is half done; what is left of it, in words.
type Act = Box<dyn FnMut() -> Option<Text> + Send>;

struct Held {
    number: u64,
    act: Act,
    /// Whether it stops by itself when it is asked.
    winds_down: bool,
}

static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
static PRINTER: OnceLock<Printer> = OnceLock::new();
static LISTENER: Once = Once::new();
/// The signal that has come; 0 before any.
static CAME: AtomicU64 = AtomicU64::new(0);

/// Where an interruption is told.
pub(crate) fn tell_with(printer: Printer) {
    // One process runs one command.
    let _ = PRINTER.set(printer);
}

/// Something half done, until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold(u64);

impl Hold {
    /// Holds a thing. The act clears it away, or says what is left.
    pub(crate) fn new(act: impl FnMut() -> Option<Text> + Send + 'static) -> Self {
        Self::enter(Box::new(act), false)
    }

    fn enter(act: Act, winds_down: bool) -> Self {
        LISTENER.call_once(|| {
            // Without a listener the system ends the process at once, as it does with every other program.
            let _ = listen();
        });
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        held().push(Held { number, act, winds_down });
        Self(number)
    }

    /// Another act for the same thing, from the moment of the return. Does not return once an interruption has begun.
    pub(crate) fn becomes(&self, act: impl FnMut() -> Option<Text> + Send + 'static) {
        if let Some(held) = held().iter_mut().find(|held| held.number == self.0) {
            held.act = Box::new(act);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        held().retain(|held| held.number != self.0);
    }
}

/// Work with a local network, until this is dropped: it is asked to stop, and brings what it does to an end. The act is that of a second
/// signal, which does not wait for it.
pub(crate) fn wind_down(act: impl FnMut() -> Option<Text> + Send + 'static) -> Hold {
    Hold::enter(Box::new(act), true)
}

/// The exit code of a run that wound down because of a signal.
pub(crate) fn code() -> u8 {
    let number = u8::try_from(CAME.load(Ordering::SeqCst)).unwrap_or_default();
    if number == 0 { Exit::Interrupted as u8 } else { CODE_BASE.saturating_add(number) }
}

fn held() -> MutexGuard<'static, Vec<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the return on signals are answered here.
fn listen() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let ignored = ignored();
    let mut open = Vec::new();
    for (name, number) in SIGNALS.into_iter().filter(|(_, number)| !ignored.contains(number)) {
        let _context = runtime.enter();
        open.push((name, number, signal(SignalKind::from_raw(number.into()))?));
    }
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || answer(&runtime, open)).map(|_| ())
}

/// Signals that whoever started this process wants it not to hear, such as `nohup`. To listen to them would end it after all.
fn ignored() -> Vec<u8> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    (1..=64).filter(|number| mask >> (number - 1) & 1 == 1).collect()
}

fn answer(runtime: &Runtime, mut signals: Vec<(&'static str, u8, Signal)>) {
    loop {
        let (name, number) = runtime.block_on(next(&mut signals));
        let is_first = CAME.swap(number.into(), Ordering::SeqCst) == 0;
        let mut held = held();
        if is_first && held.iter().any(|held| held.winds_down) {
            quancheng_testnet_local::interrupt();
            drop(held);
            if let Some(printer) = PRINTER.get() {
                printer.note(&say!(
                    "收到 {name}：正在收尾，请稍候；再次发送则立即退出。",
                    "{name}: winding down; a second signal ends at once."
                ));
            }
            continue;
        }
        let left: Vec<Text> = held.iter_mut().rev().filter_map(|held| (held.act)()).collect();
        let has_begun = !held.is_empty();
        // The lock is kept: nobody goes on with what was just cleared away.
        if let Some(printer) = PRINTER.get().filter(|_| has_begun) {
            printer.finish(Err(fault(name, left)));
        }
        std::process::exit((CODE_BASE.saturating_add(number)).into());
    }
}

async fn next(signals: &mut [(&'static str, u8, Signal)]) -> (&'static str, u8) {
    std::future::poll_fn(|context| {
        let came = signals
            .iter_mut()
            .find_map(|(name, number, signal)| signal.poll_recv(context).is_ready().then_some((*name, *number)));
        came.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

/// What is told of an interruption: what is left, and how to go on with each.
fn fault(name: &str, left: Vec<Text>) -> Fault {
    let message = if left.is_empty() {
        say!("已被 {name} 中断；未留下未完成的内容。", "Interrupted by {name}; nothing half done is left.")
    } else {
        say!("已被 {name} 中断。", "Interrupted by {name}.")
    };
    Fault { causes: left, ..Fault::new(Exit::Interrupted, "INTERRUPTED", message) }
}
