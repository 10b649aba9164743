//! The files that were given, and which of them are one.
//!
//! A path that leads to a file by another spelling or a link gives that file again. A hard link is another entry of a folder for the same
//! file: it counts of its own only where the manifest lists it of its own, by name and content. Otherwise it would fill the place of an
//! entry that nobody has shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use quancheng_proof::{Bundle, FileDigests, own_entries};

use crate::fault::Outcome;
use crate::files::{self, spelt};

/// A file that was given, or why it cannot be read.
pub(super) struct Given {
    /// As it was given, printable whatever its bytes.
    pub(super) name: String,
    /// Its content.
    pub(super) read: Outcome<FileDigests>,
    /// What it is, if it was read.
    identity: Option<Identity>,
}

/// What a path leads to.
struct Identity {
    /// Device and inode.
    file: (u64, u64),
    /// The path without links and spelling.
    real: PathBuf,
}

/// Digests of the files, in the order given, by which they are numbered whether or not they can be read.
pub(super) fn read(paths: &[PathBuf]) -> Vec<Given> {
    paths.iter().map(|path| one(path)).collect()
}

fn one(path: &Path) -> Given {
    let name = spelt(path);
    match files::hash(path, &name, &mut |_| {}) {
        Ok((digests, seen)) => {
            let identity = Some(Identity { file: seen.stamp().identity(), real: files::real(path) });
            Given { name, read: Ok(digests), identity }
        }
        Err(fault) => Given { name, read: Err(fault), identity: None },
    }
}

/// Marks files that were given before, each with the place of the one that counts.
pub(super) fn tell_apart(given: &mut [Given], bundle: Option<&Bundle>) {
    let mut linked: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
    for (place, one) in given.iter().enumerate() {
        if let Some(identity) = &one.identity {
            linked.entry(identity.file).or_default().push(place);
        }
    }
    linked.retain(|_, places| places.len() > 1);
    let own = own(given, linked.values().flatten().copied().collect(), bundle);
    for places in linked.into_values() {
        for (place, of) in repetitions(given, &places, &own) {
            if let Some(Ok(digests)) = given.get_mut(place).map(|one| one.read.as_mut()) {
                digests.same_as = u32::try_from(of).ok();
            }
        }
    }
}

/// Of files at some places the entries whose name and content they have.
fn own(given: &[Given], places: Vec<usize>, bundle: Option<&Bundle>) -> BTreeMap<usize, Vec<usize>> {
    let digests = |place: &usize| given.get(*place)?.read.as_ref().ok();
    let files: Vec<&FileDigests> = places.iter().filter_map(digests).collect();
    bundle.map(|bundle| places.into_iter().zip(own_entries(bundle, &files)).collect()).unwrap_or_default()
}

