//! One place that has snapshots, and how it is asked: a node over HTTP, or a folder.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use quancheng_state::export::{CHUNK_BYTES_MAX, ChunkEntry};
use quancheng_types::Height;
use quancheng_types::hash::sha256;
use serde::Deserialize;

use super::manifest::MANIFEST_BYTES_MAX;
use super::{SnapshotError, SnapshotFolder, SnapshotInfo};

/// Time for a connection to be taken.
const CONNECT: Duration = Duration::from_secs(10);
/// Greatest length of a list of snapshots, bytes: a hundred of them, and a node has two.
const LIST_BYTES_MAX: u64 = 64 * 1024;
/// Heights of one place that are looked at, the newest ones: a node has two, and a folder may have been filled by hand.
pub(super) const HEIGHTS_MAX: usize = 4;
/// How often a place is asked again that is overloaded or does not answer at all, after a pause each time. One that is slow is not.
const RETRIES: u32 = 5;
/// Pause before the first time; twice as long each time after.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Characters that are shown of what a place says, which may be anything.
const SHOWN_MAX: usize = 200;

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

    /// An address with `http://` or without, else a folder.
    fn from_str(text: &str) -> Result<Self, String> {
        // Lists are written with a blank after the comma.
        let text = text.trim();
        if text.is_empty() {
            return Err("an address (http://HOST:PORT) or a folder is needed (须给出地址或文件夹)".to_owned());
        }
        // A scheme is the same in either case of its letters (RFC 3986, section 3.1).
        match text.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest)) {
            Some((scheme, rest)) if scheme == "http" => Ok(Self::at(rest)),
            Some((scheme, _)) if scheme == "https" => Err(format!(
                "{text}: nodes answer over http; what they send is checked against the genesis, so no certificate is needed (请使用 http 地址)"
            )),
            Some(_) => {
                Err(format!("{text}: only http:// addresses and folders hold snapshots (仅支持 http:// 地址或文件夹)"))
            }
            None if is_host_and_port(text) && !Path::new(text).exists() => Ok(Self::at(text)),
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

/// Why a place gave nothing that can be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// What it gave is not what it should be.
    False(SnapshotError),
    /// It gave nothing, or not in time.
    Silent(SnapshotError),
}

/// How places are asked, and how long for.
#[derive(Debug)]
pub(super) struct Asking {
    agent: ureq::Agent,
    /// Time for a manifest or a chunk, however often it is asked for.
    pub(super) answer: Duration,
    /// Time for a list.
    pub(super) list: Duration,
}

impl Asking {
    pub(super) fn within(answer: Duration, list: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .http_status_as_error(false)
            // No node redirects, and whoever does could have this machine ask for anything that only it can reach.
            .max_redirects(0)
            .build();
        Self { agent: config.into(), answer, list }
    }
}

/// What a node says of its snapshots.
#[derive(Debug, Deserialize)]
struct Offered {
    snapshots: Vec<SnapshotInfo>,
}

/// A list from outside as a set: of one height the first, and the newest heights alone, these first.
fn as_set(mut list: Vec<SnapshotInfo>) -> Vec<SnapshotInfo> {
    list.sort_by_key(|info| std::cmp::Reverse(info.height));
    list.dedup_by_key(|info| info.height);
    list.truncate(HEIGHTS_MAX);
    list
}

/// What a place says, as far as it can be shown in a line.
fn shown(text: &str) -> String {
    let line = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut cut: String = line.clone().take(SHOWN_MAX).collect();
    if line.count() > SHOWN_MAX {
        cut.push('…');
    }
    cut
}

impl Source {
    /// The node at an address; letters of a host are the same in either case.
    fn at(address: &str) -> Self {
        let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
        Self::Node(format!("http://{}{}", host.to_ascii_lowercase(), path.trim_end_matches('/')))
    }

