//! The suite on RocksDB, and what only a disk can do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use proptest::prop_assert_eq;
use proptest::test_runner::{Config, TestRunner};
use quancheng_state::backend::{Backend, Column, Copied, Durability, Part, Writes};
use quancheng_state::{IoCause, Store, StoreError, StoreOptions};
use quancheng_state_rocks::{LogRecovery, Rocks, RocksOptions, RocksPart};
use tempfile::TempDir;

#[path = "../../tests/suite/mod.rs"]
mod suite;

use suite::{Disk, InMemory, blocks};

const OPTIONS: RocksOptions = RocksOptions {
    memory_bytes: 32 << 20,
    open_files_max: 64,
    background_threads: 1,
    is_created: true,
    recovery: LogRecovery::ToFirstGap,
};

struct OnDisk(TempDir);

impl OnDisk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Disk for OnDisk {
    fn open(&self) -> Arc<dyn Backend> {
        Arc::new(Rocks::open(self.0.path(), &OPTIONS).unwrap())
    }
}

/// Equal roots on disk and in memory, over a restart.
#[test]
fn every_height_stays_readable() {
    let mut runner = TestRunner::new(Config { cases: 3, failure_persistence: None, ..Config::default() });
    let result = runner.run(&blocks(4..7), |blocks| {
        let on_disk = suite::every_height_stays_readable(&OnDisk::new(), &blocks);
        let in_memory = suite::every_height_stays_readable(&InMemory::new(), &blocks);
        prop_assert_eq!(on_disk, in_memory);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn pruning_keeps_what_it_must() {
    let mut runner = TestRunner::new(Config { cases: 2, failure_persistence: None, ..Config::default() });
    let result = runner.run(&(blocks(4..7), 0_u64..4), |(blocks, oldest)| {
        suite::pruning_keeps_what_it_must(&OnDisk::new(), &blocks, oldest);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn a_pruned_chain_keeps_what_it_must() {
    let mut runner = TestRunner::new(Config { cases: 4, failure_persistence: None, ..Config::default() });
    let result = runner.run(&suite::pruned::steps(), |steps| {
        suite::pruned::a_pruned_chain_keeps_what_it_must(&OnDisk::new(), &steps);
        Ok(())
    });
    result.unwrap();
}

/// What is in memory alone is not on the disk, whatever the engine reads for others.
#[test]
fn durable_results_are_those_of_a_finished_checkpoint() {
    let disk = OnDisk::new();
    let backend = disk.open();
    let put = |value: u8| {
        let mut writes = Writes::new();
        writes.put(Column::Meta, vec![1], vec![value]);
        backend.write(writes, Durability::Synced).unwrap();
    };
    put(1);
    assert_eq!(backend.durable(Column::Meta, &[1]), Ok(None));
    backend.sync().unwrap();
    put(2);
    assert_eq!(backend.durable(Column::Meta, &[1]), Ok(Some(vec![1])));
    assert_eq!(backend.get(Column::Meta, &[1]), Ok(Some(vec![2])));
    drop(backend);
    assert_eq!(disk.open().durable(Column::Meta, &[1]), Ok(Some(vec![2])), "closing writes it out");
}

suite::suite_on!(OnDisk::new());

#[test]
fn cursors_walk_both_ways_and_do_not_see_later_writes() {
    let disk = OnDisk::new();
    let backend = disk.open();
    let put = |key: u8| {
        let mut writes = Writes::new();
        writes.put(Column::Meta, vec![key], vec![key]);
        backend.write(writes, Durability::Buffered).unwrap();
    };
    [2, 4, 6].into_iter().for_each(put);
    let mut cursor = backend.cursor(Column::Meta).unwrap();
    assert_eq!(cursor.entry(), None);
    put(3);
    cursor.seek(&[3]).unwrap();
    assert_eq!(cursor.entry(), Some(([4].as_slice(), [4].as_slice())));
    cursor.seek_back(&[3]).unwrap();
    assert_eq!(cursor.entry().unwrap().0, [2]);
    cursor.seek_back(&[1]).unwrap();
    assert_eq!(cursor.entry(), None);
    cursor.seek(&[6]).unwrap();
    cursor.step().unwrap();
    assert_eq!(cursor.entry(), None);
    cursor.step().unwrap();
    assert_eq!(cursor.entry(), None);
}

fn cause(error: &StoreError) -> IoCause {
    let StoreError::Io { cause, .. } = error else { panic!("{error}") };
    *cause
}

#[test]
fn a_store_in_use_says_so() {
    let disk = OnDisk::new();
    let _held = disk.open();
    let error = Rocks::open(disk.0.path(), &OPTIONS).unwrap_err();
    assert_eq!(cause(&error), IoCause::Locked, "{error}");
    let text = error.to_string();
    assert!(text.contains(&disk.0.path().display().to_string()) && text.contains("stop the other process"), "{text}");
}

#[test]
fn a_file_in_the_way_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, b"not a folder").unwrap();
    let error = Rocks::open(&path, &OPTIONS).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[test]
fn damaged_files_are_noticed() {
    for part in Part::ALL {
        let disk = OnDisk::new();
        {
            let store = Store::open(disk.open(), StoreOptions::default()).unwrap();
            store.init_genesis(1, quancheng_state::Patch::empty(), &suite::validators(&[1])).unwrap();
        }
        let manifest = std::fs::read_dir(disk.0.path().join(part.name()))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("MANIFEST")))
            .unwrap();
        let mut bytes = std::fs::read(&manifest).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::write(&manifest, bytes).unwrap();
        let error = Rocks::open(disk.0.path(), &OPTIONS).unwrap_err();
        assert_eq!((cause(&error), error.part()), (IoCause::Damaged, Some(part)), "{error}");
        assert!(error.to_string().contains("check the disk"), "{error}");
    }
}

/// What a crash of the process leaves: the chain as it was written, the results as of a checkpoint, whatever was written after it.
#[test]
fn a_killed_process_leaves_results_of_a_checkpoint() {
    let disk = OnDisk::new();
    let store = Store::open(disk.open(), StoreOptions { checkpoint_heights: 4, ..StoreOptions::default() }).unwrap();
    store.init_genesis(1, quancheng_state::Patch::empty(), &suite::validators(&[1])).unwrap();
    for height in 1..=9 {
        let batch = suite::batch(height, 3);
        let (header, bytes) = suite::header_and_bytes(&batch);
        store.chain().put_batches(&[(header, &bytes)], Durability::Buffered).unwrap();
        store.commit(suite::commit_of(height, quancheng_state::Patch::empty(), &batch)).unwrap();
    }
    let killed = OnDisk::new();
    let seen = |is_done: &dyn Fn(Option<u64>) -> bool| {
        // A checkpoint is written out in the background.
        for _ in 0..1_000 {
            copy(disk.0.path(), killed.0.path());
            let store = Store::open(killed.open(), StoreOptions::default()).unwrap();
            let tip = store.tip().map(|tip| tip.height().0);
            if is_done(tip) {
                return store;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("no checkpoint was finished");
    };
    // The fourth and the eighth write of a height: genesis is the first.
    let left = seen(&|tip| tip == Some(7));
    assert!(
        left.chain().pending_batches().unwrap().is_empty(),
        "they were executed before the kill, and will be again"
    );
    for height in 1..=9 {
        assert!(left.chain().has_batch(&suite::batch(height, 3).header.id()).unwrap(), "batch {height}");
    }
    drop(left);
    store.sync().unwrap();
    drop(seen(&|tip| tip == Some(9)));
}

/// A height whose change of the chain cannot be written has no results either: they would be of batches that stay pending.
#[test]
fn results_follow_the_chain_when_it_cannot_be_written() {
    let disk = OnDisk::new();
    drop(disk.open());
    let chain = RocksPart::open_read_only(disk.0.path(), Part::Chain, &OPTIONS).unwrap();
    let results = RocksPart::open(disk.0.path(), Part::Results, &OPTIONS).unwrap();
    let rocks = Rocks::of(chain, results);
    let mut writes = Writes::new();
    writes.put(Column::Flat, vec![1], vec![1]);
    writes.delete(Column::BatchesPending, vec![1]);
    rocks.write(writes, Durability::Buffered).unwrap_err();
    assert_eq!(rocks.get(Column::Flat, &[1]).unwrap(), None);
}

#[test]
fn what_is_no_folder_is_told_as_such() {
    let disk = OnDisk::new();
    drop(disk.open());
    let results = disk.0.path().join(Part::Results.name());
    std::fs::remove_dir_all(&results).unwrap();
    for make in [
        |path: &std::path::Path| std::fs::write(path, b"x").unwrap(),
        |path: &std::path::Path| {
            std::os::unix::fs::symlink("nowhere", path).unwrap();
        },
    ] {
        make(&results);
        let error = Rocks::open(disk.0.path(), &OPTIONS).unwrap_err();
        assert_eq!((cause(&error), error.part()), (IoCause::Foreign, Some(Part::Results)), "{error}");
        assert!(error.to_string().contains("no folder"), "{error}");
        std::fs::remove_file(&results).unwrap();
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::remove_dir_all(to).unwrap();
    std::fs::create_dir_all(to).unwrap();
    for part in Part::ALL.map(Part::name) {
        std::fs::create_dir_all(to.join(part)).unwrap();
        for item in std::fs::read_dir(from.join(part)).unwrap() {
            let path = item.unwrap().path();
            // Files come and go while they are copied; a whole copy is met in time.
            let _ = std::fs::copy(&path, to.join(part).join(path.file_name().unwrap()));
        }
    }
}

#[test]
fn size_and_memory_are_told() {
    let disk = OnDisk::new();
    let rocks = Rocks::open(disk.0.path(), &OPTIONS).unwrap();
    let mut writes = Writes::new();
    writes.put(Column::Batches, vec![1], vec![1; 10_000]);
    rocks.write(writes, Durability::Synced).unwrap();
    assert!(rocks.memory_bytes().unwrap() >= 10_000);
    assert!(rocks.memory_bytes().unwrap() <= 64 << 20);
    assert!(rocks.column_bytes(Column::Flat).is_ok());
}

/// Each part by itself: of the chain all that was written, of the results what was, too, as nothing came meanwhile. A later write shows in neither.
#[test]
fn a_copy_is_of_one_moment_and_a_store_of_its_own() {
    let (disk, copy) = (OnDisk::new(), tempfile::tempdir().unwrap());
    let backend = disk.open();
    let put = |value: u8| {
        let mut writes = Writes::new();
        writes.put(Column::Flat, vec![1], vec![value; 10_000]);
        writes.put(Column::Batches, vec![1], vec![value; 10_000]);
        backend.write(writes, Durability::Buffered).unwrap();
    };
    put(1);
    for part in [Part::Results, Part::Chain] {
        assert_eq!(backend.copy(part, &copy.path().join(part.name()), &|| true).unwrap(), Copied::Whole);
    }
    put(2);
    let read = |path| {
        let copied = Rocks::open_read_only(path, &OPTIONS).unwrap();
        let value = |column| copied.get(column, &[1]).unwrap().unwrap()[0];
        (value(Column::Flat), value(Column::Batches))
    };
    assert_eq!(read(copy.path()), (1, 1));
    let error = backend.copy(Part::Chain, &copy.path().join("chain"), &|| true).unwrap_err();
    assert!(matches!(error, StoreError::Io { operation: "copy", .. }), "{error}");
    // It goes on by itself, and the original does not see it.
    let gone_on = Rocks::open(copy.path(), &OPTIONS).unwrap();
    let mut writes = Writes::new();
    writes.put(Column::Batches, vec![1], vec![3]);
    gone_on.write(writes, Durability::Synced).unwrap();
    gone_on.sync().unwrap();
    drop(gone_on);
    assert_eq!((read(copy.path()), backend.get(Column::Batches, &[1]).unwrap().unwrap()[0]), ((1, 3), 2));
}

/// A node that stops does not wait for the copy that it is making, however slow the disk is.
#[test]
fn a_copy_that_is_no_longer_wanted_is_left_off() {
    let (disk, copy) = (OnDisk::new(), tempfile::tempdir().unwrap());
    let backend = disk.open();
    for part in Part::ALL {
        let folder = copy.path().join(part.name());
        assert_eq!(backend.copy(part, &folder, &|| false).unwrap(), Copied::LeftOff);
        assert!(!folder.exists());
    }
}

/// Whoever copies may come after the failure: then nothing is written out any more, and a copy that waited for it would wait for ever.
#[test]
fn a_copy_after_a_failure_to_write_out_ends_and_tells_why() {
    let (disk, copy) = (OnDisk::new(), tempfile::tempdir().unwrap());
    let backend = RocksPart::open(disk.0.path(), Part::Results, &OPTIONS).unwrap();
    let write = || {
        let mut writes = Writes::new();
        writes.put(Column::Flat, vec![1], vec![1; 10_000]);
        backend.write(writes, Durability::Buffered)
    };
    write().unwrap();
    std::fs::rename(disk.0.path().join(Part::Results.name()), disk.0.path().join("away")).unwrap();
    // Begun, and failed soon after: nothing new can be made in a folder that is not there.
    let _ = backend.checkpoint();
    while write().is_ok() {
        std::thread::yield_now();
    }
    let error = backend.copy(Part::Results, &copy.path().join("results"), &|| true).unwrap_err();
    assert!(matches!(error, StoreError::Io { operation: "copy", cause: IoCause::NotFound, .. }), "{error:?}");
}

#[test]
fn what_is_in_memory_has_no_copy() {
    let nowhere = tempfile::tempdir().unwrap();
    let error = quancheng_state::Memory::new().copy(Part::Chain, &nowhere.path().join("x"), &|| true).unwrap_err();
    assert!(error.to_string().contains("not on a disk"), "{error}");
}

/// A pipe in the place of a file is not waited for, and not called damage: without it the store is as it was.
#[test]
fn what_is_no_file_of_the_store_is_named_and_not_called_damage() {
    type Put = fn(&std::path::Path);
    let pipe: Put = |path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let device: Put = |path| std::os::unix::fs::symlink("/dev/null", path).unwrap();
    let folder: Put = |path| std::fs::create_dir(path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    drop(Rocks::open(dir.path(), &OPTIONS).unwrap());
    for part in Part::ALL {
        for (name, put) in [
            ("000001.log", pipe),
            ("IDENTITY", pipe),
            ("stray", pipe),
            ("LOG", device),
            ("000099.sst", folder),
            ("OPTIONS-000001", folder),
        ] {
            let path = dir.path().join(part.name()).join(name);
            if path.exists() {
                std::fs::remove_file(&path).unwrap();
            }
            put(&path);
            for opened in
                [RocksPart::open(dir.path(), part, &OPTIONS), RocksPart::open_read_only(dir.path(), part, &OPTIONS)]
            {
                let (error, named) = (opened.unwrap_err(), path.display().to_string());
                let words = error.to_string();
                assert!(cause(&error) == IoCause::Foreign && words.contains(&named), "{words}");
                assert!(words.contains("remove it") && words.contains("请查明来源"), "{words}");
            }
            if path.is_dir() { std::fs::remove_dir(&path) } else { std::fs::remove_file(&path) }.unwrap();
        }
        std::fs::create_dir(dir.path().join(part.name()).join("lost+found")).unwrap();
        drop(RocksPart::open(dir.path(), part, &OPTIONS).unwrap());
    }
}

/// To read a store is to make nothing, least of all where there is none.
#[test]
fn where_there_is_no_store_none_is_made_by_reading_it() {
    let dir = tempfile::tempdir().unwrap();
    for part in Part::ALL {
        let error = RocksPart::open_read_only(dir.path(), part, &OPTIONS).unwrap_err();
        assert!(cause(&error) == IoCause::NotFound && error.to_string().contains("CURRENT"), "{error}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A log that is whole at its end and lacks something in its middle has lost what was synced: it is refused as it is.
#[test]
fn a_file_of_the_log_that_is_missing_or_short_in_the_middle_is_noticed() {
    let (live, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = RocksOptions { memory_bytes: 16 << 20, recovery: LogRecovery::WholeLog, ..OPTIONS };
    let part = RocksPart::open(live.path(), Part::Chain, &options).unwrap();
    std::fs::create_dir(live.path().join(Part::Results.name())).unwrap();
    // One column fills its buffers again and again, each time with a new file; another one keeps them all alive.
    let logs = |folder: &std::path::Path| {
        let items = std::fs::read_dir(folder.join("chain")).unwrap().map(|item| item.unwrap().path());
        let mut logs: Vec<_> = items.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
        logs.sort();
        logs
    };
    for number in 0_u32.. {
        let mut writes = Writes::new();
        writes.put(Column::Blocks, number.to_be_bytes(), vec![1; 10]);
        writes.put(Column::BatchesPending, number.to_be_bytes(), vec![u8::try_from(number % 256).unwrap(); 64_000]);
        part.write(writes, Durability::Synced).unwrap();
        if logs(live.path()).len() >= 3 {
            break;
        }
        assert!(number < 1_000, "the log has one file");
    }
    let read = |folder: &std::path::Path, recovery| {
        RocksPart::open_read_only(folder, Part::Chain, &RocksOptions { recovery, ..options.clone() })
    };
    type Loss = fn(&std::path::Path, usize);
    let losses: [(&str, Loss); 5] = [
        ("nothing", |_, _| {}),
        ("deleted", |path, _| std::fs::remove_file(path).unwrap()),
        ("emptied", |path, _| std::fs::write(path, b"").unwrap()),
        ("cut to half", |path, length| {
            std::fs::File::options().write(true).open(path).unwrap().set_len(length as u64 / 2).unwrap()
        }),
        ("zeroed", |path, length| std::fs::write(path, vec![0; length]).unwrap()),
    ];
    {
        let folder = scratch.path().join("copy");
        std::fs::create_dir(&folder).unwrap();
        copy(live.path(), &folder);
        logs(&folder).iter().for_each(|log| std::fs::remove_file(log).unwrap());
        assert_eq!(cause(&read(&folder, LogRecovery::WholeLog).map(|_| ()).unwrap_err()), IoCause::Damaged);
        // What is in the tables can be saved without any of them.
        read(&folder, LogRecovery::SkipDamage).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let count = logs(live.path()).len();
    for at in 0..count - 1 {
        for (what, lose) in losses {
            let folder = scratch.path().join("copy");
            std::fs::create_dir(&folder).unwrap();
            copy(live.path(), &folder);
            let log = logs(&folder).swap_remove(at);
            let length = usize::try_from(std::fs::metadata(&log).unwrap().len()).unwrap();
            lose(&log, length);
            let found = read(&folder, LogRecovery::WholeLog).map(|_| ());
            if what == "nothing" {
                found.unwrap();
                // As a crash leaves it, it goes on, and is then whole again.
                drop(RocksPart::open(&folder, Part::Chain, &options).unwrap());
                read(&folder, LogRecovery::WholeLog).unwrap();
            } else {
                let error = found.expect_err(what);
                assert_eq!(cause(&error), IoCause::Damaged, "file {at} of {count} {what}: {error}");
                // What is left can be saved.
                read(&folder, LogRecovery::SkipDamage).unwrap_or_else(|error| panic!("file {at} {what}: {error}"));
            }
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
}
