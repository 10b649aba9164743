//! The memory of a validator, as a sum of budgets (`docs/limits.md` explains each).
//!
//! What a client can make a node keep is bounded in bytes: every line below is held by a budget, a cache or a fixed number of places of
//! a fixed size. Their sum stays within [`VALIDATOR_BYTES`], which the compiler checks.

/// One mebibyte.
pub const MIB: usize = 1024 * 1024;

/// Memory of a validator with the configuration as it comes.
pub const VALIDATOR_BYTES: usize = 512 * MIB;

/// Caches and write buffers of the store, with the trees of the newest heights: default of `store.memory_mib`.
pub const STORE_BYTES: usize = 128 * MIB;
/// Program, threads, runtime, and what the allocator keeps for later.
pub const PROCESS_BYTES: usize = 36 * MIB;
/// Stack of each thread of the process; what is not used of it takes no memory.
pub const STACK_BYTES: usize = 2 * MIB;
/// Open connections: default of `api.connections_max`.
pub const CONNECTIONS_MAX: usize = 512;
/// What one connection keeps: its read buffer, and a body and an answer that are too small to be counted.
pub const CONNECTION_BYTES: usize = READ_BUFFER_BYTES + SMALL_BODY_BYTES + SMALL_ANSWER_BYTES;
/// Read buffer of a connection: bodies arrive in pieces of at most this size, and a head must fit.
pub const READ_BUFFER_BYTES: usize = 24 * 1024;
/// Answers up to this size are covered by their connection.
pub const SMALL_ANSWER_BYTES: usize = 16 * 1024;
/// So much of each request body is covered by its connection: a single submission.
pub const SMALL_BODY_BYTES: usize = 8 * 1024;
/// Request bodies that are being received or decoded.
pub const BODY_BYTES_MAX: usize = 24 * MIB;
/// Transactions between decoding and the disk, as they lie in memory.
pub const SUBMISSION_BYTES_MAX: usize = 32 * MIB;
/// Canonical bytes of batches that are kept decoded for the executor.
pub const BATCH_CACHE_BYTES_MAX: usize = 16 * MIB;
/// Canonical bytes of own batches that are durable and not ordered yet.
pub const OWN_BATCH_BYTES_MAX: usize = 8 * MIB;
/// Decoded, a batch takes about so many times its bytes.
pub const DECODED_FACTOR: usize = 3;
/// Answers that their clients have not taken yet.
pub const ANSWER_BYTES_MAX: usize = 24 * MIB;
/// Pieces of event streams that their clients have not taken yet.
pub const STREAM_BYTES_MAX: usize = 12 * MIB;
/// Reads of the store that run at once.
pub const READS_MAX: usize = 8;
/// What one of them makes in memory, about.
pub const READ_BYTES: usize = 2 * MIB;
/// Large bodies that are decoded at once.
pub const DECODES_MAX: usize = 2;
/// Threads for what may block: reads, proofs, decoding, and some that wait for others. Each keeps memory of its own of what it has made, so
/// they are few.
pub const BLOCKING_THREADS_MAX: usize = 2 * (READS_MAX + PROOFS_MAX + DECODES_MAX);
/// Event streams that read the past at once.
pub const REPLAYS_MAX: usize = 2;
/// Proofs that are made or checked at once.
pub const PROOFS_MAX: usize = 2;
/// What one of them makes in memory: a bundle of the largest size, parsed and written out.
pub const PROOF_BYTES: usize = 24 * MIB;
/// Receipts of the newest blocks, for those who follow the chain.
pub const RECENT_RECEIPT_BYTES_MAX: usize = 8 * MIB;
/// Transactions admitted and not executed: default of `api.pending_max`.
pub const PENDING_MAX: usize = 50_000;
/// What is remembered of one of them.
pub const PENDING_BYTES: usize = 400;
/// What the execution of a block makes in memory.
pub const EXECUTION_BYTES: usize = 24 * MIB;
/// Queues of peers: what a slow minority does not take, and what it has sent.
pub const PEER_BYTES: usize = 40 * MIB;
/// Lines of the log that wait.
pub const LOG_BYTES: usize = MIB;

/// Every budget with its name in `docs/limits.md`.
pub const BUDGETS: [(&str, usize); 15] = [
    ("store", STORE_BYTES),
    ("process", PROCESS_BYTES),
    ("connections", CONNECTIONS_MAX * CONNECTION_BYTES),
    ("bodies", BODY_BYTES_MAX),
    ("submissions", SUBMISSION_BYTES_MAX),
    ("batches", (BATCH_CACHE_BYTES_MAX + OWN_BATCH_BYTES_MAX) * DECODED_FACTOR),
    ("answers", ANSWER_BYTES_MAX),
    ("streams", STREAM_BYTES_MAX),
    ("reads", READS_MAX * READ_BYTES),
    ("proofs", PROOFS_MAX * PROOF_BYTES),
    ("receipts", RECENT_RECEIPT_BYTES_MAX),
    ("pending", PENDING_MAX * PENDING_BYTES),
    ("execution", EXECUTION_BYTES),
    ("peers", PEER_BYTES),
    ("log", LOG_BYTES),
];

const fn sum(budgets: &[(&str, usize)]) -> usize {
    let (mut at, mut sum) = (0, 0);
    while at < budgets.len() {
        sum += budgets[at].1;
        at += 1;
    }
    sum
}

const _: () = assert!(sum(&BUDGETS) <= VALIDATOR_BYTES, "the budgets exceed the memory of a validator");

/// What a receipt takes in memory, about.
#[must_use]
pub(crate) fn receipt_bytes(receipt: &quancheng_types::Receipt) -> usize {
    const RECEIPT_BYTES: usize = 96;
    const EVENT_BYTES: usize = 64;
    RECEIPT_BYTES + receipt.events.iter().map(|event| EVENT_BYTES + event.payload.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_documents_is_this_one() {
        let text = include_str!("../../docs/limits.md");
        for (name, bytes) in BUDGETS {
            let row = format!("| {name} | {} |", bytes.div_ceil(MIB));
            assert!(text.contains(&row), "docs/limits.md lacks the row {row:?}");
        }
        let sum = format!("| **sum** | {} |", BUDGETS.iter().map(|(_, bytes)| bytes.div_ceil(MIB)).sum::<usize>());
        assert!(text.contains(&sum), "docs/limits.md lacks the row {sum:?}");
    }

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_table() {
        let api: crate::config::ApiSection =
            toml::from_str("public = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"").unwrap();
        assert_eq!((api.connections_max as usize, api.pending_max as usize), (CONNECTIONS_MAX, PENDING_MAX));
        assert_eq!(crate::config::StoreSection::default().memory_mib as usize * MIB, STORE_BYTES);
        let limits = crate::api::ApiLimits::default();
        assert_eq!(limits.reads_max, READS_MAX);
        let pieces = limits.streams_max * crate::api::limits::STREAM_PIECES * crate::api::limits::PIECE_BYTES;
        assert!(pieces <= STREAM_BYTES_MAX, "every stream can hold its pieces");
    }
}
