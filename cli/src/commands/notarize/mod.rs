//! `evidence notarize`: digests, salts, one commitment per batch on chain, one bundle for all files on this machine.
//!
//! ```text
//! items        files → salted entries → batches as large as the chain takes
//! outputs      where bundles go: never over something that is there
//! finish       the bundle, once it is shown to open what was notarized; and what an earlier run left to be done
//! reservation  one run for one bundle name
//! salts        what must not be lost between the submission and the bundle
//! ```
//!
//! Salts are random and secret; without them nobody, the submitter included, can show what was notarized. They are therefore on disk
//! before anything is submitted, in `OUT.salts.json`, and move into the bundle at the end. That file is taken, empty, before anything
//! is read: it keeps two runs from writing one bundle.

mod finish;
mod items;
mod outputs;
mod reservation;
mod salts;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quancheng_proof::BatchTree;
use quancheng_types::Parameters;
use serde_json::{Map, Value, json};

pub(super) use self::finish::finish;
use self::finish::{complete, without_bundle};
use self::outputs::Placed;
use self::reservation::Reservation;
pub(super) use self::reservation::is_free;
use self::salts::SaltsFile;
use crate::args::common::Stage;
use crate::args::evidence::Notarize;
use crate::client::Shape;
use crate::fault::{Exit, Fault, Outcome};
use crate::files::{self, Named, Seen};
use crate::interrupt::{Hold, Left};
use crate::messages::causes;
use crate::output::Reply;
use crate::progress::Bar;
use crate::session::Session;
use crate::submit::{self, Writer, insert};
use crate::text::{Text, say};
use crate::transaction::call;

/// Module of evidence.
const MODULE: &str = "evidence";

pub(super) fn run(session: &Session, command: &Notarize) -> Outcome<Reply> {
    let found = files::collect(&command.files, &command.recursive, command.escape_names)?;
    if command.complete && !found.skipped.is_empty() {
        return Err(items::incomplete(&found.skipped));
    }
    items::tell_skipped(session, &found.skipped);
    items::tell_escaped(session, &found.escaped);
    if found.files.is_empty() {
        return Err(Fault::usage("NO_FILE", say!("没有要存证的文件。", "There is no file to notarize.")));
    }
    if command.split {
        let mut reply = split(session, command, found.files)?;
        insert(&mut reply.data, "passed_over", json!(found.skipped));
        return Ok(tell_passed_over(reply, found.skipped.len()));
    }
    let out = command.bundle.as_deref().filter(|_| !command.write.dry_run);
    outputs::each_its_own(out, command.write.tx_out.as_deref())?;
    let reserved = out.map(Reservation::take).transpose()?;
    let total = found.files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
    let bar = Bar::bytes(session, total);
    let (items, seen): (Vec<_>, Vec<_>) =
        found.files.iter().map(|file| items::entry(file, &bar)).collect::<Outcome<Vec<_>>>()?.into_iter().unzip();
    drop(bar);
    let writer = Writer::open(session, &command.write)?;
    let trees = items::trees(items, items_max(&writer)?, command.complete)?;
    seen.iter().try_for_each(Seen::check)?;
    let mut reply = set(session, command, &writer, &trees, reserved)?;
    insert(&mut reply.data, "passed_over", json!(found.skipped));
    Ok(reply)
}

/// Files that one batch may hold: what the chain says, else what chains begin with.
fn items_max(writer: &Writer<'_>) -> Outcome<u32> {
    let default = Parameters::default().evidence_items_max;
    let Some(client) = writer.client_if_any() else {
        return Ok(default);
    };
    let answer = client.get("/v1/parameters", Shape::Parameters)?;
    let named = answer.pointer("/parameters/evidence_items_max").and_then(Value::as_u64);
    // Calls are checked here by the default limits before they are signed, so more than those never goes through.
    Ok(named.and_then(|max| u32::try_from(max).ok()).unwrap_or(default).min(default))
}

