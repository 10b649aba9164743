//! The line into batches: admitted transactions of all senders, in fair turns, bounded in bytes. What an account brings while it has little in
//! the line has a lane of its own: the lane of light senders.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quancheng_types::{AccountId, SealedTransaction, limits};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{SealRules, Ticket};
use crate::fair::{Class, ClientAddress, Company, FairLine, Line as _, Mix, Sender, TURN_WEIGHT};
use crate::ledger::LedgerError;

/// Memory of all transactions in the line.
const LINE_BYTES_MAX: usize = crate::limits::SUBMISSION_BYTES_MAX;
/// Share of it that one class of senders or one client address may take.
const CLASS_BYTES_MAX: usize = LINE_BYTES_MAX / 2;
/// Share of it that one account may take.
const ACCOUNT_BYTES_MAX: usize = LINE_BYTES_MAX / 4;
/// Memory of a transaction beside its canonical bytes: the place in the line, and the allocation of each call.
const TRANSACTION_OVERHEAD: usize = 512;
const CALL_OVERHEAD: usize = 96;
/// Weight that an account may have in the lane of light senders: about ten notarizations.
const LIGHT_WEIGHT_MAX: u64 = TURN_WEIGHT / 2;

/// Weight that one client address may bring into it in [`LIGHT_SPAN`], whatever keys it uses: about sixty notarizations.
const LIGHT_ADDRESS_WEIGHT: u64 = 3 * TURN_WEIGHT;
/// Time in which that is counted.
const LIGHT_SPAN: Duration = Duration::from_secs(1);

/// A checked transaction that waits for a batch.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The transaction.
    pub transaction: SealedTransaction,
    /// Who it counts for.
    pub sender: Sender,
    /// Its weight.
    pub weight: u64,
}

impl Waiting {
    fn memory(&self) -> usize {
        let calls = self.transaction.body.calls.len() * CALL_OVERHEAD;
        (self.transaction.bytes() as usize).saturating_add(TRANSACTION_OVERHEAD + calls)
    }
}

/// Why the line takes no more. Nothing of the packet was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFull {
    /// All senders together.
    All,
    /// This account, its class or its address.
    Sender,
    /// The batcher has ended.
    Closed,
}

/// The transactions of one submission that are on their way.
#[derive(Debug)]
pub(crate) struct Submission {
    remaining: AtomicUsize,
    /// Whether one of them is in a batch: then all of them come to their end, whether the client waits or not.
    is_begun: AtomicBool,
    failure: Mutex<Option<LedgerError>>,
    ticket: Mutex<Option<Ticket>>,
}

impl Submission {
    /// Whether its client hung up before anything of it was in a batch.
    fn is_abandoned(&self) -> bool {
        let ticket = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        !self.is_begun.load(Ordering::Acquire) && ticket.as_ref().is_some_and(Ticket::is_abandoned)
    }

    /// Notes what became of so many of its transactions.
    fn finish(&self, count: usize, result: &Result<(), LedgerError>) {
        if let Err(error) = result {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
        if self.remaining.fetch_sub(count, Ordering::AcqRel) == count {
            let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(ticket) = self.ticket.lock().unwrap_or_else(PoisonError::into_inner).take() {
                ticket.end(failure.map_or(Ok(()), Err));
            }
        }
    }
}

/// The content of a batch, and whose transactions it holds.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) transactions: Vec<SealedTransaction>,
    pub(crate) weight: u64,
    /// Submissions with the number of their transactions here.
    pub(crate) submissions: Vec<(Arc<Submission>, usize)>,
}

impl Content {
    /// Tells every submission what became of its part.
    pub(crate) fn finish(&self, result: &Result<(), LedgerError>) {
        for (submission, count) in &self.submissions {
            submission.finish(*count, result);
        }
    }

    fn push(&mut self, waiting: Waiting, submission: Arc<Submission>) {
        self.weight = self.weight.saturating_add(waiting.weight);
        submission.is_begun.store(true, Ordering::Release);
        self.transactions.push(waiting.transaction);
        match self.submissions.last_mut() {
            Some((last, count)) if Arc::ptr_eq(last, &submission) => *count += 1,
            Some(_) | None => self.submissions.push((submission, 1)),
        }
    }
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) count: usize,
    pub(crate) bytes: u64,
    pub(crate) weight: u64,
    /// Since when the oldest waits.
    pub(crate) since: Option<Instant>,
}

