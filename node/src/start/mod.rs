//! Puts a node together and takes it down again.
//!
//! Order of a start: lock the folder, open the doors, which say that the node is starting, open the store, execute again what a crash took
//! back of the results, read log and sign record, join the network, answer at the doors. Order of a stop: close the doors, stop the driver after its current step, let the executor finish its block.

mod backups;
mod doors;
mod error;
mod folder;
mod genesis_file;
mod init;
mod join;
mod keys;
mod lanes;
mod recover;
mod restore;
mod teardown;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use quancheng_consensus::{CachedChecker, Engine, EngineConfig, EngineStatus};
use quancheng_types::{Genesis, Height, Parameters, SignedBatch};
use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use crate::admission::{Admission, Duty};
use crate::api::backend::Identity;
use crate::api::{Backend, StartProgress};
use crate::backend::NodeBackend;
use crate::batcher::{self, BatcherParts, InFlight};
use crate::config::NodeConfig;
use crate::descriptors;
use crate::driver::{
    self, Asked, Bars, ClockReport, Driver, DriverEnd, DriverHandle, DriverInput, DriverParts, PeerBook, Pump,
    ServeQueue,
};
use crate::executor;
use crate::fair::FairBudget;
use crate::files::{DataLock, FolderWatch, LogFile, LogInUse, Marks, OpenedLog, SignRecordFile, StoppedFile};
use crate::ledger::{Ledger, LedgerError};
use crate::limits::SUBMISSION_BYTES_MAX;
use crate::marks::MarkKeeper;
use crate::metrics::Metrics;
use crate::network::{self, NetworkHandle};
use crate::tracker::{ClaimLimits, Tracker};
use crate::verifier;

pub use doors::DoorError;
pub use error::StartError;
pub use genesis_file::read_genesis;
pub use init::{Rejoin, Rejoined, init};
pub use join::{Joined, join};
pub(crate) use keys::node_id;
pub use keys::{NodeKeys, check_key_files};
pub use lanes::seal_rules;
pub use restore::{Restored, restore};
pub use teardown::Teardown;

/// How long a stop waits for the driver and the doors.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A running node.
#[derive(Debug)]
pub struct Node {
    driver: DriverHandle,
    driver_end: oneshot::Receiver<DriverEnd>,
    network: NetworkHandle,
    verifier: verifier::VerifierHandle,
    doors: doors::Doors,
    folder: Arc<FolderWatch>,
    public: SocketAddr,
    admin: SocketAddr,
}

