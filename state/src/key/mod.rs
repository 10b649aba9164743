//! Keys of the state.

use core::fmt;

use borsh::io::{Error, ErrorKind, Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_proof::state_proof;
use quancheng_types::{Bytes, Digest, Domain, ModuleId};

use bytes::KeyBytes;

mod bytes;

/// Greatest length of a key in bytes, its four bytes of prefix included.
pub const KEY_BYTES_MAX: u32 = 256;
/// Greatest length of a value in bytes (64 KiB): nothing in the state is larger than a transaction.
pub const VALUE_BYTES_MAX: u32 = 64 * 1024;
/// Bytes of the prefix: module and table, each a big-endian `u16`.
pub const KEY_PREFIX_BYTES: usize = 4;

/// A key: module (`u16`, big-endian) ‖ table (`u16`, big-endian) ‖ borsh key. Only [`crate::Table`] makes new ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey(KeyBytes);

impl StateKey {
    /// The key of a row.
    ///
    /// # Panics
    /// When the key is longer than [`KEY_BYTES_MAX`]: the key type of a table must be bounded below it, so this is a mistake of
    /// the module that declares the table.
    pub(crate) fn of_row<K: BorshSerialize>(module: ModuleId, table: u16, name: &str, key: &K) -> Self {
        let mut bytes = KeyBytes::default();
        bytes.extend(&module.0.to_be_bytes());
        bytes.extend(&table.to_be_bytes());
        key.serialize(&mut bytes).expect("writing to memory cannot fail, and lengths are bounded by their types");
        let length = bytes.as_slice().len();
        assert!(length <= KEY_BYTES_MAX as usize, "a key of table {name} takes {length} bytes");
        Self(bytes)
    }

    /// A key out of bytes that a store kept or a peer sent. `None` when they are shorter than the prefix or longer than
    /// [`KEY_BYTES_MAX`].
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (KEY_PREFIX_BYTES..=KEY_BYTES_MAX as usize).contains(&bytes.len()).then(|| Self(KeyBytes::from(bytes)))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The place of the key in the authenticated tree.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Domain::StateKey.hash(self.as_bytes())
    }

    /// The module that owns the table.
    #[must_use]
    pub fn module(&self) -> ModuleId {
        let bytes = self.as_bytes();
        ModuleId(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Whether the table is a kept one: whatever this key ever held stays provable. Its bytes say so, so no store and no verifier
    /// has to be told.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        state_proof::is_kept(self.as_bytes())
    }

    /// Whether the table is an index: its rows are not in the tree.
    #[must_use]
    pub fn is_index(&self) -> bool {
        state_proof::is_index(self.as_bytes())
    }

    /// The place of a superseded version of the key in the authenticated tree.
    #[must_use]
    pub fn version_hash(&self, version: u64) -> Digest {
        state_proof::version_hash(self.as_bytes(), version)
    }

    /// The number of the table within its module, with the bit of derived ones.
    #[must_use]
    pub fn table(&self) -> u16 {
        let bytes = self.as_bytes();
        u16::from_be_bytes([bytes[2], bytes[3]])
    }
}

impl BorshSerialize for StateKey {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.as_bytes().serialize(writer)
    }
}

impl BorshDeserialize for StateKey {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let bytes = Bytes::<KEY_BYTES_MAX>::deserialize_reader(reader)?;
        Self::from_bytes(bytes.into_vec())
            .ok_or_else(|| Error::new(ErrorKind::InvalidData, "a state key is shorter than its prefix of 4 bytes"))
    }
}

impl fmt::Display for StateKey {
    /// `module/table/hex of the rest`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/", self.module(), self.table())?;
        self.as_bytes().iter().skip(KEY_PREFIX_BYTES).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
