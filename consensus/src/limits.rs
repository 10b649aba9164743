//! Every bound of this crate, with its reason. A map or queue without a line here is a bug.
//!
//! Bounds that all nodes must agree on (batch bytes, lags, timeouts) are parameters of the chain and live in
//! `quancheng_types`; the ones below only protect this node and may differ between releases.

/// Bytes of one message of the consensus lane: a block of `quancheng_types::limits::BLOCK_BYTES_MAX` and its frame.
pub const CONSENSUS_MESSAGE_BYTES_MAX: usize = (4 << 20) + 4096;

/// Bytes of one message of the data lane: a batch of the largest size that parameters may allow
/// (`quancheng_types::limits::BATCH_BYTES_MAX`), and its frame.
pub const DATA_MESSAGE_BYTES_MAX: usize = (2 << 20) + 4096;

/// Bytes of one message of the sync lane: [`SYNC_BLOCKS_MAX`] blocks, cut by [`SYNC_RESPONSE_BYTES`] when served, so at most that and
/// one largest block, with their certificates.
pub const SYNC_MESSAGE_BYTES_MAX: usize = (9 << 20) + 4096;

/// Blocks kept for the height in progress. Two per round from the one lawful proposer, over the rounds that matter.
pub const HEIGHT_BLOCKS_MAX: usize = 64;

/// Different blocks looked at in one round, unless a quorum prevoted one more: an honest proposer makes one, two convict it.
/// Bounds what a faulty proposer makes us check and log.
pub const ROUND_BLOCKS_MAX: usize = 2;

/// Proposals held because the executor lags, or because their time is off until a quorum says otherwise.
pub const HELD_PROPOSALS_MAX: usize = 16;

/// Rounds ahead of ours in which a proposal is looked at. The core applies the same bound to votes.
pub const ROUND_LOOKAHEAD: u32 = 10;

/// Messages of the next height kept per sender until this node gets there: proposal, two votes, certificates of a few
/// rounds. Messages further ahead are dropped; the sync fetches what they would have led to.
pub const EARLY_MESSAGES_PER_PEER_MAX: usize = 24;

/// Proposals among them: that of the height, and those of a few rounds that others repeat.
pub const EARLY_PROPOSALS_PER_PEER_MAX: usize = 4;

/// Peers of which something is remembered: validators of two sets and followers.
pub const PEERS_MAX: usize = 512;

/// Own batches offered and not yet ordered. Beyond it the batcher waits (see `Engine::local_batches_in_flight`).
pub const OWN_BATCHES_MAX: usize = 256;

/// Batches of one other author held and not yet ordered.
pub const AUTHOR_BATCHES_MAX: usize = 256;

/// Bytes of batches of one other author held and not yet ordered.
pub const AUTHOR_BYTES_MAX: u64 = 128 << 20;

/// Batches of one author handed to the shell for checking at the same time: checking costs CPU, so a flooding author
/// waits for its own earlier batches only.
pub const AUTHOR_CHECKS_MAX: usize = 16;

/// Batches of full weight (`Parameters::batch_weight_max`) that this node at most orders ahead of its executor when it proposes.
pub const ORDER_AHEAD_BATCHES: u64 = 4;

/// Work of its executor that this node orders ahead, ms: enough to keep it busy over a round, little enough that what is ordered next is
/// not late.
pub const ORDER_AHEAD_MS: u64 = 200;

/// Average time from height to height that a node begins of its own accord, ms.
pub const HEIGHT_INTERVAL_MS: u64 = 8;

/// Weight of a block from which on the chain is busy, and the next height begins no earlier than [`HEIGHT_INTERVAL_FULL_MS`] after it: what a height costs
/// beside its transactions is shared by more of them.
pub const HEIGHT_FULL_WEIGHT: u64 = 10_000;

/// Time from the decision of such a block to the next height that a node begins of its own accord, ms.
pub const HEIGHT_INTERVAL_FULL_MS: u64 = 60;

/// Weight up to which a batch is of somebody who sends little: nothing pauses for it.
pub const BATCH_LIGHT_WEIGHT: u64 = 1_000;

/// Heights that follow at once after a pause: one that orders, and those that certify its results.
pub const HEIGHT_BURST: u64 = 3;

/// Certified batches waiting to be ordered, of one author.
pub const AUTHOR_CERTIFIED_MAX: usize = 512;

/// Batches fetched at the same time.
pub const FETCHES_MAX: usize = 64;

/// Batches in one request.
pub const FETCH_BATCHES_MAX: u32 = 16;

