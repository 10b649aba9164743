//! SIGINT, SIGTERM, SIGHUP and SIGQUIT while something is half done.
//!
//! Whoever makes what an interruption would leave behind holds it here for as long as that is so, with what is to be done about it then. A run
//! that is interrupted clears away what helps nobody, says of the rest where it is and how to go on, and ends with 128 and the number of
//! the signal, as a shell tells it. A run that holds nothing says that nothing is left: whoever reads its envelope is told in any case.
//!
//! What is held changes under one lock, and an interruption never gives the lock back: whoever wants to go from "nothing was
//! submitted" to "something may have been", or to write the result, gets there before the signal is answered, or not at all. Once the
//! result is being written, a signal ends the process without words: there is one envelope.
//!
//! Work that has to be brought to an end by those who do it (processes that are started) is only [asked to stop](wind_down); a second
//! signal does not wait for it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use quancheng_testnet_local::thread_builder;
use quancheng_types::TransactionId;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::fault::{Exit, Fault};
use crate::output::Printer;
use crate::text::{Text, say};

/// Signals by which people and systems end a command, with their numbers.
const SIGNALS: [(&str, u8); 4] = [("SIGHUP", 1), ("SIGINT", 2), ("SIGQUIT", 3), ("SIGTERM", 15)];
/// What a shell adds to the number of a signal.
const CODE_BASE: u8 = 128;

/// A signal that is listened for: its name, its number, its coming.
type Open = (&'static str, u8, Signal);

/// What is left of a thing that is half done.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    /// In words.
    pub(crate) told: Text,
    /// The way on, if it is known.
    pub(crate) next: Option<Text>,
    /// The transaction that is signed and may have been sent, if there is one: programs look for it in the data.
    pub(crate) transaction: Option<TransactionId>,
}

impl Left {
    /// In words, which say what can be done about it.
    pub(crate) const fn new(told: Text) -> Self {
        Self { told, next: None, transaction: None }
    }

    /// With the way on, where that is known: nobody else knows whether the same command again would go on.
    pub(crate) fn next(self, next: Text) -> Self {
        Self { next: Some(next), ..self }
    }

    /// With the transaction that it is about.
    pub(crate) fn of(self, transaction: TransactionId) -> Self {
        Self { transaction: Some(transaction), ..self }
    }
}

/// What to do about a thing that is half done; what is left of it.
type Act = Box<dyn FnMut() -> Option<Left> + Send>;

struct Held {
    number: u64,
    act: Act,
    /// Whether it stops by itself when it is asked.
    winds_down: bool,
}

/// The run, as an interruption finds it.
struct Run {
    held: Vec<Held>,
    /// Where an interruption is told, as long as nothing else is.
    printer: Option<Printer>,
}

static RUN: Mutex<Run> = Mutex::new(Run { held: Vec::new(), printer: None });
static NEXT: AtomicU64 = AtomicU64::new(0);
/// The signal that has come; 0 before any.
static CAME: AtomicU64 = AtomicU64::new(0);

/// From the return on signals are answered, and told here. Where the system gives no thread for it, it ends the process at once, as it
/// does with every other program.
pub(crate) fn listen(printer: Printer) {
    run().printer = Some(printer);
    let (ready, is_ready) = mpsc::sync_channel(1);
    let listener = thread_builder("signals").spawn(move || {
        // Nothing is installed before there is a thread that answers.
        let Ok((runtime, signals)) = open() else { return };
        let _ = ready.send(());
        answer(&runtime, signals);
    });
    // An end without a word is that of a listener that could not be.
    let _ = listener.map(|_| is_ready.recv());
}

/// From the return on the result is written, and an interruption says nothing. Does not return once one has begun.
pub(crate) fn over() {
    run().printer = None;
}

/// Something half done, until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold(u64);

impl Hold {
    /// Holds a thing. The act clears it away, or says what is left.
    pub(crate) fn new(act: impl FnMut() -> Option<Left> + Send + 'static) -> Self {
        Self::enter(Box::new(act), false)
    }

    fn enter(act: Act, winds_down: bool) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        run().held.push(Held { number, act, winds_down });
        Self(number)
    }

    /// Another act for the same thing, from the moment of the return. Does not return once an interruption has begun.
    pub(crate) fn becomes(&self, act: impl FnMut() -> Option<Left> + Send + 'static) {
        if let Some(held) = run().held.iter_mut().find(|held| held.number == self.0) {
            held.act = Box::new(act);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        run().held.retain(|held| held.number != self.0);
    }
}

/// Work with a local network, until this is dropped: it is asked to stop, and brings what it does to an end. The act is that of a second
/// signal, which does not wait for it.
pub(crate) fn wind_down(act: impl FnMut() -> Option<Left> + Send + 'static) -> Hold {
    Hold::enter(Box::new(act), true)
}

