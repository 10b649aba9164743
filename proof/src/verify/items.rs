//! Steps 1 to 3: files ↔ digests ↔ manifest ↔ salted commitment ↔ the claim that carries it.

use std::collections::{BTreeMap, BTreeSet};

use quancheng_types::{Digest, Outcome};

use crate::bundle::{Bundle, Claim, ItemsOpening};
use crate::commitment::{BatchCommitment, ItemOpening, ManifestEntry, notarized, recorded};
use crate::files::FileDigests;
use crate::report::{Finding, Scope, Verdict};

/// Paths that a detail lists before it stops.
const PATHS_SHOWN: usize = 3;

/// What makes two files equal.
type Fingerprint = (Digest, Digest, u64);

const fn of_entry(entry: &ManifestEntry) -> Fingerprint {
    (entry.sha256, entry.sm3, entry.size)
}

const fn of_file(file: &FileDigests) -> Fingerprint {
    (file.sha256, file.sm3, file.size)
}

pub(super) fn findings(bundle: &Bundle, files: &[FileDigests]) -> Vec<Finding> {
    let mut findings = given_files(bundle, files);
    let given = copies(files);
    for opening in &bundle.openings {
        batch(bundle, opening, &given, &mut findings);
    }
    findings
}

/// How many files were given of each content. A file given twice under one name is one file.
fn copies(files: &[FileDigests]) -> BTreeMap<Fingerprint, usize> {
    let distinct: BTreeSet<(&str, Fingerprint)> =
        files.iter().map(|file| (file.name.as_str(), of_file(file))).collect();
    count(distinct.into_iter().map(|(_, fingerprint)| fingerprint))
}

fn count(fingerprints: impl Iterator<Item = Fingerprint>) -> BTreeMap<Fingerprint, usize> {
    let mut counts = BTreeMap::new();
    for fingerprint in fingerprints {
        *counts.entry(fingerprint).or_insert(0) += 1;
    }
    counts
}

/// V1 for every file that was given.
fn given_files(bundle: &Bundle, files: &[FileDigests]) -> Vec<Finding> {
    let mut entries: BTreeMap<Fingerprint, Vec<&str>> = BTreeMap::new();
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for item in bundle.openings.iter().flat_map(|opening| opening.items.iter()) {
        entries.entry(of_entry(&item.entry)).or_default().push(item.entry.path.as_str());
        paths.insert(item.entry.path.as_str());
    }
    files
        .iter()
        .map(|file| {
            let (verdict, detail) = match entries.get(&of_file(file)) {
                Some(paths) => (Verdict::FileMatch, listed_as(paths)),
                None if entries.is_empty() => (Verdict::FileNothingToCompare, String::new()),
                None if paths.contains(file.name.as_str()) => {
                    (Verdict::FileMismatch, "the bundle lists this path with other digests or another size".to_owned())
                }
                None => (Verdict::FileMismatch, "no entry of the bundle has these digests and this size".to_owned()),
            };
            Finding::new(Scope::File { name: file.name.clone() }, verdict, detail)
        })
        .collect()
}

fn listed_as(paths: &[&str]) -> String {
    let shown = paths.iter().take(PATHS_SHOWN).copied().collect::<Vec<_>>().join(", ");
    match paths.len().checked_sub(PATHS_SHOWN) {
        Some(more) if more > 0 => format!("listed as {shown} and {more} more"),
        Some(_) | None => format!("listed as {shown}"),
    }
}

/// What a claim commits to, where an opening points.
enum Commitment {
    InEffect(BatchCommitment),
    Refused,
    Absent,
}

fn commitment(bundle: &Bundle, opening: &ItemsOpening) -> Commitment {
    let found = match bundle.claims.get(usize::from(opening.claim)) {
        Some(Claim::Transaction { transaction, receipt, .. }) => {
            let found = transaction.body.calls.get(usize::from(opening.call)).and_then(notarized);
            match (found, receipt.outcome) {
                (Some(_), Outcome::Refused { .. }) => return Commitment::Refused,
                (found, Outcome::Ok | Outcome::Refused { .. }) => found,
            }
        }
        Some(Claim::State { key, value: Some(value), .. }) => recorded(key, value),
        Some(Claim::State { value: None, .. }) | None => None,
    };
    found.map_or(Commitment::Absent, Commitment::InEffect)
}

