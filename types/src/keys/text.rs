//! The text form of keys and signatures: a scheme name, a colon, lower-case hex of a fixed length.

use core::fmt;

/// The scheme name of Ed25519 keys and signatures.
pub(super) const ED25519_SCHEME: &str = "ed25519";
/// The scheme name of SM2 keys and signatures.
pub(super) const SM2_SCHEME: &str = "sm2";

/// Why a text is not a key or a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTextError {
    /// The text does not begin with `ed25519:` or `sm2:`.
    UnknownScheme,
    /// The part after the colon has the wrong length.
    WrongLength {
        /// Hex digits that the scheme asks for.
        expected_digits: usize,
        /// Bytes that were found.
        found_bytes: usize,
    },
    /// A character after the colon is not one of `0-9a-f`. Upper case is refused so that each value has one text.
    NotLowerHex {
        /// Offset of the character after the colon, from 0.
        offset: usize,
    },
}

impl fmt::Display for KeyTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScheme => f.write_str("unknown scheme: the text must begin with \"ed25519:\" or \"sm2:\""),
            Self::WrongLength { expected_digits, found_bytes } => {
                write!(f, "expected {expected_digits} hex digits after the colon, found {found_bytes} bytes")
            }
            Self::NotLowerHex { offset } => {
                write!(f, "character {offset} after the colon is not a lower-case hex digit (0-9, a-f)")
            }
        }
    }
}

impl core::error::Error for KeyTextError {}

/// The scheme of a text and the hex digits after the colon.
pub(super) enum Scheme<'a> {
    Ed25519(&'a str),
    Sm2(&'a str),
}

/// Separates the scheme from the digits.
///
/// # Errors
/// [`KeyTextError::UnknownScheme`] when the text has no colon or another name before it.
pub(super) fn scheme(text: &str) -> Result<Scheme<'_>, KeyTextError> {
    match text.split_once(':') {
        Some((ED25519_SCHEME, digits)) => Ok(Scheme::Ed25519(digits)),
        Some((SM2_SCHEME, digits)) => Ok(Scheme::Sm2(digits)),
        Some(_) | None => Err(KeyTextError::UnknownScheme),
    }
}

/// Reads exactly `N` bytes of lower-case hex.
///
/// # Errors
/// [`KeyTextError::WrongLength`] or [`KeyTextError::NotLowerHex`].
pub(super) fn bytes<const N: usize>(digits: &str) -> Result<[u8; N], KeyTextError> {
    if digits.len() != 2 * N {
        return Err(KeyTextError::WrongLength { expected_digits: 2 * N, found_bytes: digits.len() });
    }
    let mut out = [0; N];
    for (index, (byte, pair)) in out.iter_mut().zip(digits.as_bytes().chunks_exact(2)).enumerate() {
        let digit = |at: usize| nibble(pair[at]).ok_or(KeyTextError::NotLowerHex { offset: 2 * index + at });
        *byte = (digit(0)? << 4) | digit(1)?;
    }
    Ok(out)
}

/// The value of one lower-case hex digit.
fn nibble(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// Writes a scheme and bytes in the text form.
pub(super) fn write(f: &mut fmt::Formatter<'_>, scheme: &str, bytes: &[u8]) -> fmt::Result {
    write!(f, "{scheme}:{}", hex::encode(bytes))
}

/// Implements serde through the text form, for human-readable and binary formats alike.
macro_rules! serde_as_text {
    ($type:ty, $expecting:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct TextVisitor;

                impl serde::de::Visitor<'_> for TextVisitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(TextVisitor)
            }
        }
    };
}

pub(super) use serde_as_text;
