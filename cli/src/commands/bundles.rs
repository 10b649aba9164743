//! `bundle refresh`, `bundle cut`, `bundle compare` and `checkpoint pin`: what those who hold bundles do with them.
//!
//! Nothing here says what a bundle proves; `verify` does.

use std::path::Path;

use quancheng_contracts::{StateKey, describe_entry};
use quancheng_proof::commitment::{EVIDENCE_MODULE, EVIDENCE_RECORD_TABLE};
use quancheng_proof::{
    Assessment, Bundle, Checkpoint, Claim, ConflictError, Fork, ForkKind, ItemOpening, ItemsOpening, Step, conflict,
    verify_bundle,
};
use quancheng_types::{Height, List};
use serde_json::{Value, json};

use crate::args::evidence::{BundleCompare, BundleCut, BundleRefresh, CheckpointPin};
use crate::client::{Client, with_query};
use crate::commands::evidence::{self, BUNDLE_FILE_BYTES_MAX};
use crate::commands::verify::checkpoint;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::output::Reply;
use crate::session::Session;
use crate::submit::insert;
use crate::text::say;

/// Any bundle shows the newest certified header; this one is always there, as presence or absence.
const ANY_BUNDLE: &str = "/v1/bundles/registrations/1";

fn read(path: &Path) -> Outcome<Bundle> {
    evidence::decode(&files::read_plain(path, BUNDLE_FILE_BYTES_MAX)?)
}

/// Writes a bundle where nothing is yet; the reply says what it holds.
fn save(bundle: &Bundle, out: &Path, is_json: bool) -> Outcome<Reply> {
    let bytes = evidence::form(bundle, is_json);
    files::write_new_private(out, &bytes)?;
    let mut data = evidence::describe(bundle);
    insert(&mut data, "file", json!(out));
    insert(&mut data, "bytes", json!(bytes.len()));
    Ok(Reply::record(data))
}

/// The same claims under a newer header, with the salts of the old bundle.
pub(super) fn refresh(session: &Session, command: &BundleRefresh) -> Outcome<Reply> {
    let old = read(&command.file)?;
    let client = session.client(&command.api)?;
    let fresh = newer(&client, &old)?;
    let openings = old.openings.iter().map(|opening| moved(opening, &old, &fresh)).collect::<Option<Vec<_>>>();
    let whole = openings.ok_or_else(claims_differ)?.into_iter().try_fold(fresh, Bundle::attach).map_err(|error| {
        Fault::new(Exit::Network, "BAD_ANSWER", say!("节点返回的证据包不合用。", "The node's bundle does not fit."))
            .cause(error)
    })?;
    let (before, after) = (old.header.height, whole.header.height);
    let reply = save(&whole, &command.out, command.json)?;
    Ok(reply.headline(say!(
        "已由高度 {before} 的区块头改为高度 {after}，盐值不变。",
        "Proven by the header of height {after} now, {before} before; the salts are the same."
    )))
}

/// The first bundle of the node that proves everything the old one does.
fn newer(client: &Client, old: &Bundle) -> Outcome<Bundle> {
    let mut last = None;
    for path in places(old) {
        match evidence::get(client, &path) {
            Ok(fresh) if fresh.header.chain_id != old.header.chain_id => {
                let message = say!("该节点属于另一条链。", "The node is of another chain.");
                return Err(Fault::usage("WRONG_CHAIN", message));
            }
            Ok(fresh) if (0..old.claims.len()).all(|place| place_of(place, old, &fresh).is_some()) => return Ok(fresh),
            Ok(_) => {}
            Err(fault) if fault.exit == Exit::NotFound => last = last.or(Some(fault)),
            Err(fault) => return Err(fault),
        }
    }
    Err(last.unwrap_or_else(claims_differ))
}

fn claims_differ() -> Fault {
    let message = say!(
        "节点的证据包均不能证明原证据包的全部记录。",
        "No bundle of the node proves all that the old bundle claims."
    );
    Fault::new(Exit::NotFound, "CLAIMS_DIFFER", message).hint(say!(
        "请改问归档节点，或逐项用 `quancheng bundle fetch` 取得。",
        "Ask an archive node, or fetch the records one by one with `quancheng bundle fetch`."
    ))
}

/// Where a node may prove the claims of a bundle together.
fn places(bundle: &Bundle) -> Vec<String> {
    let height = |claim: &Claim| height_of(claim, bundle).map(|height| ("height", height.to_string()));
    let mut places: Vec<String> = Vec::new();
    for claim in &bundle.claims {
        let at: Vec<(&str, String)> = height(claim).into_iter().collect();
        match claim {
            Claim::Transaction { transaction, .. } => {
                places.push(format!("/v1/bundles/transactions/{}", transaction.id()))
            }
            Claim::State { key, .. } => {
                places.extend(registration(key).map(|id| with_query(&format!("/v1/bundles/registrations/{id}"), &at)));
                places.extend(batch_root(key).map(|root| with_query(&format!("/v1/bundles/evidence/{root}"), &at)));
                places.push(with_query(&format!("/v1/bundles/state/{}", hex::encode(&**key)), &at));
            }
        }
    }
    places
}

