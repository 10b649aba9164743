//! Files that are written whole or not at all.
//!
//! A file is written without a name, and gets its own when it is on disk: a run that is killed meanwhile leaves nothing. Where the file
//! system knows no files without names, it is written beside its place under a name of our own that was free. What is there
//! already keeps its place, whatever it is: an output never replaces a file, device or link. Two files alone are written again, each by
//! who has read it: that of the profiles, and a transaction that is signed in place; they change places with what was there, under a
//! name of our own for that moment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, openat, renameat_with};

use crate::fault::{Fault, Outcome};
use crate::interrupt::{Hold, Left};
use crate::text::say;

/// Who may read a new file, before the umask.
const MODE: u32 = 0o666;
/// The same where a file holds a secret.
const MODE_PRIVATE: u32 = 0o600;
/// Names that are tried for a temporary file.
const TRIES: u32 = 16;
/// What a caller says to a file that stands where another is to be written. The file may lie under another name while it is looked at.
pub(crate) type May<'a> = &'a dyn Fn(&Path) -> Outcome<()>;

/// Writes a file that this program has read and writes again; the caller says what may be replaced. The file is given its name in one step: where nothing is, without
/// replacing; where something is, by an exchange, after which what stood there at that moment is looked at, and put back if it has to
/// stay. Whatever else writes to the same place meanwhile, nothing is lost.
pub(crate) fn write_over(path: &Path, content: &[u8], may_go: May<'_>) -> Outcome<()> {
    let mode = plain(path)?;
    if mode.is_some() {
        // Told before anything moves; what is there may be another file a moment later.
        may_go(path)?;
    }
    let fault = |error: io::Error| Fault::file(path, &error);
    let mut part = Part::new(path, content, mode.unwrap_or(MODE), mode.is_some()).map_err(fault)?;
    for _ in 0..TRIES {
        match part.place(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map_err(fault),
        }
        plain(path)?;
        match renameat_with(CWD, &part.name(path).map_err(fault)?, CWD, path, RenameFlags::EXCHANGE) {
            Ok(()) => return part.exchanged(path, may_go),
            // It has gone: the place is free again.
            Err(error) if error == rustix::io::Errno::NOENT => {}
            // A file system that cannot exchange cannot keep what is written there meanwhile.
            Err(error) if error == rustix::io::Errno::INVAL || error == rustix::io::Errno::NOSYS => {
                return Err(exists(path));
            }
            Err(error) => return Err(fault(error.into())),
        }
    }
    Err(exists(path))
}

/// Writes a file where nothing is yet, for nobody but the owner to read.
pub(crate) fn write_new_private(path: &Path, content: &[u8]) -> Outcome<()> {
    write_new_with(path, content, MODE_PRIVATE)
}

/// Writes a file where nothing is yet.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Outcome<()> {
    write_new_with(path, content, MODE)
}

/// Refuses a place that is taken, by whatever it is, and one in a folder that is not there. Told before anything is asked, signed or
/// submitted; the writing looks again.
pub(crate) fn absent(path: &Path) -> Outcome<()> {
    if plain(path)?.is_some() { Err(exists(path)) } else { in_a_folder(path) }
}

/// Refuses a place in a folder that is not there. None is made: a path that was mistyped would lead to where nobody looks.
pub(crate) fn in_a_folder(path: &Path) -> Outcome<()> {
    let folder = folder(path);
    if folder.is_dir() {
        return Ok(());
    }
    let (folder, shown) = (folder.display(), path.display());
    let message = say!("没有文件夹 {folder}，无法写入 {shown}。", "There is no folder {folder} to write {shown} to.");
    Err(Fault::usage("NO_FOLDER", message)
        .hint(say!("请核对路径，或先建立该文件夹。", "Check the path, or make the folder first.")))
}

/// Makes the folder of several outputs where it is not there yet; its parents are not made.
pub(crate) fn make_folder(path: &Path) -> Outcome<()> {
    if path.is_dir() {
        return Ok(());
    }
    in_a_folder(path)?;
    fs::create_dir(path).map_err(|error| Fault::file(path, &error))
}

/// Refuses outputs of one command of which two would be one file, however they are spelt.
pub(crate) fn distinct(outputs: &[&Path]) -> Outcome<()> {
    let places: Vec<PathBuf> = outputs.iter().map(|path| place(path)).collect();
    let twice = (1..places.len()).find(|at| places[..*at].contains(&places[*at]));
    let Some(shown) = twice.and_then(|at| outputs.get(at)).map(|path| path.display()) else { return Ok(()) };
    let message = say!("两项输出为同一文件 {shown}。", "Two outputs would be one file, {shown}.");
    Err(Fault::usage("SAME_FILE", message).hint(say!("请为每项输出各取名称。", "Give each output a name of its own.")))
}

