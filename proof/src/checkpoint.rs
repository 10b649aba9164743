//! What the verifier trusts: a file that comes by another way than the bundle.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{ChainId, Digest, Domain, Genesis, GenesisError, Header, Height, ValidatorSet};
use serde::{Deserialize, Serialize};

use crate::spelling::{self, JSON_DEPTH_MAX};
use crate::verify::is_possible;

/// Bytes of a checkpoint file. A genesis in JSON is at most about three times its canonical bytes.
pub const CHECKPOINT_JSON_BYTES_MAX: u32 = 32 * 1024 * 1024;

/// Values that a checkpoint file may separate (commas and opening brackets): bounds the memory of a hostile text. A genesis with
/// as many validators and modules as there may be needs fewer.
pub const CHECKPOINT_JSON_SEPARATORS_MAX: u32 = 64 * 1024;

/// Name of the format inside the file.
pub const CHECKPOINT_FORMAT: &str = "quancheng-checkpoint";

/// Version of the format.
pub const CHECKPOINT_VERSION: u16 = 1;

/// A chain, and one place in it from which trust starts. Everything else a verifier works out from the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    chain_id: ChainId,
    anchor: Anchor,
}

/// Where trust starts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Anchor {
    /// The genesis: its hash is the chain id, its validators are those of height 1.
    Genesis {
        /// The whole genesis.
        genesis: Box<Genesis>,
    },
    /// A header that a court or notary has pinned, with the validators of its height.
    Pinned {
        /// The header.
        header: Box<Header>,
        /// The validators that `header.validators_hash` names.
        validators: ValidatorSet,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u16,
    chain_id: ChainId,
    anchor: Anchor,
}

impl Checkpoint {
    /// Trusts a genesis.
    ///
    /// # Errors
    /// [`CheckpointError::Genesis`] when the genesis is not valid.
    pub fn from_genesis(genesis: Genesis) -> Result<Self, CheckpointError> {
        genesis.validate().map_err(CheckpointError::Genesis)?;
        Ok(Self { chain_id: genesis.chain_id(), anchor: Anchor::Genesis { genesis: Box::new(genesis) } })
    }

    /// Trusts a header and the validators it names.
    ///
    /// # Errors
    /// [`CheckpointError::Header`] when no block can have the header; [`CheckpointError::Validators`] when it names other validators.
    pub fn pinned(header: Header, validators: ValidatorSet) -> Result<Self, CheckpointError> {
        if !is_possible(&header) {
            return Err(CheckpointError::Header);
        }
        if validators.hash() != header.validators_hash {
            return Err(CheckpointError::Validators);
        }
        Ok(Self { chain_id: header.chain_id, anchor: Anchor::Pinned { header: Box::new(header), validators } })
    }

    /// Reads a checkpoint file. White space, the order of members and escapes in texts are free; everything else has one spelling.
    ///
    /// # Errors
    /// [`CheckpointError`]; the anchor must belong to the chain id that the file names.
    pub fn from_json(text: &[u8]) -> Result<Self, CheckpointError> {
        if u32::try_from(text.len()).map_or(true, |n| n > CHECKPOINT_JSON_BYTES_MAX) {
            return Err(CheckpointError::TooLarge { bytes: text.len() });
        }
        let extent = spelling::extent(text);
        if extent.separators > CHECKPOINT_JSON_SEPARATORS_MAX || extent.depth > JSON_DEPTH_MAX {
            return Err(CheckpointError::TooManyValues);
        }
        let fault = |error: serde_json::Error| CheckpointError::Json { line: error.line(), reason: error.to_string() };
        let frame = spelling::frame(text).map_err(fault)?;
        if frame.format != CHECKPOINT_FORMAT {
            return Err(CheckpointError::Format { found: frame.format });
        }
        if frame.version != u64::from(CHECKPOINT_VERSION) {
            return Err(CheckpointError::Version { found: frame.version });
        }
        let file: File = serde_json::from_slice(text).map_err(fault)?;
        if !spelling::is_of(text, &file).map_err(fault)? {
            return Err(CheckpointError::NotCanonical);
        }
        let checkpoint = match file.anchor {
            Anchor::Genesis { genesis } => Self::from_genesis(*genesis)?,
            Anchor::Pinned { header, validators } => Self::pinned(*header, validators)?,
        };
        if checkpoint.chain_id != file.chain_id {
            return Err(CheckpointError::ChainId { named: file.chain_id, found: checkpoint.chain_id });
        }
        Ok(checkpoint)
    }

