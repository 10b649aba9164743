use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quancheng_consensus::sign_record::{Slot, SlotValue, Step};
use quancheng_consensus::{AuthorWindow, Commit, CommittedBlock, SignRecord};
use quancheng_contracts::governance;
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{
    AccountId, Attendance, Batch, BatchCertificate, BatchRef, Block, BlockId, Bytes, Call, CommitCertificate, Digest,
    Genesis, Header, Height, KeyId, List, ModuleId, NodeId, PROTOCOL_VERSION, Round, SignedBatch, Signer, SigningKey,
    Transaction, ValidatorId,
};

use super::export::export;
use super::record::{RECORD_NAME, digest};
use super::*;
use crate::config::NodeConfig;
use crate::files::{DataLock, FileError, Marks, MarksFile, Owner, RestoringFile, SignRecordFile};
use crate::ledger::{Ledger, LedgerError, SalvageError, execute_stored, salvage};
use crate::snapshot::Sources;
use crate::start::{Rejoin, StartError, init, join, restore};
use crate::testing::{self, node_config};

/// Numbers of own batches that no block names.
const WAITING: u64 = 1_000_000;
/// What a clock says after any of them, ms.
const NOW_MS: u64 = 1_800_000_000_000;

fn key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

fn batch(number: u64) -> Arc<SignedBatch> {
    let key = key();
    let payload = vec![7; if number.is_multiple_of(2) { 9_000 } else { 300 }];
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

/// The block of a height, with one own batch of the same number.
fn commit(ledger: &Ledger, height: u64, batch: &SignedBatch) -> Arc<Commit> {
    let signature = CertificateSignature { validator: batch.header.author, signature: batch.signature };
    let certificate = BatchCertificate { signatures: List::new(vec![signature]).unwrap() };
    let batches = List::new(vec![BatchRef { header: batch.header, certificate }]).unwrap();
    let set = testing::genesis().validators;
    let header = Header {
        version: PROTOCOL_VERSION,
        chain_id: ledger.chain_id(),
        height: Height(height),
        time_ms: 1_790_000_000_000 + height,
        parent: BlockId::default(),
        proposer: set.ids()[0],
        round: Round(0),
        batches_root: Block::batches_root(&batches),
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
        params_hash: Digest::ZERO,
        executed_height: Height(0),
        history_size: 1,
        history_root: Digest::ZERO,
        misbehavior_root: Block::misbehavior_root(&[]),
        attendance_hash: Attendance::default().hash(),
    };
    let block = Block { header, batches, misbehavior: List::empty(), attendance: Attendance::default() };
    let certificate =
        CommitCertificate { height: Height(height), round: Round(0), block_id: block.id(), signatures: List::empty() };
    let mut window = AuthorWindow::default();
    (1..=height).for_each(|number| {
        window.insert(number);
    });
    let windows = vec![(ValidatorId::of(&key().public_key()), window)];
    Arc::new(Commit { decided: CommittedBlock { block, certificate }, windows })
}

/// One height with its batch, and a batch that waits.
fn live(ledger: &Ledger, height: u64) {
    let batch = batch(height);
    ledger.put_batches(&[Arc::clone(&batch)]).unwrap();
    let commit = commit(ledger, height, &batch);
    ledger.put_commits(&[Arc::clone(&commit)]).unwrap();
    execute_stored(ledger, &commit.decided.block, &[batch]).unwrap();
    let ordered = governance::windows(&ledger.snapshot().unwrap()).unwrap();
    assert_eq!(ordered, ledger.windows().1, "the state tells what the blocks ordered");
    ledger.put_batches(&[self::batch(WAITING + height)]).unwrap();
}

fn source(data_dir: &Path) -> BackupSource {
    let genesis = Arc::new(testing::genesis());
    let data_dir = data_dir.to_owned();
    BackupSource { data_dir, genesis, node_id: NodeId(Digest([9; 32])), validator: Some(key().public_key()) }
}

fn back_up_of(data_dir: &Path, ledger: &Arc<Ledger>) -> Made {
    make(&source(data_dir), Arc::clone(ledger), &AtomicBool::new(false)).unwrap()
}

/// A folder with so many heights, and its backup.
fn small(heights: u64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let ledger = Arc::new(testing::ledger(&data));
    (1..=heights).for_each(|height| live(&ledger, height));
    let made = back_up_of(&data, &ledger);
    (dir, PathBuf::from(made.folder))
}

/// Everything that the blocks of a copy need is in it, and its results are those of the original.
fn assert_prefix(copy: &Ledger, original: &Ledger) {
    let (height, _, executed) = copy.newest().unwrap();
    assert!(executed <= height, "{executed} {height}");
    for at in 1..=height.0 {
        let block = copy.block(Height(at)).unwrap().unwrap().block;
        assert_eq!(copy.batches_of(&block).unwrap(), [batch(at)], "height {at}");
    }
    for at in 0..=executed.0 {
        assert_eq!(copy.history_leaf(Height(at)).unwrap(), original.history_leaf(Height(at)).unwrap(), "height {at}");
    }
    for waiting in copy.unordered_batches(&key().public_key()).unwrap() {
        let number = waiting.header.sequence;
        assert!(number >= WAITING || number > height.0, "{number} is in a block");
    }
}

#[test]
fn a_backup_made_while_blocks_are_committed_is_a_prefix_of_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Arc::new(testing::ledger(dir.path()));
    let is_done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (ledger, is_done) = (Arc::clone(&ledger), Arc::clone(&is_done));
        std::thread::spawn(move || {
            let mut height = 0;
            while !is_done.load(Ordering::Acquire) {
                height += 1;
                live(&ledger, height);
            }
        })
    };
    let mut made: Vec<Made> = Vec::new();
    while made.len() < 4 {
        // Some heights more, however slow the machine is.
        let until = ledger.newest_block().0 + 5;
        while ledger.newest_block().0 < until && !writer.is_finished() {
            std::thread::yield_now();
        }
        made.push(back_up_of(dir.path(), &ledger));
    }
    is_done.store(true, Ordering::Release);
    writer.join().unwrap();
    for made in &made {
        let folder = Path::new(&made.folder);
        let checked = check(folder).unwrap();
        assert_eq!((checked.record.height, checked.record.bytes()), (made.height, made.bytes));
        assert_prefix(&Ledger::open_copy(folder, &testing::genesis()).unwrap(), &ledger);
    }
    assert!(made.windows(2).all(|two| two[0].height < two[1].height && two[1].new_bytes < two[1].bytes), "{made:?}");
    let tables = |made: &Made| {
        let names =
            std::fs::read_dir(Path::new(&made.folder).join("chain")).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|end| end == "sst" || end == "blob")).collect::<Vec<_>>()
    };
    assert!(tables(&made[0]).iter().all(|path| path.metadata().unwrap().nlink() > 1), "what never changes is shared");
}

