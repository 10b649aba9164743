//! From a decided block to the executor: batches that are missing are fetched, heights are handed over in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quancheng_types::{BatchHeader, BatchId, BatchRef, Height, List, NodeId, SignedBatch, ValidatorId, ValidatorSet};

use super::goodput::Goodput;
use super::{Env, sources};
use crate::engine::{Action, Offence};
use crate::limits::{ANSWERS_REMEMBERED_MAX, FETCH_BATCHES_MAX, FETCHES_MAX, LEFTOVER_MS};
use crate::message::Message;

#[derive(Debug)]
struct Fetch {
    header: BatchHeader,
    /// Who acknowledged it, the one to be asked first in front.
    sources: Vec<NodeId>,
    /// What was asked for it, at most once for each source and once for everybody: the newest.
    asks: Vec<Ask>,
}

#[derive(Clone, Copy, Debug)]
struct Ask {
    /// The source; `None` when everybody was asked.
    of: Option<NodeId>,
    at_ms: u64,
    /// When to ask the next one; `None` when this one is given up.
    until_ms: Option<u64>,
    /// How often it was asked.
    times: u32,
}

impl Fetch {
    fn new(me: &ValidatorId, id: &BatchId, header: BatchHeader, mut sources: Vec<NodeId>) -> Self {
        // Batches and nodes start at different sources, so that one acknowledger does not serve all.
        let first = usize::from(me.as_bytes()[0]) + usize::from(id.as_bytes()[0]);
        let first = first.checked_rem(sources.len()).unwrap_or_default();
        sources.rotate_left(first);
        Self { header, sources, asks: Vec::new() }
    }

    fn bytes(&self) -> u64 {
        u64::from(self.header.bytes)
    }

    /// What is under way; otherwise it waits for room among what is.
    fn live(&self) -> impl Iterator<Item = &Ask> {
        self.asks.iter().filter(|ask| ask.until_ms.is_some())
    }

    /// How often this source, or everybody, was asked.
    fn times(&self, of: Option<&NodeId>) -> u32 {
        self.asks.iter().find(|ask| ask.of.as_ref() == of).map_or(0, |ask| ask.times)
    }

    /// Whom to ask next: of those asked least, one that did not fail lately. After every source failed once, everybody is asked: the set may
    /// have changed since.
    fn next(&self, is_last: impl Fn(&NodeId) -> bool) -> Option<NodeId> {
        let is_live = |source: &NodeId| self.live().any(|ask| ask.of.as_ref() == Some(source));
        let idle = self.sources.iter().filter(|source| !is_live(source));
        let (times, _, source) =
            idle.map(|source| (self.times(Some(source)), is_last(source), *source)).min_by_key(|one| (one.0, one.1))?;
        (times <= self.times(None)).then_some(source)
    }

    fn note(&mut self, ask: Ask) {
        match self.asks.iter_mut().find(|before| before.of == ask.of) {
            Some(before) => *before = Ask { times: before.times.saturating_add(1), ..ask },
            None => self.asks.push(ask),
        }
    }

    /// Gives up what is under way and so chosen; the sources.
    fn give_up(&mut self, is_over: impl Fn(&Ask) -> bool) -> Vec<NodeId> {
        let over = self.asks.iter_mut().filter(|ask| ask.until_ms.is_some() && is_over(ask));
        let of = over.filter_map(|ask| {
            ask.until_ms = None;
            ask.of
        });
        of.collect()
    }
}

/// Decided heights on their way to the executor.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    heights: VecDeque<(Height, BTreeSet<BatchId>)>,
    fetches: BTreeMap<BatchId, Fetch>,
    goodput: Goodput,
    /// What was fetched lately: everybody that was asked for it may still send it.
    fetched: VecDeque<BatchId>,
    started_ms: u64,
}

impl Delivery {
    /// Batches that are decided and missing.
    pub(crate) fn missing(&self) -> usize {
        self.fetches.len()
    }

