//! Steps 1 to 3: files ↔ digests ↔ manifest ↔ salted commitment ↔ the claim that carries it.

use std::collections::{BTreeMap, BTreeSet};

use quancheng_types::{Digest, Outcome};

use crate::bundle::{Bundle, Claim, ItemsOpening};
use crate::commitment::{BatchCommitment, ItemOpening, ManifestEntry, notarized, recorded};
use crate::files::FileDigests;
use crate::report::{Detail, Finding, Listed, Scope, Step, Verdict};
use crate::verify::names::{self, Listing, Named};
use crate::verify::signers::matches;

/// What makes two files equal.
pub(super) type Fingerprint = (Digest, Digest, u64);

pub(super) const fn of_entry(entry: &ManifestEntry) -> Fingerprint {
    (entry.sha256, entry.sm3, entry.size)
}

pub(super) const fn of_file(file: &FileDigests) -> Fingerprint {
    (file.sha256, file.sm3, file.size)
}

/// Findings of files and batches. `known` are those of the claims: a record that is no match of V4 among them has no word about files.
pub(super) fn findings(bundle: &Bundle, known: &[Finding], files: &[FileDigests]) -> Vec<Finding> {
    let listing = Listing::of(bundle);
    let batches: Vec<Batch<'_>> = bundle.openings.iter().map(|opening| Batch::of(bundle, known, opening)).collect();
    let notarized = notarized_places(&batches);
    let is_partial = batches.iter().any(Batch::is_partial);
    let judged: Vec<Named> = files.iter().map(|file| listing.judge(file)).collect();
    let named = |(place, (file, named))| {
        given_file(place, file, &Shown { named, listing: &listing, notarized: &notarized, is_partial })
    };
    let mut findings: Vec<Finding> = (0_u32..).zip(files.iter().zip(&judged)).map(named).collect();
    let distinct = distinct(files);
    let given = Given {
        copies: count(distinct.iter().map(|place| of_file(&files[*place]))),
        taken: judged.iter().flat_map(better).copied().collect(),
        files: distinct.iter().map(|place| (&files[*place], &judged[*place])).collect(),
    };
    let mut first = 0;
    for batch in &batches {
        batch.findings(first, &given, &mut findings);
        first += batch.opening.items.len();
    }
    findings
}

/// Places, among all entries of the bundle, of those that are shown to be notarized: V3 and V4 hold, and with V4 also V5 and V6.
fn notarized_places(batches: &[Batch<'_>]) -> BTreeSet<usize> {
    let items = batches.iter().flat_map(|batch| {
        let is_proven = batch.is_confirmed && matches!(batch.commitment, Commitment::InEffect(_));
        batch.faults.iter().map(move |fault| is_proven && fault.is_none())
    });
    (0..).zip(items).filter_map(|(place, is_notarized): (usize, bool)| is_notarized.then_some(place)).collect()
}

/// Entries whose name a file has that holds the content of another entry.
fn better(named: &Named) -> &[usize] {
    match named {
        Named::Elsewhere { better, .. } => better,
        Named::NothingListed | Named::Unlisted { .. } | Named::Listed { .. } => &[],
    }
}

/// The files as far as batches need to know.
struct Given<'a> {
    /// How many of each content.
    copies: BTreeMap<Fingerprint, usize>,
    /// Places of the entries whose name one has that holds the content of another entry.
    taken: BTreeSet<usize>,
    /// Each with what its name says, without repetitions.
    files: Vec<(&'a FileDigests, &'a Named)>,
}

/// Places of the files that count: a file given twice, under whatever spelling or link, is one file.
fn distinct(files: &[FileDigests]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let counts =
        |file: &FileDigests| file.same_as.is_none() && seen.insert((names::parts(&file.name).join("/"), of_file(file)));
    let counts: Vec<bool> = files.iter().map(counts).collect();
    (0..).zip(counts).filter_map(|(place, counts): (usize, bool)| counts.then_some(place)).collect()
}

fn count(fingerprints: impl Iterator<Item = Fingerprint>) -> BTreeMap<Fingerprint, usize> {
    let mut counts = BTreeMap::new();
    for fingerprint in fingerprints {
        *counts.entry(fingerprint).or_insert(0) += 1;
    }
    counts
}

/// Paths that a statement lists before it stops.
const PATHS_SHOWN: usize = 3;

/// What the words about one file are made of.
struct Shown<'a> {
    named: &'a Named,
    listing: &'a Listing<'a>,
    notarized: &'a BTreeSet<usize>,
    /// Whether a batch holds files that the bundle does not list.
    is_partial: bool,
}

impl Shown<'_> {
    /// Paths of those entries that are notarized, or else of all, and whether they are notarized.
    fn paths(&self, places: &[usize]) -> (Listed, bool) {
        let notarized: Vec<usize> = places.iter().filter(|place| self.notarized.contains(place)).copied().collect();
        let is_notarized = !notarized.is_empty();
        let mut paths = self.listing.paths(if is_notarized { &notarized } else { places });
        let more = paths.len().saturating_sub(PATHS_SHOWN);
        paths.truncate(PATHS_SHOWN);
        (Listed { paths: paths.into_iter().map(str::to_owned).collect(), more }, is_notarized)
    }
}

