//! Local networks as they are after something went wrong with their folders. Their nodes are small programs of the shell.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;

/// What a node does that stays: it holds the lock of its data.
const STAYS: &str = "exec 9>data/lock\nflock 9\nwhile :; do sleep 0.1; done\n";

/// A network of one node, as a start makes it, whose node does this.
fn network(root: &Path, does: &str) -> PathBuf {
    let dir = root.join("net");
    for folder in ["keys", "node-0/data"] {
        std::fs::create_dir_all(dir.join(folder)).expect("the folder is writable");
    }
    for name in ["genesis.json", "checkpoint.json", "password", "keys/O.key", "node-0/node.toml"] {
        std::fs::write(dir.join(name), "x").expect("the folder is writable");
    }
    // Each network has a genesis of its own.
    std::fs::write(dir.join("genesis.json"), root.display().to_string()).expect("the folder is writable");
    let program = root.join("quanchengd");
    std::fs::write(&program, format!("#!/bin/sh\n{does}")).expect("the folder is writable");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("the folder is writable");
    let free = || {
        TcpListener::bind("127.0.0.1:0")
            .expect("the loopback address has a free port")
            .local_addr()
            .expect("a bound listener has an address")
            .to_string()
    };
    let zero = "0".repeat(64);
    let node = json!({
        "index": 0, "role": "validator", "organization": "O", "node_id": zero, "public_key": null,
        "peer": free(), "api": free(), "admin": free(),
    });
    let record = json!({
        "format": "quancheng-testnet", "version": 1, "chain_id": zero, "chain_name": "t", "quanchengd": program,
        "nodes": [node], "reserve": [], "keys": { "O": "keys/O.key" },
    });
    std::fs::write(dir.join("network.json"), record.to_string()).expect("the folder is writable");
    dir
}

fn text(dir: &Path) -> &str {
    dir.to_str().expect("a plain path")
}

fn testnet(home: &Path, verb: &str, dir: &Path, more: &[&str]) -> (i32, Value) {
    envelope(home, &[&["testnet", verb, "--dir", text(dir)], more].concat())
}

/// Whatever becomes of the test, its process does not stay.
struct Running<'a>(&'a Path, &'a Path);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        quancheng(self.0, &["testnet", "stop", "--dir", text(self.1)]);
    }
}

/// Why a node does not come up this time is in what it said this time.
#[test]
fn a_start_that_fails_is_told_by_what_it_wrote_itself() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let dir = network(home, "cat \"$(dirname \"$0\")/says\"\nexit 1\n");
    let up = |says: &str, lang: &str| {
        std::fs::write(home.join("says"), says).unwrap();
        let (_, value) = testnet(home, "up", &dir, &["--lang", lang]);
        assert_eq!(value["error"]["code"], "NODE_ENDED", "{value}");
        value["error"]["causes"].to_string()
    };
    assert!(up("error: an older one\n", "en").contains("an older one"));
    let told = up("error: the newer one\n", "zh");
    assert!(told.contains("节点日志原文：「error: the newer one」") && !told.contains("older"), "{told}");
    let told = up("", "zh");
    assert!(told.contains("本次启动没有写下日志") && !told.contains("one"), "{told}");
    let told = up("", "en");
    assert!(told.contains("has written nothing") && !told.contains("the newer one"), "{told}");
}

/// A copy of a folder is told as that, with the folder that the network runs from, and nothing that is done to it touches the other.
#[test]
fn a_copy_of_a_network_says_where_the_network_runs() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let dir = network(home, STAYS);
    let _running = Running(home, &dir);
    assert_eq!(testnet(home, "up", &dir, &["--timeout", "100ms"]).1["error"]["code"], "NOT_READY");
    let real = std::fs::canonicalize(&dir).unwrap().display().to_string();
    let copy = home.join("copy");
    let copied = std::process::Command::new("cp").arg("-a").arg(&dir).arg(&copy).status().unwrap();
    assert!(copied.success());

    for lang in ["zh", "en"] {
        let (code, value) = testnet(home, "stop", &copy, &["--lang", lang]);
        assert_eq!((code, &value["error"]["code"]), (4, &json!("STILL_RUNNING")), "{value}");
        assert_eq!(value["data"]["elsewhere"][0]["dir"], json!(real), "{value}");
        let message = value["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(if lang == "zh" { "两份目录" } else { "is a copy" }) && message.contains(&real),
            "{value}"
        );
        let hint = value["error"]["hint"].as_str().unwrap();
        assert!(hint.contains(&format!("testnet stop --dir {real}")) && !hint.contains("kill"), "{value}");
    }
    for (verb, more) in
        [("up", &[][..]), ("start-node", &["--index", "0"]), ("kill", &["--index", "0"]), ("wipe", &["--index", "0"])]
    {
        let (_, value) = testnet(home, verb, &copy, more);
        assert_eq!(value["error"]["code"], "RUNS_ELSEWHERE", "{verb}: {value}");
    }
    let (code, value) = testnet(home, "status", &copy, &[]);
    let node = &value["data"]["nodes"][0];
    assert_eq!((code, &node["state"], &node["runs_from"]), (0, &json!("elsewhere"), &json!(real)), "{value}");
    let shown = |words: &[&str]| {
        let words = [&["testnet"], words, &["--dir", copy.to_str().unwrap(), "--lang", "zh"]].concat();
        String::from_utf8(quancheng(home, &words).stdout).unwrap()
    };
    let told = format!("本目录与 {real} 是同一网络的两份目录");
    for words in [&["status"][..], &["remove"], &["remove", "--yes"]] {
        let shown = shown(words);
        assert!(shown.contains(&told), "{words:?}: {shown}");
    }
    assert!(!copy.exists());
    let (code, value) = testnet(home, "stop", &dir, &[]);
    assert_eq!((code, &value["data"]["stopped"]), (0, &json!([0])), "the other runs on until it is stopped: {value}");
}

/// A file that was lost is not named as one to use.
#[test]
fn what_a_network_has_lost_is_told_and_not_named_as_there() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let dir = network(home, STAYS);
    let shown = |lang: &str| {
        let words = ["testnet", "status", "--dir", dir.to_str().unwrap(), "--lang", lang];
        String::from_utf8(quancheng(home, &words).stdout).unwrap()
    };
    let whole = shown("en");
    assert!(whole.contains("net/checkpoint.json") && whole.contains("net/password") && !whole.contains("missing"));
    for name in ["checkpoint.json", "password", "keys/O.key"] {
        std::fs::remove_file(dir.join(name)).unwrap();
    }
    let (code, value) = testnet(home, "status", &dir, &[]);
    let data = &value["data"];
    assert_eq!((code, &data["checkpoint"], &data["password_file"]), (0, &Value::Null, &Value::Null), "{value}");
    assert_eq!(data["keys"], json!({}), "{value}");
    let (zh, en) = (shown("zh"), shown("en"));
    assert!(zh.contains("检查点文件缺失") && zh.contains("密码文件缺失") && zh.contains("O.key 缺失"), "{zh}");
    assert!(en.contains("the checkpoint file is missing") && en.contains("the password file is missing"), "{en}");
    assert!(!en.contains("net/checkpoint.json") && !en.contains("net/password"), "{en}");
}
