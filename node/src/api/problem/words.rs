//! The words of problems, in Chinese and English.

use quancheng_proof::report::{length_en, length_zh, shanghai_time};
use quancheng_types::{Height, TransactionError, TransactionId, problem as codes};

use super::super::known::KnownUntil;
use super::super::language::Language;
use super::super::outcome::RefusalView;
use super::ApiError;
use crate::admission::AdmissionError;

/// Code, Chinese title, English title.
const TITLES: &[(&str, &str, &str)] = &[
    (codes::BACKUP_FAILED, "备份失败", "Backup failed"),
    (codes::BACKUP_RUNNING, "正在备份", "Backup running"),
    (codes::BAD_SIGNATURE, "签名无效", "Bad signature"),
    (codes::BODY_TIMEOUT, "请求体接收超时", "Request body too slow"),
    (codes::CALL_REFUSED, "调用被拒绝", "Call refused"),
    (codes::EXPIRED, "交易已过有效期", "Transaction expired"),
    (codes::HEIGHT_NOT_REACHED, "尚未到达该高度", "Height not reached yet"),
    (codes::INTERNAL, "节点内部错误", "Internal error"),
    (codes::INVALID_PARAMETER, "参数无效", "Invalid parameter"),
    (codes::KEY_NOT_AUTHORIZED, "密钥无权代表该账户", "Key not authorized"),
    (codes::LIFETIME_TOO_LONG, "有效期过长", "Lifetime too long"),
    (codes::MALFORMED, "内容无法解析", "Malformed content"),
    (codes::MALFORMED_CALL, "调用内容无法解析", "Malformed call"),
    (codes::METHOD_NOT_ALLOWED, "不支持该请求方法", "Method not allowed"),
    (codes::NOT_A_MEMBER, "账户未登记为链上成员", "Not a member"),
    (codes::NOT_A_VALIDATOR, "本节点不是验证节点", "Not a validator"),
    (codes::NOT_CERTIFIED_YET, "尚未获得法定多数认证", "Not certified yet"),
    (codes::NOT_FOUND, "未找到", "Not found"),
    (codes::NO_SUCH_PATH, "没有该路径", "No such path"),
    (codes::OVERLOADED, "节点繁忙", "Overloaded"),
    (codes::PRUNED, "历史数据已清理", "Pruned"),
    (codes::NOT_KEPT, "历史不留存证明", "Past not provable"),
    (codes::QUOTA_EXCEEDED, "超出配额", "Quota exceeded"),
    (codes::SNAPSHOT_FAILED, "快照失败", "Snapshot failed"),
    (codes::SNAPSHOT_RUNNING, "正在制作快照", "Snapshot running"),
    (codes::STARTING, "节点正在启动", "Starting"),
    (codes::STOPPING, "节点正在停止", "Stopping"),
    (codes::STORE_FAILED, "存储故障", "Store failed"),
    (codes::TIMEOUT, "处理超时", "Timeout"),
    (codes::TOO_HEAVY, "交易执行权重过大", "Transaction too heavy"),
    (codes::TOO_LARGE, "内容过大", "Too large"),
    (codes::TRANSACTION_UNKNOWN, "未知交易", "Unknown transaction"),
    (codes::UNKNOWN_MODULE, "没有该合约模块", "Unknown module"),
    (codes::UNSUPPORTED_MEDIA_TYPE, "不支持的媒体类型", "Unsupported media type"),
    (codes::WRONG_CHAIN, "交易属于另一条链", "Wrong chain"),
];

/// The title of a code.
pub(super) fn title(code: &str, language: Language) -> &'static str {
    match (TITLES.iter().find(|(name, ..)| *name == code), language) {
        (Some((_, zh, _)), Language::Zh) => zh,
        (Some((.., en)), Language::En) => en,
        (None, Language::Zh) => "请求失败",
        (None, Language::En) => "Request failed",
    }
}

/// What happened here.
pub(super) fn detail(error: &ApiError, language: Language) -> String {
    match language {
        Language::Zh => zh(error),
        Language::En => en(error),
    }
}

