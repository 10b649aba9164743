//! `testnet`: local networks of real processes.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use quancheng_testnet_local::{LocalError, Network, NodeState, NodeStatus, Removal, Settings, find_quanchengd, stop};
use quancheng_types::Parameters;
use serde_json::{Value, json};

use crate::args::local::{Testnet, TestnetIndex, TestnetLogs, TestnetRemove, TestnetStart};
use crate::commands::governance::set;
use crate::fault::{Exit, Fault, Outcome};
use crate::interrupt::{self, Hold, Left};
use crate::messages::{local_hint, words};
use crate::output::{Reply, View};
use crate::session::Session;
use crate::text::{Text, printable, say};
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
            let report = stop(&dir.dir).map_err(|error| fault(&error))?;
            let goes_on = !report.stray.is_empty() || !report.elsewhere.is_empty();
            let is_idle = report.stopped.is_empty() && report.killed.is_empty() && !goes_on;
            let mut reply = told(Reply::record(json!(report)), report.without_record);
            if let Some(stray) = report.stray.first() {
                let stays = fault(&LocalError::Stray { index: stray.index, pid: stray.pid });
                reply.fault = Some(Fault { exit: Exit::Network, code: "STILL_RUNNING".to_owned(), ..stays });
            } else if !report.elsewhere.is_empty() {
                let dir = std::fs::canonicalize(&dir.dir).unwrap_or_else(|_| dir.dir.clone());
                let stays = fault(&LocalError::Elsewhere { dir, nodes: report.elsewhere });
                reply.fault = Some(Fault { exit: Exit::Network, code: "STILL_RUNNING".to_owned(), ..stays });
            }
            Ok(if is_idle { reply.headline(say!("没有节点在运行。", "No node was running.")) } else { reply })
        }
        Testnet::Remove(command) => remove(command),
        Testnet::Up(up) => {
            let _hold = under_way(&up.dir);
            let network = open(&up.dir)?;
            network.resume(duration_ms(up.timeout)).map_err(|error| fault(&error))?;
            Ok(overview(&network, &network.status()))
        }
        Testnet::Kill(node) => signal(node, "killed", Network::kill),
        Testnet::Pause(node) => signal(node, "paused", Network::pause_node),
        Testnet::Resume(node) => signal(node, "resumed", Network::resume_node),
        Testnet::StartNode(start) => {
            let timeout_ms = duration_ms(start.timeout);
            let _hold = under_way(&start.node.dir);
            signal(&start.node, "started", |network, index| network.start_node(index, timeout_ms))
        }
        Testnet::Wipe(node) => {
            let _hold = under_way(&node.dir);
            open(&node.dir)?.wipe_node(node.index).map_err(|error| fault(&error))?;
            let (index, dir) = (node.index, node.dir.display());
            Ok(Reply::record(json!({ "index": index, "action": "wiped" })).headline(say!(
                "节点 {index} 的数据已清除（密钥与配置保留）；用 `quancheng testnet start-node --dir {dir} --index {index}` 启动后将自行同步。",
                "The data of node {index} are gone, its keys and its file are kept; `quancheng testnet start-node --dir {dir} --index {index}` starts it and it catches up."
            )))
        }
        Testnet::Logs(logs) => show_log(logs),
        Testnet::AddValidator(add) => {
            let _hold = under_way(&add.dir);
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
    let _hold = interrupt::wind_down({
        let dir = start.dir.display().to_string();
        move || {
            Some(Left::new(say!(
                "{dir} 中可能留有未建成的网络或运行中的节点：`quancheng testnet status --dir {dir}` 查看，`quancheng testnet remove --dir {dir} --yes` 清除。",
                "{dir} may hold half a network, or nodes that run: see `quancheng testnet status --dir {dir}`; `quancheng testnet remove --dir {dir} --yes` is rid of it."
            )))
        }
    });
    let network = Network::start(&settings).map_err(|error| fault(&error))?;
    Ok(overview(&network, &network.status()))
}

