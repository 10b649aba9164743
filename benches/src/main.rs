//! `quancheng-load`: measures a running network from outside, over HTTP, as its clients would use it.
//!
//! Transactions are signed before the clock starts. Closed loop: every connection sends the next request when the last one is
//! answered. Open loop (`--rate`): transactions fall due at fixed times whether or not earlier ones are answered, a connection is opened
//! where all are busy, and latency counts from the due time, so a stalled network cannot hide its stalls (coordinated omission). What the
//! generator itself sent late is in the result: where that is much, the figures are its own.

mod client;
mod mix;
mod open;
mod proofs;
mod report;
mod run;
mod tally;
mod workload;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use client::LoadError;
use mix::Mix;

/// What is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Notarizations of random commitments, by keys without a record.
    Notarize,
    /// Registration applications, by the organization of `--key`.
    Register,
    /// Both, and reads of bundles between them, in the parts of `--mix`.
    Mixed,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

/// Load generator of the Quancheng chain (泉城链压力测试).
#[derive(Debug, Parser)]
#[command(name = "quancheng-load", version)]
pub(crate) struct Arguments {
    /// API addresses of validators, comma-separated; connections take turns among them.
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) api: Vec<String>,
    /// How long to send, such as `30s` or `2m`.
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub(crate) duration: Duration,
    /// How long to send before the measurement begins; nothing of that time is in the figures.
    #[arg(long, default_value = "0s", value_parser = parse_warm_up)]
    pub(crate) warm_up: Duration,
    /// Connections: in closed loop so many are open, in open loop at most so many (default: 32 and 1,024).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    connections: Option<u32>,
    /// What to submit.
    #[arg(long, value_enum, default_value = "notarize")]
    pub(crate) kind: Kind,
    /// Parts of notarizations, registrations and reads of a bundle (kind mixed; default 80:5:15).
    #[arg(long, value_name = "N:R:B")]
    mix: Option<Mix>,
    /// Transactions and reads per second, open loop. Without it: closed loop.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: Option<u32>,
    /// Transactions per request.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) batch: u32,
    /// Transactions signed ahead, and reads between them, in closed loop; the run ends early when they are used up.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) signed_ahead: u32,
    /// Keys that sign (kinds notarize and mixed).
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) accounts: u32,
    /// Number of the first of these keys: two runs at once with different ones are different senders (kinds notarize and mixed).
    #[arg(long, default_value_t = 0)]
    pub(crate) first_account: u32,
    /// Key file of an organization (kinds register and mixed).
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// File whose first line opens the key file.
    #[arg(long)]
    pub(crate) password_file: Option<PathBuf>,
    /// A transaction of `quancheng registration submit --sign-only --tx-out FILE`, whose call is submitted again and again (kinds register and mixed).
    #[arg(long)]
    pub(crate) call: Option<PathBuf>,
    /// After the run, fetch the bundles of so many of the certified transactions and verify them against `--checkpoint`.
    #[arg(long, default_value_t = 0, requires = "checkpoint", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) verify: u32,
    /// Checkpoint of the chain, as `quancheng verify` takes it.
    #[arg(long)]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

/// Connections in closed loop, where nothing else is said.
const CONNECTIONS_CLOSED: u32 = 32;
/// Most connections in open loop: more than a network that answers within a second needs at a thousand requests per second.
const CONNECTIONS_OPEN_MAX: u32 = 1024;

impl Arguments {
    pub(crate) fn connections(&self) -> u32 {
        self.connections.unwrap_or(if self.rate.is_some() { CONNECTIONS_OPEN_MAX } else { CONNECTIONS_CLOSED })
    }

    /// What is submitted and read, in which parts.
    pub(crate) fn mix(&self) -> Result<Mix, LoadError> {
        match (self.kind, self.mix) {
            (Kind::Notarize, None) => Ok(Mix::NOTARIZE),
            (Kind::Register, None) => Ok(Mix::REGISTER),
            (Kind::Mixed, mix) => Ok(mix.unwrap_or(Mix::CITY)),
            (Kind::Notarize | Kind::Register, Some(_)) => Err(LoadError::Usage("--mix needs --kind mixed")),
        }
    }

    /// From the first request to the last.
    pub(crate) fn sending(&self) -> Duration {
        self.warm_up + self.duration
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run::run(&arguments) {
        Ok(report) => {
            let mut out = std::io::stdout().lock();
            let written = match arguments.output {
                Output::Json => report.write_json(&mut out),
                Output::Table => report.write_table(&mut out),
            };
            match written.and_then(|()| out.flush()) {
                // A reader that has gone wants no more.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    complain(&format!("cannot write the result to standard output: {error}"));
                    return ExitCode::from(2);
                }
                Ok(()) | Err(_) => {}
            }
            if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

/// To standard error, of which nobody knows whether it can be written.
pub(crate) fn complain(words: &str) {
    let _ = writeln!(std::io::stderr(), "quancheng-load: {words}");
}

fn parse_warm_up(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s" | "0m") { Ok(Duration::ZERO) } else { parse_duration(text) }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = digits.parse().map_err(|_| format!("{text} is no duration; write for example 30s"))?;
    let seconds = match unit {
        "s" | "" => Some(number),
        "m" => number.checked_mul(60),
        _ => return Err(format!("{text} has an unknown unit; use s or m")),
    };
    match seconds {
        Some(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        Some(_) | None => Err("a duration lies between 1s and 24 hours".to_owned()),
    }
}
