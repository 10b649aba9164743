//! What a verifier may say (domain rules §3.3): one finding per step, in words that claim no more than was checked.

mod detail;
mod facts;
mod moment;
mod time;
mod verdict;

use serde::{Deserialize, Serialize};

pub use detail::Detail;
pub use facts::{
    CarriedSignature, ClaimFact, EntryFact, Facts, HeaderFact, ManifestFact, ProvenSpan, RecordFact, SignerFact,
    TransactionSignerFact,
};
pub use moment::{Moment, TimeOf};
pub use time::{length_en, length_zh, shanghai_time};
pub use verdict::{BoundSigner, Doubt, Listed, RegisteredSigner, SignerVerdict, Verdict};

/// Exit code when every finding asked for is MATCH.
pub const EXIT_MATCH: u8 = 0;
/// Exit code when any finding is MISMATCH, also for a damaged or forged bundle.
pub const EXIT_MISMATCH: u8 = 5;
/// Exit code when verification could not be completed.
pub const EXIT_CANNOT_CHECK: u8 = 6;

/// Result of one check. Never merged into one "true" or "false".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Assessment {
    /// Checked, and it fits.
    Match,
    /// Checked, and it does not fit.
    Mismatch,
    /// Asked for, but something needed is missing.
    CannotCheck,
    /// Not asked for, or outside of what this tool judges.
    NotAssessed,
}

/// The steps of the checklist (domain rules §3.3), and the form of the bundle itself (V0). Step V15 of the list is the
/// wording of a MISMATCH of V1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// Whether the bytes are a bundle at all.
    #[serde(rename = "V0")]
    Form,
    /// File digest.
    #[serde(rename = "V1")]
    FileDigest,
    /// Manifest.
    #[serde(rename = "V2")]
    Manifest,
    /// Salted commitment.
    #[serde(rename = "V3")]
    Commitment,
    /// Inclusion in a block or in the state.
    #[serde(rename = "V4")]
    Inclusion,
    /// Quorum of signatures over the header.
    #[serde(rename = "V5")]
    Finality,
    /// From the checkpoint to the validators of the header.
    #[serde(rename = "V6")]
    TrustPath,
    /// Block time.
    #[serde(rename = "V7")]
    BlockTime,
    /// Token of a time stamping authority.
    #[serde(rename = "V8")]
    Timestamp,
    /// Signatures of the transaction.
    #[serde(rename = "V9")]
    Signature,
    /// Status of a registration certificate.
    #[serde(rename = "V10")]
    Status,
    /// Absence of an entry.
    #[serde(rename = "V11")]
    Absence,
    /// Scope of an authorization.
    #[serde(rename = "V12")]
    Grant,
    /// What happened before the record reached the chain.
    #[serde(rename = "V13")]
    PreChain,
    /// What the platform declares about itself.
    #[serde(rename = "V14")]
    Platform,
    /// Declared compromise of a signing key.
    #[serde(rename = "V16")]
    DoubtWindow,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Scope {
    /// The bundle as a whole.
    Bundle,
    /// A file that was given.
    File {
        /// Its place among the files given, from 0, in the order in which they were given: names may repeat, or look alike.
        file: u32,
        /// As the caller named it.
        name: String,
    },
    /// One claim of the bundle.
    Claim {
        /// Its place.
        claim: u16,
    },
    /// One signer of a transaction.
    Signer {
        /// The claim that carries the transaction.
        claim: u16,
        /// Place among its signers.
        signer: u8,
    },
    /// The files of one batch.
    Batch {
        /// The claim that carries its commitment.
        claim: u16,
        /// The call that carries it; 0 for a state entry.
        call: u8,
    },
    /// One file of a batch, as the bundle lists it.
    Item {
        /// The claim that carries the commitment of the batch.
        claim: u16,
        /// The call that carries it; 0 for a state entry.
        call: u8,
        /// Place in the batch.
        index: u64,
        /// Path in the batch.
        path: String,
    },
}

/// What has which status, in the words of a statement. The caller writes them; no more may be put into them than the entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What it is about, such as `登记凭证 QC-370100-PR-2026-00001001-P`.
    pub subject_zh: String,
    /// The same in English.
    pub subject_en: String,
    /// The status, such as `有效`.
    pub status_zh: String,
    /// The same in English.
    pub status_en: String,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub step: Step,
    /// What it is about.
    pub scope: Scope,
    /// What came of it.
    pub result: Assessment,
    /// Stable name of the case, equal in all languages and versions.
    pub code: &'static str,
    /// The permitted statement in Chinese.
    pub statement_zh: String,
    /// The same in English.
    pub statement_en: String,
    /// What was met, in Chinese; empty when the statement says it all, or only an engineer needs more.
    pub detail_zh: String,
    /// What was met, for an engineer; empty when the statement says it all.
    pub detail: String,
    /// The case with its values.
    #[serde(skip)]
    pub verdict: Verdict,
}

impl Finding {
    /// Puts a verdict into words.
    #[must_use]
    pub fn new(scope: Scope, verdict: Verdict, detail: impl Into<Detail>) -> Self {
        let Detail { zh, en } = detail.into();
        Self {
            step: verdict.step(),
            scope,
            result: verdict.result(),
            code: verdict.code(),
            statement_zh: verdict.statement_zh(),
            statement_en: verdict.statement_en(),
            detail_zh: zh,
            detail: en,
            verdict,
        }
    }
}

/// The answer of [`verify`](crate::verify()).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of the steps.
    pub findings: Vec<Finding>,
    /// What the bundle says; `None` when it does not decode. Only as good as the findings: nothing here is confirmed unless
    /// [`overall`](Self::overall) is [`Assessment::Match`].
    pub facts: Option<Facts>,
}

