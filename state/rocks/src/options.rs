use quancheng_state::backend::{Column, Part};
use quancheng_state::{EXECUTED_IDS_BYTES, StoreOptions};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompactionStyle, DBCompressionType,
    DBRecoveryMode, Options, UniversalCompactOptions,
};

/// Bits of a Bloom filter per key: about one false positive in a hundred.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Pieces in which the index and the filter of a file are kept. As a whole they outgrow a shard of the cache with the size of a file, and what
/// does not fit is read and checked again for each key: at a million keys that was half of the time of a commit.
const METADATA_BLOCK_BYTES: usize = 4096;
/// Values above this many bytes are kept in files of their own, so that compaction does not copy them again and again.
const BLOB_BYTES_MIN: u64 = 4096;
/// Size of the write-ahead log at which the columns that hold it back are written out. A start reads all of it twice, once without changing anything: about a
/// second for 64 MiB of it on a busy machine. Columns with little in them held it back until it had 128 MiB, when that was the bound.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Size of a write buffer of the results: never met, because checkpoints come before. What is in one is bounded by
/// [`RocksOptions::checkpoint_bytes`]; memory is taken as it is used.
const RESULTS_BUFFER_BYTES: usize = 1 << 30;
/// Share of such a buffer that its filter takes, 256 KiB: about ten bits for each key that comes between two checkpoints, so that a key
/// that is not there costs no walk through the buffer.
const BUFFER_FILTER_SHARE: f64 = 1.0 / 4096.0;
/// Checkpoints that lie beside one another before the engine merges some of them.
const RUNS_MAX: i32 = 12;
/// The same of a column whose rows are read before they are changed: each run costs a look.
const RUNS_READ_MAX: i32 = 5;
/// The same of a column that is hardly ever read.
const RUNS_UNREAD_MAX: i32 = 20;
/// Of columns whose keys are hashes a merge writes everything that it meets anew, so they are kept in tiers: runs of like size are merged, so many
/// at least at once.
const RUNS_MERGED_MIN: i32 = 4;
/// All of such a column is merged into one run when what came since the last time is so many hundredths of it: each row is written a few times, however
/// many there are, and takes up to three times its bytes on the disk in between.
const TIERS_SIZE_PERCENT: i32 = 200;
/// Pieces in which the memory of a buffer of the results is taken: there are a dozen, most of them small.
const ARENA_BYTES: usize = 256 * 1024;
/// See [`with_chained_logs`].
const CHAINED_LOGS: &str = "track_and_verify_wals=true";
/// Written bytes of a file after which the engine has them brought to the disk.
const SYNC_BYTES: u64 = 256 * 1024;
/// Bytes per second that a part writes out and merges, at most; the engine writes no faster than its work asks for, down to a twentieth. On common
/// file systems the sync of a log waits for whatever else is on its way to the disk: what comes in one burst is latency of every transaction.
const BACKGROUND_BYTES_PER_SECOND_MAX: i64 = 256 * 1024 * 1024;
/// Microseconds for which it is granted at once.
const BACKGROUND_PERIOD_US: i64 = 10_000;
/// In one of so many cases what waits longer goes before what is more urgent.
const BACKGROUND_FAIRNESS: i32 = 10;
/// Least memory with which the engine works.
const MEMORY_BYTES_MIN: usize = 16 * 1024 * 1024;

/// What is done with a write-ahead log that does not hold from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRecovery {
    /// A record that ends in the middle, as the last one of the log, is dropped; anything else refuses the store, which stays as it is.
    WholeLog,
    /// What follows the first record that does not hold is dropped *without a word*, whether it was synced or not. Only for one who knows
    /// from elsewhere what had been synced.
    ToFirstGap,
    /// Records that do not hold are left out, and files of the log that are missing: to save what can be read, never to go on from.
    SkipDamage,
}

/// What one operator may choose.
///
/// Of [`Self::memory_bytes`] a quarter is for what comes between two checkpoints of the results, twice: one is being written out while the next
/// comes together. An eighth is for the write buffers of the chain; of the rest, a sixth is for its cache, the rest for the one of the results.
#[derive(Clone, Debug)]
pub struct RocksOptions {
    /// Memory for the whole store, in bytes; less than 16 MiB is taken for 16 MiB.
    pub memory_bytes: usize,
    /// Files held open at once.
    pub open_files_max: u16,
    /// Threads that write out and compact.
    pub background_threads: u8,
    /// Whether a store is made where there is none.
    pub is_created: bool,
    /// What a damaged log means.
    pub recovery: LogRecovery,
}

