//! `bundle refresh`, `bundle cut` and `checkpoint pin`: what those who hold bundles do with them.
//!
//! Nothing here says what a bundle proves; `verify` does.

use std::cell::Cell;
use std::path::Path;

use quancheng_contracts::{StateKey, describe_entry};
use quancheng_proof::commitment::{EVIDENCE_MODULE, EVIDENCE_RECORD_TABLE};
use quancheng_proof::report::shanghai_time;
use quancheng_proof::{
    Assessment, Bundle, Checkpoint, Claim, Finding, ItemOpening, ItemsOpening, Report, Step, Verdict, unreadable,
    verify_bundle,
};
use quancheng_types::{Digest, Header, Height, List};
use serde_json::{Value, json};

use crate::answered::{Question, said};
use crate::args::evidence::{BundleCut, BundleRefresh, CheckpointPin};
use crate::client::{BAD_ANSWER, Client};
use crate::commands::evidence::{self, BUNDLE_FILE_BYTES_MAX};
use crate::commands::verify::{TOO_LARGE, checkpoint, too_large};
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::output::Reply;
use crate::session::Session;
use crate::submit::insert;
use crate::text::{Text, say};
use crate::time::AsOf;

/// Any bundle shows the newest certified header; this one is always there, as presence or absence.
const ANY_REGISTRATION: &str = "1";

/// A bundle in either form, for every command but `verify`, which reports the same finding. What is none ends with 6: nothing was checked
/// or done, and 5 would be a word about the chain, as that of `bundle compare` is.
pub(super) fn read(path: &Path) -> Outcome<Bundle> {
    let bytes = match files::read_plain(path, BUNDLE_FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(fault) if fault.code == TOO_LARGE => {
            let report = Report::of_form(too_large(path), "");
            return Err(no_bundle(path, &report).cause_in(fault.message));
        }
        Err(fault) => return Err(fault),
    };
    Bundle::decode(&bytes).map_err(|error| no_bundle(path, &unreadable(&error)).cause(error))
}

/// In the words of `verify`.
fn no_bundle(path: &Path, report: &Report) -> Fault {
    let shown = path.display();
    let Some(finding) = report.findings.first() else {
        return Fault::new(Exit::CannotCheck, "BAD_BUNDLE", say!("{shown} 不是证据包。", "{shown} is no bundle."));
    };
    let (zh, en) = (&finding.statement_zh, &finding.statement_en);
    // Only what is damaged or no bundle at all has to be obtained anew.
    let (code, hint) = if finding.result == Assessment::Mismatch {
        ("BAD_BUNDLE".to_owned(), Fault::new(Exit::Mismatch, "", Text::same("")).advice())
    } else {
        (
            finding.code.to_ascii_uppercase(),
            say!(
                "证据包本身未必有误：请按上述说明处理后再试。",
                "The bundle itself need not be wrong: do what is said above, and try again."
            ),
        )
    };
    Fault::new(Exit::CannotCheck, code, say!("{shown}：{zh}。", "{shown}: {en}.")).hint(hint)
}

/// Writes a bundle where nothing is yet; the reply says what it holds.
fn save(bundle: &Bundle, out: &Path, is_json: bool) -> Outcome<Reply> {
    let bytes = evidence::form(bundle, is_json);
    evidence::may_go(out)?;
    files::write_new_private(out, &bytes)?;
    let mut data = evidence::describe(bundle);
    insert(&mut data, "file", json!(out));
    insert(&mut data, "bytes", json!(bytes.len()));
    Ok(Reply::record(data))
}

/// The same claims under a newer header, with the salts of the old bundle.
pub(super) fn refresh(session: &Session, command: &BundleRefresh) -> Outcome<Reply> {
    evidence::may_go(&command.out)?;
    let old = read(&command.file)?;
    let client = session.client(&command.api)?.of_chain(old.header.chain_id);
    let whole = newer(&client, &old)?;
    let mut reply = save(&whole, &command.out, command.json)?;
    add_bounds(&mut reply.data, &old.header, &whole.header);
    Ok(reply.headline(bound_moved(&old.header, &whole.header)))
}

/// The bound of time that a bundle proves, and the one before.
fn add_bounds(data: &mut Value, old: &Header, new: &Header) {
    insert(data, "not_after_ms", json!(new.time_ms));
    insert(data, "not_after_before_ms", json!(old.time_ms));
}

/// What proving a bundle by another header does to its evidence of time.
fn bound_moved(old: &Header, new: &Header) -> Text {
    let (before, after) = (old.height, new.height);
    let (earlier, later) = (shanghai_time(old.time_ms), shanghai_time(new.time_ms));
    if new.time_ms > old.time_ms {
        say!(
            "已由高度 {before} 的区块头改为高度 {after}，盐值不变。时间证明变弱：“不晚于”的界限由 {earlier} 移至 {later}（北京时间）。\
             请保留原证据包，较早的界限仅由其证明。",
            "Proven by the header of height {after} now, {before} before; the salts are the same. The evidence of time is weaker: \"not \
             later than\" moves from {earlier} to {later} (Beijing time). Keep the old bundle: it alone proves the earlier bound."
        )
    } else {
        say!(
            "已由高度 {before} 的区块头改为高度 {after}，盐值不变；“不晚于”的界限为 {later}（北京时间），原为 {earlier}。请保留原证据包。",
            "Proven by the header of height {after} now, {before} before; the salts are the same; \"not later than\" is {later} (Beijing \
             time), {earlier} before. Keep the old bundle."
        )
    }
}