impl Amount {
    fn and(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            bytes: self.bytes.saturating_add(other.bytes),
            weight: self.weight.saturating_add(other.weight),
            since: self.since.into_iter().chain(other.since).min(),
        }
    }

    fn add(&mut self, bytes: u32, weight: u64, now: Instant) {
        self.since.get_or_insert(now);
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes.into());
        self.weight = self.weight.saturating_add(weight);
    }

    fn subtract(&mut self, bytes: u32, weight: u64) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes.into());
        self.weight = self.weight.saturating_sub(weight);
        if self.count == 0 {
            self.since = None;
        }
    }

    /// Whether a batch should not wait for more.
    pub(crate) fn is_full(&self, rules: &SealRules) -> bool {
        self.bytes >= u64::from(rules.bytes)
            || self.weight >= rules.weight
            || self.count >= limits::BATCH_TRANSACTIONS_MAX as usize / 2
    }
}

/// Whose transactions a batch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Everybody's: first those of the others, then of light senders.
    All,
    /// Those of light senders alone.
    Light,
}

/// What an account has waiting in each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lanes {
    /// Weight in the lane of light senders.
    light: u64,
    /// Number in the other one.
    others: usize,
}

type Turns = FairLine<(Waiting, Arc<Submission>)>;

#[derive(Debug, Default)]
struct Inner {
    light: Turns,
    others: Turns,
    amount_light: Amount,
    amount_others: Amount,
    memory: usize,
    by_class: HashMap<Class, usize>,
    by_address: HashMap<ClientAddress, usize>,
    by_account: HashMap<AccountId, usize>,
    lanes: HashMap<AccountId, Lanes>,
    /// What addresses brought into the lane of light senders since then.
    light_since: Option<Instant>,
    light_of_address: HashMap<ClientAddress, u64>,
    is_closed: bool,
}

/// Shared by the door, which adds, and the batcher, which takes.
#[derive(Debug, Default)]
pub struct Line {
    inner: Mutex<Inner>,
    /// Client addresses at this door.
    addresses: Mix<ClientAddress>,
    pub(crate) arrived: Notify,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the transactions of one submission, all or none. Its ticket ends when all of them are durable.
    ///
    /// # Errors
    /// [`LineFull`]; the ticket is dropped.
    pub fn push(&self, packet: Vec<Waiting>, ticket: Ticket) -> Result<(), LineFull> {
        let submission = Arc::new(Submission {
            remaining: AtomicUsize::new(packet.len()),
            is_begun: AtomicBool::new(false),
            failure: Mutex::new(None),
            ticket: Mutex::new(Some(ticket)),
        });
        let now = Instant::now();
        self.addresses.note(now, packet.iter().map(|waiting| (waiting.sender.address, waiting.weight)));
        let mut inner = self.lock();
        inner.admit(&packet)?;
        let heavy = inner.heavy(&packet, now);
        for waiting in packet {
            let is_light = !heavy.contains(&waiting.sender.account);
            inner.add(waiting, Arc::clone(&submission), now, is_light);
        }
        drop(inner);
        self.arrived.notify_one();
        Ok(())
    }

    /// What the client addresses at this door are like.
    pub(crate) fn company(&self, now: Instant) -> Company {
        self.addresses.company(now)
    }

    /// Drops what nobody waits for any more and is in no batch.
    pub(crate) fn sweep(&self) {
        let mut inner = self.lock();
        for is_light in [true, false] {
            let mut gone = Vec::new();
            inner.turns(is_light).retain(&mut |(waiting, submission): &(Waiting, Arc<Submission>)| {
                let is_abandoned = submission.is_abandoned();
                if is_abandoned {
                    gone.push(Taken::of(waiting, is_light));
                }
                !is_abandoned
            });
            for taken in gone {
                inner.subtract(&taken);
            }
        }
    }

    /// What waits in this lane.
    pub(crate) fn amount(&self, lane: Lane) -> Amount {
        let inner = self.lock();
        match lane {
            Lane::All => inner.amount_others.and(inner.amount_light),
            Lane::Light => inner.amount_light,
        }
    }

