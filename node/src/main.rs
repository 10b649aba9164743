//! `quanchengd`: a validator or follower of the Quancheng chain.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use quancheng_node::backup::{Checked, Made, back_up, check};
use quancheng_node::config::{NodeConfig, near_misses};
use quancheng_node::driver::DriverEnd;
use quancheng_node::limits::{BLOCKING_THREADS_MAX, STACK_BYTES};
use quancheng_node::log::Log;
use quancheng_node::replay::{ReplayError, Replayed, replay};
use quancheng_node::signals;
use quancheng_node::snapshot::{SnapshotInfo, Source, Sources, take};
use quancheng_node::start::{
    Joined, Node, Rejoin, Rejoined, Restored, StartError, Teardown, check_key_files, init, join, read_genesis, restore,
};
use quancheng_node::version::EXIT_UNKNOWN_VERSION;
use quancheng_types::variables::NearMiss;
use quancheng_types::{Height, NEWEST_VERSION};
use tracing::warn;

/// A block is made of tens of thousands of pieces of up to two kilobytes that live as long as it is executed: the allocator of the
/// C library spends a fifth of the executor's time on joining and splitting them (`docs/decisions/0032`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A validator or follower of the Quancheng chain (泉城链节点).
#[derive(Debug, Parser)]
#[command(name = "quanchengd", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Exit code of an `init` that made the data folder, and could not take over all that the old one had answered "admitted".
const EXIT_LOST: u8 = 5;

/// Numbers of lost batches that are printed.
const UNREADABLE_SHOWN: usize = 20;

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
        /// The old data folder of that validator, moved away: admitted transactions in it that were not ordered are taken over. Ends with 5 when
        /// some of them could not be read (旧数据目录,从中取回已接收但尚未上链的交易;有批次无法读取时退出码为 5).
        #[arg(long, value_name = "FOLDER", requires = "rejoin_above")]
        salvage: Option<PathBuf>,
        /// A backup (`quanchengd backup`) to begin with instead of an empty store; it is checked and copied. A validator needs
        /// `--rejoin-above` as well (由备份恢复;验证节点须同时给出 --rejoin-above).
        #[arg(long, value_name = "DIR")]
        from_backup: Option<PathBuf>,
        /// Begin with the newest snapshot that one of these has, instead of executing the chain: public addresses of nodes (HOST:PORT or
        /// http://HOST:PORT), or folders, separated by commas. Each is checked against the genesis file; none is trusted. A validator needs
        /// `--rejoin-above` as well (由快照加入,逐块按创世文件核验;验证节点须同时给出 --rejoin-above).
        #[arg(long, value_name = "SOURCES", value_delimiter = ',', conflicts_with = "from_backup")]
        from_snapshot: Vec<Source>,
    },
    /// Have the node of this configuration, which runs, make a snapshot of the newest height; it serves the newest two under `/v1/snapshots`
    /// (令运行中的节点制作快照,供新节点加入).
    Snapshot {
        /// Configuration file (TOML).
        #[arg(long, env = "QUANCHENG_CONFIG")]
        config: PathBuf,
        /// Print one JSON object (以 JSON 输出).
        #[arg(long)]
        json: bool,
    },
    /// Copy the blocks and results of this node, running or stopped, into a folder of their own; or check such a folder. A backup holds no keys and
    /// nothing of what was signed (备份节点的区块与执行结果,运行中或已停止均可;不含密钥与签名记录).
    Backup {
        /// Configuration file (TOML).
        #[arg(long, env = "QUANCHENG_CONFIG", required_unless_present = "check")]
        config: Option<PathBuf>,
        /// Where to put it: a folder that does not exist; `<data_dir>/backups/<height>` by default (备份目录).
        #[arg(long, value_name = "DIR", conflicts_with = "check")]
        out: Option<PathBuf>,
        /// Compare every file of this backup with its digest, and open it; changes nothing and needs no node (校验备份).
        #[arg(long, value_name = "DIR")]
        check: Option<PathBuf>,
        /// Print one JSON object (以 JSON 输出).
        #[arg(long)]
        json: bool,
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
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("quanchengd: {error}"));
            ExitCode::from(1)
        }
    }
}

