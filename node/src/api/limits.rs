//! Bounds of the API: every queue, buffer and wait has one.

use std::time::Duration;

/// Items of one bulk submission.
pub const BULK_ITEMS_MAX: u32 = 1_000;
/// Bytes of the body of one bulk submission (4 MiB).
pub const BULK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a transaction in JSON: hex doubles its bytes, names and keys come on top.
pub const TRANSACTION_BODY_BYTES_MAX: usize = 192 * 1024;
/// Bytes of a query in JSON.
pub const QUERY_BODY_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a request to verify: a bundle in hex, a checkpoint beside it. No more than one address may have of the memory for bodies.
pub const VERIFY_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Rows of one page of a list.
pub const PAGE_MAX: u32 = 200;
/// Rows of one page when the client does not say.
pub const PAGE_DEFAULT: u32 = 50;
/// Longest wait for a stage.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// Wait for a stage when the client does not say.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(10);
/// Bytes of the line and the headers of a request.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header lines of a request.
pub const HEADERS_MAX: usize = 64;
/// Bytes a second at which a client must take an answer in the long run.
pub const ANSWER_RATE_MIN: u32 = 8 * 1024;
/// Names in the `types` filter of the event stream.
pub const EVENT_TYPES_MAX: usize = 32;

/// Receipts of a block that are read from the store at once: bounds what one answer or one stream holds in memory.
pub const RECEIPTS_PER_PIECE: u32 = 256;

/// Receipts read from the store at first, when nothing is known of their size.
pub const RECEIPTS_PER_READ: u32 = 16;
/// Bytes of text after which a piece of an event stream ends (one event may exceed it).
pub const PIECE_BYTES: usize = 24 * 1024;
/// Pieces of one event stream in memory: made, waiting, being sent.
pub const STREAM_PIECES: usize = 3;
/// Bytes of receipts after which a page ends, whatever it may hold by number; as JSON they are several times as much.
pub const PAGE_RECEIPT_BYTES_MAX: usize = 512 * 1024;

/// What an operator may set. The defaults suit one city node with two cores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Open connections. One more is answered with 503 and closed.
    pub connections_max: usize,
    /// Open connections of one client address.
    pub connections_per_address_max: usize,
    /// Time without a request after which a connection may be closed for the sake of another one.
    pub idle_min: Duration,
    /// Connections that are on their way out at once: told that there is no room, or making some. One more cuts the oldest of them.
    pub refusals_max: usize,
    /// Time for the head of a request to arrive, and for an idle connection to be used again.
    pub head_timeout: Duration,
    /// Time for the body of a request to arrive.
    pub body_timeout: Duration,
    /// Time that a client may owe while it takes an answer: the clock runs while it takes nothing, and each byte taken sets it back by
    /// as much as it would take at [`ANSWER_RATE_MIN`].
    pub write_timeout: Duration,
    /// Time from the head of a request to the head of its answer; longer than [`WAIT_MAX`].
    pub request_timeout: Duration,
    /// Bytes of all request bodies that are in memory at once.
    pub body_bytes_total_max: usize,
    /// Bytes of all answers that their clients have not taken, but for small ones.
    pub answer_bytes_total_max: usize,
    /// Bytes of pieces of all event streams that their clients have not taken.
    pub stream_bytes_total_max: usize,
    /// Reads of the store that run at once.
    pub reads_max: usize,
    /// Open event streams.
    pub streams_max: usize,
    /// Time between two comments on an event stream that has nothing to say.
    pub heartbeat: Duration,
    /// Time that requests in progress get when the node stops.
    pub shutdown_grace: Duration,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            connections_max: crate::limits::CONNECTIONS_MAX,
            connections_per_address_max: crate::limits::CONNECTIONS_MAX,
            idle_min: Duration::from_millis(250),
            refusals_max: 64,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(75),
            body_bytes_total_max: crate::limits::BODY_BYTES_MAX,
            answer_bytes_total_max: crate::limits::ANSWER_BYTES_MAX,
            stream_bytes_total_max: crate::limits::STREAM_BYTES_MAX,
            reads_max: crate::limits::READS_MAX,
            streams_max: 128,
            heartbeat: Duration::from_secs(15),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}
