//! Lists, bytes and texts whose greatest length is part of their type, checked before memory is taken.

use core::fmt;
use core::ops::Deref;

use borsh::io::{Error, ErrorKind, Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};

/// More elements or bytes than the type admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// What was offered.
    pub length: usize,
    /// What is allowed.
    pub max: u32,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "length {} exceeds the limit of {}", self.length, self.max)
    }
}

impl core::error::Error for TooLong {}

fn check(length: usize, max: u32) -> core::result::Result<u32, TooLong> {
    match u32::try_from(length) {
        Ok(n) if n <= max => Ok(n),
        Ok(_) | Err(_) => Err(TooLong { length, max }),
    }
}

fn read_length<R: Read>(reader: &mut R, max: u32) -> Result<u32> {
    let length = u32::deserialize_reader(reader)?;
    if length > max {
        return Err(Error::new(ErrorKind::InvalidData, format!("length {length} exceeds the limit of {max}")));
    }
    Ok(length)
}

/// Up to `MAX` elements. Encoded as `u32` count, then the elements.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T, const MAX: u32>(Vec<T>);

impl<T, const MAX: u32> List<T, MAX> {
    /// Takes the elements.
    ///
    /// # Errors
    /// [`TooLong`] with more than `MAX` elements.
    pub fn new(elements: Vec<T>) -> core::result::Result<Self, TooLong> {
        check(elements.len(), MAX)?;
        Ok(Self(elements))
    }

    /// No elements.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The elements, taken out.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: u32> Default for List<T, MAX> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T, const MAX: u32> Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: u32> IntoIterator for &'a List<T, MAX> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: fmt::Debug, const MAX: u32> fmt::Debug for List<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: BorshSerialize, const MAX: u32> BorshSerialize for List<T, MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

/// Elements reserved ahead of reading them: a claimed length alone never takes more memory than this many elements.
const RESERVE_MAX: u32 = 64;

impl<T: BorshDeserialize, const MAX: u32> BorshDeserialize for List<T, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let length = read_length(reader, MAX)?;
        let mut elements = Vec::with_capacity(length.min(RESERVE_MAX) as usize);
        for _ in 0..length {
            elements.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(elements))
    }
}

impl<T: serde::Serialize, const MAX: u32> serde::Serialize for List<T, MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: serde::Deserialize<'de>, const MAX: u32> serde::Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        Self::new(<Vec<T> as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Up to `MAX` bytes. Encoded as `u32` length, then the bytes; lower-case hex in JSON.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<const MAX: u32>(Vec<u8>);

impl<const MAX: u32> Bytes<MAX> {
    /// Takes the bytes.
    ///
    /// # Errors
    /// [`TooLong`] with more than `MAX` bytes.
    pub fn new(bytes: Vec<u8>) -> core::result::Result<Self, TooLong> {
        check(bytes.len(), MAX)?;
        Ok(Self(bytes))
    }

    /// The bytes, taken out.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: u32> Deref for Bytes<MAX> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: u32> fmt::Debug for Bytes<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(&self.0))
    }
}

impl<const MAX: u32> BorshSerialize for Bytes<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<const MAX: u32> BorshDeserialize for Bytes<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let length = read_length(reader, MAX)?;
        // Read in steps, so that a claimed length takes memory only as its bytes arrive.
        let mut bytes = Vec::new();
        let mut left = length as usize;
        while left > 0 {
            let step = left.min(64 * 1024);
            let start = bytes.len();
            bytes.resize(start + step, 0);
            reader.read_exact(&mut bytes[start..])?;
            left -= step;
        }
        Ok(Self(bytes))
    }
}

impl<const MAX: u32> serde::Serialize for Bytes<MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de, const MAX: u32> serde::Deserialize<'de> for Bytes<MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        Self::new(hex::decode(text.as_ref()).map_err(serde::de::Error::custom)?).map_err(serde::de::Error::custom)
    }
}

/// UTF-8 text of up to `MAX` bytes. Encoded as `u32` length in bytes, then the bytes.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: u32>(String);

impl<const MAX: u32> Text<MAX> {
    /// Takes the text.
    ///
    /// # Errors
    /// [`TooLong`] with more than `MAX` bytes.
    pub fn new(text: impl Into<String>) -> core::result::Result<Self, TooLong> {
        let text = text.into();
        check(text.len(), MAX)?;
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: u32> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: u32> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MAX: u32> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: u32> BorshSerialize for Text<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<const MAX: u32> BorshDeserialize for Text<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let bytes = Bytes::<MAX>::deserialize_reader(reader)?.into_vec();
        String::from_utf8(bytes).map(Self).map_err(|_| Error::new(ErrorKind::InvalidData, "text is not UTF-8"))
    }
}

/// The name of [`Text`] to whoever writes or reads it through serde: what people wrote can so be told from ids and codes, which are
/// strings too. JSON shows nothing of it.
pub const TEXT_NAME: &str = "Text";

impl<const MAX: u32> serde::Serialize for Text<MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TEXT_NAME, &self.0)
    }
}

impl<'de, const MAX: u32> serde::Deserialize<'de> for Text<MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        struct Words<const MAX: u32>;

        impl<'de, const MAX: u32> serde::de::Visitor<'de> for Words<MAX> {
            type Value = Text<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> core::result::Result<Text<MAX>, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Text::new(text).map_err(serde::de::Error::custom)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> core::result::Result<Text<MAX>, E> {
                Text::new(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_newtype_struct(TEXT_NAME, Words)
    }
}
