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
/// Bytes of a request to verify: a bundle in hex and a checkpoint beside it.
pub const VERIFY_BODY_BYTES_MAX: usize = 20 * 1024 * 1024;
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
/// Names in the `types` filter of the event stream.
pub const EVENT_TYPES_MAX: usize = 32;

/// Receipts of a block that are read from the store at once: bounds what one answer or one stream holds in memory.
pub const RECEIPTS_PER_PIECE: u32 = 256;

/// What an operator may set. The defaults suit one city node with two cores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Open connections. One more is answered with 503 and closed.
    pub connections_max: usize,
    /// Open connections of one client address.
    pub connections_per_address_max: usize,
    /// Time for the head of a request to arrive, and for an idle connection to be used again.
    pub head_timeout: Duration,
    /// Time for the body of a request to arrive.
    pub body_timeout: Duration,
    /// Time during which a client must take at least one byte of an answer.
    pub write_timeout: Duration,
    /// Time from the head of a request to the head of its answer; longer than [`WAIT_MAX`].
    pub request_timeout: Duration,
    /// Bytes of all request bodies that are in memory at once.
    pub body_bytes_total_max: usize,
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
            connections_max: 1024,
            connections_per_address_max: 1024,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(75),
            body_bytes_total_max: 64 * 1024 * 1024,
            reads_max: 16,
            streams_max: 128,
            heartbeat: Duration::from_secs(15),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}
