//! One run for one bundle name.
//!
//! The file of salts is taken before anything is read or submitted, with a lock that ends with the process: a second run with the same
//! bundle name is refused before it has submitted anything, and what a run left behind is known by having a content and no lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use quancheng_types::TransactionId;

use super::{outputs, salts};
use crate::fault::{Fault, Outcome};
use crate::files::is_same;
use crate::interrupt::{Hold, Left};
use crate::text::say;

/// The right to write a bundle under a name, as long as it lives.
#[derive(Debug)]
pub(super) struct Reservation {
    out: PathBuf,
    path: PathBuf,
    file: File,
    /// Whether the file holds salts; one that holds none is taken away at the end.
    is_filled: bool,
    hold: Hold,
}

impl Reservation {
    /// Takes a bundle name for this run.
    pub(super) fn take(out: &Path) -> Outcome<Self> {
        outputs::absent(out)?;
        let path = salts::path_of(out);
        let file = match create(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => existing(&path, out)?,
            Err(error) => return Err(Fault::file(&path, &error)),
        };
        lock(&path, &file)?;
        if length(&path, &file)? > 0 {
            return Err(unfinished(&path, out));
        }
        // A run that ended between the first look and the lock has left its bundle.
        let hold = Hold::new(emptied(&path, &file)?);
        let taken = Self { out: out.to_owned(), path, file, is_filled: false, hold };
        outputs::absent(out)?;
        Ok(taken)
    }

    /// The salts that an earlier run left behind, for this run alone. Their bundle may be anywhere.
    pub(super) fn resume(path: &Path, out: &Path) -> Outcome<Self> {
        outputs::absent(out)?;
        // A link is followed here: what lies behind it is what is used up.
        let path = fs::canonicalize(path).map_err(|error| crate::files::not_readable(path, &error))?;
        let (file, _) = crate::files::open_plain(&path)?;
        lock(&path, &file)?;
        let hold = Hold::new(left(&path, out, None));
        Ok(Self { out: out.to_owned(), path, file, is_filled: true, hold })
    }

    /// Where the bundle will be.
    pub(super) fn out(&self) -> &Path {
        &self.out
    }

    /// The file of salts.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The open file of salts.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Writes the salts; they are on disk when this returns.
    pub(super) fn fill(&mut self, content: &[u8]) -> Outcome<()> {
        let mut file = &self.file;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let result =
            file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| File::open(folder)?.sync_all());
        match result {
            Ok(()) => {
                // Nothing is submitted before this: an interruption that came earlier has taken the file away, and does not return.
                self.hold.becomes(left(&self.path, &self.out, None));
                self.is_filled = true;
                Ok(())
            }
            Err(error) => {
                // Half of the salts helps nobody.
                let _ = file.set_len(0);
                Err(Fault::file(&self.path, &error))
            }
        }
    }

    /// The salts are those of this transaction, which may be sent from now on, or was sent by an earlier run.
    pub(super) fn is_of(&self, transaction: TransactionId) {
        self.hold.becomes(left(&self.path, &self.out, Some(transaction)));
    }

    /// The salts are in a bundle: they go.
    pub(super) fn discard(mut self) {
        self.is_filled = false;
    }

    /// Gives the salts a name of their own, which says their transaction, so that the bundle name is free again. A node says that nothing
    /// took effect; should it err, or lie, nothing is lost. Their new path.
    pub(super) fn set_aside(self, id: &TransactionId) -> Outcome<PathBuf> {
        let aside = salts::aside_of(&self.out, id);
        fs::rename(&self.path, &aside).map_err(|error| Fault::file(&self.path, &error))?;
        Ok(aside)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_filled && is_same(&self.path, &self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What an interruption does before there are salts to keep.
fn emptied(path: &Path, file: &File) -> Outcome<impl FnMut() -> Option<Left> + Send + 'static> {
    let (path, file) = (path.to_owned(), file.try_clone().map_err(|error| Fault::file(path, &error))?);
    Ok(move || {
        if is_same(&path, &file) {
            let _ = fs::remove_file(&path);
        }
        None
    })
}

/// What an interruption says of salts that nothing else holds yet.
fn left(path: &Path, out: &Path, transaction: Option<TransactionId>) -> impl FnMut() -> Option<Left> + Send + 'static {
    let (path, out) = (path.to_owned(), out.to_owned());
    move || {
        let of_it = |left: Left| transaction.into_iter().fold(left, Left::of);
        let (shown, bundle) = (path.display(), out.display());
        path.symlink_metadata().ok()?;
        if out.symlink_metadata().is_ok() {
            let told = say!(
                "证据包 {bundle} 已写入；盐值文件 {shown} 尚在：请一并保留，或待 `quancheng verify` 核验证据包后移至别处。",
                "The bundle {bundle} is written, and the file of salts {shown} is still there: keep both, or move the salts away once `quancheng verify` has checked the bundle."
            );
            return Some(of_it(Left::new(told)).next(say!(
                "证据包 {bundle} 已写成，无需再为其运行命令。",
                "The bundle {bundle} is whole: nothing has to be run again for it."
            )));
        }
        let told = say!(
            "盐值保存在 {shown}，其交易可能已提交；用 `quancheng evidence finish {shown} --bundle {bundle}` 完成。",
            "The salts are in {shown}; their transaction may have been submitted: finish with `quancheng evidence finish {shown} --bundle {bundle}`."
        );
        Some(of_it(Left::new(told)).next(say!(
            "请用 `quancheng evidence finish {shown} --bundle {bundle}` 完成。",
            "Finish with `quancheng evidence finish {shown} --bundle {bundle}`."
        )))
    }
}

