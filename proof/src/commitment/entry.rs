//! One line of a manifest: a file by path, size and digests.

use core::fmt;

use borsh::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{Digest, Text};
use serde::{Deserialize, Serialize};

/// Bytes of a path inside a batch.
pub const PATH_BYTES_MAX: u32 = 512;
/// Bytes of a media type; RFC 6838 §4.2 allows 127 on each side of the slash, registered ones are far shorter.
pub const MEDIA_TYPE_BYTES_MAX: u32 = 127;

/// A file of a batch. Its canonical bytes, salted, are what the chain commits to.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry {
    /// Where it lies inside the batch.
    pub path: RelativePath,
    /// Length, bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// SM3 of the content.
    pub sm3: Digest,
    /// Media type, when known.
    pub mime: Option<MediaType>,
}

/// A path inside a batch: relative, `/` between names, at most [`PATH_BYTES_MAX`] bytes of UTF-8.
///
/// Refused are what would name a place on some machine, or what a reader could not see: an empty path or name, `.` and
/// `..`, a leading `/`, a drive letter, a backslash, control characters, and characters that change the direction of text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelativePath(Text<PATH_BYTES_MAX>);

/// Why a text is not a path inside a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// Longer than [`PATH_BYTES_MAX`] bytes.
    TooLong,
    /// Begins with `/` or a drive letter.
    Absolute,
    /// A name is empty, `.` or `..`.
    Name,
    /// Holds a backslash, a control character, or one that changes the direction of text.
    Character,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "path is longer than {PATH_BYTES_MAX} bytes; notarize from a folder nearer to the file")
            }
            Self::Absolute => f.write_str("path is absolute; give it relative to the folder of the batch"),
            Self::Name => f.write_str("path holds an empty name, `.` or `..`; give it in its shortest form"),
            Self::Character => {
                f.write_str("path holds a backslash, a control character or a text direction mark; rename the file")
            }
        }
    }
}

impl core::error::Error for PathError {}

impl RelativePath {
    /// Checks and takes a path.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn new(path: impl Into<String>) -> Result<Self, PathError> {
        let path = Text::new(path).map_err(|_| PathError::TooLong)?;
        Self::check(&path)?;
        Ok(Self(path))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn check(path: &str) -> Result<(), PathError> {
        let drive = matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
        if path.starts_with('/') || drive {
            return Err(PathError::Absolute);
        }
        if path.chars().any(|c| c == '\\' || c.is_control() || is_direction_mark(c)) {
            return Err(PathError::Character);
        }
        if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return Err(PathError::Name);
        }
        Ok(())
    }
}

/// Characters that reorder what follows (Unicode Bidi_Control): a shown path could differ from the committed one.
const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A media type such as `application/pdf`: printable ASCII with one slash, no parameters (RFC 6838 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(Text<MEDIA_TYPE_BYTES_MAX>);

/// A text that is not a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaTypeError;

impl fmt::Display for MediaTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a media type such as `application/pdf`, at most {MEDIA_TYPE_BYTES_MAX} bytes, without parameters"
        )
    }
}

impl core::error::Error for MediaTypeError {}

impl MediaType {
    /// Checks and takes a media type.
    ///
    /// # Errors
    /// [`MediaTypeError`].
    pub fn new(text: impl Into<String>) -> Result<Self, MediaTypeError> {
        let text: Text<MEDIA_TYPE_BYTES_MAX> = Text::new(text).map_err(|_| MediaTypeError)?;
        let (main, sub) = text.split_once('/').ok_or(MediaTypeError)?;
        if is_restricted_name(main) && is_restricted_name(sub) { Ok(Self(text)) } else { Err(MediaTypeError) }
    }

    /// The media type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// `restricted-name` of RFC 6838 §4.2.
fn is_restricted_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}

macro_rules! checked_text {
    ($name:ident, $max:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl BorshSerialize for $name {
            fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
                BorshSerialize::serialize(&self.0, writer)
            }
        }

        impl BorshDeserialize for $name {
            fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
                let text = Text::<$max>::deserialize_reader(reader)?;
                Self::new(text.as_str()).map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Serialize::serialize(&self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(<String as Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

checked_text!(RelativePath, PATH_BYTES_MAX);
checked_text!(MediaType, MEDIA_TYPE_BYTES_MAX);
