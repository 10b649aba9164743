//! What is to be notarized: files named one by one, and all files below folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::names::{BadName, of_manifest, spelt};
use super::{not_readable, stable};
use crate::fault::{Exit, Fault, Outcome};
use crate::text::say;

/// Folders inside folders that are followed.
const DEPTH_MAX: usize = 64;
/// Files with a bad name that are told one by one.
const BAD_SHOWN: usize = 1_000;

/// A file with the path by which a batch names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Its path in the batch, relative, with `/` between names.
    pub(crate) name: String,
    /// Its length now, bytes.
    pub(crate) size: u64,
}

/// What is to be notarized.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Plain files, in order of their names in the batch.
    pub(crate) files: Vec<Named>,
    /// Entries of folders that are no plain files: links, pipes, devices.
    pub(crate) skipped: Vec<PathBuf>,
    /// Files whose names are written down escaped, with what is written.
    pub(crate) escaped: Vec<(PathBuf, String)>,
}

/// Files before their names are looked at: where each lies, its relative path, its size.
#[derive(Default)]
struct Raw {
    files: Vec<(PathBuf, PathBuf, u64)>,
    skipped: Vec<PathBuf>,
}

/// Files named one by one, and all files below folders. Links in folders are not followed: what they point to may change between
/// two readers. Nothing is read; every name that cannot stand in a manifest is told, unless it may be escaped.
pub(crate) fn collect(files: &[PathBuf], folders: &[PathBuf], is_escaping: bool) -> Outcome<Found> {
    let mut raw = Raw::default();
    for path in files {
        let meta = fs::metadata(path).map_err(|error| not_readable(path, &error))?;
        if meta.is_dir() {
            let shown = path.display();
            let message = say!("{shown} 是文件夹。", "{shown} is a folder.");
            return Err(Fault::usage("IS_A_FOLDER", message)
                .hint(say!("请用 --recursive {shown}。", "Use --recursive {shown}.")));
        }
        if !meta.is_file() {
            return Err(stable::no_plain_file(path, &meta));
        }
        raw.files.push((path.clone(), relative(path), meta.len()));
    }
    for folder in folders {
        let before = raw.files.len();
        walk(folder, folder, 0, &mut raw)?;
        if raw.files.len() == before {
            let shown = folder.display();
            return Err(Fault::new(
                Exit::NotFound,
                "EMPTY_FOLDER",
                say!("{shown} 中没有文件。", "{shown} holds no file."),
            )
            .hint(say!("请核对文件夹；链接与设备不计。", "Check the folder; links and devices do not count.")));
        }
    }
    each_once(&raw)?;
    let mut found = name(raw, is_escaping)?;
    found.files.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = found.files.windows(2).find(|pair| pair[0].name == pair[1].name) {
        let (name, first, second) = (&pair[0].name, pair[0].path.display(), pair[1].path.display());
        let message = say!("两个文件在批中同名：{name}。", "Two files have the same name in the batch: {name}.");
        return Err(Fault::usage("SAME_NAME", message)
            .cause(format!("{first}, {second}"))
            .hint(say!("请从共同的上级目录给出相对路径。", "Give relative paths from a common folder.")));
    }
    Ok(found)
}

/// Refuses a file that was named twice, by another spelling or a link: `verify` takes both for the one file that they are, so a manifest
/// that lists it twice is never shown whole. A hard link is another entry of its folder, which may be listed of its own.
fn each_once(raw: &Raw) -> Outcome<()> {
    let mut seen: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for (path, _, _) in &raw.files {
        let Some(first) = seen.insert(real(path), path) else { continue };
        let (first, second) = (spelt(first), spelt(path));
        let message = say!(
            "{first} 与 {second} 是同一文件；未签署、未提交任何内容。",
            "{first} and {second} are one file; nothing was signed or submitted."
        );
        return Err(Fault::usage("SAME_FILE", message).hint(say!("同一文件只列一次。", "Name each file once.")));
    }
    Ok(())
}

