//! State entries in words: what a proven key and value say, for people who hold a bundle and no node.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::key::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use quancheng_state::{StateKey, Table};
use quancheng_types::{ModuleId, codec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::modules::{self, CodecError, MODULES};

mod shape;

pub use shape::{Shape, Sort};

/// A state entry in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Name of the module that owns it.
    pub module: &'static str,
    /// Name of its table.
    pub table: &'static str,
    /// The key within the table.
    pub key: Value,
    /// The value; absent when the entry is.
    pub value: Option<Value>,
}

/// A table whose rows can be shown.
pub trait Describe: Sync {
    /// Number within the module.
    fn number(&self) -> u16;

    /// Name, for people.
    fn name(&self) -> &'static str;

    /// Key and value of a row as JSON, from the canonical bytes of each.
    ///
    /// # Errors
    /// [`CodecError`].
    fn row(&self, module: &'static str, key: &[u8], value: Option<&[u8]>)
    -> Result<(Value, Option<Value>), CodecError>;

    /// What stands where in the JSON of a value.
    fn shape(&self) -> Shape;
}

impl<K, V> Describe for Table<K, V>
where
    K: BorshSerialize + BorshDeserialize + Serialize,
    V: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned,
{
    fn number(&self) -> u16 {
        Self::number(self)
    }

    fn name(&self) -> &'static str {
        Self::name(self)
    }

    fn row(
        &self,
        module: &'static str,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(Value, Option<Value>), CodecError> {
        let key: K = codec::decode(key, KEY_BYTES_MAX).map_err(|error| CodecError::Borsh { module, error })?;
        let json = |error: serde_json::Error| CodecError::Json { module, reason: error.to_string() };
        let value = match value {
            None => None,
            Some(bytes) => {
                let value: V =
                    codec::decode(bytes, VALUE_BYTES_MAX).map_err(|error| CodecError::Borsh { module, error })?;
                Some(serde_json::to_value(value).map_err(json)?)
            }
        };
        Ok((serde_json::to_value(key).map_err(json)?, value))
    }

    fn shape(&self) -> Shape {
        Shape::of::<V>()
    }
}

/// What stands where in the values of a table, by its name; nothing is known of a table that this version does not have.
#[must_use]
pub fn shape_of(table: &str) -> Shape {
    let tables = MODULES.iter().flat_map(|module| module.tables());
    tables.into_iter().find(|found| found.name() == table).map(|table| table.shape()).unwrap_or_default()
}

/// What a state entry says; `value` is absent for a proof of absence.
///
/// # Errors
/// [`CodecError`]: the module or table is unknown to this version, or the bytes are not a row of it.
pub fn describe_entry(key: &StateKey, value: Option<&[u8]>) -> Result<Entry, CodecError> {
    let id: ModuleId = key.module();
    let module = modules::by_id(id).ok_or(CodecError::UnknownModule { module: id })?;
    let table = module.tables().iter().find(|table| table.number() == key.table());
    let table = table.ok_or(CodecError::UnknownTable { module: module.name(), table: key.table() })?;
    // A key is its module and table, two bytes each, and the canonical bytes of the table's own key.
    let row = key.as_bytes().get(4..).unwrap_or_default();
    let (key, value) = table.row(module.name(), row, value)?;
    Ok(Entry { module: module.name(), table: table.name(), key, value })
}

#[cfg(test)]
mod tests;
