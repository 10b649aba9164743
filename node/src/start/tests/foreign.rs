//! What is in a data folder and is not of this node: files of another node of the chain, pipes, another folder altogether.

use std::collections::BTreeMap;

use super::*;
use crate::files::{Marks, MarksFile, Owner};
use crate::ledger::SalvageError;

/// Key of another validator of the chain.
fn other_key() -> SigningKey {
    SigningKey::from_seed([2; 32])
}

fn other() -> Owner {
    Owner::Validator(ValidatorId::of(&other_key().public_key()))
}

fn options() -> crate::config::StoreSection {
    crate::config::StoreSection { memory_mib: 32, ..Default::default() }
}

/// The folder of the other validator, which has admitted nothing.
fn of_other(dir: &Path) {
    drop(Ledger::open(dir, &testing::genesis(), other(), &options()).unwrap());
    let record = SignRecord::fresh(testing::genesis().chain_id(), other_key().public_key());
    SignRecordFile::at(dir).create(&record).unwrap();
}

/// Every file below a folder, with its content.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = Vec::new();
    files(dir, Path::new(""), &mut all);
    let read = |path: PathBuf| {
        let whole = dir.join(&path);
        let bytes = if whole.is_file() { std::fs::read(whole).unwrap() } else { Vec::new() };
        (path, bytes)
    };
    all.into_iter().map(read).collect()
}

/// Puts something of the other folder into the place of the own.
fn swap(own: &Path, theirs: &Path, name: &str) {
    let (from, to) = (theirs.join(name), own.join(name));
    if from.is_dir() {
        std::fs::remove_dir_all(&to).unwrap();
        copy(&from, &to);
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

fn try_salvage(dir: &Path) -> Result<crate::ledger::Salvaged, SalvageError> {
    salvage(dir, testing::genesis().chain_id(), &key().public_key())
}

/// As people read it.
fn words(dir: &Path, error: SalvageError) -> String {
    StartError::Salvage { path: dir.to_owned(), error }.to_string()
}

fn is_told(words: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(words.contains(part), "{part}: {words}"));
}

/// Marks and store of another node fit one another, and say nothing of what this one answered and numbered.
#[test]
fn files_of_another_node_are_refused_and_nothing_is_changed() {
    let (good, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(good.path(), 2);
    of_other(theirs.path());
    let ids = [testing::owner().to_string(), other().to_string()];
    for names in [&["marks", "store"][..], &["marks"], &["store"], &["store/chain"]] {
        let scratch = tempfile::tempdir().unwrap();
        copy(good.path(), scratch.path());
        names.iter().for_each(|name| swap(scratch.path(), theirs.path(), name));
        let before = content(scratch.path());
        let refused = open_for(scratch.path(), &testing::genesis()).unwrap_err().to_string();
        is_told(&refused, &[&ids[0], &ids[1], "belongs to another node", "--rejoin-above", "属于本链的另一节点"]);
        is_told(&refused, &[if names[0] == "marks" { "marks" } else { "`store`" }]);
        assert_eq!(content(scratch.path()), before, "{names:?}");
        let refused = words(scratch.path(), try_salvage(scratch.path()).unwrap_err());
        is_told(&refused, &[&ids[0], &ids[1], names[0].split('/').next().unwrap(), "nothing was made"]);
        assert!(!refused.contains("Without --salvage"), "{refused}");
        assert_eq!(content(scratch.path()), before, "{names:?}");
    }
    // A fresh folder has marks of its own already.
    let fresh = tempfile::tempdir().unwrap();
    MarksFile::at(fresh.path(), testing::genesis().chain_id(), testing::owner()).open(false).unwrap();
    copy(&theirs.path().join("store"), &fresh.path().join("store"));
    let refused = open_for(fresh.path(), &testing::genesis()).unwrap_err();
    assert!(matches!(refused, LedgerError::OtherOwner { .. }), "{refused}");
    // Read, it is as good as any.
    let genesis = testing::genesis();
    Ledger::open_read_only(theirs.path(), &genesis, &options()).unwrap();
    Ledger::open_copy(&theirs.path().join("store"), &genesis).unwrap();
}

/// A follower counts, numbers and signs nothing, but its folder is its own all the same.
#[test]
fn a_validator_does_not_go_on_from_the_folder_of_a_follower_nor_the_other_way_round() {
    let follower = Owner::Follower(quancheng_types::NodeId(Digest([9; 32])));
    for (first, then) in [(follower, testing::owner()), (testing::owner(), follower)] {
        let dir = tempfile::tempdir().unwrap();
        drop(Ledger::open(dir.path(), &testing::genesis(), first, &options()).unwrap());
        let refused = Ledger::open(dir.path(), &testing::genesis(), then, &options()).unwrap_err().to_string();
        is_told(&refused, &[&first.to_string(), &then.to_string(), "plain `quanchengd init`"]);
        drop(Ledger::open(dir.path(), &testing::genesis(), first, &options()).unwrap());
    }
}

/// A folder of which only the sign record says whose it is, is still that of the other key.
#[test]
fn the_folder_of_another_key_is_no_old_folder() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 1);
    assert_eq!(try_salvage(dir.path()).unwrap().batches.len(), usize::try_from(PER_LIFE).unwrap());
    let record = SignRecord::fresh(testing::genesis().chain_id(), other_key().public_key());
    std::fs::remove_file(dir.path().join("sign-record")).unwrap();
    SignRecordFile::at(dir.path()).create(&record).unwrap();
    let refused = words(dir.path(), try_salvage(dir.path()).unwrap_err());
    is_told(&refused, &["sign-record", &other().to_string(), "move this one out of it", "误入其中"]);
    // Moved out, nothing else is in the way.
    std::fs::remove_file(dir.path().join("sign-record")).unwrap();
    assert!(!try_salvage(dir.path()).unwrap().is_unsure);
}

