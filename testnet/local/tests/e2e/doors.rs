//! What the surroundings of a node and its clients cannot do to it: its log, signals, its environment, descriptors, memory.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::http::{self, wait_until};
use crate::support::load::Load;
use crate::support::{Net, program};

/// Budgets of what the test holds up, MiB (`docs/limits.md`): connections, bodies, answers, streams, reads and proofs.
const DOORS_MIB: u64 = 20 + 24 + 24 + 12 + 16 + 48;

/// What a validator needs at most, MiB (`docs/limits.md`).
const VALIDATOR_MIB: u64 = 512;

/// A network of one validator, whose node the test starts itself, again and again.
fn alone() -> Net {
    let net = Net::start(1, 0, &["--candidates", "0"]);
    net.kill(0);
    net
}

/// Starts the node from a shell that first does what the test says; waits until it is ready.
fn start(net: &Net, before: &str, adjust: impl FnOnce(&mut Command)) -> Child {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{before}\nexec \"$0\" start --config \"$1\"")]);
    command.arg(program("quanchengd")).arg(net.node_dir(0).join("node.toml")).stdin(Stdio::null());
    let log = || OpenOptions::new().create(true).append(true).open(net.node_dir(0).join("node.log")).unwrap();
    command.stdout(log()).stderr(log());
    adjust(&mut command);
    let mut child = command.spawn().unwrap();
    wait_until("the node is ready", Duration::from_secs(60), || {
        assert_eq!(child.try_wait().unwrap(), None, "the node ended: {}", net.log(0));
        http::get(&format!("{}/readyz", net.admin(0))).is_ok_and(|(status, _)| status == 200)
    });
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// The node orders, and a clean end is asked for and comes.
fn goes_on_and_ends(net: &Net, mut child: Child) {
    let before = net.height(0);
    wait_until("there are further blocks", Duration::from_secs(60), || {
        assert_eq!(child.try_wait().unwrap(), None, "the node ended");
        // Each life notarizes what no other has: a root that is known is refused.
        let load = Load::start(net, &[0], 40, u64::from(child.id()));
        wait_until("some are certified", Duration::from_secs(60), || load.certified() >= 20);
        load.finish();
        net.height(0) > before
    });
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", net.log(0));
}

#[test]
fn a_log_that_cannot_be_written_signals_and_foreign_variables_do_not_end_a_node() {
    let net = alone();
    let chatty = |command: &mut Command| {
        command.env("QUANCHENG_LOG_LEVEL", "debug");
    };

    // The disk of the log is full, and so are variables that a platform injects.
    let child = start(&net, "export X=$'\\xff' QUANCHENG_X=$'\\xff'", |command| {
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        command.stdout(full()).stderr(full());
        chatty(command);
        let foreign =
            ["QUANCHENG_PORT", "QUANCHENG_SERVICE_HOST", "QUANCHENG_API_SERVICE_PORT", "QUANCHENG_API_PUBLICK"];
        command.envs(foreign.map(|name| (name, "tcp://10.0.0.1:8080")));
    });
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::ALARM, Signal::XFSZ, Signal::PIPE] {
        send(&child, signal);
    }
    goes_on_and_ends(&net, child);

    // Its reader has gone.
    let child = start(&net, "exec 2> >(head -1 >/dev/null) 1>&2", chatty);
    goes_on_and_ends(&net, child);

    // Its reader takes one line and then nothing any more.
    let mut child = start(&net, "", |command| {
        command.stderr(Stdio::piped());
        command.env("QUANCHENG_LOG_LEVEL", "trace");
    });
    let reader = child.stderr.take().unwrap();
    goes_on_and_ends(&net, child);
    drop(reader);

    // A file may not grow further, and the standard streams are closed.
    goes_on_and_ends(&net, start(&net, "exec 0<&- 1>&- 2>&-", |_| {}));

    // What the log tells, where there is one.
    let child = start(&net, "", |command| {
        command.env("QUANCHENG_API_PUBLICK", "x");
    });
    send(&child, Signal::HUP);
    goes_on_and_ends(&net, child);
    let log = net.log(0);
    assert!(log.contains("SIGHUP") && log.contains("QUANCHENG_API_PUBLICK is not read"), "{log}");
}

