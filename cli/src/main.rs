//! `quancheng`: the command line of the Quancheng chain (泉城链).
//!
//! ```text
//! args        the grammar: nouns, verbs, flags
//!   │
//! commands    one file per noun: flags → calls, reads, files
//!   │
//! submit      sign, submit to several endpoints, wait stage by stage
//! client      HTTP, problems, several endpoints
//! mapping     records as people keep them → calls
//! output      one JSON envelope or tables; exit codes
//! ```
//!
//! Results go to stdout, everything else to stderr. Nothing is asked for except a password on a terminal.

mod answered;
mod args;
mod client;
mod clock;
mod commands;
mod fault;
mod files;
mod in_force;
mod interrupt;
mod keys;
mod mapping;
mod messages;
mod output;
mod profile;
mod progress;
mod session;
mod submit;
mod table;
mod text;
mod time;
mod transaction;
mod unread;
mod unseen;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};
use quancheng_types::variables;

use crate::args::Cli;
use crate::fault::{Exit, Fault};
use crate::output::{Format, Printer};
use crate::session::Session;
use crate::text::{Lang, Text, printable, say};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(&words))
}

fn run(words: &[OsString]) -> u8 {
    // Help and usage errors need language and form before the words are understood.
    let flag = value_of(words, "--lang").and_then(|name| <Lang as clap::ValueEnum>::from_str(&name, true).ok());
    let lang = Lang::choose(flag, |name| std::env::var(name).ok());
    let command = messages::localized(Cli::command(), lang);
    let cli = match command.try_get_matches_from(words).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, words, lang),
    };
    let session = Session::new(&cli.global, lang);
    interrupt::listen(session.printer);
    tell_misspelt(&session);
    let result = commands::run(&session, cli.noun);
    interrupt::over();
    let code = session.printer.finish(result);
    if code == Exit::Interrupted as u8 { interrupt::code() } else { code }
}

/// Tells people of variables that nothing reads and that look like misspelt ones of this program. Those of others are nobody's business.
fn tell_misspelt(session: &Session) {
    let names: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).collect();
    let near = variables::near_misses(&variables::COMMAND_LINE, names.iter().filter_map(|name| name.to_str()));
    for variables::NearMiss { name, meant } in near {
        session.note(&say!(
            "注意：本程序不读取环境变量 {name}；是否想写 {meant}？",
            "warning: environment variable {name} is not read; {meant} would be"
        ));
    }
}

/// The value of a flag among words that are not understood yet.
fn value_of(words: &[OsString], flag: &str) -> Option<String> {
    let mut words = words.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if word == flag {
            return words.next().map(str::to_owned);
        }
        if let Some(value) = word.strip_prefix(flag).and_then(|rest| rest.strip_prefix('=')) {
            return Some(value.to_owned());
        }
    }
    None
}

/// Prints a help whose last words the parser has in English only, where and in the colours it would choose itself.
fn help_zh(error: &clap::Error) -> u8 {
    let on_terminal =
        if error.use_stderr() { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
    let is_coloured = on_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let text = if is_coloured { error.render().ansi().to_string() } else { error.render().to_string() };
    let text = messages::help_zh(&text);
    let written = if error.use_stderr() {
        std::io::stderr().write_all(text.as_bytes())
    } else {
        std::io::stdout().write_all(text.as_bytes())
    };
    shown(error, written)
}

/// The exit code of a help or a wrong command. Its reader may have gone; one that could not be written for another reason is told.
fn shown(error: &clap::Error, written: std::io::Result<()>) -> u8 {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    match written.and_then(|()| std::io::stdout().flush()) {
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => {
            let _ = writeln!(std::io::stderr(), "stdout: {fault}");
            if code == 0 { Exit::Unwritten as u8 } else { code }
        }
        Ok(()) | Err(_) => code,
    }
}

/// The fault of a variable of the environment that is no text: the parser says that something is not, and not what.
fn unreadable_variable(error: &clap::Error, words: &[OsString]) -> Option<Fault> {
    if error.kind() != ErrorKind::InvalidUtf8 || words.iter().any(|word| word.to_str().is_none()) {
        return None;
    }
    let is_unreadable = |name: &&str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
    // The name of a file may be any bytes.
    let names = variables::COMMAND_LINE.iter().copied().filter(|name| !name.ends_with("_FILE")).filter(is_unreadable);
    let names = names.collect::<Vec<_>>().join(", ");
    let message =
        say!("环境变量 {names} 的取值不是 UTF-8。", "The value of the environment variable {names} is not UTF-8.");
    let hint = say!("请改正或取消该变量。", "Correct the variable, or unset it.");
    (!names.is_empty()).then(|| Fault::usage("BAD_VARIABLE", message).hint(hint))
}

/// Help and version go to stdout as they are; a wrong command is a fault like any other.
fn usage(error: &clap::Error, words: &[OsString], lang: Lang) -> u8 {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let form = value_of(words, "--output").or_else(|| std::env::var("QUANCHENG_OUTPUT").ok());
    let is_json = form.is_some_and(|form| form == "json");
    if is_help && lang == Lang::Zh {
        return help_zh(error);
    }
    // The parser repeats words as they are; a name in a folder that the shell put there may be anything.
    let are_plain = error.kind() != ErrorKind::InvalidUtf8
        && words.iter().all(|word| word.to_str().is_some_and(|word| printable(word, false) == word));
    if is_help || (!is_json && lang == Lang::En && are_plain) {
        return shown(error, error.print());
    }
    let fault = unreadable_variable(error, words).unwrap_or_else(|| {
        let (line, causes) = messages::usage(error, lang);
        let mut fault = Fault::usage("USAGE", say!("命令有误：{line}", "The command is wrong: {line}"))
            .hint(say!("用 --help 查看用法。", "See --help."));
        fault.causes = causes.into_iter().map(Text::same).collect();
        fault
    });
    let format = if is_json { Format::Json } else { Format::Table };
    Printer { format, lang, is_quiet: true }.finish(Err(fault))
}
