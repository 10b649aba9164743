//! `quanchengd snapshot`: asks the operator's door of the node that runs.

use std::time::Duration;

use quancheng_types::problem as codes;
use serde_json::Value;

use super::{SnapshotError, SnapshotInfo, SnapshotStatus};
use crate::backup::door::request;
use crate::config::NodeConfig;

/// Pause between two questions whether the snapshot is made.
const POLL: Duration = Duration::from_millis(200);

/// Has the node of this configuration, which runs, make a snapshot, and waits for it.
///
/// # Errors
/// [`SnapshotError`].
pub fn take(config: &NodeConfig) -> Result<SnapshotInfo, SnapshotError> {
    let door = config.api.admin;
    let no_answer = |reason: String| SnapshotError::NotRunning { door: door.to_string(), reason };
    let ask = |method| request(door, method, "/snapshot").map_err(|error| no_answer(error.to_string()));
    let status = |document: &Value| {
        let read = serde_json::from_value::<SnapshotStatus>(document.clone());
        read.map_err(|_| no_answer(format!("no answer of a node: {document}")))
    };
    let mut now = match ask("POST")? {
        (202, document) => status(&document)?,
        (_, document) if document["code"] == codes::SNAPSHOT_RUNNING => return Err(SnapshotError::Running),
        (code, document) => {
            return Err(no_answer(format!("{code} {}", document["detail"].as_str().unwrap_or_default())));
        }
    };
    loop {
        match now {
            SnapshotStatus::Running { .. } => std::thread::sleep(POLL),
            SnapshotStatus::Done { made, .. } => return Ok(made),
            SnapshotStatus::Failed { en, zh, .. } => return Err(SnapshotError::Refused { en, zh }),
            SnapshotStatus::Idle => return Err(no_answer("the node was started anew meanwhile".to_owned())),
        }
        now = status(&ask("GET")?.1)?;
    }
}
