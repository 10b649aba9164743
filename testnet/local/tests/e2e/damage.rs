//! Damage at rest, older copies and second processes, with real processes: what is lost is told, and nothing is signed or numbered twice.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::checks::{certified_everywhere, same_history};
use crate::support::config::{changed, set};
use crate::support::http::{self, BYTES, wait_until};
use crate::support::load::Load;
use crate::support::transactions::{Bulk, Maker};
use crate::support::{Net, program, text};

/// Ends that were asked for, in a row.
const STOPS: u32 = 12;
/// Time for a process to end by itself.
const END: Duration = Duration::from_secs(60);

fn run(config: &Path, log: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    Command::new(program("quanchengd"))
        .args(["start", "--config", text(config)])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Waits until a process has ended by itself; its exit code.
fn end(child: &mut Child, what: &str) -> i32 {
    let mut status = None;
    wait_until(what, END, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code().unwrap_or(-1)
}

fn is_ready(net: &Net, index: u32) -> bool {
    http::get(&format!("{}/readyz", net.admin(index))).is_ok_and(|(status, _)| status == 200)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}

/// The log of the store that was written last.
fn store_log(net: &Net, index: u32) -> PathBuf {
    let store = net.node_dir(index).join("data/store/chain");
    let items = std::fs::read_dir(store).unwrap().map(|item| item.unwrap().path());
    items.filter(|path| path.extension().is_some_and(|end| end == "log")).max().unwrap()
}

fn assert_says(words: &str, expected: &[&str]) {
    for part in expected {
        assert!(words.contains(part), "{part:?} is missing in: {words}");
    }
}

/// Submits to one node; all must be admitted.
fn admit(net: &Net, index: u32, bulk: &Bulk) {
    let url = format!("{}/v1/transactions/bulk", net.api(index));
    let (status, answer) = http::post(&http::agent(Duration::from_secs(60)), &url, BYTES, &bulk.body()).unwrap();
    assert_eq!(status, 200, "{answer}");
    for item in answer["items"].as_array().unwrap() {
        assert_eq!(item["transaction"]["stage"], "admitted", "{item}");
    }
}

/// Waits until every transaction is certified at this node.
fn certified(net: &Net, index: u32, bulk: &Bulk) {
    for id in &bulk.ids {
        let url = format!("{}/v1/transactions/{id}", net.api(index));
        wait_until("what was admitted is certified", Duration::from_secs(90), || {
            http::get(&url).is_ok_and(|(_, body): (u16, Value)| body["stage"] == "certified")
        });
    }
}

fn init(config: &Path, more: &[&str]) -> String {
    let (code, words) = try_init(config, more);
    assert_eq!(code, Some(0), "{words}");
    words
}

fn try_init(config: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(program("quanchengd")).args(["init", "--config", text(config)]).args(more).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A folder of which nothing can be read, since the store's manifest is damaged, leaves no half of a new one in the way.
fn nothing_is_made_when_nothing_can_be_saved(net: &Net, height: &str, old: &Path) {
    let (config, data) = (net.node_dir(1).join("node.toml"), net.node_dir(1).join("data"));
    let unreadable = net.beside("data.unreadable");
    copy(old, &unreadable);
    let items = std::fs::read_dir(unreadable.join("store/chain")).unwrap().map(|item| item.unwrap().path());
    for path in items.filter(|path| text(path).contains("MANIFEST")) {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        std::fs::write(&path, bytes).unwrap();
    }
    let (code, words) = try_init(&config, &["--rejoin-above", height, "--salvage", text(&unreadable)]);
    assert_eq!(code, Some(1), "{words}");
    assert_says(&words, &["data.unreadable", "nothing was made", "Without --salvage", "不加 --salvage"]);
    assert!(!data.exists(), "the way back stays open");
}

#[test]
fn a_flipped_byte_in_the_store_log_is_told_and_what_was_admitted_is_ordered_after_all() {
    let net = Net::start(4, 0, &[]);
    let mut maker = Maker::new(net.network().record().chain_id, 77);
    let before = Load::start(&net, &[1], 80, 71);
    wait_until("there is some history", Duration::from_secs(60), || before.certified() >= 200);
    let mut done = before.finish();
    for index in [0, 2, 3] {
        net.kill(index);
    }
    // Admitted while nobody else lives: they are nowhere else.
    let alone: Vec<Bulk> = (0..3)
        .map(|_| {
            let bulk = Bulk::make(&mut maker, 10);
            admit(&net, 1, &bulk);
            bulk
        })
        .collect();
    net.kill(1);
    let path = store_log(&net, 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();

    let (config, log) = (net.node_dir(1).join("node.toml"), net.beside("refused.log"));
    for _ in 0..2 {
        assert_eq!(end(&mut run(&config, &log), "it refuses"), 1);
    }
    let words = std::fs::read_to_string(&log).unwrap();
    assert_says(&words, &["data/store", "durable", "--rejoin-above", "--salvage"]);

    net.start_nodes(&[0, 2, 3]);
    let height = [0, 2, 3].map(|index| net.height(index)).into_iter().max().unwrap().to_string();
    let (data, old) = (net.node_dir(1).join("data"), net.node_dir(1).join("data.damaged"));
    std::fs::rename(&data, &old).unwrap();
    nothing_is_made_when_nothing_can_be_saved(&net, &height, &old);
    let words = init(&config, &["--rejoin-above", &height, "--salvage", text(&old)]);
    // All of them stand behind the damage, and all can be read.
    assert_says(&words, &["taken over: ", "已取回"]);
    net.start_node(1);
    for bulk in &alone {
        certified(&net, 0, bulk);
    }
    let after = Load::start(&net, &[1], 80, 72);
    wait_until("it orders what is submitted to it later", Duration::from_secs(60), || after.certified() >= 100);
    done.extend(after.finish());
    certified_everywhere(&net, &[0, 1, 2, 3], &done);
    same_history(&net, &[0, 1, 2, 3]);
}

#[test]
fn an_older_copy_of_the_whole_data_folder_is_noticed_and_stops() {
    let net = Net::start(4, 0, &[]);
    let (config, data) = (net.node_dir(3).join("node.toml"), net.node_dir(3).join("data"));
    let load = Load::start(&net, &[0, 1, 3], 120, 73);
    wait_until("there is some history", Duration::from_secs(60), || load.certified() >= 200);
    let mut done = load.finish();
    net.kill(3);
    let older = net.node_dir(3).join("data.older");
    copy(&data, &older);
    net.start_node(3);
    let load = Load::start(&net, &[0, 1, 3], 120, 74);
    wait_until("it went on", Duration::from_secs(60), || load.certified() >= 200);
    done.extend(load.finish());
    net.kill(3);
    std::fs::rename(&data, net.node_dir(3).join("data.newer")).unwrap();
    std::fs::rename(&older, &data).unwrap();
    let log = net.beside("older.log");
    assert_eq!(end(&mut run(&config, &log), "it stops by itself"), 3);
    // Something that starts it again does not help it over this.
    assert_eq!(end(&mut run(&config, &log), "it does not start again"), 1);
    let words = std::fs::read_to_string(&log).unwrap();
    assert_says(&words, &["this node did not make", "stops", "--rejoin-above"]);
    certified_everywhere(&net, &[0, 1, 2], &done);
    same_history(&net, &[0, 1, 2]);
}

/// Results follow from the blocks: when they are gone, or an older copy, the node makes them again and goes on.
#[test]
fn results_that_are_gone_or_older_are_made_again() {
    let net = Net::start(4, 0, &[]);
    let (results, older) = (net.node_dir(2).join("data/store/results"), net.node_dir(2).join("results.older"));
    let mut done = Vec::new();
    let mut go_on = |seed: u64| {
        let load = Load::start(&net, &[0, 1, 2], 120, seed);
        wait_until("it goes on", Duration::from_secs(60), || load.certified() >= 200);
        done.extend(load.finish());
        let height = net.height(2);
        net.kill(2);
        // A node that was killed has lost its newest results: the check before an upgrade covers their heights all the same.
        let config = net.node_dir(2).join("node.toml");
        let mut words = String::new();
        wait_until("the killed process has let go of its folder", Duration::from_secs(10), || {
            let replay =
                Command::new(program("quanchengd")).args(["replay", "--config", text(&config)]).output().unwrap();
            words = format!("{}{}", String::from_utf8_lossy(&replay.stdout), String::from_utf8_lossy(&replay.stderr));
            !words.contains("in use by another")
        });
        let upto = words.split("heights 1 to ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        assert!(upto.is_some_and(|upto| upto >= height), "{height}: {words}");
    };
    go_on(75);
    copy(&results, &older);
    for (seed, is_older) in [(76, false), (77, true)] {
        std::fs::remove_dir_all(&results).unwrap();
        if is_older {
            copy(&older, &results);
        }
        net.start_node(2);
        go_on(seed);
    }
    assert_says(&net.log(2), &["results that were not on the disk yet were made again from=0 "]);
    net.start_node(2);
    certified_everywhere(&net, &[0, 1, 2, 3], &done);
    same_history(&net, &[0, 1, 2, 3]);
}

/// A log that went missing while the node stood still is told where operators look, and the node goes on.
#[test]
fn a_log_that_is_gone_at_the_start_is_a_warning() {
    let net = Net::start(4, 0, &[]);
    let load = Load::start(&net, &[0, 1, 3], 80, 79);
    wait_until("blocks are made", Duration::from_secs(60), || load.certified() >= 50);
    let mut done = load.finish();
    net.kill(2);
    std::fs::remove_dir_all(net.node_dir(2).join("data/log")).unwrap();
    net.start_node(2);
    let warnings = || http::get(&format!("{}/readyz", net.admin(2))).map(|(_, body)| body["warnings"].clone());
    wait_until("the loss is a warning", Duration::from_secs(60), || {
        warnings().is_ok_and(|warnings| warnings == serde_json::json!(["log_lost"]))
    });
    assert_says(&net.log(2), &["LogLost", "data/log/1", "请检查磁盘"]);
    let load = Load::start(&net, &[0, 2], 80, 80);
    wait_until("the chain goes on with it", Duration::from_secs(60), || load.certified() >= 50);
    done.extend(load.finish());
    certified_everywhere(&net, &[0, 1, 2, 3], &done);
    // Told once: the next start finds what it left.
    net.kill(2);
    net.start_node(2);
    wait_until("it is back", Duration::from_secs(60), || is_ready(&net, 2));
    assert_eq!(warnings().unwrap(), serde_json::json!([]));
}

/// A second process with the same keys, other doors and a copy of the data.
fn twin(net: &Net, data: &str, name: &str) -> PathBuf {
    let any = || toml::Value::from("127.0.0.1:0");
    changed(net, 3, name, |table| {
        set(table, "node", "data_dir", data);
        set(table, "network", "listen", vec![any()]);
        set(table, "api", "public", any());
        set(table, "api", "admin", any());
    })
}

#[test]
fn of_two_processes_with_one_key_the_later_one_stops_and_the_other_says_so() {
    let net = Net::start(4, 0, &[]);
    net.kill(3);
    copy(&net.node_dir(3).join("data"), &net.node_dir(3).join("data.twin"));
    net.start_node(3);
    let config = twin(&net, "data.twin", "twin.toml");
    let log = net.beside("twin.log");
    let mut second = run(&config, &log);
    let code = end(&mut second, "the later one stops");
    let words = std::fs::read_to_string(&log).unwrap();
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("uses this validator's key") || words.contains("this node did not make"), "{words}");
    // The first goes on, and the chain with it: nothing was signed twice.
    let load = Load::start(&net, &[0, 3], 80, 75);
    wait_until("the chain goes on with it", Duration::from_secs(60), || load.certified() >= 100);
    let done = load.finish();
    certified_everywhere(&net, &[0, 1, 2, 3], &done);
    same_history(&net, &[0, 1, 2, 3]);
}

#[test]
fn a_stop_that_was_asked_for_ends_with_zero_every_time() {
    let net = Net::start(4, 0, &[]);
    let load = Load::start(&net, &[0, 1, 2], 80, 76);
    net.kill(3);
    let (config, log) = (net.node_dir(3).join("node.toml"), net.beside("stops.log"));
    for stop in 0..STOPS {
        let mut child = run(&config, &log);
        // Some while it starts, some while it catches up, some while it votes; before it listens for signals, one ends it at once.
        wait_until("it is up", END, || {
            let height = http::get(&format!("{}/v1/status", net.api(3)));
            height.is_ok_and(|(status, _)| status == 200)
        });
        if stop % 3 == 2 {
            wait_until("it is ready", END, || is_ready(&net, 3));
        }
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let code = end(&mut child, "it ends");
        assert_eq!(code, 0, "stop {stop}: {}", std::fs::read_to_string(&log).unwrap());
    }
    load.finish();
}