#[test]
fn every_file_that_is_not_as_it_was_is_named_and_nothing_is_changed_by_the_check() {
    let (_dir, folder) = small(3);
    let before = std::fs::read_dir(folder.join("chain")).unwrap().count();
    assert_eq!(check(&folder).unwrap().waiting, 3);
    assert_eq!(std::fs::read_dir(folder.join("chain")).unwrap().count(), before);
    for file in BackupRecord::read(&folder).unwrap().files {
        let path = folder.join(&file.path);
        let good = std::fs::read(&path).unwrap();
        // A new file, as the others share theirs with the store.
        let put = |content: &[u8]| {
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, content).unwrap();
        };
        let named = |kind: FileFaultKind| {
            let error = check(&folder).unwrap_err();
            let BackupError::Faults { faults, .. } = &error else { panic!("{error}") };
            assert_eq!(*faults, [FileFault { path: file.path.clone(), kind }]);
        };
        if let Some(middle) = good.len().checked_div(2).filter(|middle| *middle < good.len()) {
            let mut bad = good.clone();
            bad[middle] ^= 0x40;
            put(&bad);
            named(FileFaultKind::Content);
            put(&good[..middle]);
            named(FileFaultKind::Size { found: middle as u64, listed: good.len() as u64 });
        }
        put(&good);
        std::fs::remove_file(&path).unwrap();
        named(FileFaultKind::Missing);
        std::fs::write(&path, &good).unwrap();
    }
    check(&folder).unwrap();
    for extra in ["chain/000999.sst", "sign-record"] {
        std::fs::write(folder.join(extra), "x").unwrap();
        let error = check(&folder).unwrap_err();
        assert!(error.en().contains(extra) && error.zh().contains(extra), "{error}");
        std::fs::remove_file(folder.join(extra)).unwrap();
    }
    std::os::unix::fs::symlink("CURRENT", folder.join("chain/link")).unwrap();
    assert!(check(&folder).unwrap_err().to_string().contains("chain/link is no plain file"));
}