impl Node {
    /// Starts a node; returns when its doors are open. `teardown` is to be finished when the node has ended, or has not started.
    ///
    /// # Errors
    /// [`StartError`], with what to do.
    pub async fn start(mut config: NodeConfig, teardown: &Teardown) -> Result<Self, StartError> {
        let begun = Instant::now();
        let genesis = Arc::new(read_genesis(&config.node.genesis)?);
        let known_peers = genesis.validators.validators().len().max(config.network.peers.len());
        let descriptors = descriptors::claim(config.api.connections_max.into(), known_peers as u64)
            .map_err(StartError::Descriptors)?;
        config.store.open_files_max = Some(descriptors.tables());
        let keys = NodeKeys::open(&config)?;
        keys.check(&config, &genesis)?;
        teardown.hold(DataLock::acquire(&config.node.data_dir).map_err(StartError::File)?);
        folder::check_folder(&config.node.data_dir, &genesis, &keys)?;
        let progress = Arc::new(StartProgress::default());
        let doors = doors::Doors::open(&progress, &config.api, &descriptors).map_err(StartError::Door)?;
        let metrics = Arc::new(Metrics::new());
        let ledger = Ledger::open(&config.node.data_dir, &genesis, keys.owner(), &config.store);
        let ledger = Arc::new(ledger.map_err(StartError::Ledger)?);
        teardown.store().keep(&ledger);
        recover::execute_again(&ledger, &teardown.asked(), &progress)?;
        recover::check_version(&ledger)?;
        let (executed, certified, time_ms) = ledger.progress().map_err(StartError::Ledger)?;
        let tracker = Arc::new(Tracker::new(executed, certified, time_ms, Arc::clone(&metrics)));
        let peers = Arc::new(PeerBook::new(keys.node_id(), config.network.peers.clone()));
        let sets = ledger.active_sets().map_err(StartError::Ledger)?;
        let (network, events) =
            network::start(lanes::network_config(&config, &genesis, &keys, peers.entries(&sets)?, &descriptors))
                .await?;

        let parts =
            Assembly { config: &config, genesis: &genesis, keys: &keys, ledger: &ledger, metrics: &metrics, teardown };
        let running = parts.wire(&tracker, &peers, &network)?;
        let (bars, asked) = (running.bars, running.asked);
        let pump = Pump::new(running.driver.clone(), Arc::clone(&peers), bars, asked, Arc::clone(&metrics));
        tokio::spawn(pump.run(events));

        let backups = backups::desk(&config.node.data_dir, &genesis, &keys, teardown)?;
        let snapshots = backups::snapshots(&config, &genesis, &ledger, teardown);
        let identity = Identity {
            chain_id: genesis.chain_id(),
            genesis: Arc::clone(&genesis),
            node_id: keys.node_id(),
            validator_id: keys.validator_id(),
        };
        let backend: Arc<dyn Backend> = Arc::new(NodeBackend {
            identity,
            ledger: Arc::clone(&ledger),
            tracker,
            admission: running.admission,
            network: network.clone(),
            peers,
            status: running.status,
            clock: running.clock,
            pruned_peers: running.pruned_peers,
            is_log_lost: running.is_log_lost,
            metrics,
            started: begun,
            backups,
            snapshots,
        });
        let folder = FolderWatch::begin(&config.node.data_dir, running.log_in_use, ledger.watched_backend());
        doors.enter(&backend);
        info!(public = %doors.public, admin = %doors.admin, node_id = %keys.node_id(), height = %executed, ms = %begun.elapsed().as_millis(), "node is up");
        Ok(Self {
            driver: running.driver,
            driver_end: running.driver_end,
            network,
            verifier: running.verifier,
            public: doors.public,
            admin: doors.admin,
            doors,
            folder: Arc::new(folder),
        })
    }

    /// Address of the public door.
    #[must_use]
    pub fn public_address(&self) -> SocketAddr {
        self.public
    }

    /// Address of the operator's door.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Waits until the node ends by itself, or `stop` resolves; then takes it down.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> DriverEnd {
        let end = tokio::select! {
            end = &mut self.driver_end => Some(joined(end)),
            () = folder::until_lost(&self.folder) => None,
            () = stop => None,
        };
        info!("stopping");
        self.doors.close(STOP_PATIENCE).await;
        let end = match end {
            Some(end) => end,
            None => {
                let driver = self.driver.clone();
                let _ = tokio::task::spawn_blocking(move || driver.deliver(DriverInput::Stop)).await;
                match tokio::time::timeout(STOP_PATIENCE, &mut self.driver_end).await {
                    Ok(end) => joined(end),
                    Err(_) => {
                        warn!("the driver did not stop in time; the log and the sign record are durable at every step");
                        DriverEnd::Stopped
                    }
                }
            }
        };
        self.verifier.stop();
        self.network.shutdown().await;
        match self.folder.lost() {
            Some(lost) => folder::end_without(end, lost),
            None => end,
        }
    }
}

fn joined(end: Result<DriverEnd, oneshot::error::RecvError>) -> DriverEnd {
    end.unwrap_or_else(|_| {
        error!("the driver panicked; the panic itself is on standard error");
        DriverEnd::Panicked
    })
}

struct Assembly<'a> {
    config: &'a NodeConfig,
    genesis: &'a Arc<Genesis>,
    keys: &'a NodeKeys,
    ledger: &'a Arc<Ledger>,
    metrics: &'a Arc<Metrics>,
    teardown: &'a Teardown,
}

struct RecoveredEngine {
    engine: Engine,
    log: LogFile,
    is_log_lost: bool,
    sign_record: SignRecordFile,
    own_batches: Vec<Arc<SignedBatch>>,
    own_ordered: Vec<(Height, Arc<SignedBatch>)>,
    next_sequence: u64,
}

struct Running {
    driver: DriverHandle,
    driver_end: oneshot::Receiver<DriverEnd>,
    bars: Arc<Bars>,
    asked: Arc<Asked>,
    verifier: verifier::VerifierHandle,
    admission: Admission,
    status: watch::Receiver<EngineStatus>,
    clock: watch::Receiver<Option<ClockReport>>,
    pruned_peers: Arc<AtomicBool>,
    is_log_lost: bool,
    log_in_use: LogInUse,
}

