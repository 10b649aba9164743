//! From a decided block to the executor: batches that are missing are fetched, heights are handed over in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quancheng_types::{BatchHeader, BatchId, BatchRef, Height, List, NodeId, SignedBatch, ValidatorId, ValidatorSet};

use super::goodput::Goodput;
use super::{Env, sources};
use crate::engine::{Action, Offence};
use crate::limits::{ANSWERS_REMEMBERED_MAX, FETCH_BATCHES_MAX, FETCH_RETRY_MS, FETCHES_MAX, LEFTOVER_MS};
use crate::message::Message;

#[derive(Debug)]
struct Fetch {
    header: BatchHeader,
    sources: Vec<NodeId>,
    next: usize,
    /// Set while it is under way; otherwise it waits for room among those that are.
    asked: Option<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    /// The source; `None` when everybody was asked.
    of: Option<NodeId>,
    /// When to ask the next one.
    until_ms: u64,
}

impl Fetch {
    fn bytes(&self) -> u64 {
        u64::from(self.header.bytes)
    }
}

/// Decided heights on their way to the executor.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    heights: VecDeque<(Height, BTreeSet<BatchId>)>,
    fetches: BTreeMap<BatchId, Fetch>,
    goodput: Goodput,
    /// When the line was last found to be slower than thought.
    overdue_ms: Option<u64>,
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
            // Nodes start at different sources, so that one acknowledger does not serve all.
            let next = usize::from(env.me.as_bytes()[0]);
            self.fetches.entry(id).or_insert(Fetch { header, sources, next, asked: None });
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
                self.fetches.insert(id, Fetch { header: batch.header, sources, next: 0, asked: None });
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

    /// Notes that a batch is stored now.
    pub(crate) fn on_stored(&mut self, env: &mut Env<'_>, id: &BatchId) {
        let Some(fetch) = self.fetches.remove(id) else {
            return;
        };
        if fetch.asked.is_some() {
            let is_busy = self.fetches.values().any(|fetch| fetch.asked.is_some());
            self.goodput.arrived(u64::from(fetch.header.bytes), env.now.elapsed_ms, is_busy);
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
        self.on_stored(env, &id);
    }

    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.fetches.values().filter_map(|fetch| fetch.asked).map(|asked| asked.until_ms).min()
    }

    pub(crate) fn on_tick(&mut self, env: &mut Env<'_>) {
        let now_ms = env.now.elapsed_ms;
        let mut is_overdue = false;
        for fetch in self.fetches.values_mut() {
            if fetch.asked.is_some_and(|asked| asked.until_ms <= now_ms) {
                fetch.asked = None;
                fetch.next = fetch.next.wrapping_add(1);
                is_overdue = true;
            }
        }
        let is_news = self.overdue_ms.is_none_or(|before| now_ms.saturating_sub(before) >= FETCH_RETRY_MS);
        if is_overdue && is_news {
            self.overdue_ms = Some(now_ms);
            self.goodput.overdue();
        }
        self.request(env);
    }

    /// A source is gone: others are asked at once.
    pub(crate) fn on_peer_down(&mut self, env: &mut Env<'_>, peer: &NodeId) {
        for fetch in self.fetches.values_mut() {
            if fetch.asked.is_some_and(|asked| asked.of == Some(*peer)) {
                fetch.asked = None;
                fetch.next = fetch.next.wrapping_add(1);
            }
        }
        self.request(env);
    }

    /// Asks for missing batches, several from one source in one message.
    fn request(&mut self, env: &mut Env<'_>) {
        let under_way = self.fetches.values().filter(|fetch| fetch.asked.is_some());
        let (mut count, mut bytes) = under_way.fold((0, 0), |(count, bytes), fetch| (count + 1, bytes + fetch.bytes()));
        let mut asked: BTreeMap<NodeId, Vec<BatchId>> = BTreeMap::new();
        let mut all: Vec<BatchId> = Vec::new();
        // The executor waits for the oldest height.
        for id in self.heights.iter().flat_map(|(_, missing)| missing) {
            let Some(fetch) = self.fetches.get_mut(id).filter(|fetch| fetch.asked.is_none()) else {
                continue;
            };
            if count >= FETCHES_MAX || !self.goodput.admits(bytes, fetch.bytes()) {
                break;
            }
            (count, bytes) = (count + 1, bytes + fetch.bytes());
            self.goodput.asked(env.now.elapsed_ms);
            // After every source failed once, everybody is asked: the set may have changed since.
            let of = fetch.sources.get(fetch.next % (fetch.sources.len() + 1)).copied();
            fetch.asked = Some(Asked { of, until_ms: env.now.elapsed_ms.saturating_add(self.goodput.wait_ms(bytes)) });
            match of {
                Some(source) => asked.entry(source).or_default().push(*id),
                None => all.push(*id),
            }
        }
        let most = usize::try_from(FETCH_BATCHES_MAX).expect("a small constant");
        for (source, ids) in asked {
            for part in ids.chunks(most) {
                let part = List::new(part.to_vec()).expect("chunks are within the limit");
                env.out.send(source, Message::BatchRequest(part));
            }
        }
        for part in all.chunks(most) {
            let part = List::new(part.to_vec()).expect("chunks are within the limit");
            env.out.broadcast(Message::BatchRequest(part));
        }
    }
}
