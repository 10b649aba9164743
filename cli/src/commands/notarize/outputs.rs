//! Where bundles go. A bundle and a file of salts hold what exists nowhere else, so neither is ever written over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quancheng_proof::{Bundle, ManifestEntry, SaltedEntry};

use super::salts;
use crate::commands::evidence::BUNDLE_FILE_BYTES_MAX;
use crate::fault::{Fault, Outcome};
use crate::files;
use crate::text::say;

/// Nothing is there yet, and no interrupted run left its salts for this name.
pub(super) fn fresh(out: &Path) -> Outcome<()> {
    let salts = salts::path_of(out);
    if salts.symlink_metadata().is_ok() {
        let (shown, out) = (salts.display(), out.display());
        let message = say!(
            "{shown} 是此前被中断的存证留下的盐值，不会被覆盖。",
            "{shown} holds the salts of an interrupted notarization and is never written over."
        );
        return Err(Fault::usage("UNFINISHED", message).hint(say!(
            "先用 `quancheng evidence finish {shown} --bundle {out}` 完成，或另取 --bundle 名称；若该交易从未生效，可删除 {shown}。",
            "Finish it with `quancheng evidence finish {shown} --bundle {out}`, or give another name to --bundle; if its transaction never took effect, delete {shown}."
        )));
    }
    absent(out)
}

/// Nothing is there yet, and something can be.
pub(super) fn absent(out: &Path) -> Outcome<()> {
    let shown = out.display();
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

/// An item with the file of its bundle; no file without a folder.
type Todo = Vec<(SaltedEntry, Option<PathBuf>)>;
/// Path of an item and the file that holds its bundle already.
type Done = Vec<(String, PathBuf)>;

/// The bundle of each item in a folder: those to make, and those that an earlier run made for the very same content.
pub(super) fn of_each(dir: Option<&Path>, items: Vec<SaltedEntry>) -> Outcome<(Todo, Done)> {
    let Some(dir) = dir else {
        return Ok((items.into_iter().map(|item| (item, None)).collect(), Vec::new()));
    };
    let (mut todo, mut done) = (Vec::new(), Vec::new());
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for item in items {
        let path = item.entry.path.as_str().to_owned();
        let name = format!("{}.bundle", path.replace('/', "_"));
        if let Some(other) = names.insert(name.clone(), path.clone()) {
            let message = say!(
                "{other} 与 {path} 的证据包同名：{name}。",
                "The bundles of {other} and {path} have the same name: {name}."
            );
            return Err(Fault::usage("SAME_NAME", message)
                .hint(say!("请分两次存证到不同的文件夹。", "Notarize them in two runs into different folders.")));
        }
        let out = dir.join(name);
        if holds(&out, &item.entry) {
            done.push((path, out));
            continue;
        }
        fresh(&out)?;
        todo.push((item, Some(out)));
    }
    Ok((todo, done))
}

/// Whether a file is a bundle that opens this content under this path.
fn holds(out: &Path, entry: &ManifestEntry) -> bool {
    let Ok(bytes) = files::read(out, BUNDLE_FILE_BYTES_MAX) else { return false };
    let Ok(bundle) = Bundle::decode(&bytes) else { return false };
    let is_same = |other: &ManifestEntry| {
        (&other.path, other.size, other.sha256, other.sm3) == (&entry.path, entry.size, entry.sha256, entry.sm3)
    };
    bundle.openings.iter().flat_map(|opening| opening.items.iter()).any(|item| is_same(&item.entry))
}
