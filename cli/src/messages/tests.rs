use clap::CommandFactory as _;

use super::*;
use crate::args::Cli;

fn visit(command: &Command, path: &str, missing: &mut Vec<String>) {
    if help::about(path).is_none() {
        missing.push(format!("about {path:?}: {}", command.get_about().map(ToString::to_string).unwrap_or_default()));
    }
    for arg in command.get_arguments() {
        let name = arg.get_id().as_str();
        for value in arg.get_possible_values() {
            if value.get_help().is_some() && help::value(name, value.get_name()).is_none() {
                missing.push(format!("value {name}#{}", value.get_name()));
            }
        }
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
fn the_help_in_chinese_has_no_words_of_the_parser() {
    fn check(command: &mut Command) {
        let help = help_zh(&command.render_long_help().to_string());
        for word in ["OPTIONS", "COMMAND", "default:", "env:", "ossible values", "Usage", "Print "] {
            assert!(!help.contains(word), "{word} in\n{help}");
        }
        // The parser's own command is described above by each command that has it.
        command.get_subcommands_mut().filter(|inner| inner.get_name() != "help").for_each(check);
    }
    let mut command = localized(Cli::command(), Lang::Zh);
    command.build();
    check(&mut command);
    let help = command.find_subcommand_mut("tx").and_then(|tx| tx.find_subcommand_mut("submit")).unwrap();
    let help = help.render_long_help().to_string();
    for part in ["［默认：certified］", "［环境变量：QUANCHENG_API］", "- executed：已有回执"] {
        assert!(help.contains(part), "{part} in\n{help}");
    }
}

#[test]
fn the_grammar_is_sound_in_both_languages() {
    for lang in [Lang::Zh, Lang::En] {
        localized(Cli::command(), lang).debug_assert();
    }
}

/// The list from which misspelt names are told holds what the flags read, no more and no less.
#[test]
fn every_variable_of_a_flag_is_on_the_list_and_no_other() {
    fn collect(command: &Command, found: &mut std::collections::BTreeSet<String>) {
        found.extend(command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned())));
        command.get_subcommands().for_each(|inner| collect(inner, found));
    }
    let mut found = std::collections::BTreeSet::new();
    collect(&Cli::command(), &mut found);
    let listed = quancheng_types::variables::COMMAND_LINE.map(str::to_owned).into();
    assert_eq!(found, listed);
}