fn en(error: &ApiError) -> String {
    match error {
        ApiError::NotFound { what } => format!("there is no {what}"),
        ApiError::NoPath { path } => {
            format!(
                "there is no path {path} at this address; GET /v1/openapi.json at a public address lists those there are"
            )
        }
        ApiError::MethodNotAllowed => {
            "this path does not answer this method; the Allow header lists those it does".to_owned()
        }
        ApiError::TransactionUnknown { id, until } => unknown_en(*id, until),
        ApiError::UnsupportedMediaType { found, allowed } => {
            format!("Content-Type `{found}` is not read here; send {allowed}")
        }
        ApiError::Malformed { reason } => format!("the body does not decode: {reason}"),
        ApiError::TooLarge { bytes_max } => {
            format!("the body exceeds the limit of {bytes_max} bytes for this path")
        }
        ApiError::BodyTimeout => "the body did not arrive in time; send it again over a faster connection".to_owned(),
        ApiError::InvalidParameter { name, reason } => format!("parameter `{name}`: {reason}"),
        ApiError::Pruned { height, lowest } => {
            format!(
                "what is asked for of height {height} is no longer kept here, the lowest height is {lowest}; ask an archive node"
            )
        }
        ApiError::NotKept { height } => {
            format!(
                "this entry is of a derived table; what it was at height {height} has no proof on any node, ask without a height"
            )
        }
        ApiError::NotReached { height } => {
            format!("height {height} is not executed here yet; ask again later")
        }
        ApiError::NotCertifiedYet { height } => {
            format!("no final header certifies the results of height {height} yet; ask again in a moment")
        }
        ApiError::TooManyClaims { count, max } => {
            format!(
                "the answer rests on {count} state entries, a bundle proves at most {max}; ask for a smaller page (limit)"
            )
        }
        ApiError::Admission(AdmissionError::Refused { module, code, call }) => {
            let refusal = RefusalView::new(*module, *code, *call);
            format!("call {call} is refused by module {} with {} ({code}): {}", module, refusal.name, refusal.text_en)
        }
        ApiError::Admission(error) => error.to_string(),
        ApiError::Overloaded { what, retry_after_ms } => {
            format!("this node has too many {what}; try again in {} or ask another node", length_en(*retry_after_ms))
        }
        ApiError::BackupRunning => "a backup of this node is being made; GET /backup tells when it is done".to_owned(),
        ApiError::Backup(error) => error.en(),
        ApiError::SnapshotRunning => {
            "a snapshot of this node is being made; GET /snapshot tells when it is done".to_owned()
        }
        ApiError::Snapshot { en, .. } => en.clone(),
        ApiError::Starting { newest: Height::GENESIS, .. } => {
            "this node is opening its store; try again in a second or ask another node".to_owned()
        }
        ApiError::Starting { executed, newest } => format!(
            "this node is starting and executes its blocks again, height {executed} of {newest}; try again later or ask another node"
        ),
        ApiError::Stopping => "this node is stopping; ask another node".to_owned(),
        ApiError::Timeout => {
            "no answer in time; the transaction, if there was one, keeps its id: ask for its status".to_owned()
        }
        ApiError::Store(error) => format!("the store of this node failed: {error}"),
        ApiError::Internal { reason } => {
            format!("a fault inside this node ({reason}); please report it")
        }
    }
}

/// Names of records in Chinese; what a record is called by stays as it is.
const NOUNS: &[(&str, &str)] = &[
    ("answer of module ", "答复，模块 "),
    ("block ", "区块 "),
    ("calendar of ", "工作日历 "),
    ("evidence ", "存证 "),
    ("organization ", "组织 "),
    ("proposal ", "提案 "),
    ("record of account ", "账户记录 "),
    ("registration ", "登记 "),
    ("rule set ", "规则集 "),
    ("such part of a snapshot of height ", "快照的该部分，高度 "),
    ("validator set of height ", "该高度的验证节点集合，高度 "),
];

