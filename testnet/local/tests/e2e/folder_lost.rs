//! A data folder that is taken away under the running node.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Net;
use crate::support::child::started;

/// Whether the folder is replaced or gone, and whether the node is asked to stop or notices by itself: it ends with an error that says what
/// was lost. Put back, the folder is as good as before.
#[test]
fn a_node_whose_data_folder_is_taken_away_says_so_and_fails() {
    let net = Net::start(1, 0, &["--candidates", "0"]);
    net.kill(0);
    let (data, away) = (net.node_dir(0).join("data"), net.node_dir(0).join("data.away"));

    let mut child = started(&net, 0);
    std::fs::rename(&data, &away).unwrap();
    std::fs::create_dir_all(data.join("store")).unwrap();
    std::fs::write(data.join("lock"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{}", net.log(0));
    let told = net.log(0);
    let words = ["was taken away", "replaced by something else, or cut", "data/lock", "--rejoin-above", "数据目录"];
    words.iter().for_each(|part| assert!(told.contains(part), "{part} in {told}"));

    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&away, &data).unwrap();
    let before = net.log(0).matches("was taken away").count();
    let mut child = started(&net, 0);
    std::fs::rename(&data, &away).unwrap();
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{}", net.log(0));
    assert!(net.log(0).matches("was taken away").count() > before, "{}", net.log(0));
    assert!(!net.log(0).contains("panicked"), "{}", net.log(0));

    std::fs::rename(&away, &data).unwrap();
    net.start_node(0);
}

/// The newest file of the store's log.
fn store_log(data: &Path) -> PathBuf {
    let items = std::fs::read_dir(data.join("store/chain")).unwrap().map(|item| item.unwrap().path());
    items.filter(|path| path.extension().is_some_and(|end| end == "log")).max().unwrap()
}

/// One level deeper, the node notices it as well, and says which file it is; put back, nothing is lost.
#[test]
fn a_node_whose_store_loses_a_file_says_so_and_fails() {
    let net = Net::start(1, 0, &["--candidates", "0"]);
    net.kill(0);
    let data = net.node_dir(0).join("data");
    let whole = |name: &str| data.join(name);
    let paths: [&dyn Fn() -> PathBuf; 4] =
        [&|| whole("store/chain"), &|| store_log(&data), &|| whole("store/chain/CURRENT"), &|| {
            let numbers = std::fs::read_dir(data.join("log")).unwrap().map(|item| item.unwrap().path());
            numbers.max().unwrap()
        }];
    for path in paths {
        let mut child = started(&net, 0);
        let (path, away) = (path(), net.node_dir(0).join("away"));
        let told = net.log(0).matches("was taken away").count();
        std::fs::rename(&path, &away).unwrap();
        let begun = Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(3), "{}", net.log(0));
        assert!(begun.elapsed() < Duration::from_secs(45), "{:?}", begun.elapsed());
        let words = net.log(0);
        assert!(
            words.matches("was taken away").count() > told && words.contains(&path.display().to_string()),
            "{words}"
        );
        std::fs::rename(&away, &path).unwrap();
    }
    net.start_node(0);
}