/// Nobody is told to give up transactions because of something that only has to be removed.
#[test]
fn what_is_no_file_of_the_store_is_to_be_removed_and_nothing_else() {
    type Put = fn(&Path);
    let pipe: Put = |path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let device: Put = |path| std::os::unix::fs::symlink("/dev/null", path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 1);
    for (name, put) in [
        ("store/chain/IDENTITY", pipe),
        ("store/chain/LOCK", pipe),
        ("store/chain/LOG", pipe),
        ("store/chain/LOG", device),
        ("store/chain/OPTIONS-000999", pipe),
        ("store/chain/stray", pipe),
        ("store/chain/000999.sst", pipe),
        ("store/chain/000999.blob", device),
        ("store/results/LOG", pipe),
        ("store/results/stray", pipe),
    ] {
        let path = dir.path().join(name);
        let kept = std::fs::read(&path).ok();
        kept.iter().for_each(|_| std::fs::remove_file(&path).unwrap());
        put(&path);
        let mut all = vec![open_for(dir.path(), &testing::genesis()).unwrap_err().to_string()];
        if name.starts_with("store/chain") {
            all.push(words(dir.path(), try_salvage(dir.path()).unwrap_err()));
        } else {
            try_salvage(dir.path()).unwrap();
        }
        for told in all {
            is_told(&told, &[name, "remove it or move it away", "请查明来源"]);
            for wrong in ["--rejoin-above", "--salvage", "lost", "check the disk", "store/results` of"] {
                assert!(!told.contains(wrong), "{name}: {wrong}: {told}");
            }
        }
        std::fs::remove_file(&path).unwrap();
        kept.iter().for_each(|bytes| std::fs::write(&path, bytes).unwrap());
        check(dir.path(), 1).unwrap_or_else(|refused| panic!("{name}: {refused}"));
    }
    for name in ["store", "store/chain"] {
        let (path, away) = (dir.path().join(name), dir.path().join("away"));
        std::fs::rename(&path, &away).unwrap();
        std::os::unix::fs::symlink("not-mounted", &path).unwrap();
        let told = open_for(dir.path(), &testing::genesis()).unwrap_err().to_string();
        is_told(&told, &[name, "which disk is not mounted"]);
        assert!(!told.contains("--rejoin-above"), "{told}");
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&away, &path).unwrap();
    }
    check(dir.path(), 1).unwrap();
}