    pub(super) fn no_answer(&self, en: impl fmt::Display, zh: impl fmt::Display) -> SnapshotError {
        SnapshotError::NoAnswer { source: self.to_string(), en: en.to_string(), zh: zh.to_string() }
    }

    fn silent(&self, en: impl fmt::Display, zh: impl fmt::Display) -> Fault {
        Fault::Silent(self.no_answer(en, zh))
    }

    /// The folder of snapshots that one names, whether it is one of them or holds them.
    fn folder(path: &Path) -> SnapshotFolder {
        let is_one = path.join("manifest").exists();
        SnapshotFolder::at(if is_one { path.parent().unwrap_or(path) } else { path })
    }

    /// What it offers: at most [`HEIGHTS_MAX`] heights, each once, the newest first.
    pub(super) fn list(&self, asking: &Asking) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        match self {
            Self::Folder(path) => self.list_folder(path).map(as_set),
            Self::Node(url) => {
                let (Fault::False(error) | Fault::Silent(error)) =
                    match self.get(asking, &format!("{url}/v1/snapshots"), LIST_BYTES_MAX, asking.list) {
                        Ok(bytes) => match serde_json::from_slice::<Offered>(&bytes) {
                            Ok(offered) => return Ok(as_set(offered.snapshots)),
                            Err(error) => self.silent(
                                format!("its list is not that of a node: {}", shown(&error.to_string())),
                                "其列表不是节点的答复",
                            ),
                        },
                        Err(fault) => fault,
                    };
                Err(error)
            }
        }
    }

    fn list_folder(&self, path: &Path) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        if !path.is_dir() {
            return Err(self.no_answer(
                "there is no such folder here; the address of a node is HOST:PORT or http://HOST:PORT",
                "此处没有该文件夹；节点地址应写作 主机:端口 或 http://主机:端口",
            ));
        }
        let folder = Self::folder(path);
        let all = folder.list()?;
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        // Of a folder that is one of them, only this one is meant.
        let meant = name.map(Height).filter(|_| path.join("manifest").exists());
        let is_meant = |height: Height| meant.is_none_or(|meant| meant == height);
        let found: Vec<SnapshotInfo> = all.into_iter().filter(|info| is_meant(info.height)).collect();
        match folder.heights()?.into_iter().rfind(|height| is_meant(*height)) {
            Some(height) if found.is_empty() => Err(self.no_answer(
                format!("the file snapshot.json of its height {height} is missing or damaged"),
                format!("其高度 {height} 的 snapshot.json 缺失或已损坏"),
            )),
            Some(_) | None => Ok(found),
        }
    }

    /// The manifest that it offers.
    pub(super) fn manifest(&self, asking: &Asking, info: &SnapshotInfo) -> Result<Vec<u8>, Fault> {
        let (height, max) = (info.height, u64::from(MANIFEST_BYTES_MAX));
        if info.manifest_bytes > max {
            return Err(Fault::False(SnapshotError::manifest(
                &format!("its manifest is said to have {} bytes, and none has more than {max}", info.manifest_bytes),
                &format!("其清单自称有 {} 字节，而清单不超过 {max} 字节", info.manifest_bytes),
            )));
        }
        let bytes = match self {
            Self::Folder(path) => match Self::folder(path).manifest(height) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Err(self.silent("its manifest is gone", "其清单已不存在")),
                Err(error) => return Err(Fault::Silent(error)),
            },
            Self::Node(url) => {
                let url = format!("{url}/v1/snapshots/{height}/manifest");
                self.get(asking, &url, info.manifest_bytes, asking.answer)?
            }
        };
        // Who offers the same digest has the same manifest, so it must be the one that was offered.
        if sha256(&[&bytes]) == info.manifest_sha256 {
            return Ok(bytes);
        }
        Err(Fault::False(SnapshotError::manifest("the manifest is not the one that was offered", "清单与所报的不符")))
    }

    /// A chunk as its manifest names it.
    pub(super) fn chunk(
        &self,
        asking: &Asking,
        height: Height,
        number: u64,
        entry: &ChunkEntry,
    ) -> Result<Vec<u8>, Fault> {
        let bytes = match self {
            Self::Folder(path) => match Self::folder(path).chunk(height, number) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    return Err(self.silent(format!("chunk {number} is not there"), format!("第 {number} 块不存在")));
                }
                Err(error) => return Err(Fault::Silent(error)),
            },
            Self::Node(url) => {
                let url = format!("{url}/v1/snapshots/{height}/chunks/{number}");
                self.get(asking, &url, entry.bytes.min(CHUNK_BYTES_MAX).into(), asking.answer)?
            }
        };
        if entry.is_of(&bytes) {
            return Ok(bytes);
        }
        Err(Fault::False(SnapshotError::manifest(
            &format!("chunk {number} is not the one that the manifest names"),
            &format!("第 {number} 块与清单所列不符"),
        )))
    }

    /// One answer of a node, of at most so many bytes. One that is overloaded is asked again, as long as there is time.
    fn get(&self, asking: &Asking, url: &str, bytes_max: u64, within: Duration) -> Result<Vec<u8>, Fault> {
        let until = Instant::now() + within;
        let mut pause = RETRY_PAUSE;
        let mut left = RETRIES;
        loop {
            let fault = match self.get_once(asking, url, bytes_max, until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => return Ok(bytes),
                Err(Failure { fault, is_passing: false }) => return Err(fault),
                Err(Failure { fault, is_passing: true }) => fault,
            };
            left -= 1;
            if left == 0 || Instant::now() + pause >= until {
                return Err(fault);
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
    }

    fn get_once(&self, asking: &Asking, url: &str, bytes_max: u64, within: Duration) -> Result<Vec<u8>, Failure> {
        let request = asking.agent.get(url).header("accept-language", "en");
        let answer = request.config().timeout_global(Some(within)).build().call();
        let mut answer = answer.map_err(|error| self.broken(url, &error))?;
        let status = answer.status();
        if status.is_redirection() {
            let to = answer.headers().get("location").map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
            let to = shown(&to.unwrap_or_default());
            return Err(Failure::lasting(self.silent(
                format!("{url} redirects to {to}, which no node does and which is not followed; if that is a node of yours, name it itself"),
                format!("{url} 重定向至 {to}；节点不会重定向，故不跟随；如该处确为可用节点，请直接填写其地址"),
            )));
        }
        if !status.is_success() {
            let fault = self.silent(format!("{url} answers {status}"), format!("{url} 返回 {status}"));
            return Err(Failure { fault, is_passing: status.is_server_error() });
        }
        let too_long = || {
            Failure::lasting(Fault::False(self.no_answer(
                format!("{url} gives more than the {bytes_max} bytes that it may have"),
                format!("{url} 的内容超过其应有的 {bytes_max} 字节"),
            )))
        };
        if answer.body().content_length().is_some_and(|length| length > bytes_max) {
            return Err(too_long());
        }
        // All at once, so that it is not copied as it grows.
        let mut bytes = Vec::with_capacity(usize::try_from(bytes_max).unwrap_or(0));
        let read = answer.body_mut().as_reader().take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| self.broken(url, &error.into()))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max) { Ok(bytes) } else { Err(too_long()) }
    }

    /// No answer, or half of one.
    fn broken(&self, url: &str, error: &ureq::Error) -> Failure {
        let is_passing = !matches!(error, ureq::Error::Timeout(_));
        let error = shown(&error.to_string());
        let fault = self.silent(format!("{url}: {error}"), format!("{url} 无完整应答（{error}）"));
        Failure { fault, is_passing }
    }
}

/// Why one answer is none, and whether it may be one when it is asked for again.
struct Failure {
    fault: Fault,
    is_passing: bool,
}

impl Failure {
    const fn lasting(fault: Fault) -> Self {
        Self { fault, is_passing: false }
    }
}
