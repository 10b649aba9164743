use quancheng_consensus::{LogEntry, SignRecord};
use quancheng_types::{ChainId, Digest, Height, NodeId, Round, SigningKey, ValidatorId};

use super::*;

fn chain() -> ChainId {
    ChainId(Digest([7; 32]))
}

fn entry(height: u64) -> LogEntry {
    LogEntry::Timeout { height: Height(height), round: Round(0), step: quancheng_consensus::log::TimeoutStep::Propose }
}

fn owner() -> Owner {
    Owner::Validator(ValidatorId(Digest([3; 32])))
}

fn open_log(dir: &std::path::Path, marked: LogMark) -> Result<OpenedLog, FileError> {
    LogFile::open(dir, chain(), owner(), marked)
}

/// The log and its entries, where nothing is known of what was durable.
fn opened(dir: &std::path::Path) -> (LogFile, Vec<LogEntry>) {
    let OpenedLog { log, entries, loss } = open_log(dir, LogMark::default()).unwrap();
    assert_eq!(loss, None);
    (log, entries)
}

#[test]
fn entries_come_back_in_order_and_unsynced_ones_are_not_promised() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, entries) = opened(dir.path());
    assert!(entries.is_empty());
    log.append(&entry(1));
    log.append(&entry(2));
    log.sync().unwrap();
    log.append(&entry(3));
    drop(log);
    let (_, entries) = opened(dir.path());
    assert_eq!(entries, [entry(1), entry(2)]);
}

#[test]
fn a_torn_end_is_cut_and_the_log_goes_on_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = opened(dir.path());
    log.append(&entry(1));
    log.sync().unwrap();
    log.append(&entry(2));
    log.sync().unwrap();
    drop(log);
    let path = dir.path().join("log/1");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let (mut log, entries) = opened(dir.path());
    assert_eq!(entries, [entry(1)]);
    log.append(&entry(9));
    log.sync().unwrap();
    drop(log);
    assert_eq!(opened(dir.path()).1, [entry(1), entry(9)]);
}

/// A log that is damaged before its end is as good as one that lost its end, or all of it: it is told, and kept to be looked at.
#[test]
fn a_log_that_is_damaged_before_its_end_is_told_and_put_aside() {
    for (is_header, left) in [(true, 0), (false, 5)] {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = opened(dir.path());
        (1..20).for_each(|height| log.append(&entry(height)));
        log.sync().unwrap();
        // Whether the block of these entries was marked or not.
        for marked in [LogMark::default(), log.mark()] {
            let (path, scratch) = (dir.path().join("log/1"), tempfile::tempdir().unwrap());
            let mut bytes = std::fs::read(&path).unwrap();
            let at = if is_header { 10 } else { bytes.len() / 2 };
            bytes[at] ^= 1;
            std::fs::create_dir(scratch.path().join("log")).unwrap();
            std::fs::write(scratch.path().join("log/1"), &bytes).unwrap();
            let OpenedLog { mut log, entries, loss } = open_log(scratch.path(), marked).unwrap();
            let words = loss.expect("told").to_string();
            assert!(words.contains("log/1 is damaged") && words.contains("log/1.damaged"), "{words}");
            assert!(entries.len() >= left && entries.len() < 19 && (entries.is_empty() == is_header), "{entries:?}");
            assert_eq!(std::fs::read(scratch.path().join("log/1.damaged")).unwrap(), bytes);
            log.append(&entry(30));
            log.sync().unwrap();
            let count = entries.len() + 1;
            drop(log);
            let again = open_log(scratch.path(), marked).unwrap();
            assert_eq!((again.entries.len(), again.loss), (count, None), "told once");
        }
    }
}

#[test]
fn a_sign_record_is_replaced_whole_and_every_damage_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed([1; 32]).public_key();
    let mut file = SignRecordFile::at(dir.path());
    assert!(matches!(file.read(&chain(), &key, 0), Err(FileError::SignRecordMissing { .. })));
    let mut record = SignRecord::fresh(chain(), key);
    file.create(&record).unwrap();
    for floor in 5..9 {
        record.raise_floor(Height(floor));
        file.replace(&record).unwrap();
        let mut again = SignRecordFile::at(dir.path());
        assert_eq!(again.read(&chain(), &key, 0).unwrap(), record);
        file = again;
    }
    assert!(SignRecordFile::at(dir.path()).create(&record).is_err(), "a record is never made anew");
    let path = dir.path().join("sign-record");
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, bad).unwrap();
        let refused = SignRecordFile::at(dir.path()).read(&chain(), &key, 0);
        assert!(
            matches!(
                refused,
                Err(FileError::SignRecord { .. } | FileError::SignRecordDamaged { .. } | FileError::OtherLayout { .. })
            ),
            "byte {at}: {refused:?}"
        );
    }
}

