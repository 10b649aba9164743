//! What an operator may write as `log.level`: a misspelt one must not pass for "tell nothing".

/// The levels, in words for messages.
pub const LEVELS: &str = "error, warn, info, debug, trace or off";

const NAMES: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Parts of the program that have lines of their own.
const PARTS: [&str; 20] = [
    "quanchengd",
    "quancheng_consensus",
    "quancheng_contracts",
    "quancheng_keystore",
    "quancheng_node",
    "quancheng_proof",
    "quancheng_state",
    "quancheng_state_rocks",
    "quancheng_types",
    "arc_malachitebft_core_consensus",
    "arc_malachitebft_core_driver",
    "hyper",
    "hyper_util",
    "libp2p_core",
    "libp2p_identity",
    "libp2p_noise",
    "libp2p_swarm",
    "libp2p_tcp",
    "multistream_select",
    "yamux",
];

/// Whether a filter is made of levels alone or of `part=level`, separated by commas without spaces, where the part is a crate of this program or a
/// module of one (`info,quancheng_node::api=debug`).
#[must_use]
pub fn is_filter(text: &str) -> bool {
    text.split(',').all(|directive| match directive.split_once('=') {
        None => is_level(directive),
        Some((part, level)) => is_part(part) && is_level(level),
    })
}

fn is_level(text: &str) -> bool {
    NAMES.iter().any(|name| text.eq_ignore_ascii_case(name))
}

fn is_part(text: &str) -> bool {
    let mut names = text.split("::");
    let is_known = names.next().is_some_and(|name| PARTS.contains(&name));
    is_known
        && names.all(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}
