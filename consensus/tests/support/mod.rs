//! A small network in one thread: engines, disks that lose what was not flushed, a lossy net, and an executor that hashes.
#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]
#![expect(dead_code, reason = "no test uses all of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quancheng_consensus::message::{BlocksRequest, SignedStatement};
use quancheng_consensus::sign_record::{Slot, SlotValue, Step};
use quancheng_consensus::{
    Action, Alarm, AuthorWindow, BatchVerdict, CachedChecker, Commit, CommittedBlock, Engine, EngineConfig, Executed,
    HaltReason, Input, LogEntry, LogName, LogWriter, Message, Now, Offence, RecoveredState, ServeRequest, SignRecord,
    Tip, read_log,
};
use quancheng_types::hash::sha256;
use quancheng_types::schedule::{Entry, effective_height};
use quancheng_types::{
    Batch, BatchId, Block, BlockId, ChainId, Decisions, Digest, Height, List, NodeId, Parameters, Round, Schedules,
    SignedBatch, SignedProposal, SignedTransaction, SignedVote, SigningKey, Text, Transaction, Validator, ValidatorId,
    ValidatorSet, VersionPlan, VoteType,
};

/// Wall clock of the network at its start, ms since 1970.
const EPOCH_MS: u64 = 1_800_000_000_000;
/// Time the executor needs for a block, ms.
const EXECUTE_MS: u64 = 2;

pub(crate) fn chain_id() -> ChainId {
    ChainId(Digest([7; 32]))
}

pub(crate) fn key(index: u8) -> SigningKey {
    SigningKey::from_seed([index + 1; 32])
}

pub(crate) fn node_id(index: u8) -> NodeId {
    NodeId(Digest([index + 100; 32]))
}

pub(crate) fn validator(index: u8) -> Validator {
    Validator {
        public_key: key(index).public_key(),
        power: 1,
        node_id: node_id(index),
        organization: Text::new("org".to_owned()).unwrap(),
        interest: Text::new("none".to_owned()).unwrap(),
    }
}

pub(crate) fn set(indexes: &[u8]) -> ValidatorSet {
    ValidatorSet::new(indexes.iter().map(|index| validator(*index)).collect()).unwrap()
}

fn parameters() -> Parameters {
    Parameters { heartbeat_ms: 2_000, ..Parameters::default() }
}

/// What survives a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) log: Vec<u8>,
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) blocks: BTreeMap<Height, CommittedBlock>,
    pub(crate) windows: BTreeMap<ValidatorId, AuthorWindow>,
    pub(crate) batches: BTreeMap<BatchId, Arc<SignedBatch>>,
    pub(crate) executed: Vec<Executed>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) index: u8,
    pub(crate) engine: Option<Engine>,
    pub(crate) disk: Disk,
    unflushed: Vec<Action>,
    writer: Option<LogWriter>,
    /// Committed heights whose batches are ready, to be executed in order.
    ready: BTreeSet<Height>,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) halted: Option<HaltReason>,
    clock_offset_ms: u64,
    sequence: u64,
}

#[derive(Debug)]
enum Event {
    Deliver { to: usize, from: NodeId, message: Message },
    Tick { node: usize },
    Feed { node: usize, input: Input },
    Execute { node: usize },
}

/// A node that passes on every proposal with batches, spoilt, and is there before the good copy. Of its own proposals these receivers
/// get no other.
#[derive(Debug)]
pub(crate) struct Mangler {
    pub(crate) node: usize,
    /// Who gets the spoilt copies.
    pub(crate) victims: BTreeSet<usize>,
    pub(crate) spoil: fn(&mut Block),
    /// Heights of which spoilt copies were sent.
    pub(crate) heights: BTreeSet<Height>,
    /// Who blamed it, and for what.
    pub(crate) blames: Vec<(usize, Offence)>,
}

/// What is delivered (from, to, now, message): `None` drops, `Some` delays by so many ms.
pub(crate) type Filter = Box<dyn Fn(usize, usize, u64, &Message) -> Option<u64>>;