/// One transaction and one bundle for each file. What an earlier run of the same command has finished is passed over.
fn split(session: &Session, command: &Notarize, files: Vec<Named>) -> Outcome<Reply> {
    if command.write.sign_only {
        let message = say!("--split 不能与 --sign-only 同用。", "--split does not go with --sign-only.");
        return Err(Fault::usage("NOT_WITH_SPLIT", message));
    }
    let dir = command.bundle.as_deref().filter(|_| !command.write.dry_run);
    let placed = outputs::of_each(dir, files)?;
    if let Some(dir) = dir {
        files::make_folder(dir)?;
    }
    let writer = Writer::open(session, &command.write)?;
    let all = placed.len();
    let bar = Bar::items(session, u64::try_from(all).unwrap_or(u64::MAX));
    let (mut rows, mut skipped) = (Vec::new(), 0_usize);
    let done = Arc::new(AtomicUsize::new(0));
    let _hold = Hold::new(interrupted(Arc::clone(&done), &placed));
    for (file, out) in placed {
        let one = if writer.is_out_of_time() {
            Err(submit::out_of_time(rows.len(), all))
        } else {
            single(session, command, &writer, &file, out.as_deref())
        };
        let (row, is_skipped) = one.map_err(|fault| {
            let place = file.path.display();
            let far = Far {
                done: rows.len(),
                all,
                is_certified: fault.exit == Exit::Unwritten,
                is_left: is_left(out.as_deref()),
            };
            let mut fault = fault.cause_in(say!("文件 {place}", "file {place}")).cause_in(far.told());
            // What is known of its transaction stays beside what was done before.
            let data = fault.data.get_or_insert_with(|| json!({}));
            insert(data, "bundles", json!(rows));
            insert(data, "failed", json!(file.name));
            fault
        })?;
        rows.push(row);
        skipped += usize::from(is_skipped);
        done.store(rows.len(), Ordering::Relaxed);
        bar.step(1);
    }
    drop(bar);
    let reply = Reply::rows(
        json!({ "bundles": rows, "skipped": skipped }),
        Some("bundles"),
        &["path", "id", "height", "bundle"],
    );
    if skipped == 0 {
        return Ok(reply);
    }
    Ok(reply.headline(say!(
        "{skipped} 个文件此前已存证，已跳过。",
        "{skipped} files were notarized by an earlier run and are passed over."
    )))
}

/// How far `--split` has come.
struct Far {
    done: usize,
    all: usize,
    /// Whether the transaction of one more is certified, and only its bundle is missing.
    is_certified: bool,
    /// Whether that one has left salts: the same command is refused as long as they lie there.
    is_left: bool,
}

impl Far {
    /// In words, with how to go on once nothing is in the way.
    fn told(&self) -> Text {
        let Self { done, all, .. } = self;
        let (zh, en) = if self.is_certified {
            ("，另有 1 个的交易已获认证、仅缺证据包", ", and one more is certified and only lacks its bundle")
        } else {
            ("", "")
        };
        if self.is_left {
            return say!(
                "{all} 个文件中已完成 {done} 个{zh}；请先用 `quancheng evidence finish` 完成该文件，再次运行同一命令即可继续，已有证据包的文件会跳过。",
                "{done} of {all} files are done{en}; finish that one with `quancheng evidence finish` first, then the same command again goes on and passes over those that have their bundle."
            );
        }
        say!(
            "{all} 个文件中已完成 {done} 个{zh}；如有上述问题，先予解决；再次运行同一命令即可继续，已有证据包的文件会跳过。",
            "{done} of {all} files are done{en}; once nothing is in the way, the same command again goes on and passes over those that have their bundle."
        )
    }
}

/// Whether the salts of a bundle lie beside its place.
fn is_left(out: Option<&Path>) -> bool {
    out.is_some_and(|out| salts::path_of(out).symlink_metadata().is_ok() && out.symlink_metadata().is_err())
}

/// What an interruption says of `--split`. Files are gone through in order.
fn interrupted(done: Arc<AtomicUsize>, placed: &[Placed]) -> impl FnMut() -> Option<Left> + Send + 'static {
    let outs: Vec<Option<PathBuf>> = placed.iter().map(|(_, out)| out.clone()).collect();
    move || {
        let done = done.load(Ordering::Relaxed);
        let out = outs.get(done).and_then(Option::as_deref);
        let far = Far { done, all: outs.len(), is_certified: false, is_left: is_left(out) };
        Some(Left::new(far.told()).next(say!("此后再次运行同一命令即可继续。", "Then the same command again goes on.")))
    }
}

/// A table has no place for what was found and not notarized: it is told above it.
fn tell_passed_over(reply: Reply, count: usize) -> Reply {
    if count == 0 {
        return reply;
    }
    let listed = reply.data.get("passed_over").and_then(Value::as_array).cloned().unwrap_or_default();
    let reply = reply.headline(say!(
        "{count} 项不是普通文件（链接、设备等），未存证：",
        "{count} entries are no plain files (links, devices) and were not notarized:"
    ));
    let names = listed.iter().filter_map(Value::as_str);
    names.fold(reply, |reply, name| reply.headline(Text::same(format!("- {name}"))))
}

