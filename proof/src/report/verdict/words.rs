//! Codes and statements, one line per case and language.

use quancheng_types::{Height, KeyId};

use super::{Verdict, spans};
use crate::bundle::{Encoding, Reencoded};
use crate::foreign;
use crate::report::{Moment, ProvenSpan, Standing, shanghai_time};
use crate::tables::Row;

const NAMES_MISMATCH_ZH: &str = "所提交文件的名称与清单不符：有文件的内容属于清单所列的另一名称";
const FILE_LISTED_ZH: &str = "所提交文件与证据包所列摘要相同，但不能据以认定该摘要为存证摘要";
const MANIFEST_UNCERTAIN_ZH: &str = "清单所属的存证记录未获确认或未生效，不能判断清单是否齐全";
const QUORUM_UNCONFIRMED_ZH: &str = "证据包所列验证者的签名达到阈值，但未能由检查点确认其为该高度的验证者";
const TRUST_PATH_VALIDATORS_ZH: &str =
    "自检查点至该区块的验证者更替连续；仅说明签署者为在任验证者，未显示该区块承接检查点所钉定的区块";
const TRUST_PATH_VALIDATORS_EN: &str = "the changes of validators from the checkpoint to this block are continuous; this shows only that those who signed are in office, not that this block descends from the pinned one";
const OTHER_CHAIN_ZH: &str = "检查点与证据包不属于同一条链，未能核验；请核对所用检查点";

