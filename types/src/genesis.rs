//! Genesis: the one agreement outside the chain. Its hash is the chain id.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::{Bytes, List, Text};
use crate::codec::{DecodeError, decode, encode};
use crate::hash::{Digest, Domain};
use crate::ids::{ChainId, ModuleId};
use crate::keys::Suite;
use crate::limits;
use crate::validator::ValidatorSet;

/// The most that `transaction_lifetime_max_ms` may be, ms.
pub const TRANSACTION_LIFETIME_MAX_MS: u64 = 24 * 3600 * 1000;

/// Who may have transactions executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Writers {
    /// Accounts of active organizations. Anyone else may only make the calls that the modules declare open: those by which one becomes
    /// a member.
    #[default]
    Members = 0,
    /// Anyone with a key: for test networks.
    Anyone = 1,
}

/// What all nodes must agree on. Changed only by governance; what one operator may choose is in the node's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Greatest signed transaction, bytes.
    pub transaction_bytes_max: u32,
    /// Greatest distance of `valid_until_ms` past block time, ms.
    pub transaction_lifetime_max_ms: u64,
    /// Greatest sum of transaction bytes that an author packs into a batch. Others acknowledge up to [`limits::BATCH_BYTES_MAX`], or a
    /// batch sealed before this was lowered would be lost.
    pub batch_bytes_max: u32,
    /// Longest wait of an admitted transaction for its batch to fill, ms.
    pub batch_wait_ms: u32,
    /// Batches of one author that may be offered and not yet ordered.
    pub batches_in_flight_max: u32,
    /// Batch references in a block.
    pub block_batches_max: u32,
    /// Greatest distance of a proposal's time from the voter's clock, ms.
    pub clock_drift_max_ms: u64,
    /// Greatest distance of `executed_height` behind `height`, blocks.
    pub execution_lag_max: u64,
    /// Time after which an idle chain makes an empty block, ms.
    pub heartbeat_ms: u64,
    /// Wait for a proposal in round 0, ms; at least [`limits::TIMEOUT_PROPOSE_MS_MIN`].
    pub timeout_propose_ms: u32,
    /// Wait for further prevotes in round 0, ms.
    pub timeout_prevote_ms: u32,
    /// Wait for further precommits in round 0, ms.
    pub timeout_precommit_ms: u32,
    /// Added to each wait per round, ms.
    pub timeout_delta_ms: u32,
    /// Evidence items of one notarization batch call.
    pub evidence_items_max: u32,
    /// Greatest weight of a transaction. Weight is what executing it costs at most, declared per call and computed without state; one unit
    /// is about a microsecond of one validator's executor.
    pub transaction_weight_max: u64,
    /// Greatest weight of the transactions that an author packs into a batch. Others acknowledge up to [`limits::BATCH_WEIGHT_MAX`], or a
    /// batch sealed before this was lowered would be lost.
    pub batch_weight_max: u64,
    /// Greatest weight of the batches of a block. With `execution_lag_max` it bounds what a node has to execute after a restart.
    pub block_weight_max: u64,
    /// Greatest weight of the batches of one author that others acknowledge before the older ones are ordered. An author seals up to half of
    /// it, for others may be a block behind.
    pub author_weight_max: u64,
    /// Who may have transactions executed.
    pub writers: Writers,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            transaction_bytes_max: limits::TRANSACTION_BYTES_MAX,
            transaction_lifetime_max_ms: 10 * 60 * 1000,
            batch_bytes_max: 512 * 1024,
            batch_wait_ms: 10,
            batches_in_flight_max: 16,
            block_batches_max: 64,
            clock_drift_max_ms: 500,
            execution_lag_max: 8,
            heartbeat_ms: 10_000,
            timeout_propose_ms: 500,
            timeout_prevote_ms: 250,
            timeout_precommit_ms: 250,
            timeout_delta_ms: 250,
            evidence_items_max: 512,
            transaction_weight_max: 20_000,
            batch_weight_max: 20_000,
            block_weight_max: 250_000,
            author_weight_max: 80_000,
            writers: Writers::Members,
        }
    }
}

