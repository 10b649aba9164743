//! Runs seeds of the simulator and prints one line for each, and what all of them came to.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use quancheng_testnet_sim::{Byzantine, Habit, SimConfig, run};

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
    /// Takes only seeds with a structured liar among or beside the validators.
    #[arg(long)]
    liars: bool,
    /// Gives every run a structured liar with this habit: withhold, justintime, frame, absurd or absent.
    #[arg(long, value_parser = habit)]
    habit: Option<Habit>,
    /// Prints the sums only, with the fields that liars changed.
    #[arg(long)]
    summary: bool,
    /// Name of a deliberate mistake, run until it is caught (`all` for each in turn).
    #[cfg(feature = "planted-bugs")]
    #[arg(long)]
    planted: Option<String>,
}

/// What all runs came to.
#[derive(Default)]
struct Sums {
    runs: u64,
    blocks: u64,
    executed: u64,
    crashes: u64,
    late_rounds: u64,
    misbehavior: u64,
    habit_acts: u64,
    honest_misses: u64,
    liar_misses: u64,
    mutations: BTreeMap<String, u64>,
    violations: u64,
}

fn seeds(text: &str) -> Option<std::ops::Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => text.parse().ok().map(|seed: u64| seed..seed.saturating_add(1)),
    }
}

fn habit(name: &str) -> Result<Habit, String> {
    let found = Habit::ALL.into_iter().find(|habit| format!("{habit:?}").eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("no habit, use one of {:?}", Habit::ALL))
}

fn config(arguments: &Arguments, seed: u64) -> SimConfig {
    let mut config = SimConfig::of_seed(seed, arguments.blocks);
    if arguments.habit.is_some() {
        (config.byzantine, config.habit) = (Some(Byzantine::Forger), arguments.habit);
    }
    if arguments.calm { config.without_faults() } else { config }
}

/// Runs the seeds; the number of violations.
fn simulate(arguments: &Arguments, seeds: std::ops::Range<u64>, out: &mut impl Write) -> io::Result<u64> {
    let mut sums = Sums::default();
    for seed in seeds {
        let config = config(arguments, seed);
        if arguments.liars && !config.byzantine.is_some_and(Byzantine::is_structured) {
            continue;
        }
        sums.runs += 1;
        match run(config) {
            Ok(outcome) => {
                sums.blocks += outcome.height.0;
                sums.executed += outcome.stats.executed;
                sums.crashes += outcome.stats.crashes;
                sums.late_rounds += outcome.stats.late_rounds;
                sums.misbehavior += outcome.stats.misbehavior;
                sums.habit_acts += outcome.stats.habit_acts;
                sums.honest_misses += outcome.stats.honest_misses;
                sums.liar_misses += outcome.stats.liar_misses;
                for (path, count) in &outcome.mutations {
                    *sums.mutations.entry(path.clone()).or_default() += count;
                }
                if !arguments.summary {
                    writeln!(out, "{outcome}")?;
                }
            }
            Err(violation) => {
                sums.violations += 1;
                writeln!(out, "{violation}")?;
            }
        }
    }
    report(&sums, arguments.summary, out)?;
    Ok(sums.violations)
}

fn report(sums: &Sums, with_fields: bool, out: &mut impl Write) -> io::Result<()> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for (path, count) in &sums.mutations {
        *kinds.entry(path.split('.').next().unwrap_or_default()).or_default() += count;
        if with_fields {
            writeln!(out, "{count:>9} {path}")?;
        }
    }
    for (kind, count) in kinds {
        writeln!(out, "{count:>9} mutations of {kind}")?;
    }
    let Sums { runs, blocks, executed, crashes, late_rounds, misbehavior, habit_acts, .. } = sums;
    let (changed, fields) = (sums.mutations.values().sum::<u64>(), sums.mutations.len());
    let Sums { honest_misses, liar_misses, violations, .. } = sums;
    writeln!(
        out,
        "{runs} runs, {blocks} blocks, {executed} transactions, {crashes} crashes, {late_rounds} late rounds, {honest_misses} turns missed \
         by honest validators and {liar_misses} by faulty ones, {misbehavior} proofs, {changed} mutations of {fields} fields, {habit_acts} \
         acts of habit, {violations} violations",
    )
}

/// Plants mistakes and prints how each was caught; the number of those that were not, or `None` for an unknown name.
#[cfg(feature = "planted-bugs")]
fn hunt(name: &str, out: &mut impl Write) -> io::Result<Option<u64>> {
    use quancheng_testnet_sim::Planted;
    let all: Vec<Planted> =
        Planted::all().into_iter().filter(|planted| name == "all" || planted.name() == name).collect();
    let mut missed = 0;
    for planted in &all {
        match planted.hunt() {
            Some(caught) => {
                let violation = caught.violation;
                writeln!(out, "| {} | {} | {} | {violation}", planted.name(), violation.property, caught.seeds)?;
            }
            None => {
                missed += 1;
                writeln!(out, "| {} | NOT CAUGHT | |", planted.name())?;
            }
        }
        out.flush()?;
    }
    Ok((!all.is_empty()).then_some(missed))
}

fn exit_code(failures: io::Result<u64>) -> ExitCode {
    match failures {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    #[cfg(feature = "planted-bugs")]
    if let Some(name) = &arguments.planted {
        return match hunt(name, &mut out) {
            Ok(Some(missed)) => exit_code(Ok(missed)),
            Ok(None) => {
                let _ = writeln!(out, "--planted names no known mistake");
                ExitCode::from(2)
            }
            Err(error) => exit_code(Err(error)),
        };
    }
    let Some(seeds) = seeds(&arguments.seeds) else {
        let _ = writeln!(out, "--seeds takes a number or FROM..TO, found {:?}", arguments.seeds);
        return ExitCode::from(2);
    };
    exit_code(simulate(&arguments, seeds, &mut out))
}