/// A path with the folder that it leads to.
fn place(path: &Path) -> PathBuf {
    let real = fs::canonicalize(folder(path)).unwrap_or_else(|_| folder(path).to_owned());
    path.file_name().map_or_else(|| path.to_owned(), |name| real.join(name))
}

fn write_new_with(path: &Path, content: &[u8], mode: u32) -> Outcome<()> {
    absent(path)?;
    let written = Part::new(path, content, mode, false).and_then(|mut part| part.place(path));
    written.map_err(
        |error| {
            if error.kind() == io::ErrorKind::AlreadyExists { exists(path) } else { Fault::file(path, &error) }
        },
    )
}

/// The fault of a place that is taken.
pub(crate) fn exists(path: &Path) -> Fault {
    let shown = path.display();
    Fault::usage("EXISTS", say!("{shown} 已存在，不会被覆盖。", "{shown} exists and is not written over."))
        .hint(say!("请另取名称，或将其移走。", "Choose another name, or move it away."))
}

/// Refuses the name by which other programs mean stdout: results go there by `--output`, files do not.
pub(crate) fn named(path: &Path) -> Outcome<()> {
    if path != Path::new("-") {
        return Ok(());
    }
    let message =
        say!("须给出文件名：该内容不写到标准输出。", "This takes the name of a file: it does not go to stdout.");
    Err(Fault::usage("NOT_A_FILE", message)
        .hint(say!("名为 - 的文件请写作 ./-。", "For a file that is called - write ./-.")))
}

/// The permissions of the plain file in a place; nothing when nothing is there.
fn plain(path: &Path) -> Outcome<Option<u32>> {
    named(path)?;
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::file(path, &error)),
    };
    if meta.is_file() {
        return Ok(Some(meta.permissions().mode() & 0o777));
    }
    let shown = path.display();
    let fault = if meta.is_dir() {
        Fault::usage("IS_A_FOLDER", say!("{shown} 是文件夹。", "{shown} is a folder."))
    } else if meta.is_symlink() {
        let message = say!("{shown} 是链接，不会被替换。", "{shown} is a link and is not replaced.");
        match fs::canonicalize(path) {
            Ok(real) => Fault::usage("NOT_A_FILE", message).cause(format!("-> {}", real.display())),
            Err(_) => Fault::usage("NOT_A_FILE", message),
        }
    } else {
        let message = say!(
            "{shown} 不是普通文件（设备或管道），不会被替换。",
            "{shown} is a device or pipe and is not replaced."
        );
        Fault::usage("NOT_A_FILE", message)
    };
    Err(fault.hint(say!("请给出普通文件的名称。", "Name a plain file.")))
}

/// A whole file on disk, without a name or under one of our own. It goes when it was given no other name.
struct Part<'a> {
    content: &'a [u8],
    mode: u32,
    /// Whether the mode is that of the file which it replaces, whatever the umask.
    is_exact: bool,
    file: File,
    named: Option<Named>,
}

/// A name of our own, and what an interruption does with what lies there.
struct Named {
    path: PathBuf,
    _hold: Hold,
}

impl<'a> Part<'a> {
    fn new(beside: &Path, content: &'a [u8], mode: u32, is_exact: bool) -> io::Result<Self> {
        match unnamed(folder(beside), mode) {
            Some(file) => {
                let part = Self { content, mode, is_exact, file, named: None };
                part.fill()?;
                Ok(part)
            }
            None => Self::new_named(beside, content, mode, is_exact),
        }
    }

    /// Under a name of our own from the beginning.
    fn new_named(beside: &Path, content: &'a [u8], mode: u32, is_exact: bool) -> io::Result<Self> {
        let (path, file) =
            temporary(beside, |path| OpenOptions::new().write(true).create_new(true).mode(mode).open(path))?;
        let named = Named { _hold: Hold::new(interrupted(beside, &path, file.try_clone()?)), path };
        let part = Self { content, mode, is_exact, file, named: Some(named) };
        part.fill()?;
        Ok(part)
    }

    fn fill(&self) -> io::Result<()> {
        if self.is_exact {
            self.file.set_permissions(fs::Permissions::from_mode(self.mode))?;
        }
        let mut file = &self.file;
        file.write_all(self.content)?;
        file.sync_all()
    }

