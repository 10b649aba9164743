//! Giving a transaction to a node, and what is certain when none takes it.

use std::cell::Cell;
use std::time::Instant;

use quancheng_types::{SignedTransaction, TransactionId, problem as codes};
use serde_json::{Value, json};

use super::{Told, is_void, sought, under_way};
use crate::client::{Answer, Client, JSON, OCTETS, Request};
use crate::fault::{Exit, Fault, Outcome};
use crate::text::say;

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

/// Offers the bytes to one endpoint after the other until one takes them. The data of a refusal say `"admitted": false` when each has
/// answered that it did not take the transaction.
pub(super) fn admit(client: &Client, signed: &SignedTransaction, offer: Offer, deadline: Instant) -> Outcome<Told> {
    let bytes = signed.encode();
    let id = signed.id();
    let body = Some((bytes.as_slice(), OCTETS));
    let request = Request { path: "/v1/transactions?wait=admitted", body, accept: JSON, until: deadline, held: None };
    let is_nowhere = Cell::new(offer == Offer::First);
    let taken = client.in_turn_until(request, |answer| {
        let answer = match answer {
            Ok(answer) if (200..300).contains(&answer.status) => answer,
            // Each question, and each answer, has to leave no doubt.
            Ok(answer) => {
                let problem = answer.problem();
                // By this clock it is still time: the clock is wrong, or the node says what is not so, and may have given it to others.
                let doubt = (problem.code == codes::EXPIRED).then(|| Answer::too_early(sought(signed))).flatten();
                is_nowhere.set(is_nowhere.get() && problem.is_not_taken() && doubt.is_none());
                let fault = problem.into_fault(&answer.url, Exit::Refused);
                return Err(match doubt {
                    None => fault,
                    Some(doubt) => fault.cause_in(doubt).hint(say!(
                        "请先核对本机时钟；时钟无误者，该节点所言不实：在有效期届满前请勿另行签署，并用 --api 改问其他节点。",
                        "Check the clock of this machine first. If it is right, the node says what is not so: do not sign the same anew before that time, and ask another node with --api."
                    )),
                });
            }
            Err(fault) => {
                is_nowhere.set(is_nowhere.get() && fault.code == codes::WRONG_CHAIN);
                return Err(fault.clone());
            }
        };
        is_nowhere.set(false);
        Ok(Told { status: answer.transaction_status(sought(signed))?, url: answer.url.clone() })
    });
    taken.map_err(|fault| {
        fault.data(if is_nowhere.get() { json!({ "id": id, "admitted": false }) } else { json!({ "id": id }) })
    })
}
