//! Which keys the tables of the ledger can hold.
//!
//! That something is absent says something only when it could be present: nobody shows the absence of a certificate by a key
//! with a byte too many. This list is the one home of what a key of each table looks like; the contracts' own tables are
//! compared with it by a test of theirs, and `proof/vectors/tables.json` is this list for other languages.

mod form;
mod list;

use core::fmt;

use serde::Serialize;

pub use form::Form;
pub(crate) use form::is_region;
pub use list::TABLES;

/// A table of the ledger and the form of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TableForm {
    /// The module that owns it.
    pub module: u16,
    /// Its number within the module, with [`DERIVED_TABLES`](crate::state_proof::DERIVED_TABLES) when it is derived.
    pub table: u16,
    /// Its name in programs.
    pub name: &'static str,
    /// What it holds, in Chinese.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
    /// What follows the four bytes of module and table, in order; nothing for a table of one row.
    pub key: &'static [Field],
}

/// A part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// What it is, in Chinese.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
    /// Its bytes.
    #[serde(flatten)]
    pub form: Form,
}

/// A key in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The table.
    pub table: &'static TableForm,
    /// Table and key in Chinese, such as `登记凭证编号索引：编号 QC-370100-PR-2026-00001001-P`.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// Why no table can hold a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// Shorter than module and table.
    Short,
    /// No module of this number has tables.
    UnknownModule {
        /// Which.
        module: u16,
    },
    /// The module has no table of this number.
    UnknownTable {
        /// The module.
        module: u16,
        /// Which.
        table: u16,
    },
    /// What follows is no key of the table.
    Form {
        /// Name of the table.
        table: &'static str,
    },
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the key is shorter than the numbers of module and table"),
            Self::UnknownModule { module } => write!(f, "this build knows no module {module} that keeps records"),
            Self::UnknownTable { module, table } => write!(f, "this build knows no table {table} of module {module}"),
            Self::Form { table } => write!(f, "no row of {table} can have this key"),
        }
    }
}

impl core::error::Error for KeyFault {}

/// Table and row of a full state key, in words.
///
/// # Errors
/// [`KeyFault`] when no table of this version can hold the key.
pub fn row(key: &[u8]) -> Result<Row, KeyFault> {
    let (module, rest) = key.split_first_chunk::<2>().ok_or(KeyFault::Short)?;
    let (table, rest) = rest.split_first_chunk::<2>().ok_or(KeyFault::Short)?;
    let (module, number) = (u16::from_be_bytes(*module), u16::from_be_bytes(*table));
    if !TABLES.iter().any(|table| table.module == module) {
        return Err(KeyFault::UnknownModule { module });
    }
    let table = TABLES.iter().find(|table| table.module == module && table.table == number);
    let table = table.ok_or(KeyFault::UnknownTable { module, table: number })?;
    words(table, rest).ok_or(KeyFault::Form { table: table.name })
}

fn words(table: &'static TableForm, mut rest: &[u8]) -> Option<Row> {
    let (mut zh, mut en) = (Vec::new(), Vec::new());
    for field in table.key {
        let (value_zh, value_en) = field.form.read(&mut rest)?;
        zh.push(format!("{} {value_zh}", field.zh));
        en.push(format!("{} {value_en}", field.en));
    }
    if !rest.is_empty() {
        return None;
    }
    if table.key.is_empty() {
        zh.push("唯一条目".to_owned());
        en.push("its only row".to_owned());
    }
    Some(Row {
        table, zh: format!("{}：{}", table.zh, zh.join("，")), en: format!("{}: {}", table.en, en.join(", "))
    })
}

/// The full key of a row of module and table.
#[must_use]
pub fn key(module: u16, table: u16, row: &[u8]) -> Vec<u8> {
    [&module.to_be_bytes()[..], &table.to_be_bytes(), row].concat()
}

#[cfg(test)]
mod tests;
