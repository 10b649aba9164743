//! Damage at rest: whatever happens to a file of the data folder, the node refuses it, or has lost nothing that was durable.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;

use quancheng_consensus::log::TimeoutStep;
use quancheng_consensus::sign_record::{Slot, SlotValue, Step};
use quancheng_consensus::{LogEntry, SignRecord};
use quancheng_types::{
    AccountId, Batch, Bytes, Call, Digest, Height, KeyId, List, ModuleId, Round, SignedBatch, Signer, SigningKey,
    Transaction, ValidatorId,
};

use super::StartError;
use super::recover::execute_again;
use crate::api::StartProgress;
use crate::files::{DataLock, FileError, LogFile, LogLoss, OpenedLog, SignRecordFile, StoppedFile};
use crate::ledger::{Ledger, LedgerError, salvage};
use crate::marks::MarkKeeper;
use crate::testing;
use crate::thread_end::Threads;

mod foreign;

/// Groups, blocks and signatures that one life of the node makes.
const PER_LIFE: u64 = 4;
/// Tables and large values of the store that are tried; there is one for each column and life.
const TABLES: usize = 5;

fn key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

/// Own batch of this number; large ones lie in files of their own.
fn batch(number: u64) -> Arc<SignedBatch> {
    let payload = vec![u8::try_from(number).unwrap(); if number.is_multiple_of(2) { 9_000 } else { 300 }];
    let key = key();
    let body = Transaction {
        chain_id: testing::genesis().chain_id(),
        signers: List::new(vec![Signer { account: AccountId(Digest([2; 32])), key_id: KeyId::of(&key.public_key()) }])
            .unwrap(),
        nonce: number,
        valid_until_ms: u64::MAX,
        calls: List::new(vec![Call { module: ModuleId(10), payload: Bytes::new(payload).unwrap() }]).unwrap(),
    };
    let batch = Batch::of(vec![body.sign(&[&key]).unwrap()]).unwrap();
    Arc::new(batch.sign(testing::genesis().chain_id(), number, 1, &key))
}

fn entry(height: u64) -> LogEntry {
    LogEntry::Timeout { height: Height(height), round: Round(0), step: TimeoutStep::Propose }
}

/// What a start makes of a folder.
#[derive(Debug)]
enum Refused {
    File(FileError),
    Ledger(LedgerError),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Ledger(error) => error.fmt(f),
        }
    }
}

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

struct Opened {
    ledger: Arc<Ledger>,
    record: SignRecord,
    file: SignRecordFile,
    log: LogFile,
    entries: Vec<LogEntry>,
    loss: Option<LogLoss>,
    _lock: DataLock,
}

fn open(dir: &Path) -> Result<Opened, Refused> {
    let lock = DataLock::acquire(dir)?;
    StoppedFile::at(dir).check()?;
    let options = crate::config::StoreSection { memory_mib: 32, ..Default::default() };
    let ledger = Arc::new(Ledger::open(dir, &testing::genesis(), testing::owner(), &options)?);
    let chain_id = ledger.chain_id();
    let mut file = SignRecordFile::at(dir);
    let record = file.read(&chain_id, &key().public_key(), ledger.marks().sign_records)?;
    let OpenedLog { log, entries, loss } = LogFile::open(dir, chain_id, testing::owner(), ledger.marks().log)?;
    Ok(Opened { ledger, record, file, log, entries, loss, _lock: lock })
}

/// One life of the node: so many groups, blocks, log entries and signatures, all durable at its end.
fn live(dir: &Path, life: u64) {
    let Opened { ledger, mut record, mut file, mut log, _lock, .. } = open(dir).unwrap();
    let threads = Threads::default();
    let (driver, _inputs) = crate::driver::queue();
    let (marks_file, marks, marked) = ledger.take_marks().unwrap();
    let keeper = MarkKeeper::start(marks_file, marks, marked, driver, &threads).unwrap();
    for number in life * PER_LIFE..(life + 1) * PER_LIFE {
        let group = ledger.put_batches(&[batch(number)]).unwrap();
        let (done, result) = channel();
        keeper.group(group, number + 1, Box::new(move |marked| done.send(marked).unwrap()));
        result.recv().unwrap().unwrap();
        let height = number + 1;
        log.append(&entry(height));
        log.sync().unwrap();
        let slot = Slot { height: Height(height), round: Round(0), step: Step::Prevote };
        record.admit(slot, SlotValue { block_id: None, pol_round: None }, 1).unwrap();
        file.replace(&record).unwrap();
        ledger.put_commits(&[testing::commit(height)]).unwrap();
        keeper.block(Height(height), file.count(), log.mark());
    }
    drop(keeper);
    drop(ledger);
    assert!(threads.join(std::time::Duration::from_secs(60)).is_empty());
}

