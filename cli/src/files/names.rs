//! Names of files as people have them, and as a manifest can hold them.
//!
//! A path of a manifest is UTF-8 without backslash, control characters or marks of text direction. Archives from other systems, and
//! people, make other names. Such a name can be written down *escaped*: each byte that cannot stand is `%` and two digits, and so is
//! `%` itself in such a name, and all but ASCII in one that is not UTF-8. A name that looks escaped already is escaped too, so that no
//! two names have one spelling. The escaped form is what the manifest holds and what `verify` compares with.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use quancheng_proof::commitment::{PathError, RelativePath};

/// Whether a character can stand in a name of a manifest.
fn is_sound(c: char) -> bool {
    c == '.' || RelativePath::new(c).is_ok()
}

/// Whether a name holds what an escape looks like.
fn looks_escaped(name: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
    name.as_bytes().windows(3).any(|part| part[0] == b'%' && part[1..].iter().all(is_digit))
}

/// Whether a name begins like a drive, as no path of a manifest may.
fn is_drive(name: &str) -> bool {
    matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// A name as a manifest can hold it: itself, or escaped. Of a name in some other encoding all but ASCII is escaped: a pair of its bytes
/// may look like a character of UTF-8.
fn escaped(name: &OsStr) -> String {
    let text = name.to_str();
    let stands = |text: &&str| text.chars().all(is_sound) && !looks_escaped(text) && !is_drive(text);
    if let Some(text) = text.filter(stands) {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut push = |c: Option<char>, bytes: &[u8]| match c.filter(|c| is_sound(*c) && *c != '%') {
        Some(c) => out.push(c),
        None => bytes.iter().for_each(|byte| out.push_str(&format!("%{byte:02X}"))),
    };
    match text {
        Some(text) => text.chars().for_each(|c| push(Some(c), c.encode_utf8(&mut [0; 4]).as_bytes())),
        None => name.as_bytes().iter().for_each(|byte| push(byte.is_ascii().then_some(char::from(*byte)), &[*byte])),
    }
    if is_drive(&out) { out.replacen(':', "%3A", 1) } else { out }
}

/// A path with every name as a manifest can hold it; otherwise as it is spelt.
pub(crate) fn spelt(path: &Path) -> String {
    let names = path.as_os_str().as_bytes().split(|byte| *byte == b'/');
    names.map(|name| escaped(OsStr::from_bytes(name))).collect::<Vec<_>>().join("/")
}

/// Why a name cannot stand in a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadName {
    /// Its bytes are no UTF-8, as in archives of older systems.
    NotUtf8,
    /// It looks like the escaped form of another name.
    LooksEscaped,
    /// The reason of the manifest.
    Path(PathError),
}

impl BadName {
    /// Whether it can stand there escaped.
    pub(crate) const fn can_be_escaped(self) -> bool {
        match self {
            Self::NotUtf8 | Self::LooksEscaped | Self::Path(PathError::Character | PathError::Absolute) => true,
            Self::Path(PathError::TooLong | PathError::Name) => false,
        }
    }

    /// In words.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NotUtf8 => ("名称不是 UTF-8（如 GBK）", "the name is not UTF-8 (GBK, say)"),
            Self::LooksEscaped => (
                "名称含有与转义写法相同的字符（如 %BA）",
                "the name holds what is an escape in a manifest (such as %BA)",
            ),
            Self::Path(PathError::TooLong) => ("路径超过 512 字节", "the path is longer than 512 bytes"),
            Self::Path(PathError::Absolute) => ("名称形似盘符", "the name begins like a drive letter"),
            Self::Path(PathError::Name) => ("名称为空、. 或 ..", "a name is empty, `.` or `..`"),
            Self::Path(PathError::Character) => (
                "名称含反斜线、换行等控制字符或方向标记",
                "the name holds a backslash, a line break or other control character, or a mark of text direction",
            ),
        }
    }
}

/// The path of a manifest for a relative path: its names with `/` between them.
pub(crate) fn of_manifest(path: &Path, is_escaping: bool) -> Result<String, BadName> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    let name = if is_escaping {
        names.map(escaped).collect::<Vec<_>>().join("/")
    } else {
        let names: Option<Vec<&str>> = names.map(OsStr::to_str).collect();
        let names = names.ok_or(BadName::NotUtf8)?;
        if names.iter().any(|name| is_drive(name)) {
            return Err(BadName::Path(PathError::Absolute));
        }
        if names.iter().any(|name| looks_escaped(name)) {
            return Err(BadName::LooksEscaped);
        }
        names.join("/")
    };
    RelativePath::new(name.as_str()).map(|_| name).map_err(BadName::Path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_stand_are_escaped_and_others_left_alone() {
        let table: [(&[u8], &str, bool); 11] = [
            (b"%FF.txt", "%25FF.txt", false),
            (b"a/%ff %F", "a/%ff %F", true),
            (b"a/C:x", "a/C%3Ax", false),
            ("合同 100%.pdf".as_bytes(), "合同 100%.pdf", true),
            (b"a/b.txt", "a/b.txt", true),
            (b"\xba\xcf\xcd\xac.txt", "%BA%CF%CD%AC.txt", false),
            (b"a\nb.txt", "a%0Ab.txt", false),
            (b"c\\d%.txt", "c%5Cd%25.txt", false),
            ("a\u{202e}b".as_bytes(), "a%E2%80%AEb", false),
            (b"C:x", "C%3Ax", false),
            ("济\u{0}".as_bytes(), "济%00", false),
        ];
        for (name, expected, is_sound) in table {
            let path = Path::new(OsStr::from_bytes(name));
            assert_eq!(of_manifest(path, true).as_deref(), Ok(expected));
            assert_eq!(of_manifest(path, false).is_ok(), is_sound, "{expected}");
        }
    }

    #[test]
    fn an_escaped_name_is_that_of_one_name_alone() {
        let names: [&[u8]; 10] =
            [b"\xff", b"%FF\n", b"\xff\n", b"\\", b"%5C\\", b"%FF", b"%25FF", b"%5C", b"C:x", b"C%3Ax"];
        let all: std::collections::BTreeSet<String> =
            names.iter().map(|name| escaped(OsStr::from_bytes(name))).collect();
        assert_eq!(all.len(), names.len(), "{all:?}");
    }

    #[test]
    fn what_is_given_keeps_its_spelling() {
        for (path, expected) in [("./a//b", "./a//b"), ("/x/../y", "/x/../y"), ("a", "a")] {
            assert_eq!(spelt(Path::new(path)), expected);
        }
        assert_eq!(spelt(Path::new(OsStr::from_bytes(b"./\xff/b"))), "./%FF/b");
        assert_ne!(spelt(Path::new(OsStr::from_bytes(b"\xff"))), spelt(Path::new(OsStr::from_bytes(b"\xfe"))));
    }

    #[test]
    fn long_paths_cannot_be_escaped_away() {
        let long = "x/".repeat(300) + "y";
        let bad = of_manifest(Path::new(&long), true).unwrap_err();
        assert_eq!((bad, bad.can_be_escaped()), (BadName::Path(PathError::TooLong), false));
    }
}
