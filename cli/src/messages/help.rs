//! The help in Chinese: descriptions of commands by path, of arguments by name.

/// The description of a command.
pub(super) fn about(path: &str) -> Option<&'static str> {
    ABOUT.iter().find(|(name, _)| *name == path).map(|(_, zh)| *zh)
}

/// The description of an argument: the one for this command (`path#name`), else the common one (`name`).
pub(super) fn argument(path: &str, name: &str) -> Option<&'static str> {
    let exact = format!("{path}#{name}");
    let find = |key: &str| ARGUMENTS.iter().find(|(name, _)| *name == key).map(|(_, zh)| *zh);
    find(&exact).or_else(|| find(name))
}

const ABOUT: &[(&str, &str)] = &[];

const ARGUMENTS: &[(&str, &str)] = &[];