fn what_zh(what: &str) -> String {
    let named = NOUNS.iter().find_map(|(en, zh)| what.strip_prefix(en).map(|name| format!("{zh}{name}")));
    named.unwrap_or_else(|| format!(" {what}"))
}

fn zh(error: &ApiError) -> String {
    match error {
        ApiError::NotFound { what } => format!("没有{}", what_zh(what)),
        ApiError::NoPath { path } => {
            format!("此地址没有路径 {path}；公共接口的路径见 GET /v1/openapi.json")
        }
        ApiError::MethodNotAllowed => "该路径不支持此请求方法，支持的方法见 Allow 响应头".to_owned(),
        ApiError::TransactionUnknown { id, until } => unknown_zh(*id, until),
        ApiError::UnsupportedMediaType { found, allowed } => {
            format!("此处不接受 Content-Type `{found}`，请使用 {allowed}")
        }
        ApiError::Malformed { reason } => format!("请求体无法解析：{reason}"),
        ApiError::TooLarge { bytes_max } => format!("请求体超过该路径 {bytes_max} 字节的上限"),
        ApiError::BodyTimeout => "请求体未在规定时间内到达，请检查网络后重发".to_owned(),
        ApiError::InvalidParameter { name, reason } => format!("参数 `{name}` 无效：{reason}"),
        ApiError::Pruned { height, lowest } => {
            format!("本节点不再保留高度 {height} 的此项数据，最低可查高度为 {lowest}；请查询归档节点")
        }
        ApiError::NotKept { height } => {
            format!("该条目属于派生表，任何节点都不能证明其在高度 {height} 的内容；请不指定高度再试")
        }
        ApiError::NotReached { height } => format!("本节点尚未执行到高度 {height}，请稍后再试"),
        ApiError::NotCertifiedYet { height } => {
            format!("高度 {height} 的执行结果尚无最终区块头认证，请稍候再试")
        }
        ApiError::TooManyClaims { count, max } => {
            format!("该答复依据 {count} 项状态，而一个证据包最多证明 {max} 项；请减小 limit")
        }
        ApiError::Admission(error) => admission_zh(error),
        ApiError::Overloaded { what, retry_after_ms } => {
            format!("本节点繁忙（{what}），请在 {}后重试或改用其他节点", length_zh(*retry_after_ms))
        }
        ApiError::BackupRunning => "本节点正在备份，GET /backup 可查询其进度".to_owned(),
        ApiError::Backup(error) => error.zh(),
        ApiError::SnapshotRunning => "本节点正在制作快照，GET /snapshot 可查询其进度".to_owned(),
        ApiError::Snapshot { zh, .. } => zh.clone(),
        ApiError::Starting { newest: Height::GENESIS, .. } => "本节点正在打开存储，请稍后重试或改用其他节点".to_owned(),
        ApiError::Starting { executed, newest } => {
            format!("本节点正在启动，重新执行区块：高度 {executed}，共 {newest}；请稍后重试或改用其他节点")
        }
        ApiError::Stopping => "本节点正在停止，请改用其他节点".to_owned(),
        ApiError::Timeout => "未能及时答复；如已提交交易，其编号仍然有效，请按编号查询状态".to_owned(),
        ApiError::Store(_) => "本节点存储故障，详情见 causes；请联系节点运维人员".to_owned(),
        ApiError::Internal { .. } => "本节点内部错误，详情见 causes；请反馈".to_owned(),
    }
}

fn unknown_en(id: TransactionId, until: &KnownUntil) -> String {
    match until.from_height {
        None => {
            format!("this node knows nothing of transaction {id}: it was not admitted here and is in no executed block")
        }
        Some(lowest) => format!(
            "this node knows nothing of transaction {id}; it joined by a snapshot and knows those executed from height {lowest} on: if it may \
             have been executed before, ask an archive node"
        ),
    }
}