/// Help, version, or what is wrong with the command.
fn usage(error: &clap::Error) -> ExitCode {
    match error.print().and_then(|()| std::io::stdout().flush()) {
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(&format!("quanchengd: cannot write to standard output: {fault}"));
            ExitCode::from(1)
        }
        Ok(()) | Err(_) => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

/// Exit code of a node that did not start.
fn start_code(error: &StartError) -> u8 {
    if matches!(error, StartError::UnknownVersion(_)) { EXIT_UNKNOWN_VERSION } else { 1 }
}

/// To standard error, of which nobody knows whether it can be written.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The answer of a command, to standard output. A reader that has gone, as with `| head`, wants no more; a full disk is an error.
fn answer(text: &str) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write the answer to standard output: {error}").into())
        }
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

fn load(path: &Path) -> Result<NodeConfig, Box<dyn std::error::Error>> {
    Ok(NodeConfig::load(path, std::env::vars_os())?)
}

/// Variables that nothing reads and that look like misspelt ones.
fn unread_variables() -> Vec<String> {
    let near = near_misses(std::env::vars_os().map(|(name, _)| name));
    let words = |near: NearMiss| format!("environment variable {} is not read; {} would be", near.name, near.meant);
    near.into_iter().map(words).collect()
}

fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Init { config, rejoin_above, salvage, from_backup, from_snapshot } => {
            let begin = match (from_backup, from_snapshot) {
                (Some(folder), _) => Beginning::Backup(folder),
                (None, sources) if sources.is_empty() => Beginning::Genesis,
                (None, sources) => Beginning::Snapshot(sources),
            };
            run_init(&load(&config)?, rejoin_above, salvage, begin)
        }
        Command::Snapshot { config, json } => tell_snapshot(&take(&load(&config)?)?, json),
        Command::Backup { check: Some(folder), json, .. } => tell_checked(&folder, &check(&folder)?, json),
        Command::Backup { config, out, json, check: None } => {
            let config = config.ok_or("--config is missing")?;
            tell_made(&back_up(&load(&config)?, out.as_deref())?, json)
        }
        Command::ValidateConfig { config } => {
            let config = load(&config)?;
            check_key_files(&config, &read_genesis(&config.node.genesis)?)?;
            unread_variables().iter().for_each(|words| complain(&format!("quanchengd: warning: {words}")));
            answer(&config.to_toml()?)
        }
        Command::Replay { config, until, scratch } => {
            let config = load(&config)?;
            let name = format!("quanchengd-replay-{}", std::process::id());
            let scratch = scratch.unwrap_or_else(|| std::env::temp_dir().join(name));
            run_replay(&config, until.map(Height), &scratch)
        }
        Command::ChainId { genesis } => answer(&format!("{}\n", read_genesis(&genesis)?.chain_id())),
        Command::Start { config } => start(load(&config)?),
    }
}

fn start(config: NodeConfig) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let log = Log::start(&config.log.level, config.log.json)?;
    unread_variables().iter().for_each(|words| warn!("{words}"));
    let runtime = runtime()?;
    let teardown = Teardown::default();
    let end = runtime.block_on(async {
        // Before the start, which may take a while: a request to stop that comes meanwhile ends what takes long, or is carried out after it.
        let signals = signals::listen().map_err(StartError::Signals)?;
        let asked = teardown.asked();
        let stop = tokio::spawn(async move {
            signals.stop().await;
            asked.store(true, Ordering::Release);
        });
        let node = match Node::start(config, &teardown).await {
            Err(StartError::Asked) => return Ok(DriverEnd::Stopped),
            started => started?,
        };
        let stop = async {
            // The task ends with the signal, or with the process.
            let _ = stop.await;
        };
        Ok::<DriverEnd, StartError>(node.run(stop).await)
    });
    // Also after a start that failed halfway: dropping the runtime would wait for its threads for ever.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    teardown.finish();
    let code = match end {
        Ok(end) => exit_code(&log, &end),
        Err(error) => {
            log.say(&format!("quanchengd: {error}"));
            ExitCode::from(start_code(&error))
        }
    };
    log.finish();
    Ok(code)
}

/// Nothing of it is left to the environment (`TOKIO_WORKER_THREADS`, `RUST_MIN_STACK`).
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
        .thread_stack_size(STACK_BYTES)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
}

/// What a data folder begins with.
enum Beginning {
    Genesis,
    Backup(PathBuf),
    Snapshot(Vec<Source>),
}