/// The number by which a registration is asked for, out of the key of a row of it.
fn registration(key: &[u8]) -> Option<String> {
    let row = describe_entry(&StateKey::from_bytes(key.to_vec())?, None).ok()?;
    let is_registration = ["registry.registrations", "registry.by_number"].contains(&row.table);
    is_registration.then(|| row.key.as_str().map_or_else(|| row.key.to_string(), str::to_owned))
}

/// The root of a batch, out of the key of its record.
fn batch_root(key: &[u8]) -> Option<String> {
    let prefix = [EVIDENCE_MODULE.0.to_be_bytes(), EVIDENCE_RECORD_TABLE.to_be_bytes()].concat();
    key.strip_prefix(prefix.as_slice()).map(hex::encode)
}

fn height_of(claim: &Claim, bundle: &Bundle) -> Option<Height> {
    bundle.leaves.get(usize::from(claim.leaf())).map(|proof| proof.leaf.height)
}

/// Where a newer bundle makes the same claim, of the same height.
fn place_of(place: usize, old: &Bundle, fresh: &Bundle) -> Option<usize> {
    let claim = old.claims.get(place)?;
    fresh.claims.iter().position(|other| {
        let is_same = match (claim, other) {
            (
                Claim::Transaction { transaction, receipt, .. },
                Claim::Transaction { transaction: t, receipt: r, .. },
            ) => (transaction, receipt) == (t, r),
            (Claim::State { key, value, .. }, Claim::State { key: k, value: v, .. }) => (key, value) == (k, v),
            (Claim::Transaction { .. }, Claim::State { .. }) | (Claim::State { .. }, Claim::Transaction { .. }) => {
                false
            }
        };
        is_same && height_of(claim, old) == height_of(other, fresh)
    })
}

fn moved(opening: &ItemsOpening, old: &Bundle, fresh: &Bundle) -> Option<ItemsOpening> {
    let claim = place_of(usize::from(opening.claim), old, fresh)?;
    Some(ItemsOpening { claim: u16::try_from(claim).ok()?, ..opening.clone() })
}

/// A bundle with fewer files, or without some salts: what its holder hands on.
pub(super) fn cut(command: &BundleCut) -> Outcome<Reply> {
    let old = read(&command.file)?;
    let listed = |path: &String| items(&old).any(|item| item.entry.path.as_str() == path);
    if let Some(path) = command.keep.iter().chain(&command.seal).find(|path| !listed(path)) {
        let message = say!("证据包未列有 {path}。", "The bundle does not list {path}.");
        let mut fault = Fault::new(Exit::NotFound, "NOT_LISTED", message);
        fault = items(&old).fold(fault, |fault, item| fault.cause(item.entry.path.as_str()));
        return Err(fault);
    }
    let is_kept = |item: &ItemOpening| {
        let path = item.entry.path.as_str();
        !command.no_files && (command.keep.is_empty() || command.keep.iter().any(|kept| kept == path))
    };
    let sealed = |item: &ItemOpening| {
        let is_sealed = command.seal.iter().any(|path| path == item.entry.path.as_str());
        ItemOpening { salt: item.salt.filter(|_| !is_sealed), ..item.clone() }
    };
    let mut bundle = Bundle { openings: List::empty(), ..old.clone() };
    let (mut files, mut salts) = (0_usize, 0_usize);
    for opening in &old.openings {
        let items: Vec<ItemOpening> = opening.items.iter().filter(|item| is_kept(item)).map(sealed).collect();
        if items.is_empty() {
            continue;
        }
        files += items.len();
        salts += items.iter().filter(|item| item.salt.is_some()).count();
        let too_many = |error: &dyn ToString| {
            Fault::usage("BAD_BATCH", say!("文件过多。", "Too many files.")).cause(error.to_string())
        };
        let items = List::new(items).map_err(|error| too_many(&error))?;
        bundle = bundle.attach(ItemsOpening { items, ..opening.clone() }).map_err(|error| too_many(&error))?;
    }
    let all = items(&old).count();
    let reply = save(&bundle, &command.out, command.json)?;
    Ok(reply.headline(say!(
        "保留 {all} 份文件中的 {files} 份，其中 {salts} 份附有盐值；其余文件的名称、摘要与盐值均不在新证据包内。",
        "{files} of {all} files are kept, {salts} of them with their salts; names, digests and salts of the others are not in the new bundle."
    )))
}

fn items(bundle: &Bundle) -> impl Iterator<Item = &ItemOpening> {
    bundle.openings.iter().flat_map(|opening| opening.items.iter())
}

