//! A drill: a running validator is backed up, loses everything, and comes back from the backup.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::checks::{certified_everywhere, same_history, signs_from};
use crate::support::config::{changed, set};
use crate::support::http::wait_until;
use crate::support::load::Load;
use crate::support::{Net, program, quanchengd, text};

/// Time for what a busy machine may be late with.
const PATIENCE: Duration = Duration::from_secs(60);
/// Heights above the greatest reported one that a restored validator does not sign.
const UNSURE: u64 = 3;

fn back_up(config: &Path, more: &[&str]) -> Value {
    let arguments = [&["backup", "--json", "--config", text(config)], more].concat();
    let (code, out, error) = quanchengd(&arguments);
    assert_eq!(code, Some(0), "{error}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn greatest(net: &Net) -> u64 {
    [0, 1, 2].map(|index| net.height(index)).into_iter().max().unwrap()
}

/// A copy that is started while the original runs stops, and the original goes on.
fn a_restored_twin_stops(net: &Net, backup: &Path) {
    let any = || toml::Value::from("127.0.0.1:0");
    let config = changed(net, 3, "twin.toml", |table| {
        set(table, "node", "data_dir", "data.twin");
        set(table, "network", "listen", vec![any()]);
        set(table, "api", "public", any());
        set(table, "api", "admin", any());
    });
    let height = greatest(net).to_string();
    let (code, _, words) =
        quanchengd(&["init", "--config", text(&config), "--from-backup", text(backup), "--rejoin-above", &height]);
    assert_eq!(code, Some(0), "{words}");
    let log = net.beside("twin.log");
    let out = std::fs::File::create(&log).unwrap();
    let mut command = Command::new(program("quanchengd"));
    command.args(["start", "--config", text(&config)]).stdin(Stdio::null());
    let mut child = command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
    let mut status = None;
    wait_until("the copy stops", PATIENCE, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    let words = std::fs::read_to_string(&log).unwrap();
    assert_eq!(status.unwrap().code(), Some(3), "{words}");
    assert!(words.contains("uses this validator's key") || words.contains("this node did not make"), "{words}");
}

#[test]
fn a_validator_that_lost_everything_comes_back_from_a_backup_and_signs_nothing_twice() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    let (config, data) = (net.node_dir(3).join("node.toml"), net.node_dir(3).join("data"));
    let validator = net.validator_id(3);
    let kept = net.beside("kept");

    let load = Load::start(&net, &all, 120, 81);
    wait_until("there is some history", PATIENCE, || load.certified() >= 200);
    let first = back_up(&config, &["--out", text(&kept)]);
    assert_eq!(Path::new(first["folder"].as_str().unwrap()), std::fs::canonicalize(&kept).unwrap());
    let (code, _, words) = quanchengd(&["backup", "--config", text(&config), "--out", text(&kept)]);
    assert!(code == Some(1) && words.contains("there already") && words.contains("已存在"), "{code:?} {words}");
    let before = load.certified();
    wait_until("it went on", PATIENCE, || load.certified() >= before + 200);
    let second = back_up(&config, &[]);
    assert!(number(&second, "height") > number(&first, "height"));
    assert!(number(&second, "new_bytes") < number(&second, "bytes"), "{second}");
    let (code, out, words) = quanchengd(&["backup", "--check", text(&kept)]);
    assert!(code == Some(0) && out.contains("INTACT") && out.contains("备份完好"), "{out}{words}");

    a_restored_twin_stops(&net, &kept);
    assert!(!data.join("stopped").exists(), "the one that was there first goes on");
    let before = load.certified();
    wait_until("the chain goes on", PATIENCE, || load.certified() >= before + 100);
    let mut done = load.finish();

    net.kill(3);
    let still = back_up(&config, &["--out", text(&net.beside("stopped"))]);
    assert!(number(&still, "height") >= number(&second, "height"), "{still}");
    std::fs::remove_dir_all(&data).unwrap();
    let load = Load::start(&net, &[0, 1, 2], 120, 82);
    wait_until("the others go on", PATIENCE, || load.certified() >= 100);
    let arguments = ["init", "--config", text(&config), "--from-backup", text(&kept)];
    let (code, _, words) = quanchengd(&arguments);
    assert!(code == Some(1) && words.contains("--rejoin-above") && !data.exists(), "{words}");
    let height = greatest(&net);
    let (code, _, words) = quanchengd(&[&arguments[..], &["--rejoin-above", &height.to_string()]].concat());
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("restored: blocks up to height") && words.contains("已恢复"), "{words}");
    net.start_node(3);
    done.extend(load.finish());

    let floor = height + UNSURE;
    let load = Load::start(&net, &[3], 80, 83);
    wait_until("it signs above its floor", PATIENCE, || signs_from(&net, 0, &validator, floor));
    wait_until("it orders what is submitted to it", PATIENCE, || load.certified() >= 100);
    done.extend(load.finish());
    certified_everywhere(&net, &all, &done);
    same_history(&net, &all);
}