fn run_init(
    config: &NodeConfig,
    rejoin_above: Option<u64>,
    old: Option<PathBuf>,
    beginning: Beginning,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let now_ms = u64::try_from(now.as_millis())?;
    let is_salvage = old.is_some();
    let rejoin = rejoin_above.map(|tip| Rejoin { tip: Height(tip), now_ms, salvage: old });
    let rejoined = match beginning {
        Beginning::Backup(folder) => {
            let restored = restore(config, &folder, rejoin)?;
            tell_restored(&restored);
            restored.rejoined
        }
        Beginning::Snapshot(sources) => {
            let sources = Sources::new(sources).told_to(|line| complain(&format!("quanchengd: {line}")));
            let joined = join(config, sources, rejoin)?;
            tell_joined(&joined);
            joined.rejoined
        }
        Beginning::Genesis => init(config, rejoin)?,
    };
    if is_salvage || rejoined.batches > 0 {
        tell_salvage(&rejoined);
    }
    let made = answer(&format!("{}\n", config.node.data_dir.display()))?;
    Ok(if rejoined.is_whole() { made } else { ExitCode::from(EXIT_LOST) })
}

/// A snapshot that was made.
fn tell_snapshot(made: &SnapshotInfo, json: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if json {
        return answer(&format!("{}\n", serde_json::to_string(made)?));
    }
    let SnapshotInfo { height, chunks, bytes, block_id, .. } = made;
    answer(&format!(
        "snapshot of height {height}: {bytes} bytes in {chunks} chunks, block {block_id}\n\
         高度 {height} 的快照:{chunks} 块,{bytes} 字节,区块 {block_id}\n"
    ))
}

/// What was taken over, in both languages.
fn tell_joined(joined: &Joined) {
    let Joined { height, manifest_from, chunks, bytes, floor, .. } = joined;
    let (from_en, from_zh) = joined.givers_in_words();
    complain(&format!(
        "joined by the snapshot of height {height}: {chunks} chunks, {bytes} bytes, each checked against the certified header; the manifest came from \
         {manifest_from}, the chunks from {from_en}; blocks and receipts up to it are not here"
    ));
    complain(&format!(
        "已由快照加入,高度 {height}:{chunks} 块,{bytes} 字节,均按经认证的区块头核验;清单来自 {manifest_from},数据块来自 {from_zh};\
         该高度及以前的区块与回执不在本机"
    ));
    tell_floor(*floor);
}

/// From which height a validator signs.
fn tell_floor(floor: Option<Height>) {
    if let Some(floor) = floor {
        complain(&format!(
            "it signs from height {floor} on; make sure that this key runs nowhere else (自高度 {floor} 起签名,请确认该密钥未在别处运行)"
        ));
    }
}

/// What was restored, in both languages.
fn tell_restored(restored: &Restored) {
    let Restored { height, executed_height, files, bytes, floor, .. } = restored;
    complain(&format!(
        "restored: blocks up to height {height}, results up to {executed_height}; {files} files, {bytes} bytes, all as they were backed up"
    ));
    complain(&format!(
        "已恢复:区块至高度 {height},执行结果至高度 {executed_height};共 {files} 个文件,{bytes} 字节,校验一致"
    ));
    tell_floor(*floor);
}

/// A backup that was made: a line for each thing, in both languages, or one JSON object.
fn tell_made(made: &Made, json: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if json {
        return answer(&format!("{}\n", serde_json::to_string(made)?));
    }
    let Made {
        folder, chain_id, height, executed_height, files, bytes, new_files, new_bytes, copy_ms, total_ms, ..
    } = made;
    answer(&format!(
        "{folder}\nheight {height}, results up to {executed_height} (区块高度 {height},执行结果至 {executed_height})\n\
         {bytes} bytes in {files} files, {new_bytes} bytes in {new_files} of them new since the backup before \
         (共 {files} 个文件 {bytes} 字节,其中较上次备份新增 {new_files} 个文件 {new_bytes} 字节)\n\
         made in {total_ms} ms, the store was copied in {copy_ms} of them (用时 {total_ms} 毫秒,其中复制存储 {copy_ms} 毫秒)\n\
         chain {chain_id} (链标识)\n"
    ))
}

/// A backup that was checked.
fn tell_checked(folder: &Path, checked: &Checked, json: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Checked { record, waiting } = checked;
    let (files, bytes) = (record.files.len(), record.bytes());
    if json {
        let document = serde_json::json!({
            "folder": folder.display().to_string(), "chain_id": record.chain_id, "node_id": record.node_id,
            "validator": record.validator, "height": record.height, "block_id": record.block_id,
            "executed_height": record.executed_height, "time_ms": record.time_ms, "files": files, "bytes": bytes,
            "waiting_batches": waiting,
        });
        return answer(&format!("{document}\n"));
    }
    let (chain, name, height, block) = (record.chain_id, &record.chain_name, record.height, record.block_id);
    answer(&format!(
        "INTACT: {files} files, {bytes} bytes, all as they were backed up (备份完好:{files} 个文件,{bytes} 字节,校验一致)\n\
         chain {chain} {name} (链标识)\nheight {height}, block {block}, results up to {executed} (区块高度与执行结果高度)\n\
         {waiting} batches of its validator were admitted and not yet ordered (已接收而尚未上链的批次)\n",
        executed = record.executed_height
    ))
}

