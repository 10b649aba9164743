//! Files that somebody else takes away under a store that is in use.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quancheng_state::backend::{Backend, Column, Copied, Durability, Part, Writes};
use quancheng_state_rocks::{LogRecovery, Rocks, RocksOptions};

const OPTIONS: RocksOptions = RocksOptions {
    memory_bytes: 16 << 20,
    open_files_max: 64,
    background_threads: 2,
    is_created: true,
    recovery: LogRecovery::WholeLog,
};
/// Time for which the store is worked hard: long enough for hundreds of files to come and go.
const HARD: Duration = Duration::from_secs(15);

fn write(rocks: &Rocks, number: u64, bytes: usize) {
    let mut writes = Writes::new();
    let key = number.to_be_bytes().to_vec();
    // Values that no compression makes small.
    let value: Vec<u8> = (0..bytes as u64).map(|at| (at * at + number * 7919).to_le_bytes()[1]).collect();
    writes.put(Column::Batches, key.clone(), value.clone());
    writes.put(Column::BatchesPending, key.clone(), &value[..value.len().min(3_000)]);
    writes.put(Column::Receipts, key, value);
    rocks.write(writes, Durability::Synced).unwrap();
}

fn newest(folder: &Path, is_one: impl Fn(&str) -> bool) -> PathBuf {
    let paths = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| is_one(&path.file_name().unwrap().to_string_lossy())).collect();
    paths.sort();
    paths.pop().expect("there is one")
}

fn replace(path: &Path) {
    std::fs::copy(path, path.with_extension("copy")).unwrap();
    std::fs::rename(path.with_extension("copy"), path).unwrap();
}

fn cut(path: &Path) {
    let length = std::fs::metadata(path).unwrap().len();
    std::fs::File::options().write(true).open(path).unwrap().set_len(length / 2).unwrap();
}

#[test]
fn what_is_taken_away_under_a_store_in_use_is_named() {
    type Loss = fn(&Path);
    let remove: Loss = |path| std::fs::remove_file(path).unwrap();
    let away: Loss = |path| std::fs::rename(path, path.with_extension("away")).unwrap();
    let older: Loss = |path| std::fs::write(path, "MANIFEST-000001\n").unwrap();
    let log = |name: &str| name.ends_with(".log");
    let table = |name: &str| name.ends_with(".sst");
    let blob = |name: &str| name.ends_with(".blob");
    let manifest = |name: &str| name.starts_with("MANIFEST");
    let current = |name: &str| name == "CURRENT";
    type Case<'a> = (Part, &'a dyn Fn(&str) -> bool, Loss);
    let cases: [Case<'_>; 13] = [
        (Part::Chain, &log, remove),
        (Part::Chain, &log, away),
        (Part::Chain, &log, replace),
        (Part::Chain, &log, cut),
        (Part::Chain, &table, remove),
        (Part::Chain, &table, cut),
        (Part::Chain, &blob, remove),
        (Part::Chain, &manifest, remove),
        (Part::Chain, &manifest, replace),
        (Part::Chain, &current, remove),
        (Part::Chain, &current, older),
        (Part::Results, &table, remove),
        (Part::Results, &current, remove),
    ];
    for (at, (part, is_one, lose)) in cases.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let rocks = Rocks::open(dir.path(), &OPTIONS).unwrap();
        (0..20).for_each(|number| write(&rocks, number, 9_000));
        rocks.sync().unwrap();
        // Writes out the chain too.
        let copy = dir.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        assert_eq!(rocks.copy(Part::Chain, &copy.join("chain"), &|| true).unwrap(), Copied::Whole);
        (20..30).for_each(|number| write(&rocks, number, 9_000));
        assert_eq!(rocks.lost_files().unwrap(), Vec::<PathBuf>::new());
        let path = newest(&dir.path().join(part.name()), is_one);
        lose(&path);
        // It goes on writing and notices nothing by itself; one look is enough, three for large values.
        write(&rocks, 30, 20_000);
        let looks: Vec<_> = (0..3).map(|_| rocks.lost_files().unwrap()).collect();
        let named = if at == 10 { path.with_file_name("MANIFEST-000001") } else { path };
        assert_eq!(looks[2], [named], "case {at}");
    }
}

/// Also one that nobody had looked at before.
#[test]
fn a_log_that_goes_before_it_was_seen_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let rocks = Rocks::open(dir.path(), &OPTIONS).unwrap();
        let log = newest(&dir.path().join("chain"), |name| name.ends_with(".log"));
        if life % 2 == 0 {
            write(&rocks, life, 100);
        }
        std::fs::rename(&log, dir.path().join("away")).unwrap();
        write(&rocks, life, 100);
        assert_eq!(rocks.lost_files().unwrap().len(), 1, "{life}");
        std::fs::rename(dir.path().join("away"), &log).unwrap();
        assert_eq!(rocks.lost_files().unwrap(), Vec::<PathBuf>::new());
    }
}

/// The engine begins, merges and removes files all the time, and a backup links them: none of that is a loss.
#[test]
fn what_the_engine_removes_itself_is_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let rocks = Rocks::open(dir.path(), &OPTIONS).unwrap();
    let (is_done, begun) = (AtomicBool::new(false), Instant::now());
    let mut looks = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if is_done.load(Ordering::Acquire) {
                    return number;
                }
                // Over and over the same keys, so that merges leave files behind.
                write(&rocks, number % 500, 30_000);
                if number % 50 == 0 {
                    rocks.checkpoint().unwrap();
                }
            }
            0
        });
        scope.spawn(|| {
            for number in 0.. {
                if is_done.load(Ordering::Acquire) {
                    return;
                }
                let copy = dir.path().join(format!("copy-{number}"));
                std::fs::create_dir(&copy).unwrap();
                for part in [Part::Results, Part::Chain] {
                    let _ = rocks.copy(part, &copy.join(part.name()), &|| true).unwrap();
                }
                std::fs::remove_dir_all(&copy).unwrap();
            }
        });
        while begun.elapsed() < HARD {
            let lost = rocks.lost_files().unwrap();
            if !lost.is_empty() {
                is_done.store(true, Ordering::Release);
                panic!("after {looks} looks: {lost:?}");
            }
            looks += 1;
        }
        is_done.store(true, Ordering::Release);
    });
    assert!(looks > 50, "{looks}");
}
