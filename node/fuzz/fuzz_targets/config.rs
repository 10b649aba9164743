//! Any text as the file of a node, and any text as an environment variable over it: no panic, and what is accepted reads back the same.
//!
//! A line that begins with `QUANCHENG_` and has a `=` is taken out of the file and put into the environment.

#![no_main]

use std::ffi::OsString;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use quancheng_node::config::NodeConfig;

/// Absolute, so that reading again does not change the paths.
const FILE: &str = "/nowhere/node.toml";

fuzz_target!(|text: &str| {
    let is_variable = |line: &&str| line.starts_with("QUANCHENG_") && line.contains('=');
    let variables: Vec<(OsString, OsString)> = text
        .lines()
        .filter(is_variable)
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let file: String = text.lines().filter(|line| !is_variable(line)).flat_map(|line| [line, "\n"]).collect();
    let Ok(config) = NodeConfig::parse(&file, Path::new(FILE), variables.into_iter()) else {
        return;
    };
    let written = config.to_toml().expect("what was read can be written");
    let again = NodeConfig::parse(&written, Path::new(FILE), std::iter::empty());
    assert_eq!(again.ok(), Some(config), "{written}");
});