#[test]
fn a_data_folder_has_one_user_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let held = DataLock::acquire(dir.path()).unwrap();
    assert!(matches!(DataLock::acquire(dir.path()), Err(FileError::Locked { .. })));
    drop(held);
    DataLock::acquire(dir.path()).unwrap();
    let file = dir.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(DataLock::acquire(&file), Err(FileError::Io { .. })));
}

/// A pipe is not waited for.
#[test]
fn what_is_no_file_is_refused_and_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    };
    for name in ["marks", "sign-record", "stopped", "log/1", "lock"] {
        put(name);
    }
    let key = SigningKey::from_seed([1; 32]).public_key();
    let refusals = [
        MarksFile::at(dir.path(), chain(), owner()).open(true).map(drop),
        SignRecordFile::at(dir.path()).read(&chain(), &key, 0).map(drop),
        StoppedFile::at(dir.path()).check(),
        open_log(dir.path(), LogMark::default()).map(drop),
        DataLock::acquire(dir.path()).map(drop),
        DataLock::acquire_existing(dir.path()).map(drop),
    ];
    for refused in refusals {
        assert!(matches!(refused, Err(FileError::NotAFile { .. })), "{refused:?}");
    }
}

/// A file as large as one that is replaced, with entries of height 4.
fn grown(dir: &std::path::Path) -> LogFile {
    let (mut log, _) = opened(dir);
    while std::fs::metadata(dir.join("log/1")).unwrap().len() < log_file::ROTATE_BYTES {
        for _ in 0..10_000 {
            log.append(&entry(4));
        }
        log.sync().unwrap();
    }
    log
}

#[test]
fn a_grown_file_is_replaced_by_one_that_holds_what_is_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = grown(dir.path());
    log.append(&entry(5));
    log.append(&entry(6));
    log.sync().unwrap();
    log.rotate(Height(4)).unwrap();
    assert!(!dir.path().join("log/1").exists() && dir.path().join("log/2").exists());
    assert!(std::fs::metadata(dir.path().join("log/2")).unwrap().len() < 1_000, "what counts, no more");
    log.append(&entry(7));
    log.sync().unwrap();
    drop(log);
    assert_eq!(opened(dir.path()).1, [entry(5), entry(6), entry(7)]);
}

#[test]
fn a_crash_between_two_files_loses_nothing_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = grown(dir.path());
    log.append(&entry(5));
    log.sync().unwrap();
    let old = std::fs::read(dir.path().join("log/1")).unwrap();
    // Before the new file has its name.
    std::fs::write(dir.path().join("log/unfinished"), b"QCLOG").unwrap();
    assert_eq!(opened(dir.path()).1.last(), Some(&entry(5)));
    log.rotate(Height(4)).unwrap();
    drop(log);
    // After it, with the old one still there.
    std::fs::write(dir.path().join("log/1"), old).unwrap();
    assert_eq!(opened(dir.path()).1, [entry(5)]);
    assert!(!dir.path().join("log/1").exists());
}

