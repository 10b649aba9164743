//! Fetching a snapshot from several places, of which any may lie, be slow, or say nothing.
//!
//! No place is believed, and none can hold up a join: what it lists is a set of a few heights, one false thing ends its part, and it has a bound in time
//! as a whole ([`Pace`]), above which others go first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quancheng_state::export::ChunkEntry;
use quancheng_types::{Genesis, Height};
use tracing::warn;

use super::pace::{BEHIND_MAX, LEAST_PACE, Pace};
use super::progress::{Progress, TOLD_EVERY};
use super::source::{Asking, Fault};
use super::{Manifest, SnapshotError, SnapshotInfo, Source};

/// Time for a manifest or a chunk: that of a chunk over a line of a megabit a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where nobody else has it: a slow line is better than none, and who waits for it is told.
const PATIENCE_ALONE: Duration = Duration::from_secs(600);
/// Time for a list, which is short.
const LIST_PATIENCE: Duration = Duration::from_secs(15);
/// A place that takes longer for a chunk is asked again only when the others had their turn: it may have a slow line, or mean to be one.
const SLOW: Duration = Duration::from_secs(5);
/// How often a place may have replaced what was being fetched from it.
const GONE_MAX: u32 = 5;

/// A place that was given up, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Which.
    pub source: String,
    /// Why, in English.
    pub en: String,
    /// Why, in Chinese.
    pub zh: String,
}

/// Why a snapshot is left before it is whole. Those who are to blame were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// None is left that has it.
    NoHolder,
    /// Those who have it are slow, and one that is not offers another height.
    Slow,
}

/// A place, and what became of it: whether it is still asked is said here and nowhere else.
#[derive(Debug)]
struct Place {
    source: Source,
    is_out: bool,
    /// Heights of a folder that are not what they should be.
    passed_over: Vec<Height>,
    /// How often a snapshot that it offered was there no more.
    gone: u32,
    pace: Pace,
}

impl Place {
    fn is_open(&self, height: Height) -> bool {
        !self.is_out && !self.passed_over.contains(&height)
    }
}

/// What a place offers.
#[derive(Clone, Debug)]
struct Offer {
    place: usize,
    info: SnapshotInfo,
}

/// Places that have snapshots, and what became of them.
#[derive(Debug)]
pub struct Sources {
    asking: Asking,
    places: Vec<Place>,
    /// What they offered when they were last asked: of each place at most one for a height.
    offers: Vec<Offer>,
    given_up: Vec<GivenUp>,
    progress: Progress,
    slow: Duration,
    behind_max: Duration,
}

/// Somebody who may have the snapshot that was found.
#[derive(Debug)]
struct Holder {
    offer: Offer,
    /// Whether it is known to have the same list of chunks.
    is_same: bool,
}

/// A manifest that follows from the genesis, and who gave it.
#[derive(Debug)]
pub struct Found {
    /// The manifest.
    pub manifest: Manifest,
    /// Who gave it.
    pub source: Source,
    place: usize,
    holders: Vec<Holder>,
    /// Chunks that each place gave.
    given: BTreeMap<usize, u64>,
}

impl Sources {
    /// Over these places, the earlier ones first.
    #[must_use]
    pub fn new(sources: Vec<Source>) -> Self {
        let mut places: Vec<Place> = Vec::new();
        for source in sources {
            if places.iter().all(|place| place.source != source) {
                let (passed_over, pace) = (Vec::new(), Pace::default());
                places.push(Place { source, is_out: false, passed_over, gone: 0, pace });
            }
        }
        Self {
            asking: Asking::within(PATIENCE, LIST_PATIENCE),
            places,
            offers: Vec::new(),
            given_up: Vec::new(),
            progress: Progress::default(),
            slow: SLOW,
            behind_max: BEHIND_MAX,
        }
    }

    /// Tells somebody line by line how far it is.
    #[must_use]
    pub fn told_to(self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { progress: Progress::told_to(Arc::new(tell), TOLD_EVERY), ..self }
    }

    /// With other bounds: for a chunk, after which a place is asked last, and for all by which it may be behind.
    #[cfg(test)]
    pub(super) fn bounded(self, slow: Duration, behind_max: Duration) -> Self {
        Self { slow, behind_max, ..self }
    }

