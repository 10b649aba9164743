//! Giving a transaction to a node, and what is certain when none takes it.

use std::time::Instant;

use quancheng_types::{SignedTransaction, TransactionId};
use serde_json::{Value, json};

use super::{is_void, sought, under_way};
use crate::client::{Client, JSON, OCTETS, Problem, Request};
use crate::fault::{Exit, Fault, Outcome};

/// A fault that leaves open what became of the transaction says so: who reads an exit code alone would sign another one.
pub(super) fn open_end(fault: Fault, id: TransactionId) -> Fault {
    let is_nowhere = fault.data.as_ref().and_then(|data| data.get("admitted")) == Some(&Value::Bool(false));
    if is_nowhere || is_void(&fault) { fault } else { fault.cause_in(under_way(id)) }
}

/// Whether nodes can have a transaction already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It was signed just now and nobody has been given it.
    First,
    /// It was offered before, here or elsewhere: that a node does not take it now says nothing about those that may have it.
    Again,
}

/// Offers the bytes until a node takes them. The data of a refusal say `"admitted": false` when no node can hold the transaction.
pub(super) fn admit(client: &Client, signed: &SignedTransaction, offer: Offer, deadline: Instant) -> Outcome<Value> {
    let bytes = signed.encode();
    let id = signed.id();
    let body = Some((bytes.as_slice(), OCTETS));
    let request = Request { path: "/v1/transactions?wait=admitted", body, accept: JSON, until: deadline, held: None };
    let mut is_nowhere = offer == Offer::First;
    loop {
        let answer = client.send_until(request).map_err(|fault| fault.data(json!({ "id": id })))?;
        if (200..300).contains(&answer.status) {
            return answer.transaction_status(sought(signed)).map_err(|fault| fault.data(json!({ "id": id })));
        }
        let problem = answer.problem();
        // Each question of this loop, and each answer, has to leave no doubt.
        is_nowhere &= problem.is_not_taken() && !answer.is_maybe_elsewhere;
        let pause = answer.retry_after.unwrap_or(Problem::PAUSE).max(Problem::PAUSE);
        if !problem.is_retryable || !client.pause(pause, deadline) {
            let fault = problem.into_fault(&answer.url, Exit::Refused);
            let data = if is_nowhere { json!({ "id": id, "admitted": false }) } else { json!({ "id": id }) };
            return Err(fault.data(data));
        }
    }
}
