//! Words that are not written where they are used: labels of fields, and the help in Chinese.

mod help;
mod labels;

use clap::Command;

use crate::text::Lang;

pub(crate) use labels::label;

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

/// The command line in a language.
pub(crate) fn localized(command: Command, lang: Lang) -> Command {
    match lang {
        Lang::En => command,
        Lang::Zh => translated(command, "").after_help(EXIT_CODES_ZH),
    }
}

/// Replaces every description for which there is a Chinese one. `path` is that of the command, without the program's name.
fn translated(command: Command, path: &str) -> Command {
    let mut command = command;
    if let Some(about) = help::about(path) {
        command = command.about(about).long_about(None);
    }
    let at = path.to_owned();
    let mut command = command.mut_args(|arg| match help::argument(&at, arg.get_id().as_str()) {
        Some(help) => arg.help(help),
        None => arg,
    });
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names {
        let inner = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(&name, |sub| translated(sub, &inner));
    }
    command
}

#[cfg(test)]
mod tests;
