use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

/// Bytes at the end of a file that are remembered of it.
const END_BYTES: usize = 64;

/// A file that is only ever appended to, as it was when it was last looked at.
///
/// Whoever cuts it while it is written to leaves a hole before what is written next: then its size tells nothing, and what stood at its end tells all.
#[derive(Clone, Debug)]
pub struct Appended {
    device: u64,
    inode: u64,
    bytes: u64,
    /// What stood at its end, up to [`END_BYTES`].
    end: Vec<u8>,
}

impl Appended {
    /// Looks at a file. What is no plain file is not opened.
    ///
    /// # Errors
    /// Of the system, also where there is none.
    pub fn at(path: &Path) -> io::Result<Self> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        let mut end = vec![0; usize::try_from(meta.len()).unwrap_or(END_BYTES).min(END_BYTES)];
        let begins = meta.len() - end.len() as u64;
        file.read_exact_at(&mut end, begins)?;
        Ok(Self { device: meta.dev(), inode: meta.ino(), bytes: meta.len(), end })
    }

    /// Whether the same file is still there with everything that it held, and remembers what it holds now. One that cannot be looked at, for
    /// another reason than that it is not there, is not called lost.
    pub fn holds(&mut self, path: &Path) -> bool {
        match Self::at(path) {
            Ok(found) => {
                let is_same = (found.device, found.inode) == (self.device, self.inode) && found.bytes >= self.bytes;
                let holds = is_same && self.end_holds(path);
                if holds {
                    *self = found;
                }
                holds
            }
            Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput),
        }
    }

    fn end_holds(&self, path: &Path) -> bool {
        let (mut end, begins) = (vec![0; self.end.len()], self.bytes - self.end.len() as u64);
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut end, begins));
        match read {
            Ok(()) => end == self.end,
            Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::*;

    /// A file with something in it that its writer holds open, as an engine does: not for appending, but at a place of its own.
    fn begun() -> (tempfile::TempDir, PathBuf, File, Appended) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = File::create(&path).unwrap();
        file.write_all(&[7; 1_000]).unwrap();
        let seen = Appended::at(&path).unwrap();
        (dir, path, file, seen)
    }

    #[test]
    fn what_is_appended_is_no_loss() {
        let (_dir, path, mut file, mut seen) = begun();
        for length in [0, 1, 63, 64, 65, 10_000] {
            file.write_all(&vec![9; length]).unwrap();
            assert!(seen.holds(&path), "{length}");
        }
        let empty = path.with_extension("empty");
        let mut file = File::create(&empty).unwrap();
        let mut seen = Appended::at(&empty).unwrap();
        assert!(seen.holds(&empty));
        file.write_all(&[1]).unwrap();
        assert!(seen.holds(&empty));
    }

    #[test]
    fn what_is_removed_replaced_or_cut_is_lost() {
        type Loss = fn(&Path);
        let losses: [(&str, Loss); 5] = [
            ("removed", |path| std::fs::remove_file(path).unwrap()),
            ("moved", |path| std::fs::rename(path, path.with_extension("away")).unwrap()),
            ("replaced", |path| {
                std::fs::copy(path, path.with_extension("copy")).unwrap();
                std::fs::rename(path.with_extension("copy"), path).unwrap();
            }),
            ("cut", |path| File::options().write(true).open(path).unwrap().set_len(900).unwrap()),
            ("a pipe", |path| {
                std::fs::remove_file(path).unwrap();
                assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
            }),
        ];
        for (what, lose) in losses {
            let (_dir, path, mut file, mut seen) = begun();
            lose(&path);
            assert!(!seen.holds(&path), "{what}");
            // Written on, as who does not know of it does: it does not come back.
            file.write_all(&[9; 5_000]).unwrap();
            assert!(!seen.holds(&path), "{what}, written on");
        }
    }
}
