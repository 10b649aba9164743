//! A height with its time, in words: the one place where the two are written together.
//!
//! Validators vote on the time of a block (protocol §5). On the time of the genesis, height 0, nobody ever voted: whoever made the
//! genesis wrote it, and may have written the year 2010. So whatever names that time says whose word it is.

use quancheng_types::Height;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::shanghai_time;

/// Whose word a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeOf {
    /// What the genesis states; nobody voted on it.
    Genesis,
    /// The proposal of the block, near the clocks of those who voted.
    Proposal,
}

impl TimeOf {
    /// Whose word the time of a height is.
    #[must_use]
    pub const fn height(height: Height) -> Self {
        if height.0 == Height::GENESIS.0 { Self::Genesis } else { Self::Proposal }
    }
}

/// A height, with its block time where the bundle proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The height.
    pub height: Height,
    /// Time of its block's proposal, of the genesis that which it states, ms since 1970 UTC; `None` when the bundle does not carry the
    /// leaf of the height.
    pub time_ms: Option<u64>,
}

impl Moment {
    /// A height whose time is known.
    #[must_use]
    pub const fn known(height: Height, time_ms: u64) -> Self {
        Self { height, time_ms: Some(time_ms) }
    }

    /// Height and time in Chinese, such as `高度 7（2026-01-20T09:00:07.000+08:00）`; with the space that a Chinese word behind a digit
    /// takes.
    #[must_use]
    pub fn zh(self) -> String {
        let height = self.height;
        match (self.time_ms.map(shanghai_time), TimeOf::height(height)) {
            (None, _) => format!("高度 {height} "),
            (Some(time), TimeOf::Proposal) => format!("高度 {height}（{time}）"),
            (Some(time), TimeOf::Genesis) => format!("高度 {height}（{time}，创世所载时间，无人表决）"),
        }
    }

    /// Height and time in English, such as `height 7 (2026-01-20T09:00:07.000+08:00)`.
    #[must_use]
    pub fn en(self) -> String {
        let height = self.height;
        match (self.time_ms.map(shanghai_time), TimeOf::height(height)) {
            (None, _) => format!("height {height}"),
            (Some(time), TimeOf::Proposal) => format!("height {height} ({time})"),
            (Some(time), TimeOf::Genesis) => format!("height {height} ({time}, as genesis states; nobody voted on it)"),
        }
    }

    /// The time alone in Chinese, with the space as in [`zh`](Self::zh); empty when it is not known.
    #[must_use]
    pub fn time_zh(self) -> String {
        match (self.time_ms.map(shanghai_time), TimeOf::height(self.height)) {
            (None, _) => String::new(),
            (Some(time), TimeOf::Proposal) => format!("{time} "),
            (Some(time), TimeOf::Genesis) => format!("{time}（创世所载时间，无人表决）"),
        }
    }

    /// The time alone in English; empty when it is not known.
    #[must_use]
    pub fn time_en(self) -> String {
        match (self.time_ms.map(shanghai_time), TimeOf::height(self.height)) {
            (None, _) => String::new(),
            (Some(time), TimeOf::Proposal) => time,
            (Some(time), TimeOf::Genesis) => format!("{time} (as genesis states; nobody voted on it)"),
        }
    }

    /// The time with what it is, in Chinese: no block was proposed at height 0. Empty when it is not known.
    #[must_use]
    pub fn named_zh(self) -> String {
        match (self.time_ms.map(shanghai_time), TimeOf::height(self.height)) {
            (None, _) => String::new(),
            (Some(time), TimeOf::Proposal) => format!("区块时间（提案）{time}"),
            (Some(time), TimeOf::Genesis) => format!("创世所载时间 {time}（无人表决）"),
        }
    }

    /// The time as V7 states it, in Chinese. Empty when it is not known.
    #[must_use]
    pub(super) fn stated_zh(self) -> String {
        let height = self.height;
        match (self.time_ms.map(shanghai_time), TimeOf::height(height)) {
            (None, _) => String::new(),
            (Some(time), TimeOf::Proposal) => format!("区块时间（提案）为 {time}（高度 {height}）"),
            (Some(time), TimeOf::Genesis) => {
                format!("高度 0 为创世状态，创世文件载明的时间为 {time}，未经验证者表决")
            }
        }
    }

    /// The time as V7 states it, in English.
    #[must_use]
    pub(super) fn stated_en(self) -> String {
        let height = self.height;
        match (self.time_ms.map(shanghai_time), TimeOf::height(height)) {
            (None, _) => String::new(),
            (Some(time), TimeOf::Proposal) => format!("block time (of the proposal) is {time} (height {height})"),
            (Some(time), TimeOf::Genesis) => {
                format!("height 0 is the genesis state; the genesis states the time {time}, on which nobody voted")
            }
        }
    }

    /// The time with what it is, in English.
    #[must_use]
    pub fn named_en(self) -> String {
        match (self.time_ms.map(shanghai_time), TimeOf::height(self.height)) {
            (None, _) => String::new(),
            (Some(time), TimeOf::Proposal) => format!("block time (of the proposal) {time}"),
            (Some(time), TimeOf::Genesis) => format!("time that genesis states {time} (nobody voted on it)"),
        }
    }
}

/// Height, time, and beside a time whose word it is.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Moment", 3)?;
        shown.serialize_field("height", &self.height)?;
        shown.serialize_field("time_ms", &self.time_ms)?;
        shown.serialize_field("time_of", &self.time_ms.map(|_| TimeOf::height(self.height)))?;
        shown.end()
    }
}

#[cfg(test)]
mod tests;
