//! One file for each noun.

mod bulk;
mod bundles;
mod chain;
mod compare;
mod completions;
mod config;
mod doctor;
mod evidence;
mod governance;
mod key;
mod notarize;
mod org;
mod read;
mod registration;
mod testnet;
mod tx;
mod verify;

use crate::args::Noun;
use crate::args::evidence::Checkpoint;
use crate::fault::Outcome;
use crate::output::Reply;
use crate::session::Session;

/// Runs a command.
pub(crate) fn run(session: &Session, noun: Noun) -> Outcome<Reply> {
    match noun {
        Noun::Key(command) => key::run(session, &command),
        Noun::Account(command) => org::account(session, &command),
        Noun::Org(command) => org::run(session, *command),
        Noun::Registration(command) => registration::run(session, *command),
        Noun::Evidence(command) => evidence::run(session, &command),
        Noun::Bundle(command) => evidence::bundle(session, &command),
        Noun::Checkpoint(Checkpoint::Pin(command)) => bundles::pin(session, &command),
        Noun::Verify(command) => verify::run(session, &command),
        Noun::Governance(command) => governance::run(session, *command),
        Noun::Chain(command) => chain::run(session, &command),
        Noun::Block(command) => chain::block(session, &command),
        Noun::Tx(command) => tx::run(session, &command),
        Noun::Node(command) => chain::node(session, &command),
        Noun::Testnet(command) => testnet::run(session, &command),
        Noun::Config(command) => config::run(session, &command),
        Noun::Doctor(command) => doctor::run(session, &command),
        Noun::Completions(command) => completions::completions(&command),
        Noun::Man(command) => completions::man(&command),
    }
}