impl Verdict {
    /// Stable name of the case, equal in all languages and versions.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BundleUnreadable => "bundle_unreadable",
            Self::BundleVersion => "bundle_version",
            Self::BundleMarked(_) => "bundle_marked",
            Self::FileMatch => "file_match",
            Self::FileOtherName { .. } => "file_other_name",
            Self::FileListed => "file_listed",
            Self::FileMismatch => "file_mismatch",
            Self::FileNothingToCompare => "file_nothing_to_compare",
            Self::FileUnreadable => "file_unreadable",
            Self::FilesNotGiven { .. } => "files_not_given",
            Self::ManifestMatch { .. } => "manifest_match",
            Self::ManifestMismatch => "manifest_mismatch",
            Self::ManifestNamesMismatch => "manifest_names_mismatch",
            Self::ManifestOtherNames { .. } => "manifest_other_names",
            Self::ManifestUncertain => "manifest_uncertain",
            Self::ManifestPartial => "manifest_partial",
            Self::ManifestNotDeclared => "manifest_not_declared",
            Self::CommitmentMatch => "commitment_match",
            Self::CommitmentMismatch => "commitment_mismatch",
            Self::CommitmentSealed => "commitment_sealed",
            Self::CommitmentNotInEffect => "commitment_not_in_effect",
            Self::CommitmentAbsent => "commitment_absent",
            Self::InBlock { .. } => "in_block",
            Self::InBlockRefused { .. } => "in_block_refused",
            Self::InState { .. } => "in_state",
            Self::InclusionMismatch { .. } => "inclusion_mismatch",
            Self::InclusionUncertain { .. } => "inclusion_uncertain",
            Self::Quorum { .. } => "quorum",
            Self::QuorumUnconfirmed => "quorum_unconfirmed",
            Self::QuorumMismatch => "quorum_mismatch",
            Self::RulesUnknown => "rules_unknown",
            Self::TrustPathMatch => "trust_path_match",
            Self::TrustPathValidators => "trust_path_validators",
            Self::TrustPathMismatch => "trust_path_mismatch",
            Self::TrustPathOtherChain => "trust_path_other_chain",
            Self::TrustPathTooEarly => "trust_path_too_early",
            Self::TrustPathRulesUnknown => "trust_path_rules_unknown",
            Self::BlockTime { .. } => "block_time",
            Self::GenesisTime { .. } => "genesis_time",
            Self::BlockTimeMismatch => "block_time_mismatch",
            Self::BlockTimeUncertain => "block_time_uncertain",
            Self::SignedBy { .. } => "signed_by",
            Self::SignatureMismatch => "signature_mismatch",
            Self::SignatureUnsupported => "signature_unsupported",
            Self::Signer(signer) => signer.code(),
            Self::Absent { .. } => "absent",
            Self::AbsenceVacuous => "absence_vacuous",
            Self::AbsenceMismatch { .. } => "absence_mismatch",
            Self::AbsenceUncertain { .. } => "absence_uncertain",
            Self::Status { .. } => "status",
            Self::StatusUncertain => "status_uncertain",
            Self::Grant { .. } => "grant",
            Self::GrantUncertain => "grant_uncertain",
            Self::NoTimestamp => "no_timestamp",
            Self::NoStatus => "no_status",
            Self::NoGrant => "no_grant",
            Self::PreChain => "pre_chain",
            Self::Platform => "platform",
            Self::NoDoubtWindow => "no_doubt_window",
        }
    }

    /// The permitted statement in Chinese.
    #[must_use]
    pub fn statement_zh(&self) -> String {
        match self {
            Self::BundleUnreadable => "证据包损坏或形式不符，不能据以作出任何判断".to_owned(),
            Self::BundleVersion => "证据包版本非本工具所知，未能核验".to_owned(),
            Self::BundleMarked(found) => marked_zh(*found),
            Self::FileMatch => "所提交文件与存证摘要一致".to_owned(),
            Self::FileOtherName { listed } => format!("与清单所列{}一致，名称不同", listed.shown("、")),
            Self::FileListed => FILE_LISTED_ZH.to_owned(),
            Self::FileMismatch => "摘要不一致；不说明何者为原件".to_owned(),
            Self::FileNothingToCompare => "证据包未附文件摘要，未能比对".to_owned(),
            Self::FileUnreadable => "所提交文件无法读取，未能比对".to_owned(),
            Self::FilesNotGiven { count } => format!("清单中 {count} 份文件未提交，未作比对"),
            Self::ManifestMatch { count } => format!("清单所列 {count} 份文件齐全且一致"),
            Self::ManifestMismatch => "清单与存证记录不符".to_owned(),
            Self::ManifestNamesMismatch => NAMES_MISMATCH_ZH.to_owned(),
            Self::ManifestOtherNames { count } => other_names_zh(*count),
            Self::ManifestUncertain => MANIFEST_UNCERTAIN_ZH.to_owned(),
            Self::ManifestPartial => "未提交清单全部文件，未评价清单是否齐全".to_owned(),
            Self::ManifestNotDeclared => "存证时未声明为完整清单，不评价是否齐全".to_owned(),
            Self::CommitmentMatch => "摘要与加盐承诺相符".to_owned(),
            Self::CommitmentMismatch => "摘要与加盐承诺不符".to_owned(),
            Self::CommitmentSealed => "未提供盐值，未能核验摘要与承诺是否相符".to_owned(),
            Self::CommitmentNotInEffect => "该存证请求被链上拒绝，未生效，不能据以判断".to_owned(),
            Self::CommitmentAbsent => "该记录不含所称的存证承诺".to_owned(),
            Self::InBlock { height } => format!("该记录包含于高度 {height} 的区块"),
            Self::InBlockRefused { height, module, reason } => {
                format!("该记录包含于高度 {height} 的区块；该请求被拒绝（模块 {module}，代码 {reason}），未生效")
            }
            Self::InState { height, span, row } => in_state_zh(*height, span, row.as_ref()),
            Self::InclusionMismatch { height } => inclusion_mismatch_zh(*height),
            Self::InclusionUncertain { height } => inclusion_uncertain_zh(*height),
            Self::Quorum { signed, total, names, power } => quorum_zh(*signed, *total, names, *power),
            Self::QuorumUnconfirmed => QUORUM_UNCONFIRMED_ZH.to_owned(),
            Self::QuorumMismatch => "区块头的验证者签名未达到该高度法定阈值，或签名不符".to_owned(),
            Self::RulesUnknown => "区块头的规则版本非本工具所知，未能核验".to_owned(),
            Self::TrustPathMatch => "自检查点至该区块的验证者更替连续".to_owned(),
            Self::TrustPathValidators => TRUST_PATH_VALIDATORS_ZH.to_owned(),
            Self::TrustPathMismatch => "自检查点至该区块的验证者更替不连续或不符".to_owned(),
            Self::TrustPathOtherChain => OTHER_CHAIN_ZH.to_owned(),
            Self::TrustPathTooEarly => "检查点晚于证据包的区块头，未能核验".to_owned(),
            Self::TrustPathRulesUnknown => "验证者更替所依规则版本非本工具所知，未能核验".to_owned(),
            Self::BlockTime { height, time_ms, certified_height, certified_ms } => {
                time_zh(*height, *time_ms, *certified_height, *certified_ms)
            }
            Self::GenesisTime { time_ms, certified_height, certified_ms } => {
                time_zh(Height::GENESIS, *time_ms, *certified_height, *certified_ms)
            }
            Self::BlockTimeMismatch => "所附证明不能说明上链时间".to_owned(),
            Self::BlockTimeUncertain => "区块头未获确认，不能判断上链时间".to_owned(),
            Self::SignedBy { keys } => format!("由密钥 {} 签署；未附数字证书，不评价证书有效性", list(keys, "、")),
            Self::SignatureMismatch => "交易签名与所列密钥不符".to_owned(),
            Self::SignatureUnsupported => "签名算法本工具尚不支持，未能核验".to_owned(),
            Self::Signer(signer) => signer.statement_zh(),
            Self::Absent { height, span, row } => absent_zh(*height, span, row),
            Self::AbsenceVacuous => "所称的键不是本工具所知任何账本表的键；其不存在不能说明任何事项".to_owned(),
            Self::AbsenceMismatch { height } => absence_mismatch_zh(*height),
            Self::AbsenceUncertain { height } => {
                format!("区块头未获确认，不能判断截至高度 {height} 账本有无该键记录")
            }
            Self::Status { height, time_ms, span, standing } => status_zh(*height, *time_ms, span, standing),
            Self::StatusUncertain => "未能核验登记凭证状态".to_owned(),
            Self::Grant { height, span } => grant_zh(*height, span),
            Self::GrantUncertain => "未能核验授权范围、次数".to_owned(),
            Self::NoTimestamp => "未附时间戳令牌，不评价".to_owned(),
            Self::NoStatus => "未核验登记凭证状态，不评价".to_owned(),
            Self::NoGrant => "未核验授权情况，不评价".to_owned(),
            Self::PreChain => "未附采集材料；本工具不评价上链前情况".to_owned(),
            Self::Platform => "未附平台声明，不评价".to_owned(),
            Self::NoDoubtWindow => "未附该高度之后签名密钥的失密声明资料，不评价".to_owned(),
        }
    }

    /// The permitted statement in English.
    #[must_use]
    pub fn statement_en(&self) -> String {
        match self {
            Self::BundleUnreadable => "the bundle is damaged or not in its form; nothing can be concluded from it".to_owned(),
            Self::BundleVersion => "the bundle is of a version that this tool does not know; not checked".to_owned(),
            Self::BundleMarked(found) => marked_en(*found),
            Self::FileMatch => "the file presented equals the notarized digests".to_owned(),
            Self::FileOtherName { listed } => format!("equals {} of the manifest; the name differs", listed.shown(", ")),
            Self::FileListed => "the file presented equals digests that the bundle lists; that they are notarized digests is not confirmed".to_owned(),
            Self::FileMismatch => "the digests differ; this does not say which is the original".to_owned(),
            Self::FileNothingToCompare => "the bundle holds no file digests; not compared".to_owned(),
            Self::FileUnreadable => "the file given cannot be read; not compared".to_owned(),
            Self::FilesNotGiven { count: 1 } => "1 file listed in the bundle was not presented and not compared".to_owned(),
            Self::FilesNotGiven { count } => format!("{count} files listed in the bundle were not presented and not compared"),
            Self::ManifestMatch { count } => format!("all {count} files of the manifest are present and equal"),
            Self::ManifestMismatch => "the manifest does not fit the notarized record".to_owned(),
            Self::ManifestNamesMismatch => "the names of the files presented do not fit the manifest: a file has the content that the manifest lists under another name".to_owned(),
            Self::ManifestOtherNames { count } => format!("the contents of all {count} files of the manifest were presented, but not all under their names; completeness is not assessed"),
            Self::ManifestUncertain => "the record of the manifest is not confirmed or not in effect; whether the manifest is complete cannot be said".to_owned(),
            Self::ManifestPartial => "not all files of the manifest were presented; completeness is not assessed".to_owned(),
            Self::ManifestNotDeclared => "the batch was not declared a whole manifest; completeness is not assessed".to_owned(),
            Self::CommitmentMatch => "the digests fit the salted commitment".to_owned(),
            Self::CommitmentMismatch => "the digests do not fit the salted commitment".to_owned(),
            Self::CommitmentSealed => "the salt is withheld; whether the digests fit the commitment was not checked".to_owned(),
            Self::CommitmentNotInEffect => "the request to notarize was refused by the chain and has no effect; nothing can be concluded from it".to_owned(),
            Self::CommitmentAbsent => "the record holds no such commitment".to_owned(),
            Self::InBlock { height } => format!("the record is contained in the block of height {height}"),
            Self::InBlockRefused { height, module, reason } => format!("the record is contained in the block of height {height}; the request was refused (module {module}, code {reason}) and has no effect"),
            Self::InState { height, span, row } => in_state_en(*height, span, row.as_ref()),
            Self::InclusionMismatch { height } => format!("the proof given does not show the record in the block or state of height {height}"),
            Self::InclusionUncertain { height } => format!("the header is not confirmed; whether the record is contained in height {height} cannot be said"),
            Self::Quorum { signed, total, names, power } => quorum_en(*signed, *total, names, *power),
            Self::QuorumUnconfirmed => "the validators that the bundle lists signed the header with a quorum, but the checkpoint does not confirm that they are the validators of its height".to_owned(),
            Self::QuorumMismatch => "the signatures over the header do not meet the required quorum".to_owned(),
            Self::RulesUnknown => "the header follows rules of a version that this tool does not know; not checked".to_owned(),
            Self::TrustPathMatch => "the changes of validators from the checkpoint to this block are continuous".to_owned(),
            Self::TrustPathValidators => TRUST_PATH_VALIDATORS_EN.to_owned(),
            Self::TrustPathMismatch => "the changes of validators from the checkpoint to this block are broken or do not fit".to_owned(),
            Self::TrustPathOtherChain => "the checkpoint and the bundle are of two different chains; not checked; compare which checkpoint was used".to_owned(),
            Self::TrustPathTooEarly => "the checkpoint is later than the header of the bundle; not checked".to_owned(),
            Self::TrustPathRulesUnknown => "a change of validators follows rules that this tool does not know; not checked".to_owned(),
            Self::BlockTime { height, time_ms, certified_height, certified_ms } => time_en(*height, *time_ms, *certified_height, *certified_ms),
            Self::GenesisTime { time_ms, certified_height, certified_ms } => time_en(Height::GENESIS, *time_ms, *certified_height, *certified_ms),
            Self::BlockTimeMismatch => "the proof given does not show the time of the block".to_owned(),
            Self::BlockTimeUncertain => "the header is not confirmed; the time of the block cannot be said".to_owned(),
            Self::SignedBy { keys } => {
                let keys = list(keys, ", ");
                format!("signed by key {keys}; no digital certificate is attached, its validity is not assessed")
            }
            Self::SignatureMismatch => "a signature of the transaction does not fit the key named".to_owned(),
            Self::SignatureUnsupported => "the signature is of an algorithm that this tool does not support yet; not checked".to_owned(),
            Self::Signer(signer) => signer.statement_en(),
            Self::Absent { height, span, row } => absent_en(*height, span, row),
            Self::AbsenceVacuous => "the key named is no key of any table of the ledger that this tool knows; that it is absent says nothing".to_owned(),
            Self::AbsenceMismatch { height } => format!("the proof given does not show that the ledger held no record under this key as of height {height}"),
            Self::AbsenceUncertain { height } => format!("the header is not confirmed; whether the ledger held a record under this key as of height {height} cannot be said"),
            Self::Status { height, time_ms, span, standing } => status_en(*height, *time_ms, span, standing),
            Self::StatusUncertain => "the status of the registration certificate was not checked".to_owned(),
            Self::Grant { height, span } => grant_en(*height, span),
            Self::GrantUncertain => "the scope and count of the authorization were not checked".to_owned(),
            Self::NoTimestamp => "no time stamp token is attached; not assessed".to_owned(),
            Self::NoStatus => "the status of a registration certificate was not examined; not assessed".to_owned(),
            Self::NoGrant => "authorizations were not examined; not assessed".to_owned(),
            Self::PreChain => "no collection materials are attached; this tool does not judge what happened before the record reached the chain".to_owned(),
            Self::Platform => "no platform dossier is attached; not assessed".to_owned(),
            Self::NoDoubtWindow => "no material on compromise of signing keys declared after the height is attached; not assessed".to_owned(),
        }
    }
}

