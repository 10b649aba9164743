//! `verify`: an offline check. Nothing here opens a socket.
//!
//! What the library finds is completed by what it cannot know: files that cannot be read (V1), and the registry's entries in
//! words with their status (V10).

mod limits;
mod registry;
mod view;

pub(super) use registry::{Entry, entries};

use std::path::Path;

use quancheng_proof::{
    Assessment, Bundle, Checkpoint, FileDigests, FileHasher, Report, Verdict, verify, verify_bundle,
};
use serde_json::{Value, json};

use crate::args::evidence::Verify;
use crate::commands::evidence::BUNDLE_FILE_BYTES_MAX;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::output::{Reply, View};
use crate::session::Session;
use crate::text::{Lang, say};

/// Greatest checkpoint file, bytes.
const CHECKPOINT_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Code of a file that is larger than it may be.
const TOO_LARGE: &str = "FILE_TOO_LARGE";

/// A file that was given, or why it cannot be read.
struct Given {
    name: String,
    read: Result<FileDigests, String>,
}

/// Everything a report is made of.
struct Check {
    /// The file of the bundle, with its digests.
    bundle: FileDigests,
    checkpoint: Checkpoint,
    files: Vec<Given>,
    /// State entries of the bundle, in words.
    entries: Vec<Entry>,
    report: Report,
}

pub(super) fn run(session: &Session, command: &Verify) -> Outcome<Reply> {
    let checkpoint = checkpoint(&command.checkpoint)?;
    let files: Vec<Given> = command.file.iter().map(|path| given(path)).collect();
    let digests: Vec<FileDigests> = files.iter().filter_map(|file| file.read.clone().ok()).collect();
    let (bundle, decoded, mut report) = match files::read(&command.bundle, BUNDLE_FILE_BYTES_MAX) {
        Ok(bytes) => {
            let of_file = digests_of(&command.bundle, &bytes);
            match Bundle::decode(&bytes) {
                Ok(bundle) => {
                    let report = verify_bundle(&bundle, &checkpoint, &digests);
                    (of_file, Some(bundle), report)
                }
                Err(_) => (of_file, None, verify(&bytes, &checkpoint, &digests)),
            }
        }
        // No bundle is as large as this.
        Err(fault) if fault.code == TOO_LARGE => {
            let of_file = files::hash(&command.bundle, &name_of(&command.bundle), &mut |_| {}).map_err(unable)?;
            (of_file, None, Report::of_form(Verdict::BundleUnreadable, fault.message.words(Lang::En)))
        }
        Err(fault) => return Err(unable(fault)),
    };
    for Given { name, read } in &files {
        if let Err(reason) = read {
            report.add_unreadable_file(name.as_str(), reason.as_str());
        }
    }
    let entries = decoded.as_ref().map(registry::entries).unwrap_or_default();
    registry::add_statuses(&entries, &mut report);
    reply(session.lang(), &Check { bundle, checkpoint, files, entries, report })
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}

fn digests_of(path: &Path, bytes: &[u8]) -> FileDigests {
    let mut hasher = FileHasher::new();
    hasher.update(bytes);
    hasher.finish(name_of(path))
}

/// Without bundle or checkpoint nothing can be verified, whatever the reason.
fn unable(fault: Fault) -> Fault {
    Fault { exit: Exit::CannotCheck, ..fault }
}

fn checkpoint(path: &Path) -> Outcome<Checkpoint> {
    let bytes = files::read(path, CHECKPOINT_FILE_BYTES_MAX).map_err(unable)?;
    Checkpoint::from_json(&bytes).map_err(|error| {
        Fault::new(
            Exit::CannotCheck,
            "BAD_CHECKPOINT",
            say!("检查点文件无法使用，未作核验。", "The checkpoint cannot be used; nothing was checked."),
        )
        .cause(error)
        .hint(say!("请另行取得检查点并核对指纹。", "Obtain the checkpoint again and compare its fingerprint."))
    })
}

fn given(path: &Path) -> Given {
    let name = name_of(path);
    let read = files::hash(path, &name, &mut |_| {}).map_err(|fault| {
        let mut reason = fault.message.words(Lang::En).to_owned();
        for cause in &fault.causes {
            reason.push(' ');
            reason.push_str(cause);
        }
        reason
    });
    Given { name, read }
}

fn reply(lang: Lang, check: &Check) -> Outcome<Reply> {
    let Check { bundle, checkpoint, files, entries, report } = check;
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
        ("verifier", json!({ "name": "quancheng", "version": env!("CARGO_PKG_VERSION") })),
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
        Err(reason) => json!({ "name": file.name, "error": reason }),
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
