//! What an applicant states about a data set: descriptions and commitments, never the data (domain invariant G1).

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{Digest, List, Text};
use serde::{Deserialize, Serialize};

use super::types::RegistrationId;
use crate::domain::{Commitment, Day, Region, Sector};
use crate::identity::OrgId;

/// Bytes of a title.
pub const TITLE_BYTES_MAX: u32 = 256;
/// Bytes of a summary.
pub const SUMMARY_BYTES_MAX: u32 = 2048;
/// Bytes of a restriction or the scope of a right.
pub const TERMS_BYTES_MAX: u32 = 1024;
/// Bytes of a short label: name of a field, unit, format, place of storage, frequency.
pub const LABEL_BYTES_MAX: u32 = 128;
/// Fields of a data set.
pub const FIELDS_MAX: u32 = 128;
/// Holders of one certificate.
pub const HOLDERS_MAX: u32 = 8;
/// Commitments to documents of one kind.
pub const DOCUMENTS_MAX: u32 = 16;
/// Certificates that one data set is derived from.
pub const SOURCES_MAX: u32 = 16;

/// How the applicant came by the data.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SourceClass {
    /// 依法履职
    #[serde(alias = "依法履职")]
    PublicDuty = 1,
    /// 自行采集
    #[serde(alias = "自行采集")]
    OwnCollection = 2,
    /// 生产经营产生
    #[serde(alias = "生产经营产生")]
    Business = 3,
    /// 协议取得
    #[serde(alias = "协议取得")]
    Agreement = 4,
    /// 授权运营
    #[serde(alias = "授权运营")]
    AuthorizedOperation = 5,
    /// 加工衍生
    #[serde(alias = "加工衍生")]
    Derived = 6,
    /// 公开收集
    #[serde(alias = "公开收集", alias = "公开")]
    PublicSource = 7,
}

/// Class of the data (GB/T 43697-2024; Data Security Law art. 21), from least to most protected.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum DataClass {
    /// 未分级: may be applied for, not issued.
    #[serde(alias = "未分级")]
    Unclassified = 0,
    /// 一般数据 1 级
    #[serde(alias = "一般数据-1")]
    General1 = 1,
    /// 一般数据 2 级
    #[serde(alias = "一般数据-2")]
    General2 = 2,
    /// 一般数据 3 级
    #[serde(alias = "一般数据-3")]
    General3 = 3,
    /// 一般数据 4 级
    #[serde(alias = "一般数据-4")]
    General4 = 4,
    /// 疑似重要数据: must be resolved before issue.
    #[serde(alias = "重要数据(疑似)")]
    ImportantSuspected = 5,
    /// 重要数据
    #[serde(alias = "重要数据")]
    Important = 6,
    /// 核心数据: never registered for circulation.
    #[serde(alias = "核心数据")]
    Core = 7,
}

/// Personal information in the data, from least to most protected (Personal Information Protection Law art. 28).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PersonalLevel {
    /// None.
    None = 0,
    /// De-identified (去标识化).
    Deidentified = 1,
    /// Personal information.
    Personal = 2,
    /// Sensitive personal information.
    Sensitive = 3,
}

/// What a field says about whom.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum FieldSubject {
    /// Nobody.
    None = 0,
    /// An organization.
    Org = 1,
    /// A de-identified person.
    Deidentified = 2,
    /// A person.
    Personal = 3,
    /// A person's health.
    Health = 4,
    /// Other sensitive personal information.
    Sensitive = 5,
}

/// Whether public data are open (only kinds of public data).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Openness {
    /// 无条件开放
    #[serde(alias = "无条件开放")]
    Open = 1,
    /// 有条件开放
    #[serde(alias = "有条件开放")]
    Conditional = 2,
    /// 不予开放
    #[serde(alias = "不予开放")]
    Closed = 3,
}

/// How public data are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum AccessMethod {
    /// Download without asking.
    Open = 1,
    /// On application.
    Apply = 2,
    /// Through a licensed operator.
    AuthorizedOperation = 3,
}

/// One field of a data set: its description, never its content.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Name in Chinese.
    pub name_zh: Text<LABEL_BYTES_MAX>,
    /// Name in English or in the system.
    pub name_en: Text<LABEL_BYTES_MAX>,
    /// Type of its values.
    #[serde(rename = "type")]
    pub data_type: Text<LABEL_BYTES_MAX>,
    /// Unit of its values, if they have one.
    #[serde(default)]
    pub unit: Option<Text<LABEL_BYTES_MAX>>,
    /// What it says about whom.
    #[serde(rename = "pi")]
    pub subject: FieldSubject,
}

/// Conditions on operating the data as a business.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperateTerms {
    /// What may be done.
    pub scope: Text<TERMS_BYTES_MAX>,
    /// Whether nobody else may.
    pub is_exclusive: bool,
    /// Last day, if limited.
    #[serde(default)]
    pub until: Option<Day>,
    /// Where, if limited.
    #[serde(default)]
    pub region: Option<Region>,
}

