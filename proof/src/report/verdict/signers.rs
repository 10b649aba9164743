//! Who signed, and the words for it.

use quancheng_types::{AccountId, Height, KeyId};

use crate::foreign::quoted;
use crate::identity::OrganizationRow;
use crate::report::{Assessment, Moment, shanghai_time};

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
    /// Height of the block that recorded the key.
    pub added: Height,
    /// From when the key is valid, ms. Of a key of the genesis, that is what the genesis states.
    pub from_ms: u64,
    /// First ms at which it no longer is; open when absent.
    pub to_ms: Option<u64>,
    /// Serial number and authority of the key's certificate, as registered.
    pub certificate: Option<(String, String)>,
    /// Since when the key may have been in other hands, or when it was revoked within the block: what makes it doubtful.
    pub doubt: Option<Doubt>,
}

/// An account that nobody registered, opened by a key that is bound to the account of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundSigner {
    /// The account that signed.
    pub acting: AccountId,
    /// The account that the key is bound to, with its organization; no doubt.
    pub owner: RegisteredSigner,
    /// Block time of the revocation of the key.
    pub revoked_at_ms: Option<u64>,
    /// Since when it may have been in other hands.
    pub compromise_since_ms: Option<u64>,
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
    /// As [`Self::Registered`], but what the organization is called is its own word: it applied, and nobody verified it.
    Unverified(Box<RegisteredSigner>),
    /// As of the height the account is registered for no organization, and the key is bound to no account.
    Unregistered {
        /// The height.
        height: Height,
        /// The account.
        account: AccountId,
        /// The key.
        key: KeyId,
    },
    /// As of the height the account is registered for no organization; whether the key is bound to one, the bundle does not say.
    KeyNotCarried {
        /// The height.
        height: Height,
        /// The account.
        account: AccountId,
        /// The key.
        key: KeyId,
    },
    /// The account is not registered, but the key that opens it is bound to the account of an organization.
    KeyBound(Box<BoundSigner>),
    /// The same, and the key is revoked, declared compromised, or past its validity.
    BoundKeyDoubtful(Box<BoundSigner>),
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
            Self::Unverified(_) => "signer_unverified",
            Self::Unregistered { .. } => "signer_unregistered",
            Self::KeyNotCarried { .. } => "signer_key_not_carried",
            Self::KeyBound(_) => "signer_key_bound",
            Self::BoundKeyDoubtful(_) => "signer_bound_key_doubtful",
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
            Self::KeyDoubtful(_) | Self::BoundKeyDoubtful(_) | Self::Uncertain { .. } => Assessment::CannotCheck,
            // Nothing is missing that a bundle could carry: the chain itself has not judged it.
            Self::Unverified(_) | Self::KeyNotCarried { .. } | Self::KeyBound(_) | Self::NotCarried { .. } => {
                Assessment::NotAssessed
            }
        }
    }

    /// The statement about a signer in Chinese.
    #[must_use]
    pub fn statement_zh(&self) -> String {
        match self {
            Self::Registered(signer) => registered_zh(signer),
            Self::Unverified(signer) => format!("{}；不评价其是否即为该名称所指的组织", registered_zh(signer)),
            Self::KeyDoubtful(signer) => {
                let doubt = match signer.doubt {
                    Some(Doubt::CompromisedSince(since)) => {
                        format!("签名密钥自 {} 起存在失密声明", shanghai_time(since))
                    }
                    Some(Doubt::RevokedInBlock) | None => "签名密钥于同一区块内撤销，先后不能由此判断".to_owned(),
                };
                format!("{}；{doubt}，签署时的密钥状态未能认定", registered_zh(signer))
            }
            Self::Unregistered { height, account, key } => {
                let account = account.to_text();
                format!(
                    "截至高度 {height}，账户 {account} 未登记为任何组织的账户，密钥 {key} 也未绑定任何账户；\
                     不说明该账户是否为某组织任职人员的账户"
                )
            }
            Self::KeyNotCarried { height, account, key } => {
                let account = account.to_text();
                format!(
                    "截至高度 {height}，账户 {account} 未登记为任何组织的账户；证据包未附密钥 {key} 的绑定情况，\
                     不评价其是否为某组织的密钥"
                )
            }
            Self::KeyBound(signer) => format!("{}；不评价该签署是否为该组织的行为", bound_zh(signer)),
            Self::BoundKeyDoubtful(signer) => {
                format!("{}；该密钥由何人使用未能认定，不评价该签署是否为该组织的行为", bound_zh(signer))
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
            Self::Unverified(signer) => {
                format!("{}; whether it is whom that name belongs to is not assessed", registered_en(signer))
            }
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
            Self::Unregistered { height, account, key } => {
                let account = account.to_text();
                format!(
                    "as of height {height} account {account} is registered for no organization, and key {key} is bound to no \
                     account; whether it is the account of an officer is not said"
                )
            }
            Self::KeyNotCarried { height, account, key } => {
                let account = account.to_text();
                format!(
                    "as of height {height} account {account} is registered for no organization; the bundle does not carry to \
                     whom key {key} is bound, so that whether it is an organization's is not assessed"
                )
            }
            Self::KeyBound(signer) => {
                format!("{}; whether it is an act of that organization is not assessed", bound_en(signer))
            }
            Self::BoundKeyDoubtful(signer) => format!(
                "{}; who used the key is not established, and whether it is an act of that organization not assessed",
                bound_en(signer)
            ),
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

fn certificate_zh(certificate: Option<&(String, String)>) -> String {
    certificate.map_or_else(String::new, |(serial, authority)| {
        format!("，登记的证书序列号{}（颁发机构{}），未核验", quoted(serial), quoted(authority))
    })
}

fn certificate_en(certificate: Option<&(String, String)>) -> String {
    certificate.map_or_else(String::new, |(serial, authority)| {
        format!(", registered with certificate {} of {}, not checked", quoted(serial), quoted(authority))
    })
}

/// From when to when a key is valid.
fn validity_zh(signer: &RegisteredSigner) -> String {
    let to = signer.to_ms.map_or_else(|| "未定终期".to_owned(), |to| format!("{} 前", shanghai_time(to)));
    format!("自 {}起，{to}", Moment::known(signer.added, signer.from_ms).time_zh())
}

fn validity_en(signer: &RegisteredSigner) -> String {
    let to = signer.to_ms.map_or_else(|| "without end".to_owned(), |to| format!("until {}", shanghai_time(to)));
    format!("from {}, {to}", Moment::known(signer.added, signer.from_ms).time_en())
}

fn registered_zh(signer: &RegisteredSigner) -> String {
    let RegisteredSigner { height, time_ms, account, key, organization, certificate, .. } = signer;
    let (account, organization, time) =
        (account.to_text(), format!("组织{}", organization.told_zh()), Moment::known(*height, *time_ms).time_zh());
    let (validity, certificate) = (validity_zh(signer), certificate_zh(certificate.as_ref()));
    format!(
        "截至高度 {height}，账户 {account} 登记于{organization}；密钥 {key} 为其登记的签名密钥，在区块时间 {time}\
         处于有效期（{validity}）{certificate}"
    )
}

fn registered_en(signer: &RegisteredSigner) -> String {
    let RegisteredSigner { height, time_ms, account, key, organization, certificate, .. } = signer;
    let time = Moment::known(*height, *time_ms).time_en();
    let (account, organization) = (account.to_text(), format!("the organization {}", organization.told_en()));
    let (validity, certificate) = (validity_en(signer), certificate_en(certificate.as_ref()));
    format!(
        "as of height {height} account {account} is registered for {organization}; key {key} is its registered signing key, \
         within its validity at block time {time} ({validity}){certificate}"
    )
}

fn bound_zh(signer: &BoundSigner) -> String {
    let BoundSigner { acting, owner, revoked_at_ms, compromise_since_ms } = signer;
    let RegisteredSigner { height, time_ms, account, key, organization, certificate, .. } = owner;
    let (acting, account, organization) =
        (acting.to_text(), account.to_text(), format!("组织{}", organization.told_zh()));
    let (validity, certificate) = (validity_zh(owner), certificate_zh(certificate.as_ref()));
    let revoked = revoked_at_ms.map_or_else(String::new, |at| format!("，于 {} 撤销", shanghai_time(at)));
    let since = compromise_since_ms.map_or_else(String::new, |at| format!("，自 {} 起存在失密声明", shanghai_time(at)));
    let time = Moment::known(*height, *time_ms).time_zh();
    let time = time.trim_end();
    format!(
        "截至高度 {height}，账户 {acting} 未登记为任何组织的账户，但密钥 {key} 绑定于账户 {account}，该账户登记于{organization}；\
         密钥有效期{validity}{revoked}{since}{certificate}，区块时间 {time}"
    )
}

fn bound_en(signer: &BoundSigner) -> String {
    let BoundSigner { acting, owner, revoked_at_ms, compromise_since_ms } = signer;
    let RegisteredSigner { height, time_ms, account, key, organization, certificate, .. } = owner;
    let (acting, account, organization) =
        (acting.to_text(), account.to_text(), format!("the organization {}", organization.told_en()));
    let (validity, certificate) = (validity_en(owner), certificate_en(certificate.as_ref()));
    let revoked = revoked_at_ms.map_or_else(String::new, |at| format!(", revoked at {}", shanghai_time(at)));
    let since = compromise_since_ms
        .map_or_else(String::new, |at| format!(", declared compromised since {}", shanghai_time(at)));
    let time = Moment::known(*height, *time_ms).time_en();
    format!(
        "as of height {height} account {acting} is registered for no organization, but key {key} is bound to account {account}, \
         which is registered for {organization}; the key is valid {validity}{revoked}{since}{certificate}; block time {time}"
    )
}
