//! Steps 5 and 6: header → quorum of its validators → checkpoint.

use core::fmt;

use quancheng_types::{
    CertificateError, ChainId, CommitCertificate, Genesis, Header, Height, NEWEST_VERSION, PROTOCOL_VERSION,
    ValidatorSet, is_known_version,
};

use super::descent::{Descent, HistoryFault, one_history};
use crate::bundle::{Bundle, SetChange};
use crate::checkpoint::{Anchor, Checkpoint};
use crate::report::{Detail, Finding, Scope, Verdict};

/// Whether the validators that the bundle lists signed its header with a quorum. Whether they are the lawful ones is for
/// [`trust_path`].
pub(crate) fn finality(bundle: &Bundle) -> Finding {
    let header = &bundle.header;
    let (verdict, detail) = match certified(header, &bundle.certificate, &bundle.validators, header.chain_id) {
        Err(fault) => (Verdict::QuorumMismatch, Detail::new(fault.zh(), fault.to_string())),
        Ok(()) if !is_known_version(header.version) => (
            Verdict::RulesUnknown,
            Detail::new(
                format!(
                    "区块头规则版本 {}，本工具识别版本 {PROTOCOL_VERSION} 至 {NEWEST_VERSION}；请改用较新的核验工具",
                    header.version
                ),
                format!(
                    "header version {}, this build knows {PROTOCOL_VERSION} to {NEWEST_VERSION}; install a newer verifier",
                    header.version
                ),
            ),
        ),
        Ok(()) => (quorum(bundle), Detail::default()),
    };
    Finding::new(Scope::Bundle, verdict, detail)
}

fn quorum(bundle: &Bundle) -> Verdict {
    let signers = bundle.certificate.signatures.iter();
    let names: Vec<String> = signers
        .filter_map(|entry| bundle.validators.by_id(&entry.validator))
        .map(|validator| validator.organization.to_string())
        .collect();
    let count = |length: usize| u32::try_from(length).expect("a set has at most 128 validators");
    let validators = bundle.validators.validators();
    let is_equal = validators.windows(2).all(|pair| pair[0].power == pair[1].power);
    let signers = bundle.certificate.signatures.iter();
    // A set's total power is bounded, and the certificate was found to name each signer once.
    let signed = signers.filter_map(|entry| bundle.validators.by_id(&entry.validator)).map(|v| v.power).sum();
    let power = (!is_equal).then(|| [signed, bundle.validators.total_power(), bundle.validators.quorum()]);
    Verdict::Quorum { signed: count(names.len()), total: count(validators.len()), names, power }
}

/// Whether the validators of the bundle's header follow from the checkpoint.
///
/// From a genesis every change of the path is needed. From a pinned header those below it are not: they are passed over, but
/// must stand in order. Nobody may take them for verified.
pub(crate) fn trust_path(bundle: &Bundle, checkpoint: &Checkpoint) -> Finding {
    let (verdict, detail) = match follow(bundle, checkpoint) {
        Ok(followed) => matched(followed),
        Err(TrustFault::OtherChain { expected, found }) => (
            Verdict::TrustPathOtherChain,
            Detail::new(
                format!("检查点属于链 {expected}，证据包属于链 {found}；请取得该链的检查点，或核对证据包"),
                format!(
                    "the checkpoint is of chain {expected}, the bundle of chain {found}; obtain the checkpoint of that chain, \
                     or see whether it is the right bundle"
                ),
            ),
        ),
        Err(TrustFault::CheckpointIsLater { checkpoint, header }) => (
            Verdict::TrustPathTooEarly,
            Detail::new(
                format!(
                    "检查点钉定于高度 {checkpoint}，证据包的区块头为高度 {header}；请改用较早的检查点，或向节点重新取证明（盐值不变，\
                     但“不晚于”的时间界限随之后移：请保留本证据包，较早的界限仅由其证明）"
                ),
                format!(
                    "the checkpoint pins height {checkpoint}, the bundle's header is of height {header}; use an earlier checkpoint, or \
                     renew the bundle from a node (`bundle refresh` keeps its salts, but \"not later than\" moves to the newer \
                     header: keep this bundle, it alone proves the earlier bound)"
                ),
            ),
        ),
        Err(fault @ TrustFault::Version { .. }) => {
            let zh = format!("{}；请改用较新的核验工具", fault.zh());
            (Verdict::TrustPathRulesUnknown, Detail::new(zh, format!("{fault}; install a newer verifier")))
        }
        Err(fault) => (Verdict::TrustPathMismatch, Detail::new(fault.zh(), fault.to_string())),
    };
    Finding::new(Scope::Bundle, verdict, detail)
}

