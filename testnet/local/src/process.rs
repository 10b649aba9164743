//! Processes of nodes: found, started, signalled only when they still are what they were.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::elsewhere::{self, Elsewhere};
use crate::error::LocalError;
use crate::layout::Layout;

/// Prefix of variables among which a node finds overrides of its file.
const VARIABLE_PREFIX: &str = "QUANCHENG_";
/// Pause between two looks at a process.
const POLL: Duration = Duration::from_millis(20);
/// Longest wait for the lock of a process that has just ended.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of a log shown after a failure.
const TAIL_BYTES: u64 = 4 * 1024;

/// The program that runs nodes: as named, or the one beside the running program.
///
/// # Errors
/// [`LocalError::NoProgram`] with every place that was looked at.
pub fn find_quanchengd(named: Option<&Path>) -> Result<PathBuf, LocalError> {
    let mut tried = Vec::new();
    let mut candidates: Vec<PathBuf> = named.map(Path::to_owned).into_iter().collect();
    if named.is_none() {
        let own = std::env::current_exe().ok();
        let beside = own.as_deref().and_then(Path::parent);
        candidates.extend(beside.map(|dir| dir.join("quanchengd")));
        // Test programs lie one folder deeper than the binaries.
        candidates.extend(beside.and_then(Path::parent).map(|dir| dir.join("quanchengd")));
        let path = std::env::var_os("PATH").unwrap_or_default();
        candidates.extend(std::env::split_paths(&path).map(|dir| dir.join("quanchengd")));
    }
    for candidate in candidates {
        if candidate.is_file() {
            return fs::canonicalize(&candidate).map_err(LocalError::io("find", candidate));
        }
        tried.push(candidate);
    }
    Err(LocalError::NoProgram { tried })
}

fn command(program: &Path, verb: &str, config: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(verb).arg("--config").arg(config).stdin(Stdio::null());
    // The caller's variables are meant for the command line; a node would take its own among them for its configuration.
    for (name, _) in std::env::vars_os() {
        if name.as_bytes().starts_with(VARIABLE_PREFIX.as_bytes()) {
            command.env_remove(name);
        }
    }
    command
}

/// Makes the data folders of nodes, all at once. `rejoin_above`: the validators lost their own at or below this height.
pub(crate) fn init(
    program: &Path,
    layout: &Layout,
    indices: &[u32],
    rejoin_above: Option<u64>,
) -> Result<(), LocalError> {
    let spawn = |error| LocalError::Spawn { program: program.to_owned(), error };
    let mut children = Vec::new();
    for index in indices {
        let mut command = command(program, "init", &layout.config(*index));
        if let Some(height) = rejoin_above {
            command.arg("--rejoin-above").arg(height.to_string());
        }
        // What ends the caller at a terminal must not end these halfway: they are waited for.
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().map_err(spawn)?;
        children.push((*index, child));
    }
    for (index, child) in children {
        let output = child.wait_with_output().map_err(spawn)?;
        if !output.status.success() {
            let words = [output.stdout, output.stderr].concat();
            return Err(LocalError::Init { index, output: String::from_utf8_lossy(&words).into_owned() });
        }
    }
    Ok(())
}

/// A process that was just started.
#[derive(Debug)]
pub(crate) struct Started {
    /// It.
    pub(crate) child: Child,
    /// Where in the log of its node it begins to write: what stands before was said by earlier ones.
    pub(crate) log_from: u64,
}

/// Starts a node that outlives the caller: a process group of its own, output to its log, these variables in its environment.
pub(crate) fn start(
    program: &Path,
    layout: &Layout,
    index: u32,
    variables: &[(&str, &OsStr)],
) -> Result<Started, LocalError> {
    let path = layout.log(index);
    let log = OpenOptions::new().create(true).append(true).open(&path).map_err(LocalError::io("open", &path))?;
    take(layout, &log, &path)?;
    let log_from = log.metadata().map_err(LocalError::io("read", &path))?.len();
    let copy = log.try_clone().map_err(LocalError::io("open", &path))?;
    let mut command = command(program, "start", &layout.config(index));
    let child = command
        .current_dir(layout.node(index))
        .stdout(log)
        .stderr(copy)
        .envs(variables.iter().copied())
        .process_group(0)
        .spawn()
        .map_err(|error| LocalError::Spawn { program: program.to_owned(), error })?;
    let pid = layout.pid(index);
    fs::write(&pid, format!("{}\n", child.id())).map_err(LocalError::io("write", pid))?;
    Ok(Started { child, log_from })
}

