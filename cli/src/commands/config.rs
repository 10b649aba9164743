//! `config`: profiles.

use std::time::Duration;

use serde_json::json;

use crate::args::local::{Config, ConfigSet};
use crate::client::{Client, Patience};
use crate::fault::{Fault, Outcome};
use crate::output::Reply;
use crate::profile::Profiles;
use crate::session::Session;
use crate::text::{Lang, say};
use crate::transaction::parse_chain_id;

pub(super) fn run(session: &Session, command: &Config) -> Outcome<Reply> {
    let path = Session::profiles_path()?;
    match command {
        Config::Use(name) => {
            Profiles::change(&path, |profiles| {
                profiles.select(Some(&name.name))?;
                profiles.current = Some(name.name.clone());
                Ok(())
            })?;
            Ok(Reply::record(json!({ "current": name.name, "file": path })))
        }
        Config::Show(show) => {
            let profiles = Profiles::load(&path)?;
            let name = show.name.clone().or_else(|| profiles.current.clone());
            let profile = match &show.name {
                Some(name) => profiles.select(Some(name))?,
                None => session.profile()?,
            };
            Ok(Reply::record(json!({ "name": name, "file": path, "profile": profile })))
        }
        Config::List => {
            let profiles = Profiles::load(&path)?;
            let rows: Vec<_> = profiles
                .profiles
                .iter()
                .map(|(name, profile)| {
                    let is_current = profiles.current.as_ref() == Some(name);
                    json!({ "name": name, "current": is_current, "api": profile.api, "chain_id": profile.chain_id, "key": profile.key })
                })
                .collect();
            Ok(Reply::rows(
                json!({ "file": path, "profiles": rows }),
                Some("profiles"),
                &["name", "current", "api", "key"],
            ))
        }
        Config::Set(set) => {
            let profile = Profiles::change(&path, |profiles| {
                change(session.lang(), profiles, set)?;
                Ok(profiles.profiles.get(&set.name).cloned())
            })?;
            Ok(Reply::record(json!({ "name": set.name, "file": path, "profile": profile })))
        }
        Config::Remove(name) => {
            Profiles::change(&path, |profiles| {
                profiles.profiles.remove(&name.name).ok_or_else(|| profiles.unknown(&name.name))?;
                profiles.current.take_if(|current| *current == name.name);
                Ok(())
            })?;
            Ok(Reply::record(json!({ "removed": name.name, "file": path })))
        }
    }
}

fn change(lang: Lang, profiles: &mut Profiles, set: &ConfigSet) -> Outcome<()> {
    let is_name = !set.name.is_empty() && set.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !is_name {
        let message = say!(
            "配置档名称只能含字母、数字、-、_ 与 .。",
            "The name of a profile holds letters, digits, -, _ and . only."
        );
        return Err(Fault::usage("BAD_NAME", message));
    }
    // Files are kept by absolute path: the profile must mean the same from every folder.
    let absolute = |path: &std::path::PathBuf| std::path::absolute(path).map_err(|error| Fault::file(path, &error));
    let profile = profiles.profiles.entry(set.name.clone()).or_default();
    if !set.api.is_empty() {
        // What no command could use is refused by the one that keeps it.
        profile.api = Client::new(&set.api, lang, Patience::of_each_step(Duration::ZERO))?.urls().to_vec();
    }
    if let Some(chain_id) = &set.chain_id {
        profile.chain_id = Some(parse_chain_id(chain_id)?.to_string());
    }
    if let Some(key) = &set.key {
        profile.key = Some(absolute(key)?);
    }
    if let Some(file) = &set.password_file {
        profile.password_file = Some(absolute(file)?);
    }
    Ok(())
}
