//! Steps 4, 7, 9 and 11: what a claim says → leaf of its height → certified header.
//!
//! Every leaf is rebuilt from the claim; roots come from the header alone.

use core::fmt;

use quancheng_types::keys::SignatureError;
use quancheng_types::{Header, Height, HistoryLeaf, Outcome, Receipt, SignedTransaction, TransactionError};

use super::spans;
use crate::bundle::{Bundle, Claim, LeafProof, ReceiptPath};
use crate::report::{Detail, Finding, Moment, Scope, Verdict};
use crate::state_proof::StateProofError;
use crate::tables;

/// Findings of all claims, claim by claim. Without a `trusted` header nothing here becomes a match.
pub(super) fn findings(bundle: &Bundle, trusted: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, claim) in (0_u16..).zip(&bundle.claims) {
        // The shape was checked: every claim names a leaf of the bundle.
        let Some(leaf) = bundle.leaves.get(usize::from(claim.leaf())) else {
            continue;
        };
        let judge = Judge { bundle, leaf, trusted, number, scope: Scope::Claim { claim: number } };
        match claim {
            Claim::Transaction { transaction, receipt, path, .. } => {
                judge.transaction(transaction, receipt, path, &mut findings);
            }
            Claim::State { key, value, .. } => judge.state(claim, key, value.is_some(), &mut findings),
        }
    }
    findings
}

struct Judge<'a> {
    bundle: &'a Bundle,
    leaf: &'a LeafProof,
    trusted: bool,
    number: u16,
    scope: Scope,
}

impl Judge<'_> {
    fn transaction(
        &self,
        transaction: &SignedTransaction,
        receipt: &Receipt,
        path: &ReceiptPath,
        out: &mut Vec<Finding>,
    ) {
        let height = self.leaf.leaf.height;
        let fault = self.leaf_fault().or_else(|| receipt_fault(transaction, receipt, path, &self.leaf.leaf));
        let included = match receipt.outcome {
            Outcome::Ok => Verdict::InBlock { height },
            Outcome::Refused { module, code, .. } => Verdict::InBlockRefused { height, module, reason: code },
        };
        let verdict = match (&fault, self.trusted) {
            (Some(_), _) => Verdict::InclusionMismatch { height },
            (None, false) => Verdict::InclusionUncertain { height },
            (None, true) => included,
        };
        out.push(self.finding(verdict, detail(fault)));
        out.push(self.block_time());
        let (verdict, detail) = match transaction.check(&self.bundle.header.chain_id) {
            Ok(()) => {
                let keys = transaction.body.signers.iter().map(|signer| signer.key_id).collect();
                (Verdict::SignedBy { keys }, Detail::default())
            }
            Err(error @ TransactionError::Signature { error: SignatureError::SuiteNotSupported { .. }, .. }) => {
                let zh = format!("{}；请改用较新的核验工具", signature_zh(&error));
                (Verdict::SignatureUnsupported, Detail::new(zh, format!("{error}; install a newer verifier")))
            }
            Err(error) => (Verdict::SignatureMismatch, Detail::new(signature_zh(&error), error.to_string())),
        };
        out.push(self.finding(verdict, detail));
    }

    fn state(&self, claim: &Claim, key: &[u8], is_there: bool, out: &mut Vec<Finding>) {
        let height = self.leaf.leaf.height;
        let shown = spans::shown(self.bundle, claim).and_then(|span| {
            let earlier = self.bundle.claims.iter().take(usize::from(self.number));
            if earlier.clone().all(|other| spans::agree(self.bundle, other, claim)) {
                Ok(span)
            } else {
                Err(ClaimFault::Contradiction)
            }
        });
        let row = tables::row(key);
        let verdict = match (is_there, &shown, self.trusted) {
            (true, Err(_), _) => Verdict::InclusionMismatch { height },
            (true, Ok(_), false) => Verdict::InclusionUncertain { height },
            (true, Ok(span), true) => Verdict::InState { height, span: *span, row: row.clone().ok() },
            (false, Err(_), _) => Verdict::AbsenceMismatch { height },
            (false, Ok(_), false) => Verdict::AbsenceUncertain { height },
            (false, Ok(span), true) => match row.clone() {
                Ok(row) => Verdict::Absent { height, span: *span, row },
                Err(_) => Verdict::AbsenceVacuous,
            },
        };
        if is_there {
            out.push(self.finding(verdict, detail(shown.err())));
            out.push(self.block_time());
        } else {
            // "On the chain not later than T" would say nothing about something that is not there.
            let told = match (shown, &verdict, row) {
                (Err(fault), ..) => detail(Some(fault)),
                (Ok(_), Verdict::AbsenceVacuous, Err(fault)) => Detail::new("任何表都不可能有此键", fault.to_string()),
                (Ok(_), ..) => {
                    let moment = Moment::known(height, self.leaf.leaf.time_ms);
                    Detail::new(moment.named_zh(), moment.named_en())
                }
            };
            out.push(self.finding(verdict, told));
        }
    }

    fn block_time(&self) -> Finding {
        let HistoryLeaf { height, time_ms, .. } = self.leaf.leaf;
        let fault = self.leaf_fault();
        let verdict = match (&fault, self.trusted) {
            (Some(_), _) => Verdict::BlockTimeMismatch,
            (None, false) => Verdict::BlockTimeUncertain,
            (None, true) => self.times(height, time_ms),
        };
        self.finding(verdict, detail(fault))
    }

    fn times(&self, height: Height, time_ms: u64) -> Verdict {
        let Header { height: certified_height, time_ms: certified_ms, .. } = self.bundle.header;
        if height == Height::GENESIS {
            Verdict::GenesisTime { time_ms, certified_height, certified_ms }
        } else {
            Verdict::BlockTime { height, time_ms, certified_height, certified_ms }
        }
    }

    fn leaf_fault(&self) -> Option<ClaimFault> {
        leaf_fault(self.leaf, &self.bundle.header).map(ClaimFault::Leaf)
    }

    fn finding(&self, verdict: Verdict, detail: impl Into<Detail>) -> Finding {
        Finding::new(self.scope.clone(), verdict, detail)
    }
}

