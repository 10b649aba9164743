//! Reading a file that stays what it is while it is read.
//!
//! What is notarized or compared has to be one content. A file that is written to meanwhile, grows, or is replaced by another is
//! refused. Times of files are coarse: a file that was changed a moment ago is read twice. The time of the last write can be put back;
//! that of the last change of anything about the file cannot, and a file of which only that has changed is read again.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quancheng_proof::{FileDigests, FileHasher};

use super::not_readable;
use crate::fault::{Fault, Outcome};
use crate::text::say;

/// Piece of a file that is hashed at a time, bytes.
const PIECE_BYTES: usize = 256 * 1024;
/// A file changed less than this before it was read may change again without another time: file systems round to up to two seconds.
const COARSE: Duration = Duration::from_secs(2);

/// How often a file is read again of which nothing changes but what is not its content.
const TRIES: u32 = 4;

/// What a file is, and when it was last written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// When anything about it changed last: content, permissions, names, or the other time itself.
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        let modified = (meta.mtime(), meta.mtime_nsec());
        let changed = (meta.ctime(), meta.ctime_nsec());
        Self { device: meta.dev(), inode: meta.ino(), size: meta.len(), modified, changed }
    }

    /// Whether two stamps tell one content as far as anybody could wish them to.
    fn may_be(&self, other: &Self) -> bool {
        Self { changed: other.changed, ..*self } == *other
    }

    /// What tells two files apart, whatever they are called.
    pub(crate) const fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    fn is_recent(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified = Duration::from_secs(u64::try_from(self.modified.0.max(self.changed.0)).unwrap_or_default());
        // A time in the future says nothing about the last write.
        now.checked_sub(modified).is_none_or(|age| age < COARSE)
    }
}

/// A file that was read, to see later whether it is still the same.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    path: PathBuf,
    stamp: Stamp,
    digests: FileDigests,
}

impl Seen {
    /// Refuses when the file is not what it was when it was read.
    pub(crate) fn check(&self) -> Outcome<()> {
        let path = &self.path;
        let meta = fs::metadata(path).map_err(|error| not_readable(path, &error))?;
        let stamp = Stamp::of(&meta);
        if stamp == self.stamp {
            return Ok(());
        }
        if !stamp.may_be(&self.stamp) {
            return Err(changed(path));
        }
        let (mut file, meta) = open(path)?;
        settled(&mut file, path, Stamp::of(&meta), &self.digests).map(|_| ())
    }

    /// What the file is.
    pub(crate) const fn stamp(&self) -> Stamp {
        self.stamp
    }
}

fn changed(path: &Path) -> Fault {
    let shown = path.display();
    let message = say!("{shown} 在读取期间发生变化。", "{shown} changed while it was read.");
    Fault::usage("FILE_CHANGED", message).hint(say!(
        "请等写入结束，或先复制一份再处理副本。",
        "Wait until nobody writes to it, or make a copy and use that."
    ))
}

/// Opens a plain file; what has no end or no content of its own is refused.
pub(crate) fn open(path: &Path) -> Outcome<(File, Metadata)> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    // A pipe without a writer must not hold the program up before it is seen to be one.
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| not_readable(path, &error))?;
    let meta = file.metadata().map_err(|error| not_readable(path, &error))?;
    if meta.is_file() {
        return Ok((file, meta));
    }
    Err(no_plain_file(path, &meta))
}

/// The fault of a folder, device or pipe in the place of a file.
pub(crate) fn no_plain_file(path: &Path, meta: &Metadata) -> Fault {
    let shown = path.display();
    if meta.is_dir() {
        return Fault::usage("IS_A_FOLDER", say!("{shown} 是文件夹。", "{shown} is a folder.")).hint(say!(
            "请给出其中的文件；存证整个文件夹用 --recursive。",
            "Name a file in it; --recursive notarizes a whole folder."
        ));
    }
    let message = say!("{shown} 不是普通文件（设备或管道）。", "{shown} is no plain file (a device or pipe).");
    Fault::usage("NOT_A_FILE", message).hint(say!("请先存为普通文件。", "Save its content as a plain file first."))
}

/// Length and digests of a file, and what it is. `seen` is told of every piece of the first reading.
pub(crate) fn hash(path: &Path, name: &str, seen: &mut dyn FnMut(u64)) -> Outcome<(FileDigests, Seen)> {
    let (mut file, before) = open(path)?;
    let stamp = Stamp::of(&before);
    let digests = once(&mut file, path, name, stamp.size, seen)?;
    let after = file.metadata().map_err(|error| not_readable(path, &error))?;
    let stamp = if stamp.is_recent() || Stamp::of(&after) != stamp {
        settled(&mut file, path, stamp, &digests)?
    } else {
        stamp
    };
    let told = Seen { path: path.to_owned(), stamp, digests: digests.clone() };
    told.check()?;
    Ok((digests, told))
}

/// Reads a file again until nothing about it has changed during a reading: the stamp it had then. Refuses another content.
fn settled(file: &mut File, path: &Path, before: Stamp, digests: &FileDigests) -> Outcome<Stamp> {
    let mut stamp = before;
    for _ in 0..TRIES {
        file.rewind().map_err(|error| not_readable(path, &error))?;
        if once(file, path, &digests.name, before.size, &mut |_| {})? != *digests {
            return Err(changed(path));
        }
        let after = Stamp::of(&file.metadata().map_err(|error| not_readable(path, &error))?);
        if !after.may_be(&before) {
            return Err(changed(path));
        }
        if after == stamp {
            return Ok(stamp);
        }
        stamp = after;
    }
    Err(changed(path))
}