/// The first bundle that proves everything the old one does and takes its files and salts, of whichever endpoint.
fn newer(client: &Client, old: &Bundle) -> Outcome<Bundle> {
    let (mut missing, mut unfit) = (None, None);
    let is_short = Cell::new(false);
    for question in questions(old) {
        let found = question.ask_for(client, client.deadline(), |fresh| {
            let is_whole = (0..old.claims.len()).all(|place| place_of(place, old, fresh).is_some());
            is_short.set(is_short.get() || !is_whole);
            let lacking = say!("不含原证据包的全部记录", "it does not have all that the old bundle claims");
            if is_whole { with_openings(old, fresh) } else { Err(vec![lacking]) }
        });
        match found {
            Ok(fresh) => return Ok(fresh),
            Err(fault) if fault.exit == Exit::NotFound => missing = missing.or(Some(fault)),
            Err(fault) if fault.code == BAD_ANSWER => unfit = unfit.or(Some(fault)),
            Err(fault) => return Err(fault),
        }
    }
    let unfit = unfit.filter(|_| !is_short.get());
    Err(missing.or(unfit).unwrap_or_else(claims_differ))
}

/// A newer bundle with the files and salts of an old one.
fn with_openings(old: &Bundle, fresh: &Bundle) -> Result<Bundle, Vec<Text>> {
    let openings = old.openings.iter().map(|opening| moved(opening, old, fresh)).collect::<Option<Vec<_>>>();
    let openings = openings.ok_or_else(|| vec![claims_differ().message])?;
    openings.into_iter().try_fold(fresh.clone(), Bundle::attach).map_err(|error| vec![Text::same(error.to_string())])
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

/// Questions that a node may answer with all claims of a bundle together.
fn questions(bundle: &Bundle) -> Vec<Question> {
    let mut questions = Vec::new();
    for claim in &bundle.claims {
        match claim {
            Claim::Transaction { transaction, .. } => questions.push(Question::transaction(&transaction.id())),
            Claim::State { key, .. } => {
                let at = height_of(claim, bundle).map(|height| AsOf::Height(height.0));
                let of_state = [
                    registration(key).map(|number| Question::registration(&number)),
                    batch_root(key).map(|root| Question::evidence(&root)),
                    Some(Question::state(key.to_vec())),
                ];
                questions.extend(of_state.into_iter().flatten().map(|question| question.at(at)));
            }
        }
    }
    questions
}

/// The number by which a registration is asked for, out of the key of a row of it.
fn registration(key: &[u8]) -> Option<String> {
    let row = describe_entry(&StateKey::from_bytes(key.to_vec())?, None).ok()?;
    let is_registration = ["registry.registrations", "registry.by_number"].contains(&row.table);
    is_registration.then(|| row.key.as_str().map_or_else(|| row.key.to_string(), str::to_owned))
}

/// The root of a batch, out of the key of its record.
fn batch_root(key: &[u8]) -> Option<Digest> {
    let prefix = [EVIDENCE_MODULE.0.to_be_bytes(), EVIDENCE_RECORD_TABLE.to_be_bytes()].concat();
    Some(Digest(key.strip_prefix(prefix.as_slice())?.try_into().ok()?))
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
    let spelt = |paths: &[String]| paths.iter().map(|path| plain(path)).collect::<Vec<_>>();
    let (keep, seal) = (spelt(&command.keep), spelt(&command.seal));
    let listed = |path: &String| items(&old).any(|item| item.entry.path.as_str() == path);
    if let Some(path) = keep.iter().chain(&seal).find(|path| !listed(path)) {
        let message = say!("证据包未列有 {path}。", "The bundle does not list {path}.");
        let mut fault = Fault::new(Exit::NotFound, "NOT_LISTED", message).hint(say!(
            "请按证据包所列名称填写；`quancheng bundle show 文件` 显示清单。",
            "Name it as the bundle lists it; `quancheng bundle show FILE` tells how."
        ));
        fault = items(&old).fold(fault, |fault, item| fault.cause(item.entry.path.as_str()));
        return Err(fault);
    }
    let is_kept = |item: &ItemOpening| {
        let path = item.entry.path.as_str();
        !command.no_files && (keep.is_empty() || keep.iter().any(|kept| kept == path))
    };
    let sealed = |item: &ItemOpening| {
        let is_sealed = seal.iter().any(|path| path == item.entry.path.as_str());
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

/// A path as a manifest spells it: `./a//b/../c` is `a/c`, as for `verify --file`.
fn plain(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn items(bundle: &Bundle) -> impl Iterator<Item = &ItemOpening> {
    bundle.openings.iter().flat_map(|opening| opening.items.iter())
}

/// A checkpoint that pins the header of a bundle which follows from an earlier checkpoint.
pub(super) fn pin(session: &Session, command: &CheckpointPin) -> Outcome<Reply> {
    files::absent(&command.out)?;
    let trusted = checkpoint(&command.checkpoint)?;
    let bundle = match &command.bundle {
        Some(path) => read(path)?,
        None => {
            Question::registration(ANY_REGISTRATION).ask(&session.client(&command.api)?.of_chain(trusted.chain_id()))?
        }
    };
    let (pinned, path) = pinned(&bundle, &trusted)?;
    files::write_new(&command.out, pinned.to_json().as_bytes())?;
    let (height, fingerprint) = (pinned.height(), pinned.fingerprint());
    if path.verdict == Verdict::TrustPathValidators {
        session.note(&Text::new(path.statement_zh, path.statement_en));
    }
    session.note(&say!(
        "请经另一途径（如电话、公报）公布或核对指纹 {fingerprint}。",
        "Publish or compare the fingerprint {fingerprint} by another way (telephone, gazette)."
    ));
    Ok(Reply::record(json!({
        "file": command.out, "chain_id": pinned.chain_id(), "height": height, "block_id": bundle.header.id(),
        "time_ms": bundle.header.time_ms, "fingerprint": fingerprint, "trust_path": path.code,
    })))
}

/// The checkpoint, and what V6 says of its header.
fn pinned(bundle: &Bundle, trusted: &Checkpoint) -> Outcome<(Checkpoint, Finding)> {
    let report = verify_bundle(bundle, trusted, &[]);
    let steps = [Step::Form, Step::Finality, Step::TrustPath];
    let mut found: Vec<Finding> = report.findings.into_iter().filter(|finding| steps.contains(&finding.step)).collect();
    // The worst first. That a quorum is not confirmed follows from the trust path, and comes after it.
    found.sort_by_key(|finding| {
        let rank = match finding.result {
            Assessment::Mismatch => 0,
            Assessment::CannotCheck => 1,
            Assessment::NotAssessed => 2,
            Assessment::Match => 3,
        };
        (rank, std::cmp::Reverse(finding.step))
    });
    let not_trusted = |exit, message: Text| Fault::new(exit, "NOT_TRUSTED", message);
    if let Some(worst) = found.first().filter(|finding| finding.result != Assessment::Match) {
        let exit = if worst.result == Assessment::Mismatch { Exit::Mismatch } else { Exit::CannotCheck };
        let message = say!(
            "该区块头不能由所给检查点推出，未生成检查点。",
            "The header does not follow from the checkpoint given; no checkpoint was made."
        );
        let doubts = found.into_iter().filter(|finding| finding.result != Assessment::Match);
        return Err(doubts.fold(not_trusted(exit, message), |fault, doubt| fault.cause_in(said(&doubt))));
    }
    let path = found.into_iter().find(|finding| finding.step == Step::TrustPath);
    let made = Checkpoint::pinned(bundle.header, bundle.validators.clone());
    let differs = || say!("区块头与验证者不符。", "Header and validators do not fit.");
    match (made, path) {
        (Ok(checkpoint), Some(path)) => Ok((checkpoint, path)),
        (Err(error), _) => Err(not_trusted(Exit::Mismatch, differs()).cause(error)),
        (Ok(_), None) => Err(not_trusted(Exit::CannotCheck, differs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A newer header proves the record, and bounds its time later: that is said before anybody throws the old bundle away.
    #[test]
    fn a_refresh_says_that_the_bound_of_time_moves() {
        let bytes = include_bytes!("../../tests/bundles/notarized.bundle");
        let old = Bundle::decode(bytes).unwrap().header;
        let new = Header { height: Height(old.height.0 + 9), time_ms: old.time_ms + 86_400_000, ..old };
        let text = bound_moved(&old, &new);
        let (earlier, later) = (shanghai_time(old.time_ms), shanghai_time(new.time_ms));
        let mut data = json!({});
        add_bounds(&mut data, &old, &new);
        for lang in [crate::text::Lang::Zh, crate::text::Lang::En] {
            let shown = crate::table::record(&data, lang);
            assert!(shown.contains(&earlier) && shown.contains(&later), "both are times: {shown}");
        }
        for part in [earlier.as_str(), later.as_str(), "变弱", "保留原证据包"] {
            assert!(text.words(crate::text::Lang::Zh).contains(part), "{part}: {text:?}");
        }
        assert!(!bound_moved(&old, &old).words(crate::text::Lang::Zh).contains("变弱"));
    }

    #[test]
    fn keys_say_where_a_node_proves_them() {
        assert_eq!(registration(&[0, 3, 0, 2, 7, 0, 0, 0]).as_deref(), Some("7"));
        assert_eq!(registration(&[0, 1, 0, 1, 7, 0, 0, 0]), None);
        let record = [&[0, 10, 0, 1][..], &[0xAB; 32]].concat();
        assert_eq!((batch_root(&record), registration(&record)), (Some(Digest([0xAB; 32])), None));
    }
}