impl Default for RocksOptions {
    /// 256 MiB, 512 files, 2 threads; made where there is none; a log is read to its first gap.
    fn default() -> Self {
        Self {
            memory_bytes: 256 * 1024 * 1024,
            open_files_max: 512,
            background_threads: 2,
            is_created: true,
            recovery: LogRecovery::ToFirstGap,
        }
    }
}

/// Shares of the memory of a store for the newest state tree with the ids of what was executed last, and for what the newest heights took away from it; the rest is for RocksDB.
const SHARES: usize = 8;
const TREE_SHARES: usize = 4;
const RECENT_SHARES: usize = 1;

/// How a store on this engine divides so much memory.
#[must_use]
pub fn within(memory_bytes: usize) -> (RocksOptions, StoreOptions) {
    let page_cache_bytes = (memory_bytes / SHARES * TREE_SHARES).saturating_sub(EXECUTED_IDS_BYTES);
    let recent_bytes = memory_bytes / SHARES * RECENT_SHARES;
    let rocks = RocksOptions {
        memory_bytes: memory_bytes - page_cache_bytes - EXECUTED_IDS_BYTES - recent_bytes,
        ..RocksOptions::default()
    };
    let checkpoint_bytes = rocks.checkpoint_bytes();
    (rocks, StoreOptions { page_cache_bytes, recent_bytes, checkpoint_bytes, ..StoreOptions::default() })
}

impl RocksOptions {
    /// Bytes of results after which a checkpoint is due ([`quancheng_state::StoreOptions::checkpoint_bytes`]).
    #[must_use]
    pub fn checkpoint_bytes(&self) -> usize {
        self.memory() / 4
    }

    fn chain_buffer_bytes(&self) -> usize {
        self.memory() / 8
    }

    fn cache_bytes(&self, part: Part) -> usize {
        let rest = self.memory() - 2 * self.checkpoint_bytes() - self.chain_buffer_bytes();
        match part {
            Part::Chain => rest / 6,
            Part::Results => rest - rest / 6,
        }
    }

    pub(super) fn database(&self, part: Part) -> Options {
        let mut options = match part {
            // To save what can be read is to do without what is missing, a whole file of the log too.
            Part::Chain if self.recovery != LogRecovery::SkipDamage => with_chained_logs(),
            Part::Chain | Part::Results => Options::default(),
        };
        options.create_if_missing(self.is_created);
        options.create_missing_column_families(self.is_created);
        options.set_max_open_files((self.open_files_max / 2).into());
        options.set_max_background_jobs(self.background_threads.max(1).into());
        options.set_bytes_per_sync(SYNC_BYTES);
        options.set_auto_tuned_ratelimiter(BACKGROUND_BYTES_PER_SECOND_MAX, BACKGROUND_PERIOD_US, BACKGROUND_FAIRNESS);
        options.set_keep_log_file_num(4);
        match part {
            Part::Chain => {
                // Not met in common use: at this bound the engine writes out the column that waits longest, however little it holds.
                options.set_db_write_buffer_size(2 * self.chain_buffer_bytes());
                options.set_max_total_wal_size(LOG_BYTES_MAX);
                options.set_wal_bytes_per_sync(1 << 20);
                options.set_wal_recovery_mode(match self.recovery {
                    LogRecovery::WholeLog => DBRecoveryMode::TolerateCorruptedTailRecords,
                    LogRecovery::ToFirstGap => DBRecoveryMode::PointInTime,
                    LogRecovery::SkipDamage => DBRecoveryMode::SkipAnyCorruptedRecord,
                });
            }
            Part::Results => options.set_atomic_flush(true),
        }
        options
    }

    /// All columns of a part over one cache.
    pub(super) fn columns(&self, part: Part) -> Vec<ColumnFamilyDescriptor> {
        let cache = Cache::new_lru_cache(self.cache_bytes(part));
        let column = |column: Column| ColumnFamilyDescriptor::new(column.name(), self.column(column, &cache));
        part.columns().map(column).collect()
    }