/// The exit code of a run that wound down because of a signal.
pub(crate) fn code() -> u8 {
    let number = u8::try_from(CAME.load(Ordering::SeqCst)).unwrap_or_default();
    if number == 0 { Exit::Interrupted as u8 } else { CODE_BASE.saturating_add(number) }
}

fn run() -> MutexGuard<'static, Run> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open() -> io::Result<(Runtime, Vec<Open>)> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let ignored = ignored();
    let mut open = Vec::new();
    for (name, number) in SIGNALS.into_iter().filter(|(_, number)| !ignored.contains(number)) {
        let _context = runtime.enter();
        open.push((name, number, signal(SignalKind::from_raw(number.into()))?));
    }
    Ok((runtime, open))
}

/// Signals that whoever started this process wants it not to hear, such as `nohup`. To listen to them would end it after all.
fn ignored() -> Vec<u8> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    (1..=64).filter(|number| mask >> (number - 1) & 1 == 1).collect()
}

fn answer(runtime: &Runtime, mut signals: Vec<Open>) {
    loop {
        let (name, number) = runtime.block_on(next(&mut signals));
        let is_first = CAME.swap(number.into(), Ordering::SeqCst) == 0;
        let mut run = run();
        if is_first && run.held.iter().any(|held| held.winds_down) {
            quancheng_testnet_local::interrupt();
            let printer = run.printer;
            drop(run);
            if let Some(printer) = printer {
                printer.note(&say!(
                    "收到 {name}：正在收尾，请稍候；再次发送则立即退出。",
                    "{name}: winding down; a second signal ends at once."
                ));
            }
            continue;
        }
        let left: Vec<Left> = run.held.iter_mut().rev().filter_map(|held| (held.act)()).collect();
        // The lock is kept: nobody goes on with what was just cleared away.
        if let Some(printer) = run.printer {
            printer.finish(Err(fault(name, left)));
        }
        std::process::exit((CODE_BASE.saturating_add(number)).into());
    }
}

async fn next(signals: &mut [Open]) -> (&'static str, u8) {
    std::future::poll_fn(|context| {
        let came = signals
            .iter_mut()
            .find_map(|(name, number, signal)| signal.poll_recv(context).is_ready().then_some((*name, *number)));
        came.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

/// What is told of an interruption: what is left, and how to go on with each. That the same command again goes on is said by those who
/// know it, and where nothing is left.
fn fault(name: &str, left: Vec<Left>) -> Fault {
    let message = if left.is_empty() {
        say!("已被 {name} 中断；未留下未完成的内容。", "Interrupted by {name}; nothing half done is left.")
    } else {
        say!("已被 {name} 中断。", "Interrupted by {name}.")
    };
    let fault = Fault::new(Exit::Interrupted, "INTERRUPTED", message);
    let hint = left.iter().filter_map(|left| left.next.clone()).reduce(|first, next| first.and(&next));
    let hint = hint.or_else(|| {
        let told = say!(
            "请按上述内容处理；在此之前请勿再次运行同一命令。",
            "Go on as is said above; do not give the same command again before that."
        );
        (!left.is_empty()).then_some(told)
    });
    let data = left.iter().find_map(|left| left.transaction).map(|id| json!({ "id": id }));
    let mut causes: Vec<Text> = left.into_iter().map(|left| left.told).collect();
    // Two may hold the same transaction.
    causes.dedup();
    Fault { causes, hint, data, ..fault }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    /// The hint is that of what is left, and never that the same command goes on where it does not.
    #[test]
    fn the_hint_of_an_interruption_is_that_of_what_is_left() {
        let hint = |left: Vec<Left>| fault("SIGINT", left).advice().words(Lang::En).to_owned();
        let told = || Left::new(say!("甲。", "One thing."));
        assert!(hint(Vec::new()).contains("Run the same command again"));
        assert!(hint(vec![told()]).contains("do not give the same command again"));
        let (first, then) = (say!("一。", "First."), say!("二。", "Then."));
        assert_eq!(hint(vec![told(), told().next(first), told().next(then)]), "First. Then.");
    }

    /// Whoever reads the envelope finds the transaction in its data, whichever of those that hold something knows it.
    #[test]
    fn the_transaction_of_what_is_left_is_in_the_data() {
        let told = || Left::new(say!("甲。", "One thing."));
        let id = TransactionId::default();
        assert_eq!(fault("SIGQUIT", vec![told()]).data, None);
        let fault = fault("SIGQUIT", vec![told().of(id), told()]);
        assert_eq!((fault.data, fault.causes.len()), (Some(json!({ "id": id })), 1));
    }
}
