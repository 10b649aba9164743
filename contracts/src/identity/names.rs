//! Names of organizations, their kinds and roles.

use core::fmt;
use core::str::FromStr;

use borsh::io::{Error, ErrorKind, Read};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Bytes of an organization id.
pub const ORG_ID_BYTES_MAX: u32 = 64;

/// Id of an organization on this chain, such as `ORG-GOV-DATA`: 1 to 64 of `A`–`Z`, `0`–`9`, `-`, `_` and `.`, beginning with a
/// letter or digit. Capitals only, so that two ids never differ by case alone. Encoded like a text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrgId(String);

/// A text that is not an organization id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOrgId;

impl fmt::Display for InvalidOrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an organization id is 1 to 64 of A–Z, 0–9, '-', '_', '.', and begins with a letter or digit")
    }
}

impl core::error::Error for InvalidOrgId {}

impl OrgId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`InvalidOrgId`].
    pub fn new(text: &str) -> Result<Self, InvalidOrgId> {
        let is_word = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        let is_valid = text.len() <= ORG_ID_BYTES_MAX as usize
            && text.bytes().next().is_some_and(is_word)
            && text.bytes().all(|b| is_word(b) || matches!(b, b'-' | b'_' | b'.'));
        if is_valid { Ok(Self(text.to_owned())) } else { Err(InvalidOrgId) }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrgId {
    type Err = InvalidOrgId;

    fn from_str(text: &str) -> Result<Self, InvalidOrgId> {
        Self::new(text)
    }
}

impl TryFrom<String> for OrgId {
    type Error = InvalidOrgId;

    fn try_from(text: String) -> Result<Self, InvalidOrgId> {
        Self::new(&text)
    }
}

impl From<OrgId> for String {
    fn from(id: OrgId) -> Self {
        id.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BorshDeserialize for OrgId {
    fn deserialize_reader<R: Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let text = quancheng_types::Text::<ORG_ID_BYTES_MAX>::deserialize_reader(reader)?;
        Self::new(&text).map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }
}

/// What an organization is. It decides which materials it files and what it may never do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum OrgType {
    /// 政府部门: may hold and license data; may not list it or receive proceeds.
    GovDepartment = 1,
    /// 事业单位.
    PublicInstitution = 2,
    /// 国有企业.
    EnterpriseSoe = 3,
    /// 民营企业.
    EnterprisePrivate = 4,
    /// 银行.
    Bank = 5,
    /// 第三方服务机构.
    ServiceAgency = 6,
    /// 公证机构.
    Notary = 7,
    /// 法院.
    Court = 8,
    /// 仲裁机构.
    Arbitration = 9,
    /// 信息系统, acting by its own key (gateways, time stamp authorities).
    System = 10,
}

impl OrgType {
    /// Whether it is a public unit: a department or a public institution (行政事业单位).
    #[must_use]
    pub const fn is_public_unit(self) -> bool {
        matches!(self, Self::GovDepartment | Self::PublicInstitution)
    }
}

/// Class of a data merchant (数商).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum MerchantClass {
    /// 技术型.
    #[serde(alias = "技术型")]
    Technical = 1,
    /// 服务型.
    #[serde(alias = "服务型")]
    Service = 2,
    /// 应用型.
    #[serde(alias = "应用型")]
    Application = 3,
}