#[test]
fn a_record_that_says_something_else_is_refused() {
    let (_dir, folder) = small(3);
    let path = folder.join(RECORD_NAME);
    let good = std::fs::read_to_string(&path).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} in {good}");
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        check(&folder).unwrap_err()
    };
    assert!(matches!(refused("\"height\": 3", "\"height\": 4"), BackupError::OtherContent { .. }));
    assert!(matches!(refused("\"version\": 1", "\"version\": 2"), BackupError::NoBackup { .. }));
    assert!(matches!(refused("\"store_format\": ", "\"store_format\": 9"), BackupError::NoBackup { .. }));
    assert!(matches!(refused("\"path\": \"chain/", "\"path\": \"../chain/"), BackupError::NoBackup { .. }));
    assert!(matches!(refused("{", ""), BackupError::NoBackup { .. }));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(check(&folder), Err(BackupError::NoBackup { .. })));
}

#[test]
fn what_an_interrupted_backup_left_is_cleared_and_one_height_may_have_several() {
    let (dir, first) = small(2);
    let data = dir.path().join("data");
    let partial = data.join("backups/next.partial");
    std::fs::create_dir_all(partial.join("chain")).unwrap();
    std::fs::write(partial.join("chain/000001.log"), "x").unwrap();
    let ledger = Arc::new(testing::ledger(&data));
    let second = back_up_of(&data, &ledger);
    assert!(!partial.exists());
    assert_eq!((first.ends_with("2"), second.folder.ends_with("2-2")), (true, true), "{}", second.folder);
    // Asked to stop: nothing is left either.
    let stopped = make(&source(&data), ledger, &AtomicBool::new(true));
    assert!(matches!(stopped, Err(BackupError::Stopping)) && !partial.exists());
}

#[test]
fn a_backup_is_moved_out_as_a_whole_and_over_nothing() {
    let (dir, first) = small(2);
    let (data, out) = (dir.path().join("data"), dir.path().join("kept/first"));
    let record = BackupRecord::read(&first).unwrap();
    let made = Made::of(&record, &first);
    // A path that was mistyped is no reason to make folders.
    let refused = export(made.clone(), &out).unwrap_err();
    assert!(matches!(&refused, BackupError::NoFolder { path } if path.ends_with("kept")), "{refused}");
    assert!(first.exists() && !dir.path().join("kept").exists());
    std::fs::create_dir_all(&out).unwrap();
    assert!(matches!(export(made.clone(), &out), Err(BackupError::Exists { .. })));
    assert!(first.exists(), "it stays where it was made");
    std::fs::remove_dir(&out).unwrap();
    // What is called as a folder to work in would be is somebody's.
    let own = format!("kept/first.{}-0.partial", std::process::id());
    let theirs = ["kept/first.partial", own.as_str()].map(|name| dir.path().join(name).join("thesis"));
    theirs.iter().for_each(|path| std::fs::create_dir_all(path).unwrap());
    let moved = export(made, &out).unwrap();
    assert!(theirs.iter().all(|path| path.is_dir()));
    assert_eq!((moved.new_bytes, moved.new_files), (moved.bytes, moved.files));
    assert!(!first.exists());
    assert_eq!(std::fs::read_dir(dir.path().join("kept")).unwrap().count(), 3, "nothing else is left");
    assert_eq!(check(&out).unwrap().record, record);
    let ledger = Arc::new(testing::ledger(&data));
    live(&ledger, 3);
    let second = export(back_up_of(&data, &ledger), &dir.path().join("kept/second")).unwrap();
    assert!(second.new_bytes < second.bytes, "{second:?}");
    check(Path::new(&second.folder)).unwrap();
}

