use clap::CommandFactory as _;

use super::*;
use crate::args::Cli;

fn visit(command: &Command, path: &str, missing: &mut Vec<String>) {
    if help::about(path).is_none() {
        missing.push(format!("about {path:?}: {}", command.get_about().map(ToString::to_string).unwrap_or_default()));
    }
    for arg in command.get_arguments() {
        let name = arg.get_id().as_str();
        if help::argument(path, name).is_none() {
            missing.push(format!(
                "argument {path}#{name}: {}",
                arg.get_help().map(ToString::to_string).unwrap_or_default()
            ));
        }
    }
    for inner in command.get_subcommands() {
        let name = inner.get_name();
        visit(inner, &if path.is_empty() { name.to_owned() } else { format!("{path} {name}") }, missing);
    }
}

#[test]
fn everything_has_a_description_in_chinese() {
    let mut missing = Vec::new();
    visit(&Cli::command(), "", &mut missing);
    assert!(missing.is_empty(), "{} descriptions are missing:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn the_grammar_is_sound_in_both_languages() {
    for lang in [Lang::Zh, Lang::En] {
        localized(Cli::command(), lang).debug_assert();
    }
}
