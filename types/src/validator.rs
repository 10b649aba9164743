//! Who votes.

use core::fmt;

use borsh::io::{Error, ErrorKind, Read};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::Text;
use crate::hash::{Digest, Domain};
use crate::ids::{NodeId, ValidatorId};
use crate::keys::PublicKey;
use crate::limits;

/// One validator. Its peer identity is part of the record, so that a set change can never leave the network unable to connect.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Validator {
    /// Key that signs votes, proposals and acknowledgements.
    pub public_key: PublicKey,
    /// Voting power, at least 1.
    pub power: u64,
    /// Identity of its node on the network.
    pub node_id: NodeId,
    /// The organization that runs it, as registered (`org_id`).
    pub organization: Text<{ limits::NAME_BYTES_MAX }>,
    /// What it declares about its own interest in disputed matters; shown to courts (在线诉讼规则 art. 17).
    pub interest: Text<{ limits::INTEREST_BYTES_MAX }>,
}

impl Validator {
    /// Id of the consensus key.
    #[must_use]
    pub fn id(&self) -> ValidatorId {
        ValidatorId::of(&self.public_key)
    }
}

/// The validators of one height: 1 to 128, in ascending order of id, total power at most 2^62.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    ids: Vec<ValidatorId>,
    total_power: u64,
}

/// Greatest total power: leaves room to multiply by three without overflow.
pub const TOTAL_POWER_MAX: u64 = 1 << 62;

impl ValidatorSet {
    /// Sorts and checks.
    ///
    /// # Errors
    /// [`ValidatorSetError`]: empty, too many, a repeated key or node, zero power, too much power, or an unusable key.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        if validators.is_empty() {
            return Err(ValidatorSetError::Empty);
        }
        if validators.len() > limits::VALIDATORS_MAX as usize {
            return Err(ValidatorSetError::TooMany { count: validators.len() });
        }
        validators.sort_by_cached_key(Validator::id);
        let ids: Vec<ValidatorId> = validators.iter().map(Validator::id).collect();
        let mut nodes: Vec<NodeId> = validators.iter().map(|v| v.node_id).collect();
        nodes.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ValidatorSetError::RepeatedKey);
        }
        if nodes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ValidatorSetError::RepeatedNode);
        }
        let mut total_power = 0_u64;
        for (validator, id) in validators.iter().zip(&ids) {
            if validator.power == 0 {
                return Err(ValidatorSetError::NoPower { validator: *id });
            }
            if validator.public_key.validate().is_err() {
                return Err(ValidatorSetError::UnusableKey { validator: *id });
            }
            total_power = total_power.checked_add(validator.power).ok_or(ValidatorSetError::TooMuchPower)?;
        }
        if total_power > TOTAL_POWER_MAX {
            return Err(ValidatorSetError::TooMuchPower);
        }
        Ok(Self { validators, ids, total_power })
    }

    /// In ascending order of id.
    #[must_use]
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// Ids in ascending order, parallel to [`Self::validators`].
    #[must_use]
    pub fn ids(&self) -> &[ValidatorId] {
        &self.ids
    }

    /// The validator with this id.
    #[must_use]
    pub fn by_id(&self, id: &ValidatorId) -> Option<&Validator> {
        let index = self.ids.binary_search(id).ok()?;
        self.validators.get(index)
    }

    /// The validator with this peer identity.
    #[must_use]
    pub fn by_node(&self, node: &NodeId) -> Option<&Validator> {
        self.validators.iter().find(|v| v.node_id == *node)
    }

    /// The first key that is at once a consensus key and the peer identity of a node, of one validator or of two. Such a set is not refused
    /// here: what is on record must stay readable. Whoever makes a set, or starts a node under one, refuses it.
    #[must_use]
    pub fn shared_key(&self) -> Option<SharedKey> {
        self.validators.iter().zip(&self.ids).find_map(|(signer, id)| {
            let node_of = self.validators.iter().position(|validator| validator.node_id.is_of(&signer.public_key))?;
            Some(SharedKey { signs_for: *id, node_of: *self.ids.get(node_of)? })
        })
    }

    /// Sum of all powers.
    #[must_use]
    pub const fn total_power(&self) -> u64 {
        self.total_power
    }

    /// Least power that is more than two thirds of the total.
    #[must_use]
    pub const fn quorum(&self) -> u64 {
        // total_power ≤ 2^62, so the product fits.
        self.total_power * 2 / 3 + 1
    }

    /// Least power that is more than one third: at least one honest validator.
    #[must_use]
    pub const fn one_honest(&self) -> u64 {
        self.total_power.div_ceil(3)
    }

    /// Hash under which headers name the set.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Domain::ValidatorSet.hash_of(self)
    }
}

impl BorshSerialize for ValidatorSet {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        BorshSerialize::serialize(&self.validators, writer)
    }
}

impl BorshDeserialize for ValidatorSet {
    fn deserialize_reader<R: Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let list =
            crate::bounded::List::<Validator, { limits::VALIDATORS_MAX }>::deserialize_reader(reader)?.into_vec();
        let before: Vec<ValidatorId> = list.iter().map(Validator::id).collect();
        let set = Self::new(list).map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))?;
        if set.ids != before {
            return Err(Error::new(ErrorKind::InvalidData, "validators are not in ascending order of id"));
        }
        Ok(set)
    }
}

impl Serialize for ValidatorSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(&self.validators, serializer)
    }
}

impl<'de> Deserialize<'de> for ValidatorSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<Vec<Validator> as Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A key in two roles: it signs votes, and it is the identity of a node on the network. The second key lies open in memory wherever
/// connections are made, and whoever takes it must not be able to vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedKey {
    /// Whose consensus key it is.
    pub signs_for: ValidatorId,
    /// Of whose node it is the identity.
    pub node_of: ValidatorId,
}

impl fmt::Display for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signs_for, node_of } = self;
        write!(
            f,
            "the consensus key of validator {signs_for} is also the peer identity (node_id) of validator {node_of}; make a key of its own for each (验证节点 {signs_for} 的共识密钥同时是验证节点 {node_of} 的网络身份，请为每一用途各生成一个密钥)"
        )
    }
}

impl core::error::Error for SharedKey {}

/// Why validators do not make a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidatorSetError {
    /// No validator.
    Empty,
    /// More than the limit.
    TooMany {
        /// How many.
        count: usize,
    },
    /// Two with the same consensus key.
    RepeatedKey,
    /// Two with the same peer identity.
    RepeatedNode,
    /// Power zero.
    NoPower {
        /// Whose.
        validator: ValidatorId,
    },
    /// Total power above [`TOTAL_POWER_MAX`].
    TooMuchPower,
    /// A key that can never verify a signature (small order, not canonical, or a suite that is not supported).
    UnusableKey {
        /// Whose.
        validator: ValidatorId,
    },
}

impl fmt::Display for ValidatorSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a validator set needs at least one validator"),
            Self::TooMany { count } => write!(f, "{count} validators exceed the limit of {}", limits::VALIDATORS_MAX),
            Self::RepeatedKey => f.write_str("two validators share a consensus key"),
            Self::RepeatedNode => f.write_str("two validators share a peer identity"),
            Self::NoPower { validator } => write!(f, "validator {validator} has no voting power"),
            Self::TooMuchPower => write!(f, "total voting power exceeds {TOTAL_POWER_MAX}"),
            Self::UnusableKey { validator } => {
                write!(f, "the key of validator {validator} is unusable")
            }
        }
    }
}

impl core::error::Error for ValidatorSetError {}
