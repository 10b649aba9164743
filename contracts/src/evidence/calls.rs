//! What can be asked of module evidence, why it is refused, and the checks that need no state.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_proof::commitment::BatchCommitment;
use quancheng_types::{AccountId, Digest, List, Parameters, Text};
use serde::{Deserialize, Serialize};

use super::types::{Finding, REFERENCE_BYTES_MAX, RELATIONS_MAX, Relation, Visibility};
use crate::domain::{Commitment, Day, is_name};
use crate::identity::OrgId;

/// Notarizes a root. Every member may; where the chain says so (`Writers::Anyone`), anyone with a key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notarize {
    /// Root, count and size of the items, and whether they are declared a whole manifest (清单). First, so that a verifier
    /// finds it in a signed transaction.
    pub commitment: BatchCommitment,
    /// Commitment to who collected, with what device and tool.
    #[serde(default)]
    pub collector: Option<Commitment>,
    /// Commitment to the report of the check of the environment.
    #[serde(default)]
    pub environment_check: Option<Commitment>,
    /// When the content was collected, ms since 1970 UTC, as claimed.
    #[serde(default)]
    pub collected_at_claimed_ms: Option<u64>,
    /// What it relates to, each matter once.
    #[serde(default)]
    pub relates_to: List<Relation, RELATIONS_MAX>,
    /// Who is meant to see it.
    #[serde(default)]
    pub visibility: Visibility,
    /// Last day of promised retention.
    #[serde(default)]
    pub retain_until: Option<Day>,
    /// Commitment to a time-stamp token.
    #[serde(default)]
    pub tsa_token: Option<Commitment>,
}

/// Confirms a time stamp. The sender is the authority that made it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachTimestamp {
    /// Of which record.
    pub root: Digest,
    /// Commitment to the token.
    pub token: Commitment,
    /// Time in the token, ms since 1970 UTC.
    pub generated_at_ms: u64,
    /// Its accuracy, ms.
    pub accuracy_ms: u32,
}

/// Records a notarial deed. The sender is the notary.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachDeed {
    /// Of which record.
    pub root: Digest,
    /// Number of the deed.
    pub number: Text<REFERENCE_BYTES_MAX>,
    /// Commitment to the deed.
    pub document: Commitment,
}

/// Hands custody over. Signed by the custodian and the receiver.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    /// Of which record.
    pub root: Digest,
    /// Who receives.
    pub to: AccountId,
    /// Commitment to the record of the handover.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// Orders that content must be kept. The sender is a court.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceHold {
    /// Of which record.
    pub root: Digest,
    /// Case; names the hold together with the court.
    pub case: Text<REFERENCE_BYTES_MAX>,
    /// Commitment to the order.
    pub document: Commitment,
}

/// Lifts a legal hold. The sender is the court that ordered it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseHold {
    /// Of which record.
    pub root: Digest,
    /// Case.
    pub case: Text<REFERENCE_BYTES_MAX>,
}

/// Puts evidence before a forum. The sender is the submitter or the custodian.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Produce {
    /// Which record.
    pub root: Digest,
    /// Court or arbitration body.
    pub forum: OrgId,
    /// Case.
    pub case: Text<REFERENCE_BYTES_MAX>,
}

/// Records what a forum found. The sender is that forum.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordFinding {
    /// Of which record.
    pub root: Digest,
    /// Which of its productions, from 0.
    pub production: u32,
    /// What was found.
    pub finding: Finding,
    /// Commitment to the report.
    #[serde(default)]
    pub report: Option<Commitment>,
}

/// A record and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Which.
    pub root: Digest,
}

/// Promises longer retention. The sender is the custodian.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtendRetention {
    /// Of which record.
    pub root: Digest,
    /// Last day: later than promised before.
    pub until: Day,
}

/// What can be asked. Numbers are fixed for ever once released.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Call {
    /// Notarizes a root (存证). Verifiers know its number.
    Notarize(Notarize) = 0,
    /// Confirms a time stamp.
    AttachTimestamp(AttachTimestamp) = 1,
    /// Records a notarial deed.
    AttachDeed(AttachDeed) = 2,
    /// Hands custody over.
    HandOver(HandOver) = 3,
    /// Orders that content be kept.
    Hold(PlaceHold) = 4,
    /// Lifts such an order.
    ReleaseHold(ReleaseHold) = 5,
    /// Puts evidence before a forum.
    Produce(Produce) = 6,
    /// Records what a forum found.
    RecordFinding(RecordFinding) = 7,
    /// Attests that the content is erased; the commitment remains.
    AttestErasure(Reference) = 8,
    /// Promises longer retention.
    ExtendRetention(ExtendRetention) = 9,
}

