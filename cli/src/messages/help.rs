//! The help in Chinese: descriptions of commands by path, of arguments by name.

mod arguments;
mod commands;

/// The description of a command.
pub(super) fn about(path: &str) -> Option<&'static str> {
    find(commands::ABOUT, path)
}

/// The description of an argument: the one for this command (`path#name`), else the common one (`name`).
pub(super) fn argument(path: &str, name: &str) -> Option<&'static str> {
    find(arguments::OF_COMMANDS, &format!("{path}#{name}")).or_else(|| find(arguments::COMMON, name))
}

/// The description of a value that an argument lets one choose.
pub(super) fn value(argument: &str, value: &str) -> Option<&'static str> {
    find(arguments::VALUES, &format!("{argument}#{value}"))
}

fn find(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(name, _)| *name == key).map(|(_, zh)| *zh)
}
