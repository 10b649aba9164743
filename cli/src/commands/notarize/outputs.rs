//! Where bundles go. A bundle and a file of salts hold what exists nowhere else, so neither is ever written over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quancheng_proof::{Bundle, FileHasher, ManifestEntry};

use super::salts;
use crate::commands::evidence::BUNDLE_FILE_BYTES_MAX;
use crate::fault::{Fault, Outcome};
use crate::files::{self, Named};
use crate::text::say;

/// Nothing is there yet, and something can be.
pub(super) fn absent(out: &Path) -> Outcome<()> {
    let shown = out.display();
    if out == Path::new("-") {
        let message =
            say!("--bundle 须为文件名：证据包不写到标准输出。", "--bundle takes a file: no bundle goes to stdout.");
        return Err(Fault::usage("NOT_A_FILE", message)
            .hint(say!("名为 - 的文件请写作 ./-。", "For a file that is called - write ./-.")));
    }
    if out.symlink_metadata().is_ok() {
        let message = say!(
            "{shown} 已存在；证据包内的盐值别无副本，不会被覆盖。",
            "{shown} exists; a bundle holds salts that exist nowhere else and is never written over."
        );
        return Err(Fault::usage("BUNDLE_EXISTS", message)
            .hint(say!("请另取 --bundle 名称，或将其移走。", "Give another name to --bundle, or move it away.")));
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let folder = folder.display();
        let message =
            say!("没有文件夹 {folder}，无法写入 {shown}。", "There is no folder {folder} to write {shown} to.");
        return Err(Fault::usage("NO_FOLDER", message).hint(say!("请先建立该文件夹。", "Make the folder first.")));
    }
    Ok(())
}

/// Bundle, salts and transaction are three files, of which the last is new too. Told before anything is read or taken.
pub(super) fn each_its_own(out: Option<&Path>, transaction: Option<&Path>) -> Outcome<()> {
    let Some(transaction) = transaction else { return Ok(()) };
    if let Some(out) = out {
        files::distinct(&[out, &salts::path_of(out), transaction])?;
    }
    files::absent(transaction)
}

/// Longest name of a file, bytes: that of the file systems in use.
const NAME_BYTES_MAX: usize = 255;
/// Bytes that are kept of a name too long for a bundle and its salts.
const NAME_BYTES_KEPT: usize = 180;

/// A file with the place of its bundle; none without a folder.
pub(super) type Placed = (Named, Option<PathBuf>);

/// The place of the bundle of each file in a folder. Two files whose bundles would have one name are told, before anything is read.
pub(super) fn of_each(dir: Option<&Path>, files: Vec<Named>) -> Outcome<Vec<Placed>> {
    let Some(dir) = dir else {
        return Ok(files.into_iter().map(|file| (file, None)).collect());
    };
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut fault: Option<Fault> = None;
    for file in &files {
        let (path, name) = (file.name.as_str(), bundle_name(&file.name));
        if let Some(other) = names.insert(name.clone(), path) {
            let first = || {
                let message = say!(
                    "有文件的证据包会同名，尚未读取任何文件。",
                    "Bundles of several files would have one name; nothing was read yet."
                );
                Fault::usage("SAME_NAME", message)
                    .hint(say!("请分两次存证到不同的文件夹。", "Notarize them in two runs into different folders."))
            };
            fault = Some(fault.unwrap_or_else(first).cause(format!("{other}, {path} -> {name}")));
        }
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    Ok(files
        .into_iter()
        .map(|file| {
            let out = dir.join(bundle_name(&file.name));
            (file, Some(out))
        })
        .collect())
}

/// The name of the bundle of a file: its path with `_` between names. One that would be too long for a file system is cut, and told
/// apart by a digest of the whole.
fn bundle_name(path: &str) -> String {
    let plain = path.replace('/', "_");
    if salts::path_of(Path::new(&format!("{plain}.bundle"))).as_os_str().len() <= NAME_BYTES_MAX {
        return format!("{plain}.bundle");
    }
    let mut hasher = FileHasher::new();
    hasher.update(path.as_bytes());
    let digest = hasher.finish("").sha256.to_string();
    let cut = (0..=NAME_BYTES_KEPT).rev().find(|at| plain.is_char_boundary(*at)).unwrap_or_default();
    let (kept, digest) = (plain.get(..cut).unwrap_or_default(), digest.get(..16).unwrap_or_default());
    format!("{kept}~{digest}.bundle")
}

/// Whether a file is a bundle that opens this content under this path.
pub(super) fn holds(out: &Path, entry: &ManifestEntry) -> bool {
    let Ok(bytes) = files::read_plain(out, BUNDLE_FILE_BYTES_MAX) else { return false };
    let Ok(bundle) = Bundle::decode(&bytes) else { return false };
    let is_same = |other: &ManifestEntry| {
        (&other.path, other.size, other.sha256, other.sm3) == (&entry.path, entry.size, entry.sha256, entry.sm3)
    };
    bundle.openings.iter().flat_map(|opening| opening.items.iter()).any(|item| is_same(&item.entry))
}
