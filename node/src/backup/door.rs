//! Asking the operator's door of a running node for a backup.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use quancheng_types::problem as codes;
use serde_json::Value;

use super::{BackupError, BackupStatus, Made};
use crate::config::NodeConfig;

/// Time for a connection to be taken, and for an answer: the door answers at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two questions whether the backup is made.
const POLL: Duration = Duration::from_millis(200);
/// Greatest size of an answer, bytes.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Has the node that runs on the data folder of this configuration make a backup, and waits for it.
pub(super) fn ask(config: &NodeConfig) -> Result<Made, BackupError> {
    let door = config.api.admin;
    let no_answer = |reason: String| BackupError::NoAnswer {
        data_dir: config.node.data_dir.clone(),
        door: door.to_string(),
        reason,
    };
    if door.port() == 0 {
        return Err(no_answer("the configuration lets the system choose its port".to_owned()));
    }
    let begun = match request(door, "POST", "/backup").map_err(|error| no_answer(error.to_string()))? {
        (202, document) => status(&document).ok_or_else(|| no_answer(format!("no answer of a node: {document}")))?,
        (code, document) => return Err(refused(door, code, &document)),
    };
    let mut now = begun;
    while let BackupStatus::Running { .. } = now {
        std::thread::sleep(POLL);
        let (_, document) = request(door, "GET", "/backup").map_err(|error| no_answer(error.to_string()))?;
        now = status(&document).ok_or_else(|| no_answer(format!("no answer of a node: {document}")))?;
    }
    match now {
        BackupStatus::Done { made, .. } => here(config, made).map_err(no_answer),
        BackupStatus::Failed { en, zh, .. } => Err(BackupError::Refused { door: door.to_string(), en, zh }),
        BackupStatus::Idle | BackupStatus::Running { .. } => {
            Err(no_answer("the node was started anew meanwhile".to_owned()))
        }
    }
}

fn status(document: &Value) -> Option<BackupStatus> {
    serde_json::from_value(document.clone()).ok()
}

/// A backup made by the node of another folder is not ours to move.
fn here(config: &NodeConfig, made: Made) -> Result<Made, String> {
    let own = std::fs::canonicalize(&config.node.data_dir).map_err(|error| error.to_string())?;
    if Path::new(&made.folder).starts_with(&own) {
        return Ok(made);
    }
    Err(format!("the node there has another data folder, and made its backup in {}", made.folder))
}

fn refused(door: SocketAddr, status: u16, problem: &Value) -> BackupError {
    let code = problem["code"].as_str().unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    let (en, zh) = match code {
        codes::BACKUP_RUNNING => return BackupError::Running,
        codes::STARTING => (detail.to_owned(), "节点正在启动，请稍后再试".to_owned()),
        codes::NO_SUCH_PATH => (
            "it is of a build that makes no backups; restart it with this one".to_owned(),
            "该节点的程序版本不支持备份，请以本程序重新启动".to_owned(),
        ),
        _ => (format!("{status} {code} {detail}"), format!("{status} {code} {detail}")),
    };
    BackupError::Refused { door: door.to_string(), en, zh }
}

/// One request to the operator's door: status and document.
pub(crate) fn request(door: SocketAddr, method: &str, path: &str) -> std::io::Result<(u16, Value)> {
    let address = match door.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), door.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), door.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => door,
    };
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\naccept-language: en\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| std::io::Error::other("what answers there is no node"))
}

fn parse(answer: &[u8]) -> Option<(u16, Value)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, serde_json::from_slice(&answer[end + 4..]).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_none_of_a_node_are_told_from_those_that_are() {
        let whole = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parse(whole), Some((202, serde_json::json!({}))));
        for cut in [0, 5, 12, 30, whole.len() - 1] {
            assert_eq!(parse(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(parse(b"SSH-2.0-x\r\n\r\n{}"), None);
    }
}
