//! Versions of the rules, and which of them this build carries.
//!
//! A header names the version under which its block is judged and executed (`Header::version`). Which version counts at which height is
//! decided by vote, long before (`schedule`). A node that does not carry the rules of a height stops before it; a newer build carries
//! the old rules too, because history is executed and verified under them.

/// The version in which every chain starts.
pub const PROTOCOL_VERSION: u16 = 1;

/// The newest version whose rules this build carries. Only test builds know a second one: the change of a version is tried with it.
pub const NEWEST_VERSION: u16 = if cfg!(feature = "test-version-2") { 2 } else { PROTOCOL_VERSION };

/// Whether this build carries the rules of a version.
#[must_use]
pub const fn is_known_version(version: u16) -> bool {
    PROTOCOL_VERSION <= version && version <= NEWEST_VERSION
}
