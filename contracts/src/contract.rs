//! The pattern every module follows, and what a module sees while it executes a call.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{Overlay, StateKey, StoreError, Table, View};
use quancheng_types::codec::encode;
use quancheng_types::{
    AccountId, Bytes, ChainId, Event, Height, KeyId, ModuleId, Parameters, PublicKey, TransactionId, limits,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::describe::Describe;
use crate::genesis::GenesisRefused;
use crate::identity::{OrgId, OrgStatus, OrgType, Role};
use crate::index::IndexList;
use crate::refusal::{Failure, RefusalCode};
use crate::weight::Cost;

/// One native contract module.
///
/// A module lives in a folder of its own: `types.rs` (records, limits, tables), `calls.rs` (`Call`, `Error`, stateless checks),
/// `execute.rs` (one function per call: read and refuse first, write last), `events.rs`, `queries.rs`, `tests.rs`. It never undoes
/// a write: the executor drops the overlay of a refused transaction whole.
pub trait Contract: 'static {
    /// Number, fixed for ever once released. 0 is the executor itself.
    const ID: ModuleId;
    /// Name in commands, JSON and documents.
    const NAME: &'static str;

    /// Its tables, so that a proven entry can be shown in words ([`crate::describe_entry`]).
    const TABLES: &'static [&'static dyn Describe] = &[];

    /// Its indexes, each of which has its table of rows among [`Self::TABLES`].
    const LISTS: &'static [IndexList] = &[];

    /// What can be asked. Borsh with written discriminants; JSON is externally tagged: `{"call_name": {…}}`.
    type Call: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned;
    /// What is reported.
    type Event: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned;
    /// Why a call is refused.
    type Error: RefusalCode;
    /// What can be looked up. JSON is externally tagged like calls.
    type Query: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned;
    /// First state.
    type Genesis: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned + Default;

    /// Everything about a call that needs no state: lengths, ranges, forms. Runs at admission and again before [`Self::execute`].
    ///
    /// # Errors
    /// The refusal.
    fn check(call: &Self::Call, parameters: &Parameters) -> Result<(), Self::Error>;

    /// What a call costs at most, from its content alone: see [`crate::weight`]. There is no default, so no call is forgotten.
    fn cost(call: &Self::Call) -> Cost;

    /// Whether a call is open to those who are no members (`Writers::Members`): what one must be able to ask to become one.
    fn is_open(call: &Self::Call) -> bool;

    /// Executes a call that passed [`Self::check`].
    ///
    /// # Errors
    /// [`Failure::Refused`]: nothing of the transaction takes effect. [`Failure::Fatal`]: the node stops.
    fn execute(context: &mut Context<'_, '_>, call: &Self::Call) -> Result<(), Failure<Self::Error>>;

    /// Writes the first state.
    ///
    /// # Errors
    /// [`GenesisRefused`] naming what is wrong with the content.
    fn genesis(content: &Self::Genesis, context: &mut Context<'_, '_>) -> Result<(), GenesisRefused>;

    /// Answers a query over any view: the newest state, or the state as of a height.
    ///
    /// # Errors
    /// [`StoreError`]. Something absent is an answer, not an error.
    fn query(view: &dyn View, query: &Self::Query) -> Result<Answer, StoreError>;
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The record, a list of records, or `null` when there is none.
    pub value: serde_json::Value,
    /// The state entries the answer rests on, most important first: proving each (present or absent) proves the answer.
    pub keys: Vec<StateKey>,
}

impl Answer {
    /// An answer that one entry carries.
    #[must_use]
    pub fn of<T: Serialize>(record: Option<&T>, key: StateKey) -> Self {
        Self { value: json(&record), keys: vec![key] }
    }

    /// A record that is reached through other entries: the index entry first, then what it names.
    #[must_use]
    pub fn linked<T: Serialize>(record: Option<&T>, keys: Vec<StateKey>) -> Self {
        Self { value: json(&record), keys }
    }

    /// An answer made of several entries.
    #[must_use]
    pub fn list<T: Serialize>(records: &[T], keys: Vec<StateKey>) -> Self {
        Self { value: json(&records), keys }
    }
}

/// The JSON of a record. Our records have text keys and no foreign `Serialize`, so this cannot fail; `null` would be the answer if
/// one did.
fn json<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

/// Who signed, with the organization the account acts for at this block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedSigner {
    /// The account that acts.
    pub account: AccountId,
    /// The key it acted with, which is bound to the account and valid at the block's time.
    pub key_id: KeyId,
    /// That key.
    pub public_key: PublicKey,
    /// The organization, if an account record binds one. Without a record the account is its key's own.
    pub organization: Option<ActingOrganization>,
}

/// The organization of a signer as of the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActingOrganization {
    /// Which.
    pub org_id: OrgId,
    /// Where it stands; never [`OrgStatus::Suspended`], `Revoked` or `Closed`: the executor refuses those.
    pub status: OrgStatus,
    /// What it is.
    pub org_type: OrgType,
    /// Roles in force at the block's time, ascending; empty unless the organization is active.
    pub roles: Vec<Role>,
}

impl ResolvedSigner {
    /// The organization's id, if there is one.
    #[must_use]
    pub fn org_id(&self) -> Option<&OrgId> {
        self.organization.as_ref().map(|org| &org.org_id)
    }

