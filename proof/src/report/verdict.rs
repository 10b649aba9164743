//! Every case the verifier distinguishes, and the words for it.
//!
//! The Chinese statements are those that domain rules §3.3 permits, or weaker ones; none says that a content is true, that a
//! file is an original, that something never happened, or how things stand today.

use quancheng_types::{Height, KeyId, ModuleId};

use super::{Assessment, ProvenSpan, Standing, Step};
use crate::bundle::Reencoded;
use crate::foreign;
use crate::tables::Row;

mod signers;
mod spans;
mod words;

pub use signers::{BoundSigner, Doubt, RegisteredSigner, SignerVerdict};

/// Paths under which a bundle lists a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The first of them.
    pub paths: Vec<String>,
    /// How many more there are.
    pub more: usize,
}

impl Listed {
    /// Each path as a foreign text, with what stands between them.
    pub(crate) fn shown(&self, separator: &str) -> String {
        let shown = foreign::list(self.paths.iter().map(String::as_str), separator);
        if self.more == 0 { shown } else { format!("{shown} (+{})", self.more) }
    }
}

/// A case with its values. Step, result, code and words follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes are not a bundle: damaged, forged or cut.
    BundleUnreadable,
    /// A version that this build does not know.
    BundleVersion,
    /// A bundle behind a byte-order mark, or in another encoding.
    BundleMarked(Reencoded),
    /// Both digests and the length equal those of a notarized entry, whose name is that of the file.
    FileMatch,
    /// Both digests and the length equal those of a notarized entry of another name.
    FileOtherName {
        /// Under which names the bundle lists the content.
        listed: Listed,
    },
    /// Both digests and the length equal those of an entry that is not shown to be notarized: anybody can list a file in a bundle.
    FileListed,
    /// No entry of the bundle has these digests (wording of V15).
    FileMismatch,
    /// A file was given, but the bundle lists none.
    FileNothingToCompare,
    /// A file was given, but its content could not be read.
    FileUnreadable,
    /// Files of the bundle that were not given.
    FilesNotGiven {
        /// How many.
        count: u64,
    },
    /// The batch was declared a whole manifest, and every file of it was given and matches.
    ManifestMatch {
        /// How many.
        count: u64,
    },
    /// The entries do not add up to what the record states.
    ManifestMismatch,
    /// A file was given under the name of one entry and with the content of another.
    ManifestNamesMismatch,
    /// Every content of the manifest was given, but not every file under its name.
    ManifestOtherNames {
        /// How many.
        count: u64,
    },
    /// The record is not confirmed, or its act was refused: what it says of the manifest counts for nothing.
    ManifestUncertain,
    /// Not every entry was opened, or not every file given.
    ManifestPartial,
    /// The submitter did not declare the batch complete.
    ManifestNotDeclared,
    /// Entry and salt lead to the batch root of the record.
    CommitmentMatch,
    /// Entry and salt lead elsewhere.
    CommitmentMismatch,
    /// The salt is absent.
    CommitmentSealed,
    /// The transaction that carries the commitment was refused.
    CommitmentNotInEffect,
    /// The call or entry that an opening names commits to no batch.
    CommitmentAbsent,
    /// Transaction and receipt are in the block of this height, and took effect.
    InBlock {
        /// The height.
        height: Height,
    },
    /// Transaction and receipt are in the block of this height; the receipt says that the act was refused.
    InBlockRefused {
        /// The height.
        height: Height,
        /// Who refused; 0 is the executor.
        module: ModuleId,
        /// Its number for the reason.
        reason: u16,
    },
    /// The state after this height held this value.
    InState {
        /// The height.
        height: Height,
        /// Over which heights it did.
        span: ProvenSpan,
        /// Table and key in words, when the table is known.
        row: Option<Row>,
    },
    /// A path does not lead from the record to the header.
    InclusionMismatch {
        /// The height.
        height: Height,
    },
    /// The paths fit, but the header is not certified or not trusted.
    InclusionUncertain {
        /// The height.
        height: Height,
    },
    /// A quorum signed the header.
    Quorum {
        /// Validators that signed.
        signed: u32,
        /// Validators of the height.
        total: u32,
        /// Organizations of those who signed.
        names: Vec<String>,
        /// Power that signed, power of all and least power of a quorum, where validators have different power.
        power: Option<[u64; 3]>,
    },
    /// The validators that the bundle lists signed with a quorum, but the checkpoint does not confirm that they are the
    /// validators of this height. Their names stay out of the words: anybody can write a name into a bundle.
    QuorumUnconfirmed,
    /// The certificate does not hold.
    QuorumMismatch,
    /// The header's version is not known to this build.
    RulesUnknown,
    /// Each set was named by the set before; from a pinned block, the header also descends from it.
    TrustPathMatch,
    /// The same of the sets; that the header descends from the pinned block is not shown.
    TrustPathValidators,
    /// The path breaks.
    TrustPathMismatch,
    /// Checkpoint and bundle are of two chains: the reader took the wrong checkpoint, or was given the wrong bundle.
    TrustPathOtherChain,
    /// The pinned header is above the bundle's header.
    TrustPathTooEarly,
    /// When the block was proposed, and by when its results were certified. A header's time is its proposer's: who votes for
    /// the certifying header holds the record's block to be final already, and that header's time to be close to its own clock.
    BlockTime {
        /// The height.
        height: Height,
        /// Time of its proposal, ms since 1970 UTC.
        time_ms: u64,
        /// Height of the header that certifies its results.
        certified_height: Height,
        /// Time of that header, ms since 1970 UTC.
        certified_ms: u64,
    },
    /// The same of the genesis state: nobody voted on its time.
    GenesisTime {
        /// Time that the genesis states, ms since 1970 UTC.
        time_ms: u64,
        /// Height of the header that certifies its state.
        certified_height: Height,
        /// Time of that header, ms since 1970 UTC.
        certified_ms: u64,
    },
    /// The leaf does not lead to the header.
    BlockTimeMismatch,
    /// The header is not certified or not trusted.
    BlockTimeUncertain,
    /// A change of validators follows rules that this build does not know.
    TrustPathRulesUnknown,
    /// Every signature of the transaction verifies. Weaker than V9 of the list allows: the bundle carries no certificate of a CA.
    SignedBy {
        /// Who signed.
        keys: Vec<KeyId>,
    },
    /// A signature does not verify.
    SignatureMismatch,
    /// A signature is of an algorithm that this build does not verify.
    SignatureUnsupported,
    /// Who a signer is.
    Signer(SignerVerdict),
    /// The state after this height held nothing under the key.
    Absent {
        /// The height.
        height: Height,
        /// Over which heights it did not.
        span: ProvenSpan,
        /// Table and key in words.
        row: Row,
    },
    /// No table that this version knows can hold the key, so that its absence says nothing.
    AbsenceVacuous,
    /// The proof does not show absence.
    AbsenceMismatch {
        /// The height.
        height: Height,
    },
    /// The proof fits, but the header is not certified or not trusted.
    AbsenceUncertain {
        /// The height.
        height: Height,
    },
    /// The status that a confirmed state entry states.
    Status {
        /// The height.
        height: Height,
        /// Its block time, ms since 1970 UTC; for this moment the status was worked out.
        time_ms: u64,
        /// Over which heights the entry stood as it is.
        span: ProvenSpan,
        /// What has which status, in both languages.
        standing: Standing,
    },
    /// The state entry is not confirmed.
    StatusUncertain,
    /// The authorization that a confirmed state entry states.
    Grant {
        /// The height.
        height: Height,
        /// Over which heights the entry stood as it is.
        span: ProvenSpan,
    },
    /// The state entry is not confirmed.
    GrantUncertain,
    /// No token of a time stamping authority.
    NoTimestamp,
    /// Nobody asked for a status.
    NoStatus,
    /// Nobody asked for an authorization.
    NoGrant,
    /// What preceded the chain is never judged here.
    PreChain,
    /// No declarations of the platform.
    Platform,
    /// No record about the signing keys.
    NoDoubtWindow,
}