crate::refusals! {
    /// Why module evidence refuses.
    pub enum Error {
        NotFound = 1, "NOT_FOUND", "链上没有此根值的存证。请核对摘要。", "No evidence with this root is on the chain. Check the digest.";
        AlreadyNotarized = 2, "ALREADY_NOTARIZED",
            "该根值已存证，以首次存证为准。可按根值查询原记录。",
            "This root is notarized already; the first record counts. Look it up by its root.";
        NoSender = 3, "NO_SENDER", "交易没有签署账户。", "The transaction has no signer.";
        CountInvalid = 4, "COUNT_INVALID",
            "条目数须至少为一。", "There must be at least one item.";
        TooManyItems = 5, "TOO_MANY_ITEMS",
            "条目数超过链参数 evidence_items_max。请分批存证。",
            "More items than the parameter evidence_items_max allows. Notarize in several batches.";
        RootInvalid = 6, "ROOT_INVALID", "根值不得全为零。", "The root must not be all zero.";
        ReferenceInvalid = 7, "REFERENCE_INVALID",
            "引用编号、案号或文书号为空、重复或含不可见字符。",
            "A reference, case or number is empty, repeats, or holds invisible characters.";
        ClaimedInFuture = 8, "CLAIMED_IN_FUTURE",
            "声称的采集或签发时间晚于区块时间。", "The claimed time of collection or token lies past the block's time.";
        RetentionInPast = 9, "RETENTION_IN_PAST",
            "保存期限须晚于今日和已承诺的期限。", "The retention must end after today and after what was promised before.";
        NotTsa = 10, "NOT_TSA", "只有时间戳机构可以确认时间戳。", "Only a time-stamping authority may confirm a time stamp.";
        NotNotary = 11, "NOT_NOTARY", "只有公证机构可以登记公证书。", "Only a notary may record a deed.";
        NotCourt = 12, "NOT_COURT", "只有法院可以下令保全或解除。", "Only a court may order or lift a legal hold.";
        AlreadyAttached = 13, "ALREADY_ATTACHED",
            "已有时间戳或公证书，不得替换。", "There is one already; it is never replaced.";
        CustodiansMustSign = 14, "CUSTODIANS_MUST_SIGN",
            "移交须由现保管账户和接收账户共同签署，且二者不同。",
            "The custodian and the receiver must both sign the handover, and must differ.";
        NotCustodian = 15, "NOT_CUSTODIAN", "只有保管账户（或提交账户）可以这样做。", "Only the custodian (or the submitter) may do this.";
        HoldExists = 16, "HOLD_EXISTS", "该法院在该案中已下令保全。", "That court already holds it in that case.";
        HoldUnknown = 17, "HOLD_UNKNOWN", "该法院在该案中没有保全。", "That court has no hold in that case.";
        TooManyHolds = 18, "TOO_MANY_HOLDS", "保全已达上限。", "Too many holds stand on the record.";
        Hold = 19, "HOLD", "存证处于司法保全，内容不得删除。", "A legal hold stands: the content must be kept.";
        Retention = 20, "RETENTION", "承诺的保存期限未满。", "The promised retention has not ended.";
        Erased = 21, "ERASED", "内容已声明删除。", "The content is attested as erased.";
        ForumUnknown = 22, "FORUM_UNKNOWN",
            "受理机关不是有效的法院或仲裁机构。", "The forum is no active court or arbitration body.";
        ProductionUnknown = 23, "PRODUCTION_UNKNOWN", "没有此次举证。", "No such production.";
        NotForum = 24, "NOT_FORUM",
            "只有受理该举证的机关可以记录核验结果，且只能记录一次。",
            "Only the forum before which it was produced may record a finding, and only once.";
    }
}

/// Not empty, and nothing in it that is not seen.
fn check_text(text: &str) -> Result<(), Error> {
    if is_name(text) { Ok(()) } else { Err(Error::ReferenceInvalid) }
}

fn check_notarize(call: &Notarize, parameters: &Parameters) -> Result<(), Error> {
    if call.commitment.root == Digest::ZERO {
        return Err(Error::RootInvalid);
    }
    if call.commitment.count == 0 {
        return Err(Error::CountInvalid);
    }
    if call.commitment.count > parameters.evidence_items_max {
        return Err(Error::TooManyItems);
    }
    for (index, relation) in call.relates_to.iter().enumerate() {
        let is_plain = !relation.reference.is_empty() && relation.reference.bytes().all(|b| b.is_ascii_graphic());
        if !is_plain || call.relates_to[..index].contains(relation) {
            return Err(Error::ReferenceInvalid);
        }
    }
    Ok(())
}

/// Everything about a call that needs no state.
pub(super) fn check(call: &Call, parameters: &Parameters) -> Result<(), Error> {
    match call {
        Call::Notarize(notarize) => check_notarize(notarize, parameters),
        Call::AttachDeed(deed) => check_text(&deed.number),
        Call::Hold(hold) => check_text(&hold.case),
        Call::ReleaseHold(release) => check_text(&release.case),
        Call::Produce(produce) => check_text(&produce.case),
        Call::AttachTimestamp(_)
        | Call::HandOver(_)
        | Call::RecordFinding(_)
        | Call::AttestErasure(_)
        | Call::ExtendRetention(_) => Ok(()),
    }
}