impl Parameters {
    /// Hash under which headers name them.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Domain::Parameters.hash_of(self)
    }

    /// Refuses values that could stop or flood the chain.
    ///
    /// # Errors
    /// [`ParameterError`] naming the field and its allowed range.
    pub fn validate(&self) -> Result<(), ParameterError> {
        for (field, value, min, max) in self.ranges() {
            if value < min || value > max {
                return Err(ParameterError { field, value, min, max });
            }
        }
        Ok(())
    }

    /// Each field with its value, and the least and the greatest that are allowed.
    fn ranges(&self) -> [(&'static str, u64, u64, u64); 18] {
        [
            ("transaction_bytes_max", self.transaction_bytes_max.into(), 1024, limits::TRANSACTION_BYTES_MAX.into()),
            ("transaction_lifetime_max_ms", self.transaction_lifetime_max_ms, 1_000, TRANSACTION_LIFETIME_MAX_MS),
            (
                "batch_bytes_max",
                self.batch_bytes_max.into(),
                self.transaction_bytes_max.into(),
                limits::BATCH_BYTES_MAX.into(),
            ),
            ("batch_wait_ms", self.batch_wait_ms.into(), 0, 10_000),
            ("batches_in_flight_max", self.batches_in_flight_max.into(), 1, 256),
            ("block_batches_max", self.block_batches_max.into(), 1, limits::BLOCK_BATCHES_MAX.into()),
            ("clock_drift_max_ms", self.clock_drift_max_ms, 10, 60_000),
            ("execution_lag_max", self.execution_lag_max, 1, 64),
            ("heartbeat_ms", self.heartbeat_ms, 100, 3_600_000),
            ("timeout_propose_ms", self.timeout_propose_ms.into(), limits::TIMEOUT_PROPOSE_MS_MIN.into(), 60_000),
            ("timeout_prevote_ms", self.timeout_prevote_ms.into(), 10, 60_000),
            ("timeout_precommit_ms", self.timeout_precommit_ms.into(), 10, 60_000),
            ("timeout_delta_ms", self.timeout_delta_ms.into(), 1, 60_000),
            ("evidence_items_max", self.evidence_items_max.into(), 1, 4096),
            (
                "transaction_weight_max",
                self.transaction_weight_max,
                limits::TRANSACTION_WEIGHT_MIN,
                limits::BATCH_WEIGHT_MAX,
            ),
            ("batch_weight_max", self.batch_weight_max, self.transaction_weight_max, limits::BATCH_WEIGHT_MAX),
            ("block_weight_max", self.block_weight_max, limits::BATCH_WEIGHT_MAX, limits::WEIGHT_MAX),
            ("author_weight_max", self.author_weight_max, self.batch_weight_max, limits::WEIGHT_MAX),
        ]
    }
}

/// A parameter outside its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterError {
    /// Which.
    pub field: &'static str,
    /// What it was.
    pub value: u64,
    /// Least allowed.
    pub min: u64,
    /// Greatest allowed.
    pub max: u64,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parameter {} = {} is outside {}..={}", self.field, self.value, self.min, self.max)
    }
}

impl core::error::Error for ParameterError {}

/// First state of one contract module: the borsh encoding of the module's own genesis type.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleGenesis {
    /// The module.
    pub module: ModuleId,
    /// Its content.
    pub content: Bytes<{ limits::GENESIS_MODULE_BYTES_MAX }>,
}

/// What a chain starts from.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Hash and signature of tree, headers and votes.
    pub suite: Suite,
    /// Name for people, such as `泉城链`.
    pub chain_name: Text<{ limits::NAME_BYTES_MAX }>,
    /// Time of the genesis state, ms since 1970 UTC.
    pub time_ms: u64,
    /// First consensus parameters.
    pub parameters: Parameters,
    /// First validators.
    pub validators: ValidatorSet,
    /// First state of the modules, in ascending order of module.
    pub modules: List<ModuleGenesis, { limits::GENESIS_MODULES_MAX }>,
}

impl Genesis {
    /// Decodes and validates.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, GenesisError> {
        let genesis: Self = decode(bytes, limits::GENESIS_BYTES_MAX).map_err(GenesisError::Decode)?;
        genesis.validate()?;
        Ok(genesis)
    }

    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The chain id.
    #[must_use]
    pub fn chain_id(&self) -> ChainId {
        ChainId(Domain::Genesis.hash_of(self))
    }

    /// Checks suite, parameters and order of modules (the validator set checks itself).
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn validate(&self) -> Result<(), GenesisError> {
        if self.suite != Suite::Sha256Ed25519 {
            return Err(GenesisError::SuiteNotSupported { suite: self.suite });
        }
        self.parameters.validate().map_err(GenesisError::Parameter)?;
        if self.modules.windows(2).any(|pair| pair[0].module >= pair[1].module) {
            return Err(GenesisError::ModuleOrder);
        }
        Ok(())
    }
}

/// Why a genesis is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenesisError {
    /// Not the bytes of a genesis.
    Decode(DecodeError),
    /// A suite that this version cannot run as the suite of the chain.
    SuiteNotSupported {
        /// Which.
        suite: Suite,
    },
    /// A parameter outside its range.
    Parameter(ParameterError),
    /// Modules repeat or are not in ascending order.
    ModuleOrder,
}

impl fmt::Display for GenesisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "genesis does not decode: {error}"),
            Self::SuiteNotSupported { suite } => {
                write!(
                    f,
                    "suite {suite:?} is not yet supported as the suite of a chain; use suite 1 (SHA-256 + Ed25519)"
                )
            }
            Self::Parameter(error) => write!(f, "genesis {error}"),
            Self::ModuleOrder => f.write_str("genesis modules repeat or are not in ascending order"),
        }
    }
}

impl core::error::Error for GenesisError {}
