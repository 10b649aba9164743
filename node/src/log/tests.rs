use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::queue::{LINE_BYTES_MAX, WAITING_BYTES_MAX};
use super::*;

/// A sink that does what the test says, write by write.
struct Puppet {
    orders: Receiver<Order>,
    text: Arc<Mutex<Vec<u8>>>,
}

enum Order {
    /// Take all.
    Take,
    /// Take so many bytes.
    Part(usize),
    /// Fail.
    Fail(io::ErrorKind),
}

impl io::Write for Puppet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A test that is over leaves a sink that takes everything.
        let count = match self.orders.recv().unwrap_or(Order::Take) {
            Order::Take => bytes.len(),
            Order::Part(count) => count.min(bytes.len()),
            Order::Fail(kind) => return Err(kind.into()),
        };
        self.text.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn puppet(is_json: bool) -> (Log, Sender<Order>, Arc<Mutex<Vec<u8>>>) {
    let (orders, received) = channel();
    let text = Arc::new(Mutex::new(Vec::new()));
    let log = Log::over(Puppet { orders: received, text: Arc::clone(&text) }, is_json).unwrap();
    (log, orders, text)
}

fn read(text: &Arc<Mutex<Vec<u8>>>) -> String {
    String::from_utf8(text.lock().unwrap().clone()).unwrap()
}

#[test]
fn a_full_disk_and_a_closed_pipe_cost_lines_that_are_counted_and_told() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::BrokenPipe, io::ErrorKind::FileTooLarge] {
        let (log, orders, text) = puppet(false);
        for order in [Order::Take, Order::Fail(kind), Order::Fail(kind), Order::Part(3), Order::Fail(kind)] {
            orders.send(order).unwrap();
        }
        for line in ["first", "second", "third", "fourth"] {
            log.say(line);
        }
        drop(orders);
        log.say("fifth");
        assert!(log.finish());
        let text = read(&text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[lines.len() - 1]), ("first", "fifth"), "{text}");
        // The report of the loss was itself torn once, and began anew on a line of its own.
        assert!(lines.iter().any(|line| line.contains("lines of the log were lost lost=3")), "{text}");
    }
}

#[test]
fn a_reader_that_stands_still_holds_nobody_up_and_memory_is_bounded() {
    let (log, orders, text) = puppet(true);
    let line = "x".repeat(1000);
    let count = 4 * WAITING_BYTES_MAX / line.len();
    for _ in 0..count {
        log.say(&line);
    }
    assert!(!log.0.wait_until_written(Duration::ZERO), "the sink has taken nothing yet");
    let lost = log.lost();
    assert!(lost > 0 && lost < u64::try_from(count).unwrap());
    drop(orders);
    while !log.0.wait_until_written(Duration::from_secs(1)) {}
    log.say("after");
    while !log.0.wait_until_written(Duration::from_secs(1)) {}
    let text = read(&text);
    let report = text.lines().rev().nth(1).unwrap();
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    assert_eq!(report["fields"]["lost"], lost);
    assert_eq!(text.lines().filter(|found| **found == line).count(), count - usize::try_from(lost).unwrap());
}

#[test]
fn a_long_line_is_cut() {
    let (log, orders, text) = puppet(false);
    drop(orders);
    log.say(&"y".repeat(10 * LINE_BYTES_MAX));
    assert!(log.finish());
    let text = read(&text);
    assert!(text.ends_with("(cut)\n") && text.len() < LINE_BYTES_MAX + 20);
}

#[test]
fn a_misspelt_filter_is_told_apart_from_a_good_one() {
    for good in ["info", "WARN", "off", "info,quancheng_node::api=debug", "warn,libp2p_swarm=trace", "quanchengd=error"]
    {
        assert!(is_filter(good), "{good}");
        assert!(EnvFilter::try_new(good).is_ok(), "{good}");
    }
    let bad = [
        "",
        "inf",
        "info,",
        "verbose",
        "info, warn",
        "info,quancheng_nod=debug",
        "quancheng_node",
        "quancheng_node=inf",
        "3",
        "info;warn",
        "=info",
        "quancheng_node::=debug",
        "[span]=info",
        "info\n",
    ];
    for bad in bad {
        assert!(!is_filter(bad), "{bad}");
    }
}
