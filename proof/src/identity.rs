//! Who an account is, by the rows of the identity tables that a bundle proves.
//!
//! The rows are the identity module's business; only what a court asks of them is read here: of an account its organization and
//! keys, of an organization its id, code, names and status. A test of the contracts compares both readings.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::codec::decode;
use quancheng_types::{AccountId, Height, KeyId, List, ModuleId, PublicKey, Suite, Text};
use serde::Serialize;

use crate::bundle::VALUE_BYTES_MAX;
use crate::foreign::quoted;
use crate::tables::{self, Form};

/// Number of the module of organizations and accounts.
pub const IDENTITY_MODULE: ModuleId = ModuleId(1);
/// Number of its table of organizations; the key is the organization's id.
pub const ORGANIZATION_TABLE: u16 = 1;
/// Number of its table of accounts; the key is the account.
pub const ACCOUNT_TABLE: u16 = 2;
/// Number of its table of owners of signing keys; the key is the hash of the signing key, the value the account it is bound to.
pub const KEY_OWNER_TABLE: u16 = 3;
/// Use of a key that signs transactions.
pub(crate) const USE_SIGN: u8 = 1;
/// Uses of keys.
const USE_MAX: u8 = 4;

/// Full state key of an account's row.
#[must_use]
pub fn account_key(account: &AccountId) -> Vec<u8> {
    tables::key(IDENTITY_MODULE.0, ACCOUNT_TABLE, account.as_bytes())
}

/// Full state key of the row that says to which account a signing key is bound.
#[must_use]
pub fn key_owner_key(key: &KeyId) -> Vec<u8> {
    tables::key(IDENTITY_MODULE.0, KEY_OWNER_TABLE, key.as_bytes())
}

/// Full state key of an organization's row.
#[must_use]
pub fn organization_key(org_id: &str) -> Vec<u8> {
    let length = u32::try_from(org_id.len()).unwrap_or(u32::MAX);
    tables::key(IDENTITY_MODULE.0, ORGANIZATION_TABLE, &[&length.to_le_bytes(), org_id.as_bytes()].concat())
}

/// The row of an account.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountRow {
    /// The account.
    pub account: AccountId,
    /// Its organization.
    pub org_id: Text<64>,
    /// Its keys, oldest first; none is ever removed.
    pub keys: List<KeyRow, 64>,
}

/// One key of an account.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct KeyRow {
    /// Hash of the key.
    pub key_id: KeyId,
    /// The key.
    pub public_key: PublicKey,
    /// Its suite.
    pub suite: Suite,
    /// What it is for: 1 signs transactions.
    pub usage: u8,
    /// First ms (since 1970 UTC) at which it is valid.
    pub from_ms: u64,
    /// First ms at which it is no longer valid.
    pub to_ms: Option<u64>,
    /// Block time of its revocation.
    pub revoked_at_ms: Option<u64>,
    /// Since when it may have been in other hands.
    pub compromise_since_ms: Option<u64>,
    /// Serial number and authority of its certificate.
    pub certificate: Option<(Text<128>, Text<128>)>,
    /// Block that recorded it.
    pub added_height: Height,
}

impl KeyRow {
    /// Whether it is in force at a time.
    #[must_use]
    pub fn is_valid_at(&self, time_ms: u64) -> bool {
        self.from_ms <= time_ms
            && self.to_ms.is_none_or(|to| time_ms < to)
            && self.revoked_at_ms.is_none_or(|revoked| time_ms < revoked)
    }
}

/// What is read of the row of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrganizationRow {
    /// Its id on the chain.
    pub org_id: String,
    /// Its unified social credit code.
    pub uscc: String,
    /// Its legal name.
    pub name_zh: String,
    /// Its name in English; may be empty.
    pub name_en: String,
    /// Where it stands: the number of one of [`STATUSES`], from 1.
    pub status: u8,
}

/// Where an organization can stand, from number 1 on.
pub const STATUSES: [(&str, &str); 9] = [
    ("已申请", "APPLIED"),
    ("已核验", "VERIFIED"),
    ("正常", "ACTIVE"),
    ("暂停", "SUSPENDED"),
    ("撤销", "REVOKED"),
    ("注销", "CLOSED"),
    ("合并", "MERGED"),
    ("分立", "SPLIT"),
    ("未通过", "REJECTED"),
];

/// Nobody looked at the application yet.
const APPLIED: u8 = 1;
/// In office.
const ACTIVE: u8 = 3;
/// Closed by itself: an organization in office, or an application that was withdrawn.
const CLOSED: u8 = 6;
/// The application was turned down.
const REJECTED: u8 = 9;