/// What a file was saved as, and what to do about it.
fn marked_zh(Reencoded { encoding, is_compact }: Reencoded) -> String {
    let (name, _) = encoding.name();
    match (encoding, is_compact) {
        (Encoding::Utf8Marked, false) => {
            "证据包以字节顺序标记（BOM）开头，未能核验；请使用取得时的原文件，或另存为不带该标记的 UTF-8".to_owned()
        }
        (Encoding::Utf8Marked, true) => {
            "紧凑形式的证据包之前加有字节顺序标记（BOM），未能核验；紧凑形式不是文本，请使用取得时的原文件，或重新取得"
                .to_owned()
        }
        (Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Utf32Le | Encoding::Utf32Be, false) => {
            format!("证据包已被另存为 {name}，未能核验；请使用取得时的原文件，或另存为不带字节顺序标记（BOM）的 UTF-8")
        }
        (Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Utf32Le | Encoding::Utf32Be, true) => format!(
            "紧凑形式的证据包已被另存为 {name}，未能核验；紧凑形式不是文本，不能由此复原，请使用取得时的原文件，或重新取得"
        ),
    }
}

fn marked_en(Reencoded { encoding, is_compact }: Reencoded) -> String {
    let (_, name) = encoding.name();
    match (encoding, is_compact) {
        (Encoding::Utf8Marked, false) => "the bundle begins with a byte-order mark; not checked; use the file as it was obtained, or save it as UTF-8 without one".to_owned(),
        (Encoding::Utf8Marked, true) => "the bundle, in the compact form, stands behind a byte-order mark; not checked; the compact form is no text: use the file as it was obtained, or obtain it again".to_owned(),
        (Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Utf32Le | Encoding::Utf32Be, false) => {
            format!("the bundle was saved as {name}; not checked; use the file as it was obtained, or save it as UTF-8 without a byte-order mark")
        }
        (Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Utf32Le | Encoding::Utf32Be, true) => {
            format!("the bundle, in the compact form, was saved as {name}; not checked; the compact form is no text and cannot be restored from this: use the file as it was obtained, or obtain it again")
        }
    }
}

