//! The invariants of the protocol (§9), one object each. Every object keeps what it needs to remember of the whole network and
//! judges by rules written here anew, never by asking the code under test.
//!
//! Only honest machines are observed: what a faulty one says or stores binds nobody.

mod agreement;
mod attendance;
mod execution;
mod headers;
mod justified;
mod limits;
mod punishment;
mod signing;
mod transactions;

use quancheng_consensus::EngineStatus;
use quancheng_consensus::message::{CommittedBlock, Message};
use quancheng_consensus::sign_record::SignRecord;
use quancheng_state::Patch;
use quancheng_types::{AuthorWindow, BatchId, Height, HistoryLeaf, Receipt, TransactionId, ValidatorId};

use crate::known::Known;

/// What of a machine's disk would survive a crash now.
pub(crate) trait Durable {
    /// The sign record.
    fn sign_record(&self) -> Option<&SignRecord>;
    /// Whether a batch is stored.
    fn holds_batch(&self, batch: &BatchId) -> bool;
    /// Newest committed block.
    fn committed(&self) -> Height;
}

/// Results of one block at one machine.
pub(crate) struct ExecutedBlock {
    /// All transactions of the block in order, those skipped as duplicates included.
    pub(crate) ids: Vec<TransactionId>,
    /// The version of the rules that it was executed by.
    pub(crate) version: u16,
    /// Until when each of them is valid, ms.
    pub(crate) valid_until_ms: Vec<u64>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) leaf: HistoryLeaf,
    pub(crate) history_size: u64,
    pub(crate) history_root: quancheng_types::Digest,
    pub(crate) internal_count: u32,
    /// Author and number of each batch of the block.
    pub(crate) ordered: Vec<(ValidatorId, u64)>,
    /// The windows of ordered batches in the state after it, ascending.
    pub(crate) windows: Vec<(ValidatorId, AuthorWindow)>,
    /// The same windows as the ordering of this machine has them, where its newest block is this one.
    pub(crate) ordering_windows: Option<Vec<(ValidatorId, AuthorWindow)>>,
    /// For the first machine that executes a height with refusals: its writes, and the writes of the same block without the
    /// refused transactions.
    pub(crate) refusal_check: Option<(Patch, Patch)>,
}

/// Something an honest machine did.
pub(crate) enum Observation<'a> {
    /// A message leaves.
    Sent { message: &'a Message, durable: &'a dyn Durable },
    /// A block was committed and flushed.
    Committed(&'a CommittedBlock),
    /// Clients were told that these transactions are ordered at this height.
    Reported { height: Height, ids: &'a [TransactionId] },
    /// A block was executed and its results stored.
    Executed(&'a ExecutedBlock),
    /// It accused a peer.
    Blamed { is_peer_honest: bool, what: String },
    /// It lost power, and forgot what was not on disk.
    Crashed,
    /// It stopped for good.
    Halted { why: String },
    /// It found out that a validator broke the protocol.
    Alarmed { convicted: quancheng_types::ValidatorId },
    /// Its engine as it stands.
    Stands { status: &'a EngineStatus, own_batches: usize, author_batches: usize, pending_events: usize },
}

/// A statement that did not hold.
pub(crate) struct Breach {
    pub(crate) property: &'static str,
    pub(crate) details: String,
}

/// One invariant.
pub(crate) trait Property {
    /// Its name in the protocol.
    fn name(&self) -> &'static str;

    /// Takes note of an observation.
    ///
    /// # Errors
    /// What was seen, when the invariant does not hold.
    fn observe(&mut self, machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String>;
}

/// All invariants that are judged step by step. Those that need a whole run are in [`crate::audit`].
pub(crate) struct Properties {
    all: Vec<Box<dyn Property>>,
    justified: justified::VotesAreJustified,
}

impl Properties {
    pub(crate) fn new() -> Self {
        Self {
            all: vec![
                Box::new(agreement::OneBlockPerHeight::default()),
                Box::new(agreement::IdenticalBodies),
                Box::new(agreement::PrefixAgreement::default()),
                Box::new(agreement::CertificateHolds::default()),
                Box::new(headers::HeadersHold::default()),
                Box::new(limits::WithinLimits),
                Box::new(limits::TimeIsNear::default()),
                Box::new(execution::RootAgreement::default()),
                Box::new(signing::NoDoubleSign::default()),
                Box::new(signing::DurableBeforeVisible),
                Box::new(transactions::FinalIsForever::default()),
                Box::new(transactions::AtMostOnce::default()),
                Box::new(transactions::CertifiedIsValid::default()),
                Box::new(execution::OrderIsKept),
                Box::new(execution::WindowsAgree::default()),
                Box::new(execution::NothingExpired),
                Box::new(execution::RefusalChangesNothing),
                Box::new(execution::NoInternal),
                Box::new(punishment::MisbehaviorIsPunished::default()),
                Box::new(agreement::HonestTrust),
                Box::new(execution::Bounded),
            ],
            justified: justified::VotesAreJustified::default(),
        }
    }

    pub(crate) fn observe(
        &mut self,
        machine: usize,
        observation: &Observation<'_>,
        known: &Known,
    ) -> Result<(), Breach> {
        let justified: &mut dyn Property = &mut self.justified;
        let all = self.all.iter_mut().map(|property| property.as_mut() as &mut dyn Property);
        for property in all.chain([justified]) {
            property.observe(machine, observation, known).map_err(|details| Breach {
                property: property.name(),
                details: format!("machine {machine}: {details}"),
            })?;
        }
        Ok(())
    }

    /// Takes note of what a faulty machine lets go: others may act on it.
    pub(crate) fn overhear(&mut self, message: &Message, known: &Known) {
        self.justified.overhear(message, known);
    }
}