fn unknown_zh(id: TransactionId, until: &KnownUntil) -> String {
    match until.from_height {
        None => format!("本节点没有交易 {id} 的任何记录：既未在此受理，也不在已执行的区块中"),
        Some(lowest) => format!(
            "本节点没有交易 {id} 的任何记录；本节点以快照加入，仅知自高度 {lowest} 起执行的交易：如可能更早执行，请查询归档节点"
        ),
    }
}

fn admission_zh(error: &AdmissionError) -> String {
    match error {
        AdmissionError::Malformed(error) => format!("不是已签名交易的规范编码：{error}"),
        AdmissionError::TooLarge { bytes, max } => {
            format!("交易 {bytes} 字节，超过本链上限 {max} 字节，请拆分")
        }
        AdmissionError::TooHeavy { weight, max } => {
            format!(
                "交易权重 {weight}，超过本链上限 transaction_weight_max = {max}；请减少调用数或每次调用的关联数，拆分为多笔"
            )
        }
        AdmissionError::Transaction(error) => transaction_zh(error),
        AdmissionError::Expired { valid_until_ms, now_ms } => {
            format!(
                "交易有效期至 {}，当前时间为 {}，已过期 {}；请以更晚的 valid_until_ms 重新签名，并核对本机时钟",
                shanghai_time(*valid_until_ms),
                shanghai_time(*now_ms),
                length_zh(now_ms.saturating_sub(*valid_until_ms))
            )
        }
        AdmissionError::LifetimeTooLong { valid_until_ms, latest_ms } => {
            format!(
                "交易有效期至 {}，目前至迟可为 {}，超出 {}；请缩短有效期后重新签名，并核对本机时钟",
                shanghai_time(*valid_until_ms),
                shanghai_time(*latest_ms),
                length_zh(valid_until_ms.saturating_sub(*latest_ms))
            )
        }
        AdmissionError::UnknownModule { module } => format!("本链没有编号为 {module} 的合约模块"),
        AdmissionError::Refused { module, code, call } => {
            let refusal = RefusalView::new(*module, *code, *call);
            format!("第 {call} 个调用被模块 {module} 拒绝，{}（{code}）：{}", refusal.name, refusal.text_zh)
        }
        AdmissionError::Overloaded { retry_after_ms } => {
            format!("本节点待处理交易过多，请在 {}后重试，或提交至其他验证节点", length_zh(*retry_after_ms))
        }
        AdmissionError::QuotaExceeded { whose, retry_after_ms } => {
            let wait = length_zh(*retry_after_ms);
            format!("{}在本节点待处理的交易过多或过重，请等待其结果，或在 {wait}后重试", whose.zh())
        }
        AdmissionError::NotAValidator => "本节点目前不是在任验证节点，不受理交易，请提交至验证节点".to_owned(),
        AdmissionError::Starting { retry_after_ms } => {
            format!(
                "本节点刚启动，尚未与法定多数的验证节点取得联系，请在 {}后重试，或提交至其他验证节点",
                length_zh(*retry_after_ms)
            )
        }
        AdmissionError::Stopping => "本节点正在停止，请提交至其他验证节点".to_owned(),
        AdmissionError::Store(_) => "本节点存储故障，详情见 causes；请提交至其他验证节点".to_owned(),
    }
}

fn transaction_zh(error: &TransactionError) -> String {
    match error {
        TransactionError::WrongChain { expected, found } => {
            format!("交易面向链 {found}，本链为 {expected}")
        }
        TransactionError::NoSigner => "交易没有签名人".to_owned(),
        TransactionError::NoCall => "交易没有调用".to_owned(),
        TransactionError::SignatureCount { signers, signatures } => {
            format!("{signers} 个签名人需要 {signers} 个签名，实有 {signatures} 个")
        }
        TransactionError::KeyMismatch { index } => {
            format!("第 {index} 个签名所附公钥与签名人声明的密钥不符")
        }
        TransactionError::RepeatedSigner { index } => format!("第 {index} 个签名人重复"),
        TransactionError::Signature { index, error } => format!("第 {index} 个签名无效：{error}"),
    }
}
