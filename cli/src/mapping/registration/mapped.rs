//! What a record was made into, and what is told of it.

use std::collections::BTreeMap;

use quancheng_contracts::domain::LedgerNumber;
use serde_json::Value;

use super::{kind_of, serial};
use crate::fault::{Fault, Outcome};
use crate::text::say;

/// Code of the fault of a record of another applicant.
pub(crate) const APPLICANT_DIFFERS: &str = "APPLICANT_DIFFERS";

/// What a record is made into, with the account of its keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mapped {
    pub(super) content: Value,
    pub(super) named: BTreeMap<String, String>,
    pub(super) left_out: Vec<String>,
    pub(super) supplied: Vec<String>,
    /// Whether the record is one of the samples, whose organizations, rules and numbers need not be those of this chain.
    pub(crate) is_sample: bool,
}

/// What is told of a record when it is signed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// What it states and is not signed.
    pub(crate) left_out: Vec<String>,
    /// What is signed and it does not state.
    pub(crate) supplied: Vec<String>,
    /// What it states of whom or of what it is, and nobody could compare. Part of `left_out`.
    pub(crate) uncompared: Vec<String>,
}

impl Mapped {
    /// The argument of the call `submit`, or a statement.
    pub(crate) const fn content(&self) -> &Value {
        &self.content
    }

    /// What the record states of whom or of what it is, under a key.
    pub(crate) fn named(&self, key: &str) -> Option<&str> {
        self.named.get(key).map(String::as_str)
    }

    /// Keys of that kind which are neither signed nor compared yet.
    pub(crate) fn uncompared(&self) -> Vec<String> {
        self.named.keys().cloned().collect()
    }

    /// Notes that a key was compared and says what is so.
    pub(crate) fn agree(&mut self, key: &str) {
        self.named.remove(key);
    }

    /// What is told. Whom and what the record is of is told as far as nobody compared it.
    pub(crate) fn told(&self) -> Told {
        let uncompared: Vec<String> = self.named.iter().map(|(key, value)| format!("{key} {value}")).collect();
        let left_out = uncompared.iter().chain(&self.left_out).cloned().collect();
        Told { left_out, supplied: self.supplied.clone(), uncompared }
    }

    /// Refuses a record whose own number or kind is not that of the registration that the command names. No chain has to be asked.
    pub(crate) fn check_number(&self, no: &str) -> Outcome<()> {
        if self.is_sample {
            return Ok(());
        }
        let (wanted, named) = (serial(no)?, no.parse::<LedgerNumber>().ok());
        if let Some(stated) = self.named("ledger_no") {
            let is_same = named.map_or_else(
                || stated.parse::<LedgerNumber>().is_ok_and(|stated| stated.serial() == wanted),
                |named| stated == named.to_string(),
            );
            if !is_same {
                return Err(record_differs("ledger_no", stated, no));
            }
        }
        if let (Some(kind), Some(number)) = (self.named("kind"), named)
            && kind_of(kind)?.code() != number.kind()
        {
            return Err(record_differs("kind", kind, no));
        }
        Ok(())
    }
}

/// A record is not of the registration that it is to be signed for.
pub(crate) fn record_differs(key: &str, stated: &str, registration: &str) -> Fault {
    let message = say!(
        "记录写有 {key} {stated}，与登记 {registration} 不符。",
        "The record states {key} {stated}, which is not that of registration {registration}."
    );
    let code = if key == "applicant" { APPLICANT_DIFFERS } else { "RECORD_DIFFERS" };
    Fault::usage(code, message).hint(say!(
        "请核对文件与登记编号；补正与变更不能改动 {key}。",
        "Check the file and the number of the registration; a supplement or a change does not alter {key}."
    ))
}
