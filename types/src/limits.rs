//! Hard ceilings on everything that crosses a trust boundary.
//!
//! Genesis parameters may be stricter, never looser: a decoder checks these before it takes memory, so a message of any peer
//! costs at most its own length plus a constant factor.

/// Bytes of one signed transaction (64 KiB): large enough for a registration dossier of commitments, too small for source data,
/// which never goes on chain.
pub const TRANSACTION_BYTES_MAX: u32 = 64 * 1024;
/// Signers of one transaction: sender, counterparty and their dual-control officers.
pub const SIGNERS_MAX: u32 = 8;
/// Calls of one transaction.
pub const CALLS_MAX: u32 = 64;
/// Bytes of the payload of one call.
pub const CALL_BYTES_MAX: u32 = 60 * 1024;
/// Bytes of all transactions of one batch (2 MiB); genesis default is 512 KiB.
pub const BATCH_BYTES_MAX: u32 = 2 * 1024 * 1024;
/// Transactions of one batch: what fits at the smallest possible transaction size.
pub const BATCH_TRANSACTIONS_MAX: u32 = 16 * 1024;
/// Weight of all transactions of one batch (see `Parameters::batch_weight_max`): a parameter may be stricter, never looser, and a block always
/// has room for one such batch.
pub const BATCH_WEIGHT_MAX: u64 = 200_000;
/// Greatest values that the parameters about weight may take: a block of this weight takes minutes, which no chain needs.
pub const WEIGHT_MAX: u64 = 100_000_000;
/// Least value of `Parameters::transaction_weight_max`: no call that passes its checks is heavier (the contracts assert it), so no act can
/// be voted out of reach.
pub const TRANSACTION_WEIGHT_MIN: u64 = 10_000;
/// Least value of `Parameters::timeout_propose_ms`. Heights begin at a cadence, so the one whose turn it is may begin 8 ms after the
/// others, and they wait a quarter of the parameter for it when the network is fast: with less, members that are there would
/// miss turns and be passed over. Tests of the consensus crate show that this is enough.
pub const TIMEOUT_PROPOSE_MS_MIN: u32 = 100;
/// Batch references of one block. With [`VALIDATORS_MAX`] signatures each a proposal stays below [`BLOCK_BYTES_MAX`].
pub const BLOCK_BATCHES_MAX: u32 = 256;
/// Bytes of one block proposal (header, references, certificates, misbehavior proofs).
pub const BLOCK_BYTES_MAX: u32 = 4 * 1024 * 1024;
/// Misbehavior proofs of one block.
pub const BLOCK_MISBEHAVIOR_MAX: u32 = 16;
/// Validators of one set.
pub const VALIDATORS_MAX: u32 = 128;
/// Events of one receipt.
pub const RECEIPT_EVENTS_MAX: u32 = 256;
/// Bytes of the payload of one event.
pub const EVENT_BYTES_MAX: u32 = 8 * 1024;
/// Bytes of a name in a validator record.
pub const NAME_BYTES_MAX: u32 = 128;
/// Bytes of a validator's declaration of interest, which is shown to courts.
pub const INTEREST_BYTES_MAX: u32 = 512;
/// Modules that may carry genesis content.
pub const GENESIS_MODULES_MAX: u32 = 32;
/// Bytes of the genesis content of one module.
pub const GENESIS_MODULE_BYTES_MAX: u32 = 1024 * 1024;
/// Bytes of a whole genesis.
pub const GENESIS_BYTES_MAX: u32 = 8 * 1024 * 1024;
/// Elements of a Merkle inclusion or consistency path: trees of up to 2^64 leaves.
pub const PATH_LENGTH_MAX: u32 = 64;
