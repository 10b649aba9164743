//! Files as salted entries, and entries as batches.

use std::path::{Path, PathBuf};

use quancheng_proof::bundle::{BUNDLE_BYTES_MAX, OPENINGS_MAX};
use quancheng_proof::commitment::{MediaType, RelativePath};
use quancheng_proof::{BatchTree, ManifestEntry, Salt, SaltedEntry};
use quancheng_types::limits::CALLS_MAX;
use quancheng_types::{Digest, codec};

use crate::fault::{Fault, Outcome};
use crate::files::{self, Named, Seen};
use crate::progress::Bar;
use crate::session::Session;
use crate::text::{printable, say};

/// Room in a bundle for everything but the files: transaction, receipt, header, certificate, validators and their changes, bytes.
const BUNDLE_REST_BYTES: usize = 512 * 1024;
/// Names of passed over entries that are told one by one, in a remark and in an error.
const SKIPPED_SHOWN: usize = 3;
const SKIPPED_LISTED: usize = 1_000;

/// Tells people what is no plain file and was passed over.
pub(super) fn tell_skipped(session: &Session, skipped: &[PathBuf]) {
    if skipped.is_empty() {
        return;
    }
    let count = skipped.len();
    let shown: Vec<String> =
        skipped.iter().take(SKIPPED_SHOWN).map(|path| printable(&path.display().to_string(), false)).collect();
    let more = if count > SKIPPED_SHOWN { ", …" } else { "" };
    let shown = shown.join(", ");
    session.note(&say!(
        "跳过 {count} 项（链接或非普通文件）：{shown}{more}",
        "{count} entries are links or no plain files and are passed over: {shown}{more}"
    ));
}

/// The fault of a manifest that is declared whole although something was passed over: a court would read that nothing is missing.
pub(super) fn incomplete(skipped: &[PathBuf]) -> Fault {
    let count = skipped.len();
    let message = say!(
        "--complete 声明清单完整，而有 {count} 项不是普通文件（链接、设备等），不会存证；未提交任何内容。",
        "--complete declares that nothing is missing, and {count} entries are no plain files (links, devices) that would be passed over; \
         nothing was submitted."
    );
    let listed = skipped.iter().take(SKIPPED_LISTED).map(|path| files::spelt(path));
    let mut fault = listed.fold(Fault::usage("INCOMPLETE", message), Fault::cause);
    if let Some(more) = count.checked_sub(SKIPPED_LISTED).filter(|more| *more > 0) {
        fault = fault.cause_in(say!("另有 {more} 项", "and {more} more"));
    }
    fault.hint(say!(
        "请去掉 --complete；或移走这些项；或不用 --recursive 而逐一给出文件（链接所指的文件会被读取）。",
        "Leave out --complete, or move the entries away, or name the files one by one instead of --recursive (what a link leads to is read \
         then)."
    ))
}

/// Tells people which names stand in the manifest escaped.
pub(super) fn tell_escaped(session: &Session, escaped: &[(PathBuf, String)]) {
    for (_, name) in escaped {
        session.note(&say!("以转义形式写入清单：{name}", "written down escaped: {name}"));
    }
}

/// Digests of a file with a new salt, and what the file was when it was read.
pub(super) fn entry(file: &Named, bar: &Bar) -> Outcome<(SaltedEntry, Seen)> {
    let shown = printable(&file.path.display().to_string(), false);
    let path = RelativePath::new(file.name.clone()).map_err(|error| {
        Fault::usage("BAD_PATH", say!("{shown} 的路径不能写入清单。", "The path of {shown} cannot be in a manifest."))
            .cause(error)
            .hint(say!("请先为该文件改名。", "Give the file another name first."))
    })?;
    let (digests, seen) = files::hash(&file.path, &file.name, &mut |bytes| bar.step(bytes))?;
    let mut salt = [0_u8; 32];
    getrandom::fill(&mut salt).map_err(|error| {
        Fault::usage("NO_RANDOMNESS", say!("系统无法提供随机数。", "The system gives no random bytes.")).cause(error)
    })?;
    let entry = ManifestEntry {
        path,
        size: digests.size,
        sha256: digests.sha256,
        sm3: digests.sm3,
        mime: media_type(&file.path),
    };
    Ok((SaltedEntry { salt: Salt(Digest(salt)), entry }, seen))
}

/// By the name's ending, where it is beyond doubt.
fn media_type(path: &Path) -> Option<MediaType> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let name = match ending.as_str() {
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "mp4" => "video/mp4",
        "ofd" => "application/ofd",
        _ => return None,
    };
    MediaType::new(name).ok()
}

/// A batch of these items, in this order.
pub(super) fn tree(items: Vec<SaltedEntry>, complete: bool) -> Outcome<BatchTree> {
    BatchTree::new(items, complete).map_err(|error| {
        Fault::usage("BAD_BATCH", say!("这些文件不能成为一批。", "The files make no batch.")).cause(error)
    })
}

/// Batches of at most so many items, which fit in one transaction and one bundle.
pub(super) fn trees(items: Vec<SaltedEntry>, items_max: u32, complete: bool) -> Outcome<Vec<BatchTree>> {
    let count = items.len();
    let size = usize::try_from(items_max).unwrap_or(usize::MAX).max(1);
    let batches = count.div_ceil(size);
    if complete && batches > 1 {
        let message = say!(
            "完整清单须为一批，而本链每批至多 {items_max} 个文件，现有 {count} 个。",
            "A whole manifest is one batch, which holds at most {items_max} files on this chain; these are {count}."
        );
        return Err(Fault::usage("TOO_MANY_FILES", message).hint(say!(
            "请去掉 --complete，或先打包成一个归档文件。",
            "Leave out --complete, or pack them into one archive first."
        )));
    }
    let batches_max = usize::try_from(CALLS_MAX.min(OPENINGS_MAX)).unwrap_or(usize::MAX);
    if batches > batches_max {
        return Err(too_many(count, size.saturating_mul(batches_max)));
    }
    let trees = items.chunks(size).map(|items| tree(items.to_vec(), complete)).collect::<Outcome<Vec<BatchTree>>>()?;
    let bytes: usize = trees.iter().map(|tree| codec::encode(&tree.openings()).len()).sum();
    let room = usize::try_from(BUNDLE_BYTES_MAX).unwrap_or(usize::MAX) - BUNDLE_REST_BYTES;
    if bytes > room {
        // So many of the same kind would fit.
        return Err(too_many(count, count.saturating_mul(room) / bytes));
    }
    Ok(trees)
}

fn too_many(count: usize, max: usize) -> Fault {
    let message = say!(
        "{count} 个文件无法装入一个证据包，约可容纳 {max} 个。",
        "{count} files do not fit in one bundle, which takes about {max} of them."
    );
    Fault::usage("TOO_MANY_FILES", message).hint(say!(
        "请按子文件夹分次存证，或用 --split 每个文件一个证据包。",
        "Notarize folder by folder, or use --split for one bundle per file."
    ))
}
