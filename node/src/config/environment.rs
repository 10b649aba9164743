//! Variables of the environment that override the file. Only names on a list are read: platforms inject variables of their own into
//! every process (`QUANCHENG_PORT`, `QUANCHENG_SERVICE_HOST`), and those must neither be obeyed nor stop a node.

use std::ffi::OsString;

use quancheng_types::variables::{self, NearMiss};

use super::ConfigError;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Text, a path or an address: taken as it is.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A list, written as in the file: `["127.0.0.1:26656"]`.
    List,
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Text => "a text in UTF-8",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::List => "a list as in the file, such as [\"127.0.0.1:26656\"]",
        }
    }

    fn read(self, text: &str) -> Option<toml::Value> {
        let written =
            || format!("v = {text}").parse::<toml::Table>().ok().filter(|table| table.len() == 1)?.remove("v");
        match self {
            Self::Text => Some(toml::Value::String(text.to_owned())),
            Self::Number => written().filter(toml::Value::is_integer),
            Self::Flag => written().filter(toml::Value::is_bool),
            Self::List => written().filter(toml::Value::is_array),
        }
    }
}

/// A key that a variable overrides: `QUANCHENG_API_PUBLIC` overrides `api.public`.
struct Key {
    variable: &'static str,
    section: &'static str,
    field: &'static str,
    kind: Kind,
}

const fn key(variable: &'static str, section: &'static str, field: &'static str, kind: Kind) -> Key {
    Key { variable, section, field, kind }
}

const KEYS: [Key; 24] = [
    key("QUANCHENG_NODE_DATA_DIR", "node", "data_dir", Kind::Text),
    key("QUANCHENG_NODE_GENESIS", "node", "genesis", Kind::Text),
    key("QUANCHENG_NODE_PEER_KEY", "node", "peer_key", Kind::Text),
    key("QUANCHENG_NODE_VALIDATOR_KEY", "node", "validator_key", Kind::Text),
    key("QUANCHENG_NODE_PASSWORD_FILE", "node", "password_file", Kind::Text),
    key("QUANCHENG_NODE_QUARANTINE_MS", "node", "quarantine_ms", Kind::Number),
    key("QUANCHENG_NODE_VERIFIER_THREADS", "node", "verifier_threads", Kind::Number),
    key("QUANCHENG_NETWORK_LISTEN", "network", "listen", Kind::List),
    key("QUANCHENG_NETWORK_PEERS", "network", "peers", Kind::List),
    key("QUANCHENG_API_PUBLIC", "api", "public", Kind::Text),
    key("QUANCHENG_API_ADMIN", "api", "admin", Kind::Text),
    key("QUANCHENG_API_ADMIN_EXPOSED", "api", "admin_exposed", Kind::Flag),
    key("QUANCHENG_API_CONNECTIONS_MAX", "api", "connections_max", Kind::Number),
    key("QUANCHENG_API_CONNECTIONS_PER_ADDRESS_MAX", "api", "connections_per_address_max", Kind::Number),
    key("QUANCHENG_API_PENDING_PER_ACCOUNT_MAX", "api", "pending_per_account_max", Kind::Number),
    key("QUANCHENG_API_PENDING_MAX", "api", "pending_max", Kind::Number),
    key("QUANCHENG_STORE_MEMORY_MIB", "store", "memory_mib", Kind::Number),
    key("QUANCHENG_STORE_KEEP_RECENT", "store", "keep_recent", Kind::Number),
    key("QUANCHENG_STORE_KEEP_BLOCKS", "store", "keep_blocks", Kind::Number),
    key("QUANCHENG_STORE_KEEP_DAYS", "store", "keep_days", Kind::Number),
    key("QUANCHENG_STORE_KEEP_MIB", "store", "keep_mib", Kind::Number),
    key("QUANCHENG_LOG_LEVEL", "log", "level", Kind::Text),
    key("QUANCHENG_LOG_JSON", "log", "json", Kind::Flag),
    key("QUANCHENG_SNAPSHOTS_EVERY_BLOCKS", "snapshots", "every_blocks", Kind::Number),
];

/// Writes what the variables say into the table.
///
/// # Errors
/// [`ConfigError::Variable`] for a listed name with a value that cannot be meant.
pub(super) fn apply(
    table: &mut toml::Table,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), ConfigError> {
    for (name, value) in environment {
        let Some(key) = KEYS.iter().find(|key| name == key.variable) else {
            continue;
        };
        let wrong = || ConfigError::Variable {
            name: key.variable,
            value: value.to_string_lossy().chars().take(100).collect(),
            expected: key.kind.words(),
        };
        let read = value.to_str().and_then(|text| key.kind.read(text)).ok_or_else(wrong)?;
        let section = table.entry(key.section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        // A section that is no table is refused with the file.
        if let Some(section) = section.as_table_mut() {
            section.insert(key.field.to_owned(), read);
        }
    }
    Ok(())
}

/// Variables that were perhaps meant for this program.
pub fn near_misses(names: impl Iterator<Item = OsString>) -> Vec<NearMiss> {
    let names: Vec<OsString> = names.collect();
    variables::near_misses(&variables::NODE, names.iter().filter_map(|name| name.to_str()))
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;

    /// Names that nothing reads are looked at by the one list that all programs share.
    #[test]
    fn the_list_of_names_is_that_of_the_keys() {
        assert_eq!(KEYS.map(|key| key.variable), variables::NODE);
        let near = near_misses(["QUANCHENG_LOG_LEVLE", "QUANCHENG_PASWORD_FILE"].iter().map(OsString::from));
        assert_eq!(near.iter().map(|near| near.meant).collect::<Vec<_>>(), ["QUANCHENG_LOG_LEVEL"]);
    }

    #[test]
    fn every_key_of_the_file_is_on_the_list_and_no_other() {
        let peer = PeerSection { node_id: NodeId(quancheng_types::Digest([1; 32])), address: None, follower: false };
        let path = || PathBuf::from("p");
        let config = NodeConfig {
            node: NodeSection {
                data_dir: path(),
                genesis: path(),
                peer_key: path(),
                validator_key: Some(path()),
                password_file: path(),
                quarantine_ms: 1,
                verifier_threads: 1,
            },
            network: NetworkSection { listen: Vec::new(), peers: vec![peer] },
            api: toml::from_str("public = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"").unwrap(),
            store: StoreSection {
                keep_recent: Some(64),
                keep_blocks: Some(1024),
                keep_days: Some(1),
                keep_mib: Some(64),
                ..StoreSection::default()
            },
            log: LogSection::default(),
            snapshots: SnapshotsSection { every_blocks: Some(1_000) },
        };
        let table: toml::Table = config.to_toml().unwrap().parse().unwrap();
        let mut written = Vec::new();
        for (section, fields) in &table {
            for (field, value) in fields.as_table().unwrap() {
                let variable = format!("QUANCHENG_{}_{}", section.to_ascii_uppercase(), field.to_ascii_uppercase());
                let key = KEYS.iter().find(|key| key.variable == variable).unwrap_or_else(|| panic!("{variable}"));
                assert_eq!((key.section, key.field), (section.as_str(), field.as_str()));
                assert!(key.kind.read(&value.to_string()).is_some() && (key.kind == Kind::Text) == value.is_str());
                written.push(variable);
            }
        }
        assert_eq!(written.len(), KEYS.len());
    }
}
