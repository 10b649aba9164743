use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use quancheng_state::StoreError;
use quancheng_state::backend::Part;

use crate::Appended;
use crate::part::{CURRENT, RocksPart};

/// How the name of a manifest begins.
const MANIFEST: &str = "MANIFEST-";
/// Looks in a row at which files of large values are missing before they are called lost: the engine tells their number, and not their names, so two
/// looks at it may be at two versions.
const SHORT_LOOKS: u8 = 3;

/// The files of a part that the engine needs, as they were when they were last looked at.
///
/// The engine itself removes files all the time, and keeps some of them open for a while afterwards. So nothing here goes by time: a file is lost
/// that the engine needs before it is looked for and still needs after it was not found, since it never needs again what it has
/// given up.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    manifest: Option<(String, Appended)>,
    logs: BTreeMap<u64, Appended>,
    blobs: BTreeSet<String>,
    short_looks: u8,
}

/// What lies in the folder now.
#[derive(Default)]
struct Listing {
    is_read: bool,
    logs: BTreeSet<u64>,
    blobs: BTreeSet<String>,
}

impl Needed {
    /// What is lost now.
    pub(crate) fn look(&mut self, engine: &RocksPart, folder: &Path, part: Part) -> Result<Vec<PathBuf>, StoreError> {
        let mut lost = tables(engine, folder)?;
        lost.extend(self.manifest(folder));
        match part {
            Part::Chain => {
                let (blobs, least) = (engine.live_blobs()?, engine.least_log()?);
                let listing = Listing::of(folder);
                let blobs = blobs.min(engine.live_blobs()?);
                lost.extend(self.logs(engine, folder, least, &listing)?);
                lost.extend(self.blobs(blobs, folder, listing));
            }
            // It is in no log, and its values are small.
            Part::Results => {}
        }
        Ok(lost)
    }

    /// `CURRENT` names the manifest, which the engine appends to. When it grows too long it begins another, and then names that.
    fn manifest(&mut self, folder: &Path) -> Option<PathBuf> {
        let current = folder.join(CURRENT);
        let name = match Named::by(&current) {
            Named::Manifest(name) => name,
            Named::Nothing => return Some(current),
            Named::Unknown => return None,
        };
        let path = folder.join(&name);
        let holds = match &mut self.manifest {
            Some((known, seen)) if *known == name => seen.holds(&path),
            Some(_) | None => match Appended::at(&path) {
                Ok(seen) => {
                    self.manifest = Some((name.clone(), seen));
                    true
                }
                Err(error) => error.kind() != std::io::ErrorKind::NotFound,
            },
        };
        (!holds && Named::by(&current) == Named::Manifest(name)).then_some(path)
    }

    /// Files of the log that are still needed. `least`: their least number before the folder was listed. There is always one, to which the engine
    /// appends; also one that went before it was ever seen is missed.
    fn logs(
        &mut self,
        engine: &RocksPart,
        folder: &Path,
        least: u64,
        listing: &Listing,
    ) -> Result<Vec<PathBuf>, StoreError> {
        let path = |number: u64| folder.join(format!("{number:06}.log"));
        if listing.is_read && listing.logs.range(least..).next().is_none() && least != u64::MAX {
            let newest = self.logs.keys().next_back().copied().unwrap_or(least);
            return Ok(vec![path(newest.max(least))]);
        }
        self.logs.retain(|number, _| *number >= least);
        for number in listing.logs.range(least..) {
            if !self.logs.contains_key(number)
                && let Ok(seen) = Appended::at(&path(*number))
            {
                self.logs.insert(*number, seen);
            }
        }
        let missed: Vec<u64> = self
            .logs
            .iter_mut()
            .filter_map(|(number, seen)| (!seen.holds(&path(*number))).then_some(*number))
            .collect();
        if missed.is_empty() {
            return Ok(Vec::new());
        }
        let least = engine.least_log()?;
        Ok(missed.into_iter().filter(|number| *number >= least).map(path).collect())
    }

    /// Files of large values: there are never fewer of them than the newest version has.
    fn blobs(&mut self, needed: u64, folder: &Path, listing: Listing) -> Vec<PathBuf> {
        if !listing.is_read || needed <= listing.blobs.len() as u64 {
            self.blobs = listing.blobs;
            self.short_looks = 0;
            return Vec::new();
        }
        self.short_looks = self.short_looks.saturating_add(1);
        if self.short_looks < SHORT_LOOKS {
            return Vec::new();
        }
        let gone: Vec<PathBuf> = self.blobs.difference(&listing.blobs).map(|name| folder.join(name)).collect();
        if gone.is_empty() { vec![folder.join("*.blob")] } else { gone }
    }
}

impl Listing {
    fn of(folder: &Path) -> Self {
        let mut listing = Self::default();
        let Ok(items) = std::fs::read_dir(folder) else {
            return listing;
        };
        listing.is_read = true;
        for item in items.flatten() {
            let name = item.file_name().to_string_lossy().into_owned();
            if let Some(number) = name.strip_suffix(".log") {
                listing.logs.extend(number.parse::<u64>().ok());
            } else if name.ends_with(".blob") {
                listing.blobs.insert(name);
            }
        }
        listing
    }
}

/// Tables never change: one of another size has been replaced or cut, and one of its own size that holds something else is met by its checksums.
fn tables(engine: &RocksPart, folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut missed: Vec<String> = Vec::new();
    for (name, bytes) in engine.live_tables()? {
        match std::fs::metadata(folder.join(&name)) {
            Ok(meta) if meta.is_file() && meta.len() == bytes => {}
            Ok(_) => missed.push(name),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => missed.push(name),
            // A disk that fails tells so itself.
            Err(_) => {}
        }
    }
    if missed.is_empty() {
        return Ok(Vec::new());
    }
    let live = engine.live_tables()?;
    Ok(missed.into_iter().filter(|name| live.contains_key(name)).map(|name| folder.join(name)).collect())
}

/// What `CURRENT` names.
#[derive(PartialEq, Eq)]
enum Named {
    /// The manifest that the part goes on from.
    Manifest(String),
    /// It is not there, or holds something else.
    Nothing,
    /// It cannot be read now.
    Unknown,
}

impl Named {
    fn by(current: &Path) -> Self {
        let text = match std::fs::metadata(current) {
            Ok(meta) if meta.is_file() => std::fs::read_to_string(current),
            Ok(_) => return Self::Nothing,
            Err(error) => Err(error),
        };
        match text {
            Ok(text) => match text.strip_suffix('\n').filter(|name| name.starts_with(MANIFEST)) {
                Some(name) => Self::Manifest(name.to_owned()),
                None => Self::Nothing,
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::Nothing,
            Err(_) => Self::Unknown,
        }
    }
}
