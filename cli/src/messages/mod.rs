//! Words that are not written where they are used: labels of fields, and the help in Chinese.

mod help;
mod labels;
mod usage;
pub(crate) mod words;

use clap::{Arg, ArgAction, Command};

use crate::text::Lang;

pub(crate) use labels::label;
pub(crate) use usage::usage;

/// Exit codes, at the end of the help.
pub(crate) const EXIT_CODES_EN: &str = "Exit codes:
  0 done                          4 network: no endpoint answers
  1 refused by the chain          5 verification: MISMATCH
  2 wrong command, file or value  6 verification could not be completed
  3 not found                     7 time is up; the transaction may still take effect";

const EXIT_CODES_ZH: &str = "退出码：
  0 完成                  4 网络：接口均无法连接
  1 被链上规则拒绝        5 核验：不一致（MISMATCH）
  2 命令、文件或取值有误  6 核验：无法完成
  3 未找到                7 超时；交易仍可能生效";

/// The help in Chinese, from top to bottom.
const TEMPLATE_ZH: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

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
            match help::argument(&at, arg.get_id().as_str()) {
                Some(help) => arg.help(help),
                None => arg,
            }
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
