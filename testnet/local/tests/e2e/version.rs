//! The chain goes over to another version of the rules: builds that do not carry it stop before its height, builds that do go on.
//!
//! No shipped build carries a second version, so the second test needs one that does: `scripts/version-change` builds it (feature
//! `test-version-2`), names it in `QUANCHENG_VERSION_2`, and runs these tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::checks::{certified_everywhere, same_history};
use crate::support::http::{self, wait_until};
use crate::support::load::Load;
use crate::support::{Net, program, quancheng, text};

const ORGANIZATIONS: [&str; 3] = ["ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-AMR"];
const NODES: [u32; 4] = [0, 1, 2, 3];
const NOTICE: &str = "请安装 quanchengd 0.2";
/// Names the build that carries version 2.
const VERSION_2: &str = "QUANCHENG_VERSION_2";
/// Heights between the decision and the change, beyond those that the chain demands.
const AHEAD: u64 = 300;

fn governance(net: &Net, organization: &str, arguments: &[&str]) -> Value {
    let (sign, api) = (net.sign_as(organization), net.api(1));
    let mut all = vec!["governance"];
    all.extend(arguments);
    all.extend(sign.iter().map(String::as_str));
    all.extend(["--api", &api]);
    quancheng(&all).data()
}

/// Decides that version 2 counts from a height on. Returns the height.
fn schedule(net: &Net) -> u64 {
    let from = net.height(1) + AHEAD;
    let words = from.to_string();
    let propose = ["propose", "schedule-version", "2", "--effective", &words, "--notice", NOTICE];
    governance(net, ORGANIZATIONS[0], &propose);
    for organization in &ORGANIZATIONS[1..] {
        governance(net, organization, &["vote", "1", "--approve"]);
    }
    from
}

fn is_running(net: &Net, node: u32) -> bool {
    net.network().status().iter().any(|one| one.index == node && one.pid.is_some())
}

fn scheduled(net: &Net, node: u32) -> Value {
    net.status(node)["scheduled_version"].clone()
}

fn warnings(net: &Net, node: u32) -> Value {
    let (_, ready) = http::get(&format!("{}/readyz", net.admin(node))).unwrap();
    ready["warnings"].clone()
}

/// Runs a program on the folder of a node to its end.
fn run(program: &Path, command: &str, net: &Net, node: u32, more: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = Command::new(program)
        .args([command, "--config", text(&net.node_dir(node).join("node.toml"))])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .expect("quanchengd runs");
    let words = [stdout, stderr].concat();
    (status.code().unwrap_or(-1), String::from_utf8_lossy(&words).into_owned())
}

fn line<'a>(words: &'a str, name: &str) -> &'a str {
    words.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name:?} in {words}"))
}

#[test]
fn builds_that_do_not_carry_a_version_stop_before_its_height_and_say_what_to_install() {
    let net = Net::start(4, 0, &[]);
    let before = net.height(0);
    let from = schedule(&net);
    assert!(from > before);
    for node in NODES {
        wait_until("every node knows", Duration::from_secs(30), || scheduled(&net, node)["from"] == from);
        let scheduled = scheduled(&net, node);
        assert_eq!((&scheduled["version"], &scheduled["known"]), (&2.into(), &false.into()), "{scheduled}");
        assert_eq!(scheduled["notice"], NOTICE);
        assert_eq!(warnings(&net, node), serde_json::json!(["version_unknown"]));
    }
    // An idle chain is quiet: work moves it to the height.
    let load = Load::start(&net, &NODES, 200, 41);
    let ended = |node: &u32| !is_running(&net, *node);
    wait_until("all have stopped", Duration::from_secs(120), || NODES.iter().all(ended));
    drop(load);
    let mut roots = Vec::new();
    for node in NODES {
        let log = net.log(node);
        for word in ["version 2", &format!("height {from}"), NOTICE] {
            assert!(log.contains(word), "{word:?} is missing in the log of node {node}");
        }
        // It does not start there either, and says the same.
        let (code, words) = run(&program("quanchengd"), "start", &net, node, &[]);
        assert_eq!(code, 4, "{words}");
        assert!(words.contains(NOTICE) && words.contains(&format!("height {from}")), "{words}");
        // Everything before the height is there, and gives what is recorded.
        let until = (from - 20).to_string();
        let (code, words) = run(&program("quanchengd"), "replay", &net, node, &["--until", &until]);
        assert_eq!(code, 0, "{words}");
        assert!(words.contains(&format!("EQUAL: heights 1 to {until} ")), "{words}");
        roots.push(line(&words, "history root ").to_owned());
    }
    assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
}

/// A copy of a program that nodes are started from, and that can be replaced while they run.
struct Installed {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Installed {
    fn of(program: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("quancheng-installed-").tempdir().unwrap();
        let installed = Self { path: folder.path().join("quanchengd"), _folder: folder };
        installed.replace(program);
        installed
    }

    fn replace(&self, program: &Path) {
        let next = self.path.with_extension("next");
        std::fs::copy(program, &next).unwrap();
        std::fs::rename(&next, &self.path).unwrap();
    }
}

fn version_at(net: &Net, height: u64) -> u64 {
    let block = http::get_ok(&format!("{}/v1/blocks/{height}", net.api(1)));
    block["header"]["version"].as_u64().unwrap_or_else(|| panic!("{block:#}"))
}

#[test]
fn four_nodes_are_replaced_one_by_one_under_load_and_the_chain_goes_on_under_the_new_version() {
    let Some(newer) = std::env::var_os(VERSION_2).map(PathBuf::from) else {
        eprintln!("not run: {VERSION_2} names no build that carries version 2; see scripts/version-change");
        return;
    };
    let older = program("quanchengd");
    let installed = Installed::of(&older);
    let net = Net::start(4, 0, &["--quanchengd", text(&installed.path)]);
    let load = Load::start(&net, &NODES, 120, 43);
    let from = schedule(&net);
    installed.replace(&newer);
    for node in NODES {
        // Whoever has already stopped before the height is as good as one that is stopped for the exchange.
        if is_running(&net, node) {
            net.kill(node);
        }
        net.start_node(node);
        assert_eq!(net.status(node)["newest_version"], 2);
    }
    wait_until("the height is passed", Duration::from_secs(180), || {
        NODES.iter().all(|node| net.height(*node) > from + 50)
    });
    let certified = load.finish();
    assert!(certified.iter().any(|one| one.place.0 < from) && certified.iter().any(|one| one.place.0 > from));
    certified_everywhere(&net, &NODES, &certified);
    same_history(&net, &NODES);
    assert_eq!([from - 1, from].map(|height| version_at(&net, height)), [1, 2]);
    assert!(
        NODES.iter().all(|node| net.status(*node)["version"] == 2 && warnings(&net, *node) == serde_json::json!([]))
    );

    for node in NODES {
        net.kill(node);
    }
    let (code, words) = run(&newer, "replay", &net, 2, &[]);
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("EQUAL") && words.contains("version of the rules 2"), "{words}");
    let (code, words) = run(&older, "replay", &net, 2, &[]);
    assert_eq!(code, 4, "{words}");
    assert!(words.contains("blocks before it are equal") && words.contains(NOTICE), "{words}");
}
