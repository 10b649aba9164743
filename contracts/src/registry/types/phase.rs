//! Where a registration stands.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Where a dossier or certificate stands by its transactions. What follows from time and holds is [`Status`].
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Phase {
    /// 已提交
    Submitted = 1,
    /// 待补正
    NeedSupplement = 2,
    /// 已受理
    Accepted = 3,
    /// 审核中
    UnderReview = 4,
    /// 审核通过
    Reviewed = 5,
    /// 公示
    Notice = 6,
    /// 已发证
    Issued = 7,
    /// 不予登记
    Rejected = 8,
    /// 已撤回
    Withdrawn = 9,
    /// 已注销
    Cancelled = 10,
    /// 已撤销
    Revoked = 11,
}

/// Where a dossier or certificate stands at a time: its phase, and what time, holds, objections and requests make of it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Status {
    /// 已提交
    Submitted = 1,
    /// 待补正
    NeedSupplement = 2,
    /// 已受理
    Accepted = 3,
    /// 审核中
    UnderReview = 4,
    /// 审核通过
    Reviewed = 5,
    /// 公示
    Notice = 6,
    /// 异议处理中
    Objected = 7,
    /// 有效
    Active = 8,
    /// 变更中
    ChangePending = 9,
    /// 转移中
    TransferPending = 10,
    /// 续展中
    RenewalPending = 11,
    /// 注销中
    CancelPending = 12,
    /// 中止
    Suspended = 13,
    /// 已届满
    Expired = 14,
    /// 不予登记
    Rejected = 15,
    /// 已撤回
    Withdrawn = 16,
    /// 已注销
    Cancelled = 17,
    /// 已撤销
    Revoked = 18,
}