    /// Whether it acts for an active organization.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.organization.as_ref().is_some_and(|org| org.status == OrgStatus::Active)
    }

    /// Whether its organization holds a role now.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.organization.as_ref().is_some_and(|org| org.roles.binary_search(&role).is_ok())
    }
}

/// What is the same for all calls of a transaction.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The chain.
    pub chain_id: ChainId,
    /// Version of the rules in the block's header.
    pub version: u16,
    /// The block's height.
    pub height: Height,
    /// The block's time, ms since 1970 UTC.
    pub time_ms: u64,
    /// Consensus parameters in force at this height.
    pub parameters: Parameters,
    /// The transaction.
    pub transaction_id: TransactionId,
    /// Its signers in order; the first is the sender. Empty only in genesis.
    pub signers: Vec<ResolvedSigner>,
}

/// Events reported so far by one transaction.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    pub(crate) events: Vec<Event>,
    pub(crate) is_over_limit: bool,
}

impl EventLog {
    fn push(&mut self, event: Event) {
        if self.events.len() < limits::RECEIPT_EVENTS_MAX as usize {
            self.events.push(event);
        } else {
            self.is_over_limit = true;
        }
    }

    fn append(&mut self, later: Self) {
        self.is_over_limit |= later.is_over_limit;
        for event in later.events {
            self.push(event);
        }
    }
}

/// What a module sees and may touch while it executes a call: no clock, no randomness, nothing unordered.
#[derive(Debug)]
pub struct Context<'c, 'v> {
    overlay: &'c mut Overlay<'v>,
    environment: &'c Environment,
    log: &'c mut EventLog,
}

impl<'c, 'v> Context<'c, 'v> {
    /// Over the overlay of one transaction.
    pub fn new(overlay: &'c mut Overlay<'v>, environment: &'c Environment, log: &'c mut EventLog) -> Self {
        Self { overlay, environment, log }
    }

    /// The state with the writes of this transaction so far.
    #[must_use]
    pub fn view(&self) -> &Overlay<'v> {
        self.overlay
    }

    /// The overlay itself, for functions of other modules that write.
    pub fn overlay(&mut self) -> &mut Overlay<'v> {
        self.overlay
    }

    /// What is the same for all calls of the transaction.
    #[must_use]
    pub fn environment(&self) -> &'c Environment {
        self.environment
    }

    /// The block's height.
    #[must_use]
    pub fn height(&self) -> Height {
        self.environment.height
    }

    /// The block's time, ms since 1970 UTC.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.environment.time_ms
    }

    /// The signer who acts: the first.
    #[must_use]
    pub fn sender(&self) -> Option<&'c ResolvedSigner> {
        self.environment.signers.first()
    }

    /// All signers, sender first.
    #[must_use]
    pub fn signers(&self) -> &'c [ResolvedSigner] {
        &self.environment.signers
    }

    /// The first signer who acts for this organization.
    #[must_use]
    pub fn signer_of(&self, organization: &OrgId) -> Option<&'c ResolvedSigner> {
        self.environment.signers.iter().find(|signer| signer.org_id() == Some(organization))
    }

    /// The entry of a table under a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read<K: BorshSerialize, V: BorshSerialize + BorshDeserialize>(
        &self,
        table: &Table<K, V>,
        key: &K,
    ) -> Result<Option<V>, StoreError> {
        table.read(&*self.overlay, key)
    }

    /// Writes an entry. The module bounds what it stores.
    pub fn put<K: BorshSerialize, V: BorshSerialize + BorshDeserialize>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        value: &V,
    ) {
        table.put(self.overlay, key, value);
    }

    /// Removes an entry.
    pub fn remove<K: BorshSerialize, V: BorshSerialize + BorshDeserialize>(&mut self, table: &Table<K, V>, key: &K) {
        table.remove(self.overlay, key);
    }

    /// Runs `work` over a child and keeps its writes and events only when it succeeds.
    ///
    /// # Errors
    /// The error of `work`, after which everything is as before.
    pub fn attempt<T, E>(&mut self, work: impl FnOnce(&mut Context<'_, '_>) -> Result<T, E>) -> Result<T, E> {
        let mut log = EventLog::default();
        let mut child = self.overlay.child();
        let value = work(&mut Context::new(&mut child, self.environment, &mut log))?;
        let patch = child.into_patch();
        self.overlay.apply(patch);
        self.log.append(log);
        Ok(value)
    }

    /// Runs `work` over a child and forgets its writes and events: would it succeed?
    ///
    /// # Errors
    /// The error of `work`.
    pub fn rehearse<T, E>(&self, work: impl FnOnce(&mut Context<'_, '_>) -> Result<T, E>) -> Result<T, E> {
        let mut log = EventLog::default();
        let mut child = self.overlay.child();
        work(&mut Context::new(&mut child, self.environment, &mut log))
    }

    /// Reports an event of module `C`. More or larger events than a receipt may carry make the executor refuse the transaction
    /// with `EVENTS_TOO_LARGE`.
    pub fn emit<C: Contract>(&mut self, event: &C::Event) {
        match Bytes::new(encode(event)) {
            Ok(payload) => self.log.push(Event { module: C::ID, payload }),
            Err(_) => self.log.is_over_limit = true,
        }
    }
}