/// One file of `--split`: its row, and whether an earlier run had made its bundle.
fn single(
    session: &Session,
    command: &Notarize,
    writer: &Writer<'_>,
    file: &Named,
    out: Option<&Path>,
) -> Outcome<(Value, bool)> {
    // A finished bundle is looked at before its name is taken.
    let reserved = match out.filter(|out| out.symlink_metadata().is_err()) {
        Some(out) => Some(Reservation::take(out)?),
        None => None,
    };
    let (item, seen) = items::entry(file, &Bar::hidden())?;
    if let (Some(out), None) = (out, &reserved) {
        let is_this = |tree: &BatchTree| call(MODULE, arguments(tree, command.attributes.as_ref())?);
        outputs::Done {
            chain_id: writer.chain_id(),
            account: writer.account(),
            entry: &item.entry,
            is_complete: command.complete,
            call: &is_this,
        }
        .check(out)?;
        return Ok((json!({ "path": file.name, "bundle": out, "skipped": true }), true));
    }
    let trees = items::trees(vec![item], 1, command.complete)?;
    seen.check()?;
    let mut data = set(session, command, writer, &trees, reserved)?.data;
    insert(&mut data, "path", json!(file.name));
    Ok((data, false))
}

/// The argument of the call `notarize`.
fn arguments(tree: &BatchTree, attributes: Option<&String>) -> Outcome<Value> {
    let mut fields = match attributes.map(|text| files::parse::<Map<String, Value>>(text.as_bytes())) {
        None => Map::new(),
        Some(Ok(fields)) => fields,
        Some(Err(error)) => {
            let message = say!("--attributes 应为 JSON 对象。", "--attributes must be a JSON object.");
            return Err(Fault::usage("BAD_JSON", message).cause_in(causes::said(&error)).hint(say!(
                "形如 --attributes '{{\"case\":\"7\"}}'。",
                "It looks like --attributes '{{\"case\":\"7\"}}'."
            )));
        }
    };
    if fields.contains_key("commitment") {
        let message = say!(
            "--attributes 不得含 commitment：它由所存证的文件得出。",
            "--attributes holds no commitment: that follows from the files."
        );
        return Err(Fault::usage("BAD_ATTRIBUTES", message).hint(say!("请去掉该成员。", "Take that member out.")));
    }
    fields.insert("commitment".to_owned(), json!(tree.commitment()));
    Ok(json!({ "notarize": fields }))
}

/// Batches of one transaction, with one bundle for all of them.
fn set(
    session: &Session,
    command: &Notarize,
    writer: &Writer<'_>,
    trees: &[BatchTree],
    reserved: Option<Reservation>,
) -> Outcome<Reply> {
    let calls = trees
        .iter()
        .map(|tree| call(MODULE, arguments(tree, command.attributes.as_ref())?))
        .collect::<Outcome<Vec<_>>>()?;
    let draft = writer.compose(calls)?;
    let (id, valid_until_ms) = (draft.body.id(), draft.body.valid_until_ms);
    let Some(mut reserved) = reserved else {
        let mut reply = writer.deliver(draft)?;
        describe(&mut reply.data, trees);
        return Ok(reply);
    };
    let signed = if command.write.sign_only { None } else { Some(draft.clone().complete()?) };
    SaltsFile::new(&draft.body, signed.as_ref(), command.complete, trees).write(&mut reserved)?;
    // The bundle needs the certificate, whatever else is waited for.
    let mut reply = match writer.deliver_until(draft, Stage::Certified) {
        Ok(reply) => reply,
        Err(fault) => return Err(salts::kept(fault, reserved, &id, valid_until_ms)),
    };
    describe(&mut reply.data, trees);
    if command.write.sign_only {
        insert(&mut reply.data, "salts", json!(reserved.path()));
        let (shown, out) = (reserved.path().display(), reserved.out().display());
        session.note(&say!(
            "盐值保存在 {shown}；交易提交后用 `quancheng evidence finish {shown} --bundle {out}` 生成证据包。",
            "The salts are in {shown}; once the transaction is submitted, `quancheng evidence finish {shown} --bundle {out}` makes the bundle."
        ));
        return Ok(reply);
    }
    let bytes =
        match writer.client().and_then(|client| complete(client, id, trees, reserved.out(), command.bundle_json)) {
            Ok(bytes) => bytes,
            Err(fault) => {
                let fault = without_bundle(fault, reply.data);
                return Err(salts::kept(fault, reserved, &id, valid_until_ms));
            }
        };
    insert(&mut reply.data, "bundle", json!(reserved.out()));
    insert(&mut reply.data, "bundle_bytes", json!(bytes));
    let shown = reserved.out().display();
    session.note(&say!(
        "证据包 {shown} 含有盐值：请妥善保存，遗失后无法证明文件内容。",
        "The bundle {shown} holds the secret salts: keep it; without it nothing can be shown about the files."
    ));
    reserved.discard();
    Ok(reply)
}

/// What was notarized: files, and the root of the batch or of each batch.
fn describe(data: &mut Value, trees: &[BatchTree]) {
    let files: u64 = trees.iter().map(|tree| u64::from(tree.commitment().count)).sum();
    insert(data, "files", json!(files));
    match trees {
        [tree] => insert(data, "root", json!(tree.commitment().root)),
        _ => insert(data, "roots", json!(trees.iter().map(|tree| tree.commitment().root).collect::<Vec<_>>())),
    }
}

#[cfg(test)]
mod tests;