pub(crate) struct Network {
    pub(crate) nodes: Vec<Node>,
    pub(crate) now_ms: u64,
    events: BTreeMap<(u64, u64), Event>,
    order: u64,
    random: u64,
    pub(crate) loss_permille: u64,
    pub(crate) genesis: ValidatorSet,
    /// Executing this height decides this set.
    pub(crate) changes: BTreeMap<Height, ValidatorSet>,
    /// Executing this height decides this version, from so many heights after the soonest.
    pub(crate) versions: BTreeMap<Height, (VersionPlan, u64)>,
    /// Every value signed per slot, and by whom.
    pub(crate) signed: BTreeMap<(ValidatorId, Height, Round, VoteType), BTreeSet<Option<BlockId>>>,
    pub(crate) decided: BTreeMap<Height, BlockId>,
    pub(crate) messages: u64,
    pub(crate) flushes: u64,
    /// Nodes that hear and reach nobody.
    pub(crate) cut: BTreeSet<usize>,
    /// The next flush of this node fails, after a part of it reached the disk.
    pub(crate) power_cut: Option<usize>,
    /// Somebody who passes on mangled copies of proposals.
    pub(crate) mangler: Option<Mangler>,
    /// What is delivered (from, to, now, message): `None` drops, `Some` delays.
    pub(crate) filter: Option<Filter>,
    /// A liar is at work: what honest nodes blame is noted, not a failure.
    pub(crate) tolerant: bool,
    pub(crate) blames: Vec<(u64, usize, NodeId, Offence)>,
    pub(crate) parameters: Parameters,
    #[cfg(feature = "planted-bugs")]
    pub(crate) planted: Option<quancheng_consensus::PlantedBug>,
}

impl Network {
    pub(crate) fn new(seed: u64, members: &[u8], followers: &[u8]) -> Self {
        Self::with(seed, members, followers, parameters())
    }

    pub(crate) fn with(seed: u64, members: &[u8], followers: &[u8], parameters: Parameters) -> Self {
        let mut network = Self {
            nodes: Vec::new(),
            now_ms: 0,
            events: BTreeMap::new(),
            order: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            loss_permille: 0,
            genesis: set(members),
            changes: BTreeMap::new(),
            versions: BTreeMap::new(),
            signed: BTreeMap::new(),
            decided: BTreeMap::new(),
            messages: 0,
            flushes: 0,
            cut: BTreeSet::new(),
            power_cut: None,
            mangler: None,
            filter: None,
            blames: Vec::new(),
            tolerant: false,
            parameters,
            #[cfg(feature = "planted-bugs")]
            planted: None,
        };
        for index in members.iter().chain(followers) {
            network.add(*index, members.contains(index), 0);
        }
        network
    }

    /// Adds a node with an empty disk. A second node of one index is its twin.
    pub(crate) fn add(&mut self, index: u8, is_validator: bool, clock_offset_ms: u64) -> usize {
        let record = is_validator.then(|| SignRecord::fresh(chain_id(), key(index).public_key()).encode());
        let genesis = Executed {
            height: Height(0),
            history_size: 1,
            history_root: sha256(&[b"genesis"]),
            decisions: Decisions::default(),
        };
        let disk = Disk { record, executed: vec![genesis], ..Disk::default() };
        self.nodes.push(Node {
            index,
            engine: None,
            disk,
            unflushed: Vec::new(),
            writer: None,
            ready: BTreeSet::new(),
            alarms: Vec::new(),
            halted: None,
            clock_offset_ms,
            sequence: 0,
        });
        let node = self.nodes.len() - 1;
        self.start(node);
        node
    }

    pub(crate) fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    pub(crate) fn input(&mut self, node: usize, input: Input) {
        self.at(0, Event::Feed { node, input });
    }

    /// A message from the node of this index, as if it came now.
    pub(crate) fn inject(&mut self, to: usize, from: u8, delay_ms: u64, message: Message) {
        let message = Message::decode(message.lane(), &message.encode()).unwrap();
        self.at(delay_ms, Event::Deliver { to, from: node_id(from), message });
    }

    fn at(&mut self, delay_ms: u64, event: Event) {
        self.order += 1;
        self.events.insert((self.now_ms + delay_ms, self.order), event);
    }