/// What is in the tables is taken over; what was in the log alone is told.
#[test]
fn a_store_without_its_log_gives_what_is_left_and_names_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 2);
    let mut all = Vec::new();
    files(dir.path(), Path::new(""), &mut all);
    let is_log = |path: &&PathBuf| path.starts_with("store/chain") && path.extension().is_some_and(|end| end == "log");
    let logs: Vec<_> = all.iter().filter(is_log).collect();
    assert!(!logs.is_empty());
    logs.iter().for_each(|log| std::fs::remove_file(dir.path().join(log)).unwrap());
    let refused = open_for(dir.path(), &testing::genesis()).unwrap_err();
    is_told(&refused.to_string(), &["--rejoin-above"]);
    let before = content(dir.path());
    let saved = try_salvage(dir.path()).unwrap();
    assert_eq!(content(dir.path()), before);
    let numbers: Vec<u64> = saved.batches.iter().map(|batch| batch.header.sequence).collect();
    // The second life wrote out the log of the first when it began.
    assert_eq!(numbers, (0..PER_LIFE).collect::<Vec<_>>());
    assert_eq!(saved.unreadable, (PER_LIFE..2 * PER_LIFE).collect::<Vec<_>>());
    assert!(!saved.is_unsure);
}

/// A wrong path is told as such: nothing is made where it leads.
#[test]
fn a_folder_that_is_none_of_a_node_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    folder(&data, 1);
    let backup = dir.path().join("backup");
    copy(&data.join("store"), &backup);
    std::fs::write(backup.join("backup.json"), "{}").unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    let before = content(dir.path());
    let list = || {
        let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|item| item.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let names = list();
    for (name, told) in [
        ("typo/data", &["there is no folder", "没有文件夹"][..]),
        ("backup", &["is a backup", "--from-backup", "是备份"]),
        ("empty", &["no data folder", "不是节点的数据目录"]),
        ("data/store", &["no data folder", "the one that holds `store`"]),
        (".", &["no data folder"]),
    ] {
        let path = dir.path().join(name);
        let refused = words(&path, try_salvage(&path).unwrap_err());
        is_told(&refused, told);
        is_told(&refused, &["nothing was made", "未作任何改动"]);
        assert!(!refused.contains("Without --salvage"), "{refused}");
        assert_eq!((content(dir.path()), list()), (before.clone(), names.clone()), "{name}");
    }
    // A node's own folder whose store is gone is another matter: nothing can be taken out of it.
    std::fs::remove_file(data.join("store/chain/CURRENT")).unwrap();
    let before = content(dir.path());
    let refused = words(&data, try_salvage(&data).unwrap_err());
    is_told(&refused, &["nothing can be taken out", "CURRENT", "Without --salvage"]);
    std::fs::remove_dir_all(data.join("store")).unwrap();
    is_told(&words(&data, try_salvage(&data).unwrap_err()), &["nothing can be taken out"]);
    assert!(!data.join("store").exists() && before.len() > content(dir.path()).len());
}

#[test]
fn the_folder_of_a_running_node_is_not_taken_from() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 1);
    let _held = DataLock::acquire(dir.path()).unwrap();
    let refused = words(dir.path(), try_salvage(dir.path()).unwrap_err());
    is_told(&refused, &["in use by another quanchengd", "nothing was made"]);
}

#[test]
fn marks_of_two_owners_are_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let chain_id = testing::genesis().chain_id();
    let mut file = MarksFile::at(dir.path(), chain_id, testing::owner());
    file.open(false).unwrap();
    assert_eq!(MarksFile::look(dir.path(), chain_id).unwrap(), (testing::owner(), Marks::default()));
    let theirs = tempfile::tempdir().unwrap();
    MarksFile::at(theirs.path(), chain_id, other()).open(false).unwrap();
    let (path, their_path) = (dir.path().join("marks"), theirs.path().join("marks"));
    let (mut bytes, foreign) = (std::fs::read(&path).unwrap(), std::fs::read(their_path).unwrap());
    bytes[..512].copy_from_slice(&foreign[..512]);
    std::fs::write(&path, bytes).unwrap();
    let refused = MarksFile::at(dir.path(), chain_id, testing::owner()).open(true).unwrap_err();
    assert!(matches!(refused, FileError::Damaged { .. }), "{refused}");
}