/// Both said that all was well, and one of the backups was gone.
#[test]
fn of_two_backups_with_one_name_one_is_refused_and_kept() {
    let (dir, first) = small(2);
    let data = dir.path().join("data");
    let record = BackupRecord::read(&first).unwrap();
    for round in 0..20 {
        let ledger = Arc::new(testing::ledger(&data));
        let pair = [back_up_of(&data, &ledger), back_up_of(&data, &ledger)];
        drop(ledger);
        let out = dir.path().join(format!("out-{round}"));
        let folders = pair.clone().map(|made| PathBuf::from(made.folder));
        let ends: Vec<_> = std::thread::scope(|scope| {
            let runs = pair.map(|made| scope.spawn(|| export(made, &out)));
            runs.map(|run| run.join().unwrap()).into_iter().collect()
        });
        assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1, "{ends:?}");
        for (end, folder) in ends.iter().zip(&folders) {
            assert_eq!(end.is_err(), folder.exists(), "the one that is refused stays where it was made");
        }
        assert_eq!(check(&out).unwrap().record.height, record.height);
        folders.iter().filter(|folder| folder.exists()).for_each(|folder| std::fs::remove_dir_all(folder).unwrap());
    }
    let left = std::fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.file_name());
    assert!(left.filter(|name| name.to_string_lossy().contains("partial")).count() == 0);
}

/// A node of its own, with keys; a follower without `validator`.
fn above(tip: u64) -> Option<Rejoin> {
    Some(Rejoin { tip: Height(tip), now_ms: NOW_MS, salvage: None })
}

fn opened(config: &NodeConfig) -> Ledger {
    let owner = crate::start::NodeKeys::open(config).unwrap().owner();
    Ledger::open(&config.node.data_dir, &testing::genesis(), owner, &config.store).unwrap()
}

#[test]
fn a_validator_is_restored_with_its_batches_and_signs_above_what_any_node_reports() {
    let (dir, folder) = small(4);
    let config = node_config(&dir.path().join("new"), &testing::genesis(), true);
    let data = config.node.data_dir.clone();
    let error = restore(&config, &folder, None).unwrap_err();
    assert!(matches!(error, StartError::RestoreWithoutRejoin { height: Height(4) }), "{error}");
    assert!(error.to_string().contains("--rejoin-above") && !data.exists(), "{error}");

    let restored = restore(&config, &folder, above(7)).unwrap();
    assert_eq!((restored.height, restored.floor, restored.rejoined.batches), (Height(4), Some(Height(10)), 4));
    check(&folder).unwrap();
    let ledger = opened(&config);
    assert_prefix(&ledger, &opened_original(&dir));
    // Admitted and not ordered: all there, under numbers that were never used, and no longer under the old ones.
    let waiting = ledger.unordered_batches(&key().public_key()).unwrap();
    let numbers: Vec<u64> = waiting.iter().map(|batch| batch.header.sequence).collect();
    assert_eq!(numbers, (NOW_MS..NOW_MS + 4).collect::<Vec<_>>());
    let contents: Vec<_> = waiting.iter().map(|one| one.batch.clone()).collect();
    assert_eq!(contents, (1..=4).map(|height| batch(WAITING + height).batch.clone()).collect::<Vec<_>>());
    assert_eq!(ledger.pending_batches().unwrap().len(), 4);
    let marks = ledger.marks();
    assert_eq!((marks.has_store, marks.height, marks.next_sequence), (true, 4, NOW_MS + 4));
    let record = SignRecordFile::at(&data).read(&ledger.chain_id(), &key().public_key(), marks.sign_records).unwrap();
    assert_eq!((record.floor(), record.last()), (Height(10), None));
    assert!(matches!(restore(&config, &folder, above(7)), Err(StartError::AlreadyInitialized { .. })));
    // Lost again before it has sealed anything: the numbers below its floor were never used, so nothing is missed.
    drop(ledger);
    let old = salvage(&data, testing::genesis().chain_id(), &key().public_key()).unwrap();
    assert_eq!((old.batches.len(), old.next_sequence, old.unreadable), (4, NOW_MS + 4, vec![]));
}

