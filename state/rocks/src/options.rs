use quancheng_state::backend::Column;
use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, Options};

/// Bits of a Bloom filter per key: about one false positive in a hundred.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Share of a write buffer that its own filter takes: about 20 bits for a record of 120 bytes, so that a key that is not there
/// costs no walk through the buffer.
const BUFFER_FILTER_SHARE: f64 = 0.02;
/// Values above this many bytes are kept in files of their own, so that compaction does not copy them again and again.
const BLOB_BYTES_MIN: u64 = 4096;
/// Size of the write-ahead log at which all columns are written out, so that a start replays at most this much: about a second.
const LOG_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The memory of all write buffers, in parts of which [`Shape::buffer`] gives each column some. With one buffer in use and another
/// on its way to the disk a column may hold twice its part.
const BUFFER_PARTS: usize = 128;
/// Least size of a write buffer that the engine takes.
const BUFFER_BYTES_MIN: usize = 64 * 1024;
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
    /// Records that do not hold are left out: to save what can be read, never to go on from.
    SkipDamage,
}

/// What one operator may choose.
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

impl RocksOptions {
    pub(super) fn database(&self) -> Options {
        let mut options = Options::default();
        options.create_if_missing(self.is_created);
        options.create_missing_column_families(self.is_created);
        options.set_max_open_files(self.open_files_max.into());
        options.set_max_background_jobs(self.background_threads.max(1).into());
        // Not met in common use: at this bound the engine writes out the column that waits longest, however little it holds.
        options.set_db_write_buffer_size(self.memory() * 3 / 8);
        options.set_max_total_wal_size(LOG_BYTES_MAX);
        options.set_bytes_per_sync(1 << 20);
        options.set_wal_bytes_per_sync(1 << 20);
        options.set_keep_log_file_num(4);
        options.set_wal_recovery_mode(match self.recovery {
            LogRecovery::WholeLog => DBRecoveryMode::TolerateCorruptedTailRecords,
            LogRecovery::ToFirstGap => DBRecoveryMode::PointInTime,
            LogRecovery::SkipDamage => DBRecoveryMode::SkipAnyCorruptedRecord,
        });
        options
    }

    /// All columns over one shared cache.
    pub(super) fn columns(&self) -> Vec<ColumnFamilyDescriptor> {
        let cache = Cache::new_lru_cache(self.memory() / 2);
        let column = |column: Column| ColumnFamilyDescriptor::new(column.name(), self.column(column, &cache));
        Column::ALL.into_iter().map(column).collect()
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
        if shape.points {
            blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
            blocks.set_whole_key_filtering(true);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_level_compaction_dynamic_level_bytes(true);
        options.set_write_buffer_size((self.memory() / 4 / BUFFER_PARTS * shape.buffer).max(BUFFER_BYTES_MIN));
        let compression = if shape.hashes { DBCompressionType::None } else { DBCompressionType::Lz4 };
        options.set_compression_type(compression);
        if shape.points {
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

/// How a column is used.
struct Shape {
    /// Read by whole keys, often ones that are not there.
    points: bool,
    /// Holds nothing but hashes and numbers, which do not compress.
    hashes: bool,
    /// Holds large values.
    blobs: bool,
    /// Parts of the memory for write buffers, about as its bytes among all that a notarization writes: then the large columns fill
    /// theirs and nothing is written out in crumbs.
    buffer: usize,
}

impl Shape {
    const fn of(column: Column) -> Self {
        let (points, hashes, blobs) = match column {
            Column::Flat => (true, false, false),
            Column::Tree | Column::TransactionIndex => (true, true, false),
            Column::Superseded | Column::ReceiptNodes | Column::HistoryNodes => (false, true, false),
            Column::Batches => (true, false, true),
            Column::BatchesPending => (true, false, false),
            Column::FlatHistory
            | Column::Receipts
            | Column::HistoryLeaves
            | Column::Meta
            | Column::Blocks
            | Column::Certificates
            | Column::ValidatorSets
            | Column::SetChanges => (false, false, false),
        };
        let buffer = match column {
            Column::Flat | Column::Tree => 28,
            Column::Batches => 18,
            Column::Receipts => 12,
            Column::TransactionIndex => 8,
            Column::FlatHistory => 4,
            Column::Superseded | Column::BatchesPending => 2,
            Column::ReceiptNodes
            | Column::HistoryLeaves
            | Column::HistoryNodes
            | Column::Meta
            | Column::Blocks
            | Column::Certificates
            | Column::ValidatorSets
            | Column::SetChanges => 1,
        };
        Self { points, hashes, blobs, buffer }
    }
}