fn inclusion_mismatch_zh(height: Height) -> String {
    format!("所附证明不能说明该记录包含于高度 {height} 的区块或状态")
}

fn inclusion_uncertain_zh(height: Height) -> String {
    format!("区块头未获确认，不能判断该记录是否包含于高度 {height}")
}

fn in_state_zh(height: Height, span: &ProvenSpan, row: Option<&Row>) -> String {
    let row = row.map(|row| format!("（{}）", row.zh)).unwrap_or_default();
    format!("该记录包含于高度 {height} 的状态{row}；{}", spans::stands_zh(span))
}

fn in_state_en(height: Height, span: &ProvenSpan, row: Option<&Row>) -> String {
    let row = row.map(|row| format!(" ({})", row.en)).unwrap_or_default();
    format!("the record is contained in the state of height {height}{row}; {}", spans::stands_en(span))
}

fn absent_zh(height: Height, span: &ProvenSpan, row: &Row) -> String {
    format!("截至高度 {height} 账本无该键记录（{}）；{}", row.zh, spans::nothing_zh(span))
}

fn absent_en(height: Height, span: &ProvenSpan, row: &Row) -> String {
    let row = &row.en;
    format!("as of height {height} the ledger holds no record under this key ({row}); {}", spans::nothing_en(span))
}