/// The words of a path that holds. What a pinned block and the header have to do with each other is said as far as it is shown.
fn matched(Followed { used, descent }: Followed) -> (Verdict, Detail) {
    let (verdict, zh, en) = match descent {
        Descent::Genesis => (Verdict::TrustPathMatch, "", ""),
        Descent::Same => (Verdict::TrustPathMatch, "；该区块即所钉定的区块", "; the header is the pinned one"),
        Descent::Shown { is_history_open: false } => {
            (Verdict::TrustPathMatch, "；该区块承接所钉定的区块", "; the header descends from the pinned block")
        }
        Descent::Shown { is_history_open: true } => (
            Verdict::TrustPathMatch,
            "；该区块承接所钉定的区块；未附一致性证明，钉定高度以下的结果与钉定区块头所载历史未作比对",
            "; the header descends from the pinned block; without a proof of consistency, results below the pinned height were not \
             compared with the history of the pinned header",
        ),
        Descent::NotShown => (
            Verdict::TrustPathValidators,
            "；区块头由自检查点推得的在任验证者签署",
            "; the header is signed by the validators in office from the checkpoint on",
        ),
    };
    (
        verdict,
        Detail::new(format!("核验了 {used} 次验证者更替{zh}"), format!("{used} changes of validators checked{en}")),
    )
}

/// A path that holds.
struct Followed {
    /// Changes checked.
    used: usize,
    descent: Descent,
}

fn follow(bundle: &Bundle, checkpoint: &Checkpoint) -> Result<Followed, TrustFault> {
    let chain_id = checkpoint.chain_id();
    let header = &bundle.header;
    if header.chain_id != chain_id {
        return Err(TrustFault::OtherChain { expected: chain_id, found: header.chain_id });
    }
    let (mut set, pinned) = match checkpoint.anchor() {
        Anchor::Genesis { genesis } => (&genesis.validators, None),
        Anchor::Pinned { header, validators } => (validators, Some(header.as_ref())),
    };
    if let Some(pin) = pinned {
        if !is_known_version(pin.version) {
            return Err(TrustFault::Version { height: pin.height, version: pin.version });
        }
        if header.height < pin.height {
            return Err(TrustFault::CheckpointIsLater { checkpoint: pin.height, header: header.height });
        }
        same_block(pin, header)?;
    }
    in_order(&bundle.trust_path, header.height)?;
    let start = pinned.map_or(Height::GENESIS, |pin| pin.height);
    let mut used = 0;
    for step in bundle.trust_path.iter().filter(|step| step.header.height >= start) {
        if let Some(pin) = pinned {
            same_block(pin, &step.header)?;
        }
        change(step, set, chain_id)?;
        set = &step.next_validators;
        used += 1;
    }
    let expected = set.hash();
    if header.validators_hash != expected || bundle.validators.hash() != expected {
        return Err(TrustFault::OtherValidators { height: header.height });
    }
    let descent = one_history(bundle, pinned).map_err(TrustFault::History)?;
    Ok(Followed { used, descent })
}

/// Why a header does not follow from a genesis, in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRefused {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// Whether a quorum signed a header, of validators that follow from those of the genesis by the changes that `steps` show: every one up to
/// that header, ascending. What a node checks that takes over a state which it has not executed (steps V5 and V6 of `docs/bundle.md`).
///
/// # Errors
/// [`HeaderRefused`]: why not.
pub fn certified_from_genesis(
    genesis: &Genesis,
    steps: &[SetChange],
    header: &Header,
    certificate: &CommitCertificate,
) -> Result<(), HeaderRefused> {
    let refused = |fault: TrustFault| HeaderRefused { zh: fault.zh(), en: fault.to_string() };
    let (chain_id, mut set) = (genesis.chain_id(), &genesis.validators);
    in_order(steps, header.height).map_err(refused)?;
    for step in steps {
        change(step, set, chain_id).map_err(refused)?;
        set = &step.next_validators;
    }
    let (height, version) = (header.height, header.version);
    certified(header, certificate, set, chain_id).map_err(|fault| refused(TrustFault::Step { height, fault }))?;
    if is_known_version(version) { Ok(()) } else { Err(refused(TrustFault::Version { height, version })) }
}

/// A pinned header is the only one of its height.
fn same_block(pin: &Header, header: &Header) -> Result<(), TrustFault> {
    if pin.height == header.height && pin.id() != header.id() {
        return Err(TrustFault::NotThePinnedBlock { height: pin.height });
    }
    Ok(())
}

fn in_order(steps: &[SetChange], end: Height) -> Result<(), TrustFault> {
    let mut previous = Height::GENESIS;
    for step in steps {
        let height = step.header.height;
        if height <= previous || height >= end {
            return Err(TrustFault::Order { height });
        }
        previous = height;
    }
    Ok(())
}

/// The set in office certifies the header that names its successor.
fn change(step: &SetChange, set: &ValidatorSet, chain_id: ChainId) -> Result<(), TrustFault> {
    let height = step.header.height;
    certified(&step.header, &step.certificate, set, chain_id).map_err(|fault| TrustFault::Step { height, fault })?;
    if !is_known_version(step.header.version) {
        return Err(TrustFault::Version { height, version: step.header.version });
    }
    let next = step.next_validators.hash();
    if step.header.next_validators_hash != next {
        return Err(TrustFault::OtherSuccessor { height });
    }
    if step.header.validators_hash == next {
        return Err(TrustFault::NoChange { height });
    }
    Ok(())
}