/// Takes the log of a node for its process, which inherits the lock and keeps it until it ends. So of two commands that start a node at once one
/// is refused, before it puts another process on record.
fn take(layout: &Layout, log: &File, path: &Path) -> Result<(), LocalError> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match log.try_lock() {
            Ok(()) => return Ok(()),
            // A process that is just ending loses its locks a moment after its name.
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(POLL),
            Err(TryLockError::WouldBlock) => return Err(LocalError::BeingMade { dir: layout.dir().to_owned() }),
            Err(TryLockError::Error(error)) => {
                return Err(LocalError::Io { action: "lock", path: path.to_owned(), error });
            }
        }
    }
}

/// The process of a node, if it still is one of this network.
pub(crate) fn running(layout: &Layout, index: u32) -> Option<u32> {
    let noted = || fs::read_to_string(layout.pid(index)).ok()?.trim().parse().ok();
    let is_ours = |pid: &u32| is_of(layout, index, *pid);
    // Its number may be lost; what holds the lock of these very data and was started by this very file is the same process.
    let holds = || holders(&locked(layout, index).ok()??).find(is_ours);
    noted().filter(is_ours).or_else(holds)
}

/// Whether a process was started to run this node.
fn is_of(layout: &Layout, index: u32, pid: u32) -> bool {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let config = layout.config(index);
    words.split(|byte| *byte == 0).any(|word| OsStr::from_bytes(word) == config.as_os_str())
}

/// The process of a node.
pub(crate) fn own(layout: &Layout, index: u32) -> Result<u32, LocalError> {
    match runner(layout, index)? {
        Runner::Own(pid) => Ok(pid),
        Runner::Stray(pid) => Err(LocalError::Stray { index, pid }),
        Runner::Elsewhere(other) => Err(LocalError::elsewhere(layout, vec![other])),
        Runner::Nobody => Err(LocalError::NotRunning { index }),
    }
}

/// The lock in the data of a node, if somebody holds it.
fn locked(layout: &Layout, index: u32) -> Result<Option<File>, LocalError> {
    let path = layout.lock(index);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LocalError::Io { action: "open", path, error }),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(file)),
        Err(TryLockError::Error(error)) => Err(LocalError::Io { action: "lock", path, error }),
    }
}

/// Who runs on the data of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// Nobody.
    Nobody,
    /// The process on record.
    Own(u32),
    /// A process that is not on record, as after the folder was moved or the record lost. Its number, where the system tells it.
    Stray(Option<u32>),
    /// Not from this folder: this one was copied from the other, or the other from this one.
    Elsewhere(Elsewhere),
}

/// Who runs on the data of a node. The lock in the data decides; the record says only which process it should be.
pub(crate) fn runner(layout: &Layout, index: u32) -> Result<Runner, LocalError> {
    if let Some(pid) = running(layout, index) {
        return Ok(Runner::Own(pid));
    }
    let holder = locked(layout, index)?.map(|file| holders(&file).next());
    let other = elsewhere::of(layout, index);
    Ok(match (holder, other) {
        // Copies may share the data themselves, where they were made of links.
        (Some(holder), Some(other)) if holder == Some(other.pid) => Runner::Elsewhere(other),
        (Some(holder), _) => Runner::Stray(holder),
        (None, Some(other)) => Runner::Elsewhere(other),
        (None, None) => Runner::Nobody,
    })
}

