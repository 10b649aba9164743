//! The results of one height, for another node and from one.

use std::path::Path;
use std::sync::Arc;

use quancheng_consensus::CommittedBlock;
use quancheng_contracts::{ListHead, governance, index_lists};
use quancheng_proof::SetChange;
use quancheng_state::backend::{Backend, Part, Writes};
use quancheng_state::export::{
    CHUNK_BYTES, Export, ExportList, ExportScope, Import, ImportError, ImportScope, ListRow, ListRules, Sink,
};
use quancheng_state::{Durability, StateKey, Store, StoreError, StoreOptions, put_beginning};
use quancheng_state_rocks::{LogRecovery, Rocks, RocksOptions, RocksPart};
use quancheng_types::codec::{decode, encode};
use quancheng_types::{ChainId, Digest, Height, HistoryLeaf, ValidatorSet};

use super::blocks::ChainTip;
use super::owner::put_owner;
use super::{CHAIN_NAME, Ledger, LedgerError};
use crate::config::StoreSection;
use crate::files::Owner;

/// Greatest length of a head in bytes.
const HEAD_BYTES_MAX: u32 = 64;
/// The longest that any parameters can let a transaction be valid, ms (`docs/protocol.md`, parameters).
const LIFETIME_MAX_MS: u64 = 24 * 3600 * 1000;

impl Ledger {
    /// The newest executed height and its leaf.
    ///
    /// # Errors
    /// [`LedgerError::Empty`].
    pub fn newest_leaf(&self) -> Result<(Height, HistoryLeaf), LedgerError> {
        let tip = self.store.tip().ok_or(LedgerError::Empty)?;
        Ok((tip.height(), tip.leaf))
    }

    /// For every height up to `height` from which another set was in force: the header before it, signed by the old set.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn trust_path(&self, height: Height) -> Result<Vec<SetChange>, StoreError> {
        let mut steps = Vec::new();
        for (from, validators) in self.set_changes()? {
            let Some(last_of_old) = from.previous() else {
                continue;
            };
            if from > height || last_of_old == Height::GENESIS {
                continue;
            }
            let Some(decided) = self.block(last_of_old)? else {
                // Not decided yet; or of a height before which this chain begins, and then a change that came to nothing.
                continue;
            };
            // A change that was replaced before it came into force left no header behind.
            if decided.block.header.next_validators_hash != validators.hash()
                || decided.block.header.validators_hash == decided.block.header.next_validators_hash
            {
                continue;
            }
            steps.push(SetChange {
                header: decided.block.header,
                certificate: decided.certificate,
                next_validators: validators,
            });
        }
        Ok(steps)
    }

    /// The first height whose transactions could be valid in a block after the newest executed one, and until when any of them can be, ms since
    /// 1970 UTC.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn replay_window(&self) -> Result<(Height, u64), StoreError> {
        replay_window(&self.store)
    }

    /// Gives the state of the newest height to `sink` in chunks.
    ///
    /// # Errors
    /// [`StoreError`]; what the sink answers.
    pub fn export<E: From<StoreError>>(
        &self,
        scope: ExportScope,
        later: &[HistoryLeaf],
        sink: Sink<'_, E>,
    ) -> Result<ExportList, E> {
        Export::of(&self.store, scope)?.run(later, sink)
    }
}