/// Work on a network that is there; what a second signal says that does not wait for its end.
fn under_way(dir: &Path) -> Hold {
    let dir = dir.display().to_string();
    interrupt::wind_down(move || {
        Some(Left::new(say!(
            "{dir} 中的操作未完成：`quancheng testnet status --dir {dir}` 查看各节点。",
            "What was done in {dir} is not finished: see `quancheng testnet status --dir {dir}`."
        )))
    })
}

/// Shows what would be removed, or removes it.
fn remove(command: &TestnetRemove) -> Outcome<Reply> {
    let plan = Removal::plan(&command.dir).map_err(|error| fault(&error))?;
    let (shown, count) = (plan.dir.display(), plan.paths.len());
    let untouched = |reply: Reply| match home_of(plan.elsewhere.iter().map(|node| &node.dir)) {
        Some(home) => reply.headline(copy_of(&home)),
        None => reply,
    };
    if !command.yes {
        let mut reply = untouched(told(Reply::record(json!(plan)), plan.without_record)).headline(say!(
            "将停止下列节点并删除 {shown} 及其中 {count} 项（数据目录计为一项）：",
            "These nodes would be stopped, and {shown} removed with {count} entries in it (a data folder is one):"
        ));
        let message = say!("尚未停止或删除任何内容。", "Nothing was stopped or removed.");
        let hint = say!(
            "确认删除请加 --yes；密钥一并删除，无法恢复。",
            "Add --yes to do it; the keys go too and cannot be had back."
        );
        reply.fault = Some(Fault::usage("NOT_CONFIRMED", message).hint(hint));
        return Ok(reply);
    }
    let dir = plan.dir.display().to_string();
    let _hold = interrupt::wind_down(move || {
        Some(Left::new(say!(
            "{dir} 只删除了一部分：再次运行 `quancheng testnet remove --dir {dir} --yes`。",
            "{dir} is removed in part: run `quancheng testnet remove --dir {dir} --yes` again."
        )))
    });
    let report = plan.carry_out().map_err(|error| fault(&error))?;
    let data = json!({
        "dir": plan.dir, "stopped": report.stopped, "killed": report.killed, "removed": count,
        "without_record": report.without_record,
    });
    Ok(untouched(told(Reply::record(data), report.without_record))
        .headline(say!("网络已删除。", "The network is removed.")))
}

/// The other folder from which a network runs.
fn home_of<'a>(mut dirs: impl Iterator<Item = &'a PathBuf>) -> Option<String> {
    dirs.next().map(|dir| dir.display().to_string())
}

/// What is told of a folder whose network runs from another one.
fn copy_of(home: &str) -> Text {
    say!(
        "本目录与 {home} 是同一网络的两份目录，其一复制自另一；节点由 {home} 运行，不由本目录运行，对本目录的操作不影响它们。停止它们：`quancheng testnet stop --dir {home}`。",
        "This folder and {home} are two copies of one network; its nodes run from {home} and not from here, and what is done here leaves them alone. To stop them: `quancheng testnet stop --dir {home}`."
    )
}