impl Verdict {
    /// Which check.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::BundleUnreadable | Self::BundleVersion | Self::BundleMarked(_) => Step::Form,
            Self::FileMatch
            | Self::FileOtherName { .. }
            | Self::FileListed
            | Self::FileMismatch
            | Self::FileNothingToCompare
            | Self::FileUnreadable
            | Self::FilesNotGiven { .. } => Step::FileDigest,
            Self::ManifestMatch { .. }
            | Self::ManifestMismatch
            | Self::ManifestNamesMismatch
            | Self::ManifestOtherNames { .. }
            | Self::ManifestUncertain
            | Self::ManifestPartial
            | Self::ManifestNotDeclared => Step::Manifest,
            Self::CommitmentMatch
            | Self::CommitmentMismatch
            | Self::CommitmentSealed
            | Self::CommitmentNotInEffect
            | Self::CommitmentAbsent => Step::Commitment,
            Self::InBlock { .. }
            | Self::InBlockRefused { .. }
            | Self::InState { .. }
            | Self::InclusionMismatch { .. }
            | Self::InclusionUncertain { .. } => Step::Inclusion,
            Self::Quorum { .. } | Self::QuorumUnconfirmed | Self::QuorumMismatch | Self::RulesUnknown => Step::Finality,
            Self::TrustPathMatch
            | Self::TrustPathValidators
            | Self::TrustPathMismatch
            | Self::TrustPathOtherChain
            | Self::TrustPathTooEarly
            | Self::TrustPathRulesUnknown => Step::TrustPath,
            Self::BlockTime { .. } | Self::GenesisTime { .. } | Self::BlockTimeMismatch | Self::BlockTimeUncertain => {
                Step::BlockTime
            }
            Self::SignedBy { .. } | Self::SignatureMismatch | Self::SignatureUnsupported | Self::Signer(_) => {
                Step::Signature
            }
            Self::Absent { .. }
            | Self::AbsenceVacuous
            | Self::AbsenceMismatch { .. }
            | Self::AbsenceUncertain { .. } => Step::Absence,
            Self::Status { .. } | Self::StatusUncertain | Self::NoStatus => Step::Status,
            Self::Grant { .. } | Self::GrantUncertain | Self::NoGrant => Step::Grant,
            Self::NoTimestamp => Step::Timestamp,
            Self::PreChain => Step::PreChain,
            Self::Platform => Step::Platform,
            Self::NoDoubtWindow => Step::DoubtWindow,
        }
    }

    /// What came of it.
    #[must_use]
    pub const fn result(&self) -> Assessment {
        match self {
            Self::Signer(signer) => signer.result(),
            Self::BundleUnreadable
            | Self::FileMismatch
            | Self::ManifestMismatch
            | Self::ManifestNamesMismatch
            | Self::CommitmentMismatch
            | Self::CommitmentAbsent
            | Self::InclusionMismatch { .. }
            | Self::QuorumMismatch
            | Self::TrustPathMismatch
            | Self::BlockTimeMismatch
            | Self::SignatureMismatch
            | Self::AbsenceMismatch { .. } => Assessment::Mismatch,
            Self::BundleVersion
            | Self::BundleMarked(_)
            | Self::FileListed
            | Self::ManifestUncertain
            | Self::FileNothingToCompare
            | Self::FileUnreadable
            | Self::CommitmentSealed
            | Self::CommitmentNotInEffect
            | Self::InclusionUncertain { .. }
            | Self::QuorumUnconfirmed
            | Self::RulesUnknown
            | Self::TrustPathOtherChain
            | Self::TrustPathTooEarly
            | Self::TrustPathRulesUnknown
            | Self::SignatureUnsupported
            | Self::BlockTimeUncertain
            | Self::AbsenceVacuous
            | Self::AbsenceUncertain { .. }
            | Self::StatusUncertain
            | Self::GrantUncertain => Assessment::CannotCheck,
            Self::FileMatch
            | Self::FileOtherName { .. }
            | Self::ManifestMatch { .. }
            | Self::CommitmentMatch
            | Self::InBlock { .. }
            | Self::InBlockRefused { .. }
            | Self::InState { .. }
            | Self::Quorum { .. }
            | Self::TrustPathMatch
            | Self::TrustPathValidators
            | Self::BlockTime { .. }
            | Self::GenesisTime { .. }
            | Self::SignedBy { .. }
            | Self::Absent { .. }
            | Self::Status { .. }
            | Self::Grant { .. } => Assessment::Match,
            Self::FilesNotGiven { .. }
            | Self::ManifestOtherNames { .. }
            | Self::ManifestPartial
            | Self::ManifestNotDeclared
            | Self::NoTimestamp
            | Self::NoStatus
            | Self::NoGrant
            | Self::PreChain
            | Self::Platform
            | Self::NoDoubtWindow => Assessment::NotAssessed,
        }
    }
}

#[cfg(test)]
mod tests;
