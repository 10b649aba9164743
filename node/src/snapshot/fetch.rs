//! Where a snapshot comes from: nodes over HTTP, or a folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use quancheng_state::export::{CHUNK_BYTES_MAX, ChunkEntry};
use quancheng_types::Height;
use serde::Deserialize;
use tracing::warn;

use super::manifest::MANIFEST_BYTES_MAX;
use super::{Manifest, SnapshotError, SnapshotFolder, SnapshotInfo};

/// Time for one answer: that of a chunk over a line of a megabit a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// A place that takes longer for a chunk is asked again only when the others had their turn: it may have a slow line, or mean to be one.
const SLOW: Duration = Duration::from_secs(5);
/// Time for a connection to be taken.
const CONNECT: Duration = Duration::from_secs(10);
/// Greatest length of a list of snapshots, bytes.
const LIST_BYTES_MAX: u64 = 1024 * 1024;
/// How often a source is asked again that is overloaded or does not answer at all, after a pause each time. One that is slow is not.
const RETRIES: u32 = 5;
/// Pause before the first time; twice as long each time after.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// One place that has snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        // A scheme is the same in either case of its letters (RFC 3986, section 3.1).
        match text.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest)) {
            Some((scheme, rest)) if scheme == "http" => {
                Ok(Self::Node(format!("http://{}", rest.trim_end_matches('/'))))
            }
            Some((scheme, _)) if scheme == "https" => Err(format!(
                "{text}: nodes answer over http; what they send is checked against the genesis, so no certificate is needed (请使用 http 地址)"
            )),
            Some(_) => {
                Err(format!("{text}: only http:// addresses and folders hold snapshots (仅支持 http:// 地址或文件夹)"))
            }
            None if is_host_and_port(text) && !Path::new(text).exists() => Err(format!(
                "{text} is no folder here; if it is the address of a node, write http://{text} (此处没有该文件夹；若为节点地址，请写 http://{text})"
            )),
            None => Ok(Self::Folder(PathBuf::from(text))),
        }
    }
}

/// Whether something looks like an address without its scheme.
fn is_host_and_port(text: &str) -> bool {
    let port = text.split('/').next().and_then(|address| address.rsplit_once(':'));
    port.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
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
    fn folder(path: &Path) -> SnapshotFolder {
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
    /// Snapshots in folders that are not what they should be.
    passed_over: Vec<(String, Height)>,
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
        Self { agent: config.into(), sources, passed_over: Vec::new(), failures: Vec::new() }
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
                        let name = source.to_string();
                        let is_open = |info: &SnapshotInfo| !self.passed_over.contains(&(name.clone(), info.height));
                        offers.extend(list.into_iter().filter(is_open).map(|info| (info, source.clone())));
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
                    let holders = same.filter(|(other, place)| {
                        // Who offers another list of the same height is not to blame for what this one says.
                        *place == source
                            || other.manifest_sha256 == info.manifest_sha256
                            || self.manifest(place, other, genesis).is_ok_and(|theirs| theirs.list == manifest.list)
                    });
                    let mut holders: Vec<Source> = holders.map(|(_, place)| place).collect();
                    // Who gave the manifest has to stand for it first.
                    let first = holders.iter().position(|place| *place == source).unwrap_or(0);
                    holders.rotate_left(first);
                    return Ok(Found { manifest, source, holders });
                }
                Err(error) => self.give_up(&source, info.height, &error),
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
            let begun = Instant::now();
            let error = match source.chunk(&self.agent, height, number) {
                Ok(bytes) if entry.is_of(&bytes) => {
                    if begun.elapsed() > SLOW {
                        found.holders.rotate_left(1);
                    }
                    return Ok(bytes);
                }
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
                self.give_up(&source, height, &error);
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

    /// Notes that a place gave something false. A node is asked no more; in a folder, only that snapshot is damaged.
    pub fn give_up(&mut self, source: &Source, height: Height, error: &SnapshotError) {
        match source {
            Source::Folder(_) => self.passed_over.push((source.to_string(), height)),
            Source::Node(_) => self.sources.retain(|other| other != source),
        }
        self.failed(source, error);
    }

    fn failed(&mut self, source: &Source, error: &SnapshotError) {
        warn!(%source, %error, "a source of snapshots is given up");
        self.failures.push((source.to_string(), error.en()));
    }
}