/// Reads exactly as many bytes as the file had; one that is longer or shorter by now has changed.
fn once(file: &mut File, path: &Path, name: &str, size: u64, seen: &mut dyn FnMut(u64)) -> Outcome<FileDigests> {
    let mut hasher = FileHasher::new();
    let mut piece = vec![0_u8; PIECE_BYTES];
    let mut left = size;
    loop {
        let read = file.read(&mut piece).map_err(|error| not_readable(path, &error))?;
        let Some(part) = piece.get(..read).filter(|part| !part.is_empty()) else {
            return if left == 0 { Ok(hasher.finish(name)) } else { Err(changed(path)) };
        };
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        left = left.checked_sub(read).ok_or_else(|| changed(path))?;
        hasher.update(part);
        seen(read);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn of(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, content).unwrap();
        (dir, path)
    }

    #[test]
    fn digests_of_a_file_are_those_of_its_bytes() {
        let (_dir, path) = of(b"abc");
        let (digests, seen) = hash(&path, "abc", &mut |_| {}).unwrap();
        assert_eq!(digests.size, 3);
        assert_eq!(digests.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digests.sm3.to_string(), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        seen.check().unwrap();
        fs::write(&path, "abcd").unwrap();
        assert_eq!(seen.check().unwrap_err().code, "FILE_CHANGED");
    }

    /// Changes in the middle of the reading, as another program makes them.
    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let content = vec![7_u8; 3 * PIECE_BYTES];
        let grow = |path: &Path| {
            OpenOptions::new().append(true).open(path).unwrap().write_all(&[7; 2 * PIECE_BYTES]).unwrap();
        };
        let cut = |path: &Path| OpenOptions::new().write(true).open(path).unwrap().set_len(5).unwrap();
        let touch_up = |path: &Path| {
            OpenOptions::new().write(true).open(path).unwrap().write_all(&[8]).unwrap();
        };
        let replace = |path: &Path| {
            fs::write(path.with_extension("new"), vec![7_u8; 3 * PIECE_BYTES]).unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        };
        type Change<'a> = (&'a str, &'a dyn Fn(&Path));
        let changes: [Change<'_>; 4] = [("grow", &grow), ("cut", &cut), ("touch up", &touch_up), ("replace", &replace)];
        for (name, change) in changes {
            let (_dir, path) = of(&content);
            let mut told = false;
            let result = hash(&path, "a", &mut |_| {
                if !std::mem::replace(&mut told, true) {
                    change(&path);
                }
            });
            assert_eq!(result.unwrap_err().code, "FILE_CHANGED", "{name}");
        }
    }

    /// A content that was there for a moment only, with the time of the last write put back.
    #[test]
    fn a_time_that_is_put_back_hides_nothing() {
        let content = vec![7_u8; 3 * PIECE_BYTES];
        let (_dir, path) = of(&content);
        let old = SystemTime::now() - 100 * COARSE;
        let set = |path: &Path| OpenOptions::new().write(true).open(path).unwrap().set_modified(old).unwrap();
        set(&path);
        let touch_up = |path: &Path| {
            OpenOptions::new().write(true).open(path).unwrap().write_all(&[8]).unwrap();
            set(path);
        };
        let mut told = false;
        let result = hash(&path, "a", &mut |_| {
            if !std::mem::replace(&mut told, true) {
                touch_up(&path);
            }
        });
        assert_eq!(result.unwrap_err().code, "FILE_CHANGED");
        let (_, seen) = hash(&path, "a", &mut |_| {}).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::hard_link(&path, path.with_extension("other")).unwrap();
        seen.check().expect("its content is the same");
        OpenOptions::new().write(true).open(&path).unwrap().write_all(&[9]).unwrap();
        set(&path);
        assert_eq!(seen.check().unwrap_err().code, "FILE_CHANGED");
    }

    /// A writer that never ends is not followed: no more is read than the file had at first, and one piece.
    #[test]
    fn a_file_that_grows_is_not_followed() {
        let (_dir, path) = of(&vec![7_u8; PIECE_BYTES]);
        let mut read = 0;
        let result = hash(&path, "a", &mut |bytes| {
            read += bytes;
            OpenOptions::new().append(true).open(&path).unwrap().write_all(&[7; 2 * PIECE_BYTES]).unwrap();
        });
        assert_eq!(result.unwrap_err().code, "FILE_CHANGED");
        assert!(read <= u64::try_from(2 * PIECE_BYTES).unwrap(), "{read}");
    }

    #[test]
    fn devices_pipes_and_folders_are_no_files() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        for (path, code) in
            [(pipe.as_path(), "NOT_A_FILE"), (Path::new("/dev/zero"), "NOT_A_FILE"), (dir.path(), "IS_A_FOLDER")]
        {
            assert_eq!(hash(path, "x", &mut |_| {}).unwrap_err().code, code, "{}", path.display());
        }
    }
}