fn detail(fault: Option<ClaimFault>) -> Detail {
    fault.map(|fault| Detail::new(fault.zh(), fault.to_string())).unwrap_or_default()
}

/// Why a transaction is not correctly signed, in Chinese; places count from 0, as in the English words.
fn signature_zh(error: &TransactionError) -> String {
    match error {
        TransactionError::WrongChain { expected, found } => format!("交易属于链 {found}，而非链 {expected}"),
        TransactionError::NoSigner => "交易未载签署人".to_owned(),
        TransactionError::NoCall => "交易未载调用".to_owned(),
        TransactionError::SignatureCount { signers, signatures } => {
            format!("签署人 {signers} 名，签名 {signatures} 个，两者不符")
        }
        TransactionError::KeyMismatch { index } => format!("第 {index} 个签名所附公钥不是该签署人所称的密钥"),
        TransactionError::RepeatedSigner { index } => format!("第 {index} 个签署人与在前者相同"),
        TransactionError::Signature { index, error: SignatureError::SuiteNotSupported { .. } } => {
            format!("本版本尚不支持第 {index} 个签名的算法")
        }
        TransactionError::Signature { index, .. } => format!("第 {index} 个签名无效"),
    }
}

fn receipt_fault(
    transaction: &SignedTransaction,
    receipt: &Receipt,
    path: &ReceiptPath,
    leaf: &HistoryLeaf,
) -> Option<ClaimFault> {
    if receipt.transaction_id != transaction.id() {
        return Some(ClaimFault::OtherTransaction);
    }
    if path.root(receipt.position, receipt.leaf_hash()) != Some(leaf.receipts_root) {
        return Some(ClaimFault::ReceiptPath);
    }
    None
}

/// Why a leaf is not in the history that a header certifies; `None` when it is.
pub(crate) fn leaf_fault(proof: &LeafProof, header: &Header) -> Option<LeafFault> {
    let LeafProof { leaf, path } = proof;
    if leaf.height > header.executed_height {
        return Some(LeafFault::NotExecuted);
    }
    if path.index != leaf.height.0 || path.size != header.history_size {
        return Some(LeafFault::OtherPlace);
    }
    if path.root(leaf.leaf_hash()) != Some(header.history_root) {
        return Some(LeafFault::Path);
    }
    if leaf.time_ms >= header.time_ms {
        return Some(LeafFault::Time);
    }
    if leaf.height.next() == header.height && leaf.block_id != header.parent {
        return Some(LeafFault::Parent);
    }
    None
}

/// Why a leaf is not in a certified history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafFault {
    NotExecuted,
    OtherPlace,
    Path,
    Time,
    Parent,
}

impl LeafFault {
    const fn zh(self) -> &'static str {
        match self {
            Self::NotExecuted => "区块头尚未认证该高度的结果",
            Self::OtherPlace => "叶的路径属于另一高度或另一历史长度",
            Self::Path => "叶不能推出区块头的历史根",
            Self::Time => "叶的时间不早于区块头",
            Self::Parent => "叶所载区块不是区块头的父区块",
        }
    }
}

impl fmt::Display for LeafFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotExecuted => "the header does not certify results of that height yet",
            Self::OtherPlace => "the path of the leaf is for another height or another size of the history",
            Self::Path => "the leaf does not lead to the history root of the header",
            Self::Time => "the leaf is not older than the header",
            Self::Parent => "the leaf names another block than the header names as its parent",
        })
    }
}

/// Why a claim does not follow from the header.
#[derive(Debug)]
pub(super) enum ClaimFault {
    Leaf(LeafFault),
    OtherTransaction,
    ReceiptPath,
    State(StateProofError),
    Contradiction,
}

impl ClaimFault {
    const fn zh(&self) -> &'static str {
        match self {
            Self::Leaf(fault) => fault.zh(),
            Self::OtherTransaction => "回执属于另一交易",
            Self::ReceiptPath => "回执不能推出该高度的回执根",
            Self::State(error) => match error {
                StateProofError::OtherTime => "状态证明说明的是其他高度的值",
                StateProofError::Impossible => "该高度的状态不可能有此叶：其起止高度或版本号不成立",
                StateProofError::AfterRoot => "状态根早于所称高度",
                StateProofError::NotKept => "该表不留存历史，其条目不存在不能说明此前的高度",
                StateProofError::OtherKey
                | StateProofError::OtherValue
                | StateProofError::ProvesAbsence
                | StateProofError::ProvesInclusion
                | StateProofError::LeafElsewhere
                | StateProofError::NotCompact
                | StateProofError::OtherRoot { .. } => "状态证明不能推出该高度的状态根",
            },
            Self::Contradiction => "与证据包内关于同一键的另一项证明相矛盾",
        }
    }
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(fault) => fmt::Display::fmt(fault, f),
            Self::OtherTransaction => f.write_str("the receipt is for another transaction"),
            Self::ReceiptPath => f.write_str("the receipt does not lead to the receipts root of its height"),
            Self::State(error) => fmt::Display::fmt(error, f),
            Self::Contradiction => f.write_str("it contradicts what another proof of the bundle shows of the same key"),
        }
    }
}
