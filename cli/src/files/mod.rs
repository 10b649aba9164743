//! Files of this machine: bounded reads, whole writes, streaming digests, folders.
//!
//! ```text
//! collect   what is to be notarized, with every bad name told at once
//! names     names as people have them ↔ as a manifest holds them
//! stable    reading a file that stays what it is
//! json      JSON as people write it
//! write     whole files or none, never in the place of what is there
//! ```

mod collect;
mod json;
mod names;
mod stable;
mod write;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use quancheng_types::Digest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::args::common::Document;
use crate::fault::{Exit, Fault, Outcome};
use crate::messages::causes;
use crate::text::say;

pub(crate) use collect::{Named, collect, real};
pub(crate) use json::{parse, without_mark};
pub(crate) use names::spelt;
pub(crate) use stable::{Seen, hash, no_plain_file, open as open_plain};
pub(crate) use write::{
    absent, distinct, exists, in_a_folder, is_same, make_folder, named, write_new, write_new_private, write_over,
};

/// Name of the format of a file of salts.
pub(crate) const SALTS_FORMAT: &str = "quancheng-salts";
/// Greatest JSON file of a record, bytes.
const RECORD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A whole file of at most so many bytes.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Outcome<Vec<u8>> {
    let file = File::open(path).map_err(|error| not_readable(path, &error))?;
    bounded(path, &file, bytes_max)
}

/// As [`read()`], of a plain file: nothing that has no end or waits for a writer.
pub(crate) fn read_plain(path: &Path, bytes_max: u64) -> Outcome<Vec<u8>> {
    let (file, _) = stable::open(path)?;
    bounded(path, &file, bytes_max)
}

/// The first bytes of a plain file.
pub(crate) fn beginning(path: &Path, bytes_max: u64) -> Outcome<Vec<u8>> {
    let (file, _) = stable::open(path)?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).map_err(|error| not_readable(path, &error))?;
    Ok(bytes)
}

/// What is left of an open file, of at most so many bytes.
pub(crate) fn bounded(path: &Path, file: &File, bytes_max: u64) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| not_readable(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        let shown = path.display();
        let message = say!("{shown} 超过 {bytes_max} 字节。", "{shown} is larger than {bytes_max} bytes.");
        return Err(Fault::usage("FILE_TOO_LARGE", message).hint(say!(
            "请核对文件名；内容过多时请分成几个文件。",
            "Check that it is the file you mean; if it is, split it."
        )));
    }
    Ok(bytes)
}

/// The content of a file as text. What other editors write is named.
pub(crate) fn text<'a>(path: &Path, bytes: &'a [u8]) -> Outcome<&'a str> {
    let shown = path.display();
    let is_utf16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    std::str::from_utf8(without_mark(bytes)).map_err(|error| {
        let message = if is_utf16 {
            say!("{shown} 是 UTF-16，不是 UTF-8。", "{shown} is UTF-16, not UTF-8.")
        } else {
            say!("{shown} 不是 UTF-8（可能是 GBK）。", "{shown} is not UTF-8 (GBK, perhaps).")
        };
        let line = bytes.get(..error.valid_up_to()).unwrap_or_default().split(|byte| *byte == b'\n').count();
        let fault = Fault::usage("NOT_UTF8", message)
            .hint(say!("请在编辑器中另存为 UTF-8。", "Save it as UTF-8 in your editor."));
        if is_utf16 { fault } else { fault.cause_in(say!("第 {line} 行", "line {line}")) }
    })
}

/// The fault of a file that cannot be opened or read.
pub(crate) fn not_readable(path: &Path, error: &std::io::Error) -> Fault {
    if error.kind() == std::io::ErrorKind::NotFound {
        let shown = path.display();
        return Fault::new(Exit::NotFound, "NO_FILE", say!("没有文件 {shown}。", "There is no file {shown}."))
            .hint(say!("请核对路径与当前文件夹。", "Check the path, and from which folder it begins."));
    }
    Fault::file(path, error)
}

/// Reads a file of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Outcome<T> {
    let bytes = read(path, RECORD_BYTES_MAX)?;
    parse(text(path, &bytes)?.as_bytes()).map_err(|error| {
        let shown = path.display();
        Fault::usage("BAD_JSON", say!("{shown} 的 JSON 无效。", "{shown} is not the JSON it should be."))
            .cause_in(causes::said(&error))
            .hint(say!(
                "请按上述位置改正；记录的样例见 samples/registrations。",
                "Mend it at that place; records look like those in samples/registrations."
            ))
    })
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
    let (digests, _) = hash(path, "", &mut |_| {})?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(read(&file, 3).unwrap(), b"abc");
        assert_eq!(read(&file, 2).unwrap_err().code, "FILE_TOO_LARGE");
        assert_eq!(read(Path::new("/dev/zero"), 9).unwrap_err().code, "FILE_TOO_LARGE");
        assert_eq!(read_plain(Path::new("/dev/zero"), 9).unwrap_err().code, "NOT_A_FILE");
    }

    #[test]
    fn texts_of_other_editors_are_named() {
        let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [&utf16[..], b"{\n\xba\xcf"] {
            let fault = text(Path::new("a"), bytes).unwrap_err();
            assert_eq!(fault.code, "NOT_UTF8");
            assert!(fault.hint.unwrap().words(crate::text::Lang::En).contains("UTF-8"));
        }
        let fault = text(Path::new("a"), b"{\n\xba\xcf").unwrap_err();
        assert_eq!(fault.causes_in(crate::text::Lang::En), ["line 2"]);
        assert_eq!(text(Path::new("a"), b"\xEF\xBB\xBF{}").unwrap(), "{}");
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