/// Of the places of one file those that do not count, each with the one that does.
fn repetitions(given: &[Given], places: &[usize], own: &BTreeMap<usize, Vec<usize>>) -> Vec<(usize, usize)> {
    let real = |place: usize| given.get(place)?.identity.as_ref().map(|identity| identity.real.as_path());
    let is_listed = |place: &usize| own.get(place).is_some_and(|own| !own.is_empty());
    // Of several spellings of a path the first that is listed, else the first.
    let mut names: BTreeMap<&Path, usize> = BTreeMap::new();
    for place in places
        .iter()
        .rev()
        .filter(|place| !is_listed(place))
        .chain(places.iter().rev().filter(|place| is_listed(place)))
    {
        names.extend(real(*place).map(|path| (path, *place)));
    }
    // Who has fewest entries to stand for chooses first, and nobody shares.
    let mut choosing: Vec<(&Vec<usize>, usize)> =
        names.values().filter(|place| is_listed(place)).filter_map(|place| Some((own.get(place)?, *place))).collect();
    choosing.sort_unstable_by_key(|(own, place)| (own.len(), *place));
    let (mut taken, mut counting) = (BTreeSet::<usize>::new(), BTreeSet::<usize>::new());
    for (own, place) in choosing {
        if own.iter().all(|entry| !taken.contains(entry)) {
            taken.extend(own.iter().copied());
            counting.insert(place);
        }
    }
    let first = counting.first().or(places.first()).copied().unwrap_or_default();
    counting.insert(first);
    let of = |place: usize| real(place).and_then(|path| names.get(path)).filter(|at| counting.contains(at));
    places
        .iter()
        .filter(|place| !counting.contains(place))
        .map(|place| (*place, of(*place).copied().unwrap_or(first)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use quancheng_proof::ItemsOpening;
    use quancheng_proof::commitment::RelativePath;
    use quancheng_types::List;

    use super::*;

    /// A bundle that lists one content under these paths, and that content.
    fn listing(paths: &[&str]) -> (Bundle, &'static [u8]) {
        let bundle = Bundle::decode(include_bytes!("../../../tests/bundles/notarized.bundle")).unwrap();
        let opening = bundle.openings.iter().next().unwrap().clone();
        let content: &[u8] = include_bytes!("../../../tests/bundles/contract.txt");
        let item = opening.items.iter().find(|item| item.entry.path.as_str() == "contract.txt").unwrap().clone();
        let named = |path: &&str| {
            let mut item = item.clone();
            item.entry.path = RelativePath::new((*path).to_owned()).unwrap();
            item
        };
        let items = List::new(paths.iter().map(named).collect()).unwrap();
        let openings = List::new(vec![ItemsOpening { items, ..opening }]).unwrap();
        (Bundle { openings, ..bundle }, content)
    }

    /// In a folder: the files `a`, and hard links of it.
    fn folder(content: &[u8], links: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in ["x", "y"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("a"), content).unwrap();
        for link in links {
            fs::hard_link(dir.path().join("a"), dir.path().join(link)).unwrap();
        }
        std::os::unix::fs::symlink("a", dir.path().join("soft")).unwrap();
        dir
    }

    #[test]
    fn a_hard_link_counts_where_the_manifest_lists_it() {
        type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [Option<u32>]);
        let cases: [Case<'_>; 12] = [
            (&["a", "b"], &["a", "b"], &[None, None]),
            (&["a", "b"], &["b", "a", "b", "x/../a"], &[None, None, Some(0), Some(1)]),
            // Under a name of no entry it is the same file, whoever comes first.
            (&["a", "b"], &["a", "z"], &[None, Some(0)]),
            (&["a", "b"], &["z", "a"], &[Some(1), None]),
            (&["a", "b"], &["z", "z", "b"], &[Some(2), Some(2), None]),
            (&["a", "b"], &["z", "y/z"], &[None, Some(0)]),
            // A link is the file that it leads to, also where the manifest lists its name.
            (&["a", "soft"], &["a", "soft"], &[None, Some(0)]),
            (&["a", "b"], &["a", "soft"], &[None, Some(0)]),
            (&["a", "b"], &["soft", "a", "b"], &[Some(1), None, None]),
            // One name for two entries, or one entry for two names.
            (&["x/b", "y/b"], &["x/b", "y/b"], &[None, None]),
            (&["b"], &["b", "x/b"], &[None, Some(0)]),
            (&[], &["a", "b"], &[None, Some(0)]),
        ];
        for (listed, names, expected) in cases {
            let (mut bundle, content) = listing(if listed.is_empty() { &["a"] } else { listed });
            if listed.is_empty() {
                bundle.openings = List::empty();
            }
            let dir = folder(content, &["b", "z", "x/b", "y/b", "y/z"]);
            let paths: Vec<PathBuf> = names.iter().map(|name| dir.path().join(name)).collect();
            let mut given = read(&paths);
            tell_apart(&mut given, Some(&bundle));
            let found: Vec<_> = given.iter().map(|one| one.read.as_ref().unwrap().same_as).collect();
            assert_eq!(found, expected, "{listed:?} {names:?}");
        }
    }
}
