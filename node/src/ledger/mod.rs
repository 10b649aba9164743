//! The node's view of its store: blocks, batches and results, with a cache of the batches that are about to be executed.
//!
//! | what | written by | durable when the call returns |
//! |---|---|---|
//! | batches that this node admitted or acknowledged | batch writer | yes, one sync for all that wait |
//! | batches fetched for the executor | driver | no: they can be fetched again |
//! | blocks, certificates, windows of authors | driver, at a flush | yes |
//! | results of a height | executor | no: executing again gives the same |

mod batches;
mod blocks;
mod copy;
mod error;
mod exchange;
mod execute;
mod keep;
mod open;
mod owner;
mod salvage;
mod watched;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use quancheng_contracts::contract::Contract as _;
use quancheng_contracts::identity::Identity;
use quancheng_contracts::{genesis_patch, governance};
use quancheng_state::{Backend, ChainStore, Snapshot, Store, StoreError, StoreOptions, Warm, WarmView};
use quancheng_types::merkle::Path as MerklePath;
use quancheng_types::{
    ChainId, Digest, Genesis, Height, HistoryLeaf, Receipt, Schedule, Schedules, SignedTransaction, TransactionId,
    Validator, ValidatorSet, VersionPlan,
};

use crate::api::backend::ExecutedTransaction;
use crate::files::{Marks, MarksFile, Owner};
use batches::BatchCache;
use blocks::ChainTip;
use owner::{check_owner, put_owner};

pub use error::LedgerError;
pub use exchange::Imported;
pub use execute::{Results, execute_stored};
pub use keep::{Keep, Lowest};
pub(crate) use open::STORE_FOLDER;
pub use open::{StoreHandle, StoreKeeper, has_run};
pub use salvage::{SalvageError, Salvaged, salvage};
pub use watched::DamageSeen;

/// Name of the record of the chain that a store is of.
const CHAIN_NAME: &str = "chain-id";

/// Where execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipStatus {
    /// Newest executed height.
    pub height: Height,
    /// Leaves of the history log.
    pub history_size: u64,
    /// Its root.
    pub history_root: Digest,
    /// State root.
    pub state_root: Digest,
    /// Least height of which the rows of derived tables can be read.
    pub lowest_state_height: Height,
}

/// Blocks, batches and results of one node.
#[derive(Debug)]
pub struct Ledger {
    chain_id: ChainId,
    store: Store,
    chain: ChainStore,
    cache: Mutex<BatchCache>,
    /// Accounts, keys and organizations, which every door asks for.
    identity: Warm,
    tip: RwLock<ChainTip>,
    keep: Keep,
    fitting: keep::FittingBlocks,
    /// Groups of batches written.
    groups: Mutex<u64>,
    /// Groups whose mark is durable.
    marked: Arc<AtomicU64>,
    /// The marks as found, until the thread that keeps them takes them.
    marks: Mutex<Option<(MarksFile, Marks)>>,
    backend: Arc<dyn Backend>,
    damage: DamageSeen,
}

