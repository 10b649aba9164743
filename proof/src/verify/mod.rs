//! The verifier: bundle, checkpoint and file digests in, findings out. No I/O, no clock, no network.

mod chain;
mod claims;
mod descent;
mod facts;
mod items;
mod names;
mod signers;
mod spans;

use crate::bundle::{Bundle, BundleError};
use crate::checkpoint::Checkpoint;
use crate::files::FileDigests;
use crate::report::{Assessment, Detail, Finding, Report, Scope, Verdict};

pub use chain::{HeaderRefused, certified_from_genesis};
pub(crate) use chain::{finality, is_possible, trust_path};
pub(crate) use claims::leaf_fault;
pub(crate) use descent::earlier_root;
pub use names::own_entries;

/// Checks a bundle in either form against a checkpoint, and files against the bundle.
///
/// Every check that the bundle allows is made; files of the bundle that were not given are NOT_ASSESSED. A file that
/// corresponds to nothing in the bundle is a MISMATCH. Time and memory are bounded by the limits of [`Bundle`]; no input
/// makes it panic, and no doubt becomes a MATCH.
#[must_use]
pub fn verify(bundle: &[u8], checkpoint: &Checkpoint, files: &[FileDigests]) -> Report {
    match Bundle::decode(bundle) {
        Ok(bundle) => verify_bundle(&bundle, checkpoint, files),
        Err(error) => unreadable(&error),
    }
}

/// [`verify()`], for a bundle that is decoded already.
#[must_use]
pub fn verify_bundle(bundle: &Bundle, checkpoint: &Checkpoint, files: &[FileDigests]) -> Report {
    if let Err(error) = bundle.check_shape() {
        return unreadable(&error);
    }
    let mut finality = finality(bundle);
    let trust = trust_path(bundle, checkpoint);
    let trusted = finality.result == Assessment::Match && trust.result == Assessment::Match;
    if finality.result == Assessment::Match && !trusted {
        // A quorum of validators whom nobody vouches for is no quorum of that height: anyone can sign with keys of his own.
        finality = Finding::new(Scope::Bundle, Verdict::QuorumUnconfirmed, "");
    }

    let mut findings = vec![finality, trust];
    findings.append(&mut claims::findings(bundle, trusted));
    let mut signers = signers::findings(bundle, &findings);
    findings.append(&mut signers);
    findings.append(&mut items::findings(bundle, &findings, files));
    findings.extend(NOT_JUDGED.map(|verdict| Finding::new(Scope::Bundle, verdict, "")));
    findings.sort_by_key(|finding| finding.step);
    Report { findings, facts: Some(facts::facts(bundle, checkpoint, trusted)) }
}

/// Steps that need material which a bundle of this version does not carry. They are listed, so that nobody takes silence
/// for approval.
const NOT_JUDGED: [Verdict; 6] = [
    Verdict::NoTimestamp,
    Verdict::NoStatus,
    Verdict::NoGrant,
    Verdict::PreChain,
    Verdict::Platform,
    Verdict::NoDoubtWindow,
];

/// What is said of bytes that are no bundle which this build reads: the one finding of V0.
#[must_use]
pub fn unreadable(error: &BundleError) -> Report {
    // Beside the verdict, what a reader has to know in Chinese.
    let (verdict, zh) = match error {
        BundleError::Version { .. } => (Verdict::BundleVersion, ""),
        BundleError::Marked(found) => {
            (Verdict::BundleMarked(*found), "Windows PowerShell 的 > 与某些编辑器会如此存盘，--out 不会")
        }
        BundleError::NotABundle
        | BundleError::Decode(_)
        | BundleError::Json { .. }
        | BundleError::JsonNotCanonical
        | BundleError::NoClaim
        | BundleError::LeafOrder { .. }
        | BundleError::UnusedLeaf { .. }
        | BundleError::NoSuchLeaf { .. }
        | BundleError::ClaimTwice { .. }
        | BundleError::NoSuchCall { .. }
        | BundleError::OpeningOrder { .. }
        | BundleError::TooMany { .. }
        | BundleError::TooLarge { .. }
        | BundleError::ReceiptPath
        | BundleError::LeafConflict { .. } => (Verdict::BundleUnreadable, ""),
    };
    Report::of_form(verdict, Detail::new(zh, error.to_string()))
}
