//! `verify`: an offline check. Nothing here opens a socket.
//!
//! What the library finds is completed by what it cannot know: files that cannot be read (V1), and the registry's entries in
//! words with their status (V10).

mod fields;
mod findings;
mod given;
mod limits;
mod names;
mod registry;
mod tool;
mod view;

use given::Given;
use names::Names;
pub(super) use registry::{Entry, entries};
use tool::Tool;

use std::path::Path;

use quancheng_proof::bundle::Reencoded;
use quancheng_proof::report::Detail;
use quancheng_proof::{
    Assessment, Bundle, Checkpoint, FileDigests, FileHasher, Report, Verdict, verify, verify_bundle,
};
use serde_json::{Value, json};

use crate::args::evidence::Verify;
use crate::commands::evidence::BUNDLE_FILE_BYTES_MAX;
use crate::fault::{Exit, Fault, Outcome};
use crate::files::{self, spelt};
use crate::messages::causes;
use crate::output::{Reply, View};
use crate::session::Session;
use crate::text::{Lang, say};

/// Greatest checkpoint file, bytes.
const CHECKPOINT_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes that show in which encoding a file is.
const BEGINNING_BYTES: u64 = 4096;
/// Code of a file that is larger than it may be.
pub(super) const TOO_LARGE: &str = "FILE_TOO_LARGE";

/// Everything a report is made of.
struct Check {
    /// The file of the bundle, with its digests.
    bundle: FileDigests,
    checkpoint: Checkpoint,
    files: Vec<Given>,
    /// State entries of the bundle, in words.
    entries: Vec<Entry>,
    names: Names,
    report: Report,
    tool: Tool,
}

pub(super) fn run(session: &Session, command: &Verify) -> Outcome<Reply> {
    let checkpoint = checkpoint(&command.checkpoint)?;
    let mut files = given::read(&command.file);
    let bytes = files::read_plain(&command.bundle, BUNDLE_FILE_BYTES_MAX);
    let decoded = bytes.as_ref().ok().and_then(|bytes| Bundle::decode(bytes).ok());
    given::tell_apart(&mut files, decoded.as_ref());
    let numbered = || (0_u32..).zip(&files);
    let digests: Vec<FileDigests> = numbered()
        .filter_map(|(place, file)| Some(FileDigests { place: Some(place), ..file.read.as_ref().ok()?.clone() }))
        .collect();
    let (bundle, mut report) = match bytes {
        Ok(bytes) => {
            let report = match &decoded {
                Some(bundle) => verify_bundle(bundle, &checkpoint, &digests),
                None => verify(&bytes, &checkpoint, &digests),
            };
            (digests_of(&command.bundle, &bytes), report)
        }
        // No bundle is as large as this.
        Err(fault) if fault.code == TOO_LARGE => {
            let (of_file, _) = files::hash(&command.bundle, &spelt(&command.bundle), &mut |_| {}).map_err(unable)?;
            let detail = Detail::new(fault.message.words(Lang::Zh), fault.message.words(Lang::En));
            (of_file, Report::of_form(too_large(&command.bundle), detail))
        }
        Err(fault) => return Err(unable(fault)),
    };
    for (place, Given { name, read, .. }) in numbered() {
        if let Err(fault) = read {
            report.add_unreadable_file(
                place,
                name.as_str(),
                Detail::new(reason(fault, Lang::Zh), reason(fault, Lang::En)),
            );
        }
    }
    let mut entries = decoded.as_ref().map(registry::entries).unwrap_or_default();
    if let Some(bundle) = &decoded {
        registry::note_times(&mut entries, bundle, &report);
    }
    let names = decoded.as_ref().map(|bundle| Names::proven(bundle, &report)).unwrap_or_default();
    registry::add_statuses(&entries, &names, &mut report);
    let tool = Tool::of_this_run();
    reply(session.lang(), &Check { bundle, checkpoint, files, entries, names, report, tool })
}

/// What is said of a file that is larger than any bundle: in another encoding, a bundle takes two or four times its bytes.
pub(super) fn too_large(path: &Path) -> Verdict {
    let begin = files::beginning(path, BEGINNING_BYTES).ok();
    begin.and_then(|begin| Reencoded::of(&begin)).map_or(Verdict::BundleUnreadable, Verdict::BundleMarked)
}