fn grant_zh(height: Height, span: &ProvenSpan) -> String {
    format!("截至高度 {height} 授权范围、次数如列；{}", spans::stands_zh(span))
}

fn grant_en(height: Height, span: &ProvenSpan) -> String {
    let span = spans::stands_en(span);
    format!("as of height {height} the scope and count of the authorization are as listed; {span}")
}

/// Power decides; where all have the same, counting them says it.
fn quorum_zh(signed: u32, total: u32, names: &[String], power: Option<[u64; 3]>) -> String {
    let names = foreign::list(names.iter().map(String::as_str), "、");
    let power = power.map_or_else(String::new, |[signed, total, quorum]| {
        format!("按投票权计：已签名 {signed}，总计 {total}，法定阈值 {quorum}；签名者 ")
    });
    format!("区块头经该高度法定阈值验证者签名（{power}{signed}/{total}：{names}）")
}

fn quorum_en(signed: u32, total: u32, names: &[String], power: Option<[u64; 3]>) -> String {
    let names = foreign::list(names.iter().map(String::as_str), ", ");
    let power = power.map_or_else(String::new, |[signed, total, quorum]| {
        format!("power {signed} of {total}, quorum {quorum}; signers ")
    });
    format!(
        "the header is signed by the required quorum of the validators of its height ({power}{signed}/{total}: {names})"
    )
}

