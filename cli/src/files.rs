//! Files of this machine: bounded reads, whole writes, streaming digests, folders.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use quancheng_proof::{FileDigests, FileHasher};
use quancheng_types::Digest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::args::common::Document;
use crate::fault::{Exit, Fault, Outcome};
use crate::text::say;

/// Greatest JSON file of a record, bytes.
const RECORD_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Piece of a file that is hashed at a time, bytes.
const PIECE_BYTES: usize = 256 * 1024;
/// Folders inside folders that are followed.
const DEPTH_MAX: usize = 64;

/// A whole file of at most so many bytes.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Outcome<Vec<u8>> {
    let file = File::open(path).map_err(|error| not_readable(path, &error))?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| not_readable(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        let shown = path.display();
        let message = say!("{shown} 超过 {bytes_max} 字节。", "{shown} is larger than {bytes_max} bytes.");
        return Err(Fault::usage("FILE_TOO_LARGE", message));
    }
    Ok(bytes)
}

fn not_readable(path: &Path, error: &std::io::Error) -> Fault {
    if error.kind() == std::io::ErrorKind::NotFound {
        let shown = path.display();
        return Fault::new(Exit::NotFound, "NO_FILE", say!("没有文件 {shown}。", "There is no file {shown}."));
    }
    Fault::file(path, error)
}

/// Writes a file, whole or not at all; it is on disk when this returns.
pub(crate) fn write(path: &Path, content: &[u8]) -> Outcome<()> {
    write_with(path, content, OpenOptions::new().write(true).create(true).truncate(true))
}

/// As [`write()`], for nobody but the owner to read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Outcome<()> {
    write_with(path, content, OpenOptions::new().write(true).create(true).truncate(true).mode(0o600))
}

fn write_with(path: &Path, content: &[u8], options: &OpenOptions) -> Outcome<()> {
    let mut name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
    name.push(".part");
    let part = path.with_file_name(name);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let run = || -> std::io::Result<()> {
        let mut file = options.open(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        File::open(folder)?.sync_all()
    };
    run().map_err(|error| {
        // Half a file helps nobody.
        let _ = fs::remove_file(&part);
        Fault::file(path, &error)
    })
}

/// Reads a file of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Outcome<T> {
    let bytes = read(path, RECORD_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let shown = path.display();
        Fault::usage("BAD_JSON", say!("{shown} 的 JSON 无效。", "{shown} is not the JSON it should be.")).cause(error)
    })
}

/// Length and digests of a file, piece by piece. `seen` is told of every piece.
pub(crate) fn hash(path: &Path, name: &str, seen: &mut dyn FnMut(u64)) -> Outcome<FileDigests> {
    let mut file = File::open(path).map_err(|error| not_readable(path, &error))?;
    let mut hasher = FileHasher::new();
    let mut piece = vec![0_u8; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece).map_err(|error| not_readable(path, &error))?;
        let Some(part) = piece.get(..read).filter(|part| !part.is_empty()) else {
            return Ok(hasher.finish(name));
        };
        hasher.update(part);
        seen(u64::try_from(read).unwrap_or(u64::MAX));
    }
}

/// Commitment to a document that stays here, as JSON; nothing when none is named.
pub(crate) fn commitment(document: &Document) -> Outcome<Option<Value>> {
    match (&document.document, &document.document_digest) {
        (Some(path), _) => commitment_of(path).map(Some),
        (None, Some(text)) => parse_commitment(text).map(Some),
        (None, None) => Ok(None),
    }
}

/// Commitment to a file.
pub(crate) fn commitment_of(path: &Path) -> Outcome<Value> {
    let digests = hash(path, &path.display().to_string(), &mut |_| {})?;
    Ok(json!({ "algorithm": "SHA256", "digest": digests.sha256 }))
}

/// `sha256:HEX` or `sm3:HEX`.
pub(crate) fn parse_commitment(text: &str) -> Outcome<Value> {
    let bad = || {
        let message = say!("摘要 {text} 无效。", "{text} is not a digest.");
        Fault::usage("BAD_DIGEST", message).hint(say!(
            "形如 sha256: 或 sm3: 加 64 位小写十六进制。",
            "It looks like sha256: or sm3: and 64 lower-case hexadecimal digits."
        ))
    };
    let (algorithm, digest) = text.split_once(':').ok_or_else(bad)?;
    let algorithm = match algorithm.to_ascii_lowercase().as_str() {
        "sha256" => "SHA256",
        "sm3" => "SM3",
        _ => return Err(bad()),
    };
    let digest: Digest = digest.parse().map_err(|_| bad())?;
    Ok(json!({ "algorithm": algorithm, "digest": digest }))
}

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
}

