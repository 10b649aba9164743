//! Runs seeds of the simulator and prints one line for each.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use quancheng_testnet_sim::{SimConfig, run};

/// Simulates a Quancheng network under faults, one run per seed; equal seeds give equal trace hashes.
#[derive(Parser)]
#[command(name = "quancheng-sim", version)]
struct Arguments {
    /// Seeds: one number, or `FROM..TO` without TO.
    #[arg(long, default_value = "0..10")]
    seeds: String,
    /// Blocks to commit under faults in each run.
    #[arg(long, default_value_t = 1_000)]
    blocks: u64,
    /// Leaves out all faults.
    #[arg(long)]
    calm: bool,
    /// Name of a deliberate mistake (`all` runs each until it is caught).
    #[cfg(feature = "planted-bugs")]
    #[arg(long)]
    planted: Option<String>,
}

fn seeds(text: &str) -> Option<std::ops::Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => text.parse().ok().map(|seed: u64| seed..seed.saturating_add(1)),
    }
}

fn config(arguments: &Arguments, seed: u64) -> Option<SimConfig> {
    let config = SimConfig::of_seed(seed, arguments.blocks);
    let config = if arguments.calm { config.without_faults() } else { config };
    #[cfg(feature = "planted-bugs")]
    if let Some(name) = &arguments.planted {
        let planted = quancheng_testnet_sim::Planted::all().into_iter().find(|planted| planted.name() == *name)?;
        return Some(SimConfig { planted: Some(planted), ..config });
    }
    Some(config)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    let Some(seeds) = seeds(&arguments.seeds) else {
        let _ = writeln!(out, "--seeds takes a number or FROM..TO, found {:?}", arguments.seeds);
        return ExitCode::from(2);
    };
    let mut is_good = true;
    for seed in seeds {
        let Some(config) = config(&arguments, seed) else {
            let _ = writeln!(out, "--planted names no known mistake");
            return ExitCode::from(2);
        };
        let line = match run(config) {
            Ok(outcome) => outcome.to_string(),
            Err(violation) => {
                is_good = false;
                violation.to_string()
            }
        };
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