/// As [`runner()`]; a process that is just ending is waited for: the system takes its lock away a moment after its name.
pub(crate) fn settled(layout: &Layout, index: u32) -> Result<Runner, LocalError> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        let found = runner(layout, index)?;
        if !matches!(found, Runner::Stray(_)) || Instant::now() >= deadline {
            return Ok(found);
        }
        thread::sleep(POLL);
    }
}

/// The processes that hold a file open, other than this one.
fn holders(file: &File) -> impl Iterator<Item = u32> {
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    let wanted = file.metadata().ok().map(identity);
    let is_it = move |path: PathBuf| wanted.is_some() && fs::metadata(path).ok().map(identity) == wanted;
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id()).filter(move |pid| {
        fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|entries| entries.flatten().any(|entry| is_it(entry.path())))
    })
}

/// Whether a process is stopped by SIGSTOP.
pub(crate) fn is_paused(pid: u32) -> bool {
    // The name in parentheses may hold anything; the state follows the last parenthesis.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|text| text.rsplit_once(") ").map(|(_, rest)| rest.starts_with('T')))
        .unwrap_or(false)
}

/// Sends a signal.
pub(crate) fn signal(pid: u32, signal: Signal) -> Result<(), LocalError> {
    let no_process = || LocalError::Signal { pid, error: std::io::ErrorKind::NotFound.into() };
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(no_process)?;
    kill_process(target, signal).map_err(|error| LocalError::Signal { pid, error: error.into() })
}

/// As [`signal()`], for who wants the process to end: one that has ended meanwhile is no fault.
pub(crate) fn signal_to_end(pid: u32, with: Signal) -> Result<(), LocalError> {
    match signal(pid, with) {
        Err(LocalError::Signal { error, .. }) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(()),
        sent => sent,
    }
}

