//! Variables of the environment that override the file. Only names on a list are read: platforms inject variables of their own into
//! every process (`QUANCHENG_PORT`, `QUANCHENG_SERVICE_HOST`), and those must neither be obeyed nor stop a node.

use std::ffi::{OsStr, OsString};

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

const KEYS: [Key; 20] = [
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
    key("QUANCHENG_LOG_LEVEL", "log", "level", Kind::Text),
    key("QUANCHENG_LOG_JSON", "log", "json", Kind::Flag),
];

/// Variables of the project that are no keys: those of the set-up, and those of the command line, which an operator may well have set
/// in the same shell.
const OTHERS: [&str; 8] = [
    "QUANCHENG_API",
    "QUANCHENG_CACHE",
    "QUANCHENG_CHAIN_ID",
    "QUANCHENG_CONFIG",
    "QUANCHENG_OUTPUT",
    "QUANCHENG_PASSWORD_FILE",
    "QUANCHENG_PROFILE",
    "QUANCHENG_TARGET_DIR",
];

/// Prefix of the project's variables; others are never looked at.
const PREFIX: &str = "QUANCHENG_";
/// Wrong, missing or surplus letters with which a name still looks like a misspelt one.
const SLIPS_MAX: usize = 2;
/// Bytes of a name that is compared with the list.
const NAME_BYTES_MAX: usize = 64;

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

/// A variable that nothing reads and that looks like a misspelt one of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Its name.
    pub name: String,
    /// The listed name it looks like.
    pub meant: &'static str,
}

/// Variables that were perhaps meant for this program.
pub fn near_misses(names: impl Iterator<Item = OsString>) -> Vec<NearMiss> {
    names.filter_map(|name| near_miss(&name)).collect()
}

fn near_miss(name: &OsStr) -> Option<NearMiss> {
    let name = name.to_str().filter(|name| name.starts_with(PREFIX) && name.len() <= NAME_BYTES_MAX)?;
    let listed = KEYS.iter().map(|key| key.variable);
    if OTHERS.contains(&name) || listed.clone().any(|known| known == name) {
        return None;
    }
    let near = listed.map(|known| (slips(name.as_bytes(), known.as_bytes()), known)).min()?;
    (near.0 <= SLIPS_MAX).then(|| NearMiss { name: name.to_owned(), meant: near.1 })
}

/// Letters to change, leave out or put in between two names (Levenshtein).
fn slips(one: &[u8], other: &[u8]) -> usize {
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut left = row + 1;
        let mut diagonal = row;
        for (column, found) in other.iter().enumerate() {
            let here = (diagonal + usize::from(letter != found)).min(left + 1).min(above[column + 1] + 1);
            above[column] = left;
            diagonal = above[column + 1];
            left = here;
        }
        above[other.len()] = left;
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;

    fn names(names: &[&str]) -> Vec<NearMiss> {
        near_misses(names.iter().map(OsString::from))
    }

    #[test]
    fn a_misspelt_name_is_told_and_a_platform_s_own_is_not() {
        let near = names(&["QUANCHENG_API_PUBLICK", "QUANCHENG_LOG_LEVLE", "QUANCHENG_STORE_MEMORY_MB"]);
        let meant: Vec<&str> = near.iter().map(|near| near.meant).collect();
        assert_eq!(meant, ["QUANCHENG_API_PUBLIC", "QUANCHENG_LOG_LEVEL", "QUANCHENG_STORE_MEMORY_MIB"]);
        let foreign = [
            "PATH",
            "QUANCHENG_PORT",
            "QUANCHENG_SERVICE_HOST",
            "QUANCHENG_PORT_8080_TCP_ADDR",
            "QUANCHENG_API_SERVICE_PORT",
            "QUANCHENG_NODE_PORT",
            "QUANCHENG_API",
            "QUANCHENG_CONFIG",
            "QUANCHENG_LOG_LEVEL",
            "QUANCHENG_",
            "quancheng_api_public",
        ];
        assert_eq!(names(&foreign), []);
    }

    #[test]
    fn distances_are_counted() {
        for (one, other, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("abc", "abc", 0),
            ("abc", "acb", 2),
            ("abc", "xabc", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(slips(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
        }
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
            store: StoreSection { keep_recent: Some(64), ..StoreSection::default() },
            log: LogSection::default(),
        };
        let table: toml::Table = config.to_toml().unwrap().parse().unwrap();
        let mut written = Vec::new();
        for (section, fields) in &table {
            for (field, value) in fields.as_table().unwrap() {
                let variable = format!("{PREFIX}{}_{}", section.to_ascii_uppercase(), field.to_ascii_uppercase());
                let key = KEYS.iter().find(|key| key.variable == variable).unwrap_or_else(|| panic!("{variable}"));
                assert_eq!((key.section, key.field), (section.as_str(), field.as_str()));
                assert!(key.kind.read(&value.to_string()).is_some() && (key.kind == Kind::Text) == value.is_str());
                written.push(variable);
            }
        }
        assert_eq!(written.len(), KEYS.len());
    }
}
