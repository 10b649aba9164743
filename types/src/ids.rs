//! Identifiers: 32-byte digests and numbers with names of their own, so that one cannot be passed where another is meant.

use core::fmt;
use core::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::hash::{Digest, Domain, InvalidDigest};
use crate::keys::PublicKey;

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl $name {
            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidDigest;

            fn from_str(text: &str) -> Result<Self, InvalidDigest> {
                text.parse().map(Self)
            }
        }
    };
}

digest_id!(
    /// Hash of the genesis: names the chain. Bound into every transaction, batch, header and vote.
    ChainId
);
digest_id!(
    /// An account: who may call. Until a record binds further keys to it, it belongs to the key whose hash it is.
    AccountId
);
digest_id!(
    /// Hash of a public key.
    KeyId
);
digest_id!(
    /// Hash of a transaction's body, without signatures.
    TransactionId
);
digest_id!(
    /// Hash of a batch header.
    BatchId
);
digest_id!(
    /// Hash of a block header.
    BlockId
);
digest_id!(
    /// Hash of a validator's consensus key.
    ValidatorId
);
digest_id!(
    /// The Ed25519 public key of a node's peer identity (32 bytes, not a hash). The network layer proves possession of it.
    NodeId
);

impl KeyId {
    /// The id of a key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(Domain::Key.hash_of(key))
    }
}

impl AccountId {
    /// The account that a key holds from the start.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(Domain::Account.hash_of(key))
    }

    /// The checksummed text form people copy: `qc1` + 64 hex digits + 8 hex digits of checksum.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("qc1{self}{}", Self::checksum(&self.0))
    }

    /// Reads the checksummed form, or plain hex.
    ///
    /// # Errors
    /// [`InvalidAccount`] when the text has another shape or its checksum does not fit.
    pub fn from_text(text: &str) -> Result<Self, InvalidAccount> {
        let Some(rest) = text.strip_prefix("qc1") else {
            return text.parse().map_err(|_| InvalidAccount::Shape);
        };
        let (Some(body), Some(sum)) = (rest.get(..64), rest.get(64..)) else {
            return Err(InvalidAccount::Shape);
        };
        let digest: Digest = body.parse().map_err(|_| InvalidAccount::Shape)?;
        if sum == Self::checksum(&digest) { Ok(Self(digest)) } else { Err(InvalidAccount::Checksum) }
    }

    fn checksum(digest: &Digest) -> String {
        let full = Domain::Account.hash(digest.as_bytes()).to_string();
        full.get(..8).unwrap_or_default().to_owned()
    }
}

/// Why a text is not an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidAccount {
    /// Neither `qc1…` nor 64 hexadecimal digits.
    Shape,
    /// The checksum does not fit: a digit was mistyped.
    Checksum,
}

impl fmt::Display for InvalidAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "an account is `qc1` followed by 72 hexadecimal digits, or 64 hexadecimal digits",
            Self::Checksum => "the checksum of the account does not fit: check it for a mistyped digit",
        })
    }
}

impl core::error::Error for InvalidAccount {}

impl NodeId {
    /// Whether a key is the one that this identity is made of.
    #[must_use]
    pub fn is_of(&self, key: &PublicKey) -> bool {
        matches!(key, PublicKey::Ed25519(bytes) if bytes == self.as_bytes())
    }
}

impl ValidatorId {
    /// The id of a consensus key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(Domain::Validator.hash_of(key))
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// Place of a block in the chain. The genesis state is height 0; the first block is height 1.
    Height(u64)
);
number!(
    /// Attempt at a height, from 0.
    Round(u32)
);
number!(
    /// Number of a contract module; fixed for ever once released.
    ModuleId(u16)
);

impl Height {
    /// The height of the genesis state.
    pub const GENESIS: Self = Self(0);

    /// The next height. Saturates: 2^64 blocks are never reached.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The height before, if there is one.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        match self.0.checked_sub(1) {
            Some(h) => Some(Self(h)),
            None => None,
        }
    }

    /// This height plus a number of blocks.
    #[must_use]
    pub const fn plus(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }
}