    /// Starts a node from its disk.
    pub(crate) fn start(&mut self, node: usize) {
        let genesis = self.genesis.clone();
        let instance = self.random(u64::MAX);
        let this = &mut self.nodes[node];
        let recovered = recovered_state(this, &genesis, self.parameters);
        let key = this.disk.record.is_some().then(|| key(this.index));
        let config = EngineConfig {
            chain_id: chain_id(),
            node_id: node_id(this.index),
            key,
            quarantine_ms: 300,
            instance,
            earlier_instances: Vec::new(),
            #[cfg(feature = "planted-bugs")]
            planted: self.planted,
        };
        let engine = Engine::recover(config, recovered, Box::new(CachedChecker::new())).unwrap();
        this.engine = Some(engine);
        this.ready.clear();
        self.at(0, Event::Feed { node, input: Input::Start });
        let own: Vec<_> = self.nodes[node].unordered_own();
        for batch in own {
            self.at(0, Event::Feed { node, input: Input::LocalBatch { batch } });
        }
    }

    /// Kills a node: what was not flushed is lost, and a part of the last write may be on disk.
    pub(crate) fn crash(&mut self, node: usize) {
        let torn = self.random(40);
        let this = &mut self.nodes[node];
        this.engine = None;
        this.unflushed.clear();
        this.disk.log.extend(std::iter::repeat_n(0x5a, usize::try_from(torn).unwrap()));
        self.events.retain(|_, event| match event {
            Event::Tick { node: of } | Event::Feed { node: of, .. } | Event::Execute { node: of } => *of != node,
            Event::Deliver { .. } => true,
        });
    }

    /// Seals a batch at a node.
    pub(crate) fn submit(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        this.sequence += 1;
        let transaction = SignedTransaction {
            body: Transaction {
                chain_id: chain_id(),
                signers: List::empty(),
                nonce: this.sequence * 256 + u64::from(this.index),
                valid_until_ms: u64::MAX,
                calls: List::empty(),
            },
            signatures: List::empty(),
        };
        let batch = Batch::of(vec![transaction]).unwrap();
        let batch = Arc::new(batch.sign(chain_id(), this.sequence, 1, &key(this.index)));
        this.disk.batches.insert(batch.header.id(), Arc::clone(&batch));
        if this.engine.is_some() {
            self.at(0, Event::Feed { node, input: Input::LocalBatch { batch } });
        }
    }

    /// A batch of about so many bytes and this weight, under this number.
    pub(crate) fn submit_as(&mut self, node: usize, kib: u32, weight: u64, sequence: u64) -> BatchId {
        let index = self.nodes[node].index;
        let part = usize::try_from(kib.min(48)).unwrap() * 1024;
        let count = (kib / 48).max(1);
        let transactions = (0..count).map(|n| SignedTransaction {
            body: Transaction {
                chain_id: chain_id(),
                signers: List::empty(),
                nonce: sequence * 65_536 + u64::from(n) * 256 + u64::from(index),
                valid_until_ms: u64::MAX,
                calls: List::new(vec![quancheng_types::Call {
                    module: quancheng_types::ModuleId(1),
                    payload: quancheng_types::Bytes::new(vec![7_u8; part]).unwrap(),
                }])
                .unwrap(),
            },
            signatures: List::empty(),
        });
        let batch = Batch::of(transactions.collect()).unwrap();
        let batch = Arc::new(batch.sign(chain_id(), sequence, weight, &key(index)));
        let id = batch.header.id();
        self.nodes[node].sequence = self.nodes[node].sequence.max(sequence);
        self.nodes[node].disk.batches.insert(id, Arc::clone(&batch));
        if self.nodes[node].engine.is_some() {
            self.at(0, Event::Feed { node, input: Input::LocalBatch { batch } });
        }
        id
    }

