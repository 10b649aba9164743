//! Joining by a snapshot: a validator that lost everything and a source that lies.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::checks::{certified_everywhere, quiet_logs, same_roots, signs_from};
use crate::support::http::{self, wait_until};
use crate::support::load::Load;
use crate::support::{Net, quancheng, quanchengd, text};

/// Time for what a busy machine may be late with.
const PATIENCE: Duration = Duration::from_secs(60);
/// Heights above the greatest reported one that a validator which begins anew does not sign.
const UNSURE: u64 = 3;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A copy of a folder of snapshots in which a chunk in the middle was changed.
fn liar(net: &Net, snapshots: &Path, height: u64) -> std::path::PathBuf {
    let liar = net.beside("liar");
    copy(snapshots, &liar);
    let chunk = liar.join(height.to_string()).join("000001");
    let mut bytes = std::fs::read(&chunk).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&chunk, bytes).unwrap();
    liar
}

/// The root that a transaction notarized, as its events tell.
fn root_of(net: &Net, id: &str) -> String {
    fn find(value: &Value) -> Option<&str> {
        match value {
            Value::Object(members) => {
                members.get("root").and_then(Value::as_str).or_else(|| members.values().find_map(find))
            }
            Value::Array(items) => items.iter().find_map(find),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
    let answer = http::get_ok(&format!("{}/v1/transactions/{id}", net.api(0)));
    find(&answer).unwrap_or_else(|| panic!("no root in {answer}")).to_owned()
}

/// Every answer about the record of evidence as of a height, and its proof, is that of a node that executed it.
fn proves_the_past(net: &Net, joined: u32, root: &str, height: u64) {
    let path = format!("/v1/evidence/{root}?height={height}");
    let [here, there] = [joined, 0].map(|index| http::get_ok(&format!("{}{path}", net.api(index))));
    assert_eq!(here["record"], there["record"], "as of {height}");
    let bundle = http::get_bytes(&format!("{}/v1/bundles/evidence/{root}?height={height}", net.api(joined)));
    let file = net.file("past.bundle", &bundle);
    let checkpoint = net.network().checkpoint();
    let report = quancheng(&["verify", text(&file), "--checkpoint", text(&checkpoint)]).data();
    assert_eq!(report["overall"], "MATCH", "{report:#}");
}

#[test]
fn a_validator_that_lost_everything_joins_by_a_snapshot_and_a_liar_is_named() {
    let net = Net::start(4, 0, &[]);
    let (config, data) = (net.node_dir(3).join("node.toml"), net.node_dir(3).join("data"));
    let validator = net.validator_id(3);
    let load = Load::start(&net, &[0, 1, 2, 3], 120, 91);
    wait_until("there is some history", PATIENCE, || load.certified() >= 300);
    let (code, out, words) = quanchengd(&["snapshot", "--json", "--config", text(&net.node_dir(0).join("node.toml"))]);
    assert_eq!(code, Some(0), "{words}");
    let made: Value = serde_json::from_str(&out).unwrap();
    let height = made["height"].as_u64().unwrap();
    let early = load.finish();

    net.kill(3);
    let marks = std::fs::read(data.join("marks")).unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    let greatest = [0, 1, 2].map(|index| net.height(index)).into_iter().max().unwrap();
    let liar = liar(&net, &net.node_dir(0).join("data/snapshots"), height);
    let arguments = ["init", "--config", text(&config), "--from-snapshot"];
    let (code, _, words) = quanchengd(&[&arguments[..], &[&net.api(0)]].concat());
    assert!(code == Some(1) && words.contains("--rejoin-above") && !data.exists(), "{words}");
    let rejoin = ["--rejoin-above", &greatest.to_string()];
    keeps_what_it_did_not_make(&data, &marks, &[&arguments[..], &[&net.api(0)], &rejoin].concat());
    let (code, _, words) = quanchengd(&[&arguments[..], &[text(&liar)], &rejoin].concat());
    assert!(code == Some(1) && words.contains(text(&liar)) && words.contains("chunk 1"), "{code:?} {words}");
    let sources = format!("{},{}", text(&liar), net.api(0));
    let (code, _, words) = quanchengd(&[&arguments[..], &[&sources], &rejoin].concat());
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains(&format!("joined by the snapshot of height {height}")) && words.contains("已由"), "{words}");
    assert!(words.contains(&format!("given up: {}", text(&liar))), "a liar is named though the join succeeds: {words}");
    // It gave the manifest and a chunk before the changed one; the others came from the node.
    let (manifest, chunks) =
        (format!("manifest came from {}", text(&liar)), format!("{} (1), {} (", text(&liar), net.api(0)));
    assert!(words.contains(&manifest) && words.contains(&chunks), "{words}");
    net.start_node(3);

    let load = Load::start(&net, &[3], 80, 92);
    let floor = greatest + UNSURE;
    wait_until("it signs above its floor", PATIENCE, || signs_from(&net, 0, &validator, floor));
    wait_until("it orders what is submitted to it", PATIENCE, || load.certified() >= 100);
    let late = load.finish();
    certified_everywhere(&net, &[0, 1, 2, 3], &late);
    certified_everywhere(&net, &[0, 1, 2], &early);
    same_roots(&net, &[0, 1, 2, 3]);
    for one in early.iter().step_by(early.len() / 4) {
        proves_the_past(&net, 3, &root_of(&net, &one.id), one.place.0);
        // What was executed before is known, and not executed again.
        let again = http::post(
            &http::agent(PATIENCE),
            &format!("{}/v1/transactions?wait=certified", net.api(3)),
            http::BYTES,
            &one.encoded,
        );
        let (status, answer) = again.unwrap();
        assert!(status == 200 || status == 410, "{answer}");
    }
    same_roots(&net, &[0, 1, 2, 3]);
    quiet_logs(&net);
    results_that_were_moved_away_can_be_put_back(&net, 3);
    a_damaged_snapshot_is_withdrawn(&net, 0, height);
}

/// The marks of a node that ran know what it answered and numbered: no command makes a new node over them, and none that fails takes them away.
fn keeps_what_it_did_not_make(data: &Path, marks: &[u8], join: &[&str]) {
    std::fs::create_dir(data).unwrap();
    std::fs::write(data.join("marks"), marks).unwrap();
    let (code, _, words) = quanchengd(join);
    assert!(
        code == Some(1) && words.contains("has run before") && words.contains("--rejoin-above"),
        "{code:?} {words}"
    );
    assert_eq!(std::fs::read(data.join("marks")).unwrap(), marks);
    std::fs::remove_dir_all(data).unwrap();
}

/// A node that joined cannot make its results again. It says so before it makes anything in their place, so the folder, found again, still fits.
fn results_that_were_moved_away_can_be_put_back(net: &Net, joined: u32) {
    net.kill(joined);
    let node = net.node_dir(joined);
    let (results, moved) = (node.join("data/store/results"), node.join("moved"));
    std::fs::rename(&results, &moved).unwrap();
    let (code, _, words) = quanchengd(&["start", "--config", text(&node.join("node.toml"))]);
    assert!(
        code == Some(1) && words.contains("nothing was changed") && words.contains("back as it was"),
        "{code:?} {words}"
    );
    assert!(!results.exists());
    std::fs::rename(&moved, &results).unwrap();
    net.start_node(joined);
    same_roots(net, &[0, joined]);
}

/// What a node serves is compared with what it made: a damaged snapshot is offered no more, and the log says which.
fn a_damaged_snapshot_is_withdrawn(net: &Net, index: u32, height: u64) {
    let snapshots = net.node_dir(index).join("data/snapshots");
    let chunk = snapshots.join(height.to_string()).join("000001");
    let mut bytes = std::fs::read(&chunk).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&chunk, &bytes).unwrap();
    let path = format!("{}/v1/snapshots", net.api(index));
    let get = |part: &str| http::get(&format!("{path}/{height}/{part}")).unwrap().0;
    assert_eq!((get("manifest"), get("chunks/0"), get("chunks/1"), get("chunks/0")), (200, 200, 404, 404));
    assert_eq!(http::get_ok(&path)["snapshots"], Value::Array(Vec::new()));
    assert!(snapshots.join(format!("{height}.damaged")).is_dir());
    assert!(net.log(index).contains("a snapshot is damaged"));
}