    /// The newest snapshot that a place offers, with a manifest that follows from the genesis; those of slow places come last. A place that offers a false
    /// one is told and not asked again.
    ///
    /// # Errors
    /// [`SnapshotError::NoSource`].
    pub fn newest(&mut self, genesis: &Genesis) -> Result<Found, SnapshotError> {
        self.offers.clear();
        for place in 0..self.places.len() {
            self.look(place);
        }
        loop {
            let Some(offer) = self.best().cloned() else {
                return Err(SnapshotError::NoSource { failures: self.given_up.clone() });
            };
            let manifest = self.manifest(&offer).and_then(|manifest| {
                manifest.check(genesis).map_err(Fault::False)?;
                Ok(manifest)
            });
            match manifest {
                Ok(manifest) => return Ok(self.found(manifest, &offer)),
                Err(fault) => self.blame(&offer, fault),
            }
        }
    }

    fn found(&self, manifest: Manifest, first: &Offer) -> Found {
        let others = self.offers.iter().filter(|other| other.place != first.place);
        let others = others.filter(|other| other.info.height == first.info.height);
        // Who gave the manifest has to stand for it first.
        let holders = std::iter::once(first).chain(others).map(|offer| Holder {
            offer: offer.clone(),
            is_same: offer.info.manifest_sha256 == first.info.manifest_sha256,
        });
        let (source, place) = (self.places[first.place].source.clone(), first.place);
        let found = Found { holders: holders.collect(), given: BTreeMap::new(), manifest, source, place };
        self.progress.begins(&found.manifest, &found.source);
        found
    }

    /// Notes what a place offers now.
    fn look(&mut self, place: usize) {
        self.offers.retain(|offer| offer.place != place);
        if self.places[place].is_out {
            return;
        }
        let source = self.places[place].source.clone();
        self.progress.asks(&source, "its list of snapshots", "快照列表");
        let list = source.list(&self.asking);
        self.progress.answered();
        match list {
            Ok(list) if list.is_empty() => self.out(place, &source.no_answer("it has none", "其没有快照")),
            Ok(list) => {
                let is_open = |info: &SnapshotInfo| self.places[place].is_open(info.height);
                self.offers.extend(list.into_iter().filter(is_open).map(|info| Offer { place, info }));
            }
            Err(error) => self.out(place, &error),
        }
    }

    /// The newest that is offered by a place that is not slow; the first place of those that offer it.
    fn best(&self) -> Option<&Offer> {
        let offers = self.offers.iter().filter(|offer| self.places[offer.place].is_open(offer.info.height));
        offers.min_by_key(|offer| (self.is_slow(offer.place), Reverse(offer.info.height), offer.place))
    }

    fn is_slow(&self, place: usize) -> bool {
        self.places[place].pace.is_behind(self.behind_max)
    }

    /// How long one answer of whoever offers this is waited for.
    fn patience(&self, offer: &Offer) -> Duration {
        let is_open =
            |other: &&Offer| other.place != offer.place && self.places[other.place].is_open(other.info.height);
        if self.offers.iter().any(|other| is_open(&other)) { PATIENCE } else { PATIENCE_ALONE }
    }

    fn manifest(&mut self, offer: &Offer) -> Result<Manifest, Fault> {
        self.asking.answer = self.patience(offer);
        let place = &mut self.places[offer.place];
        self.progress.asks(&place.source, "its manifest", "清单");
        let begun = Instant::now();
        let bytes = place.source.manifest(&self.asking, &offer.info);
        place.pace.took(begun.elapsed(), bytes.as_ref().map_or(0, Vec::len));
        self.progress.answered();
        let manifest = Manifest::decode(&bytes?).map_err(Fault::False)?;
        if manifest.height() == offer.info.height {
            return Ok(manifest);
        }
        Err(Fault::False(SnapshotError::manifest("it is of another height than was offered", "其高度与所报高度不同")))
    }

    /// A chunk of a snapshot, from whichever place gives the one that the manifest names. Places that give another one are told.
    ///
    /// # Errors
    /// [`Left`]: then another snapshot is the next to try.
    pub fn chunk(&mut self, found: &mut Found, number: u64, entry: &ChunkEntry) -> Result<Vec<u8>, Left> {
        loop {
            let at = self.next_holder(found)?;
            if !found.holders[at].is_same && !self.is_same(found, at) {
                found.holders.remove(at);
                continue;
            }
            found.holders[at].is_same = true;
            let offer = found.holders[at].offer.clone();
            self.asking.answer = self.patience(&offer);
            let place = &mut self.places[offer.place];
            self.progress.asks(&place.source, format_args!("chunk {number}"), format_args!("第 {number} 块"));
            let begun = Instant::now();
            let answer = place.source.chunk(&self.asking, offer.info.height, number, entry);
            let took = begun.elapsed();
            place.pace.took(took, answer.as_ref().map_or(0, Vec::len));
            self.progress.answered();
            match answer {
                Ok(bytes) => {
                    self.progress.took(&place.source, bytes.len());
                    *found.given.entry(offer.place).or_default() += 1;
                    if took > self.slow {
                        let holder = found.holders.remove(at);
                        found.holders.push(holder);
                    }
                    return Ok(bytes);
                }
                Err(fault) => {
                    found.holders.remove(at);
                    self.blame(&offer, fault);
                }
            }
        }
    }

