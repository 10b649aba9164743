//! Wrong commands, told in Chinese. In English the parser speaks for itself.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::causes;
use crate::text::Lang;
use crate::time::Unreadable;

/// The first line about a wrong command, and everything else that may help.
pub(crate) fn usage(error: &clap::Error, lang: Lang) -> (String, Vec<String>) {
    match lang {
        Lang::En => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            (line, vec![text.trim().to_owned()])
        }
        Lang::Zh => (line_zh(error), help_zh(error)),
    }
}

fn of(error: &clap::Error, kind: ContextKind) -> Option<String> {
    let value = error.get(kind)?;
    if let ContextValue::Strings(list) = value {
        return Some(list.join("、"));
    }
    if let ContextValue::StyledStrs(list) = value {
        return Some(list.iter().map(ToString::to_string).collect::<Vec<_>>().join("、"));
    }
    Some(value.to_string())
}

fn line_zh(error: &clap::Error) -> String {
    let text = |kind| of(error, kind).unwrap_or_default();
    let (argument, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    match error.kind() {
        ErrorKind::UnknownArgument => format!("没有参数 {argument}"),
        ErrorKind::InvalidSubcommand => format!("没有命令 {}", text(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand => "缺少子命令".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("缺少必需的参数：{argument}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("参数 {argument} 缺少取值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("参数 {argument} 的取值 {value} 无效"),
        ErrorKind::ArgumentConflict => match of(error, ContextKind::PriorArg).filter(|other| *other != argument) {
            Some(other) => format!("参数 {argument} 不能与 {other} 同用"),
            None => format!("参数 {argument} 只能给出一次"),
        },
        ErrorKind::NoEquals | ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("参数 {argument} 的取值个数不对")
        }
        ErrorKind::InvalidUtf8 => "命令行不是有效的 UTF-8".to_owned(),
        // Those that are no mistakes, and kinds to come.
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion
        | ErrorKind::Io
        | ErrorKind::Format
        | _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    }
}

fn help_zh(error: &clap::Error) -> Vec<String> {
    let mut lines = Vec::new();
    let valid = [ContextKind::ValidValue, ContextKind::ValidSubcommand];
    lines.extend(valid.into_iter().filter_map(|kind| of(error, kind)).map(|list| format!("可用：{list}")));
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    lines.extend(near.into_iter().filter_map(|kind| of(error, kind)).map(|name| format!("是否想写：{name}")));
    lines.extend(of(error, ContextKind::Usage).map(|usage| usage.trim().replacen("Usage:", "用法：", 1)));
    lines.extend(std::error::Error::source(error).map(reason_zh));
    lines
}

/// Why a value was not taken. What the parser says of a number that is too small or too great, it says in English only.
fn reason_zh(reason: &(dyn std::error::Error + 'static)) -> String {
    if let Some(Unreadable(told)) = reason.downcast_ref() {
        return told.words(Lang::Zh).to_owned();
    }
    let said = reason.to_string();
    match said.split_once(" is not in ") {
        Some((value, range)) => format!("{value} 不在 {range} 之内"),
        None => causes::cause(&said).words(Lang::Zh).to_owned(),
    }
}
