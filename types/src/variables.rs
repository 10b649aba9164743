//! Names of the project's variables of the environment, and which name looks like a misspelt one of them.
//!
//! Each program reads the names on its own list and no other: platforms inject variables of their own into every process (`QUANCHENG_PORT`,
//! `QUANCHENG_SERVICE_HOST`), and those must neither be obeyed nor stop a program. A name on no list that is but a slip away from one
//! that a program reads is worth a warning there.

/// Names that a node reads: each overrides a key of its file.
pub const NODE: [&str; 24] = [
    "QUANCHENG_NODE_DATA_DIR",
    "QUANCHENG_NODE_GENESIS",
    "QUANCHENG_NODE_PEER_KEY",
    "QUANCHENG_NODE_VALIDATOR_KEY",
    "QUANCHENG_NODE_PASSWORD_FILE",
    "QUANCHENG_NODE_QUARANTINE_MS",
    "QUANCHENG_NODE_VERIFIER_THREADS",
    "QUANCHENG_NETWORK_LISTEN",
    "QUANCHENG_NETWORK_PEERS",
    "QUANCHENG_API_PUBLIC",
    "QUANCHENG_API_ADMIN",
    "QUANCHENG_API_ADMIN_EXPOSED",
    "QUANCHENG_API_CONNECTIONS_MAX",
    "QUANCHENG_API_CONNECTIONS_PER_ADDRESS_MAX",
    "QUANCHENG_API_PENDING_PER_ACCOUNT_MAX",
    "QUANCHENG_API_PENDING_MAX",
    "QUANCHENG_STORE_MEMORY_MIB",
    "QUANCHENG_STORE_KEEP_RECENT",
    "QUANCHENG_STORE_KEEP_BLOCKS",
    "QUANCHENG_STORE_KEEP_DAYS",
    "QUANCHENG_STORE_KEEP_MIB",
    "QUANCHENG_LOG_LEVEL",
    "QUANCHENG_LOG_JSON",
    "QUANCHENG_SNAPSHOTS_EVERY_BLOCKS",
];

/// Names that the command line reads: each stands for a flag.
pub const COMMAND_LINE: [&str; 5] =
    ["QUANCHENG_API", "QUANCHENG_CHAIN_ID", "QUANCHENG_OUTPUT", "QUANCHENG_PASSWORD_FILE", "QUANCHENG_PROFILE"];

/// Names that neither reads among its settings: of the set-up, of scripts, and the one that names a node's file.
const OTHERS: [&str; 4] = ["QUANCHENG_BIN", "QUANCHENG_CACHE", "QUANCHENG_CONFIG", "QUANCHENG_TARGET_DIR"];

/// Prefix of the project's variables; others are never looked at.
const PREFIX: &str = "QUANCHENG_";
/// Wrong, missing or surplus letters with which a name still looks like a misspelt one.
const SLIPS_MAX: usize = 2;
/// Letters of a name behind the prefix for each slip: of a short one, two slips leave nothing.
const LETTERS_PER_SLIP: usize = 3;
/// Bytes of a name that is compared with the list.
const NAME_BYTES_MAX: usize = 64;

/// A variable that nothing reads and that looks like a misspelt one of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Its name.
    pub name: String,
    /// The listed name it looks like.
    pub meant: &'static str,
}

/// Which of these names were perhaps meant for a program that reads those on a list. Names that are no text are somebody else's.
pub fn near_misses<'a>(list: &[&'static str], names: impl Iterator<Item = &'a str>) -> Vec<NearMiss> {
    names.filter_map(|name| near_miss(list, name)).collect()
}

fn near_miss(list: &[&'static str], name: &str) -> Option<NearMiss> {
    let is_looked_at = name.starts_with(PREFIX) && name.len() <= NAME_BYTES_MAX;
    let is_listed = [&NODE[..], &COMMAND_LINE, &OTHERS].iter().any(|list| list.contains(&name));
    if !is_looked_at || is_listed {
        return None;
    }
    let (count, meant) = list.iter().map(|known| (slips(name.as_bytes(), known.as_bytes()), *known)).min()?;
    let most = SLIPS_MAX.min((meant.len() - PREFIX.len()) / LETTERS_PER_SLIP);
    (count <= most).then(|| NearMiss { name: name.to_owned(), meant })
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
    use super::*;

    fn meant(list: &[&'static str], names: &[&str]) -> Vec<&'static str> {
        near_misses(list, names.iter().copied()).into_iter().map(|near| near.meant).collect()
    }

    #[test]
    fn a_misspelt_name_is_told_and_a_platform_s_own_is_not() {
        let misspelt = ["QUANCHENG_API_PUBLICK", "QUANCHENG_LOG_LEVLE", "QUANCHENG_STORE_MEMORY_MB"];
        assert_eq!(
            meant(&NODE, &misspelt),
            ["QUANCHENG_API_PUBLIC", "QUANCHENG_LOG_LEVEL", "QUANCHENG_STORE_MEMORY_MIB"]
        );
        let misspelt = ["QUANCHENG_PASWORD_FILE", "QUANCHENG_PASSWORDFILE", "QUANCHENG_CHAINID", "QUANCHENG_APIS"];
        assert_eq!(
            meant(&COMMAND_LINE, &misspelt),
            ["QUANCHENG_PASSWORD_FILE", "QUANCHENG_PASSWORD_FILE", "QUANCHENG_CHAIN_ID", "QUANCHENG_API"]
        );
        let foreign = [
            "PATH",
            "QUANCHENG_PORT",
            "QUANCHENG_SERVICE_HOST",
            "QUANCHENG_PORT_8080_TCP_ADDR",
            "QUANCHENG_API_SERVICE_PORT",
            "QUANCHENG_NODE_PORT",
            "QUANCHENG_UI",
            "QUANCHENG_",
            "quancheng_api_public",
        ];
        let known = NODE.iter().chain(&COMMAND_LINE).chain(&OTHERS).copied();
        let names: Vec<&str> = foreign.into_iter().chain(known).collect();
        for list in [&NODE[..], &COMMAND_LINE] {
            assert_eq!(meant(list, &names), [""; 0]);
        }
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
}
