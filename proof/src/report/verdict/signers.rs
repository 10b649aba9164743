//! Who signed, and the words for it.

use quancheng_types::{AccountId, Height, KeyId};

use crate::identity::OrganizationRow;
use crate::report::{Assessment, shanghai_time};
use crate::shown;

/// An account that signed, with the organization that the identity tables name for it as of a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredSigner {
    /// The height.
    pub height: Height,
    /// Its block time (of the proposal), ms since 1970 UTC.
    pub time_ms: u64,
    /// The account.
    pub account: AccountId,
    /// The key it signed with.
    pub key: KeyId,
    /// Its organization.
    pub organization: OrganizationRow,
    /// From when the key is valid, ms.
    pub from_ms: u64,
    /// First ms at which it no longer is; open when absent.
    pub to_ms: Option<u64>,
    /// Serial number and authority of the key's certificate, as registered.
    pub certificate: Option<(String, String)>,
    /// Since when the key may have been in other hands, or when it was revoked within the block: what makes it doubtful.
    pub doubt: Option<Doubt>,
}

/// What makes a key doubtful that the account was registered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It was revoked in the same block: before or after the transaction, the state does not say.
    RevokedInBlock,
    /// A declaration says that it may have been in other hands since this time, ms since 1970 UTC.
    CompromisedSince(u64),
}

/// Who a signer of a transaction is (V9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerVerdict {
    /// As of the height the account belongs to this organization and the key may sign for it.
    Registered(Box<RegisteredSigner>),
    /// As of the height the account is registered for no organization.
    Unregistered {
        /// The height.
        height: Height,
        /// The account.
        account: AccountId,
    },
    /// As [`Self::Registered`], with a doubt about the key.
    KeyDoubtful(Box<RegisteredSigner>),
    /// As of the height the key may not sign for the account, and yet the transaction took effect.
    KeyNotInForce {
        /// The height.
        height: Height,
        /// The account.
        account: AccountId,
        /// The key.
        key: KeyId,
    },
    /// As of the height the key may not sign for the account, and the transaction was refused.
    KeyRefused {
        /// The height.
        height: Height,
        /// The account.
        account: AccountId,
        /// The key.
        key: KeyId,
    },
    /// The rows that say who the account is are not confirmed, missing in part, or not readable.
    Uncertain {
        /// The account.
        account: AccountId,
    },
    /// The bundle does not say who the account is.
    NotCarried {
        /// The account.
        account: AccountId,
    },
}