    /// Runs until `done` or the given time. Returns whether it is done.
    pub(crate) fn run(&mut self, until_ms: u64, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            let Some(((at, order), _)) = self.events.first_key_value() else {
                return done(self);
            };
            let (at, order) = (*at, *order);
            if at > until_ms {
                self.now_ms = until_ms;
                return false;
            }
            let event = self.events.remove(&(at, order)).unwrap();
            self.now_ms = at;
            match event {
                Event::Deliver { to, from, message } => self.feed(to, Input::Peer { from, message, verified: false }),
                Event::Tick { node } => self.feed(node, Input::Tick),
                Event::Feed { node, input } => self.feed(node, input),
                Event::Execute { node } => self.execute(node),
            }
        }
        true
    }

    fn feed(&mut self, node: usize, input: Input) {
        let now = Now { elapsed_ms: self.now_ms, unix_ms: EPOCH_MS + self.now_ms + self.nodes[node].clock_offset_ms };
        let Some(engine) = &mut self.nodes[node].engine else {
            return;
        };
        let actions = engine.step(now, input);
        let deadline = engine.next_deadline_ms();
        for action in actions {
            self.carry_out(node, action);
            if self.nodes[node].engine.is_none() {
                return;
            }
        }
        let later = self.now_ms + 1;
        if let Some(at) = deadline {
            let exists = self
                .events
                .range(..=(at.max(later), u64::MAX))
                .any(|(_, event)| matches!(event, Event::Tick { node: of } if *of == node));
            if !exists {
                self.at(at.max(later) - self.now_ms, Event::Tick { node });
            }
        }
    }

    fn carry_out(&mut self, node: usize, action: Action) {
        match action {
            Action::AppendLog(_) | Action::RecordSign(_) | Action::Commit(_) => self.nodes[node].unflushed.push(action),
            Action::Flush => self.flush(node),
            Action::Send { to, message } => {
                self.note_signed(node, &message);
                let targets: Vec<usize> =
                    (0..self.nodes.len()).filter(|n| node_id(self.nodes[*n].index) == to).collect();
                for target in targets {
                    self.deliver(node, target, message.clone());
                }
            }
            Action::Broadcast(message) => {
                if let Message::Status(status) = &message {
                    assert!(status.committed.0 <= self.committed(node), "durable_before_visible: a commit");
                }
                self.note_signed(node, &message);
                for target in 0..self.nodes.len() {
                    self.deliver(node, target, message.clone());
                }
            }
            Action::CheckBatch { batch } => {
                let id = batch.header.id();
                assert!(batch.is_consistent());
                self.nodes[node].disk.batches.insert(id, batch);
                let input = Input::BatchChecked { batch: id, verdict: BatchVerdict::Valid };
                self.at(1, Event::Feed { node, input });
            }
            Action::StoreBatch { batch } => {
                self.nodes[node].disk.batches.insert(batch.header.id(), batch);
            }
            Action::BatchesReady { height } => {
                self.nodes[node].ready.insert(height);
                self.at(EXECUTE_MS, Event::Execute { node });
            }
            Action::Serve { to, request } => self.serve(node, to, request),
            Action::ForgetBatches(ids) => {
                for id in ids {
                    self.nodes[node].disk.batches.remove(&id);
                }
            }
            Action::Blame { peer, offence } => {
                let culprit = self.mangler.as_ref().map(|mangler| node_id(self.nodes[mangler.node].index));
                if let Some(mangler) = self.mangler.as_mut().filter(|_| culprit == Some(peer)) {
                    mangler.blames.push((node, offence));
                    return;
                }
                if self.tolerant {
                    self.blames.push((self.now_ms, node, peer, offence));
                    return;
                }
                panic!("node {node} blames honest peer {peer} for {offence:?}")
            }
            Action::Alarm(alarm) => self.nodes[node].alarms.push(alarm),
            Action::Halt(reason) => self.nodes[node].halted = Some(reason),
        }
    }

    fn flush(&mut self, node: usize) {
        self.flushes += 1;
        let mut actions = std::mem::take(&mut self.nodes[node].unflushed);
        let cut = self.power_cut == Some(node);
        if cut {
            self.cut_short(&mut actions);
        }
        for action in actions {
            if let Action::AppendLog(entry) = action {
                self.nodes[node].append(&entry);
            } else if let Action::RecordSign(record) = action {
                self.nodes[node].disk.record = Some(record.encode());
            } else if let Action::Commit(commit) = action {
                self.store_commit(node, &commit);
            }
        }
        if cut {
            self.power_cut = None;
            self.crash(node);
        }
    }

    /// What a power cut leaves of a flush: any beginning of the log, the record only behind the whole log, the blocks or not.
    fn cut_short(&mut self, actions: &mut Vec<Action>) {
        let entries = actions.iter().filter(|action| matches!(action, Action::AppendLog(_))).count() as u64;
        let mut kept = match self.random(2) {
            0 => entries,
            _ => self.random(entries + 1),
        };
        let has_record = kept == entries && self.random(2) == 0;
        let has_blocks = self.random(2) == 0;
        actions.retain(|action| {
            if matches!(action, Action::AppendLog(_)) {
                let is_kept = kept > 0;
                kept = kept.saturating_sub(1);
                is_kept
            } else if matches!(action, Action::RecordSign(_)) {
                has_record
            } else {
                has_blocks
            }
        });
    }

    fn store_commit(&mut self, node: usize, commit: &Commit) {
        let block = &commit.decided.block;
        let height = block.header.height;
        let known = *self.decided.entry(height).or_insert(block.id());
        assert_eq!(known, block.id(), "one_block_per_height at {height}, node {node}");
        let this = &mut self.nodes[node];
        assert!(this.disk.blocks.insert(height, commit.decided.clone()).is_none(), "committed twice");
        this.disk.windows.extend(commit.windows.iter().copied());
        // Entries of later heights may be there since a flush that was cut: they must stay.
        let entries = read_log(log_name(this.index), &this.disk.log).unwrap().entries;
        if entries.iter().all(|entry| entry.height() <= height) {
            this.writer = None;
            this.disk.log.clear();
        }
    }

    /// durable_before_visible: what is sent is in the record on disk.
    fn assert_recorded(&self, node: usize, slot: Slot, value: SlotValue) {
        let this = &self.nodes[node];
        let bytes = this.disk.record.as_ref().unwrap();
        let record = SignRecord::decode(bytes, &chain_id(), &key(this.index).public_key()).unwrap();
        assert!(record.covers(slot, value), "durable_before_visible: {slot:?}");
    }

    /// Every own signature in a message that leaves.
    fn note_signed(&mut self, node: usize, message: &Message) {
        for statement in message.said().statements() {
            match statement {
                SignedStatement::Vote(signed) => self.note_vote(node, &signed),
                SignedStatement::Proposal(signed) => self.note_proposal(node, &signed),
            }
        }
    }

    fn is_own(&self, node: usize, validator: &ValidatorId) -> bool {
        let this = &self.nodes[node];
        let twins = self.nodes.iter().filter(|node| node.index == this.index);
        // What a twin signed comes back from peers; it is in its own record.
        *validator == ValidatorId::of(&key(this.index).public_key()) && twins.count() == 1
    }

    fn note_proposal(&self, node: usize, signed: &SignedProposal) {
        if self.is_own(node, &signed.validator) {
            let slot = Slot { height: signed.proposal.height, round: signed.proposal.round, step: Step::Propose };
            let value = SlotValue { block_id: Some(signed.proposal.block_id), pol_round: signed.proposal.pol_round };
            self.assert_recorded(node, slot, value);
        }
    }

    fn note_vote(&mut self, node: usize, signed: &SignedVote) {
        let step = match signed.vote.kind {
            VoteType::Prevote => Step::Prevote,
            VoteType::Precommit => Step::Precommit,
        };
        let slot = Slot { height: signed.vote.height, round: signed.vote.round, step };
        let value = SlotValue { block_id: signed.vote.block_id, pol_round: None };
        if self.is_own(node, &signed.validator) {
            self.assert_recorded(node, slot, value);
        }
        if signed.validator != ValidatorId::of(&key(self.nodes[node].index).public_key()) {
            return;
        }
        let slot = (signed.validator, signed.vote.height, signed.vote.round, signed.vote.kind);
        self.signed.entry(slot).or_default().insert(signed.vote.block_id);
    }

    fn deliver(&mut self, from: usize, to: usize, message: Message) {
        let lost = self.random(1000) < self.loss_permille;
        let is_self = self.nodes[from].index == self.nodes[to].index;
        if is_self || lost || self.cut.contains(&from) || self.cut.contains(&to) {
            return;
        }
        if self.mangle(from, to, &message) {
            return;
        }
        let mut extra_ms = 0;
        if let Some(filter) = &self.filter {
            match filter(from, to, self.now_ms, &message) {
                None => return,
                Some(extra) => extra_ms = extra,
            }
        }
        self.messages += 1;
        let delay_ms = 1 + self.random(4) + extra_ms;
        // Through bytes: what cannot be encoded and decoded cannot be sent.
        let message = Message::decode(message.lane(), &message.encode()).unwrap();
        let from = node_id(self.nodes[from].index);
        self.at(delay_ms, Event::Deliver { to, from, message });
    }

    /// Sends the spoilt copy of a proposal ahead of the good one. True when the good one is not sent at all.
    fn mangle(&mut self, from: usize, to: usize, message: &Message) -> bool {
        let Message::Proposal(proposal) = message else {
            return false;
        };
        let Some(mangler) = self.mangler.as_mut() else {
            return false;
        };
        let is_cut = self.cut.contains(&mangler.node);
        if is_cut || proposal.block.batches.is_empty() || !mangler.victims.contains(&to) || mangler.node == to {
            return false;
        }
        let mut copy = proposal.clone();
        (mangler.spoil)(&mut copy.block);
        mangler.heights.insert(copy.signed.proposal.height);
        let liar = mangler.node;
        let sender = node_id(self.nodes[liar].index);
        self.at(0, Event::Deliver { to, from: sender, message: Message::Proposal(copy) });
        from == liar
    }

    fn serve(&mut self, node: usize, to: NodeId, request: ServeRequest) {
        let disk = &self.nodes[node].disk;
        let messages: Vec<Message> = match request {
            ServeRequest::Blocks(BlocksRequest { from, count }) => {
                let blocks = disk.blocks.range(from..from.plus(count.into())).map(|(_, block)| block.clone()).collect();
                vec![Message::BlocksResponse(List::new(blocks).unwrap())]
            }
            ServeRequest::Batches(ids) => ids
                .iter()
                .filter_map(|id| disk.batches.get(id))
                .map(|batch| Message::BatchResponse(Arc::clone(batch)))
                .collect(),
        };
        for message in messages {
            self.carry_out(node, Action::Send { to, message });
        }
    }

    fn execute(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        if this.engine.is_none() {
            return;
        }
        let last = this.disk.executed.last().unwrap().clone();
        let height = last.height.next();
        if !this.ready.remove(&height) {
            return;
        }
        let block = &this.disk.blocks[&height].block;
        for batch in &block.batches {
            assert!(this.disk.batches.contains_key(&batch.header.id()), "BatchesReady without data");
        }
        let history_root = sha256(&[last.history_root.as_bytes(), block.id().as_bytes()]);
        let soonest = effective_height(height, self.parameters.execution_lag_max);
        let entry = |set: &ValidatorSet| Entry { effective: soonest, decided: height, value: set.clone() };
        let plan = |(plan, later): &(VersionPlan, u64)| Entry {
            effective: soonest.plus(*later),
            decided: height,
            value: plan.clone(),
        };
        let decisions = Decisions {
            validators: self.changes.get(&height).map(entry),
            version: self.versions.get(&height).map(plan),
            ..Decisions::default()
        };
        let executed = Executed { height, history_size: height.0 + 1, history_root, decisions };
        this.disk.executed.push(executed.clone());
        self.feed(node, Input::Executed(executed));
    }

    /// Newest committed height of a node.
    pub(crate) fn committed(&self, node: usize) -> u64 {
        self.nodes[node].disk.blocks.keys().next_back().map_or(0, |height| height.0)
    }

    /// Batches ordered at a node, in order.
    pub(crate) fn ordered(&self, node: usize) -> Vec<BatchId> {
        let blocks = self.nodes[node].disk.blocks.values();
        blocks.flat_map(|decided| decided.block.batches.iter().map(|batch| batch.header.id())).collect()
    }

    /// Everything that must hold at every moment.
    pub(crate) fn check(&self, equivocators: &[u8]) {
        let bad: BTreeSet<ValidatorId> =
            equivocators.iter().map(|index| ValidatorId::of(&key(*index).public_key())).collect();
        for (slot, values) in &self.signed {
            assert!(values.len() == 1 || bad.contains(&slot.0), "no_double_sign: {slot:?} {values:?}");
        }
        for (index, node) in self.nodes.iter().enumerate() {
            assert_eq!(node.halted, None, "node {index} halted");
            let ordered = self.ordered(index);
            let distinct: BTreeSet<_> = ordered.iter().collect();
            assert_eq!(ordered.len(), distinct.len(), "a batch was ordered twice");
        }
    }
}

