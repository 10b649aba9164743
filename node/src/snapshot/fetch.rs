//! Where a snapshot comes from: nodes over HTTP, or a folder.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use quancheng_state::export::{CHUNK_BYTES_MAX, ChunkEntry};
use quancheng_types::Height;
use quancheng_types::hash::sha256;
use serde::Deserialize;
use tracing::warn;

use super::manifest::MANIFEST_BYTES_MAX;
use super::{Manifest, SnapshotError, SnapshotFolder, SnapshotInfo};

/// Time for one answer: that of a chunk over a line of a megabit a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for a connection to be taken.
const CONNECT: Duration = Duration::from_secs(10);
/// Greatest length of a list of snapshots, bytes.
const LIST_BYTES_MAX: u64 = 1024 * 1024;
/// How often a source is asked again that is overloaded or does not answer at all, after a pause each time. One that is slow is not.
const RETRIES: u32 = 5;
/// Pause before the first time; twice as long each time after.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// One place that has snapshots.
#[derive(Clone, Debug)]
pub enum Source {
    /// A folder of snapshots, or one of them.
    Folder(PathBuf),
    /// The public door of a node.
    Node(String),
}

impl FromStr for Source {
    type Err = String;

    /// An address with `http://`, else a folder.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an address (http://HOST:PORT) or a folder is needed (须给出地址或文件夹)".to_owned());
        }
        if text.starts_with("https://") {
            return Err(format!(
                "{text}: nodes answer over http; what they send is checked against the genesis, so no certificate is needed (请使用 http 地址)"
            ));
        }
        if text.starts_with("http://") {
            return Ok(Self::Node(text.trim_end_matches('/').to_owned()));
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Node(url) => f.write_str(url),
        }
    }
}

/// What a node says of its snapshots.
#[derive(Debug, Deserialize)]
struct Offered {
    snapshots: Vec<SnapshotInfo>,
}

impl Source {
    fn no_answer(&self, reason: impl fmt::Display) -> SnapshotError {
        SnapshotError::NoAnswer { source: self.to_string(), reason: reason.to_string() }
    }

    /// The folder of snapshots that one names, whether it is one of them or holds them.
    fn folder(path: &std::path::Path) -> SnapshotFolder {
        let is_one = path.join("manifest").exists();
        SnapshotFolder::at(if is_one { path.parent().unwrap_or(path) } else { path })
    }