fn opened_original(dir: &tempfile::TempDir) -> Ledger {
    testing::ledger(&dir.path().join("data"))
}

/// Nobody signs where the backup has blocks; and no clock that is behind gives a number again.
#[test]
fn a_height_behind_the_backup_is_refused_and_a_clock_behind_it_does_no_harm() {
    let (dir, folder) = small(4);
    let config = node_config(&dir.path().join("new"), &testing::genesis(), true);
    let error = restore(&config, &folder, above(3)).unwrap_err();
    assert!(matches!(error, StartError::RejoinBelowBackup { height: Height(4), named: Height(3) }), "{error}");
    assert!(!config.node.data_dir.exists());
    let rejoin = Some(Rejoin { tip: Height(4), now_ms: 5, salvage: None });
    assert_eq!(restore(&config, &folder, rejoin).unwrap().floor, Some(Height(7)));
    assert_eq!(opened(&config).batch_floor().unwrap(), WAITING + 5);
}

/// The folder that was lost has newer batches than the backup; what is in both is taken over once.
#[test]
fn what_an_old_folder_holds_is_taken_over_beside_the_backup() {
    let (dir, folder) = small(3);
    let data = dir.path().join("data");
    live(&testing::ledger(&data), 4);
    let config = node_config(&dir.path().join("new"), &testing::genesis(), true);
    let rejoin = Some(Rejoin { tip: Height(4), now_ms: NOW_MS, salvage: Some(data) });
    let restored = restore(&config, &folder, rejoin).unwrap();
    assert_eq!((restored.height, restored.rejoined.batches), (Height(3), 4));
}

#[test]
fn a_follower_needs_no_height_and_nothing_is_shared_with_the_backup() {
    let (dir, folder) = small(2);
    let config = node_config(&dir.path().join("new"), &testing::genesis(), false);
    assert!(matches!(restore(&config, &folder, above(2)), Err(StartError::RejoinWithoutKey)));
    restore(&config, &folder, None).unwrap();
    check(&folder).unwrap();
    for part in ["chain", "results"] {
        for entry in std::fs::read_dir(config.node.data_dir.join("store").join(part)).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(path.metadata().unwrap().nlink(), 1, "{}", path.display());
        }
    }
    // It is this node's store now, and no longer that of the validator that made the backup.
    let (data, genesis) = (&config.node.data_dir, testing::genesis());
    let error = Ledger::open(data, &genesis, testing::owner(), &config.store).unwrap_err().to_string();
    assert!(error.contains("belongs to another node of this chain"), "{error}");
    let ledger = opened(&config);
    assert_eq!((ledger.newest_block(), ledger.marks().height), (Height(2), 2));
    assert!(!SignRecordFile::at(&config.node.data_dir).exists());
}

#[test]
fn a_backup_that_is_damaged_or_of_another_chain_leaves_nothing() {
    let (dir, folder) = small(2);
    let genesis = testing::genesis();
    let other =
        node_config(&dir.path().join("other"), &Genesis { time_ms: genesis.time_ms + 1, ..genesis.clone() }, false);
    let error = restore(&other, &folder, None).unwrap_err();
    assert!(matches!(error, StartError::Backup(BackupError::OtherChain { .. })), "{error}");
    assert!(!other.node.data_dir.exists());

    let config = node_config(&dir.path().join("new"), &genesis, false);
    let table =
        BackupRecord::read(&folder).unwrap().files.into_iter().find(|file| file.path.ends_with(".sst")).unwrap();
    let path = folder.join(&table.path);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10] ^= 0x40;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let error = restore(&config, &folder, None).unwrap_err();
    assert!(error.to_string().contains(&table.path), "{error}");
    let left: Vec<_> =
        std::fs::read_dir(&config.node.data_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
}

