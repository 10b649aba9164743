use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use borsh::io::{Result, Write};

/// Bytes of a key that need no memory of their own: those of nearly all rows, which are of a hash and sometimes a number.
const SHORT_BYTES: usize = 46;

/// Bytes of a key. Executing a transaction compares keys a hundred times, so most of them stand where they are compared. Equal bytes are held
/// alike: in place when they fit.
#[derive(Clone)]
pub(super) enum KeyBytes {
    Short { length: u8, bytes: [u8; SHORT_BYTES] },
    Long(Vec<u8>),
}

const _: () = assert!(size_of::<KeyBytes>() == 48, "maps of keys hold them in place");

impl KeyBytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => &bytes[..usize::from(*length)],
            Self::Long(bytes) => bytes,
        }
    }

    pub(super) fn extend(&mut self, more: &[u8]) {
        match self {
            Self::Short { length, bytes } => {
                let start = usize::from(*length);
                let end = start + more.len();
                match u8::try_from(end) {
                    Ok(new_length) if end <= SHORT_BYTES => {
                        bytes[start..end].copy_from_slice(more);
                        *length = new_length;
                    }
                    Ok(_) | Err(_) => *self = Self::Long([&bytes[..start], more].concat()),
                }
            }
            Self::Long(bytes) => bytes.extend_from_slice(more),
        }
    }
}

impl Default for KeyBytes {
    fn default() -> Self {
        Self::Short { length: 0, bytes: [0; SHORT_BYTES] }
    }
}

impl From<Vec<u8>> for KeyBytes {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() > SHORT_BYTES {
            return Self::Long(bytes);
        }
        let mut short = Self::default();
        short.extend(&bytes);
        short
    }
}

impl Write for KeyBytes {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl PartialEq for KeyBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for KeyBytes {}

impl PartialOrd for KeyBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for KeyBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_the_bytes_that_were_written(pieces in vec(vec(any::<u8>(), 0..30), 0..6), other in vec(any::<u8>(), 0..60)) {
            let all = pieces.concat();
            let mut written = KeyBytes::default();
            for piece in &pieces {
                written.write_all(piece).unwrap();
            }
            prop_assert_eq!(written.as_slice(), &all[..]);
            prop_assert_eq!(matches!(written, KeyBytes::Short { .. }), all.len() <= SHORT_BYTES);
            prop_assert!(written == KeyBytes::from(all.clone()));
            prop_assert_eq!(written.cmp(&KeyBytes::from(other.clone())), all.cmp(&other));
        }
    }
}
