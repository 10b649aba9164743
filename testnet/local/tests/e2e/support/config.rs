//! Changed configurations of the nodes of a test network.

use std::path::PathBuf;

use super::Net;

/// The name of the configuration that a node starts with.
pub(crate) const OWN: &str = "node.toml";

/// Writes a changed copy of the configuration of a node beside it, or over it when `name` is [`OWN`]; returns its path.
pub(crate) fn changed(net: &Net, node: u32, name: &str, change: impl FnOnce(&mut toml::Table)) -> PathBuf {
    let dir = net.node_dir(node);
    let text = std::fs::read_to_string(dir.join(OWN)).expect("a node has a configuration");
    let mut table: toml::Table = text.parse().expect("a configuration is TOML");
    change(&mut table);
    let path = dir.join(name);
    std::fs::write(&path, toml::to_string(&table).expect("a table is TOML")).expect("the folder can be written");
    path
}

/// Sets a key of a section that is there.
pub(crate) fn set(table: &mut toml::Table, section: &str, key: &str, value: impl Into<toml::Value>) {
    let section = table.get_mut(section).and_then(toml::Value::as_table_mut).expect("the section is there");
    section.insert(key.to_owned(), value.into());
}