/// Whether two bundles contradict each other, and who signed both.
pub(super) fn compare(command: &BundleCompare) -> Outcome<Reply> {
    let checkpoint = checkpoint(&command.checkpoint)?;
    let (first, second) = (read(&command.first)?, read(&command.second)?);
    let found = conflict(&first, &second, &checkpoint).map_err(|error| {
        let (which, detail) = match &error {
            ConflictError::First { detail } => (command.first.display(), detail),
            ConflictError::Second { detail } => (command.second.display(), detail),
        };
        let message = say!(
            "{which} 不能由检查点推出，无法比较。",
            "{which} does not follow from the checkpoint; there is nothing to compare."
        );
        Fault::new(Exit::CannotCheck, "CANNOT_COMPARE", message)
            .cause(detail)
            .hint(say!("请先用 `quancheng verify` 单独核验。", "Check it on its own with `quancheng verify` first."))
    })?;
    let Some(fork) = found else {
        let data = json!({ "contradiction": Value::Null });
        return Ok(Reply::record(data).headline(say!(
            "这两个证据包互不矛盾；不说明其他事项。",
            "These two bundles do not contradict each other; it says no more than that."
        )));
    };
    Ok(contradiction(&fork))
}

fn contradiction(fork: &Fork) -> Reply {
    let height = fork.height;
    let headline = match fork.kind {
        ForkKind::Blocks { .. } => say!(
            "两个证据包所载高度 {height} 的区块不同，而两者均经法定多数签署：下列验证者签署了双方。",
            "The bundles hold different blocks of height {height}, each signed by a quorum: these validators signed both."
        ),
        ForkKind::Histories { .. } => say!(
            "两个证据包所载至高度 {height} 的历史不同，而两者均经法定多数签署：下列验证者签署了双方。",
            "The bundles hold different histories up to height {height}, each signed by a quorum: these validators signed both."
        ),
    };
    let mut reply = Reply::record(json!({ "contradiction": fork })).headline(headline);
    let message = say!(
        "两个证据包相互矛盾：超过三分之一的验证者违反了协议。",
        "The bundles contradict each other: more than a third of the validators broke the protocol."
    );
    reply.fault = Some(
        Fault::new(Exit::Mismatch, "CONTRADICTION", message)
            .hint(say!("请保存两个证据包：它们合起来即为证据。", "Keep both bundles: together they are the evidence.")),
    );
    reply
}

/// A checkpoint that pins the header of a bundle which follows from an earlier checkpoint.
pub(super) fn pin(session: &Session, command: &CheckpointPin) -> Outcome<Reply> {
    let trusted = checkpoint(&command.checkpoint)?;
    let bundle = match &command.bundle {
        Some(path) => read(path)?,
        None => evidence::get(&session.client(&command.api)?, ANY_BUNDLE)?,
    };
    let pinned = pinned(&bundle, &trusted)?;
    files::write(&command.out, pinned.to_json().as_bytes())?;
    let (height, fingerprint) = (pinned.height(), pinned.fingerprint());
    session.note(&say!(
        "请经另一途径（如电话、公报）公布或核对指纹 {fingerprint}。",
        "Publish or compare the fingerprint {fingerprint} by another way (telephone, gazette)."
    ));
    Ok(Reply::record(json!({
        "file": command.out, "chain_id": pinned.chain_id(), "height": height, "block_id": bundle.header.id(),
        "time_ms": bundle.header.time_ms, "fingerprint": fingerprint,
    })))
}

fn pinned(bundle: &Bundle, trusted: &Checkpoint) -> Outcome<Checkpoint> {
    let report = verify_bundle(bundle, trusted, &[]);
    let steps = [Step::Form, Step::Finality, Step::TrustPath];
    let doubt =
        report.findings.iter().find(|finding| steps.contains(&finding.step) && finding.result != Assessment::Match);
    if let Some(doubt) = doubt {
        let exit = if doubt.result == Assessment::Mismatch { Exit::Mismatch } else { Exit::CannotCheck };
        let message = say!(
            "该区块头不能由所给检查点推出，未生成检查点。",
            "The header does not follow from the checkpoint given; no checkpoint was made."
        );
        return Err(Fault::new(exit, "NOT_TRUSTED", message)
            .cause_in(crate::text::Text::new(doubt.statement_zh.clone(), doubt.statement_en.clone())));
    }
    Checkpoint::pinned(bundle.header, bundle.validators.clone()).map_err(|error| {
        Fault::new(Exit::Mismatch, "NOT_TRUSTED", say!("区块头与验证者不符。", "Header and validators do not fit."))
            .cause(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_where_a_node_proves_them() {
        assert_eq!(registration(&[0, 3, 0, 2, 7, 0, 0, 0]).as_deref(), Some("7"));
        assert_eq!(registration(&[0, 1, 0, 1, 7, 0, 0, 0]), None);
        let record = [&[0, 10, 0, 1][..], &[0xAB; 32]].concat();
        assert_eq!((batch_root(&record), registration(&record)), (Some("ab".repeat(32)), None));
    }
}
