//! Giving a transaction to a node, and what is certain when none takes it.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use quancheng_types::{SignedTransaction, TransactionId, problem as codes};
use serde_json::{Value, json};

use super::advice::{Doubt, of_refusal};
use super::{Told, is_void, lifetime, sought, under_way};
use crate::client::{Answer, Client, JSON, OCTETS, Problem, Request};
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
    let (is_nowhere, is_word) = (Cell::new(offer == Offer::First), Cell::new(false));
    let doubts: RefCell<Vec<(String, Doubt)>> = RefCell::default();
    let taken = client.in_turn_until(request, |answer| {
        let answer = match answer {
            Ok(answer) if (200..300).contains(&answer.status) => answer,
            // Each question, and each answer, has to leave no doubt.
            Ok(answer) => {
                let problem = answer.problem();
                let doubt = doubt(client, signed, &problem);
                is_nowhere.set(is_nowhere.get() && problem.is_not_taken() && doubt.is_none());
                let (is_of_node, fault) = (problem.is_of_node, problem.into_fault(&answer.url, Exit::Refused));
                if !is_of_node || fault.exit == Exit::Network {
                    return Err(fault);
                }
                is_word.set(true);
                let url = &answer.url;
                let fault = fault.cause_in(say!("此为 {url} 所称，未经证明", "so says {url}; nobody proves that"));
                let why = doubt.as_ref().map(|doubt| doubt.why.clone());
                doubts.borrow_mut().extend(doubt.map(|doubt| (fault.code.clone(), doubt)));
                return Err(why.into_iter().fold(fault, Fault::cause_in));
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
        let fault = if is_word.get() && fault.exit != Exit::Network {
            let doubts = doubts.borrow();
            let doubt = doubts.iter().find(|(code, _)| *code == fault.code).map(|(_, doubt)| doubt);
            let advice = of_refusal(&fault, doubt, signed, is_nowhere.get());
            fault.hint(advice)
        } else {
            fault
        };
        fault.data(if is_nowhere.get() { json!({ "id": id, "admitted": false }) } else { json!({ "id": id }) })
    })
}

/// Why what a node says against a transaction is not so. Whoever says that may have given it to others all the same.
fn doubt(client: &Client, signed: &SignedTransaction, problem: &Problem) -> Option<Doubt> {
    let by_clock = |why| Doubt { why, is_by_clock: true };
    match problem.code.as_str() {
        codes::EXPIRED => Answer::too_early(sought(signed)).map(by_clock),
        codes::LIFETIME_TOO_LONG => lifetime::within(client, signed.body.valid_until_ms).map(by_clock),
        codes::BAD_SIGNATURE => signed.check(&signed.body.chain_id).is_ok().then(|| Doubt {
            why: say!("其签名均成立：已在本机核验", "its signatures hold: they were checked on this machine"),
            is_by_clock: false,
        }),
        _ => None,
    }
}
