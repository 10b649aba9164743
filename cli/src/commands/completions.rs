//! `completions` and `man`.

use clap::CommandFactory as _;
use serde_json::json;

use crate::args::{Cli, Completions, Man};
use crate::fault::{Fault, Outcome};
use crate::files;
use crate::output::Reply;
use crate::text::say;

pub(super) fn completions(command: &Completions) -> Outcome<Reply> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "quancheng", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Ok(Reply::text(json!({ "shell": command.shell.to_string(), "script": script }), script))
}

pub(super) fn man(command: &Man) -> Outcome<Reply> {
    files::make_folder(&command.out)?;
    let mut cli = Cli::command();
    cli.build();
    let mut pages = Vec::new();
    write_page(&cli, "quancheng", &command.out, &mut pages)?;
    let count = pages.len();
    Ok(Reply::record(json!({ "pages": pages })).headline(say!("已写出 {count} 页。", "{count} pages written.")))
}

/// The page of a command and those of its subcommands. A page that is there as it would be written stays; anything else in its place is
/// somebody's file.
fn write_page(command: &clap::Command, name: &str, dir: &std::path::Path, pages: &mut Vec<String>) -> Outcome<()> {
    let page = clap_mangen::Man::new(command.clone()).title(name.to_ascii_uppercase());
    let mut bytes = Vec::new();
    let path = dir.join(format!("{name}.1"));
    page.render(&mut bytes).map_err(|error| Fault::file(&path, &error))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if files::absent(&path).is_ok() || files::read_plain(&path, length).ok().as_ref() != Some(&bytes) {
        files::write_new(&path, &bytes)?;
    }
    pages.push(path.display().to_string());
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        write_page(inner, &format!("{name}-{}", inner.get_name()), dir, pages)?;
    }
    Ok(())
}
