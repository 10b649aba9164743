//! From a decided block to the executor: batches that are missing are fetched, heights are handed over in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quancheng_types::{BatchHeader, BatchId, BatchRef, Height, List, NodeId, SignedBatch, ValidatorId, ValidatorSet};

use super::{Env, sources};
use crate::engine::{Action, Offence};
use crate::limits::{FETCH_BATCHES_MAX, FETCH_RETRY_MS, FETCHES_MAX};
use crate::message::Message;

#[derive(Debug)]
struct Fetch {
    header: BatchHeader,
    sources: Vec<NodeId>,
    next: usize,
    /// When to ask the next source; `None` while it waits for room among the fetches in flight.
    retry_at_ms: Option<u64>,
}

/// Decided heights on their way to the executor.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    heights: VecDeque<(Height, BTreeSet<BatchId>)>,
    fetches: BTreeMap<BatchId, Fetch>,
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
            self.fetches.entry(id).or_insert(Fetch { header, sources, next, retry_at_ms: None });
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
                self.fetches.insert(id, Fetch { header: batch.header, sources, next: 0, retry_at_ms: None });
            }
            self.heights.push_back((height, missing));
        }
    }

    /// Starts to fetch and hand over what was recovered.
    pub(crate) fn on_start(&mut self, env: &mut Env<'_>) {
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
        if self.fetches.remove(id).is_none() {
            return;
        }
        for (_, missing) in &mut self.heights {
            missing.remove(id);
        }
        self.request(env);
        self.hand_over(env);
    }

    /// Takes in a batch that may have been asked for.
    pub(crate) fn on_response(&mut self, env: &mut Env<'_>, from: NodeId, batch: Arc<SignedBatch>) {
        let id = batch.header.id();
        let Some(fetch) = self.fetches.get(&id) else {
            return;
        };
        if fetch.header != batch.header || !batch.is_consistent() {
            env.out.blame(from, Offence::BadBatch);
            return;
        }
        env.out.other(Action::StoreBatch { batch });
        self.on_stored(env, &id);
    }

    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.fetches.values().filter_map(|fetch| fetch.retry_at_ms).min()
    }

    pub(crate) fn on_tick(&mut self, env: &mut Env<'_>) {
        let now_ms = env.now.elapsed_ms;
        for fetch in self.fetches.values_mut() {
            if fetch.retry_at_ms.is_some_and(|at| at <= now_ms) {
                fetch.retry_at_ms = None;
                fetch.next = fetch.next.wrapping_add(1);
            }
        }
        self.request(env);
    }

    /// Asks for missing batches, several from one source in one message.
    fn request(&mut self, env: &mut Env<'_>) {
        let mut in_flight = self.fetches.values().filter(|fetch| fetch.retry_at_ms.is_some()).count();
        let mut asked: BTreeMap<NodeId, Vec<BatchId>> = BTreeMap::new();
        let mut all: Vec<BatchId> = Vec::new();
        for (id, fetch) in &mut self.fetches {
            if in_flight >= FETCHES_MAX {
                break;
            }
            if fetch.retry_at_ms.is_some() {
                continue;
            }
            fetch.retry_at_ms = Some(env.now.elapsed_ms + FETCH_RETRY_MS);
            in_flight += 1;
            // After every source failed once, everybody is asked: the set may have changed since.
            match fetch.sources.get(fetch.next % (fetch.sources.len() + 1)) {
                Some(source) => asked.entry(*source).or_default().push(*id),
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
