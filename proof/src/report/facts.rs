//! What a bundle says, for showing it beside the findings.

use quancheng_types::{BlockId, ChainId, Digest, Height, KeyId, ModuleId, Outcome, Round, TransactionId, ValidatorId};
use serde::Serialize;

use super::moment::{Moment, TimeOf};
use crate::commitment::{BatchCommitment, ManifestEntry};
use crate::identity::OrganizationRow;

/// The content of a bundle in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The chain that the header names.
    pub chain_id: ChainId,
    /// Fingerprint of the checkpoint that was used.
    pub checkpoint: Digest,
    /// The certified header.
    pub header: HeaderFact,
    /// Power of those whose signature is valid; confirmed only where V5 and V6 match.
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
    /// Changes of validators from the checkpoint on; those below a pinned header, which nobody verifies, are not counted.
    pub trust_steps: u32,
    /// One for each claim, in order.
    pub claims: Vec<ClaimFact>,
    /// One for each batch that is opened, in order: what was notarized.
    pub manifests: Vec<ManifestFact>,
}

/// Who signed a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransactionSignerFact {
    /// The account in its checked text form.
    pub account: String,
    /// The key.
    pub key: KeyId,
    /// The organization that the bundle's rows name for the account at that height, if they do.
    pub organization: Option<OrganizationRow>,
    /// The account that the bundle's rows name as the one that the key is bound to, in its checked form, when it is another.
    pub key_owner: Option<String>,
    /// The organization of that account.
    pub key_owner_organization: Option<OrganizationRow>,
}

/// Files that the bundle lists under a commitment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ManifestFact {
    /// The claim that carries the commitment.
    pub claim: u16,
    /// The call that carries it; 0 for a state entry.
    pub call: u8,
    /// Those that are opened, in order of their places.
    pub entries: Vec<EntryFact>,
}

/// A file that was notarized, as the bundle lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryFact {
    /// Place in the batch.
    pub index: u64,
    /// The file.
    #[serde(flatten)]
    pub entry: ManifestEntry,
    /// Whether the salt is withheld, so that the entry cannot be checked.
    pub is_sealed: bool,
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
    /// Whether its signature over the header is confirmed: it is valid, and V5 and V6 match.
    pub signed: bool,
    /// What the certificate holds of it.
    pub signature: CarriedSignature,
}

/// A validator's signature in the certificate of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarriedSignature {
    /// There is none.
    None,
    /// There is one that is not valid for this header.
    Invalid,
    /// There is a valid one, but V5 or V6 does not match: anybody can make a key and give it a name.
    Unconfirmed,
    /// There is a valid one of a validator that the checkpoint confirms.
    Confirmed,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimFact {
    /// Height of the record.
    pub height: Height,
    /// Block of that height.
    pub block_id: BlockId,
    /// Time of its proposal, of the genesis that which it states, ms since 1970 UTC.
    pub time_ms: u64,
    /// Whose word that is.
    pub time_of: TimeOf,
    /// Not later than this, ms since 1970 UTC, the record was on the chain: the time of the header that certifies it.
    pub not_after_ms: u64,
    /// The record.
    pub record: RecordFact,
}

impl ClaimFact {
    /// Height and time of the record.
    #[must_use]
    pub const fn moment(&self) -> Moment {
        Moment::known(self.height, self.time_ms)
    }
}

/// Over which heights the state held an entry, or nothing, under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProvenSpan {
    /// The height that wrote it, or the first for which it is shown.
    pub since: Moment,
    /// The height that superseded it; `None` when it stood up to `known` at least.
    pub until: Option<Moment>,
    /// The height of the state that proves it: of later ones nothing is known.
    pub known: Moment,
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
        /// Who signed, the sender first.
        signers: Vec<TransactionSignerFact>,
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
        /// Table and key in Chinese, when a table of this version can hold the key.
        row_zh: Option<String>,
        /// The same in English.
        row_en: Option<String>,
        /// The value, hex; `None` when there is no entry.
        value: Option<String>,
        /// The batch recorded, if it is a record of evidence.
        batch: Option<BatchCommitment>,
        /// Over which heights it was so; `None` when the proof does not show it.
        span: Option<ProvenSpan>,
    },
}