/// Says that nodes were found without the record of their network.
fn told(reply: Reply, without_record: bool) -> Reply {
    if !without_record {
        return reply;
    }
    reply.headline(say!(
        "网络记录缺失或已损坏：节点依目录中的节点文件夹认定。",
        "The record of the network is missing or damaged: its nodes are those whose folders are there."
    ))
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
            // What another process answers at the door of this node is about another network.
            let own = node.status.as_ref().filter(|_| node.state != NodeState::Stray);
            let runs_from = &node.runs_from;
            let of = |name: &str| own.and_then(|status| status.get(name)).cloned();
            json!({
                "index": node.index, "role": node.role, "organization": node.organization, "state": node.state, "pid": node.pid,
                "api": node.api, "admin": node.admin, "dir": node.dir, "runs_from": runs_from,
                "height": of("height"), "executed_height": of("executed_height"), "certified_height": of("certified_height"),
                "state_root": of("state_root"), "history_root": of("history_root"), "peers": of("peers"),
            })
        })
        .collect();
    let running = nodes.iter().filter(|node| node.state == NodeState::Running).count();
    // What is not there is not named as something to use.
    let (checkpoint, password) = (present(network.checkpoint()), present(network.password_file()));
    let (keys, lost): (BTreeMap<_, _>, BTreeMap<_, _>) =
        network.keys().into_iter().partition(|(_, path)| path.is_file());
    let data = json!({
        "chain_id": network.record().chain_id,
        "chain_name": network.record().chain_name,
        "checkpoint": checkpoint,
        "password_file": password,
        "running": running,
        "nodes": rows,
        "keys": keys,
    });
    let mut reply = Reply::record(data);
    reply.view =
        View::Rows { of: Some("nodes"), columns: &["index", "role", "state", "pid", "height", "api", "admin", "dir"] };
    let chain_id = network.record().chain_id;
    let reply = reply
        .headline(say!("链 {chain_id}", "chain {chain_id}"))
        .headline(checkpoint_line(checkpoint.as_deref()))
        .headline(password_line(password.as_deref()));
    let reply = lost.into_values().fold(reply, |reply, path| {
        let path = path.display();
        reply.headline(say!("密钥文件 {path} 缺失", "the key file {path} is missing"))
    });
    if let Some(home) = home_of(nodes.iter().filter_map(|node| node.runs_from.as_ref())) {
        return reply.headline(copy_of(&home));
    }
    if !nodes.iter().any(|node| node.state == NodeState::Stray) {
        return reply;
    }
    reply.headline(say!(
        "stray：该节点的端口或数据由本目录未登记的进程占用；若本目录是另一网络的副本，所见进程属于那一网络，此处不显示其高度。",
        "stray: a process that this folder has not on record holds the door or the data of the node; if the folder is a copy of another \
         network, the process is of that one, and its height is not shown here."
    ))
}

fn present(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}

fn checkpoint_line(checkpoint: Option<&Path>) -> Text {
    match checkpoint.map(Path::display) {
        Some(path) => say!("检查点 {path}", "checkpoint {path}"),
        None => say!(
            "检查点文件缺失：可用 `quancheng chain checkpoint --api 接口 --out 文件` 另行取得",
            "the checkpoint file is missing: `quancheng chain checkpoint --api URL --out FILE` gets another"
        ),
    }
}

fn password_line(password: Option<&Path>) -> Text {
    match password.map(Path::display) {
        Some(path) => say!("密码文件 {path}", "password file {path}"),
        None => say!(
            "密码文件缺失：没有它，本网络的密钥文件无法打开，已停止的节点无法启动；请用副本恢复",
            "the password file is missing: without it no key file of this network is opened, and no node that has stopped starts; restore it from a copy"
        ),
    }
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
    let text = lines.iter().map(|line| printable(line, true)).collect::<Vec<_>>().join("\n");
    Ok(Reply::text(json!({ "file": path, "lines": lines }), text))
}

fn fault(error: &LocalError) -> Fault {
    let (exit, code) = match error {
        LocalError::Setting { .. } => (Exit::Usage, "BAD_SETTING"),
        LocalError::Exists { .. } => (Exit::Usage, "NETWORK_EXISTS"),
        LocalError::NoNetwork { .. } => (Exit::NotFound, "NO_NETWORK"),
        LocalError::Unfinished { .. } => (Exit::Usage, "NETWORK_UNFINISHED"),
        LocalError::InTheWay { .. } => (Exit::Usage, "IN_THE_WAY"),
        LocalError::Interrupted { .. } => (Exit::Interrupted, "INTERRUPTED"),
        LocalError::Foreign { .. } => (Exit::Usage, "FOREIGN_FILE"),
        LocalError::Stray { .. } => (Exit::Usage, "RUNNING"),
        LocalError::Elsewhere { .. } => (Exit::Usage, "RUNS_ELSEWHERE"),
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
    let fault = Fault::new(exit, code, words::local(error)).hint(local_hint(error));
    words::cause(error).into_iter().fold(fault, Fault::cause_in)
}