impl Report {
    /// A report without facts.
    #[must_use]
    pub fn of_form(verdict: Verdict, detail: impl Into<Detail>) -> Self {
        Self { findings: vec![Finding::new(Scope::Bundle, verdict, detail)], facts: None }
    }

    /// The worst result of what was asked: MISMATCH before CANNOT_CHECK before MATCH. It is a match only when finality and
    /// trust path match, and at least one record or absence does: silence never passes.
    #[must_use]
    pub fn overall(&self) -> Assessment {
        let any = |result| self.findings.iter().any(|finding| finding.result == result);
        let matched = |step| self.findings.iter().any(|f| f.step == step && f.result == Assessment::Match);
        if any(Assessment::Mismatch) {
            Assessment::Mismatch
        } else if any(Assessment::CannotCheck) {
            Assessment::CannotCheck
        } else if matched(Step::Finality)
            && matched(Step::TrustPath)
            && (matched(Step::Inclusion) || matched(Step::Absence))
        {
            Assessment::Match
        } else {
            Assessment::CannotCheck
        }
    }

    /// What a command line tool exits with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.overall() {
            Assessment::Match => EXIT_MATCH,
            Assessment::Mismatch => EXIT_MISMATCH,
            Assessment::CannotCheck | Assessment::NotAssessed => EXIT_CANNOT_CHECK,
        }
    }

    /// Whether the inclusion of a state entry or transaction was confirmed.
    #[must_use]
    pub fn is_included(&self, claim: u16) -> bool {
        self.findings.iter().any(|finding| {
            finding.step == Step::Inclusion
                && finding.result == Assessment::Match
                && finding.scope == Scope::Claim { claim }
        })
    }

    /// Adds the status of a registration (V10) that the caller read from the value of a state claim, whose format this crate
    /// does not know. Without a confirmed inclusion of that claim it becomes CANNOT_CHECK.
    ///
    /// The status must be the one at [`block_time_of`](Self::block_time_of) the claim: that is the moment the words name.
    pub fn add_status(&mut self, claim: u16, standing: Standing, detail: impl Into<Detail>) {
        let moment = self.height_of(claim).zip(self.block_time_of(claim)).zip(self.span_of(claim));
        let verdict = match moment {
            Some(((height, time_ms), span)) if self.is_included(claim) => {
                Verdict::Status { height, time_ms, span, standing }
            }
            Some(_) | None => Verdict::StatusUncertain,
        };
        self.replace(Step::Status, Finding::new(Scope::Claim { claim }, verdict, detail));
    }

    /// Says that a state claim holds a registration whose status the caller cannot read (V10, CANNOT_CHECK).
    pub fn add_unreadable_status(&mut self, claim: u16, reason: impl Into<Detail>) {
        self.replace(Step::Status, Finding::new(Scope::Claim { claim }, Verdict::StatusUncertain, reason));
    }

    /// Says that a file was given whose content the caller cannot read (V1, CANNOT_CHECK). `file` is its place among all that were given;
    /// the files that were read carry theirs ([`FileDigests::place`](crate::FileDigests::place)).
    pub fn add_unreadable_file(&mut self, file: u32, name: impl Into<String>, reason: impl Into<Detail>) {
        let finding = Finding::new(Scope::File { file, name: name.into() }, Verdict::FileUnreadable, reason);
        let is_before = |other: &Finding| {
            other.step < Step::FileDigest
                || (other.step == Step::FileDigest
                    && matches!(other.scope, Scope::File { file: place, .. } if place < file))
        };
        let at = self.findings.partition_point(is_before);
        self.findings.insert(at, finding);
    }

    /// Adds the scope of an authorization (V12), as [`add_status`](Self::add_status).
    pub fn add_grant(&mut self, claim: u16, detail: impl Into<Detail>) {
        let verdict = match self.height_of(claim).zip(self.span_of(claim)) {
            Some((height, span)) if self.is_included(claim) => Verdict::Grant { height, span },
            Some(_) | None => Verdict::GrantUncertain,
        };
        self.replace(Step::Grant, Finding::new(Scope::Claim { claim }, verdict, detail));
    }

    /// Block time, ms since 1970 UTC, that the bundle states for a claim.
    #[must_use]
    pub fn block_time_of(&self, claim: u16) -> Option<u64> {
        self.claim_fact(claim).map(|claim| claim.time_ms)
    }

    /// Height as of which the bundle states a claim.
    #[must_use]
    pub fn height_of(&self, claim: u16) -> Option<quancheng_types::Height> {
        self.claim_fact(claim).map(|claim| claim.height)
    }

    /// Over which heights the proof of a state claim shows it; `None` for a transaction, or when it shows nothing.
    #[must_use]
    pub fn span_of(&self, claim: u16) -> Option<ProvenSpan> {
        match self.claim_fact(claim)?.record {
            RecordFact::State { span, .. } => span,
            RecordFact::Transaction { .. } => None,
        }
    }

    fn claim_fact(&self, claim: u16) -> Option<&ClaimFact> {
        self.facts.as_ref()?.claims.get(usize::from(claim))
    }

    /// Puts a finding in its place and takes out the line that says its step was not assessed.
    fn replace(&mut self, step: Step, finding: Finding) {
        self.findings.retain(|other| other.step != step || other.result != Assessment::NotAssessed);
        let at = self.findings.partition_point(|other| other.step <= step);
        self.findings.insert(at, finding);
    }
}