/// The path of a file without links and spelling: by this files are told apart, when they are notarized and when they are verified.
pub(crate) fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A path as it was given where it leads downwards, else its last name.
fn relative(path: &Path) -> PathBuf {
    let is_down = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if is_down { path.to_owned() } else { path.file_name().map(PathBuf::from).unwrap_or_default() }
}

/// Gives every file its name in the manifest, or tells all names that cannot stand there.
fn name(raw: Raw, is_escaping: bool) -> Outcome<Found> {
    let mut found = Found { skipped: raw.skipped, ..Found::default() };
    let mut bad: Vec<(PathBuf, BadName)> = Vec::new();
    for (path, relative, size) in raw.files {
        match of_manifest(&relative, is_escaping) {
            Ok(name) => {
                if is_escaping && of_manifest(&relative, false).is_err() {
                    found.escaped.push((path.clone(), name.clone()));
                }
                found.files.push(Named { path, name, size });
            }
            Err(reason) => bad.push((path, reason)),
        }
    }
    if bad.is_empty() { Ok(found) } else { Err(bad_names(bad)) }
}

fn bad_names(mut bad: Vec<(PathBuf, BadName)>) -> Fault {
    bad.sort_by(|(one, _), (other, _)| one.cmp(other));
    let count = bad.len();
    let can_be_escaped = bad.iter().all(|(_, reason)| reason.can_be_escaped());
    let message = say!(
        "{count} 个文件的名称不能写入清单，尚未读取任何文件。",
        "{count} files have names that cannot stand in a manifest; nothing was read yet."
    );
    let mut fault = Fault::usage("BAD_PATH", message);
    for (path, reason) in bad.iter().take(BAD_SHOWN) {
        let (path, (zh, en)) = (spelt(path), reason.words());
        fault = fault.cause_in(say!("{path}：{zh}", "{path}: {en}"));
    }
    if let Some(more) = count.checked_sub(BAD_SHOWN).filter(|more| *more > 0) {
        fault = fault.cause_in(say!("另有 {more} 个", "and {more} more"));
    }
    fault.hint(if can_be_escaped {
        say!(
            "加 --escape-names 即以转义形式（如 %BA%CF）写入这些名称，核验时同样识别；或先改名。",
            "Add --escape-names to write these names down escaped (as %BA%CF), which `verify` understands; or rename the files."
        )
    } else {
        say!(
            "路径过长者请从更近的文件夹存证或改名；其余可加 --escape-names 以转义形式写入。",
            "Notarize files with long paths from a nearer folder, or rename them; others may be written down escaped with --escape-names."
        )
    })
}