impl SignerVerdict {
    /// Stable name of the case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Registered(_) => "signer_registered",
            Self::Unregistered { .. } => "signer_unregistered",
            Self::KeyDoubtful(_) => "signer_key_doubtful",
            Self::KeyNotInForce { .. } => "signer_key_not_in_force",
            Self::KeyRefused { .. } => "signer_key_refused",
            Self::Uncertain { .. } => "signer_uncertain",
            Self::NotCarried { .. } => "signer_not_carried",
        }
    }

    /// What came of it.
    #[must_use]
    pub const fn result(&self) -> Assessment {
        match self {
            Self::Registered(_) | Self::Unregistered { .. } | Self::KeyRefused { .. } => Assessment::Match,
            Self::KeyNotInForce { .. } => Assessment::Mismatch,
            Self::KeyDoubtful(_) | Self::Uncertain { .. } => Assessment::CannotCheck,
            Self::NotCarried { .. } => Assessment::NotAssessed,
        }
    }

    /// The statement about a signer in Chinese.
    #[must_use]
    pub fn statement_zh(&self) -> String {
        match self {
            Self::Registered(signer) => registered_zh(signer),
            Self::KeyDoubtful(signer) => {
                let doubt = match signer.doubt {
                    Some(Doubt::CompromisedSince(since)) => {
                        format!("签名密钥自 {} 起存在失密声明", shanghai_time(since))
                    }
                    Some(Doubt::RevokedInBlock) | None => "签名密钥于同一区块内撤销，先后不能由此判断".to_owned(),
                };
                format!("{}；{doubt}，签署时的密钥状态未能认定", registered_zh(signer))
            }
            Self::Unregistered { height, account } => {
                format!("截至高度 {height}，账户 {} 为未登记账户，账本未载其所属组织", account.to_text())
            }
            Self::KeyNotInForce { height, account, key } => {
                format!("截至高度 {height}，密钥 {key} 不是账户 {} 的有效签名密钥", account.to_text())
            }
            Self::KeyRefused { height, account, key } => {
                format!("截至高度 {height}，密钥 {key} 不是账户 {} 的有效签名密钥；该请求被拒绝", account.to_text())
            }
            Self::Uncertain { account } => format!("未能核验账户 {} 的登记情况", account.to_text()),
            Self::NotCarried { account } => {
                format!("证据包未附账户 {} 的登记情况，不评价其所属组织", account.to_text())
            }
        }
    }

    /// The statement about a signer in English.
    #[must_use]
    pub fn statement_en(&self) -> String {
        match self {
            Self::Registered(signer) => registered_en(signer),
            Self::KeyDoubtful(signer) => {
                let doubt = match signer.doubt {
                    Some(Doubt::CompromisedSince(since)) => {
                        format!("since {} the key is declared compromised", shanghai_time(since))
                    }
                    Some(Doubt::RevokedInBlock) | None => {
                        "the key was revoked in the same block, before or after cannot be told".to_owned()
                    }
                };
                format!("{}; {doubt}, so that its standing at the signature is not established", registered_en(signer))
            }
            Self::Unregistered { height, account } => {
                let account = account.to_text();
                format!(
                    "as of height {height} account {account} is not registered; the ledger names no organization for it"
                )
            }
            Self::KeyNotInForce { height, account, key } => {
                format!("as of height {height} key {key} is no valid signing key of account {}", account.to_text())
            }
            Self::KeyRefused { height, account, key } => {
                let account = account.to_text();
                format!(
                    "as of height {height} key {key} is no valid signing key of account {account}; the request was refused"
                )
            }
            Self::Uncertain { account } => {
                format!("the registration of account {} was not checked", account.to_text())
            }
            Self::NotCarried { account } => {
                let account = account.to_text();
                format!(
                    "the bundle does not carry the registration of account {account}; its organization is not assessed"
                )
            }
        }
    }
}

fn registered_zh(signer: &RegisteredSigner) -> String {
    let RegisteredSigner { height, time_ms, account, key, organization, from_ms, to_ms, certificate, .. } = signer;
    let (name, uscc, org_id) = (shown(&organization.name_zh), &organization.uscc, &organization.org_id);
    let (account, (status, _)) = (account.to_text(), organization.status_words());
    let to = to_ms.map_or_else(|| "未定终期".to_owned(), |to| format!("{} 前", shanghai_time(to)));
    let (from, time) = (shanghai_time(*from_ms), shanghai_time(*time_ms));
    let certificate = certificate.as_ref().map_or_else(String::new, |(serial, authority)| {
        format!("，登记的证书序列号 {}（{}，未核验）", shown(serial), shown(authority))
    });
    format!(
        "截至高度 {height}，账户 {account} 登记于组织“{name}”（{org_id}，统一社会信用代码 {uscc}，机构状态：{status}）；\
         密钥 {key} 为其登记的签名密钥，在区块时间 {time} 处于有效期（自 {from} 起，{to}）{certificate}"
    )
}

fn registered_en(signer: &RegisteredSigner) -> String {
    let RegisteredSigner { height, time_ms, account, key, organization, from_ms, to_ms, certificate, .. } = signer;
    let (name, uscc, org_id) = (shown(&organization.name_zh), &organization.uscc, &organization.org_id);
    let english = shown(&organization.name_en);
    let english = if english.is_empty() { english } else { format!(" ({english})") };
    let (account, (_, status)) = (account.to_text(), organization.status_words());
    let to = to_ms.map_or_else(|| "without end".to_owned(), |to| format!("until {}", shanghai_time(to)));
    let (from, time) = (shanghai_time(*from_ms), shanghai_time(*time_ms));
    let certificate = certificate.as_ref().map_or_else(String::new, |(serial, authority)| {
        format!(", registered with certificate {} of {}, not checked", shown(serial), shown(authority))
    });
    format!(
        "as of height {height} account {account} is registered for the organization \"{name}\"{english} ({org_id}, credit code \
         {uscc}, status {status}); key {key} is its registered signing key, within its validity at block time {time} (from \
         {from}, {to}){certificate}"
    )
}