    fn list(&self, agent: &ureq::Agent) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        match self {
            Self::Folder(path) => {
                let all = Self::folder(path).list()?;
                let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                // Of a folder that is one of them, only this one is meant.
                Ok(match name.map(Height).filter(|_| path.join("manifest").exists()) {
                    Some(height) => all.into_iter().filter(|info| info.height == height).collect(),
                    None => all,
                })
            }
            Self::Node(url) => {
                let bytes = self.get(agent, &format!("{url}/v1/snapshots"), LIST_BYTES_MAX)?;
                let offered: Offered = serde_json::from_slice(&bytes).map_err(|error| self.no_answer(error))?;
                Ok(offered.snapshots)
            }
        }
    }

    fn manifest(&self, agent: &ureq::Agent, height: Height) -> Result<Vec<u8>, SnapshotError> {
        match self {
            Self::Folder(path) => {
                Self::folder(path).manifest(height)?.ok_or_else(|| self.no_answer("its manifest is gone"))
            }
            Self::Node(url) => {
                self.get(agent, &format!("{url}/v1/snapshots/{height}/manifest"), MANIFEST_BYTES_MAX.into())
            }
        }
    }

    fn chunk(&self, agent: &ureq::Agent, height: Height, number: u64) -> Result<Vec<u8>, SnapshotError> {
        match self {
            Self::Folder(path) => {
                let chunk = Self::folder(path).chunk(height, number)?;
                chunk.ok_or_else(|| self.no_answer(format!("chunk {number} is not there")))
            }
            Self::Node(url) => {
                self.get(agent, &format!("{url}/v1/snapshots/{height}/chunks/{number}"), CHUNK_BYTES_MAX.into())
            }
        }
    }

    /// One answer of a node. One that is overloaded is asked again.
    fn get(&self, agent: &ureq::Agent, url: &str, bytes_max: u64) -> Result<Vec<u8>, SnapshotError> {
        let mut pause = RETRY_PAUSE;
        let mut left = RETRIES;
        loop {
            let answer = agent.get(url).header("accept-language", "en").call();
            let failure = match answer {
                Ok(mut answer) if answer.status().is_success() => {
                    match answer.body_mut().with_config().limit(bytes_max).read_to_vec() {
                        Ok(bytes) => return Ok(bytes),
                        Err(error @ ureq::Error::Timeout(_)) => return Err(self.no_answer(error)),
                        Err(error) => self.no_answer(error),
                    }
                }
                Ok(answer) if answer.status().as_u16() < 500 => {
                    return Err(self.no_answer(format!("{url} answers {}", answer.status())));
                }
                Ok(answer) => self.no_answer(format!("{url} answers {}", answer.status())),
                Err(error @ ureq::Error::Timeout(_)) => return Err(self.no_answer(error)),
                Err(error) => self.no_answer(error),
            };
            left -= 1;
            if left == 0 {
                return Err(failure);
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
    }
}

/// Places that are asked one after the other, and what became of them.
#[derive(Debug)]
pub struct Sources {
    agent: ureq::Agent,
    sources: Vec<Source>,
    failures: Vec<(String, String)>,
}

/// A manifest that follows from the genesis, and who gave it.
#[derive(Debug)]
pub struct Found {
    /// The manifest.
    pub manifest: Manifest,
    /// Who gave it first.
    pub source: Source,
    /// All that offer the same one, the first among them.
    holders: Vec<Source>,
}

impl Sources {
    /// Over these places, the earlier ones first.
    #[must_use]
    pub fn new(sources: Vec<Source>) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECT))
            .http_status_as_error(false)
            .build();
        Self { agent: config.into(), sources, failures: Vec::new() }
    }

    /// The newest snapshot that any place left offers, with a manifest that follows from the genesis. A place that offers a false one is told and
    /// not asked again.
    ///
    /// # Errors
    /// [`SnapshotError::NoSource`].
    pub fn newest(&mut self, genesis: &quancheng_types::Genesis) -> Result<Found, SnapshotError> {
        loop {
            let mut offers = Vec::new();
            for source in std::mem::take(&mut self.sources) {
                match source.list(&self.agent) {
                    Ok(list) if list.is_empty() => self.failed(&source, &source.no_answer("it has none")),
                    Ok(list) => {
                        offers.extend(list.into_iter().map(|info| (info, source.clone())));
                        self.sources.push(source);
                    }
                    Err(error) => self.failed(&source, &error),
                }
            }
            // The first place of those that offer the newest: a stable order.
            let Some((info, source)) = offers.iter().rev().max_by_key(|(info, _)| info.height).cloned() else {
                return Err(SnapshotError::NoSource { failures: std::mem::take(&mut self.failures) });
            };
            match self.manifest(&source, &info, genesis) {
                Ok(manifest) => {
                    let same = offers.into_iter().filter(|(other, _)| other.height == info.height);
                    let holders = same.map(|(_, source)| source).collect();
                    return Ok(Found { manifest, source, holders });
                }
                Err(error) => self.drop_source(&source, &error),
            }
        }
    }

    fn manifest(
        &self,
        source: &Source,
        info: &SnapshotInfo,
        genesis: &quancheng_types::Genesis,
    ) -> Result<Manifest, SnapshotError> {
        let manifest = Manifest::decode(&source.manifest(&self.agent, info.height)?)?;
        manifest.check(genesis)?;
        if manifest.height() == info.height {
            return Ok(manifest);
        }
        Err(SnapshotError::manifest("it is of another height than was offered", "其高度与所报高度不同"))
    }

    /// A chunk of a snapshot, from whichever place gives the one that the manifest names. Places that give another one are told.
    ///
    /// # Errors
    /// [`SnapshotError::NoSource`] when none does.
    pub fn chunk(&mut self, found: &mut Found, number: u64, entry: &ChunkEntry) -> Result<Vec<u8>, SnapshotError> {
        let (height, mut gone) = (found.manifest.height(), None);
        while let Some(source) = found.holders.first().cloned() {
            let error = match source.chunk(&self.agent, height, number) {
                Ok(bytes) if sha256(&[&bytes]) == entry.sha256 => return Ok(bytes),
                Ok(_) => SnapshotError::manifest(
                    &format!("chunk {number} is not the one that the manifest names"),
                    &format!("第 {number} 块与清单所列不符"),
                ),
                Err(error) => error,
            };
            found.holders.remove(0);
            // One that has it no more has a newer one, perhaps.
            if self.has_none(&source, height) {
                gone = Some(SnapshotError::Gone { source: source.to_string(), height });
            } else {
                self.drop_source(&source, &error);
            }
        }
        Err(gone.unwrap_or_else(|| SnapshotError::NoSource { failures: self.failures.clone() }))
    }

    /// Whether a place that answers has no snapshot of this height.
    fn has_none(&self, source: &Source, height: Height) -> bool {
        source.list(&self.agent).is_ok_and(|list| !list.iter().any(|info| info.height == height))
    }

    /// Who was given up so far, and why, in English.
    #[must_use]
    pub fn failures(&self) -> &[(String, String)] {
        &self.failures
    }

    /// Notes that a place gave something false, and asks it no more.
    pub fn drop_source(&mut self, source: &Source, error: &SnapshotError) {
        let name = source.to_string();
        self.sources.retain(|other| other.to_string() != name);
        self.failed(source, error);
    }

    fn failed(&mut self, source: &Source, error: &SnapshotError) {
        warn!(%source, %error, "a source of snapshots is given up");
        self.failures.push((source.to_string(), error.en()));
    }
}
