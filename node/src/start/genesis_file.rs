//! The genesis file: JSON, or the canonical bytes.

use std::path::Path;

use quancheng_contracts::check_genesis;
use quancheng_types::{Genesis, limits};

use super::StartError;

/// Reads and validates a genesis.
///
/// # Errors
/// [`StartError::Genesis`] naming the file and what is wrong.
pub fn read_genesis(path: &Path) -> Result<Genesis, StartError> {
    let refuse = |reason: String| StartError::Genesis { path: path.to_owned(), reason };
    // JSON writes bytes as hex: twice the length, and names of fields.
    let bytes_max = u64::from(limits::GENESIS_BYTES_MAX) * 4;
    let bytes = quancheng_keystore::plain::read(path, bytes_max).map_err(|error| refuse(error.to_string()))?;
    let genesis = if bytes.first() == Some(&b'{') {
        serde_json::from_slice::<Genesis>(&bytes).map_err(|error| refuse(error.to_string()))?
    } else {
        Genesis::decode(&bytes).map_err(|error| refuse(error.to_string()))?
    };
    // What its modules say is looked at too: a mistake is told by whoever reads the file first, not by the first start on an empty folder.
    check_genesis(&genesis).map_err(|error| refuse(error.to_string()))?;
    Ok(genesis)
}