impl Ledger {
    /// Over an open backend. An empty one takes the genesis state. `owner`: whose it must be, and becomes if it is empty; none for one who only
    /// reads it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn over(
        backend: Arc<dyn Backend>,
        options: StoreOptions,
        genesis: &Genesis,
        keep: Keep,
        owner: Option<Owner>,
    ) -> Result<Self, LedgerError> {
        let store = Store::open(Arc::clone(&backend), options)?;
        let chain_id = genesis.chain_id();
        let chain = store.chain();
        // Before anything is written: results that are gone must not make a chain of another genesis look new.
        let known = chain.meta(CHAIN_NAME)?;
        match &known {
            Some(known) if known != chain_id.as_bytes() => return Err(LedgerError::OtherChain { expected: chain_id }),
            None if store.tip().is_some() || chain.last_block()?.is_some() => return Err(LedgerError::Nameless),
            Some(_) | None => {}
        }
        if let (Some(_), Some(owner)) = (&known, owner) {
            check_owner(&chain, owner)?;
        }
        check_beginning(&store, &chain)?;
        if store.tip().is_none() {
            let patch = genesis_patch(genesis, &quancheng_state::view::EmptyView).map_err(LedgerError::Genesis)?;
            if known.is_none() {
                // First: a store that names its chain also names its owner.
                if let Some(owner) = owner {
                    put_owner(&chain, owner, quancheng_state::Durability::Buffered)?;
                }
                chain.meta_put(CHAIN_NAME, chain_id.as_bytes().to_vec(), quancheng_state::Durability::Buffered)?;
            }
            store.init_genesis(genesis.time_ms, patch, &genesis.validators)?;
            store.sync()?;
        }
        let tip = ChainTip::read(&chain)?;
        let groups = batches::GroupsRow::read(&chain)?;
        Ok(Self {
            chain_id,
            store,
            chain,
            cache: Mutex::default(),
            identity: Warm::new(Identity::ID),
            tip: RwLock::new(tip),
            keep,
            fitting: keep::FittingBlocks::default(),
            groups: Mutex::new(groups.written),
            marked: Arc::new(AtomicU64::new(groups.marked)),
            marks: Mutex::default(),
            backend,
            damage: DamageSeen::default(),
        })
    }

    /// Whether a file of the store was found damaged since the start.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damage.is_set()
    }

    /// The chain.
    #[must_use]
    pub const fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// Newest executed height, newest height that [`Self::certifying`] certifies, time of the newest executed block.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn progress(&self) -> Result<(Height, Height, u64), LedgerError> {
        let tip = self.store.tip().ok_or(LedgerError::Empty)?;
        let certified = self.certifying()?.map_or(Height::GENESIS, |decided| decided.block.header.executed_height);
        Ok((tip.height(), certified, tip.leaf.time_ms))
    }

    /// Where execution stands.
    #[must_use]
    pub fn tip_status(&self) -> TipStatus {
        let tip = self.store.tip().expect("an open ledger has at least the genesis state");
        TipStatus {
            height: tip.height(),
            history_size: tip.size,
            history_root: tip.root,
            state_root: tip.leaf.state_root,
            lowest_state_height: self.store.oldest(),
        }
    }

    /// State of the newest executed height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.store.snapshot()
    }

    /// The same, with what it says of accounts remembered until that changes: for those who ask of every transaction who signs it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn signers(&self) -> Result<WarmView<'_>, StoreError> {
        Ok(self.identity.over(self.store.snapshot()?))
    }

    /// State as of a height.
    ///
    /// # Errors
    /// [`StoreError`], also when the height is not yet executed.
    pub fn snapshot_at(&self, height: Height) -> Result<Snapshot, StoreError> {
        self.store.snapshot_at(height)
    }

    /// Whether the transaction with this id, which is valid until so many ms since 1970 UTC, has a receipt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_executed(&self, id: &TransactionId, valid_until_ms: u64) -> Result<bool, StoreError> {
        self.store.is_executed(id, valid_until_ms)
    }

    /// Height and place of an executed transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn transaction_location(&self, id: &TransactionId) -> Result<Option<(Height, u32)>, StoreError> {
        self.store.transaction_location(id)
    }

    /// Receipt of a transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn receipt_of(&self, id: &TransactionId) -> Result<Option<(Height, Receipt)>, StoreError> {
        let Some((height, position)) = self.store.transaction_location(id)? else {
            return Ok(None);
        };
        Ok(self.store.receipt(height, position)?.map(|receipt| (height, receipt)))
    }

    /// Receipts of a height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn receipts(&self, height: Height) -> Result<Vec<Receipt>, StoreError> {
        self.store.receipts(height)
    }

    /// At most `limit` receipts of a height from a position on, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn receipts_from(&self, height: Height, from: u32, limit: u32) -> Result<Vec<Receipt>, StoreError> {
        self.store.receipts_from(height, from, limit)
    }

    /// An executed transaction with its receipt and the path of the receipt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn executed_transaction(&self, id: &TransactionId) -> Result<Option<ExecutedTransaction>, StoreError> {
        let Some((height, position)) = self.store.transaction_location(id)? else {
            return Ok(None);
        };
        let found = self.store.transaction(height, position)?;
        let (Some((receipt, bytes)), Some(receipt_path)) = (found, self.store.receipt_path(height, position)?) else {
            return Ok(None);
        };
        let transaction = SignedTransaction::decode(&bytes).map_err(|error| StoreError::Undecodable {
            record: quancheng_state::Record::Column("batches"),
            key: id.as_bytes().to_vec(),
            error,
        })?;
        Ok(Some(ExecutedTransaction { height, transaction, receipt, receipt_path }))
    }

    /// Leaf of the history log; `None` above the newest executed height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn history_leaf(&self, height: Height) -> Result<Option<HistoryLeaf>, StoreError> {
        match self.store.history_leaf(height) {
            Err(StoreError::NotExecuted { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Path of a leaf in the log of `size` leaves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn history_path(&self, height: Height, size: u64) -> Result<MerklePath, StoreError> {
        self.store.history_path(height, size)
    }

    /// Root of the log of `size` leaves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn history_root(&self, size: u64) -> Result<Digest, StoreError> {
        self.store.history_root(size)
    }

    /// The newest executed height whose block time is not after `time_ms`: block times ascend, so the search halves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn height_at(&self, time_ms: u64) -> Result<Option<Height>, StoreError> {
        let Some(tip) = self.store.tip() else {
            return Ok(None);
        };
        let (mut low, mut high) = (0, tip.height().0);
        if self.store.history_leaf(Height::GENESIS)?.time_ms > time_ms {
            return Ok(None);
        }
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.store.history_leaf(Height(middle))?.time_ms <= time_ms {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Ok(Some(Height(low)))
    }

    /// The validators of the next block.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn validators_in_force(&self) -> Result<Vec<Validator>, StoreError> {
        let tip = self.tip.read().unwrap_or_else(PoisonError::into_inner).height();
        Ok(self.validators_at(tip.next())?.map(|set| set.validators().to_vec()).unwrap_or_default())
    }

    /// The set of a height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn validators_at(&self, height: Height) -> Result<Option<ValidatorSet>, StoreError> {
        Ok(self.chain.validator_set_at(height)?.map(|(_, set)| set))
    }

    /// A set that must be there and is not.
    #[must_use]
    pub fn missing_set(&self, height: Height) -> StoreError {
        StoreError::Missing {
            record: quancheng_state::Record::Column("validator_sets"),
            key: height.0.to_be_bytes().to_vec(),
        }
    }

    /// Every set that was decided, with the height from which it was to be in force, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_changes(&self) -> Result<Vec<(Height, ValidatorSet)>, StoreError> {
        let mut sets = Vec::new();
        for (from, hash) in self.chain.set_changes()? {
            sets.push((from, self.chain.validator_set(&hash)?.ok_or_else(|| self.missing_set(from))?));
        }
        Ok(sets)
    }

    /// Sets, parameters and versions in force and in flight after the newest executed height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn schedules(&self) -> Result<Schedules, StoreError> {
        governance::schedules(&self.store.snapshot()?)
    }

    /// Versions of the rules in force and in flight after the newest executed height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn versions(&self) -> Result<Schedule<VersionPlan>, StoreError> {
        governance::versions(&self.store.snapshot()?)
    }

    /// Sets in force or scheduled: whose members may connect.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn active_sets(&self) -> Result<Vec<ValidatorSet>, LedgerError> {
        let tip = self.tip.read().unwrap_or_else(PoisonError::into_inner).height();
        Ok(self.schedules()?.validators.from(tip.next()).map(|entry| entry.value.clone()).collect())
    }
}

/// Refuses results that cannot be made again, because the blocks from which they follow are not here any more, or never were.
fn check_beginning(store: &Store, chain: &ChainStore) -> Result<(), LedgerError> {
    let (lowest, results) = (chain.first_block()?, store.tip().map_or(Height::GENESIS, |tip| tip.height()));
    let is_whole = lowest <= Height::GENESIS.next() && results == Height::GENESIS;
    if is_whole || lowest <= results { Ok(()) } else { Err(LedgerError::ResultsLost { lowest, results }) }
}