/// Several commands at once on one folder: one makes it, and none of the others takes anything of it away.
#[test]
fn of_several_who_make_one_folder_one_does_and_nothing_of_it_is_lost() {
    let (dir, folder) = small(2);
    for round in 0..4 {
        let config = node_config(&dir.path().join(format!("new-{round}")), &testing::genesis(), true);
        let start = std::sync::Barrier::new(4);
        let made = std::thread::scope(|scope| {
            let make = |_| {
                scope.spawn(|| {
                    start.wait();
                    // Who finds the folder locked tries again, as a person would.
                    loop {
                        match restore(&config, &folder, above(7)) {
                            Err(StartError::File(FileError::Locked { .. })) => {}
                            Err(StartError::AlreadyInitialized { .. }) => return false,
                            result => return result.map(|_| true).unwrap(),
                        }
                    }
                })
            };
            let threads: Vec<_> = (0..4).map(make).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|is_made| *is_made).count()
        });
        assert_eq!(made, 1);
        assert_eq!(opened(&config).newest_block(), Height(2));
        assert!(SignRecordFile::at(&config.node.data_dir).exists());
    }
}

/// The marks of a node that has run say what it answered and numbered: nothing is made over them, and nothing that fails takes them away.
#[test]
fn marks_without_their_store_are_kept() {
    let (dir, folder) = small(2);
    let config = node_config(&dir.path().join("new"), &testing::genesis(), true);
    restore(&config, &folder, above(7)).unwrap();
    drop(opened(&config));
    let data = &config.node.data_dir;
    let marks = std::fs::read(data.join("marks")).unwrap();
    std::fs::remove_dir_all(data.join("store")).unwrap();
    std::fs::remove_file(data.join("sign-record")).unwrap();
    let nowhere = || Sources::new(vec!["http://127.0.0.1:9".parse().unwrap()]);
    for refused in [
        init(&config, None).err(),
        init(&config, above(9)).err(),
        restore(&config, &folder, above(9)).err(),
        join(&config, nowhere(), above(9)).err(),
    ] {
        let error = refused.unwrap();
        assert!(matches!(&error, StartError::Ledger(LedgerError::StoreMissing { .. })), "{error}");
        assert_eq!(std::fs::read(data.join("marks")).unwrap(), marks);
    }
}

