//! What a file is called, beside what it holds: a content under the name of another is not what the manifest says.
//!
//! A name fits a path of the manifest when the shorter of the two ends the longer, name by name: `case 7/a/b.txt` and `b.txt` fit
//! `a/b.txt`. Where several paths fit, the one that shares most names is better. A file has the name of an entry of its content that it
//! fits, unless it fits an entry of another content better.

use std::collections::BTreeMap;

use super::items::{Fingerprint, of_entry, of_file};
use crate::bundle::{Bundle, ItemsOpening};
use crate::files::FileDigests;

/// Name by name, without what only spells it: `./a//b/../c` is `a`, `c`.
pub(super) fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts
}

/// How well a name fits a path: names shared, then whether it names the whole path.
type Fit = (usize, bool);

fn fit(given: &[&str], listed: &[&str]) -> Option<Fit> {
    let shared = given.len().min(listed.len());
    let is_tail = shared > 0 && given.iter().rev().zip(listed.iter().rev()).all(|(one, other)| one == other);
    is_tail.then_some((shared, given.len() >= listed.len()))
}

/// An entry of the bundle.
struct Entry<'a> {
    path: &'a str,
    parts: Vec<&'a str>,
    content: Fingerprint,
}

/// What name and content of a file say together.
pub(super) enum Named {
    /// The bundle lists no file.
    NothingListed,
    /// No entry has the content.
    Unlisted {
        /// Whether an entry of another content has the name.
        is_taken: bool,
    },
    /// An entry has name and content.
    Listed {
        /// Places of the entries that have them, all as well.
        places: Vec<usize>,
    },
    /// Entries have the content under other names.
    Elsewhere {
        /// Places of these entries.
        places: Vec<usize>,
        /// Places of the entries of other contents that the name fits better than any of this content.
        better: Vec<usize>,
    },
}

/// All entries of a bundle in order, opening after opening; by content and by last name.
pub(super) struct Listing<'a> {
    entries: Vec<Entry<'a>>,
    by_content: BTreeMap<Fingerprint, Vec<usize>>,
    by_name: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Listing<'a> {
    pub(super) fn of(bundle: &'a Bundle) -> Self {
        let items = bundle.openings.iter().flat_map(|opening| opening.items.iter());
        let entries: Vec<Entry<'_>> = items
            .map(|item| {
                let path = item.entry.path.as_str();
                Entry { path, parts: path.split('/').collect(), content: of_entry(&item.entry) }
            })
            .collect();
        let mut listing = Self { entries: Vec::new(), by_content: BTreeMap::new(), by_name: BTreeMap::new() };
        for (place, entry) in entries.iter().enumerate() {
            listing.by_content.entry(entry.content).or_default().push(place);
            if let Some(last) = entry.parts.last() {
                listing.by_name.entry(last).or_default().push(place);
            }
        }
        listing.entries = entries;
        listing
    }

    /// What a file is by name and content.
    pub(super) fn judge(&self, file: &FileDigests) -> Named {
        if self.entries.is_empty() {
            return Named::NothingListed;
        }
        let (given, content) = (parts(&file.name), of_file(file));
        let alike = given.last().and_then(|last| self.by_name.get(last)).map(Vec::as_slice).unwrap_or_default();
        let fitting = || {
            let entries = alike.iter().filter_map(|place| Some((*place, self.entries.get(*place)?)));
            entries.filter_map(|(place, entry)| Some((fit(&given, &entry.parts)?, place, entry)))
        };
        let own = || fitting().filter(|(_, _, entry)| entry.content == content);
        let best = own().max_by_key(|(fit, ..)| *fit);
        let bound = best.as_ref().map(|(fit, ..)| *fit);
        let rivals = fitting().filter(|(fit, _, entry)| entry.content != content && Some(*fit) > bound);
        let better: Vec<usize> = rivals.map(|(_, place, _)| place).collect();
        match (best.filter(|_| better.is_empty()), self.by_content.get(&content)) {
            (Some((best, ..)), _) => {
                Named::Listed { places: own().filter(|(fit, ..)| *fit == best).map(|(_, place, _)| place).collect() }
            }
            (None, Some(places)) => Named::Elsewhere { places: places.clone(), better },
            (None, None) => Named::Unlisted { is_taken: !better.is_empty() },
        }
    }

    /// Paths of entries.
    pub(super) fn paths(&self, places: &[usize]) -> Vec<&'a str> {
        places.iter().filter_map(|place| self.entries.get(*place)).map(|entry| entry.path).collect()
    }
}

/// For each file the places, among all entries of a bundle, of those whose name and content it has: what it is judged by, for callers
/// that have to tell whether two names of one file are two entries of the manifest.
#[must_use]
pub fn own_entries(bundle: &Bundle, files: &[&FileDigests]) -> Vec<Vec<usize>> {
    let listing = Listing::of(bundle);
    let own = |file: &&FileDigests| match listing.judge(file) {
        Named::Listed { places } => places,
        Named::NothingListed | Named::Unlisted { .. } | Named::Elsewhere { .. } => Vec::new(),
    };
    files.iter().map(own).collect()
}

/// Whether each entry of a batch can have a file of its own that has its content and fits it.
///
/// Files choose in turn, those of most names first, each the entry that fits best. No other way to share them out serves more entries:
/// whoever is still to choose and could take the best one could take any other that the file fits, so nothing is lost by taking it.
pub(super) fn all_named(opening: &ItemsOpening, files: &[(&FileDigests, &Named)]) -> bool {
    let mut open: BTreeMap<(Fingerprint, &str), Vec<Vec<&str>>> = BTreeMap::new();
    for item in &opening.items {
        let parts: Vec<&str> = item.entry.path.as_str().split('/').collect();
        if let Some(last) = parts.last() {
            open.entry((of_entry(&item.entry), last)).or_default().push(parts);
        }
    }
    let mut left = opening.items.len();
    let named = files.iter().filter(|(_, named)| matches!(named, Named::Listed { .. }));
    let mut named: Vec<(Vec<&str>, Fingerprint)> = named.map(|(file, _)| (parts(&file.name), of_file(file))).collect();
    named.sort_by_key(|(parts, _)| std::cmp::Reverse(parts.len()));
    for (given, content) in named {
        let Some(entries) = given.last().and_then(|last| open.get_mut(&(content, *last))) else { continue };
        let fits = entries.iter().enumerate().filter_map(|(at, entry)| Some((fit(&given, entry)?, at)));
        if let Some((_, at)) = fits.max() {
            entries.remove(at);
            left -= 1;
        }
    }
    left == 0
}

#[cfg(test)]
mod tests;