    /// The holder that is asked next: the first that is not slow, else the first, unless somebody who is not slow offers another height.
    fn next_holder(&self, found: &Found) -> Result<usize, Left> {
        let height = found.manifest.height();
        let is_open = |holder: &Holder| self.places[holder.offer.place].is_open(height);
        let is_fast = |holder: &Holder| is_open(holder) && !self.is_slow(holder.offer.place);
        if let Some(at) = found.holders.iter().position(is_fast) {
            return Ok(at);
        }
        let first = found.holders.iter().position(is_open).ok_or(Left::NoHolder)?;
        let is_better = |offer: &Offer| {
            let place = &self.places[offer.place];
            offer.info.height != height && place.is_open(offer.info.height) && !self.is_slow(offer.place)
        };
        if !self.offers.iter().any(is_better) {
            return Ok(first);
        }
        let pace = LEAST_PACE / 1024;
        self.progress.say(
            &format!(
                "the snapshot of height {height} is left: those that have it stay below {pace} KiB a second, and another place offers another one"
            ),
            &format!("放弃高度 {height} 的快照：提供者的速度持续低于每秒 {pace} KiB，改取其他来源的快照"),
        );
        Err(Left::Slow)
    }

    /// Whether another holder has the same list of chunks. Who offers another list of the same height is not to blame for what this one says.
    fn is_same(&mut self, found: &Found, at: usize) -> bool {
        let offer = found.holders[at].offer.clone();
        match self.manifest(&offer) {
            Ok(theirs) => theirs.list == found.manifest.list,
            Err(fault) => {
                self.blame(&offer, fault);
                false
            }
        }
    }

    /// Gives up a place for what it gave. One that gave nothing may have replaced what it offered by something newer, a few times.
    fn blame(&mut self, offer: &Offer, fault: Fault) {
        let (place, height) = (offer.place, offer.info.height);
        self.offers.retain(|other| other.place != place || other.info.height != height);
        let mut error = match fault {
            Fault::False(error) => return self.give_up_at(place, height, &error),
            Fault::Silent(error) => error,
        };
        self.look(place);
        let has_it = |offer: &Offer| offer.place == place && offer.info.height == height;
        if self.places[place].is_out {
            return;
        }
        if !self.offers.iter().any(has_it) {
            let gone = &mut self.places[place].gone;
            *gone += 1;
            if *gone <= GONE_MAX {
                return;
            }
            error = SnapshotError::Gone { source: self.places[place].source.to_string(), height };
        }
        self.give_up_at(place, height, &error);
    }

    /// Notes that what was found is false: whoever gave its manifest stands for it.
    pub fn give_up(&mut self, found: &Found, error: &SnapshotError) {
        self.give_up_at(found.place, found.manifest.height(), error);
    }

    /// A node is asked no more; of a folder, only that snapshot is not what it should be.
    fn give_up_at(&mut self, place: usize, height: Height, error: &SnapshotError) {
        match self.places[place].source {
            Source::Folder(_) => {
                self.places[place].passed_over.push(height);
                self.offers.retain(|offer| offer.place != place || offer.info.height != height);
                self.note(place, error);
            }
            Source::Node(_) => self.out(place, error),
        }
    }

    fn out(&mut self, place: usize, error: &SnapshotError) {
        self.places[place].is_out = true;
        self.offers.retain(|offer| offer.place != place);
        self.note(place, error);
    }

    fn note(&mut self, place: usize, error: &SnapshotError) {
        let source = self.places[place].source.to_string();
        warn!(%source, %error, "a source of snapshots is given up");
        let (en, zh) = (error.en(), error.zh());
        self.progress.say(&format!("given up: {source}: {en}"), &format!("已放弃来源 {source}：{zh}"));
        self.given_up.push(GivenUp { source, en, zh });
    }

    /// Who was given up so far, and why.
    #[must_use]
    pub fn given_up(&self) -> &[GivenUp] {
        &self.given_up
    }

    /// Who gave the chunks of what was found, and how many each.
    #[must_use]
    pub fn givers(&self, found: &Found) -> Vec<(String, u64)> {
        found.given.iter().map(|(place, chunks)| (self.places[*place].source.to_string(), *chunks)).collect()
    }
}