fn walk(root: &Path, folder: &Path, depth: usize, raw: &mut Raw) -> Outcome<()> {
    if depth > DEPTH_MAX {
        let shown = folder.display();
        return Err(Fault::usage("TOO_DEEP", say!("{shown} 嵌套过深。", "{shown} is nested too deeply.")));
    }
    let entries = fs::read_dir(folder).map_err(|error| not_readable(folder, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Fault::file(folder, &error))?;
        let path = entry.path();
        let meta = fs::symlink_metadata(&path).map_err(|error| Fault::file(&path, &error))?;
        if meta.is_dir() {
            walk(root, &path, depth + 1, raw)?;
        } else if meta.is_file() {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
            raw.files.push((path, relative, meta.len()));
        } else {
            raw.skipped.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn folders_give_relative_names_in_order_and_links_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("b/c")).unwrap();
        for (name, text) in [("b/c/z.txt", "1"), ("a.txt", "22"), ("b/中.txt", "333")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(dir.path().join("a.txt"), dir.path().join("link")).unwrap();
        let Found { files, skipped, escaped } = collect(&[], &[dir.path().to_owned()], true).unwrap();
        assert_eq!((skipped, escaped), (vec![dir.path().join("link")], Vec::new()));
        let names: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.size)).collect();
        assert_eq!(names, [("a.txt", 2), ("b/c/z.txt", 1), ("b/中.txt", 3)]);
    }

    /// Names as people have them: all that cannot stand are told at once, and there is a way on.
    #[test]
    fn every_bad_name_is_told_at_once_and_can_be_escaped() {
        let dir = tempfile::tempdir().unwrap();
        let long = "济".repeat(80);
        let names: [&[u8]; 5] = [b"\xba\xcf\xcd\xac.txt", b"a\nb.txt", b"c\\d.txt", long.as_bytes(), b"plain.txt"];
        for name in names {
            fs::write(dir.path().join(OsStr::from_bytes(name)), name).unwrap();
        }
        let fault = collect(&[], &[dir.path().to_owned()], false).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.causes.len()), ("BAD_PATH", 3), "{fault:?}");
        let causes: Vec<&str> = fault.causes.iter().map(|cause| cause.words(crate::text::Lang::Zh)).collect();
        for part in ["%BA%CF%CD%AC.txt：名称不是 UTF-8", "a%0Ab.txt：", "c%5Cd.txt："] {
            assert!(causes.iter().any(|cause| cause.contains(part)), "{part}: {causes:?}");
        }
        assert!(fault.hint.unwrap().words(crate::text::Lang::En).contains("--escape-names"));
        let found = collect(&[], &[dir.path().to_owned()], true).unwrap();
        assert_eq!((found.files.len(), found.escaped.len()), (5, 3));
        assert!(found.files.iter().any(|file| file.name == long));
    }

    /// As `verify` tells files apart: what it takes for one file makes no two entries.
    #[test]
    fn one_file_makes_one_entry_however_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("f")).unwrap();
        fs::write(path("f/a.txt"), "x").unwrap();
        std::os::unix::fs::symlink("a.txt", path("f/soft.txt")).unwrap();
        fs::hard_link(path("f/a.txt"), path("f/hard.txt")).unwrap();
        let files = |names: &[&str]| names.iter().map(|name| path(name)).collect::<Vec<_>>();
        for names in [["f/a.txt", "f/../f/a.txt"], ["f/a.txt", "f/soft.txt"], ["f/soft.txt", "./f/soft.txt"]] {
            let fault = collect(&files(&names), &[], false).unwrap_err();
            assert_eq!(fault.code, "SAME_FILE", "{names:?}");
        }
        assert_eq!(collect(&[], &[path("f"), path("f/../f")], false).unwrap_err().code, "SAME_FILE");
        assert_eq!(collect(&files(&["f/a.txt"]), &[path("f")], false).unwrap_err().code, "SAME_FILE");
        assert_eq!(collect(&files(&["f/a.txt", "f/hard.txt"]), &[], false).unwrap().files.len(), 2);
    }

    #[test]
    fn an_absolute_path_is_known_by_its_name_and_names_do_not_repeat() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.txt");
        fs::write(&file, "x").unwrap();
        assert_eq!(collect(std::slice::from_ref(&file), &[], false).unwrap().files[0].name, "a.txt");
        assert_eq!(collect(&[file.clone(), file], &[], false).unwrap_err().code, "SAME_FILE");
        fs::create_dir(dir.path().join("x")).unwrap();
        fs::write(dir.path().join("x/a.txt"), "y").unwrap();
        let two = [dir.path().join("a.txt"), dir.path().join("x/a.txt")];
        assert_eq!(collect(&two, &[], false).unwrap_err().code, "SAME_NAME");
        assert_eq!(collect(&[dir.path().to_owned()], &[], false).unwrap_err().code, "IS_A_FOLDER");
        assert_eq!(collect(&[dir.path().join("none")], &[], false).unwrap_err().exit, Exit::NotFound);
        assert_eq!(collect(&["/dev/null".into()], &[], false).unwrap_err().code, "NOT_A_FILE");
        assert_eq!(relative(Path::new("./x/a.txt")), Path::new("./x/a.txt"));
        assert_eq!(relative(Path::new("../x/a.txt")), Path::new("a.txt"));
    }
}