fn digests_of(path: &Path, bytes: &[u8]) -> FileDigests {
    let mut hasher = FileHasher::new();
    hasher.update(bytes);
    hasher.finish(spelt(path))
}

/// Without bundle or checkpoint nothing can be verified, whatever the reason.
fn unable(fault: Fault) -> Fault {
    Fault { exit: Exit::CannotCheck, ..fault }
}

/// A checkpoint file, as a verifier reads it.
pub(super) fn checkpoint(path: &Path) -> Outcome<Checkpoint> {
    let bytes = files::read_plain(path, CHECKPOINT_FILE_BYTES_MAX).map_err(unable)?;
    Checkpoint::from_json(&bytes).map_err(|error| {
        Fault::new(
            Exit::CannotCheck,
            "BAD_CHECKPOINT",
            say!("检查点文件无法使用，未作核验。", "The checkpoint cannot be used; nothing was checked."),
        )
        .cause_in(causes::checkpoint(&error, &bytes))
        .hint(say!("请另行取得检查点并核对指纹。", "Obtain the checkpoint again and compare its fingerprint."))
    })
}

/// Why a file cannot be read.
fn reason(fault: &Fault, lang: Lang) -> String {
    let mut reason = fault.message.words(lang).to_owned();
    if lang == Lang::En {
        // What the system says, it says in English.
        fault.causes_in(lang).iter().for_each(|cause| reason.push_str(&format!(" {cause}")));
    }
    reason
}

fn reply(lang: Lang, check: &Check) -> Outcome<Reply> {
    let Check { bundle, checkpoint, files, entries, names: _, report, tool } = check;
    let mut data = serde_json::to_value(report).map_err(|error| {
        Fault::new(Exit::CannotCheck, "REPORT", say!("无法写出报告。", "Cannot write the report.")).cause(error)
    })?;
    let overall = report.overall();
    let files: Vec<Value> = files.iter().map(file_json).collect();
    let statuses: Vec<Value> = entries.iter().filter_map(|entry| entry.status_json(report)).collect();
    for (name, value) in [
        ("overall", json!(overall)),
        ("bundle", json!({ "file": bundle.name, "size": bundle.size, "sha256": bundle.sha256, "sm3": bundle.sm3 })),
        (
            "checkpoint",
            json!({ "chain_id": checkpoint.chain_id(), "fingerprint": checkpoint.fingerprint(), "height": checkpoint.height() }),
        ),
        ("files", json!(files)),
        ("entries", json!(entries.iter().map(Entry::to_json).collect::<Vec<_>>())),
        ("registrations", json!(statuses)),
        (
            "limits",
            json!(
                limits::limits(report)
                    .iter()
                    .map(|text| json!({ "zh": text.words(Lang::Zh), "en": text.words(Lang::En) }))
                    .collect::<Vec<_>>()
            ),
        ),
        ("verifier", tool.to_json()),
        ("checked_at", tool.time_json()),
    ] {
        crate::submit::insert(&mut data, name, value);
    }
    let mut shown = Reply::record(data);
    shown.view = View::Text(view::text(lang, check));
    shown.fault = fault(overall);
    Ok(shown)
}

fn file_json(file: &Given) -> Value {
    match &file.read {
        Ok(digests) => json!(digests),
        Err(fault) => json!({ "name": file.name, "error": reason(fault, Lang::En) }),
    }
}

fn fault(overall: Assessment) -> Option<Fault> {
    match overall {
        Assessment::Match => None,
        Assessment::Mismatch => Some(Fault::new(
            Exit::Mismatch,
            "MISMATCH",
            say!("有核验项不一致，见各项结论。", "A finding does not match; see the findings."),
        )),
        Assessment::CannotCheck | Assessment::NotAssessed => Some(Fault::new(
            Exit::CannotCheck,
            "CANNOT_CHECK",
            say!("有核验项无法完成，见各项结论。", "Something could not be checked; see the findings."),
        )),
    }
}
