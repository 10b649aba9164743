//! `quanchengd`: a validator or follower of the Quancheng chain.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use quancheng_node::config::NodeConfig;
use quancheng_node::driver::DriverEnd;
use quancheng_node::replay::{ReplayError, Replayed, replay};
use quancheng_node::start::{Node, Rejoin, StartError, init, read_genesis};
use quancheng_node::version::EXIT_UNKNOWN_VERSION;
use quancheng_types::{Height, NEWEST_VERSION};
use tracing_subscriber::EnvFilter;

/// A block is made of tens of thousands of pieces of up to two kilobytes that live as long as it is executed: the allocator of the
/// C library spends a fifth of the executor's time on joining and splitting them (`docs/decisions/0032`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The voting core tells of every vote at level `info`: more lines than transactions. An operator's own level for it comes later in the
/// list and wins.
const LIBRARY_LEVELS: &str = "arc_malachitebft_core_consensus=warn,libp2p_swarm=warn";

/// A validator or follower of the Quancheng chain (泉城链节点).
#[derive(Debug, Parser)]
#[command(name = "quanchengd", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the data folder of a node that has never run, or of a validator that lost its own (建立数据目录).
    Init {
        /// Configuration file (TOML).
        #[arg(long, env = "QUANCHENG_CONFIG")]
        config: PathBuf,
        /// For a validator that lost its data folder and keeps its key: the greatest height that any other node reports now
        /// (`quancheng chain status`). It signs nothing at heights at which it may have signed before (数据丢失的验证节点重新加入).
        #[arg(long, value_name = "HEIGHT")]
        rejoin_above: Option<u64>,
    },
    /// Run the node in the foreground (启动节点).
    Start {
        /// Configuration file (TOML).
        #[arg(long, env = "QUANCHENG_CONFIG")]
        config: PathBuf,
    },
    /// Check a configuration and print every value in force (检查配置).
    ValidateConfig {
        /// Configuration file (TOML).
        #[arg(long, env = "QUANCHENG_CONFIG")]
        config: PathBuf,
    },
    /// Execute the recorded blocks of a stopped node again under this build and compare all roots: try a new build with it before it is
    /// installed. Writes nothing into the data folder (以本程序重放已记录的区块并比对各级根值，安装新版本前使用，不改动数据目录).
    Replay {
        /// Configuration file (TOML).
        #[arg(long, env = "QUANCHENG_CONFIG")]
        config: PathBuf,
        /// The last height to execute; all by default (截止高度).
        #[arg(long, value_name = "HEIGHT")]
        until: Option<u64>,
        /// A folder that does not exist or is empty, for the results; removed at the end (临时目录).
        #[arg(long, value_name = "DIR")]
        scratch: Option<PathBuf>,
    },
    /// Print the chain id of a genesis file (显示链标识).
    ChainId {
        /// Genesis file.
        genesis: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("quanchengd: {error}");
            let is_version = matches!(error.downcast_ref(), Some(StartError::UnknownVersion(_)));
            ExitCode::from(if is_version { EXIT_UNKNOWN_VERSION } else { 1 })
        }
    }
}

fn load(path: &Path) -> Result<NodeConfig, Box<dyn std::error::Error>> {
    Ok(NodeConfig::load(path, std::env::vars())?)
}

#[expect(clippy::print_stdout, reason = "the answer of these commands is for standard output")]
fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Init { config, rejoin_above } => {
            let config = load(&config)?;
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
            let now_ms = u64::try_from(now.as_millis())?;
            let rejoin = rejoin_above.map(|tip| Rejoin { tip: Height(tip), now_ms });
            init(&config, rejoin)?;
            println!("{}", config.node.data_dir.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::ValidateConfig { config } => {
            let config = load(&config)?;
            read_genesis(&config.node.genesis)?;
            print!("{}", config.to_toml()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Replay { config, until, scratch } => {
            let config = load(&config)?;
            let name = format!("quanchengd-replay-{}", std::process::id());
            let scratch = scratch.unwrap_or_else(|| std::env::temp_dir().join(name));
            run_replay(&config, until.map(Height), &scratch)
        }
        Command::ChainId { genesis } => {
            println!("{}", read_genesis(&genesis)?.chain_id());
            Ok(ExitCode::SUCCESS)
        }
        Command::Start { config } => {
            let config = load(&config)?;
            let filter = EnvFilter::try_new(format!("{LIBRARY_LEVELS},{}", config.log.level))?;
            let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
            if config.log.json {
                log.json().init();
            } else {
                log.with_ansi(false).init();
            }
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let end = runtime.block_on(async {
                let node = Node::start(config).await?;
                Ok::<DriverEnd, StartError>(node.run(stop_signal()).await)
            });
            // Also after a start that failed halfway: dropping the runtime would wait for its threads for ever.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            Ok(exit_code(&end?))
        }
    }
}

/// Heights between two lines about the progress of a replay.
const REPLAY_TELL: u64 = 1_000;

/// 0 when everything is equal; 3 when something differs; 4 when this build does not carry the rules of a recorded block.
#[expect(clippy::print_stdout, reason = "the answer of these commands is for standard output")]
fn run_replay(
    config: &NodeConfig,
    until: Option<Height>,
    scratch: &Path,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut tell = |height: Height| {
        if height.0.is_multiple_of(REPLAY_TELL) {
            eprintln!("quanchengd: equal up to height {height}");
        }
    };
    match replay(config, until, scratch, &mut tell) {
        Ok(done) => {
            let Replayed { height, receipts, state_root, history_root, version } = done;
            println!(
                "EQUAL: heights 1 to {height} ({receipts} receipts) executed again, all roots are as recorded \
                 (高度 1 至 {height} 重放一致)\nversion of the rules {version}, this build carries up to {NEWEST_VERSION}\n\
                 state root {state_root}\nhistory root {history_root}"
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ ReplayError::Differs(_)) => {
            eprintln!("quanchengd: {error}");
            Ok(ExitCode::from(3))
        }
        Err(error @ ReplayError::UnknownVersion(_)) => {
            eprintln!("quanchengd: {error}");
            Ok(ExitCode::from(EXIT_UNKNOWN_VERSION))
        }
        Err(error) => Err(error.into()),
    }
}

/// 0 after a requested stop; 3 when the node had to stop; 4 when another build must go on.
fn exit_code(end: &DriverEnd) -> ExitCode {
    match end {
        DriverEnd::Stopped => ExitCode::SUCCESS,
        DriverEnd::UnknownVersion(unknown) => {
            eprintln!("quanchengd: stopped: {unknown}");
            ExitCode::from(EXIT_UNKNOWN_VERSION)
        }
        DriverEnd::Halted(_) | DriverEnd::File(_) | DriverEnd::Ledger(_) | DriverEnd::Panicked => {
            eprintln!("quanchengd: stopped: {end}");
            ExitCode::from(3)
        }
    }
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