/// A folder after some lives.
fn folder(dir: &Path, lives: u64) {
    drop(DataLock::acquire(dir).unwrap());
    drop(testing::ledger(dir));
    let record = SignRecord::fresh(testing::genesis().chain_id(), key().public_key());
    SignRecordFile::at(dir).create(&record).unwrap();
    for life in 0..lives {
        live(dir, life);
    }
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

fn files(dir: &Path, below: &Path, found: &mut Vec<PathBuf>) {
    for item in std::fs::read_dir(dir.join(below)).unwrap() {
        let item = item.unwrap();
        let path = below.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            files(dir, &path, found);
        } else {
            found.push(path);
        }
    }
}

/// Whether everything that `lives` made durable is there, or an error where it is read: never something else, never nothing.
fn check(dir: &Path, lives: u64) -> Result<Option<LogLoss>, Refused> {
    let opened = open(dir)?;
    let made = lives * PER_LIFE;
    for number in 0..made {
        let found = opened.ledger.batch(&batch(number).header.id()).map_err(LedgerError::from)?;
        assert_eq!(found, Some(batch(number)), "batch {number} is gone without a word");
        let block = opened.ledger.block(Height(number + 1)).map_err(LedgerError::from)?;
        assert_eq!(block, Some(testing::commit(number + 1).decided.clone()), "block {number} is gone without a word");
    }
    let pending = opened.ledger.pending_batches().map_err(LedgerError::from)?;
    assert_eq!(pending.len(), usize::try_from(made).unwrap());
    assert!(opened.ledger.marks().next_sequence >= made, "a number could be given again");
    let last = opened.record.last().expect("it has signed");
    assert_eq!(last.slot.height, Height(made), "a signature is forgotten");
    // The engine compares these: a log with fewer has lost a lock.
    let here = opened.entries.iter().filter(|entry| entry.height() == last.slot.height).count();
    if u64::try_from(here).unwrap() < last.log_entries {
        return Err(FileError::Damaged { path: dir.join("log"), what: "seen by the engine, REJOIN" }.into());
    }
    Ok(opened.loss)
}

type Damage = (&'static str, fn(&Path, &Path));

fn flip(path: &Path, share: f64) {
    let mut bytes = std::fs::read(path).unwrap();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small file"
    )]
    let at = ((bytes.len() as f64) * share) as usize;
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0x40;
    }
    std::fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, keep: impl Fn(usize) -> usize) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..keep(bytes.len())]).unwrap();
}

const DAMAGES: [Damage; 9] = [
    ("flip the first byte", |path, _| flip(path, 0.0)),
    ("flip a byte in the first third", |path, _| flip(path, 0.3)),
    ("flip a byte in the last third", |path, _| flip(path, 0.7)),
    ("flip a byte near the end", |path, _| flip(path, 0.98)),
    ("cut to half", |path, _| cut(path, |length| length / 2)),
    ("lose the last bytes", |path, _| cut(path, |length| length.saturating_sub(7))),
    ("empty", |path, _| cut(path, |_| 0)),
    ("delete", |path, _| std::fs::remove_file(path).unwrap()),
    ("swap with an older copy", |path, older| {
        if older.exists() {
            std::fs::copy(older, path).unwrap();
        }
    }),
];

/// Files of the engine that carry nothing of ours: its diary and its options.
fn is_idle(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let is_diary = ["LOG", "OPTIONS", "IDENTITY", "LOCK", "lock"].iter().any(|idle| name.starts_with(idle));
    // The results have no log: the engine makes an empty one all the same.
    is_diary || (path.starts_with("store/results") && name.ends_with(".log"))
}

