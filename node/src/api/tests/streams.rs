//! Server-sent events: order, filters, resumption, ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use quancheng_state::StoreError;
use quancheng_types::{AccountId, Height};
use serde_json::{Value, json};

use super::chain::{FOUNDERS, key, organizations};
use super::support::{Served, connect, limits, served, served_with};
use crate::api::ApiLimits;
use crate::api::limits::RECEIPTS_PER_PIECE;

struct Stream {
    socket: TcpStream,
    text: String,
}

impl Stream {
    fn open(served: &Served, query: &str, last_event_id: Option<&str>) -> Self {
        let mut socket = connect(served.public);
        let resume = last_event_id.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        write!(socket, "GET /v1/events{query} HTTP/1.1\r\nhost: node\r\n{resume}\r\n").expect("sent");
        let mut stream = Self { socket, text: String::new() };
        stream.until(": connected\n\n");
        stream
    }

    /// Reads until a text has arrived.
    fn until(&mut self, needle: &str) {
        let mut buffer = [0_u8; 4096];
        while !self.text.contains(needle) {
            let count = self.socket.read(&mut buffer).expect("events in time");
            assert!(count > 0, "the stream ended: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }

    /// Ids of the events so far, with the data of each.
    fn events(&self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        let mut id = String::new();
        for line in self.text.lines() {
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                events.push((id.clone(), serde_json::from_str(data).expect("JSON")));
            }
        }
        events
    }

    fn ids(&self) -> Vec<String> {
        self.events().into_iter().map(|(id, _)| id).collect()
    }
}

fn register(served: &Served, index: usize) {
    let reply = served.post_borsh("/v1/transactions?wait=certified", &served.node.register(index).encode());
    assert_eq!(reply.json()["outcome"]["kind"], "ok");
}

#[test]
fn events_arrive_as_they_are_certified_with_heartbeats_between() {
    let served = served();
    let mut stream = Stream::open(&served, "", None);
    stream.until(": heartbeat\n\n");
    register(&served, FOUNDERS);
    stream.until("id: 2-1-0\nevent: block");
    let events = stream.events();
    assert_eq!(stream.ids(), ["1-0-0", "2-0-0", "2-1-0"]);
    assert_eq!(events[1].1["name"], "registered");
    assert_eq!(events[1].1["data"]["org_id"], organizations()[FOUNDERS]["org_id"]);
    assert_eq!(events[2].1["transactions"], 1);
    assert_eq!(events[2].1["certified_height"], 2);
}

#[test]
fn a_client_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let served = served();
    register(&served, FOUNDERS);
    register(&served, FOUNDERS + 1);
    let mut stream = Stream::open(&served, "", Some("2-0-0"));
    stream.until("id: 4-1-0");
    assert_eq!(stream.ids(), ["2-1-0", "3-0-0", "4-0-0", "4-1-0"]);
    register(&served, FOUNDERS + 2);
    stream.until("id: 6-1-0");
    assert_eq!(stream.ids()[4..], ["5-0-0", "6-0-0", "6-1-0"]);
    let mut whole = Stream::open(&served, "?from=1", None);
    whole.until("id: 6-1-0");
    assert_eq!(whole.ids().len(), 9);
}

#[test]
fn filters_leave_out_what_is_not_wanted() {
    let served = served();
    register(&served, FOUNDERS);
    register(&served, FOUNDERS + 1);
    let blocks = {
        let mut stream = Stream::open(&served, "?types=block&from=1", None);
        stream.until("id: 4-1-0");
        stream.ids()
    };
    assert_eq!(blocks, ["1-0-0", "2-1-0", "3-0-0", "4-1-0"]);
    let name = organizations()[FOUNDERS + 1]["org_id"].as_str().expect("a text").to_owned();
    let account = AccountId::of(&key(&name).public_key());
    let mut stream = Stream::open(&served, &format!("?types=identity.registered&account={account}&from=1"), None);
    stream.until("id: 4-0-0");
    assert_eq!(stream.ids(), ["4-0-0"]);
}

#[test]
fn a_block_of_several_pieces_is_told_and_counted_whole() {
    let served = served();
    let count = RECEIPTS_PER_PIECE + 44;
    for number in 0..count {
        let commitment = json!({ "root": format!("{:064x}", number + 1), "count": 1, "bytes": 1, "complete": false });
        let call = json!({ "notarize": { "commitment": commitment } });
        let signed = served.node.sign("ORG-GOV-DATA", "evidence", call, u64::from(number));
        let reply = served.post_borsh("/v1/transactions", &signed.encode());
        assert_eq!(reply.status, 202, "{}", reply.text());
    }
    served.node.seal();
    served.node.seal();
    let block = served.get("/v1/blocks/2").json();
    assert_eq!((&block["transactions"], &block["refused"]), (&json!(count), &json!(0)));
    let page = served.get("/v1/blocks/2/transactions?limit=200").json();
    let cursor = page["next_cursor"].as_str().expect("a further page").to_owned();
    let rest = served.get(&format!("/v1/blocks/2/transactions?limit=200&cursor={cursor}")).json();
    assert_eq!(rest["items"].as_array().map(Vec::len), usize::try_from(count - 200).ok());
    assert_eq!(rest["items"][0]["position"], 200);
    let account = AccountId::of(&key("ORG-GOV-DATA").public_key());
    let mut stream = Stream::open(&served, &format!("?account={account}&from=2"), None);
    stream.until(&format!("id: 2-{count}-0\nevent: block"));
    assert_eq!(stream.ids().len(), usize::try_from(count + 1).expect("small"));
    assert_eq!(stream.events()[usize::try_from(count).expect("small")].1["transactions"], count);
    let stranger = AccountId::of(&key("nobody").public_key());
    let mut stream = Stream::open(&served, &format!("?account={stranger}&from=2"), None);
    stream.until("event: block");
    assert_eq!(stream.ids(), [format!("2-{count}-0")]);
    let mut resumed = Stream::open(&served, "?types=evidence", Some("2-298-0"));
    resumed.until("id: 2-299-0");
    assert_eq!(resumed.ids(), ["2-299-0"]);
}

#[test]
fn wrong_streams_are_refused() {
    let served = served();
    let invalid = (400, "INVALID_PARAMETER".to_owned());
    assert_eq!(served.get("/v1/events?types=nonsense").problem(), invalid);
    assert_eq!(served.get("/v1/events?account=x").problem(), invalid);
    let id = [("last-event-id", "x")];
    assert_eq!(super::support::send(served.public, "GET", "/v1/events", &id, b"").problem(), invalid);
    served.node.seal();
    *served.node.receipts_error.lock().expect("no panics") =
        Some(StoreError::Pruned { height: Height(1), oldest: Height(2) });
    let pruned = served.get("/v1/events?from=1");
    assert_eq!(pruned.problem(), (410, "PRUNED".to_owned()));
    assert_eq!(pruned.json()["lowest_height"], 2);
}

#[test]
fn one_address_has_half_of_the_streams() {
    let served = served_with(ApiLimits { streams_max: 4, ..limits() });
    let _held = [Stream::open(&served, "", None), Stream::open(&served, "", None)];
    assert_eq!(served.get("/v1/events").problem(), (503, "OVERLOADED".to_owned()), "two places are left, for others");
}

#[test]
fn streams_are_counted_and_end_with_the_node() {
    let served = served_with(ApiLimits { streams_max: 1, ..limits() });
    let mut stream = Stream::open(&served, "", None);
    let refused = served.get("/v1/events");
    assert_eq!(refused.problem(), (503, "OVERLOADED".to_owned()));
    assert!(refused.header("retry-after").is_some());
    served.stop.send(true).expect("served");
    let mut rest = Vec::new();
    stream.socket.read_to_end(&mut rest).expect("an orderly end");
    assert!(String::from_utf8_lossy(&rest).ends_with("0\r\n\r\n"));
}
