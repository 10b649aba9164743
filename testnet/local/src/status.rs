//! What is known of a node from outside: its process, and its own account of itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::layout::{Layout, NodeEntry, NodeRole};
use crate::process::{self, Runner};
use crate::{http, sockets};

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Its process runs and answers.
    Running,
    /// Its process runs, and it opens its store or executes its blocks again: it answers nothing else yet.
    Starting,
    /// Its process is halted by SIGSTOP.
    Paused,
    /// It does not run.
    Stopped,
    /// A process that is not on record runs on its data, or with its keys: it can be stopped only by hand.
    Stray,
    /// It runs from another folder of the network, and not from this one.
    Elsewhere,
}

/// What is known of a node now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeStatus {
    /// Its place.
    pub index: u32,
    /// What it is for.
    pub role: NodeRole,
    /// The organization that runs it.
    pub organization: Option<String>,
    /// Whether it runs.
    pub state: NodeState,
    /// Its process.
    pub pid: Option<u32>,
    /// Its public door.
    pub api: String,
    /// Its operator's door.
    pub admin: String,
    /// Its folder.
    pub dir: PathBuf,
    /// The other folder of the network that it runs from.
    pub runs_from: Option<PathBuf>,
    /// Its own account of itself (`/v1/status`), when it answers.
    pub status: Option<Value>,
}

/// What is known of a node now.
pub(crate) fn of_node(layout: &Layout, node: &NodeEntry) -> NodeStatus {
    let runner = process::runner(layout, node.index).unwrap_or(Runner::Nobody);
    let (state, pid) = match runner {
        Runner::Own(pid) if process::is_paused(pid) => (NodeState::Paused, Some(pid)),
        Runner::Own(pid) if is_starting(pid, node.api) => (NodeState::Starting, Some(pid)),
        Runner::Own(pid) => (NodeState::Running, Some(pid)),
        Runner::Stray(pid) => (NodeState::Stray, pid),
        Runner::Elsewhere(ref other) => (NodeState::Elsewhere, Some(other.pid)),
        Runner::Nobody => (NodeState::Stopped, None),
    };
    // What answers at the door may be another network's node.
    let status = match runner {
        Runner::Own(_) if state == NodeState::Running => at(node.api),
        Runner::Own(_) | Runner::Elsewhere(_) => None,
        Runner::Stray(_) | Runner::Nobody => at(node.api).filter(|status| is_of(status, node)),
    };
    let runs_from = match runner {
        Runner::Elsewhere(other) => Some(other.dir),
        Runner::Nobody | Runner::Own(_) | Runner::Stray(_) => None,
    };
    let state = if state == NodeState::Stopped && status.is_some() { NodeState::Stray } else { state };
    NodeStatus {
        index: node.index,
        role: node.role,
        organization: node.organization.clone(),
        state,
        pid,
        api: node.api_url(),
        admin: node.admin_url(),
        dir: layout.node(node.index),
        runs_from,
        status,
    }
}

/// What a node answers at its public door, when it does its work.
pub(crate) fn at(address: SocketAddr) -> Option<Value> {
    let (code, status) = http::ask(address, "/v1/status").ok()?;
    status.filter(|_| code == 200)
}

/// Whether a process has not opened its public door yet, or says there that it is starting.
fn is_starting(pid: u32, address: SocketAddr) -> bool {
    if !sockets::listens(pid, address) {
        return true;
    }
    match http::ask(address, "/v1/status") {
        Ok((503, Some(problem))) => {
            problem.get("code").and_then(Value::as_str) == Some(quancheng_types::problem::STARTING)
        }
        Ok(_) | Err(_) => false,
    }
}

/// Whether a status is that of this very node.
pub(crate) fn is_of(status: &Value, node: &NodeEntry) -> bool {
    status.get("node_id").and_then(Value::as_str) == Some(node.node_id.to_string().as_str())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers one question with a status line and a document.
    fn answer(listener: &TcpListener, status: &str, document: &str) {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        let length = document.len();
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{document}").unwrap();
    }

    #[test]
    fn a_node_starts_until_its_door_is_open_and_says_anything_else() {
        let own = std::process::id();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for (status, document, starting) in [
            ("503 Service Unavailable", r#"{"code":"STARTING"}"#, true),
            ("503 Service Unavailable", r#"{"code":"OVERLOADED"}"#, false),
            ("200 OK", r#"{"height":1}"#, false),
        ] {
            std::thread::scope(|scope| {
                scope.spawn(|| answer(&listener, status, document));
                assert_eq!(is_starting(own, address), starting, "{status} {document}");
            });
        }
        drop(listener);
        assert!(is_starting(own, address), "a process without its door is starting");
    }
}
