//! What a caller may choose about a local network.

use std::path::PathBuf;

use quancheng_types::{Parameters, Writers};

use crate::error::LocalError;

/// Validators of one local network.
pub(crate) const VALIDATORS_MAX: u32 = 64;
/// Followers of one local network.
const FOLLOWERS_MAX: u32 = 32;
/// Prepared identities for validators to come.
const CANDIDATES_MAX: u32 = 16;
/// Longest wait for readiness, ms.
const READY_TIMEOUT_MAX_MS: u64 = 3_600_000;

/// Choices for a new network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder; made when it is not there.
    pub dir: PathBuf,
    /// The program to run.
    pub quanchengd: PathBuf,
    /// How many validators, 1 to 64.
    pub validators: u32,
    /// How many followers, at most 32.
    pub followers: u32,
    /// Identities prepared for validators that may be voted in later, at most 16. Peers know them from the start, so that
    /// nobody restarts when one of them joins.
    pub candidates: u32,
    /// Name of the chain for people.
    pub chain_name: String,
    /// Consensus parameters of the genesis. Anyone may write to a local network.
    pub parameters: Parameters,
    /// How long to wait until every node is ready, ms.
    pub ready_timeout_ms: u64,
    /// Log level of the nodes, as in their configuration.
    pub log_level: String,
}

/// Time after which an idle local chain makes an empty block, ms: short, so that a person who tries it sees it live.
const HEARTBEAT_MS: u64 = 2_000;
/// Default wait for readiness, ms.
const READY_TIMEOUT_MS: u64 = 60_000;

impl Settings {
    /// Four validators and no follower.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, quanchengd: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            quanchengd: quanchengd.into(),
            validators: 4,
            followers: 0,
            candidates: 1,
            chain_name: "泉城链（本机测试网络）".to_owned(),
            parameters: Parameters { heartbeat_ms: HEARTBEAT_MS, writers: Writers::Anyone, ..Parameters::default() },
            ready_timeout_ms: READY_TIMEOUT_MS,
            log_level: "info".to_owned(),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), LocalError> {
        let ranges = [
            ("validators", u64::from(self.validators), 1, u64::from(VALIDATORS_MAX)),
            ("followers", u64::from(self.followers), 0, u64::from(FOLLOWERS_MAX)),
            ("candidates", u64::from(self.candidates), 0, u64::from(CANDIDATES_MAX)),
            ("ready_timeout_ms", self.ready_timeout_ms, 1, READY_TIMEOUT_MAX_MS),
        ];
        for (name, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(LocalError::Setting { name, value, min, max });
            }
        }
        self.parameters.validate().map_err(|error| LocalError::Setting {
            name: error.field,
            value: error.value,
            min: error.min,
            max: error.max,
        })
    }
}