/// Refuses a name that a notarization holds, or has left salts for: its bundle is to come there.
pub(in crate::commands) fn is_free(out: &Path) -> Outcome<()> {
    let path = salts::path_of(out);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Fault::file(&path, &error)),
    };
    if length(&path, &file)? > 0 {
        return Err(unfinished(&path, out));
    }
    match file.try_lock_shared() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(in_use(&path)),
        Err(TryLockError::Error(error)) => Err(Fault::file(&path, &error)),
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// An older file of salts, if it is a plain file.
fn existing(path: &Path, out: &Path) -> Outcome<File> {
    let is_plain = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
    if !is_plain {
        return Err(unfinished(path, out));
    }
    OpenOptions::new().read(true).write(true).open(path).map_err(|error| Fault::file(path, &error))
}

fn lock(path: &Path, file: &File) -> Outcome<()> {
    match file.try_lock() {
        Ok(()) if is_same(path, file) => Ok(()),
        Ok(()) | Err(TryLockError::WouldBlock) => Err(in_use(path)),
        Err(TryLockError::Error(error)) => Err(Fault::file(path, &error)),
    }
}

fn length(path: &Path, file: &File) -> Outcome<u64> {
    file.metadata().map(|meta| meta.len()).map_err(|error| Fault::file(path, &error))
}

fn in_use(path: &Path) -> Fault {
    Fault::in_use(path).hint(say!(
        "请另取 --bundle 名称，或等待另一次运行结束。",
        "Give another name to --bundle, or wait until the other run has ended."
    ))
}

fn unfinished(salts: &Path, out: &Path) -> Fault {
    let (shown, out) = (salts.display(), out.display());
    let message = say!(
        "{shown} 是此前被中断的存证留下的盐值，不会被覆盖。",
        "{shown} holds the salts of an interrupted notarization and is never written over."
    );
    Fault::usage("UNFINISHED", message).hint(say!(
        "先用 `quancheng evidence finish {shown} --bundle {out}` 完成，或另取 --bundle 名称，或将 {shown} 移至别处保存。",
        "Finish it with `quancheng evidence finish {shown} --bundle {out}`, or give another name to --bundle, or move {shown} away and keep it."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Outcome<Reservation>) -> String {
        result.unwrap_err().code
    }

    #[test]
    fn one_run_takes_a_name_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.bundle");
        is_free(&out).unwrap();
        let first = Reservation::take(&out).unwrap();
        assert_eq!(code(Reservation::take(&out)), "IN_USE");
        assert_eq!(is_free(&out).unwrap_err().code, "IN_USE");
        drop(first);
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
        // What a run left that ended before it had salts is in nobody's way.
        fs::write(salts::path_of(&out), "").unwrap();
        drop(Reservation::take(&out).unwrap());
        assert!(!salts::path_of(&out).exists());
    }

    #[test]
    fn salts_stay_until_they_are_discarded() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.bundle");
        let salts = salts::path_of(&out);
        let mut first = Reservation::take(&out).unwrap();
        first.fill(b"{}").unwrap();
        assert_eq!(code(Reservation::take(&out)), "IN_USE");
        assert_eq!(code(Reservation::resume(&salts, &out)), "IN_USE");
        drop(first);
        assert_eq!(fs::read(&salts).unwrap(), b"{}");
        assert_eq!(code(Reservation::take(&out)), "UNFINISHED");
        assert_eq!(is_free(&out).unwrap_err().code, "UNFINISHED");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&salts, &link).unwrap();
        drop(Reservation::resume(&link, &out).unwrap());
        let again = Reservation::resume(&salts, &out).unwrap();
        fs::write(&out, "a bundle").unwrap();
        assert_eq!(code(Reservation::resume(&salts, &out)), "BUNDLE_EXISTS");
        again.discard();
        assert!(!salts.exists());
        assert_eq!(code(Reservation::take(&out)), "BUNDLE_EXISTS");
        assert!(!salts.exists());
    }

    /// What an interruption leaves: to be finished as long as there is no bundle, and not to be run again once there is one.
    #[test]
    fn the_way_on_from_salts_is_never_the_same_command() {
        use crate::text::Lang;
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.bundle");
        let path = salts::path_of(&out);
        let way = || left(&path, &out, None)().map(|left| left.next.unwrap().words(Lang::En).to_owned());
        assert_eq!(way(), None);
        fs::write(&path, "{}").unwrap();
        assert!(way().unwrap().contains("Finish with `quancheng evidence finish"));
        fs::write(&out, "a bundle").unwrap();
        assert!(way().unwrap().contains("nothing has to be run again"));
    }

    #[test]
    fn a_link_in_the_place_of_the_salts_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (out, mine) = (dir.path().join("a.bundle"), dir.path().join("mine"));
        fs::write(&mine, "").unwrap();
        std::os::unix::fs::symlink(&mine, salts::path_of(&out)).unwrap();
        assert_eq!(code(Reservation::take(&out)), "UNFINISHED");
        assert!(mine.exists());
    }
}
