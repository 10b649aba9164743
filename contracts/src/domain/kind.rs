//! The kinds of registration certificates.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::ledger_number::KindCode;

/// What a certificate registers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RegistrationKind {
    /// 公共数据资源
    PublicResource = 1,
    /// 公共数据产品
    PublicProduct = 2,
    /// 开放数据集
    OpenDataset = 3,
    /// 数据资源
    DataResource = 4,
    /// 数据产品
    DataProduct = 5,
    /// 数据资产
    DataAsset = 6,
    /// 数据知识产权
    DataIp = 7,
}

impl RegistrationKind {
    /// Every kind, in ascending order of number.
    pub const ALL: [Self; 7] = [
        Self::PublicResource,
        Self::PublicProduct,
        Self::OpenDataset,
        Self::DataResource,
        Self::DataProduct,
        Self::DataAsset,
        Self::DataIp,
    ];

    /// The two letters that ledger numbers of this kind carry.
    #[must_use]
    pub const fn code(self) -> KindCode {
        KindCode::literal(match self {
            Self::PublicResource => *b"PR",
            Self::PublicProduct => *b"PP",
            Self::OpenDataset => *b"OD",
            Self::DataResource => *b"DR",
            Self::DataProduct => *b"DP",
            Self::DataAsset => *b"DA",
            Self::DataIp => *b"IP",
        })
    }

    /// Whether it registers data of public bodies.
    #[must_use]
    pub const fn is_public(self) -> bool {
        matches!(self, Self::PublicResource | Self::PublicProduct | Self::OpenDataset)
    }

    /// The name in Chinese.
    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::PublicResource => "公共数据资源",
            Self::PublicProduct => "公共数据产品",
            Self::OpenDataset => "开放数据集",
            Self::DataResource => "数据资源",
            Self::DataProduct => "数据产品",
            Self::DataAsset => "数据资产",
            Self::DataIp => "数据知识产权",
        }
    }
}

impl fmt::Display for RegistrationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicResource => "PUBLIC_RESOURCE",
            Self::PublicProduct => "PUBLIC_PRODUCT",
            Self::OpenDataset => "OPEN_DATASET",
            Self::DataResource => "DATA_RESOURCE",
            Self::DataProduct => "DATA_PRODUCT",
            Self::DataAsset => "DATA_ASSET",
            Self::DataIp => "DATA_IP",
        })
    }
}

/// What a certificate is relied on for: the five uses of the city's plan (三(二)/2).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ReliancePurpose {
    /// 数据资产入表
    AssetEntry = 1,
    /// 流通交易
    Trading = 2,
    /// 质押融资
    PledgeFinancing = 3,
    /// 会计核算
    Accounting = 4,
    /// 争议仲裁
    DisputeResolution = 5,
}

impl ReliancePurpose {
    /// Every purpose, in ascending order of number.
    pub const ALL: [Self; 5] =
        [Self::AssetEntry, Self::Trading, Self::PledgeFinancing, Self::Accounting, Self::DisputeResolution];
}
