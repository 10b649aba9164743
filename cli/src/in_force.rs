//! The parameters in force, which no node's word alone decides.

use quancheng_proof::identity::account_key;
use quancheng_types::{AccountId, Height, Parameters};
use serde_json::{Value, json};

use crate::answered::Question;
use crate::client::{BAD_ANSWER, Client, JSON, Request, Shape};
use crate::fault::{Exit, Fault, Outcome};
use crate::submit::PROVEN;
use crate::text::say;

/// The parameters in force, as a certified header names them by their hash.
pub(crate) fn parameters(client: &Client) -> Outcome<Value> {
    // Any proof shows the newest certified header.
    let header = Question::state(account_key(&AccountId::default())).ask(client)?.header;
    let request = Request { path: "/v1/parameters", body: None, accept: JSON, until: client.deadline(), held: None };
    client.in_turn(request, |answer| {
        let found = answer.shaped(Shape::Parameters)?.get("parameters").cloned().unwrap_or_default();
        let found: Parameters = serde_json::from_value(found).map_err(|error| answer.foreign().cause(error))?;
        if found.hash() != header.params_hash {
            return Err(not_in_force(&answer.url, header.height));
        }
        // What the node says beside them is shown by nothing; the header is of this height.
        Ok(json!({
            "parameters": found, PROVEN: true, "height": header.height, "certified_by": header.height,
        }))
    })
}

fn not_in_force(url: &str, height: Height) -> Fault {
    let message = say!(
        "{url} 所称参数与已认证的区块头（高度 {height}）不符。",
        "What {url} calls the parameters is not what the certified header of height {height} names."
    );
    Fault::new(Exit::Network, BAD_ANSWER, message).hint(say!(
        "参数如刚刚变更，请稍后再试；否则请用 --api 改问其他节点。",
        "If the parameters have changed just now, try again soon; else ask another node with --api."
    ))
}