impl Node {
    fn append(&mut self, entry: &LogEntry) {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let (writer, header) = LogWriter::create(log_name(self.index));
                self.disk.log = header;
                self.writer.insert(writer)
            }
        };
        let bytes = writer.append(entry);
        self.disk.log.extend(bytes);
    }

    fn ordered_ids(&self) -> BTreeSet<BatchId> {
        let blocks = self.disk.blocks.values();
        blocks.flat_map(|decided| decided.block.batches.iter().map(|batch| batch.header.id())).collect()
    }

    fn unordered_own(&self) -> Vec<Arc<SignedBatch>> {
        let me = ValidatorId::of(&key(self.index).public_key());
        let ordered = self.ordered_ids();
        let mut own: Vec<_> = self
            .disk
            .batches
            .iter()
            .filter(|(id, batch)| batch.header.author == me && !ordered.contains(id))
            .map(|(_, batch)| Arc::clone(batch))
            .collect();
        own.sort_by_key(|batch| batch.header.sequence);
        own
    }
}

/// The one log of a node.
fn log_name(index: u8) -> LogName {
    LogName { chain_id: chain_id(), owner: Some(ValidatorId::of(&key(index).public_key())), file: 1 }
}

fn recovered_state(node: &mut Node, genesis: &ValidatorSet, parameters: Parameters) -> RecoveredState {
    let me = ValidatorId::of(&key(node.index).public_key());
    let contents = read_log(log_name(node.index), &node.disk.log).unwrap();
    node.disk.log.truncate(contents.valid_bytes);
    node.writer = (contents.valid_bytes > 0).then_some(contents.writer);
    let mut schedules = Schedules::starting(genesis.clone(), parameters);
    for done in &node.disk.executed {
        schedules.enter(done.decisions.clone()).unwrap();
    }
    let executed = node.disk.executed.last().unwrap().height;
    let ordered = node.ordered_ids();
    RecoveredState {
        next_sequence: node.sequence + 1,
        tip: node.disk.blocks.values().next_back().cloned().map(Tip::from),
        last_nonempty: node
            .disk
            .blocks
            .values()
            .rev()
            .find(|decided| !decided.block.batches.is_empty() || !decided.block.misbehavior.is_empty())
            .map(|decided| decided.block.header.height)
            .unwrap_or_default(),
        executed: node.disk.executed.clone(),
        schedules,
        sign_record: node
            .disk
            .record
            .as_ref()
            .map(|bytes| SignRecord::decode(bytes, &chain_id(), &key(node.index).public_key()).unwrap()),
        log: contents.entries,
        windows: node.disk.windows.iter().map(|(author, window)| (*author, *window)).collect(),
        stored: node
            .disk
            .batches
            .iter()
            .filter(|(id, batch)| !ordered.contains(id) && batch.header.author != me)
            .map(|(_, batch)| batch.header)
            .collect(),
        undelivered: node
            .disk
            .blocks
            .range(executed.next()..)
            .map(|(height, decided)| {
                let batches = decided.block.batches.iter();
                let stored = |id| node.disk.batches.contains_key(&id);
                (*height, batches.map(|batch| (batch.clone(), stored(batch.header.id()))).collect())
            })
            .collect(),
    }
}