impl Assembly<'_> {
    fn wire(
        &self,
        tracker: &Arc<Tracker>,
        peers: &Arc<PeerBook>,
        network: &NetworkHandle,
    ) -> Result<Running, StartError> {
        let (chain_id, ledger, metrics) = (self.genesis.chain_id(), self.ledger, self.metrics);
        let (driver, inputs) = driver::queue();
        let (marks, found) = self.start_marks(&driver)?;
        let running = self.teardown.threads();
        let (bars, asked, pruned_peers) = <(Arc<Bars>, Arc<Asked>, Arc<AtomicBool>)>::default();
        let (verifier, writer) = self.start_verifier(&driver, &marks)?;
        self.teardown.stops(verifier.clone());
        let executor = self.start_executor(&driver, tracker, peers, network)?;
        let serve =
            ServeQueue::start(Arc::clone(ledger), network.clone(), Arc::clone(peers), Arc::clone(metrics), running)
                .map_err(StartError::Thread)?;

        let RecoveredEngine { engine, log, is_log_lost, sign_record, own_batches, own_ordered, next_sequence } =
            self.recover_engine(&found)?;
        let (log_in_use, is_validator) = (log.in_use(), self.duty(engine.parameters(), &engine).is_validator);
        recover::inform(ledger, tracker, if is_validator { &own_batches } else { &[] }, &own_ordered);
        let (status, status_receiver) = watch::channel(engine.status());
        let (in_flight, in_flight_receiver) = watch::channel(InFlight::of(&engine));
        let (duty, duty_receiver) = watch::channel(self.duty(engine.parameters(), &engine));
        let (rules, rules_receiver) = watch::channel(seal_rules(&engine));
        let (clock, clock_receiver) = watch::channel(None);
        let batcher = self.keys.validator.as_ref().map(|key| {
            let (rules, in_flight) = (rules_receiver, in_flight_receiver);
            let (key, metrics) = (key.clone(), Arc::clone(metrics));
            let (senders, line) = (Arc::clone(tracker.senders()), Arc::new(batcher::Line::default()));
            let parts = BatcherParts { chain_id, key, next_sequence, rules, in_flight, writer, senders, metrics };
            tokio::spawn(batcher::run(parts, Arc::clone(&line)));
            line
        });
        let admission = self.admission(tracker, &verifier, batcher, duty_receiver, &clock_receiver);
        let parts = DriverParts {
            engine,
            log,
            sign_record,
            marks,
            stopped: StoppedFile::at(&self.config.node.data_dir),
            ledger: Arc::clone(ledger),
            network: network.clone(),
            peers: Arc::clone(peers),
            bars: Arc::clone(&bars),
            asked: Arc::clone(&asked),
            verifier: verifier.clone(),
            executor,
            tracker: Arc::clone(tracker),
            serve,
            metrics: Arc::clone(metrics),
            status,
            in_flight,
            duty,
            rules,
            clock,
            pruned_peers: Arc::clone(&pruned_peers),
            own: self.keys.validator_id(),
        };
        let built = Driver::new(parts, inputs, Arc::new(AtomicBool::new(false)));
        let driver_end = built.spawn(own_batches, running).map_err(StartError::Thread)?;
        let (status, clock) = (status_receiver, clock_receiver);
        Ok(Running {
            driver,
            driver_end,
            bars,
            asked,
            verifier,
            admission,
            status,
            clock,
            pruned_peers,
            is_log_lost,
            log_in_use,
        })
    }

    fn admission(
        &self,
        tracker: &Arc<Tracker>,
        verifier: &verifier::VerifierHandle,
        batcher: Option<Arc<batcher::Line>>,
        duty: watch::Receiver<Duty>,
        clock: &watch::Receiver<Option<ClockReport>>,
    ) -> Admission {
        Admission {
            ledger: Arc::clone(self.ledger),
            tracker: Arc::clone(tracker),
            verifier: verifier.clone(),
            batcher,
            duty,
            clock: clock.clone(),
            limits: ClaimLimits {
                total: self.config.api.pending_max as usize,
                per_account: self.config.api.pending_per_account_max,
            },
            memory: FairBudget::halves(SUBMISSION_BYTES_MAX),
            metrics: Arc::clone(self.metrics),
        }
    }

    fn start_verifier(
        &self,
        driver: &DriverHandle,
        marks: &MarkKeeper,
    ) -> Result<(verifier::VerifierHandle, verifier::StoreWriter), StartError> {
        let threads = match self.config.node.verifier_threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        };
        let (ledger, metrics) = (Arc::clone(self.ledger), Arc::clone(self.metrics));
        let (chain_id, running) = (self.genesis.chain_id(), self.teardown.threads());
        verifier::start(threads, chain_id, ledger, driver.clone(), metrics, marks.clone(), running)
            .map_err(StartError::Thread)
    }

    fn start_executor(
        &self,
        driver: &DriverHandle,
        tracker: &Arc<Tracker>,
        peers: &Arc<PeerBook>,
        network: &NetworkHandle,
    ) -> Result<executor::ExecutorHandle, StartError> {
        let (ledger, peers, network) = (Arc::clone(self.ledger), Arc::clone(peers), network.clone());
        let on_set_change = Box::new(move || {
            let applied = ledger.active_sets().map_err(|error| error.to_string());
            let applied = applied.and_then(|sets| peers.apply(&network, &sets).map_err(|error| error.to_string()));
            if let Err(error) = applied {
                warn!(%error, "the allow-list could not follow the validator set");
            }
        });
        let (ledger, tracker, metrics) = (Arc::clone(self.ledger), Arc::clone(tracker), Arc::clone(self.metrics));
        let threads = self.teardown.threads();
        executor::start(ledger, driver.clone(), tracker, metrics, on_set_change, threads).map_err(StartError::Thread)
    }

    /// The thread that keeps the marks, and the marks as they were found, with the number of this process.
    fn start_marks(&self, driver: &DriverHandle) -> Result<(MarkKeeper, Marks), StartError> {
        let (mut file, mut marks, marked) = self.ledger.take_marks().ok_or(StartError::Ledger(LedgerError::Empty))?;
        marks.instances.rotate_right(1);
        marks.instances[0] = folder::instance();
        file.replace(&marks).map_err(StartError::File)?;
        let keeper = MarkKeeper::start(file, marks, marked, driver.clone(), self.teardown.threads());
        Ok((keeper.map_err(StartError::Thread)?, marks))
    }

    fn duty(&self, parameters: &Parameters, engine: &Engine) -> Duty {
        let own = self.keys.validator_id();
        let is_validator = own.is_some_and(|id| engine.validators().by_id(&id).is_some());
        Duty { parameters: *parameters, is_validator, is_ready: false }
    }

    fn recover_engine(&self, marks: &Marks) -> Result<RecoveredEngine, StartError> {
        let chain_id = self.genesis.chain_id();
        let data_dir = &self.config.node.data_dir;
        let mut sign_record = SignRecordFile::at(data_dir);
        let key = self.keys.validator.as_ref();
        let record = key.map(|key| sign_record.read(&chain_id, &key.public_key(), marks.sign_records)).transpose();
        let record = record.map_err(StartError::File)?;
        let own = self.keys.validator_id();
        let OpenedLog { log, entries, loss } =
            LogFile::open(data_dir, chain_id, self.keys.owner(), marks.log).map_err(StartError::File)?;
        if let Some(loss) = &loss {
            warn!(alarm = "LogLost", "{loss}");
        }
        let recovered = recover::state(self.ledger, record, entries, own, marks)?;
        let config = EngineConfig {
            chain_id,
            node_id: self.keys.node_id(),
            key: self.keys.validator.clone(),
            quarantine_ms: self.config.node.quarantine_ms,
            instance: marks.instances[0],
            earlier_instances: marks.instances[1..].iter().copied().filter(|instance| *instance != 0).collect(),
        };
        let next_sequence = recovered.next_sequence;
        let engine =
            Engine::recover(config, recovered.state, Box::new(CachedChecker::new())).map_err(StartError::Recover)?;
        let (own_batches, own_ordered) = (recovered.own_batches, recovered.own_ordered);
        let is_log_lost = loss.is_some();
        Ok(RecoveredEngine { engine, log, is_log_lost, sign_record, own_batches, own_ordered, next_sequence })
    }
}