    fn memory(&self) -> usize {
        self.memory_bytes.max(MEMORY_BYTES_MIN)
    }

    fn column(&self, column: Column, cache: &Cache) -> Options {
        let shape = Shape::of(column);
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_cache_index_and_filter_blocks_with_high_priority(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks.set_format_version(5);
        blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        blocks.set_metadata_block_size(METADATA_BLOCK_BYTES);
        blocks.set_pin_top_level_index_and_filter(true);
        if shape.points {
            blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
            blocks.set_partition_filters(true);
            blocks.set_whole_key_filtering(true);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_level_compaction_dynamic_level_bytes(true);
        let buffer_bytes = match column.part() {
            Part::Chain => self.chain_buffer_bytes(),
            Part::Results => RESULTS_BUFFER_BYTES,
        };
        options.set_write_buffer_size(buffer_bytes);
        if column.part() == Part::Results {
            options.set_level_zero_file_num_compaction_trigger(shape.runs_max);
            if shape.scattered {
                options.set_compaction_style(DBCompactionStyle::Universal);
                let mut tiers = UniversalCompactOptions::default();
                tiers.set_min_merge_width(RUNS_MERGED_MIN);
                tiers.set_max_size_amplification_percent(TIERS_SIZE_PERCENT);
                options.set_universal_compaction_options(&tiers);
            }
            options.set_level_zero_slowdown_writes_trigger(3 * RUNS_UNREAD_MAX);
            options.set_level_zero_stop_writes_trigger(4 * RUNS_UNREAD_MAX);
        }
        options.set_arena_block_size(ARENA_BYTES);
        let compression = if shape.hashes { DBCompressionType::None } else { DBCompressionType::Lz4 };
        options.set_compression_type(compression);
        if shape.points && column.part() == Part::Results {
            options.set_memtable_prefix_bloom_ratio(BUFFER_FILTER_SHARE);
            options.set_memtable_whole_key_filtering(true);
        }
        if shape.blobs {
            options.set_enable_blob_files(true);
            options.set_min_blob_size(BLOB_BYTES_MIN);
            options.set_blob_compression_type(DBCompressionType::Lz4);
            options.set_enable_blob_gc(true);
        }
        options
    }
}

/// Options with which each file of the log names the one before it and where that ended, so that one which is missing, short or empty in the
/// middle of them is damage, and not the end of what was written (`track_and_verify_wals` of the engine, which has no setter here).
fn with_chained_logs() -> Options {
    let options = Options::default().get_options_from_string(CHAINED_LOGS);
    options.expect("the engine knows its own options")
}

/// How a column is used.
struct Shape {
    /// Keys are hashes, so each merge touches everything.
    scattered: bool,
    /// Read by whole keys, often ones that are not there.
    points: bool,
    /// Holds nothing but hashes and numbers, which do not compress.
    hashes: bool,
    /// Holds large values.
    blobs: bool,
    /// Runs beside one another before some are merged.
    runs_max: i32,
}

impl Shape {
    const fn of(column: Column) -> Self {
        let (scattered, points, hashes, blobs, runs_max) = match column {
            Column::Flat => (true, true, true, false, RUNS_READ_MAX),
            Column::TransactionIndex => (true, true, true, false, RUNS_UNREAD_MAX),
            Column::Tree => (true, false, true, false, RUNS_MAX),
            Column::Index => (true, false, false, false, RUNS_MAX),
            Column::Superseded | Column::ReceiptNodes | Column::HistoryNodes => (false, false, true, false, RUNS_MAX),
            Column::Batches => (false, true, false, true, RUNS_MAX),
            Column::BatchesPending => (false, true, false, false, RUNS_MAX),
            Column::BatchBlocks => (true, true, true, false, RUNS_MAX),
            Column::FlatHistory
            | Column::Records
            | Column::Receipts
            | Column::HistoryLeaves
            | Column::Meta
            | Column::ChainMeta
            | Column::Blocks
            | Column::Certificates
            | Column::ValidatorSets
            | Column::SetChanges => (false, false, false, false, RUNS_MAX),
        };
        Self { scattered, points, hashes, blobs, runs_max }
    }
}