/// Killed anywhere on the way, a restore leaves its note: no node starts, no backup is made of it, and it is repeated from the beginning.
#[test]
fn an_interrupted_restore_does_not_start_and_is_repeated() {
    let (dir, folder) = small(2);
    let config = node_config(&dir.path().join("new"), &testing::genesis(), true);
    let data = &config.node.data_dir;
    drop(DataLock::acquire(data).unwrap());
    RestoringFile::at(data).begin().unwrap();
    drop(Ledger::open(data, &testing::genesis(), testing::owner(), &config.store).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let teardown = crate::start::Teardown::default();
    let started = runtime.block_on(crate::start::Node::start(config.clone(), &teardown));
    let words = started.map(|_| ()).unwrap_err().to_string();
    assert!(words.contains("restoring") && words.contains("quanchengd init") && words.contains("尚在建立"), "{words}");
    drop(runtime);
    assert!(teardown.finish());
    assert!(back_up(&config, None).unwrap_err().to_string().contains("quanchengd init"));
    // Nor is it taken for the folder on which the validator ran before: what was admitted in that one would be given up.
    let salvaged = salvage(data, testing::genesis().chain_id(), &key().public_key());
    assert!(matches!(salvaged, Err(SalvageError::Unfinished)), "{salvaged:?}");

    restore(&config, &folder, above(2)).unwrap();
    assert!(RestoringFile::at(data).check().is_ok());
    assert_eq!(opened(&config).newest_block(), Height(2));

    // Who would rather join from the peers need not remove anything by hand.
    let plain = node_config(&dir.path().join("plain"), &testing::genesis(), true);
    drop(DataLock::acquire(&plain.node.data_dir).unwrap());
    RestoringFile::at(&plain.node.data_dir).begin().unwrap();
    std::fs::create_dir_all(plain.node.data_dir.join("store")).unwrap();
    init(&plain, above(2)).unwrap();
    assert_eq!(opened(&plain).newest_block(), Height(0));
}

/// As an earlier build left half of a folder: a store without blocks, marks, and no sign record. Moved away and salvaged, as the words then said, it gave
/// nothing, and the true old folder lay beside it.
#[test]
fn half_of_a_folder_is_not_believed() {
    let (dir, _) = small(2);
    let config = node_config(&dir.path().join("new"), &testing::genesis(), true);
    let data = &config.node.data_dir;
    init(&config, above(5)).unwrap();
    std::fs::remove_file(data.join("sign-record")).unwrap();
    let old = dir.path().join("old");
    std::fs::rename(data, &old).unwrap();
    let salvage = Some(Rejoin { salvage: Some(old), ..above(9).unwrap() });
    let rejoined = init(&config, salvage).unwrap();
    assert!(rejoined.is_unsure && !rejoined.is_whole(), "{rejoined:?}");
}

/// The note is not believed against what lies beside it: an old data folder that was put back over an interrupted init was removed with all that it had admitted, and so were
/// files of a user who had one of this name.
#[test]
fn a_note_beside_what_a_node_left_moves_nothing() {
    let (dir, _) = small(2);
    let config = node_config(&dir.path().join("new"), &testing::genesis(), true);
    let data = &config.node.data_dir;
    let note = RestoringFile::at(data);
    let goods = || std::fs::read(data.join("store/goods.txt")).unwrap();
    let refused = |what: &str| {
        let error = init(&config, above(5)).unwrap_err();
        assert!(matches!(&error, StartError::File(FileError::NotUnfinished { .. })), "{what}: {error}");
        assert!(error.to_string().contains("未删除"), "{error}");
        assert_eq!(goods(), b"goods", "{what}");
    };
    std::fs::create_dir_all(data.join("store")).unwrap();
    std::fs::write(data.join("store/goods.txt"), "goods").unwrap();
    std::fs::write(data.join("restoring"), "of the roof").unwrap();
    refused("a note of somebody else");
    note.begin().unwrap();
    for (name, what) in [("log", "a log"), ("stopped", "a word of one that stopped")] {
        std::fs::create_dir_all(data.join(name)).unwrap();
        refused(what);
        std::fs::remove_dir_all(data.join(name)).unwrap();
    }
    let chain_id = testing::genesis().chain_id();
    let marks = Marks { sign_records: 1, ..Marks::default() };
    let other = Owner::Validator(quancheng_types::ValidatorId::of(&SigningKey::from_seed([7; 32]).public_key()));
    let cases =
        [(testing::owner(), Marks::default(), false), (testing::owner(), marks, true), (other, Marks::default(), true)];
    for (owner, marks, is_refused) in cases {
        let _ = std::fs::remove_file(data.join("marks"));
        let mut file = MarksFile::at(data, chain_id, owner);
        file.open(false).unwrap();
        file.replace(&marks).unwrap();
        if is_refused {
            refused("marks of a node that ran, or of another one");
        }
    }
    std::fs::remove_file(data.join("marks")).unwrap();
    let mut record = SignRecord::fresh(chain_id, key().public_key());
    record.raise_floor(Height(8));
    let slot = Slot { height: Height(9), round: Round(0), step: Step::Prevote };
    record.admit(slot, SlotValue { block_id: None, pol_round: None }, 1).unwrap();
    SignRecordFile::at(data).create(&record).unwrap();
    refused("a record of what was signed");
    std::fs::remove_file(data.join("sign-record")).unwrap();
    assert!(note.check().is_err());
    // Nothing tells of a run. Still nothing is removed: it is moved aside, each time into a folder of its own.
    init(&config, above(5)).unwrap();
    assert!(!data.join("store/goods.txt").exists() && note.check().is_ok());
    assert_eq!(std::fs::read(data.join("unfinished-1/store/goods.txt")).unwrap(), b"goods");
    note.begin().unwrap();
    let record = std::fs::read(data.join("sign-record")).unwrap();
    init(&config, above(5)).unwrap();
    assert_eq!(std::fs::read(data.join("unfinished-2/sign-record")).unwrap(), record);
    // What is left again and again fills no disk.
    for number in 3..=5 {
        note.begin().unwrap();
        let made = init(&config, above(5));
        if number == 5 {
            let error = made.unwrap_err();
            assert!(matches!(&error, StartError::File(FileError::TooManyUnfinished { .. })), "{error}");
            assert!(error.to_string().contains("unfinished-…") && error.to_string().contains("请查明"), "{error}");
            assert!(data.join("sign-record").exists() && note.check().is_err(), "nothing was moved");
            std::fs::remove_dir_all(data.join("unfinished-1")).unwrap();
            init(&config, above(5)).unwrap();
        } else {
            made.unwrap();
        }
    }
    // A whole folder with a note is salvaged all the same.
    let ledger = opened(&config);
    ledger.put_commits(&[testing::commit(1)]).unwrap();
    drop(ledger);
    note.begin().unwrap();
    salvage(data, chain_id, &key().public_key()).unwrap();
}

#[test]
fn a_stopped_node_is_backed_up_under_its_lock_and_an_empty_folder_is_none() {
    let (dir, _) = small(2);
    let config = node_config(dir.path(), &testing::genesis(), true);
    let made = back_up(&config, Some(&dir.path().join("out"))).unwrap();
    assert_eq!(
        (made.height, check(&dir.path().join("out")).unwrap().record.validator),
        (Height(2), Some(key().public_key()))
    );
    assert!(matches!(back_up(&config, Some(&dir.path().join("out"))), Err(BackupError::Exists { .. })));
    let _held = DataLock::acquire(&config.node.data_dir).unwrap();
    let error = command::back_up_within(&config, None, std::time::Duration::ZERO).unwrap_err();
    assert!(matches!(error, BackupError::NoAnswer { .. }) && error.en().contains("127.0.0.1:3"), "{error}");
    let empty = node_config(&dir.path().join("empty"), &testing::genesis(), true);
    assert!(matches!(back_up(&empty, None), Err(BackupError::Empty { .. })));
}

/// A file that was damaged before it was backed up is as it was backed up, and still no part of a store.
#[test]
fn a_backup_of_damage_is_not_called_intact() {
    let (dir, folder) = small(3);
    check(&folder).unwrap();
    let record = BackupRecord::read(&folder).unwrap();
    let tables = record.files.iter().filter(|file| file.path.ends_with(".sst"));
    let table = tables.max_by_key(|file| file.bytes).expect("a store has tables");
    let path = folder.join(&table.path);
    let mut bytes = std::fs::read(&path).unwrap();
    // Within the first block of rows. A backup links the tables of the store, so the file is made anew.
    bytes[20] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let (_, damaged) = digest(&path, &mut |_| Ok(())).unwrap();
    let name = folder.join(RECORD_NAME);
    let text = std::fs::read_to_string(&name).unwrap();
    std::fs::write(&name, text.replace(&table.sha256.to_string(), &damaged.to_string())).unwrap();
    let error = check(&folder).unwrap_err();
    assert!(matches!(error, BackupError::Ledger(_)), "{error}");
    let config = node_config(&dir.path().join("new"), &testing::genesis(), false);
    let error = restore(&config, &folder, None).unwrap_err();
    assert!(matches!(error, StartError::Backup(BackupError::Ledger(_))), "{error}");
    let left: Vec<_> =
        std::fs::read_dir(&config.node.data_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
}
