use std::fs::File;
use std::time::{Duration, SystemTime};

use super::*;

/// Flips the last byte of a file, or takes it away.
fn damage(path: &Path, is_gone: bool) {
    let mut bytes = std::fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::remove_file(path).unwrap();
    if !is_gone {
        std::fs::write(path, bytes).unwrap();
    }
}

/// Makes the manifest of a snapshot look as old as those are that are not read again.
fn age(snapshots: &SnapshotFolder, height: Height) {
    let manifest = File::options().write(true).open(snapshots.of_height(height).join("manifest")).unwrap();
    manifest.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
}

#[test]
fn what_is_damaged_is_served_to_nobody() {
    let genesis = testing::genesis();
    let height = Height(5);
    for file in ["manifest", "000000", "000001", "snapshot.json"] {
        for is_gone in [false, true] {
            for is_known in [false, true] {
                let folder = folder(&genesis, &[b"a", b"bb"], b"bb");
                let snapshots = SnapshotFolder::at(folder.path());
                if is_known {
                    age(&snapshots, height);
                }
                let serve = |number| snapshots.served_chunk(height, number).unwrap();
                assert_eq!((serve(0), serve(1), serve(2)), (Some(b"a".to_vec()), Some(b"bb".to_vec()), None));
                assert_eq!(snapshots.served_list().unwrap().len(), 1);
                damage(&snapshots.of_height(height).join(file), is_gone);
                let number = file.parse().unwrap_or(0);
                assert_eq!(serve(number), None);
                assert!(snapshots.served_list().unwrap().is_empty(), "{file}");
                assert!(snapshots.damaged(height).is_dir(), "{file}");
                // What is called otherwise than a node calls it is somebody's.
                let theirs = ["notes.old", "07.damaged", "5.damaged.old"].map(|name| folder.path().join(name));
                theirs.iter().for_each(|path| std::fs::create_dir(path).unwrap());
                snapshots.tidy();
                assert!(theirs.iter().all(|path| path.is_dir()));
                assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), theirs.len(), "{file}");
            }
        }
    }
}

/// What a list says of a snapshot is what its manifest says; a description that says something else is damage.
#[test]
fn a_description_is_compared_before_it_is_listed() {
    let genesis = testing::genesis();
    let changes: [fn(&mut SnapshotInfo); 7] = [
        |info| info.height = Height(6),
        |info| info.block_id = BlockId::default(),
        |info| info.time_ms += 1,
        |info| info.chunks += 1,
        |info| info.bytes += 1,
        |info| info.manifest_bytes += 1,
        |info| info.manifest_sha256 = Digest::ZERO,
    ];
    for is_known in [false, true] {
        for (number, change) in changes.into_iter().enumerate() {
            let folder = folder(&genesis, &[b"a"], b"a");
            let snapshots = SnapshotFolder::at(folder.path());
            if is_known {
                age(&snapshots, Height(5));
            }
            let mut info = snapshots.served_list().unwrap().remove(0);
            assert_eq!(snapshots.remembered(), if is_known { vec![Height(5)] } else { vec![] });
            change(&mut info);
            let path = snapshots.of_height(Height(5)).join("snapshot.json");
            std::fs::write(&path, serde_json::to_vec(&info).unwrap()).unwrap();
            assert!(snapshots.served_list().unwrap().is_empty(), "change {number}");
            assert!(snapshots.damaged(Height(5)).is_dir() && snapshots.remembered().is_empty(), "change {number}");
        }
    }
}

/// A system that refuses to read says nothing of the snapshot: whoever asks is told so, and the snapshot stays.
#[test]
fn a_read_that_fails_is_no_damage() {
    let genesis = testing::genesis();
    let folder = folder(&genesis, &[b"a"], b"a");
    let snapshots = SnapshotFolder::at(folder.path());
    let (path, aside) = (snapshots.of_height(Height(5)), folder.path().join("aside"));
    std::fs::rename(&path, &aside).unwrap();
    // A link to itself: the system gives up, with another error than that nothing is there.
    std::os::unix::fs::symlink(&path, &path).unwrap();
    assert!(matches!(snapshots.served_list(), Err(SnapshotError::Io { .. })));
    assert!(matches!(snapshots.served_manifest(Height(5)), Err(SnapshotError::Io { .. })));
    assert!(matches!(snapshots.served_chunk(Height(5), 0), Err(SnapshotError::Io { .. })));
    assert!(path.is_symlink() && !snapshots.damaged(Height(5)).exists());
    std::fs::remove_file(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(snapshots.served_chunk(Height(5), 0).unwrap(), Some(b"a".to_vec()));

    // No file in the place of one is not what was made.
    std::fs::remove_file(chunk_path(&path, 0)).unwrap();
    std::fs::create_dir(chunk_path(&path, 0)).unwrap();
    assert_eq!(snapshots.served_chunk(Height(5), 0).unwrap(), None);
    assert!(snapshots.damaged(Height(5)).is_dir());
}

/// Of the newest two it is known what their manifests say, by every copy of the folder; what is no snapshot is left alone.
#[test]
fn the_newest_two_are_listed_and_remembered() {
    let genesis = testing::genesis();
    let folder = tempfile::tempdir().unwrap();
    let snapshots = SnapshotFolder::at(folder.path());
    std::fs::create_dir(folder.path().join("99")).unwrap();
    for height in 5..9 {
        add(folder.path(), &genesis, height, &[b"a"], b"a");
        age(&snapshots, Height(height));
    }
    let listed: Vec<u64> = snapshots.clone().served_list().unwrap().iter().map(|info| info.height.0).collect();
    assert_eq!(listed, [7, 8]);
    assert_eq!(snapshots.remembered(), [Height(8), Height(7)]);
    for height in 5..9 {
        assert_eq!(snapshots.served_chunk(Height(height), 0).unwrap(), Some(b"a".to_vec()));
    }
    assert_eq!(snapshots.remembered(), [Height(8), Height(7)]);
    assert!(folder.path().join("99").is_dir());
}
