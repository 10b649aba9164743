//! The few questions this crate asks its nodes.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Greatest answer, bytes.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// What a node answered: its status code and JSON, if it is JSON; or why there was no answer.
pub(crate) fn ask(address: SocketAddr, path: &str) -> Result<(u16, Option<Value>), ureq::Error> {
    let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).proxy(None).build();
    let agent = crate::threads::agent(config);
    let mut response = agent.get(format!("http://{address}{path}")).call()?;
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string()?;
    Ok((status, serde_json::from_str(&text).ok()))
}
