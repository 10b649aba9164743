//! What holds for one run: output, language, profile; and what follows from flags and profile together.

use std::path::PathBuf;
use std::time::Duration;

use crate::args::Global;
use crate::args::common::Api;
use crate::client::{Client, CommandClock, Patience};
use crate::fault::{Fault, Outcome};
use crate::output::Printer;
use crate::profile::{self, Profile, Profiles};
use crate::text::{Lang, Text, say};
use crate::transaction::parse_chain_id;

/// How long each step of a command tries when nothing else is said.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// One run.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where results go.
    pub(crate) printer: Printer,
    profile: Option<String>,
    clock: CommandClock,
}

impl Session {
    /// From the flags of every command.
    pub(crate) fn new(global: &Global, lang: Lang) -> Self {
        Self {
            printer: Printer { format: global.output, lang, is_quiet: global.quiet },
            profile: global.profile.clone(),
            clock: CommandClock::default(),
        }
    }

    /// The language of words.
    pub(crate) const fn lang(&self) -> Lang {
        self.printer.lang
    }

    /// A remark to people.
    pub(crate) fn note(&self, text: &Text) {
        self.printer.note(text);
    }

    /// Where profiles are kept.
    pub(crate) fn profiles_path() -> Outcome<PathBuf> {
        profile::path(|name| std::env::var_os(name))
    }

    /// The profile in use. Without a configuration folder there is none, which matters only to a command that needs one.
    pub(crate) fn profile(&self) -> Outcome<Profile> {
        match Self::profiles_path() {
            Ok(path) => Profiles::load(&path)?.select(self.profile.as_deref()),
            Err(fault) if self.profile.is_some() => Err(fault),
            Err(_) => Ok(Profile::default()),
        }
    }

    /// A client for the endpoints of the flags, else of the profile.
    pub(crate) fn client(&self, api: &Api) -> Outcome<Client> {
        let urls = if api.api.is_empty() { self.profile()?.api } else { api.api.clone() };
        if urls.is_empty() {
            let message = say!("未指定节点接口。", "No endpoint is named.");
            return Err(Fault::usage("NO_API", message).hint(say!(
                "请加 --api URL，或用 `quancheng config set 名称 --api URL` 与 `quancheng config use 名称`。",
                "Add --api URL, or use `quancheng config set NAME --api URL` and `quancheng config use NAME`."
            )));
        }
        Client::new(&urls, self.lang(), self.patience(api))
    }

    /// As [`client`](Self::client), for a chain: the one that the profile names, else that of the first endpoint.
    pub(crate) fn client_of_chain(&self, api: &Api) -> Outcome<Client> {
        let named = self.profile()?.chain_id.map(|text| parse_chain_id(&text)).transpose()?;
        named.into_iter().fold(self.client(api)?, Client::of_chain).of_some_chain()
    }

    /// How long to try: as long as the flag says, in all and whatever fails; otherwise only as long as somebody answers.
    fn patience(&self, api: &Api) -> Patience {
        match api.timeout {
            Some(timeout) => Patience::of_command(timeout, self.clock.clone()),
            None => Patience::of_each_step(TIMEOUT_DEFAULT),
        }
    }
}