/// Whatever a log lost of what was durable is told, once, and it goes on with what is left.
#[test]
fn a_log_that_lost_what_was_durable_says_so_once() {
    type Loss = fn(&std::path::Path, &[u8]);
    let losses: [(&str, Loss, usize); 5] = [
        ("all zero", |path, good| std::fs::write(path, vec![0; good.len()]).unwrap(), 0),
        ("cut to half", |path, good| std::fs::write(path, &good[..good.len() / 2]).unwrap(), 3),
        ("the last byte gone", |path, good| std::fs::write(path, &good[..good.len() - 1]).unwrap(), 8),
        ("empty", |path, _| std::fs::write(path, b"").unwrap(), 0),
        ("gone", |path, _| std::fs::remove_file(path).unwrap(), 0),
    ];
    for (what, lose, left) in losses {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = opened(dir.path());
        for height in 1..10 {
            log.append(&entry(height));
        }
        log.sync().unwrap();
        let marked = log.mark();
        log.append(&entry(10));
        log.sync().unwrap();
        drop(log);
        let whole = open_log(dir.path(), marked).unwrap();
        assert_eq!((whole.entries.len(), &whole.loss), (10, &None), "more than is known is no loss");
        drop(whole);
        let path = dir.path().join("log/1");
        let good = std::fs::read(&path).unwrap();
        let durable = usize::try_from(marked.bytes).unwrap();
        lose(&path, &good[..durable]);
        let OpenedLog { mut log, entries, loss } = open_log(dir.path(), marked).unwrap();
        let words = loss.unwrap_or_else(|| panic!("{what}: not told")).to_string();
        assert!(words.contains("log/1") && words.contains("请检查磁盘"), "{what}: {words}");
        assert_eq!(entries, (1..=left as u64).map(entry).collect::<Vec<_>>(), "{what}");
        log.append(&entry(11));
        log.sync().unwrap();
        drop(log);
        let again = open_log(dir.path(), marked).unwrap();
        assert_eq!((again.entries.len(), again.loss), (left + 1, None), "{what}: told once, and nothing more is lost");
        assert!(!path.exists(), "{what}");
    }
}

#[test]
fn a_rotated_log_is_no_loss_and_an_older_copy_of_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = grown(dir.path());
    let before = log.mark();
    let old = std::fs::read(dir.path().join("log/1")).unwrap();
    log.rotate(Height(4)).unwrap();
    let after = log.mark();
    drop(log);
    for marked in [before, after] {
        assert_eq!(open_log(dir.path(), marked).unwrap().loss, None);
    }
    std::fs::remove_file(dir.path().join("log/2")).unwrap();
    std::fs::write(dir.path().join("log/1"), old).unwrap();
    let loss = open_log(dir.path(), after).unwrap().loss.expect("told");
    assert_eq!((loss.found, loss.marked), (before, after));
    // It goes on as the next one; a copy under a number that cannot have been reached is none of its files.
    assert!(!dir.path().join("log/1").exists() && dir.path().join("log/3").exists());
    let copied = dir.path().join("log/4");
    std::fs::copy(dir.path().join("log/3"), &copied).unwrap();
    let error = open_log(dir.path(), LogMark { number: 3, ..after }).unwrap_err().to_string();
    assert!(error.contains("log/4") && error.contains("copy of file 3"), "{error}");
    std::fs::remove_file(copied).unwrap();
    for foreign in [7, u64::MAX] {
        std::fs::copy(dir.path().join("log/3"), dir.path().join(format!("log/{foreign}"))).unwrap();
    }
    assert_eq!(open_log(dir.path(), after).unwrap().loss, None, "its own is whole");
    std::fs::remove_file(dir.path().join("log/3")).unwrap();
    let OpenedLog { log, loss, .. } = open_log(dir.path(), after).unwrap();
    assert_eq!((loss.expect("told").found, log.mark().number), (LogMark::default(), 3));
    assert!(dir.path().join("log/7").exists(), "what it did not make, it does not remove");
}

/// Else its owner's locks and votes would be taken for this node's, and what it had said itself forgotten.
#[test]
fn a_log_of_another_node_is_refused_with_the_file_named() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = opened(dir.path());
    log.append(&entry(4));
    log.sync().unwrap();
    for other in [Owner::Follower(NodeId(Digest([3; 32]))), Owner::Validator(ValidatorId(Digest([4; 32])))] {
        let error = LogFile::open(dir.path(), chain(), other, log.mark()).unwrap_err().to_string();
        assert!(error.contains("log/1") && error.contains("another node"), "{error}");
    }
}

#[test]
fn marks_of_another_version_are_not_called_damaged() {
    let dir = tempfile::tempdir().unwrap();
    MarksFile::at(dir.path(), chain(), owner()).open(false).unwrap();
    let path = dir.path().join("marks");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[6] = b'2';
    std::fs::write(&path, bytes).unwrap();
    let error = MarksFile::at(dir.path(), chain(), owner()).open(true).unwrap_err();
    assert!(matches!(error, FileError::OtherLayout { .. }) && error.to_string().contains("another version"), "{error}");
}
