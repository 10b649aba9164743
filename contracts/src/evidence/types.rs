//! Records, limits and tables.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_proof::commitment::{BatchCommitment, EVIDENCE_RECORD_TABLE};
use quancheng_state::Table;
use quancheng_types::{AccountId, Digest, Height, List, Text, TransactionId};
use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::contract::Contract as _;
use crate::describe::Describe;
use crate::domain::{Commitment, Day};
use crate::identity::OrgId;
use crate::index::{Index, IndexList};

/// Bytes of a reference, a case or a number of a deed.
pub const REFERENCE_BYTES_MAX: u32 = 64;
/// Matters that one record may relate to.
pub const RELATIONS_MAX: u32 = 8;
/// Legal holds on one record at a time.
pub const HOLDS_MAX: u32 = 16;
/// How far a claimed time of collection may lie past the block's time, ms: clocks differ.
pub const CLAIM_AHEAD_MAX_MS: u64 = 10 * 60 * 1000;

/// Who is meant to see the content. The chain never has it; this tells custodians and clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Visibility {
    /// Anyone.
    Public = 1,
    /// The parties.
    #[default]
    Parties = 2,
    /// Only a forum that unseals it.
    Sealed = 3,
}

/// What kind of matter evidence relates to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RelationKind {
    /// A registration: its serial or ledger number.
    Registration = 1,
    /// An order.
    Order = 2,
    /// A consent or an enterprise's authorisation.
    Grant = 3,
    /// An operation licence.
    Licence = 4,
    /// A transfer.
    Transfer = 5,
    /// A case.
    Case = 6,
}

/// A matter that evidence relates to, as the submitter says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// Kind.
    pub kind: RelationKind,
    /// Its number: visible ASCII.
    pub reference: Text<REFERENCE_BYTES_MAX>,
}

/// A time-stamp token (RFC 3161), confirmed by the authority that made it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Timestamp {
    /// The authority.
    pub authority: OrgId,
    /// Commitment to the token.
    pub token: Commitment,
    /// Time in the token, ms since 1970 UTC.
    pub generated_at_ms: u64,
    /// Its accuracy, ms.
    pub accuracy_ms: u32,
}

/// A notarial deed (公证书).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Deed {
    /// The notary.
    pub notary: OrgId,
    /// Number of the deed.
    pub number: Text<REFERENCE_BYTES_MAX>,
    /// Commitment to the deed.
    pub document: Commitment,
}

/// A court's order that content must be kept.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct LegalHold {
    /// The court.
    pub authority: OrgId,
    /// Case.
    pub case: Text<REFERENCE_BYTES_MAX>,
    /// Commitment to the order.
    pub document: Commitment,
    /// Block time, ms.
    pub since_ms: u64,
}

/// A notarized commitment (存证). The content stays with its custodian; the record proves that the root existed no later than the
/// block's time, and who brought it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Record {
    /// Root, count and size of the items, and whether they are declared a whole manifest (清单). First, so that a verifier
    /// finds it in a proven entry.
    pub commitment: BatchCommitment,
    /// Account that notarized.
    pub submitter: AccountId,
    /// Its organization then, if it acted for one.
    pub organization: Option<OrgId>,
    /// Commitment to who collected, with what device and tool.
    pub collector: Option<Commitment>,
    /// Commitment to the report of the check of the environment (清洁性检查).
    pub environment_check: Option<Commitment>,
    /// When the content was collected, ms since 1970 UTC, as the submitter claims; not assessed.
    pub collected_at_claimed_ms: Option<u64>,
    /// What it relates to.
    pub relates_to: List<Relation, RELATIONS_MAX>,
    /// Who is meant to see it.
    pub visibility: Visibility,
    /// Last day of the retention that the custodian promised.
    pub retain_until: Option<Day>,
    /// Time-stamp token that the submitter names.
    pub tsa_token: Option<Commitment>,
    /// Time stamp that its authority confirmed.
    pub timestamp: Option<Timestamp>,
    /// Deed.
    pub deed: Option<Deed>,
    /// Account that keeps the content.
    pub custodian: AccountId,
    /// Handovers so far.
    pub handovers: u32,
    /// Productions so far.
    pub productions: u32,
    /// Legal holds in force, ascending by authority and case.
    pub holds: List<LegalHold, HOLDS_MAX>,
    /// Block time at which the custodian attested that the content is erased, ms; the commitment remains.
    pub erased_at_ms: Option<u64>,
    /// Its number among all records, from 0.
    pub sequence: u64,
    /// Block.
    pub height: Height,
    /// Block time, ms.
    pub time_ms: u64,
    /// Transaction.
    pub transaction: TransactionId,
}

/// Custody passed from one account to another, signed by both.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Handover {
    /// Who gave.
    pub from: AccountId,
    /// Who received.
    pub to: AccountId,
    /// Commitment to the record of the handover.
    pub document: Option<Commitment>,
    /// Block time, ms.
    pub at_ms: u64,
    /// Block.
    pub height: Height,
}

/// What a forum found when it checked content against the record. Never merged into one true or false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Finding {
    /// 一致
    Match = 1,
    /// 不一致
    Mismatch = 2,
    /// 无法核验
    CannotCheck = 3,
}

/// Evidence put before a forum.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Production {
    /// The court or arbitration body.
    pub forum: OrgId,
    /// Case.
    pub case: Text<REFERENCE_BYTES_MAX>,
    /// Who produced it.
    pub by: AccountId,
    /// Block time, ms.
    pub at_ms: u64,
    /// Block.
    pub height: Height,
    /// What the forum found, once it recorded it.
    pub finding: Option<Finding>,
    /// Commitment to the forum's report.
    pub report: Option<Commitment>,
}

/// By root. Verifiers know its number.
pub(crate) const RECORDS: Table<Digest, Record> = Table::kept(Evidence::ID, EVIDENCE_RECORD_TABLE, "evidence.records");
pub(crate) const COUNT: Table<(), u64> = Table::derived(Evidence::ID, 2, "evidence.count");
/// Notarization is the commonest act of the chain, so it writes one list of its own and no more, and not into the tree.
pub(crate) const BY_SUBMITTER: Index<AccountId, Digest> = Index::new(
    Table::derived(Evidence::ID, 3, "evidence.submitter_counts"),
    Table::index(Evidence::ID, 4, "evidence.by_submitter"),
);
pub(crate) const BY_RELATION: Index<Relation, Digest> = Index::new(
    Table::derived(Evidence::ID, 5, "evidence.relation_counts"),
    Table::index(Evidence::ID, 6, "evidence.by_relation"),
);
pub(crate) const HANDOVERS: Table<(Digest, u32), Handover> = Table::kept(Evidence::ID, 7, "evidence.handovers");
pub(crate) const PRODUCTIONS: Table<(Digest, u32), Production> = Table::kept(Evidence::ID, 8, "evidence.productions");

/// All indexes, ascending.
pub(super) const LISTS: &[IndexList] = &[BY_SUBMITTER.list(), BY_RELATION.list()];

/// All tables, ascending.
pub(super) const TABLES: &[&dyn Describe] = &[
    &RECORDS,
    &COUNT,
    &BY_SUBMITTER.heads,
    &BY_SUBMITTER.rows,
    &BY_RELATION.heads,
    &BY_RELATION.rows,
    &HANDOVERS,
    &PRODUCTIONS,
];
