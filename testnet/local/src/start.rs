//! Making a network and bringing it up.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quancheng_proof::Checkpoint;
use quancheng_types::{Genesis, List, PublicKey, Suite, Text, Validator, ValidatorSet};
use serde_json::Value;

use crate::error::{Left, LocalError};
use crate::founding::{self, CANDIDATE_ORGANIZATION, FoundingOrganization};
use crate::keys::{self, KeyJob};
use crate::layout::{Layout, NodeEntry, NodeRole, Record};
use crate::process::Started;
use crate::settings::Settings;
use crate::unfinished::Founding;
use crate::waiting::Waiting;
use crate::{http, interrupt, node_file, ports, process, sockets};

/// Pause between two questions to a node that is not ready, at first.
const POLL: Duration = Duration::from_millis(50);
/// The longest pause.
const POLL_MOST: Duration = Duration::from_secs(1);
/// The part of the time waited so far that a pause takes.
const POLL_PART: u32 = 10;
/// Doors of one node: peers, public, operator.
const DOORS: usize = 3;

/// A node with the keys that were made for it.
struct Draft {
    entry: NodeEntry,
    keys: Vec<KeyJob>,
}

/// Makes the folder of a new network, or takes one that is there.
pub(crate) fn begin(settings: &Settings) -> Result<(Layout, Founding), LocalError> {
    settings.validate()?;
    let is_new = settings.dir.symlink_metadata().is_err();
    fs::create_dir_all(&settings.dir).map_err(LocalError::io("create", &settings.dir))?;
    let dir = fs::canonicalize(&settings.dir).map_err(LocalError::io("find", &settings.dir))?;
    let layout = Layout::new(dir);
    let founding = Founding::begin(&layout, is_new)?;
    Ok((layout, founding))
}

/// Makes keys, genesis and files of a new network. Nothing runs yet.
pub(crate) fn make(settings: &Settings, layout: &Layout, founding: &Founding) -> Result<Record, LocalError> {
    fs::create_dir(layout.keys()).map_err(LocalError::io("create", layout.keys()))?;
    founding.made(&layout.keys())?;
    let password = keys::make_password(&layout.password())?;
    founding.made(&layout.password())?;

    let drafts = draft_nodes(settings, layout, founding)?;
    let founders = founding::organizations(settings.validators)?
        .into_iter()
        .map(|founder| {
            let path = layout.keys().join(founding::key_file(&founder.org_id));
            Ok((founder, KeyJob::new(path)?))
        })
        .collect::<Result<Vec<_>, LocalError>>()?;

    let genesis = genesis(settings, &drafts, &founders)?;
    let mut record = Record::new(genesis.chain_id(), settings.chain_name.clone(), settings.quanchengd.clone());
    write_agreement(layout, genesis, founding)?;
    let mut jobs = Vec::new();
    for (founder, job) in founders {
        let name = job.path.strip_prefix(layout.dir()).map_or_else(|_| job.path.clone(), PathBuf::from);
        record.keys.insert(founder.org_id, name);
        jobs.push(job);
    }
    for draft in drafts {
        jobs.extend(draft.keys);
        let list = if draft.entry.role == NodeRole::Candidate { &mut record.reserve } else { &mut record.nodes };
        list.push(draft.entry);
    }
    keys::write_all(&jobs, &password, founding)?;
    for entry in record.nodes.iter().chain(&record.reserve) {
        let text = node_file::text(entry, &record.nodes, &record.reserve, &settings.log_level)?;
        let path = layout.config(entry.index);
        write_new(&path, &text)?;
        founding.made(&path)?;
    }
    layout.write(&record)?;
    founding.made(&layout.record())?;
    Ok(record)
}

fn draft_nodes(settings: &Settings, layout: &Layout, founding: &Founding) -> Result<Vec<Draft>, LocalError> {
    let roles = [
        (NodeRole::Validator, settings.validators),
        (NodeRole::Follower, settings.followers),
        (NodeRole::Candidate, settings.candidates),
    ];
    let roles: Vec<NodeRole> = roles.into_iter().flat_map(|(role, count)| (0..count).map(move |_| role)).collect();
    let ports = ports::free(roles.len() * DOORS)?;
    let mut drafts = Vec::with_capacity(roles.len());
    for ((index, role), doors) in (0_u32..).zip(roles).zip(ports.chunks_exact(DOORS)) {
        let dir = layout.node(index);
        fs::create_dir(&dir).map_err(LocalError::io("create", &dir))?;
        founding.made(&dir)?;
        let peer_key = KeyJob::new(dir.join("peer.key"))?;
        let node_id = keys::node_id(&peer_key.public_key())?;
        let mut jobs = vec![peer_key];
        let organization = match role {
            NodeRole::Validator => Some(founding::validator_organization(index)),
            NodeRole::Follower => None,
            NodeRole::Candidate => Some(CANDIDATE_ORGANIZATION.to_owned()),
        };
        let mut public_key = None;
        if organization.is_some() {
            let job = KeyJob::new(dir.join("validator.key"))?;
            public_key = Some(job.public_key());
            jobs.push(job);
        }
        let entry = NodeEntry {
            index,
            role,
            organization,
            node_id,
            public_key,
            peer: doors[0],
            api: doors[1],
            admin: doors[2],
        };
        drafts.push(Draft { entry, keys: jobs });
    }
    Ok(drafts)
}