/// V1 for a file that was given.
fn given_file(place: u32, file: &FileDigests, shown: &Shown<'_>) -> Finding {
    let scope = Scope::File { file: file.place.unwrap_or(place), name: file.name.clone() };
    let (verdict, mut detail) = match shown.named {
        Named::NothingListed => (Verdict::FileNothingToCompare, Detail::default()),
        Named::Unlisted { is_taken: true } => (
            Verdict::FileMismatch,
            Detail::new(
                "清单列有此名称，但摘要或字节数不同",
                "the bundle lists this path with other digests or another size",
            ),
        ),
        Named::Unlisted { is_taken: false } => {
            let zh = "清单中没有摘要与字节数相同的文件，也没有同名的文件";
            let mut detail =
                Detail::new(zh, "no entry of the bundle has these digests and this size, and none has the name");
            if shown.is_partial {
                let zh = "该批次另有本证据包未列出的文件，此文件是否为其中之一无从判断";
                let en =
                    "the batch holds files that this bundle does not list; whether this is one of them cannot be told";
                detail = and(detail, zh, en);
            }
            (Verdict::FileMismatch, detail)
        }
        Named::Listed { places } => {
            let (listed, is_notarized) = shown.paths(places);
            let verdict = if is_notarized { Verdict::FileMatch } else { Verdict::FileListed };
            (verdict, listed_as(&listed))
        }
        Named::Elsewhere { places, better } => {
            let (listed, is_notarized) = shown.paths(places);
            let mut detail = Detail::default();
            if !is_notarized {
                detail = listed_as(&listed);
                detail = and(detail, "名称不同", "the name differs");
            }
            if !better.is_empty() {
                let zh = "清单以所提交的名称列有另一份内容";
                detail = and(detail, zh, "the bundle lists another content under the name that was given");
            }
            (if is_notarized { Verdict::FileOtherName { listed } } else { Verdict::FileListed }, detail)
        }
    };
    if let Some(first) = file.same_as {
        let zh = format!("与第 {} 份所提交文件是同一文件，只计一份", first.saturating_add(1));
        let en = format!("the same file as number {} of those given; counted once", first.saturating_add(1));
        detail = and(detail, &zh, &en);
    }
    Finding::new(scope, verdict, detail)
}

fn listed_as(listed: &Listed) -> Detail {
    Detail::new(format!("清单所列名称：{}", listed.shown("、")), format!("listed as {}", listed.shown(", ")))
}

fn and(detail: Detail, zh: &str, en: &str) -> Detail {
    Detail::new(join(&detail.zh, zh, "；"), join(&detail.en, en, "; "))
}

fn join(first: &str, second: &str, separator: &str) -> String {
    if first.is_empty() { second.to_owned() } else { format!("{first}{separator}{second}") }
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

/// An opening with what its claim says of it.
struct Batch<'a> {
    opening: &'a ItemsOpening,
    commitment: Commitment,
    /// Whether the claim is a match of V4.
    is_confirmed: bool,
    /// For each item what is wrong with it; nothing without a commitment in effect.
    faults: Vec<Option<Verdict>>,
}

impl<'a> Batch<'a> {
    fn of(bundle: &Bundle, known: &[Finding], opening: &'a ItemsOpening) -> Self {
        let commitment = commitment(bundle, opening);
        let fault = |item: &ItemOpening| match &commitment {
            Commitment::InEffect(commitment) => item_fault(item, commitment),
            Commitment::Refused | Commitment::Absent => None,
        };
        let faults = opening.items.iter().map(fault).collect();
        let is_confirmed = matches(known, Step::Inclusion, opening.claim);
        Self { opening, commitment, is_confirmed, faults }
    }

    /// Whether it holds files that the bundle does not list.
    fn is_partial(&self) -> bool {
        let listed = u64::try_from(self.opening.items.len()).unwrap_or(u64::MAX);
        matches!(&self.commitment, Commitment::InEffect(commitment) if u64::from(commitment.count) > listed)
    }