/// As many connections as the node takes, of every kind that asks nothing.
struct Idlers {
    held: Vec<TcpStream>,
}

impl Idlers {
    fn new(addresses: &[SocketAddr], each: usize) -> Self {
        let mut held = Vec::new();
        for address in addresses {
            for number in 0..each {
                let Ok(mut stream) = TcpStream::connect_timeout(address, Duration::from_secs(5)) else { continue };
                let words: &[u8] = match number % 5 {
                    0 => b"",
                    1 => b"GET /v1/status HTTP/1.1\r\nHost: x\r\n",
                    2 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                    3 => b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
                    _ => b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 9000\r\n\r\nabc",
                };
                // It may have been cut already.
                let _ = stream.write_all(words);
                held.push(stream);
            }
        }
        Self { held }
    }
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

fn open_files(child: &Child) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count()
}

#[test]
fn connections_beyond_the_limits_leave_a_node_its_own_descriptors() {
    let net = alone();
    let mut refused = Command::new("bash")
        .args(["-c", "ulimit -n 100; exec \"$0\" start --config \"$1\""])
        .arg(program("quanchengd"))
        .arg(net.node_dir(0).join("node.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(refused.wait().unwrap().code(), Some(1));
    let mut words = String::new();
    refused.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("100 files at most") && words.contains("ulimit -Hn"), "{words}");

    let config: toml::Table = std::fs::read_to_string(net.node_dir(0).join("node.toml")).unwrap().parse().unwrap();
    let peers = config["network"]["listen"][0].as_str().unwrap().to_owned();
    let doors = [address(&net.api(0)), address(&net.admin(0)), peers.parse().unwrap()];
    for (limits, files) in [("ulimit -n 256", 256), ("ulimit -Sn 300", 8192)] {
        let child = start(&net, limits, |_| {});
        let idlers = Idlers::new(&doors, 400);
        assert!(open_files(&child) <= files, "{} files are open", open_files(&child));
        // An operator and a client that ask are heard all the same; one may be told to come again in a moment.
        wait_until("the door answers", Duration::from_secs(30), || {
            http::get(&format!("{}/v1/status", net.api(0))).is_ok_and(|(status, _)| status == 200)
        });
        wait_until("the operator's door answers", Duration::from_secs(30), || {
            http::get(&format!("{}/healthz", net.admin(0))).is_ok_and(|(status, _)| status == 200)
        });
        goes_on_and_ends(&net, child);
        drop(idlers.held);
    }
    assert!(!net.log(0).contains("Too many open files"), "{}", net.log(0));
}

/// Memory of a process that belongs to it, MiB.
fn rss_mib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap() / 1024
}

#[test]
fn clients_that_take_nothing_cost_a_node_no_more_than_their_budgets() {
    let net = alone();
    let child = start(&net, "", |_| {});
    let load = Load::start(&net, &[0], 2_000, 11);
    wait_until("there is something to tell", Duration::from_secs(60), || load.certified() >= 2_000);
    // With the load gone, what grows is what the doors keep: not write buffers of the store, nor batches.
    load.finish();
    let before = rss_mib(&child);
    let paths = ["/v1/events?from=1", "/v1/blocks/2/transactions?limit=200", "/v1/openapi.json", "/v1/modules"];
    let mut held = Vec::new();
    for path in paths {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(if path.contains("events") { 1 } else { 400 });
        for _ in 0..60 {
            let mut stream = TcpStream::connect(address(&net.api(0))).unwrap();
            stream.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
            let _ = stream.write_all(request.as_bytes());
            held.push(stream);
        }
    }
    let grown = rss_mib(&child).saturating_sub(before);
    assert!(grown < DOORS_MIB, "{before} MiB grew by {grown} MiB");
    let load = Load::start(&net, &[0], 2_000, 12);
    wait_until("the honest client goes on", Duration::from_secs(60), || load.certified() >= 2_000);
    let all = rss_mib(&child);
    assert!(all < VALIDATOR_MIB, "{all} MiB");
    drop(held);
    load.finish();
    goes_on_and_ends(&net, child);
}