#[test]
fn whatever_happens_to_a_file_nothing_durable_is_lost_without_a_word() {
    let (older, good, scratch) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(older.path(), 1);
    copy(older.path(), good.path());
    live(good.path(), 1);
    check(good.path(), 2).unwrap();
    // The check itself has written out the log: one more life fills it again.
    live(good.path(), 2);
    let mut all = Vec::new();
    files(good.path(), Path::new(""), &mut all);
    all.sort();
    let mut tables = 0;
    let mut told = BTreeSet::new();
    for path in all {
        let name = path.to_string_lossy().into_owned();
        if name.ends_with(".sst") || name.ends_with(".blob") {
            tables += 1;
            if tables > TABLES {
                continue;
            }
        }
        for (what, damage) in DAMAGES {
            let dir = scratch.path().join("data");
            copy(good.path(), &dir);
            damage(&dir.join(&path), &older.path().join(&path));
            let result = check(&dir, 3);
            if let Err(refused) = &result {
                let words = refused.to_string();
                assert!(
                    ["--rejoin-above", "REJOIN"].iter().any(|way| words.contains(way))
                        || (name.starts_with("store/results")
                            && words.contains("`store/results` of the data folder away")),
                    "{name}, {what}: {words}"
                );
                told.insert(name.clone());
                if name.starts_with("store/chain/") && name.ends_with(".log") {
                    // The refusal changed nothing: the file as it was, found again, helps.
                    std::fs::copy(good.path().join(&path), dir.join(&path)).unwrap();
                    check(&dir, 3).unwrap_or_else(|refused| panic!("{name}, {what}, put back: {refused}"));
                }
            }
            if name.starts_with("log/") {
                assert!(!matches!(result, Ok(None)), "{name}, {what}: not a word");
            }
            std::fs::remove_dir_all(&dir).unwrap();
        }
        assert!(
            is_idle(&path) || told.contains(&name) || name.ends_with(".sst"),
            "{name}: no damage of it was noticed"
        );
    }
    for name in ["marks", "sign-record", "log/1", "store/chain/CURRENT", "store/results/CURRENT"] {
        assert!(told.contains(name), "{name}");
    }
}

#[test]
fn the_log_of_the_store_is_refused_when_a_byte_of_it_flips_and_what_stands_behind_can_be_saved() {
    let (good, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(good.path(), 1);
    let mut all = Vec::new();
    files(good.path(), Path::new(""), &mut all);
    let is_log = |path: &&PathBuf| path.extension().is_some_and(|end| end == "log");
    let log = all.iter().filter(is_log).max_by_key(|path| std::fs::metadata(good.path().join(path)).unwrap().len());
    let log = log.expect("the store has a log");
    // What stands before the damage is saved; behind it the engine reads on at its next block of 32 KiB, which this short log has not.
    for (share, least) in [(0.1, 0), (0.35, 0), (0.6, 1), (0.9, 2)] {
        let dir = scratch.path().join("data");
        copy(good.path(), &dir);
        flip(&dir.join(log), share);
        let words = check(&dir, 1).unwrap_err().to_string();
        assert!(words.contains("store") && words.contains("--salvage"), "{share}: {words}");
        // Refused again: the first refusal changed nothing.
        check(&dir, 1).unwrap_err();
        let saved = salvage(&dir, testing::genesis().chain_id(), &key().public_key()).unwrap();
        let numbers: Vec<u64> = saved.batches.iter().map(|batch| batch.header.sequence).collect();
        assert_eq!(saved.next_sequence, PER_LIFE);
        // Every number is accounted for: saved, or told as lost.
        let mut accounted = [numbers.clone(), saved.unreadable.clone()].concat();
        accounted.sort_unstable();
        assert_eq!(accounted, (0..PER_LIFE).collect::<Vec<_>>(), "{share}");
        assert!(numbers.len() >= least, "{share}: {numbers:?}");
        assert!(!saved.is_unsure, "{share}");
        std::fs::remove_file(dir.join("marks")).unwrap();
        let saved = salvage(&dir, testing::genesis().chain_id(), &key().public_key()).unwrap();
        assert!(saved.is_unsure, "{share}: without marks nobody knows what is missing");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

/// A crash tears the end that was not synced: that is no damage, and the node starts.
#[test]
fn a_torn_end_that_was_never_durable_is_no_damage() {
    let good = tempfile::tempdir().unwrap();
    folder(good.path(), 1);
    let opened = open(good.path()).unwrap();
    // Not synced, hence not marked.
    opened.ledger.put_certified_batch(batch(100)).unwrap();
    let crashed = tempfile::tempdir().unwrap();
    copy(good.path(), crashed.path());
    drop(opened);
    let mut all = Vec::new();
    files(crashed.path(), Path::new(""), &mut all);
    let is_log = |path: &&PathBuf| path.starts_with("store/chain") && path.extension().is_some_and(|end| end == "log");
    let logs = all.iter().filter(is_log);
    let log = crashed.path().join(logs.max().expect("the store has a log"));
    flip(&log, 0.98);
    check(crashed.path(), 1).unwrap();
}

fn open_for(dir: &Path, genesis: &quancheng_types::Genesis) -> Result<Ledger, LedgerError> {
    let options = crate::config::StoreSection { memory_mib: 32, ..Default::default() };
    Ledger::open(dir, genesis, testing::owner(), &options)
}

/// A refused start writes nothing: without results the chain's own name tells that it is another one, and stays.
#[test]
fn a_chain_without_results_is_not_taken_for_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 1);
    let genesis = testing::genesis();
    let other = quancheng_types::Genesis { time_ms: genesis.time_ms + 1, ..genesis.clone() };
    let store = dir.path().join("store");
    std::fs::remove_dir_all(store.join("results")).unwrap();
    // As a follower opens it, which has no marks of another chain in the way.
    let over = |genesis| {
        let rocks =
            quancheng_state_rocks::Rocks::open(&store, &quancheng_state_rocks::RocksOptions::default()).unwrap();
        let keep = crate::ledger::Keep::default();
        Ledger::over(Arc::new(rocks), quancheng_state::StoreOptions::default(), genesis, keep, None).map(|_| ())
    };
    let error = over(&other).unwrap_err();
    assert!(matches!(error, LedgerError::OtherChain { .. }), "{error}");
    over(&genesis).unwrap();
}

/// Blocks without the name of their chain are damage, and no chain of another genesis.
#[test]
fn blocks_without_the_name_of_their_chain_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 1);
    let store = dir.path().join("store");
    let rocks = quancheng_state_rocks::Rocks::open(&store, &quancheng_state_rocks::RocksOptions::default()).unwrap();
    let mut writes = quancheng_state::backend::Writes::new();
    writes.delete(quancheng_state::backend::Column::ChainMeta, b"user/chain-id");
    quancheng_state::Backend::write(&rocks, writes, quancheng_state::Durability::Synced).unwrap();
    drop(rocks);
    let error = open_for(dir.path(), &testing::genesis()).unwrap_err();
    assert!(matches!(error, LedgerError::Nameless) && error.to_string().contains("--rejoin-above"), "{error}");
}

