//! Words that are not written where they are used: labels of fields, and the help in Chinese.

mod advice;
pub(crate) mod causes;
mod help;
mod labels;
pub(crate) mod system;
mod usage;
mod values;
pub(crate) mod words;

use clap::{Arg, ArgAction, Command};

use crate::text::Lang;

pub(crate) use advice::local_hint;
pub(crate) use labels::{label, label_within};
pub(crate) use usage::usage;
#[cfg(test)]
pub(crate) use values::is_word_field;
pub(crate) use values::{cell_word, value_word};

/// Exit codes, at the end of the help.
pub(crate) const EXIT_CODES_EN: &str = "Exit codes:
  0 done                          4 network: no endpoint answers
  1 refused by the chain          5 verification: MISMATCH
  2 wrong command, file or value  6 verification could not be completed
  3 not found                     7 time is up; the transaction may still take effect
  8 done, but the result could not be written
  129, 130, 131, 143 ended by SIGHUP, SIGINT, SIGQUIT, SIGTERM: what is half done is named";

const EXIT_CODES_ZH: &str = "退出码：
  0 完成                  4 网络：没有接口答复
  1 被链上规则拒绝        5 核验：不一致（MISMATCH）
  2 命令、文件或取值有误  6 核验：无法完成
  3 未找到                7 超时；交易仍可能生效
  8 已完成，但结果未能写出
  129、130、131、143 被 SIGHUP、SIGINT、SIGQUIT、SIGTERM 中断：未完成的内容会一一指明";

/// The help in Chinese, from top to bottom.
const TEMPLATE_ZH: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// Words that the parser has in English only.
const PARSER_WORDS: [(&str, &str); 4] = [
    ("[OPTIONS]", "[选项]"),
    ("<COMMAND>", "<命令>"),
    ("[COMMAND]", "[命令]"),
    ("Print this message or the help of the given subcommand(s)", "显示某一命令的帮助"),
];

/// Headings of the help.
const HEADINGS: [(&str, &str); 3] = [("Connection", "连接"), ("Output", "输出"), ("Signing", "签名")];

/// The command line in a language.
pub(crate) fn localized(command: Command, lang: Lang) -> Command {
    match lang {
        Lang::En => command,
        Lang::Zh => translated(command, "").after_help(EXIT_CODES_ZH).disable_version_flag(true).arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help("显示版本")
                .help_heading("选项"),
        ),
    }
}

/// Replaces every description for which there is a Chinese one. `path` is that of the command, without the program's name.
fn translated(command: Command, path: &str) -> Command {
    let mut command = command;
    if let Some(about) = help::about(path) {
        command = command.about(about).long_about(None);
    }
    let at = path.to_owned();
    let mut command = command
        .help_template(TEMPLATE_ZH)
        .subcommand_help_heading("命令")
        .mut_args(|arg| {
            let heading = heading(&arg);
            let arg = arg.help_heading(heading);
            let help = description(&at, &arg);
            let takes_values = arg.get_action().takes_values();
            let arg = arg.help(help).hide_env(true);
            if takes_values { arg.hide_possible_values(true).hide_default_value(true) } else { arg }
        })
        .disable_help_flag(true)
        .arg(Arg::new("help").short('h').long("help").action(ArgAction::Help).help("显示帮助").help_heading("选项"));
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names {
        let inner = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(&name, |sub| translated(sub, &inner));
    }
    command
}

/// What an argument is, which values it takes, and what stands for it when it is not given: the parser says the latter two in
/// English only.
fn description(path: &str, arg: &Arg) -> String {
    let name = arg.get_id().as_str();
    let help = help::argument(path, name).map(str::to_owned);
    let mut text = help.or_else(|| arg.get_help().map(ToString::to_string)).unwrap_or_default();
    if !arg.get_action().takes_values() {
        return text;
    }
    for value in arg.get_possible_values().iter().filter(|value| !value.is_hide_set()) {
        let described = help::value(name, value.get_name()).map(|help| format!("：{help}")).unwrap_or_default();
        text.push_str(&format!("\n- {}{described}", value.get_name()));
    }
    if let Some(variable) = arg.get_env() {
        text.push_str(&format!("\n［环境变量：{}］", variable.to_string_lossy()));
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() {
        text.push_str(&format!("\n［默认：{}］", defaults.join("、")));
    }
    text
}

/// The help as the parser made it, with the last of its own words in Chinese.
pub(crate) fn help_zh(help: &str) -> String {
    PARSER_WORDS.iter().fold(help.to_owned(), |help, (en, zh)| help.replace(en, zh))
}

/// Under what an argument is shown.
fn heading(arg: &Arg) -> &'static str {
    let named = arg.get_help_heading().and_then(|en| HEADINGS.iter().find(|(name, _)| *name == en));
    match named {
        Some((_, zh)) => zh,
        None if arg.is_positional() => "参数",
        None => "选项",
    }
}

#[cfg(test)]
mod tests;
