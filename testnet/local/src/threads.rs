//! Threads of programs that people run. The stack of each is given here, since the library would ask the environment for it
//! (`RUST_MIN_STACK`): a value that somebody meant for another program would end this one.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::Builder;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

/// Stack of a thread, bytes: what the library gives where nobody says otherwise.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// For every thread.
pub fn thread_builder(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(STACK_BYTES)
}

/// A client that starts no thread but by [`thread_builder`].
#[must_use]
pub fn agent(config: Config) -> Agent {
    Agent::with_parts(config, DefaultConnector::default(), Lookup)
}

/// The system's look-up of names, which knows no limit of time, on a thread of its own.
#[derive(Debug)]
struct Lookup;

impl Resolver for Lookup {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let (found, answer) = mpsc::sync_channel(1);
        let (uri, config) = (uri.clone(), config.clone());
        thread_builder("lookup").spawn(move || {
            // Nobody may wait for it any more.
            let _ = found.send(DefaultResolver::default().resolve(&uri, &config, NextTimeout::default()));
        })?;
        answer.recv_timeout(*timeout.after).unwrap_or_else(|end| match end {
            RecvTimeoutError::Timeout => Err(Error::Timeout(timeout.reason)),
            RecvTimeoutError::Disconnected => Err(Error::HostNotFound),
        })
    }
}