fn replay_window(store: &Store) -> Result<(Height, u64), StoreError> {
    let newest = store.snapshot()?;
    let now_ms = newest.tip().leaf.time_ms;
    // Parameters may have been longer when a transaction was executed that is still valid.
    let (mut longest, mut view) = (0, newest.clone());
    loop {
        longest = governance::lifetime_max_ms(&view)?.max(longest);
        let since = view.since(&governance::parameters_key())?.unwrap_or_default();
        let Some(before) = since.previous() else {
            break;
        };
        if store.history_leaf(since)?.time_ms.saturating_add(2 * LIFETIME_MAX_MS) < now_ms {
            break;
        }
        view = store.snapshot_at(before)?;
    }
    let window_ms = quancheng_contracts::replay_window_ms(longest);
    let earliest_ms = now_ms.saturating_sub(window_ms);
    let (mut low, mut high) = (1, newest.height().0.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        if store.history_leaf(Height(middle))?.time_ms < earliest_ms {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok((Height(low), now_ms.saturating_add(window_ms)))
}

/// How the heads of lists commit to their rows.
fn list_rules() -> ListRules {
    fn list_of(key: &StateKey) -> Option<ListRow> {
        index_lists().find_map(|index| {
            let (list, number) = index.place(key)?;
            Some(ListRow { head: index.head_key(list)?, number })
        })
    }
    fn is_head(key: &StateKey) -> bool {
        index_lists().any(|index| index.is_head(key))
    }
    fn rows(head: &[u8]) -> Option<u64> {
        Some(decode::<ListHead>(head, HEAD_BYTES_MAX).ok()?.count)
    }
    fn push(head: Option<&[u8]>, row: &[u8]) -> Option<Vec<u8>> {
        let mut head = match head {
            Some(bytes) => decode::<ListHead>(bytes, HEAD_BYTES_MAX).ok()?,
            None => ListHead::default(),
        };
        head.push(row);
        Some(encode(&head))
    }
    ListRules { list_of, is_head, rows, push }
}

/// Makes the store of a node that begins with the state of one height.
#[derive(Debug)]
pub struct Imported {
    backend: Arc<Rocks>,
    import: Import,
}

impl Imported {
    /// Begins in a folder that is there and empty. The header that the size and root are of was verified.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn begin(
        folder: &Path,
        options: &StoreSection,
        list: ExportList,
        history: (u64, Digest),
    ) -> Result<Self, ImportError> {
        let (rocks, _) = quancheng_state_rocks::within(options.memory_mib as usize * 1024 * 1024);
        let rocks = RocksOptions { is_created: true, recovery: LogRecovery::WholeLog, ..rocks };
        let chain = RocksPart::open(folder, Part::Chain, &rocks)?;
        let results = RocksPart::open(folder, Part::Results, &rocks)?;
        let backend = Arc::new(Rocks::of(chain, results));
        // An empty store takes its format.
        drop(Store::open(Arc::<Rocks>::clone(&backend), StoreOptions::default())?);
        let shared: Arc<dyn Backend> = Arc::<Rocks>::clone(&backend);
        let scope = ImportScope { history_size: history.0, history_root: history.1, chunk_bytes: CHUNK_BYTES };
        let import = Import::begin(shared, list, scope, list_rules())?;
        Ok(Self { backend, import })
    }

    /// Takes the next chunk.
    ///
    /// # Errors
    /// As [`Import::put`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.import.put(bytes)
    }

    /// The leaf of the height, once the history is here.
    #[must_use]
    pub fn leaf(&self) -> Option<&HistoryLeaf> {
        self.import.leaf()
    }

    /// Makes it a store that goes on after the height: with the blocks that it begins with, and what its state says of sets, windows and the
    /// transactions that were executed. Durable when it returns. Answers the first height whose receipts were needed.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn finish(self, chain_id: ChainId, owner: Owner, blocks: &[CommittedBlock]) -> Result<Height, ImportError> {
        let Self { backend, import } = self;
        let receipts_from = import.list().receipts_from;
        let leaf = import.finish()?;
        let mut beginning = Writes::new();
        put_beginning(leaf.height, receipts_from, &mut beginning);
        backend.write(beginning, Durability::Buffered)?;
        let backend: Arc<dyn Backend> = backend;
        let store = Store::open(backend, StoreOptions::default())?;
        let (needed, until_ms) = replay_window(&store)?;
        let view = store.snapshot()?;
        let sets = governance::set_history(&view)?;
        let sets: Vec<(Height, ValidatorSet)> =
            sets.into_iter().map(|(from, set)| (from.max(Height::GENESIS.next()), set)).collect();
        store.complete_import(&sets, until_ms)?;
        let chain = store.chain();
        chain.meta_put(CHAIN_NAME, chain_id.as_bytes().to_vec(), Durability::Buffered)?;
        put_owner(&chain, owner, Durability::Buffered)?;
        for decided in blocks {
            chain.put_block(&decided.block, &decided.certificate, Durability::Buffered)?;
        }
        ChainTip::imported(leaf.height, governance::windows(&view)?).write(&chain)?;
        store.sync()?;
        Ok(needed)
    }
}