/// The rights a holder claims. Data are not rival: each right stands alone, and none of them is ownership.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// 数据资源持有权
    pub hold: bool,
    /// 数据加工使用权
    #[serde(rename = "use")]
    pub process: bool,
    /// 数据产品经营权
    pub operate: bool,
    /// Conditions on operating.
    #[serde(default)]
    pub operate_terms: Option<OperateTerms>,
}

/// A licence (授权运营协议) that the data rest on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceRef {
    /// Its number.
    pub reference: Text<LABEL_BYTES_MAX>,
    /// Its last day: no certificate that rests on it is valid longer (domain invariant G10).
    pub valid_to: Day,
}

/// An applicant's statement.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dossier {
    /// Title in Chinese.
    pub title_zh: Text<TITLE_BYTES_MAX>,
    /// Title in English.
    #[serde(default)]
    pub title_en: Text<TITLE_BYTES_MAX>,
    /// What the data are.
    pub summary_zh: Text<SUMMARY_BYTES_MAX>,
    /// Who is to hold the certificate, at least one, each once.
    pub holders: List<OrgId, HOLDERS_MAX>,
    /// Who acts for the applicant, if anybody.
    #[serde(default)]
    pub agent: Option<OrgId>,
    /// Region of the data (GB/T 2260).
    pub region: Region,
    /// Industry (GB/T 4754).
    pub sector: Sector,
    /// Field of application (应用领域), such as 交通运输.
    #[serde(default)]
    pub application_field: Text<LABEL_BYTES_MAX>,
    /// How the applicant came by the data.
    pub source_class: SourceClass,
    /// Commitments to proofs of the source.
    #[serde(default)]
    pub source_proofs: List<Commitment, DOCUMENTS_MAX>,
    /// Certificates the data are derived from, each once.
    #[serde(default)]
    pub derived_from: List<RegistrationId, SOURCES_MAX>,
    /// Licence the data rest on.
    #[serde(default)]
    pub licence: Option<LicenceRef>,
    /// Class.
    pub data_class: DataClass,
    /// Personal information in the data.
    pub pi_level: PersonalLevel,
    /// Rights claimed.
    pub rights: Rights,
    /// Fields.
    pub fields: List<Field, FIELDS_MAX>,
    /// Commitment to the schema.
    pub schema: Commitment,
    /// Commitment to a sample.
    #[serde(default)]
    pub sample: Option<Commitment>,
    /// Root over the data set's files.
    pub manifest_root: Commitment,
    /// Commitment to the rules of processing.
    #[serde(default)]
    pub processing_rule: Option<Commitment>,
    /// Commitment to the signed undertaking (登记承诺书).
    #[serde(default)]
    pub undertaking: Option<Commitment>,
    /// Evidence notarized before the application: root of its record in module `evidence`.
    #[serde(default)]
    pub prior_evidence: Option<Digest>,
    /// Commitments to reports of agencies (合规, 质量, 安全, 价值).
    #[serde(default)]
    pub attestations: List<Commitment, DOCUMENTS_MAX>,
    /// Records in the data set; 0 for services.
    pub record_count: u64,
    /// Size of the data set, bytes.
    pub size_bytes: u64,
    /// Period covered.
    #[serde(default)]
    pub coverage: Text<LABEL_BYTES_MAX>,
    /// How often the data are updated.
    #[serde(default)]
    pub update_frequency: Text<LABEL_BYTES_MAX>,
    /// Format.
    #[serde(default)]
    pub format: Text<LABEL_BYTES_MAX>,
    /// Where the data are kept.
    #[serde(default)]
    pub storage: Text<LABEL_BYTES_MAX>,
    /// Whether public data are open.
    #[serde(default)]
    pub openness: Option<Openness>,
    /// How public data are reached.
    #[serde(default)]
    pub access_method: Option<AccessMethod>,
    /// Restrictions on use.
    #[serde(default)]
    pub restrictions: Text<TERMS_BYTES_MAX>,
}

impl Dossier {
    /// Whether a change from `self` to `later` needs a new public notice (domain invariant R4): fields, schema, source, class,
    /// personal information or rights differ.
    #[must_use]
    pub fn is_material_change(&self, later: &Self) -> bool {
        self.fields != later.fields
            || self.schema != later.schema
            || self.manifest_root != later.manifest_root
            || self.source_class != later.source_class
            || self.source_proofs != later.source_proofs
            || self.derived_from != later.derived_from
            || self.licence != later.licence
            || self.data_class != later.data_class
            || self.pi_level != later.pi_level
            || self.rights != later.rights
            || self.processing_rule != later.processing_rule
    }
}
