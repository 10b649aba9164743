//! `quanchengd`: a validator or follower of the Quancheng chain.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use quancheng_node::config::NodeConfig;
use quancheng_node::driver::DriverEnd;
use quancheng_node::start::{Node, Rejoin, init, read_genesis};
use quancheng_types::Height;
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
            ExitCode::from(1)
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
                Ok::<DriverEnd, quancheng_node::start::StartError>(node.run(stop_signal()).await)
            });
            // Also after a start that failed halfway: dropping the runtime would wait for its threads for ever.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            Ok(exit_code(&end?))
        }
    }
}

/// 0 after a requested stop; 3 when the node had to stop.
fn exit_code(end: &DriverEnd) -> ExitCode {
    match end {
        DriverEnd::Stopped => ExitCode::SUCCESS,
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