/// Time after which a request for batches or blocks is given to another peer, beside the time that its answer takes on the line.
pub const FETCH_RETRY_MS: u64 = 250;

/// Fetched batches that are remembered, so that a second answer is no offence.
pub const ANSWERS_REMEMBERED_MAX: usize = 4_096;

/// Time after a start in which an answer that nobody asked for is no offence: this node may have asked before.
pub const LEFTOVER_MS: u64 = 60_000;

/// Time after which a batch is offered again to those who have not acknowledged it.
pub const OFFER_RETRY_MS: u64 = 300;

/// Longest pause between two offers of one batch (the pause doubles from [`OFFER_RETRY_MS`]).
pub const OFFER_RETRY_MS_MAX: u64 = 5_000;

/// Batches offered again at one time: bounds the burst after an outage.
pub const OFFER_RETRY_BATCHES_MAX: usize = 8;

/// Blocks asked for in one request.
pub const SYNC_BLOCKS_MAX: u32 = 64;

/// Bytes of blocks after which a serving node cuts its answer.
pub const SYNC_RESPONSE_BYTES: usize = 4 << 20;

/// Least time between two reports of our height while blocks follow each other quickly.
pub const STATUS_PAUSE_MS: u64 = 50;

/// Verified-later blocks kept while the executor catches up.
pub const SYNC_BUFFER_BLOCKS_MAX: usize = 128;

/// Time to wait for a decision that peers already have, before it is fetched as a block: usually the missing votes
/// are on their way.
pub const SYNC_PATIENCE_MS: u64 = 60;

/// Time between two unasked reports of our height to peers.
pub const STATUS_INTERVAL_MS: u64 = 1_000;

/// Least time between two answers to a peer that lacks votes of this height.
pub const HELP_INTERVAL_MS: u64 = 40;

/// Time in which a peer earns one more answer to a request for blocks. With [`SYNC_BLOCKS_MAX`] blocks each that is faster than
/// any node executes; requests beyond it wait.
pub const BLOCKS_REQUEST_INTERVAL_MS: u64 = 20;

/// Requests for blocks that a peer may send at once.
pub const BLOCKS_REQUEST_BURST: u64 = 16;

/// Time in which a peer earns one more batch: a thousand a second, many times what a chain orders.
pub const BATCHES_REQUEST_INTERVAL_MS: u64 = 1;

/// Batches that a peer may ask for at once: all that a catching-up node fetches at one time ([`FETCHES_MAX`]), from one source, with three
/// repetitions.
pub const BATCHES_REQUEST_BURST: u64 = 256;

/// Time in which a peer earns one more answer about its own signatures; it asks every [`SIGN_QUERY_RETRY_MS`].
pub const SIGN_QUERY_INTERVAL_MS: u64 = 100;

/// Questions about its own signatures that a peer may ask at once: one per connection and restart.
pub const SIGN_QUERY_BURST: u64 = 8;

/// Time without a proposal after which a node that has started a height tells the proposer why: it may not have heard.
pub const REASON_MS: u64 = 20;

/// Time without progress in a height after which this node tells what it holds and repeats its own messages.
pub const STUCK_MS: u64 = 80;

/// Longest pause between two such reports within one round (the pause doubles from [`STUCK_MS`]).
pub const STUCK_MS_MAX: u64 = 1_200;

/// Time after which a validator that is passed over says again that it is there.
pub const PRESENCE_RETRY_MS: u64 = 500;

/// Blocks that a validator may be behind the others and still say that it is there: they do not wait while it is heard.
pub const PRESENCE_LAG_BLOCKS: u64 = 4;

/// Time between two questions for our own latest votes at start.
pub const SIGN_QUERY_RETRY_MS: u64 = 200;

/// Misbehavior proofs waiting to be ordered. Two per validator are enough to suspend it.
pub const MISBEHAVIOR_MAX: usize = 256;

/// Signatures remembered as verified: those of a few heights of a full set, each seen up to three times.
pub const VERIFIED_SIGNATURES_MAX: usize = 65_536;

/// Heights for which results (history size and root) are remembered, beyond the lag. Peers propose older ones rarely.
pub const ROOTS_KEPT: usize = 160;

/// Bytes of one entry of the log: a whole proposal, and its frame.
pub const LOG_ENTRY_BYTES_MAX: usize = CONSENSUS_MESSAGE_BYTES_MAX + 1024;

/// Bytes of one log file that are read at start. A file is cut at every height, so it stays far below.
pub const LOG_FILE_BYTES_MAX: usize = 1 << 30;