/// Files named one by one, and all files below folders. Links in folders are not followed: what they point to may change between
/// two readers.
pub(crate) fn collect(files: &[PathBuf], folders: &[PathBuf]) -> Outcome<Found> {
    let mut found = Vec::new();
    let mut skipped = Vec::new();
    for path in files {
        let meta = fs::metadata(path).map_err(|error| not_readable(path, &error))?;
        if meta.is_dir() {
            let shown = path.display();
            let message = say!("{shown} 是文件夹。", "{shown} is a folder.");
            return Err(Fault::usage("IS_A_FOLDER", message)
                .hint(say!("请用 --recursive {shown}。", "Use --recursive {shown}.")));
        }
        let relative = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let name = slashed(if relative { path } else { Path::new(path.file_name().unwrap_or_default()) })?;
        found.push(Named { path: path.clone(), name, size: meta.len() });
    }
    for folder in folders {
        let before = found.len();
        walk(folder, folder, 0, &mut found, &mut skipped)?;
        if found.len() == before {
            let shown = folder.display();
            return Err(Fault::new(
                Exit::NotFound,
                "EMPTY_FOLDER",
                say!("{shown} 中没有文件。", "{shown} holds no file."),
            ));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = found.windows(2).find(|pair| pair[0].name == pair[1].name) {
        let (name, first, second) = (&pair[0].name, pair[0].path.display(), pair[1].path.display());
        let message = say!("两个文件在批中同名：{name}。", "Two files have the same name in the batch: {name}.");
        return Err(Fault::usage("SAME_NAME", message)
            .cause(format!("{first}, {second}"))
            .hint(say!("请从共同的上级目录给出相对路径。", "Give relative paths from a common folder.")));
    }
    Ok(Found { files: found, skipped })
}

/// A relative path with `/` between names. A name that is no text would be another one in the manifest.
fn slashed(path: &Path) -> Outcome<String> {
    let names: Option<Vec<&str>> = path.components().map(|part| part.as_os_str().to_str()).collect();
    names.map(|names| names.join("/")).ok_or_else(|| {
        let shown = path.display();
        Fault::usage("BAD_PATH", say!("{shown} 的名称不是 UTF-8。", "The name of {shown} is not UTF-8."))
            .hint(say!("请先为该文件改名。", "Give the file another name first."))
    })
}

fn walk(root: &Path, folder: &Path, depth: usize, found: &mut Vec<Named>, skipped: &mut Vec<PathBuf>) -> Outcome<()> {
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
            walk(root, &path, depth + 1, found, skipped)?;
        } else if meta.is_file() {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            found.push(Named { name: slashed(relative)?, size: meta.len(), path });
        } else {
            skipped.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_relative_names_in_order_and_links_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("b/c")).unwrap();
        for (name, text) in [("b/c/z.txt", "1"), ("a.txt", "22"), ("b/中.txt", "333")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(dir.path().join("a.txt"), dir.path().join("link")).unwrap();
        let unreadable: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"a\xff.txt");
        assert_eq!(slashed(Path::new(unreadable)).unwrap_err().code, "BAD_PATH");
        let Found { files, skipped } = collect(&[], &[dir.path().to_owned()]).unwrap();
        assert_eq!(skipped, [dir.path().join("link")]);
        let names: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.size)).collect();
        assert_eq!(names, [("a.txt", 2), ("b/c/z.txt", 1), ("b/中.txt", 3)]);
    }

    #[test]
    fn an_absolute_path_is_known_by_its_name_and_names_do_not_repeat() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.txt");
        fs::write(&file, "x").unwrap();
        assert_eq!(collect(std::slice::from_ref(&file), &[]).unwrap().files[0].name, "a.txt");
        assert_eq!(collect(&[file.clone(), file], &[]).unwrap_err().code, "SAME_NAME");
        assert_eq!(collect(&[dir.path().to_owned()], &[]).unwrap_err().code, "IS_A_FOLDER");
        assert_eq!(collect(&[dir.path().join("none")], &[]).unwrap_err().exit, Exit::NotFound);
    }

    #[test]
    fn digests_of_a_file_are_those_of_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        fs::write(&file, "abc").unwrap();
        let digests = hash(&file, "abc", &mut |_| {}).unwrap();
        assert_eq!(digests.size, 3);
        assert_eq!(digests.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digests.sm3.to_string(), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        assert_eq!(read(&file, 2).unwrap_err().code, "FILE_TOO_LARGE");
    }

    #[test]
    fn digests_are_written_with_their_algorithm() {
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let value = parse_commitment(&format!("sm3:{hex}")).unwrap();
        assert_eq!(value, json!({ "algorithm": "SM3", "digest": hex }));
        for text in ["", hex, "md5:00", "sha256:00", &format!("sha256:{}", hex.to_uppercase())] {
            assert_eq!(parse_commitment(text).unwrap_err().code, "BAD_DIGEST", "{text}");
        }
    }
}
