use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quancheng_state::{IoCause, StoreError};

use super::super::progress::Progress;
use super::super::{SnapshotError, Source};
use crate::desk::Told;
use crate::files::FileError;
use crate::ledger::LedgerError;

/// A full disk is told as such, with what to do about it, in both languages, whoever met it.
#[test]
fn what_the_system_refuses_is_told_with_what_to_do() {
    let store = |cause| {
        let (path, operation, detail) = ("/d/store".to_owned(), "write", "words of the engine".to_owned());
        SnapshotError::from(StoreError::Io { path, operation, cause, detail })
    };
    let io = |error: Error| SnapshotError::io(Path::new("/d/store"), "write")(error);
    let file = |error: Error| {
        let (path, action) = (Path::new("/d/store").to_owned(), "write");
        SnapshotError::Ledger(LedgerError::from(FileError::Io { path, action, error }))
    };
    let full = ("repeat the command", "磁盘空间不足");
    let denied = ("read and write permission", "权限不足");
    let files = ("ulimit -n", "打开的文件过多");
    for (error, (en, zh)) in [
        (store(IoCause::NoSpace), full),
        (io(Error::from(ErrorKind::StorageFull)), full),
        (io(Error::from(ErrorKind::QuotaExceeded)), full),
        (file(Error::from(ErrorKind::StorageFull)), full),
        (store(IoCause::Permission), denied),
        (io(Error::from(ErrorKind::ReadOnlyFilesystem)), denied),
        (store(IoCause::FileLimit), files),
        (io(Error::from_raw_os_error(24)), files),
        (io(Error::from_raw_os_error(5)), ("Check the path", "请检查路径")),
        (store(IoCause::Device), ("words of the engine", "请检查磁盘与系统日志")),
        (SnapshotError::from(LedgerError::Empty), ("holds no state", "账本存储出错：the store holds no state")),
    ] {
        assert!(error.en().contains(en) && !error.en().contains("start again;"), "{}", error.en());
        assert!(error.zh().contains(zh), "{}", error.zh());
        // Who makes one in a running node is told that it goes on.
        let (made_en, made_zh) = (Told::en(&error), Told::zh(&error));
        assert_eq!(
            (en, zh) == full,
            made_en.contains("the node goes on") && made_zh.contains("节点照常运行"),
            "{error}"
        );
        if !matches!(error, SnapshotError::Ledger(LedgerError::Empty)) {
            assert!(error.en().contains("/d/store") && error.zh().contains("/d/store"), "{error}");
        }
    }
}

/// Whoever waits for a source sees for what, from whom, and for how long; and afterwards how far it is.
#[test]
fn an_operator_sees_what_is_waited_for() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = || lines.lock().unwrap().concat();
    let told = Arc::clone(&lines);
    let tell = Arc::new(move |line: &str| told.lock().unwrap().push(format!("{line}\n")));
    let progress = Progress::told_to(tell, Duration::from_millis(5));
    let wait_for = |words: &str| {
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while !seen().contains(words) {
            assert!(std::time::Instant::now() < until, "{words} is not in {}", seen());
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let source = Source::Node("http://slow".to_owned());
    progress.asks(&source, "its list", "列表");
    wait_for("joining; waiting for its list from http://slow for 0 s (正在加入；正在等待 http://slow 的列表，已 0 秒)");
    let (mut manifest, _) = super::manifest(&crate::testing::genesis());
    let entry = quancheng_state::export::ChunkEntry {
        kind: quancheng_state::export::ChunkKind::Index,
        bytes: 7,
        sha256: quancheng_types::Digest::ZERO,
    };
    manifest.list.chunks = vec![entry; 2];
    progress.begins(&manifest, &source);
    wait_for("fetching the snapshot of height 5: 2 chunks, 14 bytes; its manifest is from http://slow");
    progress.took(&source, 7);
    wait_for("1 of 2 chunks, 7 of 14 bytes, the last one from http://slow");
    progress.asks(&source, "chunk 1", "第 1 块");
    wait_for("1 of 2 chunks, 7 of 14 bytes; waiting for chunk 1 from http://slow for");
    drop(progress);
    let after = lines.lock().unwrap().len();
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(lines.lock().unwrap().len(), after, "nothing is told after the end");
}
