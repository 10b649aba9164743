//! Signatures of this node that the log shows and the sign record does not.
//!
//! A flush makes the log durable before or together with the record. So a crash within a flush may leave a vote of this node in
//! the log and the record of before. The log then is the only one that knows of that signature: it is entered in the
//! record, which is flushed before the replay lets the vote leave (rule 1 of the crate). Else a later loss of the log would leave
//! nothing that forbids another vote in the same slot.
//!
//! The same crash may leave entries of heights whose predecessor was decided in that flush and is not on disk. They are kept
//! until their height begins and replayed then: what was signed there counts, although it never left.

use std::collections::BTreeMap;

use quancheng_types::{Height, ValidatorId};

use super::{Alarm, Engine};
use crate::log::LogEntry;
use crate::message::SignedStatement;
use crate::sign_record::{SignRecord, Slot, SlotValue};
use crate::signer::{proposal_slot, vote_slot};

/// What entering the signatures of a log did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entered {
    /// The record changed: it must be durable before anything leaves.
    pub(crate) is_changed: bool,
    /// A signature in the log contradicts the record.
    pub(crate) alarm: Option<Alarm>,
}

/// Entries by height, those up to a committed height left out.
pub(crate) fn by_height(log: Vec<LogEntry>, committed: Height) -> BTreeMap<Height, Vec<LogEntry>> {
    let mut heights: BTreeMap<Height, Vec<LogEntry>> = BTreeMap::new();
    for entry in log {
        if entry.height() > committed {
            heights.entry(entry.height()).or_default().push(entry);
        }
    }
    heights
}

/// Enters what `own` signed in the log of one height. A signature that contradicts the record is of a cloned key or an older
/// life of this one: it is taken out of the log, so that the replay does not repeat it, and nothing is signed at that height any
/// more. `log_entries` as in `SignRecord::admit`.
pub(crate) fn enter_own(
    record: &mut SignRecord,
    own: &ValidatorId,
    log: &mut Vec<LogEntry>,
    log_entries: u64,
) -> Entered {
    let mut entered = Entered::default();
    log.retain(|entry| {
        let Some((slot, value)) = signed_by(entry, own) else {
            return true;
        };
        if record.last().is_some_and(|last| last.slot == slot && last.value != value) {
            entered.is_changed |= record.raise_floor(slot.height.next());
            entered.alarm.get_or_insert(Alarm::SignedElsewhere { height: slot.height, round: slot.round });
            return false;
        }
        // A slot that the record covers already is refused or the same; either way the record stays as it is.
        if !record.covers(slot, value) && record.admit(slot, value, log_entries).is_ok() {
            entered.is_changed = true;
        }
        true
    });
    entered
}

/// The slot and value of an entry that this validator signed.
fn signed_by(entry: &LogEntry, own: &ValidatorId) -> Option<(Slot, SlotValue)> {
    match entry {
        LogEntry::Vote(signed) if signed.validator == *own => Some(vote_slot(&signed.vote)),
        LogEntry::Proposal(signed) if signed.validator == *own => Some(proposal_slot(&signed.proposal)),
        LogEntry::Vote(_)
        | LogEntry::Proposal(_)
        | LogEntry::Block(_)
        | LogEntry::Value { .. }
        | LogEntry::Polka(_)
        | LogEntry::Timeout { .. } => None,
    }
}

impl Engine {
    /// What the log of before the restart holds of the height that begins, its own signatures entered in the record.
    pub(super) fn take_logged(&mut self, height: Height) -> Vec<LogEntry> {
        let mut ahead = self.logged_ahead.split_off(&height);
        let mut log = ahead.remove(&height).unwrap_or_default();
        self.logged_ahead = ahead;
        let own = self.signer.id();
        if let Some(record) = self.signer.record_mut() {
            let entered = enter_own(record, &own, &mut log, 0);
            if entered.is_changed {
                let record = record.clone();
                self.out.record(record);
            }
            if let Some(alarm) = entered.alarm {
                self.out.alarm(alarm);
            }
        }
        self.note_logged(&log);
        log
    }

    /// Remembers the statements in a log. They were verified before they were logged: peers that start at the same moment may
    /// ask for them.
    pub(super) fn note_logged(&mut self, log: &[LogEntry]) {
        for entry in log {
            match entry {
                LogEntry::Proposal(signed) => self.note_statement(SignedStatement::Proposal(*signed)),
                LogEntry::Vote(signed) => self.note_statement(SignedStatement::Vote(*signed)),
                LogEntry::Block(_) | LogEntry::Value { .. } | LogEntry::Polka(_) | LogEntry::Timeout { .. } => {}
            }
        }
    }
}