/// What was taken over, and what was not, in both languages.
fn tell_salvage(rejoined: &Rejoined) {
    let Rejoined { batches, transactions, unreadable, is_unsure } = rejoined;
    complain(&format!("taken over: {transactions} admitted transactions in {batches} batches"));
    complain(&format!("已取回:{batches} 个批次中的 {transactions} 笔已接收交易"));
    complain(
        "if that folder is an older copy, what was admitted after it was copied is not in it: tell those who submitted to look",
    );
    complain("如果该文件夹是较旧的副本,复制之后接收的交易不在其中,请通知提交人查询");
    if *is_unsure {
        complain(
            "the file `marks` of that folder cannot be read, so nobody knows whether more was answered \"admitted\" in it than is taken over: tell \
             those who submitted to look and to submit again",
        );
        complain(
            "该文件夹的 marks 文件无法读取,无从得知是否还有已答复“已接收”而未取回的交易:请通知提交人查询,必要时重新提交",
        );
    }
    if !unreadable.is_empty() {
        let shown: Vec<String> = unreadable.iter().take(UNREADABLE_SHOWN).map(u64::to_string).collect();
        let (count, shown) = (unreadable.len(), shown.join(", "));
        complain(&format!(
            "not readable: {count} batches that were answered \"admitted\", numbers {shown}: unless the chain has ordered them, their \
             transactions are lost; tell those who submitted to look and to submit again"
        ));
        complain(&format!(
            "无法读取:{count} 个已答复“已接收”的批次,编号 {shown};除非已经上链,其中的交易已丢失,请通知提交人查询并重新提交"
        ));
    }
}

/// Heights between two lines about the progress of a replay.
const REPLAY_TELL: u64 = 1_000;

/// 0 when everything is equal; 3 when something differs; 4 when this build does not carry the rules of a recorded block.
fn run_replay(
    config: &NodeConfig,
    until: Option<Height>,
    scratch: &Path,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut tell = |height: Height| {
        if height.0.is_multiple_of(REPLAY_TELL) {
            complain(&format!("quanchengd: equal up to height {height}"));
        }
    };
    match replay(config, until, scratch, &mut tell) {
        Ok(done) => {
            let Replayed { height, receipts, state_root, history_root, version, left } = done;
            if left > 0 {
                complain(&format!(
                    "quanchengd: {left} decided heights above {height} were not executed: their batches are not in this data folder; \
                     start and stop the node once to have them (高度 {height} 以上另有 {left} 个高度未重放：其批次尚不在本数据目录)"
                ));
            }
            answer(&format!(
                "EQUAL: heights 1 to {height} ({receipts} receipts) executed again, all roots are as recorded \
                 (高度 1 至 {height} 重放一致)\nversion of the rules {version}, this build carries up to {NEWEST_VERSION}\n\
                 state root {state_root}\nhistory root {history_root}\n"
            ))
        }
        Err(error @ ReplayError::Differs(_)) => {
            complain(&format!("quanchengd: {error}"));
            Ok(ExitCode::from(3))
        }
        Err(error @ ReplayError::UnknownVersion(_)) => {
            complain(&format!("quanchengd: {error}"));
            Ok(ExitCode::from(EXIT_UNKNOWN_VERSION))
        }
        Err(error) => Err(error.into()),
    }
}

/// 0 after a requested stop; 3 when the node had to stop; 4 when another build must go on.
fn exit_code(log: &Log, end: &DriverEnd) -> ExitCode {
    match end {
        DriverEnd::Stopped => ExitCode::SUCCESS,
        DriverEnd::UnknownVersion(unknown) => {
            log.say(&format!("quanchengd: stopped: {unknown}"));
            ExitCode::from(EXIT_UNKNOWN_VERSION)
        }
        DriverEnd::Halted(_)
        | DriverEnd::File(_)
        | DriverEnd::Ledger(_)
        | DriverEnd::KeyElsewhere(_)
        | DriverEnd::FolderLost(_)
        | DriverEnd::Panicked => {
            log.say(&format!("quanchengd: stopped: {end}"));
            ExitCode::from(3)
        }
    }
}