    /// The content of a checkpoint file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let file = File {
            format: CHECKPOINT_FORMAT.to_owned(),
            version: CHECKPOINT_VERSION,
            chain_id: self.chain_id,
            anchor: self.anchor.clone(),
        };
        let mut text = serde_json::to_string_pretty(&file).expect("every field has a JSON form");
        text.push('\n');
        text
    }

    /// The chain.
    #[must_use]
    pub const fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// Where trust starts.
    #[must_use]
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The height from which trust starts: 0 for a genesis.
    #[must_use]
    pub fn height(&self) -> Height {
        match &self.anchor {
            Anchor::Genesis { .. } => Height::GENESIS,
            Anchor::Pinned { header, .. } => header.height,
        }
    }

    /// The validators in office there: those of height 1 for a genesis.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        match &self.anchor {
            Anchor::Genesis { genesis } => &genesis.validators,
            Anchor::Pinned { validators, .. } => validators,
        }
    }

    /// A digest that two people can compare by telephone before they rely on the file.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Domain::Checkpoint.hash_of(&(&self.chain_id, &self.anchor))
    }
}

/// Why a checkpoint cannot be used. It is the caller's fault, never evidence about a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// More than [`CHECKPOINT_JSON_BYTES_MAX`] bytes.
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// Not the JSON of a checkpoint.
    Json {
        /// Line, counted from 1.
        line: usize,
        /// What the parser met.
        reason: String,
    },
    /// Another kind of file.
    Format {
        /// What it says it is.
        found: String,
    },
    /// A version that this build does not know.
    Version {
        /// Which.
        found: u64,
    },
    /// More than [`CHECKPOINT_JSON_SEPARATORS_MAX`] values, or nested more deeply than any checkpoint.
    TooManyValues,
    /// Unknown members, a list in another order, or another spelling of a value.
    NotCanonical,
    /// The genesis is not valid.
    Genesis(GenesisError),
    /// No block can have the pinned header: its heights contradict each other.
    Header,
    /// The pinned header names other validators.
    Validators,
    /// The anchor is of another chain than the file says.
    ChainId {
        /// The chain the file names.
        named: ChainId,
        /// The chain of the anchor.
        found: ChainId,
    },
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("checkpoint: ")?;
        match self {
            Self::TooLarge { bytes } => write!(f, "{bytes} bytes exceed the limit of {CHECKPOINT_JSON_BYTES_MAX}"),
            Self::Json { line, reason } => write!(f, "not a checkpoint file (line {line}): {reason}"),
            Self::Format { found } => write!(f, "the file calls itself `{found}`, expected `{CHECKPOINT_FORMAT}`"),
            Self::Version { found } => {
                write!(f, "version {found} is unknown, this build reads {CHECKPOINT_VERSION}; install a newer verifier")
            }
            Self::TooManyValues => write!(
                f,
                "it holds more than {CHECKPOINT_JSON_SEPARATORS_MAX} values, or they are nested more than {JSON_DEPTH_MAX} deep"
            ),
            Self::NotCanonical => f.write_str(
                "the file holds members that a checkpoint does not have, a list in another order, or another spelling of a value",
            ),
            Self::Genesis(error) => write!(f, "{error}"),
            Self::Header => {
                f.write_str("height, executed height and history size of the pinned header contradict each other")
            }
            Self::Validators => {
                f.write_str("the pinned header names other validators than the file lists; obtain the file again")
            }
            Self::ChainId { named, found } => {
                write!(f, "the file names chain {named}, but its anchor is of chain {found}; obtain the file again")
            }
        }
    }
}

impl core::error::Error for CheckpointError {}