/// V1 for files that were not given, V2, V3.
///
/// Two entries of equal content need two files: "all n files are present" is said of n files.
fn batch(bundle: &Bundle, opening: &ItemsOpening, given: &BTreeMap<Fingerprint, usize>, out: &mut Vec<Finding>) {
    let scope = Scope::Batch { claim: opening.claim, call: opening.call };
    let listed = count(opening.items.iter().map(|item| of_entry(&item.entry)));
    let short = |(of, many): (&Fingerprint, &usize)| many.saturating_sub(given.get(of).copied().unwrap_or(0));
    let missing: usize = listed.iter().map(short).sum();
    if missing > 0 {
        let count = u64::try_from(missing).unwrap_or(u64::MAX);
        out.push(Finding::new(scope.clone(), Verdict::FilesNotGiven { count }, ""));
    }
    match commitment(bundle, opening) {
        Commitment::Absent => out.push(Finding::new(scope, Verdict::CommitmentAbsent, "")),
        Commitment::Refused => out.push(Finding::new(scope, Verdict::CommitmentNotInEffect, "")),
        Commitment::InEffect(commitment) => {
            let sound = items(opening, &commitment, &scope, out);
            let (verdict, detail) = manifest(opening, &commitment, missing == 0, sound);
            out.push(Finding::new(scope, verdict, detail));
        }
    }
}

/// V3: one finding for all items that fit, one for each that does not. Returns whether all fit.
fn items(opening: &ItemsOpening, commitment: &BatchCommitment, scope: &Scope, out: &mut Vec<Finding>) -> bool {
    let mut fitting = 0_usize;
    for item in &opening.items {
        let Some(verdict) = item_fault(item, commitment) else {
            fitting += 1;
            continue;
        };
        let scope = Scope::Item {
            claim: opening.claim,
            call: opening.call,
            index: item.path.index,
            path: item.entry.path.to_string(),
        };
        out.push(Finding::new(scope, verdict, ""));
    }
    if fitting > 0 {
        let detail = format!("{fitting} of {} files; the batch holds {}", opening.items.len(), commitment.count);
        out.push(Finding::new(scope.clone(), Verdict::CommitmentMatch, detail));
    }
    fitting == opening.items.len()
}

fn item_fault(item: &ItemOpening, commitment: &BatchCommitment) -> Option<Verdict> {
    if item.salt.is_none() {
        return Some(Verdict::CommitmentSealed);
    }
    let fits = item.path.size == u64::from(commitment.count) && item.root() == Some(commitment.root);
    (!fits).then_some(Verdict::CommitmentMismatch)
}

/// V2. Only a batch that was declared a whole manifest, opened in full, with every file given, can be found complete.
fn manifest(opening: &ItemsOpening, commitment: &BatchCommitment, all_given: bool, sound: bool) -> (Verdict, String) {
    let count = u64::from(commitment.count);
    let opened = u64::try_from(opening.items.len()).unwrap_or(u64::MAX);
    let all_opened = opened == count;
    if all_opened {
        let mut paths = BTreeSet::new();
        let unique = opening.items.iter().all(|item| paths.insert(item.entry.path.as_str()));
        let bytes = opening.items.iter().try_fold(0_u64, |sum, item| sum.checked_add(item.entry.size));
        if bytes != Some(commitment.bytes) {
            let detail =
                format!("the sizes of the entries do not add up to the {} bytes of the record", commitment.bytes);
            return (Verdict::ManifestMismatch, detail);
        }
        if commitment.complete && !unique {
            return (Verdict::ManifestMismatch, "a path is listed twice".to_owned());
        }
    }
    if !commitment.complete {
        return (Verdict::ManifestNotDeclared, String::new());
    }
    if all_opened && all_given && sound {
        return (Verdict::ManifestMatch { count }, String::new());
    }
    (Verdict::ManifestPartial, format!("{opened} of {count} entries are in the bundle"))
}
