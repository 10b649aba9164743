//! `doctor`: everything the commands need, checked one by one.

use serde_json::{Value, json};

use crate::args::local::Doctor;
use crate::client::{Client, JSON, Request};
use crate::fault::{Exit, Fault, Outcome};
use crate::keys;
use crate::output::{Reply, View};
use crate::session::Session;
use crate::text::{Lang, say};
use crate::time::now_ms;

/// Greatest distance between this machine's clock and a node's, ms, that leaves transactions valid for long enough.
const CLOCK_MS_MAX: u64 = 60_000;

/// One check.
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
    /// How a run ends that fails here.
    exit: Exit,
}

pub(super) fn run(session: &Session, command: &Doctor) -> Outcome<Reply> {
    let mut checks = vec![profiles(session), randomness()];
    checks.extend(key(session, command));
    match session.client(&command.api) {
        Ok(client) => checks.extend(endpoints(&client)),
        Err(fault) => checks.push(failed("endpoints", &fault)),
    }
    let rows: Vec<Value> =
        checks.iter().map(|check| json!({ "check": check.name, "ok": check.ok, "detail": check.detail })).collect();
    let wrong = checks.iter().filter(|check| !check.ok).count();
    let mut reply = Reply::record(json!({ "version": env!("CARGO_PKG_VERSION"), "checks": rows }));
    reply.view = View::Rows { of: Some("checks"), columns: &["check", "ok", "detail"] };
    if wrong > 0 {
        let message = say!("{wrong} 项检查未通过。", "{wrong} checks failed.");
        let exits = || checks.iter().filter(|check| !check.ok).map(|check| check.exit);
        // What is wrong on this machine is mended first.
        let exit = exits().find(|exit| *exit != Exit::Network).or(exits().next()).unwrap_or(Exit::Usage);
        reply.fault = Some(Fault::new(exit, "CHECKS_FAILED", message));
    }
    Ok(reply)
}

fn failed(name: &'static str, fault: &Fault) -> Check {
    let causes = fault.causes_in(Lang::En).join("; ");
    Check { name, ok: false, detail: format!("{}: {causes}", fault.code), exit: fault.exit }
}

fn profiles(session: &Session) -> Check {
    match (Session::profiles_path(), session.profile()) {
        (Ok(path), Ok(_)) => {
            Check { name: "profiles", ok: true, detail: path.display().to_string(), exit: Exit::Usage }
        }
        (Err(fault), _) | (_, Err(fault)) => failed("profiles", &fault),
    }
}

fn randomness() -> Check {
    let mut bytes = [0_u8; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Check { name: "randomness", ok: true, detail: String::new(), exit: Exit::Usage },
        Err(error) => Check { name: "randomness", ok: false, detail: error.to_string(), exit: Exit::Usage },
    }
}

/// Opens the key that commands would sign with, if one is named.
fn key(session: &Session, command: &Doctor) -> Option<Check> {
    let path = keys::choose(session, command.key.as_ref()).ok()?;
    Some(match keys::open(session, &path, &command.password) {
        Ok(key) => Check {
            name: "key",
            ok: true,
            detail: format!("{} {}", path.display(), key.public_key()),
            exit: Exit::Usage,
        },
        Err(fault) => failed("key", &fault),
    })
}

fn endpoint(ok: bool, detail: String) -> Check {
    Check { name: "endpoint", ok, detail, exit: Exit::Network }
}

fn endpoints(client: &Client) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut chains: Vec<String> = Vec::new();
    let mut clock_off_ms = None;
    for url in client.urls() {
        let request = Request { path: "/v1/status", body: None, accept: JSON, until: client.deadline(), held: None };
        match client.send_to(url, request).map(|answer| (answer.status, answer.node_status())) {
            Ok((200, Ok(status))) => {
                let text = |name: &str| {
                    status.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                };
                let line = ["version", "role", "height", "certified_height", "peers"]
                    .iter()
                    .filter_map(|name| Some(format!("{name} {}", text(name)?)))
                    .collect::<Vec<_>>()
                    .join(", ");
                chains.extend(text("chain_id"));
                let block_ms = status.get("time_ms").and_then(Value::as_u64).unwrap_or_default();
                // An idle chain's newest block is old; only a clock that lags behind the chain shows for certain.
                clock_off_ms = clock_off_ms.max(Some(block_ms.saturating_sub(now_ms())));
                checks.push(endpoint(true, format!("{url}: {line}")));
            }
            Ok((200, Err(fault))) => {
                checks.push(endpoint(false, format!("{url}: {}", fault.code)));
            }
            Ok((status, _)) => checks.push(endpoint(false, format!("{url}: HTTP {status}"))),
            Err(error) => checks.push(endpoint(false, format!("{url}: {error}"))),
        }
    }
    if let Some(off_ms) = clock_off_ms {
        checks.push(Check {
            name: "clock",
            ok: off_ms <= CLOCK_MS_MAX,
            detail: format!("behind the chain by {off_ms} ms"),
            exit: Exit::Usage,
        });
    }
    chains.sort();
    chains.dedup();
    if !chains.is_empty() {
        checks.push(Check { name: "chain", ok: chains.len() == 1, detail: chains.join(", "), exit: Exit::Usage });
    }
    checks
}