    /// The next batch: what fits, in fair turns. A single transaction that is larger than the rules allow has a batch of its own.
    pub(crate) fn take(&self, rules: &SealRules, lane: Lane) -> Option<Content> {
        let mut inner = self.lock();
        let (mut content, mut bytes) = (Content::default(), 0_u64);
        match lane {
            Lane::Light => inner.fill(&mut content, &mut bytes, rules, true),
            Lane::All => {
                inner.fill(&mut content, &mut bytes, rules, false);
                inner.fill(&mut content, &mut bytes, rules, true);
            }
        }
        (!content.transactions.is_empty()).then_some(content)
    }

    /// Takes nothing more. What waits is dropped, and its senders learn it.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        *inner = Inner { is_closed: true, ..Inner::default() };
    }
}

impl Inner {
    /// Whether a packet fits the bounds of the line and of everyone it counts for.
    fn admit(&self, packet: &[Waiting]) -> Result<(), LineFull> {
        if self.is_closed {
            return Err(LineFull::Closed);
        }
        let (mut all, mut classes, mut addresses, mut accounts) =
            (self.memory, HashMap::new(), HashMap::new(), HashMap::new());
        for waiting in packet {
            let (memory, sender) = (waiting.memory(), &waiting.sender);
            all = all.saturating_add(memory);
            let is_in_share = grows(&mut classes, &self.by_class, &sender.class, memory) <= CLASS_BYTES_MAX
                && grows(&mut addresses, &self.by_address, &sender.address, memory) <= CLASS_BYTES_MAX
                && grows(&mut accounts, &self.by_account, &sender.account, memory) <= ACCOUNT_BYTES_MAX;
            if !is_in_share {
                return Err(LineFull::Sender);
            }
        }
        if all > LINE_BYTES_MAX { Err(LineFull::All) } else { Ok(()) }
    }

    /// Takes what fits from one lane. What is left in it has not waited for the next batch yet; the other lane has, all the same.
    fn fill(&mut self, content: &mut Content, bytes: &mut u64, rules: &SealRules, is_light: bool) {
        let before = content.transactions.len();
        self.fill_up(content, bytes, rules, is_light);
        if content.transactions.len() > before {
            let amount = if is_light { &mut self.amount_light } else { &mut self.amount_others };
            amount.since = amount.since.map(|_| Instant::now());
        }
    }

    fn fill_up(&mut self, content: &mut Content, bytes: &mut u64, rules: &SealRules, is_light: bool) {
        while content.transactions.len() < limits::BATCH_TRANSACTIONS_MAX as usize {
            let Some(((next, _), _)) = self.turns(is_light).peek() else {
                return;
            };
            let larger = bytes.saturating_add(next.transaction.bytes().into());
            let heavier = content.weight.saturating_add(next.weight);
            let fits = larger <= u64::from(rules.bytes) && heavier <= rules.weight;
            if !fits && !content.transactions.is_empty() {
                return;
            }
            let Some((waiting, submission)) = self.turns(is_light).pop() else {
                return;
            };
            self.subtract(&Taken::of(&waiting, is_light));
            if !submission.is_abandoned() {
                *bytes = larger;
                content.push(waiting, submission);
            }
        }
    }

    /// The accounts that have, with this packet, more waiting than a light sender. Nothing overtakes what an account has waiting itself: who has
    /// something in the other lane stays there, and who leaves the lane of light senders takes along what it has there.
    fn heavy(&mut self, packet: &[Waiting], now: Instant) -> HashSet<AccountId> {
        if self.light_since.is_none_or(|since| now.saturating_duration_since(since) >= LIGHT_SPAN) {
            self.light_since = Some(now);
            self.light_of_address.clear();
        }
        let mut brings: HashMap<AccountId, (u64, ClientAddress)> = HashMap::new();
        for waiting in packet {
            let (weight, _) = brings.entry(waiting.sender.account).or_insert((0, waiting.sender.address));
            *weight = weight.saturating_add(waiting.weight);
        }
        let mut heavy: HashSet<AccountId> = HashSet::new();
        for (account, (weight, address)) in brings {
            let lanes = self.lanes.get(&account).copied().unwrap_or_default();
            // Keys are free to make, addresses are not: many keys of one address are one sender.
            let of_address = self.light_of_address.entry(address).or_default();
            let is_light = lanes.others == 0
                && lanes.light.saturating_add(weight) <= LIGHT_WEIGHT_MAX
                && of_address.saturating_add(weight) <= LIGHT_ADDRESS_WEIGHT;
            if is_light {
                *of_address += weight;
            } else {
                heavy.insert(account);
            }
        }
        if heavy.iter().any(|account| self.lanes.get(account).is_some_and(|lanes| lanes.light > 0)) {
            self.leave_light(&heavy, now);
        }
        heavy
    }

