//! What an operator sees of a join while it works: a source that gives nothing must not look like a program that hangs.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Manifest, Source};

/// Time between two lines about how far a join is.
pub(super) const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Takes a line for the operator.
type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// How far a join is.
#[derive(Debug, Default)]
struct Stand {
    /// Height, chunks and bytes of the snapshot that is fetched.
    whole: Option<(u64, u64, u64)>,
    chunks: u64,
    bytes: u64,
    /// Who gave the last chunk.
    giver: Option<String>,
    /// What is being waited for, in English and Chinese, from whom, and since when.
    asked: Option<(String, String, String, Instant)>,
}

impl Stand {
    fn line(&self) -> String {
        let (mut en, mut zh) = ("joining".to_owned(), "正在加入".to_owned());
        if let Some((height, chunks, bytes)) = self.whole {
            let (done, got) = (self.chunks, self.bytes);
            en = format!("snapshot of height {height}: {done} of {chunks} chunks, {got} of {bytes} bytes");
            zh = format!("高度 {height} 的快照：已取 {done}/{chunks} 块，{got}/{bytes} 字节");
        }
        match (&self.asked, &self.giver) {
            (Some((what_en, what_zh, who, since)), _) => {
                let seconds = since.elapsed().as_secs();
                en = format!("{en}; waiting for {what_en} from {who} for {seconds} s");
                zh = format!("{zh}；正在等待 {who} 的{what_zh}，已 {seconds} 秒");
            }
            (None, Some(giver)) => {
                en = format!("{en}, the last one from {giver}");
                zh = format!("{zh}，最近一块来自 {giver}");
            }
            (None, None) => {}
        }
        format!("{en} ({zh})")
    }
}

/// Tells an operator how far a join is: what happens at once, and where it stands every [`TOLD_EVERY`].
#[derive(Default)]
pub(super) struct Progress {
    stand: Arc<Mutex<Stand>>,
    tell: Option<Tell>,
    /// Ends the thread when it is dropped.
    ticker: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("stand", &self.stand).finish_non_exhaustive()
    }
}

impl Progress {
    /// Tells lines to somebody.
    pub(super) fn told_to(tell: Tell, every: Duration) -> Self {
        let stand = Arc::new(Mutex::new(Stand::default()));
        let (sender, receiver) = mpsc::channel();
        let (seen, teller) = (Arc::clone(&stand), Arc::clone(&tell));
        let work = move || {
            while let Err(RecvTimeoutError::Timeout) = receiver.recv_timeout(every) {
                let line = lock(&seen).line();
                teller(&line);
            }
        };
        // A system without a thread for it can join nevertheless.
        let ticker = std::thread::Builder::new().name("progress".to_owned()).spawn(work).ok();
        Self { stand, tell: Some(tell), ticker: ticker.map(|thread| (sender, thread)) }
    }

    /// Something that happened, at once.
    pub(super) fn say(&self, en: &str, zh: &str) {
        if let Some(tell) = &self.tell {
            tell(&format!("{en} ({zh})"));
        }
    }

    /// A snapshot is begun.
    pub(super) fn begins(&self, manifest: &Manifest, source: &Source) {
        let (height, bytes) = (manifest.height().0, manifest.list.bytes());
        let chunks = u64::try_from(manifest.list.chunks.len()).unwrap_or(u64::MAX);
        *lock(&self.stand) = Stand { whole: Some((height, chunks, bytes)), ..Stand::default() };
        self.say(
            &format!("fetching the snapshot of height {height}: {chunks} chunks, {bytes} bytes; its manifest is from {source}"),
            &format!("开始获取高度 {height} 的快照：{chunks} 块，{bytes} 字节；清单来自 {source}"),
        );
    }

    /// Somebody is asked.
    pub(super) fn asks(&self, source: &Source, en: impl fmt::Display, zh: impl fmt::Display) {
        lock(&self.stand).asked = Some((en.to_string(), zh.to_string(), source.to_string(), Instant::now()));
    }

    /// Whoever was asked has answered.
    pub(super) fn answered(&self) {
        lock(&self.stand).asked = None;
    }

    /// A chunk is there.
    pub(super) fn took(&self, source: &Source, bytes: usize) {
        let mut stand = lock(&self.stand);
        stand.chunks += 1;
        stand.bytes = stand.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        stand.giver = Some(source.to_string());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.ticker.take() {
            drop(sender);
            // It holds nothing, and tells nothing after it.
            let _ = thread.join();
        }
    }
}

fn lock(stand: &Mutex<Stand>) -> MutexGuard<'_, Stand> {
    stand.lock().unwrap_or_else(PoisonError::into_inner)
}