fn genesis(
    settings: &Settings,
    drafts: &[Draft],
    founders: &[(FoundingOrganization, KeyJob)],
) -> Result<Genesis, LocalError> {
    let mut validators = Vec::new();
    for draft in drafts.iter().filter(|draft| draft.entry.role == NodeRole::Validator) {
        let entry = &draft.entry;
        let (Some(public_key), Some(organization)) = (entry.public_key, &entry.organization) else {
            continue;
        };
        let name =
            founders.iter().find(|(founder, _)| founder.org_id == *organization).map(|(founder, _)| founder.name_zh());
        let interest = format!("测试网络节点，由{}运行；未声明与待证事项有利害关系。", name.unwrap_or(organization));
        validators.push(Validator {
            public_key,
            power: 1,
            node_id: entry.node_id,
            organization: Text::new(organization.clone())?,
            interest: Text::new(interest)?,
        });
    }
    let founders: Vec<(FoundingOrganization, PublicKey)> =
        founders.iter().map(|(founder, job)| (founder.clone(), job.public_key())).collect();
    let genesis = Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new(settings.chain_name.clone())?,
        time_ms: now_ms(),
        parameters: settings.parameters,
        validators: ValidatorSet::new(validators)?,
        modules: List::new(founding::modules(&founders)?)?,
    };
    // Everything that a node would refuse in it is refused here, a key in two roles included.
    quancheng_contracts::check_genesis(&genesis)?;
    Ok(genesis)
}

/// Genesis and checkpoint files.
fn write_agreement(layout: &Layout, genesis: Genesis, founding: &Founding) -> Result<(), LocalError> {
    let path = layout.genesis();
    let text = serde_json::to_string_pretty(&genesis)
        .map_err(|error| LocalError::Record { path: path.clone(), reason: error.to_string() })?;
    write_new(&path, &(text + "\n"))?;
    founding.made(&path)?;
    let checkpoint = Checkpoint::from_genesis(genesis)?;
    let path = layout.checkpoint();
    write_new(&path, &checkpoint.to_json())?;
    founding.made(&path)
}

/// Writes a file where nothing is yet.
fn write_new(path: &Path, text: &str) -> Result<(), LocalError> {
    let mut file = fs::File::create_new(path).map_err(LocalError::io("create", path))?;
    file.write_all(text.as_bytes()).map_err(LocalError::io("write", path))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a node does its work, and what it waits for if it does not. Only its own process answers for it.
fn readiness(entry: &NodeEntry, pid: u32) -> Result<(), Waiting> {
    let index = entry.index;
    for address in [entry.admin, entry.api] {
        if !sockets::listens(pid, address) {
            return Err(Waiting::NotListening { index, pid, address });
        }
    }
    let no_answer = |url: String, reason: String| Waiting::NoAnswer { url, reason };
    let url = format!("{}/readyz", entry.admin_url());
    match http::ask(entry.admin, "/readyz") {
        Ok((200, _)) => {}
        Ok((_, Some(document))) if document.get("missing").is_some() => return Err(missing(index, &document)),
        Ok((status, _)) => return Err(no_answer(url, format!("status {status}"))),
        Err(error) => return Err(no_answer(url, error.to_string())),
    }
    let url = format!("{}/v1/status", entry.api_url());
    match http::ask(entry.api, "/v1/status") {
        Ok((200, Some(status))) => match status.get("height").and_then(Value::as_u64) {
            Some(height) if height >= 1 => Ok(()),
            Some(_) => Err(Waiting::NoBlock { index }),
            None => Err(no_answer(url, "it names no height".to_owned())),
        },
        Ok((status, _)) => Err(no_answer(url, format!("status {status}"))),
        Err(error) => Err(no_answer(url, error.to_string())),
    }
}

/// What a node that answers says is missing.
fn missing(index: u32, document: &Value) -> Waiting {
    let names = document.get("missing").and_then(Value::as_array);
    let names: Vec<String> = names.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect();
    let height = |name: &str| document.get(name).and_then(Value::as_u64).unwrap_or(0);
    if names.iter().any(|name| name == "started") {
        Waiting::Starting { index, executed: height("executed_height"), newest: height("height") }
    } else {
        Waiting::Missing { index, names }
    }
}

/// Waits until every node is ready and has a block. A node that ends in the meantime is reported with the end of its log.
pub(crate) fn await_ready(
    layout: &Layout,
    waiting: Vec<(NodeEntry, Started)>,
    timeout_ms: u64,
) -> Result<(), LocalError> {
    let begin = Instant::now();
    let mut waiting = waiting;
    loop {
        interrupt::check(layout.dir(), Left::Network)?;
        let mut reasons = Vec::new();
        let mut still = Vec::new();
        for (entry, mut started) in waiting {
            if let Ok(Some(status)) = started.child.try_wait() {
                let log = layout.log(entry.index);
                let tail = process::tail(&log, started.log_from);
                return Err(LocalError::NodeEnded { index: entry.index, status: status.to_string(), log, tail });
            }
            if let Err(reason) = readiness(&entry, started.child.id()) {
                reasons.push(reason);
                still.push((entry, started));
            }
        }
        waiting = still;
        if reasons.is_empty() {
            return Ok(());
        }
        let waited_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        if waited_ms > timeout_ms {
            return Err(LocalError::NotReady { waited_ms, reasons });
        }
        // Who has waited long can wait a little longer, and asking costs the nodes time too.
        thread::sleep((begin.elapsed() / POLL_PART).clamp(POLL, POLL_MOST));
    }
}