/// What an organization may do. Each role is granted by the lawful grantor that [`Role::grantor`] names, for a period.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Role {
    /// Runs a validator node. The validator set itself changes by vote only.
    Validator = 1,
    /// 监管 (data bureau and its like): verifies and activates organizations, grants roles, suspends and revokes.
    Supervisor = 2,
    /// 实施机构 of authorised operation of public data.
    ImplementingBody = 3,
    /// 国库 / 财政.
    Treasury = 4,
    /// Issues data-element vouchers.
    VoucherIssuer = 5,
    /// Registers public data, data resources and data assets.
    Registrar = 6,
    /// Registers data products (filed exchange).
    RegistrarProduct = 7,
    /// Registers data intellectual property (market regulation).
    RegistrarDataIp = 8,
    /// Supplies public data.
    DataSupplier = 9,
    /// Reviews export of data.
    ExportReviewer = 10,
    /// Runs an exchange.
    Exchange = 11,
    /// Operates licensed public data.
    PublicDataOperator = 12,
    /// 数商.
    DataMerchant = 13,
    /// Gateway of 泉融通.
    FinanceGateway = 14,
    /// Buys data.
    DataBuyer = 15,
    /// Lends against data.
    Lender = 16,
    /// Confirms settlements.
    SettlementBank = 17,
    /// 合规认证.
    ComplianceAssessor = 18,
    /// 安全审计.
    SecurityAuditor = 19,
    /// 质量评价.
    QualityEvaluator = 20,
    /// 价值评估.
    Valuer = 21,
    /// 数据托管.
    Custodian = 22,
    /// 数据保险.
    Insurer = 23,
    /// 公证.
    Notary = 24,
    /// Collects electronic evidence.
    Collector = 25,
    /// 法院: only a court orders preservation (保全).
    Court = 26,
    /// Verifies evidence.
    Verifier = 27,
    /// 仲裁.
    Arbitration = 28,
    /// 时间戳机构.
    Tsa = 29,
    /// 服务中心: admits data merchants.
    ServiceCentre = 30,
    /// Vouches for pseudonymous persons off chain.
    IdentityProvider = 31,
}

/// Who may grant a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grantor {
    /// Only a vote of the validators' organizations.
    Governance,
    /// An organization with this role, or a vote.
    Holder(Role),
    /// An organization with either role, or a vote.
    Either(Role, Role),
}

impl Role {
    /// The lawful grantor (domain model §2.1).
    #[must_use]
    pub const fn grantor(self) -> Grantor {
        match self {
            Self::Validator | Self::Supervisor | Self::Treasury | Self::Court | Self::Arbitration => {
                Grantor::Governance
            }
            Self::VoucherIssuer | Self::SettlementBank => Grantor::Either(Self::Treasury, Self::Supervisor),
            Self::DataMerchant | Self::DataBuyer => Grantor::Either(Self::ServiceCentre, Self::Supervisor),
            Self::ImplementingBody
            | Self::Registrar
            | Self::RegistrarProduct
            | Self::RegistrarDataIp
            | Self::DataSupplier
            | Self::ExportReviewer
            | Self::Exchange
            | Self::PublicDataOperator
            | Self::FinanceGateway
            | Self::Lender
            | Self::ComplianceAssessor
            | Self::SecurityAuditor
            | Self::QualityEvaluator
            | Self::Valuer
            | Self::Custodian
            | Self::Insurer
            | Self::Notary
            | Self::Collector
            | Self::Verifier
            | Self::Tsa
            | Self::ServiceCentre
            | Self::IdentityProvider => Grantor::Holder(Self::Supervisor),
        }
    }
}

/// Where an organization stands. APPLIED → VERIFIED → ACTIVE ⇄ SUSPENDED → REVOKED; ACTIVE → MERGED / SPLIT / CLOSED; an
/// application may be REJECTED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum OrgStatus {
    /// 已申请.
    Applied = 1,
    /// 已核验: real name and code checked.
    Verified = 2,
    /// 正常.
    Active = 3,
    /// 暂停.
    Suspended = 4,
    /// 撤销, by authority, for good.
    Revoked = 5,
    /// 注销, by itself, for good.
    Closed = 6,
    /// 合并: its successor carries its duties.
    Merged = 7,
    /// 分立: its successors carry its duties.
    Split = 8,
    /// 未通过: the application was turned down; id, code and key are free again.
    Rejected = 9,
}

impl OrgStatus {
    /// Whether the organization still exists as far as the chain knows: its code is taken.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Applied | Self::Verified | Self::Active | Self::Suspended)
    }
}
