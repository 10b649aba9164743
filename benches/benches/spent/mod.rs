//! What this process has spent, as the system counts it.

use std::fs;
use std::ops::{Add, Sub};

/// CPU of all threads, and bytes that reached disks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// ns.
    pub(crate) cpu_ns: u64,
    /// Bytes, merges of the store included.
    pub(crate) disk_bytes: u64,
}

impl Spent {
    /// Since the process began.
    pub(crate) fn now() -> Self {
        Self { cpu_ns: all_cpu_ns(), disk_bytes: written_bytes() }
    }
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu_ns: self.cpu_ns + other.cpu_ns, disk_bytes: self.disk_bytes + other.disk_bytes }
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { cpu_ns: self.cpu_ns - other.cpu_ns, disk_bytes: self.disk_bytes - other.disk_bytes }
    }
}

/// CPU time of this thread, ns.
pub(crate) fn thread_cpu_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn all_cpu_ns() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
    texts.filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

fn written_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}
