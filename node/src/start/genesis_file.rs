//! The genesis file: JSON, or the canonical bytes.

use std::path::Path;

use quancheng_contracts::check_genesis;
use quancheng_types::{Genesis, limits};

use super::StartError;

/// What some editors write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads and validates a genesis.
///
/// # Errors
/// [`StartError::Genesis`] naming the file and what is wrong.
pub fn read_genesis(path: &Path) -> Result<Genesis, StartError> {
    let refuse = |reason: String| StartError::Genesis { path: path.to_owned(), reason };
    // JSON writes bytes as hex: twice the length, and names of fields.
    let bytes_max = u64::from(limits::GENESIS_BYTES_MAX) * 4;
    let bytes = quancheng_keystore::plain::read(path, bytes_max).map_err(|error| refuse(error.to_string()))?;
    if bytes.starts_with(BYTE_ORDER_MARK) {
        // It is no part of JSON, and would be read as the canonical bytes of a suite that nobody knows.
        let marked = "it begins with a byte-order mark, as some editors write it; use the file as it was obtained, or save it as UTF-8 without one \
                      (文件以字节顺序标记（BOM）开头；请使用取得时的原文件，或另存为不带该标记的 UTF-8)";
        return Err(refuse(marked.to_owned()));
    }
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

    #[test]
    fn a_genesis_behind_a_byte_order_mark_is_told_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("genesis.json");
        let whole = serde_json::to_vec(&testing::genesis()).unwrap();
        std::fs::write(&path, [BYTE_ORDER_MARK, &whole].concat()).unwrap();
        let told = read_genesis(&path).unwrap_err().to_string();
        assert!(told.contains("byte-order mark") && told.contains("字节顺序标记") && !told.contains("suite"), "{told}");
    }

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