    /// A name of our own beside a place, which it keeps from then on.
    fn name(&mut self, beside: &Path) -> io::Result<PathBuf> {
        if let Some(named) = &self.named {
            return Ok(named.path.clone());
        }
        let linked = temporary(beside, |path| {
            let hold = Hold::new(interrupted(beside, path, self.file.try_clone()?));
            link(&self.file, path).map(|()| hold)
        });
        match linked {
            Ok((path, hold)) => self.named = Some(Named { path, _hold: hold }),
            // A file without a name that can be given none.
            Err(_) => *self = Self::new_named(beside, self.content, self.mode, self.is_exact)?,
        }
        self.name(beside)
    }

    /// Gives it its name unless the name is taken, in one step.
    fn place(&mut self, path: &Path) -> io::Result<()> {
        if self.named.is_none() {
            match link(&self.file, path) {
                Ok(()) => return sync_folder(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => {}
            }
        }
        let name = self.name(path)?;
        match renameat_with(CWD, &name, CWD, path, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::INVAL || error == rustix::io::Errno::NOSYS => {
                // Some file systems do not know how; a second name does not replace anything either.
                fs::hard_link(&name, path)?;
                fs::remove_file(&name)?;
            }
            Err(error) => return Err(error.into()),
        }
        sync_folder(path)
    }

    /// After the exchange: what stood there lies under our name now. It goes, or it is put back.
    fn exchanged(mut self, path: &Path, may_go: May<'_>) -> Outcome<()> {
        let fault = |error: io::Error| Fault::file(path, &error);
        let name = self.name(path).map_err(fault)?;
        let is_plain = fs::symlink_metadata(&name).is_ok_and(|meta| meta.is_file());
        let answer = if is_plain { may_go(&name) } else { Err(exists(path)) };
        let result = match answer {
            Ok(()) => fs::remove_file(&name).map_err(fault),
            Err(stays) => {
                renameat_with(CWD, &name, CWD, path, RenameFlags::EXCHANGE)
                    .map_err(|error| left_behind(&name, error.into()))?;
                if !is_same(&name, &self.file) {
                    // Somebody has written there between the two steps: both are theirs, and both are kept.
                    let error = io::Error::from(io::ErrorKind::ResourceBusy);
                    return Err(left_behind(&name, error));
                }
                Err(stays)
            }
        };
        sync_folder(path).map_err(fault)?;
        result
    }
}

fn left_behind(name: &Path, error: io::Error) -> Fault {
    let shown = name.display();
    Fault::file(name, &error).hint(say!(
        "原文件现在名为 {shown}，请改回原名。",
        "What stood there is called {shown} now; give it its name back."
    ))
}

/// What an interruption does with a file under a name of our own: it goes, unless it is what stood in the place of the new one.
fn interrupted(beside: &Path, part: &Path, file: File) -> impl FnMut() -> Option<Left> + Send + 'static {
    let (beside, part) = (beside.to_owned(), part.to_owned());
    move || {
        if is_same(&part, &file) {
            let _ = fs::remove_file(&part);
            return None;
        }
        let (shown, place) = (part.display(), beside.display());
        part.symlink_metadata().is_ok().then(|| {
            Left::new(say!(
                "{place} 已写入新内容；原文件现在名为 {shown}。",
                "{place} has its new content; what stood there is called {shown} now."
            ))
        })
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        // Half a file helps nobody; what lies here and is not ours stays.
        if let Some(named) = self.named.as_ref().filter(|named| is_same(&named.path, &self.file)) {
            let _ = fs::remove_file(&named.path);
        }
    }
}

/// Whether a path still leads to an open file.
pub(crate) fn is_same(path: &Path, file: &File) -> bool {
    let (Ok(named), Ok(open)) = (fs::symlink_metadata(path), file.metadata()) else { return false };
    (named.dev(), named.ino()) == (open.dev(), open.ino())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file in a folder, without a name; nothing where the file system knows none, or nobody could give it one later. What else is
/// wrong with the folder is told by who tries with a name.
fn unnamed(folder: &Path, mode: u32) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, folder, flags, Mode::from_raw_mode(mode)).ok()?);
    let through = fs::metadata(through(&file)).ok()?;
    let own = file.metadata().ok()?;
    ((through.dev(), through.ino()) == (own.dev(), own.ino())).then_some(file)
}

/// The way to an open file that has no name.
fn through(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Gives an open file a name, unless the name is taken.
fn link(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(CWD, through(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Makes something beside a place under a name that was free, and is short whatever the other's length.
fn temporary<T>(beside: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
    let mut tries = 0;
    loop {
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let part = folder(beside).join(format!(".quancheng-{}", hex::encode(random)));
        match make(&part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
            result => return result.map(|made| (part, made)),
        }
    }
}

#[cfg(test)]
mod tests;