    /// Moves what these accounts have in the lane of light senders to the other one, in its order.
    fn leave_light(&mut self, accounts: &HashSet<AccountId>, now: Instant) {
        let mut moved = Vec::new();
        self.light.retain(&mut |(waiting, submission): &(Waiting, Arc<Submission>)| {
            let leaves = accounts.contains(&waiting.sender.account);
            if leaves {
                moved.push((waiting.clone(), Arc::clone(submission)));
            }
            !leaves
        });
        for (waiting, submission) in moved {
            self.subtract(&Taken::of(&waiting, true));
            self.add(waiting, submission, now, false);
        }
    }

    fn turns(&mut self, is_light: bool) -> &mut Turns {
        if is_light { &mut self.light } else { &mut self.others }
    }

    fn add(&mut self, waiting: Waiting, submission: Arc<Submission>, now: Instant, is_light: bool) {
        let (memory, bytes, weight) = (waiting.memory(), waiting.transaction.bytes(), waiting.weight);
        self.memory = self.memory.saturating_add(memory);
        *self.by_class.entry(waiting.sender.class.clone()).or_default() += memory;
        *self.by_address.entry(waiting.sender.address).or_default() += memory;
        *self.by_account.entry(waiting.sender.account).or_default() += memory;
        let lanes = self.lanes.entry(waiting.sender.account).or_default();
        if is_light {
            lanes.light = lanes.light.saturating_add(weight);
            self.amount_light.add(bytes, weight, now);
        } else {
            lanes.others += 1;
            self.amount_others.add(bytes, weight, now);
        }
        let place = waiting.sender.place();
        self.turns(is_light).push(place, (waiting, submission), weight);
    }

    fn subtract(&mut self, taken: &Taken) {
        let Taken { memory, bytes, weight, sender, is_light } = taken;
        self.memory = self.memory.saturating_sub(*memory);
        shrink(&mut self.by_class, &sender.class, *memory);
        shrink(&mut self.by_address, &sender.address, *memory);
        shrink(&mut self.by_account, &sender.account, *memory);
        let amount = if *is_light { &mut self.amount_light } else { &mut self.amount_others };
        amount.subtract(*bytes, *weight);
        if let Some(lanes) = self.lanes.get_mut(&sender.account) {
            if *is_light {
                lanes.light = lanes.light.saturating_sub(*weight);
            } else {
                lanes.others = lanes.others.saturating_sub(1);
            }
            if *lanes == Lanes::default() {
                self.lanes.remove(&sender.account);
            }
        }
    }
}

/// What no longer waits.
struct Taken {
    memory: usize,
    bytes: u32,
    weight: u64,
    sender: Sender,
    is_light: bool,
}

impl Taken {
    fn of(waiting: &Waiting, is_light: bool) -> Self {
        let Waiting { transaction, sender, weight } = waiting;
        let bytes = transaction.bytes();
        Self { memory: waiting.memory(), bytes, weight: *weight, sender: sender.clone(), is_light }
    }
}

/// What a name would hold with so much more.
fn grows<K: Hash + Eq + Clone>(
    more: &mut HashMap<K, usize>,
    held: &HashMap<K, usize>,
    name: &K,
    memory: usize,
) -> usize {
    let more = more.entry(name.clone()).or_default();
    *more = more.saturating_add(memory);
    held.get(name).copied().unwrap_or_default().saturating_add(*more)
}

/// Takes so much off a name; one that holds nothing is forgotten.
fn shrink<K: Hash + Eq>(held: &mut HashMap<K, usize>, name: &K, memory: usize) {
    if let Some(bytes) = held.get_mut(name) {
        *bytes = bytes.saturating_sub(memory);
        if *bytes == 0 {
            held.remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