#[test]
fn a_start_that_executes_again_tells_how_far_it_is_and_ends_when_it_is_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 2);
    let newest = Height(2 * PER_LIFE);
    std::fs::remove_dir_all(dir.path().join("store/results")).unwrap();
    let ledger = open_for(dir.path(), &testing::genesis()).unwrap();
    let (progress, asked) = (StartProgress::default(), AtomicBool::new(true));
    let ended = execute_again(&ledger, &asked, &progress);
    assert!(matches!(ended, Err(StartError::Asked)), "{ended:?}");
    assert_eq!((ledger.tip_status().height, progress.read()), (Height(0), (Height(0), newest)));
    asked.store(false, std::sync::atomic::Ordering::Release);
    execute_again(&ledger, &asked, &progress).unwrap();
    assert_eq!((ledger.tip_status().height, progress.read()), (newest, (newest, newest)));
}

/// Results of another chain are refused, also those that hold its genesis alone.
#[test]
fn results_of_another_chain_are_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let genesis = testing::genesis();
    let other = quancheng_types::Genesis { time_ms: genesis.time_ms + 1, ..genesis.clone() };
    drop(open_for(ours.path(), &genesis).unwrap());
    drop(open_for(theirs.path(), &other).unwrap());
    let results = ours.path().join("store/results");
    std::fs::remove_dir_all(&results).unwrap();
    copy(&theirs.path().join("store/results"), &results);
    let error = open_for(ours.path(), &genesis).unwrap_err();
    assert!(matches!(error, LedgerError::ForeignResults { .. }), "{error}");
    assert!(error.to_string().contains("move the folder `store/results`"), "{error}");
}

#[test]
fn an_older_copy_of_a_file_is_refused() {
    let (older, newer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(older.path(), 1);
    copy(older.path(), newer.path());
    live(newer.path(), 1);
    for name in ["store", "sign-record", "marks"] {
        let scratch = tempfile::tempdir().unwrap();
        copy(newer.path(), scratch.path());
        let (from, to) = (older.path().join(name), scratch.path().join(name));
        if to.is_dir() {
            std::fs::remove_dir_all(&to).unwrap();
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
        let words = check(scratch.path(), 2).unwrap_err().to_string();
        assert!(words.contains("older copy") && words.contains("--rejoin-above"), "{name}: {words}");
    }
}