/// Waits until a node's process is gone; whether it is.
pub(crate) fn await_end(layout: &Layout, index: u32, timeout: Duration) -> bool {
    let deadline = Instant::now() + timeout;
    while running(layout, index).is_some() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// The last bytes of a file as text, from the beginning of a line, and nothing of what stands before a place.
pub(crate) fn tail(path: &Path, from: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        // A log that was cut meanwhile holds nothing older.
        let begin = length.saturating_sub(TAIL_BYTES).max(if from <= length { from } else { 0 });
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        let is_cut = begin > from;
        match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) if is_cut => Ok(bytes.split_off(end.saturating_add(1))),
            Some(_) | None => Ok(bytes),
        }
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two commands at once: the second starts nothing, and the process on record stays that of the first.
    #[test]
    fn a_node_that_is_being_started_is_not_started_again() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(fs::canonicalize(dir.path()).unwrap());
        fs::create_dir_all(layout.node(0)).unwrap();
        // A program that stays, whatever it is told.
        let program = dir.path().join("stays");
        fs::write(&program, "#!/bin/sh\nexec sleep 600\n").unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let mut first = start(&program, &layout, 0, &[]).unwrap().child;
        let on_record = fs::read_to_string(layout.pid(0)).unwrap();
        let second = start(&program, &layout, 0, &[]);
        assert!(matches!(second, Err(LocalError::BeingMade { .. })), "{second:?}");
        assert_eq!(fs::read_to_string(layout.pid(0)).unwrap(), on_record);
        first.kill().unwrap();
        first.wait().unwrap();
        let mut third = start(&program, &layout, 0, &[]).unwrap().child;
        third.kill().unwrap();
        third.wait().unwrap();
    }

    /// The record of a process may be lost and its folder moved; the lock goes with the data.
    #[test]
    fn the_lock_in_the_data_decides_whether_a_node_runs() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(fs::canonicalize(dir.path()).unwrap());
        assert_eq!(runner(&layout, 0).unwrap(), Runner::Nobody);
        fs::create_dir_all(layout.data(0)).unwrap();
        fs::write(layout.lock(0), "").unwrap();
        assert_eq!(runner(&layout, 0).unwrap(), Runner::Nobody);
        // A process that holds the lock, as `flock` does it, and is on no record.
        let mut other =
            Command::new("flock").arg(layout.lock(0)).arg("sleep").arg("600").process_group(0).spawn().unwrap();
        while runner(&layout, 0).unwrap() == Runner::Nobody {
            thread::sleep(POLL);
        }
        let Runner::Stray(Some(pid)) = runner(&layout, 0).unwrap() else { panic!("its process is told") };
        let moved = dir.path().join("moved");
        fs::rename(layout.node(0), &moved).unwrap();
        assert_eq!(runner(&layout, 0).unwrap(), Runner::Nobody);
        fs::rename(&moved, layout.node(0)).unwrap();
        assert!(matches!(runner(&layout, 0).unwrap(), Runner::Stray(Some(_))));
        rustix::process::kill_process_group(Pid::from_child(&other), Signal::KILL).unwrap();
        other.wait().unwrap();
        assert!(pid > 0);
        while runner(&layout, 0).unwrap() != Runner::Nobody {
            thread::sleep(POLL);
        }
    }

    /// What an older start wrote, whatever it was, is not what this one fails of; nor does a quotation begin in the middle of a line.
    #[test]
    fn the_end_of_a_log_is_that_of_the_newest_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.log");
        fs::write(&path, "old error\nnew error\n").unwrap();
        assert_eq!(tail(&path, 10), "new error\n");
        assert_eq!(tail(&path, 0), "old error\nnew error\n");
        assert_eq!(tail(&path, 20), "");
        // The log was cut in the meantime.
        assert_eq!(tail(&path, 900), "old error\nnew error\n");
        fs::write(&path, format!("old\n{}", "a line\n".repeat(2_000))).unwrap();
        assert!(tail(&path, 4).starts_with("a line\n") && tail(&path, 4).len() <= 4_096);
        assert_eq!(tail(&dir.path().join("none"), 0), "");
    }

    /// A copy of a folder has the number of the process, the doors and the keys of the other, and what runs is the other's.
    #[test]
    fn what_runs_from_another_folder_of_the_network_is_told_with_that_folder() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let program = root.join("stays");
        fs::write(&program, "#!/bin/sh\nexec 9>data/lock\nflock 9\nwhile :; do sleep 0.1; done\n").unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let [one, copy, links, other] = ["one", "copy", "links", "other"].map(|name| Layout::new(root.join(name)));
        for layout in [&one, &copy, &links, &other] {
            fs::create_dir_all(layout.data(0)).unwrap();
            fs::write(layout.genesis(), "one").unwrap();
            fs::write(layout.config(0), "").unwrap();
        }
        fs::write(other.genesis(), "other").unwrap();
        let mut child = start(&program, &one, 0, &[]).unwrap().child;
        let pid = child.id();
        while locked(&one, 0).unwrap().is_none() {
            thread::sleep(POLL);
        }
        fs::copy(one.pid(0), copy.pid(0)).unwrap();
        fs::copy(one.lock(0), copy.lock(0)).unwrap();
        fs::hard_link(one.lock(0), links.lock(0)).unwrap();
        assert_eq!(runner(&one, 0).unwrap(), Runner::Own(pid));
        for layout in [&copy, &links] {
            let home = Elsewhere { index: 0, pid, dir: one.dir().to_owned() };
            assert_eq!(runner(layout, 0).unwrap(), Runner::Elsewhere(home.clone()));
            assert!(matches!(own(layout, 0), Err(LocalError::Elsewhere { nodes, .. }) if nodes == [home]));
            let report = crate::stop(layout.dir()).unwrap();
            assert_eq!((report.elsewhere.len(), report.stray.len(), report.stopped.len()), (1, 0, 0));
        }
        assert_eq!(runner(&other, 0).unwrap(), Runner::Nobody);
        assert!(child.try_wait().unwrap().is_none(), "it runs on");
        // A folder that was moved is no copy: there is no other.
        fs::rename(one.dir(), root.join("moved")).unwrap();
        assert!(matches!(runner(&Layout::new(root.join("moved")), 0).unwrap(), Runner::Stray(Some(_))));
        assert_eq!(runner(&copy, 0).unwrap(), Runner::Nobody);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