impl OrganizationRow {
    /// Whether somebody else than the organization itself vouches for its name and code: it was verified, and then admitted. Of one
    /// that ended as an applicant or withdrew, the row does not say it.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.caveat().is_none()
    }

    /// What a reader must know beside the name, in Chinese and English: that nobody else vouches for it. `None` of one that was verified.
    const fn caveat(&self) -> Option<(&'static str, &'static str)> {
        caveat(self.status)
    }

    /// What stands beside the name wherever it is shown: whose word it is, and where the organization stands. `None` of one in office.
    #[must_use]
    pub fn beside(&self) -> Option<(String, String)> {
        beside(self.status)
    }

    /// Names, id, credit code and standing in Chinese; what nobody verified is said to be its own word, right behind the name.
    #[must_use]
    pub fn told_zh(&self) -> String {
        let Self { org_id, uscc, name_zh, name_en, .. } = self;
        let (name, (status, _)) = (quoted(name_zh), self.status_words());
        let english = if name_en.is_empty() { String::new() } else { format!("英文名称{}，", quoted(name_en)) };
        match self.caveat() {
            None => format!("{name}（{english}{org_id}，统一社会信用代码 {uscc}，机构状态：{status}）"),
            Some((caveat, _)) => format!(
                "{name}（{caveat}；{english}编号 {org_id}、统一社会信用代码 {uscc} 亦为自报；机构状态：{status}）"
            ),
        }
    }

    /// The same in English.
    #[must_use]
    pub fn told_en(&self) -> String {
        let Self { org_id, uscc, name_zh, name_en, .. } = self;
        let (name, (_, status)) = (quoted(name_zh), self.status_words());
        let english = if name_en.is_empty() { String::new() } else { format!("English name {}, ", quoted(name_en)) };
        match self.caveat() {
            None => format!("{name} ({english}{org_id}, credit code {uscc}, status {status})"),
            Some((_, caveat)) => format!(
                "{name} ({caveat}; {english}id {org_id} and credit code {uscc} are its own words too; status {status})"
            ),
        }
    }

    /// Where it stands, in Chinese and English.
    #[must_use]
    pub fn status_words(&self) -> (&'static str, &'static str) {
        status_words(self.status)
    }
}

const fn caveat(status: u8) -> Option<(&'static str, &'static str)> {
    match status {
        APPLIED => Some(("自报名称，未经核验", "its own name for itself, which nobody verified")),
        CLOSED | REJECTED => Some((
            "自报名称，账本该条目不载是否经过核验",
            "its own name for itself, of which the row does not say whether it was verified",
        )),
        _ => None,
    }
}

fn status_words(status: u8) -> (&'static str, &'static str) {
    let at = usize::from(status).checked_sub(1);
    at.and_then(|at| STATUSES.get(at)).copied().unwrap_or(("未知", "UNKNOWN"))
}

/// What stands beside the name of an organization of this status, the number of one of [`STATUSES`], in Chinese and English: whose word the
/// name is, and where the organization stands. `None` of one in office.
#[must_use]
pub fn beside(status: u8) -> Option<(String, String)> {
    if status == ACTIVE {
        return None;
    }
    let (zh, en) = status_words(status);
    let told = caveat(status).map(|(caveat_zh, caveat_en)| (format!("{caveat_zh}；"), format!("{caveat_en}; ")));
    let (caveat_zh, caveat_en) = told.unwrap_or_default();
    Some((format!("{caveat_zh}机构状态：{zh}"), format!("{caveat_en}status {en}")))
}

/// Reads the row of an account. `None` when the value is none of this version.
#[must_use]
pub fn account(value: &[u8]) -> Option<AccountRow> {
    let row: AccountRow = decode(value, VALUE_BYTES_MAX).ok()?;
    let is_known = row.keys.iter().all(|key| (1..=USE_MAX).contains(&key.usage));
    (is_known && tables::row(&organization_key(&row.org_id)).is_ok()).then_some(row)
}

/// Reads the account that a signing key is bound to. `None` when the value is none.
#[must_use]
pub fn key_owner(value: &[u8]) -> Option<AccountId> {
    decode(value, VALUE_BYTES_MAX).ok()
}

/// The organization whose row this is. `None` when the value is none, or is filed under another id than its own.
#[must_use]
pub fn organization_at(key: &[u8], value: &[u8]) -> Option<OrganizationRow> {
    organization(value).filter(|row| organization_key(&row.org_id) == key)
}

/// Reads the row of an organization: id, code, both names, type `u8`, class (option of `u8`), region (option of `u32`), status
/// `u8`. What follows is the contract's business. `None` when the value does not begin so.
#[must_use]
pub fn organization(value: &[u8]) -> Option<OrganizationRow> {
    let mut rest = value;
    let (org_id, _) = Form::OrgId.read(&mut rest)?;
    let (uscc, _) = Form::CreditCode.read(&mut rest)?;
    let mut names = [String::new(), String::new()];
    for name in &mut names {
        *name = <Text<256> as BorshDeserialize>::deserialize(&mut rest).ok()?.to_string();
    }
    let org_type = <u8 as BorshDeserialize>::deserialize(&mut rest).ok()?;
    let class = <Option<u8> as BorshDeserialize>::deserialize(&mut rest).ok()?;
    let region = <Option<u32> as BorshDeserialize>::deserialize(&mut rest).ok()?;
    let status = <u8 as BorshDeserialize>::deserialize(&mut rest).ok()?;
    let [name_zh, name_en] = names;
    let is_known = (1..=10).contains(&org_type)
        && class.is_none_or(|class| (1..=3).contains(&class))
        && region.is_none_or(tables::is_region)
        && (1..=STATUSES.len()).contains(&usize::from(status));
    is_known.then_some(OrganizationRow { org_id, uscc, name_zh, name_en, status })
}
