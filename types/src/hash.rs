//! Digests and the domain tags that keep bytes of one kind from passing as another.
//!
//! Two kinds of hash are begun here, and nowhere else:
//!
//! - the chain's own, which goes with the suite that genesis names ([`crate::Suite`]; this build has suite 1, so it is SHA-256).
//!   [`Domain`] puts a tag before the content; [`content_hash`] hashes what carries a prefix of its own, as the nodes of trees do;
//! - SHA-256 by its name, whatever the suite: [`Hasher::plain`] and [`sha256`], for files of people and for records of one node.
//!
//! What belongs to a signature (SHA-512 of Ed25519) is begun in [`crate::keys`], and the digests of a file that is held against a bundle, which
//! name their algorithms, where they are compared.

mod short;
#[cfg(test)]
mod tests;

use core::fmt;
use core::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest as _, Sha256};

/// 32 bytes of a hash. People see lower-case hex.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Thirty-two zero bytes: the parent of the first block, the root of an empty state tree.
    pub const ZERO: Self = Self([0; 32]);

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What is hashed. The tag is hashed before the content as `length(u8) ‖ tag ‖ content`, so no two domains share a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A genesis; its hash is the chain id.
    Genesis,
    /// The body of a transaction; its hash is the transaction id and what the signers sign.
    Transaction,
    /// A batch header; its hash is the batch id.
    Batch,
    /// What a validator signs when it acknowledges a batch.
    BatchAck,
    /// A block header; its hash is the block id.
    Header,
    /// What a validator signs as a vote.
    Vote,
    /// What a proposer signs.
    Proposal,
    /// A validator set.
    ValidatorSet,
    /// Consensus parameters.
    Parameters,
    /// A public key; its hash is the key id.
    Key,
    /// The account that a key holds before any record binds it.
    Account,
    /// A validator's public key; its hash is the validator id.
    Validator,
    /// A key of the state.
    StateKey,
    /// A value of the state.
    StateValue,
    /// Place of a superseded version in the state tree.
    StateVersion,
    /// A list of the state: its rows one after the other, each hashed with the digest of those before.
    List,
    /// A salted commitment to evidence.
    EvidenceCommitment,
    /// A salted commitment to anything else.
    Commitment,
    /// What a validator did against the protocol, however it is proved; see [`crate::MisbehaviorProof::offence_id`].
    Offence,
    /// What a validator signs to be given turns again.
    Presence,
    /// Who is absent and who came back, as a header names it.
    Attendance,
    /// What a process that starts signs to ask what was signed with its key.
    SignQuery,
    /// What another process with the same key answers.
    SignAlive,
    /// A checkpoint file.
    Checkpoint,
}

impl Domain {
    /// The tag, `quancheng/<thing>/<version>`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Genesis => "quancheng/genesis/1",
            Self::Transaction => "quancheng/transaction/1",
            Self::Batch => "quancheng/batch/1",
            Self::BatchAck => "quancheng/batch-ack/1",
            Self::Header => "quancheng/header/1",
            Self::Vote => "quancheng/vote/1",
            Self::Proposal => "quancheng/proposal/1",
            Self::ValidatorSet => "quancheng/validator-set/1",
            Self::Parameters => "quancheng/parameters/1",
            Self::Key => "quancheng/key/1",
            Self::Account => "quancheng/account/1",
            Self::Validator => "quancheng/validator/1",
            Self::StateKey => "quancheng/state-key/1",
            Self::StateValue => "quancheng/state-value/1",
            Self::StateVersion => "quancheng/state-version/1",
            Self::List => "quancheng/list/1",
            Self::EvidenceCommitment => "quancheng/evidence/1",
            Self::Commitment => "quancheng/commit/1",
            Self::Offence => "quancheng/offence/1",
            Self::Presence => "quancheng/presence/1",
            Self::Attendance => "quancheng/attendance/1",
            Self::SignQuery => "quancheng/sign-query/1",
            Self::SignAlive => "quancheng/sign-alive/1",
            Self::Checkpoint => "quancheng/checkpoint/1",
        }
    }

    /// A hasher that has taken the tag and waits for the content.
    #[must_use]
    pub fn hasher(self) -> Hasher {
        let tag = self.tag().as_bytes();
        let mut hasher = Hasher::of_chain();
        hasher.update(&[u8::try_from(tag.len()).expect("tags are shorter than 256 bytes")]);
        hasher.update(tag);
        hasher
    }

    /// Hash of the content under this tag.
    #[must_use]
    pub fn hash(self, content: &[u8]) -> Digest {
        let tag = self.tag().as_bytes();
        let length = [u8::try_from(tag.len()).expect("tags are shorter than 256 bytes")];
        content_hash(&[&length, tag, content])
    }

    /// Hash of the canonical bytes of a value under this tag.
    #[must_use]
    pub fn hash_of<T: BorshSerialize + ?Sized>(self, value: &T) -> Digest {
        let mut hasher = self.hasher();
        value.serialize(&mut hasher).expect("hashing bytes into memory cannot fail");
        hasher.finish()
    }
}

/// An incremental hash, tagged or plain. Implements [`borsh::io::Write`], so values are hashed without an intermediate buffer.
#[derive(Clone)]
pub struct Hasher {
    inner: Sha256,
}

impl Hasher {
    /// The chain's own, before the first byte. With [`content_hash`], all that knows which function that is.
    fn of_chain() -> Self {
        Self::plain()
    }

    /// Without a tag: plain SHA-256 of what comes in pieces, as [`sha256`] gives it of what is in memory as a whole. For files of people.
    #[must_use]
    pub fn plain() -> Self {
        Self { inner: Sha256::new() }
    }

    /// Takes more content.
    pub fn update(&mut self, content: &[u8]) {
        self.inner.update(content);
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.inner.finalize().into())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

impl borsh::io::Write for Hasher {
    fn write(&mut self, buf: &[u8]) -> borsh::io::Result<usize> {
        self.inner.update(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}

/// The chain's own hash of content without a tag, in parts: for nodes of trees, which carry a prefix of their own.
#[must_use]
pub fn content_hash(parts: &[&[u8]]) -> Digest {
    sha256(parts)
}

/// Plain SHA-256, whatever the suite of the chain: for files of people, and for checksums and names of one node.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Digest {
    if let Some(digest) = short::sha256(parts) {
        return digest;
    }
    let mut hasher = Hasher::plain();
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

/// A text that is not 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDigest;

impl fmt::Display for InvalidDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected 64 lower-case hexadecimal digits (32 bytes)")
    }
}

impl core::error::Error for InvalidDigest {}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).expect("two digits for each of 32 bytes");
        f.write_str(core::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        if text.len() != 64 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(InvalidDigest);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidDigest)?;
        Ok(Self(bytes))
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
