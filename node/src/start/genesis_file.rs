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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Half a file, another document, no file: each says where a whole one is, in both languages.
    #[test]
    fn a_damaged_genesis_says_where_another_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("genesis.json");
        let whole = serde_json::to_vec(&testing::genesis()).unwrap();
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(read_genesis(&path).unwrap(), testing::genesis());
        for content in [Some(&whole[..whole.len() / 2]), Some(b"{}"), Some(b"\0"), None] {
            match content {
                Some(content) => std::fs::write(&path, content).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let told = read_genesis(&path).unwrap_err().to_string();
            for part in ["genesis.json", "chain genesis --out", "chain-id", "重新取得"] {
                assert!(told.contains(part), "{part}: {told}");
            }
        }
    }
}
