//! Why foreign JSON or bytes are refused outside of execution.

use core::fmt;

use quancheng_state::StoreError;
use quancheng_types::{DecodeError, ModuleId};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::MODULES;

/// Why JSON or borsh is not a call, event, query or genesis content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// No module has this name.
    UnknownName {
        /// The name.
        name: String,
    },
    /// No module has this number.
    UnknownModule {
        /// The number.
        module: ModuleId,
    },
    /// The module has no table of this number.
    UnknownTable {
        /// The module.
        module: &'static str,
        /// The number.
        table: u16,
    },
    /// The JSON has another shape; `reason` names the field and what was expected.
    Json {
        /// The module.
        module: &'static str,
        /// What the parser says.
        reason: String,
    },
    /// The bytes do not decode.
    Borsh {
        /// The module.
        module: &'static str,
        /// Why.
        error: DecodeError,
    },
    /// The encoding is larger than a message may carry.
    TooLarge {
        /// Bytes of the encoding.
        bytes: usize,
        /// Bytes allowed.
        max: u32,
    },
}

/// How the path of the whole is written.
const WHOLE: &str = ".";

impl CodecError {
    /// Reads JSON; the reason of an error begins with the path of the field, such as `submit.dossier.holders`.
    pub(super) fn read<T: DeserializeOwned>(module: &'static str, json: Value) -> Result<T, Self> {
        serde_path_to_error::deserialize(json).map_err(|error| {
            let path = error.path().to_string();
            let reason = if path == WHOLE { error.inner().to_string() } else { format!("{path}: {}", error.inner()) };
            Self::Json { module, reason }
        })
    }

    pub(super) fn json(module: &'static str, error: &serde_json::Error) -> Self {
        Self::Json { module, reason: error.to_string() }
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName { name } => {
                write!(f, "there is no module {name:?}; modules are")?;
                MODULES.iter().try_for_each(|module| write!(f, " {}", module.name()))
            }
            Self::UnknownModule { module } => write!(f, "this version knows no module {module}"),
            Self::UnknownTable { module, table } => {
                write!(f, "this version knows no table {table} of module {module}")
            }
            Self::Json { module, reason } => write!(f, "JSON for module {module}: {reason}"),
            Self::Borsh { module, error } => write!(f, "bytes for module {module}: {error}"),
            Self::TooLarge { bytes, max } => {
                write!(f, "encoding of {bytes} bytes exceeds the limit of {max}")
            }
        }
    }
}

impl core::error::Error for CodecError {}

/// Why a query has no answer.
#[derive(Clone, Debug)]
pub enum QueryError {
    /// The question is wrong.
    Query(CodecError),
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(error) => fmt::Display::fmt(error, f),
            Self::Store(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for QueryError {}
