//! Why a transaction is not taken.

use std::fmt;

use quancheng_proof::report::{length_en, shanghai_time};
use quancheng_state::StoreError;
use quancheng_types::{DecodeError, ModuleId, TransactionError};

/// Whose quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The account's.
    Account,
    /// The organization's; of all accounts without one together.
    Class,
    /// The client address's.
    Address,
    /// One of these, counted in bytes that wait for a batch.
    Sender,
}

impl Whose {
    fn en(self) -> &'static str {
        match self {
            Self::Account => "this account has",
            Self::Class => "the organization of this account (or, without one, all accounts that belong to none) has",
            Self::Address => "this client address has",
            Self::Sender => "this account, its organization or its client address has",
        }
    }

    /// In Chinese.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Self::Account => "该账户",
            Self::Class => "该账户所属组织（无所属组织的账户合并计算）",
            Self::Address => "该客户端地址",
            Self::Sender => "该账户、其组织或其客户端地址",
        }
    }
}

/// Why a transaction is not taken. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdmissionError {
    /// Not the canonical bytes of a signed transaction.
    Malformed(DecodeError),
    /// Larger than the chain allows.
    TooLarge {
        /// Its bytes.
        bytes: u32,
        /// Allowed.
        max: u32,
    },
    /// Heavier than the chain allows.
    TooHeavy {
        /// Its weight.
        weight: u64,
        /// Allowed.
        max: u64,
    },
    /// Not well formed, of another chain, or not correctly signed.
    Transaction(TransactionError),
    /// Its `valid_until_ms` has passed.
    Expired {
        /// What it says.
        valid_until_ms: u64,
        /// Time of the newest block or of this node's clock, whichever is later.
        now_ms: u64,
    },
    /// Its `valid_until_ms` is too far in the future.
    LifetimeTooLong {
        /// What it says.
        valid_until_ms: u64,
        /// Latest allowed now.
        latest_ms: u64,
    },
    /// The chain has no such module.
    UnknownModule {
        /// Its number.
        module: ModuleId,
    },
    /// The executor would refuse it before any contract runs, or a contract's stateless check refuses it.
    Refused {
        /// Module that refuses; 0 is the executor.
        module: ModuleId,
        /// Number of the reason.
        code: u16,
        /// Which call, from 0.
        call: u8,
    },
    /// Too many transactions wait; try again later.
    Overloaded {
        /// Suggested wait, ms.
        retry_after_ms: u64,
    },
    /// This sender has too many transactions waiting, or too heavy ones; try again later.
    QuotaExceeded {
        /// On which of its levels.
        whose: Whose,
        /// Suggested wait, ms.
        retry_after_ms: u64,
    },
    /// This node is no validator in force: submit to one.
    NotAValidator,
    /// This node has just started and does not know yet whether it still is a validator; try again soon.
    Starting {
        /// Suggested wait, ms.
        retry_after_ms: u64,
    },
    /// The node is stopping or has stopped ordering.
    Stopping,
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not a signed transaction: {error}"),
            Self::TooLarge { bytes, max } => {
                write!(f, "transaction of {bytes} bytes exceeds the chain's limit of {max}")
            }
            Self::TooHeavy { weight, max } => write!(
                f,
                "transaction weighs {weight}, the chain's limit (transaction_weight_max) is {max}; split it: fewer calls, or fewer relations per \
                 call"
            ),
            Self::Transaction(error) => error.fmt(f),
            Self::Expired { valid_until_ms, now_ms } => write!(
                f,
                "transaction was valid until {}, it is {} now, {} later; sign it again with a later valid_until_ms (and check this \
                 machine's clock)",
                shanghai_time(*valid_until_ms),
                shanghai_time(*now_ms),
                length_en(now_ms.saturating_sub(*valid_until_ms))
            ),
            Self::LifetimeTooLong { valid_until_ms, latest_ms } => write!(
                f,
                "transaction would be valid until {}, {} longer than the chain allows now ({} at the latest); sign it again with an earlier \
                 valid_until_ms (and check this machine's clock)",
                shanghai_time(*valid_until_ms),
                length_en(valid_until_ms.saturating_sub(*latest_ms)),
                shanghai_time(*latest_ms)
            ),
            Self::UnknownModule { module } => write!(f, "the chain has no module {module}"),
            Self::Refused { module, code, call } => {
                write!(f, "call {call} is refused by module {module} with code {code}")
            }
            Self::Overloaded { retry_after_ms } => {
                write!(
                    f,
                    "this node has too many transactions waiting; try again in {} or submit to another validator",
                    length_en(*retry_after_ms)
                )
            }
            Self::QuotaExceeded { whose, retry_after_ms } => {
                write!(
                    f,
                    "{} too many or too heavy transactions waiting at this node; wait for their results, or try again in {}",
                    whose.en(),
                    length_en(*retry_after_ms)
                )
            }
            Self::NotAValidator => {
                f.write_str("this node is not a validator in force and takes no transactions; submit to a validator")
            }
            Self::Starting { retry_after_ms } => write!(
                f,
                "this node has just started and has not heard from a quorum yet; try again in {} or submit to another validator",
                length_en(*retry_after_ms)
            ),
            Self::Stopping => f.write_str("this node is stopping; submit to another validator"),
            Self::Store(error) => write!(f, "the store of this node failed: {error}"),
        }
    }
}

impl std::error::Error for AdmissionError {}

impl From<StoreError> for AdmissionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
