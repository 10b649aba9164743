//! Digests of the files that someone holds against a bundle. Reading them is left to the caller.

use quancheng_types::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sm3::Sm3;

/// A file as the verifier sees it: its length and both digests. The content never comes here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigests {
    /// What the report calls it: the name under which the caller was given it, with `/` between folders. It is compared with the paths
    /// of the bundle, so folders that the bundle names should be in it.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 (FIPS 180-4).
    pub sha256: Digest,
    /// SM3 (GB/T 32905).
    pub sm3: Digest,
    /// Its place among all files that were given, from 0, when it is not that in the list: those that cannot be read are counted, and are
    /// not in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
    /// Place of another file that is the very same file (by another spelling, or a link): both are judged, but they count as one. A hard
    /// link is another file where the bundle lists it of its own ([`own_entries`](crate::own_entries)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<u32>,
}

/// Computes both digests of a file piece by piece, so that a file of any length takes constant memory.
#[derive(Clone, Debug, Default)]
pub struct FileHasher {
    size: u64,
    sha256: Sha256,
    sm3: Sm3,
}

impl FileHasher {
    /// Before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        // A length beyond 2^64 bytes cannot arise; saturating keeps this total.
        self.size = self.size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        self.sha256.update(piece);
        self.sm3.update(piece);
    }

    /// The digests of everything taken.
    #[must_use]
    pub fn finish(self, name: impl Into<String>) -> FileDigests {
        FileDigests {
            name: name.into(),
            size: self.size,
            sha256: Digest(self.sha256.finalize().into()),
            sm3: Digest(self.sm3.finalize().into()),
            place: None,
            same_as: None,
        }
    }
}

#[cfg(test)]
mod tests;
