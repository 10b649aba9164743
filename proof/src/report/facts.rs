//! What a bundle says, for showing it beside the findings.

use quancheng_types::{
    AccountId, BlockId, ChainId, Digest, Height, KeyId, ModuleId, Outcome, Round, TransactionId, ValidatorId,
};
use serde::Serialize;

use crate::commitment::BatchCommitment;

/// The content of a bundle in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The chain that the header names.
    pub chain_id: ChainId,
    /// Fingerprint of the checkpoint that was used.
    pub checkpoint: Digest,
    /// The certified header.
    pub header: HeaderFact,
    /// Power of those who signed.
    pub signed_power: u64,
    /// Power of all validators of that height.
    pub total_power: u64,
    /// Least power of a quorum.
    pub quorum_power: u64,
    /// The validators of that height, with what they declare about their interest (在线诉讼规则 art. 17).
    pub validators: Vec<SignerFact>,
    /// Greatest distance, ms, of a block time from the clock of an honest voter, under the parameters of the header. Known only
    /// when the checkpoint is a genesis whose parameters are still in force there.
    pub clock_drift_max_ms: Option<u64>,
    /// Changes of validators in the bundle.
    pub trust_steps: u32,
    /// One for each claim, in order.
    pub claims: Vec<ClaimFact>,
}

/// The header on which everything rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HeaderFact {
    /// Its height.
    pub height: Height,
    /// The round in which it was decided.
    pub round: Round,
    /// Its block id.
    pub block_id: BlockId,
    /// Its time, ms since 1970 UTC.
    pub time_ms: u64,
}

/// A validator of the header's height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignerFact {
    /// Hash of its key.
    pub validator: ValidatorId,
    /// The organization that runs it.
    pub organization: String,
    /// Its declared interest.
    pub interest: String,
    /// Its voting power.
    pub power: u64,
    /// Whether the certificate holds its signature.
    pub signed: bool,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimFact {
    /// Height of the record.
    pub height: Height,
    /// Block of that height.
    pub block_id: BlockId,
    /// Its time, ms since 1970 UTC: not later than this the record was on the chain.
    pub time_ms: u64,
    /// The record.
    pub record: RecordFact,
}

/// What is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RecordFact {
    /// A transaction.
    Transaction {
        /// Its id.
        transaction_id: TransactionId,
        /// Its place in the block.
        position: u32,
        /// Accounts that act, the sender first.
        accounts: Vec<AccountId>,
        /// Keys that signed, in the same order.
        keys: Vec<KeyId>,
        /// Modules called, in order.
        modules: Vec<ModuleId>,
        /// Whether the act took effect or was refused.
        outcome: Outcome,
        /// Batches notarized, with the call.
        batches: Vec<(u8, BatchCommitment)>,
    },
    /// A state entry or its absence.
    State {
        /// The full key, hex.
        key: String,
        /// The value, hex; `None` when there is no entry.
        value: Option<String>,
        /// The batch recorded, if it is a record of evidence.
        batch: Option<BatchCommitment>,
    },
}