fn time_zh(height: Height, time_ms: u64, certified_height: Height, certified_ms: u64) -> String {
    let (stated, certified) = (Moment::known(height, time_ms).stated_zh(), shanghai_time(certified_ms));
    format!("{stated}；不晚于 {certified} 已上链（认证该结果的区块时间，高度 {certified_height}）")
}

fn time_en(height: Height, time_ms: u64, certified_height: Height, certified_ms: u64) -> String {
    let (stated, certified) = (Moment::known(height, time_ms).stated_en(), shanghai_time(certified_ms));
    format!(
        "{stated}; on the chain not later than {certified} (time of the block that certifies the result, height {certified_height})"
    )
}

fn absence_mismatch_zh(height: Height) -> String {
    format!("所附证明不能说明截至高度 {height} 账本无该键记录")
}

fn other_names_zh(count: u64) -> String {
    format!("清单所列 {count} 份文件的内容均已提交，但有文件的名称与清单不同，未评价清单是否齐全")
}

fn status_zh(height: Height, time_ms: u64, span: &ProvenSpan, standing: &Standing) -> String {
    let (Standing { subject_zh, status_zh, .. }, moment) = (standing, Moment::known(height, time_ms).zh());
    let span = spans::stands_zh(span);
    format!("截至{moment}{subject_zh}状态为{status_zh}；{span}；不说明此后的状态")
}

fn status_en(height: Height, time_ms: u64, span: &ProvenSpan, standing: &Standing) -> String {
    let (Standing { subject_en, status_en, .. }, moment) = (standing, Moment::known(height, time_ms).en());
    let span = spans::stands_en(span);
    format!("as of {moment} the status of {subject_en} is {status_en}; {span}; this says nothing about later times")
}

fn list(keys: &[KeyId], separator: &str) -> String {
    let texts: Vec<String> = keys.iter().map(KeyId::to_string).collect();
    texts.join(separator)
}
