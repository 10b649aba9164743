//! `testnet`: local networks of real processes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader};

use quancheng_testnet_local::{LocalError, Network, NodeState, NodeStatus, Settings, find_quanchengd};
use quancheng_types::Parameters;
use serde_json::{Value, json};

use crate::args::local::{Testnet, TestnetIndex, TestnetLogs, TestnetStart};
use crate::commands::governance::set;
use crate::fault::{Exit, Fault, Outcome};
use crate::messages::words;
use crate::output::{Reply, View};
use crate::session::Session;
use crate::text::say;
use crate::time::duration_ms;

pub(super) fn run(session: &Session, command: &Testnet) -> Outcome<Reply> {
    match command {
        Testnet::Start(start) => begin(session, start),
        Testnet::Status(dir) => {
            let network = open(&dir.dir)?;
            let nodes = network.status();
            Ok(overview(&network, &nodes))
        }
        Testnet::Stop(dir) => {
            let report = open(&dir.dir)?.stop().map_err(|error| fault(&error))?;
            let is_idle = report.stopped.is_empty() && report.killed.is_empty() && report.stray.is_empty();
            let mut reply = Reply::record(json!(report));
            if let Some(stray) = report.stray.first() {
                let stays = fault(&LocalError::Stray { index: stray.index, pid: stray.pid });
                reply.fault = Some(Fault { exit: Exit::Network, code: "STILL_RUNNING".to_owned(), ..stays });
            }
            Ok(if is_idle { reply.headline(say!("没有节点在运行。", "No node was running.")) } else { reply })
        }
        Testnet::Up(up) => {
            let network = open(&up.dir)?;
            network.resume(duration_ms(up.timeout)).map_err(|error| fault(&error))?;
            Ok(overview(&network, &network.status()))
        }
        Testnet::Kill(node) => signal(node, "killed", Network::kill),
        Testnet::Pause(node) => signal(node, "paused", Network::pause_node),
        Testnet::Resume(node) => signal(node, "resumed", Network::resume_node),
        Testnet::StartNode(start) => {
            let timeout_ms = duration_ms(start.timeout);
            signal(&start.node, "started", |network, index| network.start_node(index, timeout_ms))
        }
        Testnet::Wipe(node) => {
            open(&node.dir)?.wipe_node(node.index).map_err(|error| fault(&error))?;
            let (index, dir) = (node.index, node.dir.display());
            Ok(Reply::record(json!({ "index": index, "action": "wiped" })).headline(say!(
                "节点 {index} 的数据已清除（密钥与配置保留）；用 `quancheng testnet start-node --dir {dir} --index {index}` 启动后将自行同步。",
                "The data of node {index} are gone, its keys and its file are kept; `quancheng testnet start-node --dir {dir} --index {index}` starts it and it catches up."
            )))
        }
        Testnet::Logs(logs) => show_log(logs),
        Testnet::AddValidator(add) => {
            let candidate = open(&add.dir)?.add_validator(duration_ms(add.timeout)).map_err(|error| fault(&error))?;
            Ok(Reply::record(json!(candidate)).headline(say!(
                "候选节点已启动并同步；用 `quancheng governance propose add-validator` 提案后方可表决加入。",
                "The candidate runs and follows; it votes once `quancheng governance propose add-validator` has been accepted."
            )))
        }
    }
}

fn open(dir: &std::path::Path) -> Outcome<Network> {
    Network::open(dir).map_err(|error| fault(&error))
}

fn begin(session: &Session, start: &TestnetStart) -> Outcome<Reply> {
    let program = find_quanchengd(start.quanchengd.as_deref()).map_err(|error| fault(&error))?;
    let mut settings = Settings::new(&start.dir, program);
    settings.validators = start.validators;
    settings.followers = start.followers;
    settings.candidates = start.candidates;
    settings.log_level.clone_from(&start.log_level);
    settings.ready_timeout_ms = duration_ms(start.timeout);
    if let Some(name) = &start.chain_name {
        settings.chain_name.clone_from(name);
    }
    settings.parameters = parameters(settings.parameters, &start.parameters)?;
    let (validators, followers) = (settings.validators, settings.followers);
    session.note(&say!(
        "正在生成密钥与创世并启动 {validators} 个验证节点、{followers} 个跟随节点……",
        "Making keys and genesis, starting {validators} validators and {followers} followers…"
    ));
    let network = Network::start(&settings).map_err(|error| fault(&error))?;
    Ok(overview(&network, &network.status()))
}

fn parameters(defaults: Parameters, changes: &[String]) -> Outcome<Parameters> {
    let failed = |error: serde_json::Error| {
        Fault::usage("BAD_PARAMETER", say!("参数无效。", "A parameter is not valid.")).cause(error)
    };
    let mut fields = serde_json::to_value(defaults).map_err(failed)?.as_object().cloned().unwrap_or_default();
    changes.iter().try_for_each(|text| set(&mut fields, text))?;
    serde_json::from_value(Value::Object(fields)).map_err(failed)
}