    /// Takes in a decided height and the batches that are missing.
    pub(crate) fn push(
        &mut self,
        env: &mut Env<'_>,
        height: Height,
        missing: Vec<(BatchId, BatchHeader, Vec<NodeId>)>,
    ) {
        self.heights.push_back((height, missing.iter().map(|(id, ..)| *id).collect()));
        for (id, header, sources) in missing {
            self.fetches.entry(id).or_insert_with(|| Fetch::new(&env.me, &id, header, sources));
        }
        self.request(env);
        self.hand_over(env);
    }

    /// Takes in what was decided and not executed before a restart.
    pub(crate) fn recover(
        &mut self,
        undelivered: Vec<(Height, Vec<(BatchRef, bool)>)>,
        validators: &ValidatorSet,
        me: &ValidatorId,
    ) {
        for (height, batches) in undelivered {
            let mut missing = BTreeSet::new();
            for (batch, _) in batches.iter().filter(|(_, is_stored)| !is_stored) {
                let id = batch.header.id();
                missing.insert(id);
                let sources = sources(batch, validators, me);
                self.fetches.insert(id, Fetch::new(me, &id, batch.header, sources));
            }
            self.heights.push_back((height, missing));
        }
    }

    /// Starts to fetch and hand over what was recovered.
    pub(crate) fn on_start(&mut self, env: &mut Env<'_>) {
        self.started_ms = env.now.elapsed_ms;
        self.request(env);
        self.hand_over(env);
    }

    /// Hands heights over as far as their data is complete.
    fn hand_over(&mut self, env: &mut Env<'_>) {
        while self.heights.front().is_some_and(|(_, missing)| missing.is_empty()) {
            if let Some((height, _)) = self.heights.pop_front() {
                env.out.other(Action::BatchesReady { height });
            }
        }
    }

    /// Notes that a batch is stored now, and who sent it, if it was fetched.
    pub(crate) fn on_stored(&mut self, env: &mut Env<'_>, id: &BatchId, from: Option<NodeId>) {
        let Some(fetch) = self.fetches.remove(id) else {
            return;
        };
        if !fetch.asks.is_empty() {
            if let Some(from) = from {
                self.note_arrival(env, &fetch, from);
            }
            for of in fetch.live().filter_map(|ask| ask.of) {
                self.note_rest(&of);
            }
            // Whoever was asked may still send it, however long ago that was.
            self.fetched.push_back(*id);
            if self.fetched.len() > ANSWERS_REMEMBERED_MAX {
                self.fetched.pop_front();
            }
        }
        for (_, missing) in &mut self.heights {
            missing.remove(id);
        }
        self.request(env);
        self.hand_over(env);
    }

    /// What a source delivered is measured from when it was asked, and counts for it alone.
    fn note_arrival(&mut self, env: &Env<'_>, fetch: &Fetch, from: NodeId) {
        let asked = fetch.asks.iter().filter(|ask| ask.of.is_none() || ask.of == Some(from));
        if let Some(at_ms) = asked.map(|ask| ask.at_ms).min() {
            let is_busy = self.is_busy(&from);
            self.goodput.arrived(from, fetch.bytes(), at_ms, env.now.elapsed_ms, is_busy);
        }
    }

    fn note_rest(&mut self, of: &NodeId) {
        if !self.is_busy(of) {
            self.goodput.rests(of);
        }
    }

    fn is_busy(&self, of: &NodeId) -> bool {
        self.fetches.values().flat_map(Fetch::live).any(|ask| ask.of.as_ref() == Some(of))
    }