/// Whether the heights of a header agree: it certifies results of heights below its own, and its history ends with them.
pub(crate) fn is_possible(header: &Header) -> bool {
    header.executed_height < header.height && header.executed_height.0.checked_add(1) == Some(header.history_size)
}

/// Whether a quorum of `set` signed `header` as a header of `chain_id`.
fn certified(
    header: &Header,
    certificate: &CommitCertificate,
    set: &ValidatorSet,
    chain_id: ChainId,
) -> Result<(), HeaderFault> {
    if header.chain_id != chain_id {
        return Err(HeaderFault::OtherChain);
    }
    if !is_possible(header) {
        return Err(HeaderFault::Form);
    }
    if header.validators_hash != set.hash() {
        return Err(HeaderFault::OtherValidators);
    }
    if certificate.height != header.height || certificate.block_id != header.id() {
        return Err(HeaderFault::OtherBlock);
    }
    certificate.verify(chain_id, set).map_err(HeaderFault::Certificate)
}

/// Why a header is not certified.
#[derive(Debug)]
enum HeaderFault {
    OtherChain,
    Form,
    OtherValidators,
    OtherBlock,
    Certificate(CertificateError),
}

impl HeaderFault {
    const fn zh(&self) -> &'static str {
        match self {
            Self::OtherChain => "区块头属于另一条链",
            Self::Form => "区块头的高度、执行高度与历史长度相互矛盾",
            Self::OtherValidators => "区块头所载验证者不同",
            Self::OtherBlock => "签名证书属于另一区块",
            Self::Certificate(_) => "签名证书不成立：签名无效、签署人不符或未达法定阈值",
        }
    }
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherChain => f.write_str("the header is of another chain"),
            Self::Form => f.write_str("height, executed height and history size of the header contradict each other"),
            Self::OtherValidators => f.write_str("the header names other validators"),
            Self::OtherBlock => f.write_str("the certificate is for another block"),
            Self::Certificate(error) => fmt::Display::fmt(error, f),
        }
    }
}

/// Why a header does not follow from a checkpoint.
#[derive(Debug)]
enum TrustFault {
    OtherChain { expected: ChainId, found: ChainId },
    CheckpointIsLater { checkpoint: Height, header: Height },
    NotThePinnedBlock { height: Height },
    Order { height: Height },
    Step { height: Height, fault: HeaderFault },
    Version { height: Height, version: u16 },
    OtherSuccessor { height: Height },
    NoChange { height: Height },
    OtherValidators { height: Height },
    History(HistoryFault),
}

impl TrustFault {
    fn zh(&self) -> String {
        match self {
            Self::OtherChain { expected, found } => format!("检查点属于链 {expected}，证据包属于链 {found}"),
            Self::CheckpointIsLater { checkpoint, header } => {
                format!("检查点钉定于高度 {checkpoint}，区块头为高度 {header}")
            }
            Self::NotThePinnedBlock { height } => {
                format!("检查点在高度 {height} 钉定另一区块：如两者均经签署，则超过三分之一的验证者违反了协议")
            }
            Self::Order { height } => format!("高度 {height} 的更替未按升序列于区块头之下"),
            Self::Step { height, fault } => format!("高度 {height} 的验证者更替：{}", fault.zh()),
            Self::Version { height, version } => {
                format!("高度 {height} 的区块头：本工具不识别规则版本 {version}")
            }
            Self::OtherSuccessor { height } => format!("高度 {height} 的区块头所载继任者与证据包所列不同"),
            Self::NoChange { height } => format!("高度 {height} 的区块头未更替验证者"),
            Self::OtherValidators { height } => format!("高度 {height} 的验证者不是更替所至者，缺少某次更替"),
            Self::History(fault) => fault.zh(),
        }
    }
}

impl fmt::Display for TrustFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherChain { expected, found } => {
                write!(f, "the checkpoint is of chain {expected}, the bundle of chain {found}")
            }
            Self::CheckpointIsLater { checkpoint, header } => {
                write!(f, "the checkpoint pins height {checkpoint}, the header is of height {header}")
            }
            Self::NotThePinnedBlock { height } => write!(
                f,
                "the checkpoint pins another block at height {height}: if both are certified, more than a third of the \
                 validators broke the protocol"
            ),
            Self::Order { height } => {
                write!(f, "the change at height {height} is not in ascending order below the bundle's header")
            }
            Self::Step { height, fault } => {
                write!(f, "change of validators at height {height}: {fault}")
            }
            Self::Version { height, version } => {
                write!(f, "header of height {height}: version {version} is unknown to this build")
            }
            Self::OtherSuccessor { height } => {
                write!(f, "the header of height {height} names other successors than the bundle lists")
            }
            Self::NoChange { height } => {
                write!(f, "the header of height {height} changes no validators")
            }
            Self::OtherValidators { height } => {
                write!(
                    f,
                    "the validators of height {height} are not those to which the path leads; a change is missing"
                )
            }
            Self::History(fault) => fmt::Display::fmt(fault, f),
        }
    }
}