fn overview(network: &Network, nodes: &[NodeStatus]) -> Reply {
    let rows: Vec<Value> = nodes
        .iter()
        .map(|node| {
            let of = |name: &str| node.status.as_ref().and_then(|status| status.get(name)).cloned();
            json!({
                "index": node.index, "role": node.role, "organization": node.organization, "state": node.state, "pid": node.pid,
                "api": node.api, "admin": node.admin, "dir": node.dir,
                "height": of("height"), "executed_height": of("executed_height"), "certified_height": of("certified_height"),
                "state_root": of("state_root"), "history_root": of("history_root"), "peers": of("peers"),
            })
        })
        .collect();
    let running = nodes.iter().filter(|node| node.state == NodeState::Running).count();
    let data = json!({
        "chain_id": network.record().chain_id,
        "chain_name": network.record().chain_name,
        "checkpoint": network.checkpoint(),
        "password_file": network.password_file(),
        "running": running,
        "nodes": rows,
        "keys": network.keys(),
    });
    let mut reply = Reply::record(data);
    reply.view =
        View::Rows { of: Some("nodes"), columns: &["index", "role", "state", "pid", "height", "api", "admin", "dir"] };
    let (chain_id, checkpoint) = (network.record().chain_id, network.checkpoint());
    let (checkpoint, password) = (checkpoint.display(), network.password_file());
    let password = password.display();
    reply.headline(say!(
        "链 {chain_id}\n检查点 {checkpoint}\n密码文件 {password}",
        "chain {chain_id}\ncheckpoint {checkpoint}\npassword file {password}"
    ))
}

fn signal(
    node: &TestnetIndex,
    done: &str,
    act: impl FnOnce(&Network, u32) -> Result<u32, LocalError>,
) -> Outcome<Reply> {
    let pid = act(&open(&node.dir)?, node.index).map_err(|error| fault(&error))?;
    Ok(Reply::record(json!({ "index": node.index, "pid": pid, "action": done })))
}

fn show_log(logs: &TestnetLogs) -> Outcome<Reply> {
    let path = open(&logs.node.dir)?.log(logs.node.index).map_err(|error| fault(&error))?;
    let file = File::open(&path).map_err(|error| Fault::file(&path, &error))?;
    let mut lines = VecDeque::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| Fault::file(&path, &error))?;
        if lines.len() == logs.lines {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(&line).into_owned());
    }
    let lines: Vec<String> = lines.into_iter().collect();
    let text = lines.join("\n");
    Ok(Reply::text(json!({ "file": path, "lines": lines }), text))
}

fn fault(error: &LocalError) -> Fault {
    let (exit, code) = match error {
        LocalError::Setting { .. } => (Exit::Usage, "BAD_SETTING"),
        LocalError::Exists { .. } => (Exit::Usage, "NETWORK_EXISTS"),
        LocalError::NoNetwork { .. } => (Exit::NotFound, "NO_NETWORK"),
        LocalError::Unfinished { .. } => (Exit::Usage, "NETWORK_UNFINISHED"),
        LocalError::InTheWay { .. } => (Exit::Usage, "IN_THE_WAY"),
        LocalError::Stray { .. } => (Exit::Usage, "RUNNING"),
        LocalError::BeingMade { .. } => (Exit::Usage, "IN_USE"),
        LocalError::PortTaken { .. } => (Exit::Usage, "PORT_TAKEN"),
        LocalError::NoNode { .. } => (Exit::NotFound, "NO_NODE"),
        LocalError::NoProgram { .. } => (Exit::NotFound, "NO_QUANCHENGD"),
        LocalError::NotRunning { .. } => (Exit::NotFound, "NOT_RUNNING"),
        LocalError::NoCandidate => (Exit::NotFound, "NO_CANDIDATE"),
        LocalError::Running { .. } => (Exit::Usage, "RUNNING"),
        LocalError::NodeEnded { .. } => (Exit::Network, "NODE_ENDED"),
        LocalError::NotReady { .. } => (Exit::Timeout, "NOT_READY"),
        LocalError::NoPorts { .. } => (Exit::Network, "NO_PORTS"),
        LocalError::Init { .. } | LocalError::Spawn { .. } => (Exit::Network, "NODE_NOT_STARTED"),
        LocalError::Signal { .. } | LocalError::StillRunning { .. } => (Exit::Network, "SIGNAL"),
        LocalError::Record { .. } => (Exit::Usage, "DAMAGED_RECORD"),
        LocalError::Io { .. } => (Exit::Usage, "FILE"),
        LocalError::Key(_) | LocalError::NoRandomness => (Exit::Usage, "KEY_FILE"),
        LocalError::Samples { .. }
        | LocalError::TooLong(_)
        | LocalError::Content(_)
        | LocalError::Validators(_)
        | LocalError::Genesis(_)
        | LocalError::Checkpoint(_) => (Exit::Usage, "BAD_GENESIS"),
    };
    let mut fault = Fault::new(exit, code, words::local(error));
    if let Some(cause) = words::cause(error) {
        fault = fault.cause(cause);
    }
    if let LocalError::Running { index, .. } = error {
        fault = fault.hint(say!(
            "如需停止：`quancheng testnet kill --dir 目录 --index {index}`。",
            "To end it: `quancheng testnet kill --dir DIR --index {index}`."
        ));
    }
    fault
}