    /// Takes in a batch that was asked for. One that never was is an offence, unless it may be an answer to what this node asked before it
    /// was restarted.
    pub(crate) fn on_response(&mut self, env: &mut Env<'_>, from: NodeId, batch: Arc<SignedBatch>) {
        let id = batch.header.id();
        let Some(fetch) = self.fetches.get(&id) else {
            let is_leftover = env.now.elapsed_ms.saturating_sub(self.started_ms) < LEFTOVER_MS;
            if !is_leftover && !self.fetched.contains(&id) {
                env.out.blame(from, Offence::Unasked);
            }
            return;
        };
        let is_wanted = fetch.header == batch.header && batch.is_consistent();
        if !is_wanted && !env.planted.fetch_unchecked() {
            env.out.blame(from, Offence::BadBatch);
            return;
        }
        env.out.other(Action::StoreBatch { batch });
        self.on_stored(env, &id, Some(from));
    }

    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.fetches.values().flat_map(Fetch::live).filter_map(|ask| ask.until_ms).min()
    }

    pub(crate) fn on_tick(&mut self, env: &mut Env<'_>) {
        let now_ms = env.now.elapsed_ms;
        self.give_up(env, |ask| ask.until_ms.is_some_and(|until_ms| until_ms <= now_ms));
    }

    /// A source is gone: others are asked at once.
    pub(crate) fn on_peer_down(&mut self, env: &mut Env<'_>, peer: &NodeId) {
        self.give_up(env, |ask| ask.of == Some(*peer));
    }

    fn give_up(&mut self, env: &mut Env<'_>, is_over: impl Fn(&Ask) -> bool + Copy) {
        let failed: BTreeSet<NodeId> = self.fetches.values_mut().flat_map(|fetch| fetch.give_up(is_over)).collect();
        for source in failed {
            self.goodput.failed(source, env.now.elapsed_ms);
            self.note_rest(&source);
        }
        self.request(env);
    }

    /// Asks for missing batches, several from one source in one message.
    fn request(&mut self, env: &mut Env<'_>) {
        let now_ms = env.now.elapsed_ms;
        let under_way = self.fetches.values().filter(|fetch| fetch.live().next().is_some());
        let (mut count, mut bytes) = under_way.fold((0, 0), |(count, bytes), fetch| (count + 1, bytes + fetch.bytes()));
        let mut asked: BTreeMap<Option<NodeId>, Vec<BatchId>> = BTreeMap::new();
        let oldest = self.heights.front().map(|(height, _)| *height);
        // The executor waits for the oldest height.
        for (height, id) in self.heights.iter().flat_map(|(height, missing)| missing.iter().map(move |id| (height, id)))
        {
            let Some(fetch) = self.fetches.get_mut(id) else {
                continue;
            };
            // Once a source has kept it waiting, two are asked.
            let is_urgent = Some(*height) == oldest && fetch.asks.iter().any(|ask| ask.until_ms.is_none());
            let wanted = if is_urgent && !env.planted.one_source() { 2 } else { 1 };
            while fetch.live().count() < wanted {
                let is_new = fetch.live().next().is_none();
                if is_new {
                    if count >= FETCHES_MAX || !self.goodput.admits(bytes, fetch.bytes()) {
                        break;
                    }
                    (count, bytes) = (count + 1, bytes + fetch.bytes());
                }
                let of = if env.planted.one_source() {
                    fetch.sources.first().copied()
                } else {
                    fetch.next(|source| self.goodput.is_last(source, now_ms))
                };
                if of.is_none() && fetch.live().any(|ask| ask.of.is_none()) {
                    break;
                }
                let until_ms = now_ms.saturating_add(self.goodput.wait_ms(of.as_ref(), bytes));
                fetch.note(Ask { of, at_ms: now_ms, until_ms: Some(until_ms), times: 1 });
                if let Some(of) = of {
                    self.goodput.asked(of, now_ms);
                }
                asked.entry(of).or_default().push(*id);
            }
        }
        let most = usize::try_from(FETCH_BATCHES_MAX).expect("a small constant");
        for (source, ids) in asked {
            for part in ids.chunks(most) {
                let part = List::new(part.to_vec()).expect("chunks are within the limit");
                match source {
                    Some(source) => env.out.send(source, Message::BatchRequest(part)),
                    None => env.out.broadcast(Message::BatchRequest(part)),
                }
            }
        }
    }
}