    /// V1 for files that were not given, V2, V3. `first` is the place of the opening's first entry among all.
    ///
    /// Two entries of equal content need two files: "all n files are present" is said of n files.
    fn findings(&self, first: usize, given: &Given<'_>, out: &mut Vec<Finding>) {
        let opening = self.opening;
        let scope = Scope::Batch { claim: opening.claim, call: opening.call };
        let listed = count(opening.items.iter().map(|item| of_entry(&item.entry)));
        let short =
            |(of, many): (&Fingerprint, &usize)| many.saturating_sub(given.copies.get(of).copied().unwrap_or(0));
        let missing: usize = listed.iter().map(short).sum();
        if missing > 0 {
            let count = u64::try_from(missing).unwrap_or(u64::MAX);
            out.push(Finding::new(scope.clone(), Verdict::FilesNotGiven { count }, ""));
        }
        match &self.commitment {
            Commitment::Absent => out.push(Finding::new(scope, Verdict::CommitmentAbsent, "")),
            Commitment::Refused => {
                out.push(Finding::new(scope.clone(), Verdict::CommitmentNotInEffect, ""));
                out.push(Finding::new(scope, Verdict::ManifestUncertain, ""));
            }
            Commitment::InEffect(commitment) => {
                let fitting = self.items(commitment, &scope, out);
                // An entry that does not fit says nothing of the manifest, least of all against it.
                let names = if fitting.iter().any(|item| given.taken.contains(&(first + item))) {
                    Names::Mixed
                } else if missing > 0 {
                    Names::Missing
                } else if names::all_named(opening, &given.files) {
                    Names::Fit
                } else {
                    Names::Differ
                };
                let (verdict, detail) = self.manifest(commitment, fitting.len(), names);
                out.push(Finding::new(scope, verdict, detail));
            }
        }
    }

    /// V3: one finding for all items that fit, one for each that does not. Returns the places of those that fit.
    fn items(&self, commitment: &BatchCommitment, scope: &Scope, out: &mut Vec<Finding>) -> Vec<usize> {
        let opening = self.opening;
        let mut fitting = Vec::new();
        for (place, (item, fault)) in opening.items.iter().zip(&self.faults).enumerate() {
            let Some(verdict) = fault.clone() else {
                fitting.push(place);
                continue;
            };
            let path = item.entry.path.to_string();
            let detail = listed_as(&Listed { paths: vec![path.clone()], more: 0 });
            let scope = Scope::Item { claim: opening.claim, call: opening.call, index: item.path.index, path };
            out.push(Finding::new(scope, verdict, detail));
        }
        if !fitting.is_empty() {
            let (fitting, opened, count) = (fitting.len(), opening.items.len(), commitment.count);
            let detail = Detail::new(
                format!("{opened} 份中的 {fitting} 份；该批共 {count} 份"),
                format!("{fitting} of {opened} files; the batch holds {count}"),
            );
            out.push(Finding::new(scope.clone(), Verdict::CommitmentMatch, detail));
        }
        fitting
    }

    /// V2. Only a batch that was declared a whole manifest, opened in full, with every file given under its name, can be found complete;
    /// only entries that fit can show that a manifest is wrong, and only a confirmed record says anything for it.
    fn manifest(&self, commitment: &BatchCommitment, fitting: usize, names: Names) -> (Verdict, Detail) {
        let opening = self.opening;
        let count = u64::from(commitment.count);
        let opened = u64::try_from(opening.items.len()).unwrap_or(u64::MAX);
        let is_whole = opened == count && fitting == opening.items.len();
        if is_whole {
            let mut paths = BTreeSet::new();
            let unique = opening.items.iter().all(|item| paths.insert(item.entry.path.as_str()));
            let bytes = opening.items.iter().try_fold(0_u64, |sum, item| sum.checked_add(item.entry.size));
            if bytes != Some(commitment.bytes) {
                let stated = commitment.bytes;
                let detail = Detail::new(
                    format!("各文件字节数之和不等于记录所载的 {stated} 字节"),
                    format!("the sizes of the entries do not add up to the {stated} bytes of the record"),
                );
                return (Verdict::ManifestMismatch, detail);
            }
            if commitment.complete && !unique {
                return (Verdict::ManifestMismatch, Detail::new("清单重复列有同一名称", "a path is listed twice"));
            }
        }
        if names == Names::Mixed {
            return (Verdict::ManifestNamesMismatch, Detail::default());
        }
        if !self.is_confirmed {
            return (Verdict::ManifestUncertain, Detail::default());
        }
        if !commitment.complete {
            return (Verdict::ManifestNotDeclared, Detail::default());
        }
        match names {
            Names::Fit if is_whole => return (Verdict::ManifestMatch { count }, Detail::default()),
            Names::Differ if is_whole => return (Verdict::ManifestOtherNames { count }, Detail::default()),
            Names::Fit | Names::Differ | Names::Missing | Names::Mixed => {}
        }
        let detail = Detail::new(
            format!("证据包载有 {count} 份中的 {opened} 份"),
            format!("{opened} of {count} entries are in the bundle"),
        );
        (Verdict::ManifestPartial, detail)
    }
}

fn item_fault(item: &ItemOpening, commitment: &BatchCommitment) -> Option<Verdict> {
    if item.salt.is_none() {
        return Some(Verdict::CommitmentSealed);
    }
    let fits = item.path.size == u64::from(commitment.count) && item.root() == Some(commitment.root);
    (!fits).then_some(Verdict::CommitmentMismatch)
}

/// How the names of the files given stand to those of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Each entry has a file of its name and content.
    Fit,
    /// Each has one of its content.
    Differ,
    /// Not each.
    Missing,
    /// A file has the name of one entry and the content of another.
    Mixed,
}
