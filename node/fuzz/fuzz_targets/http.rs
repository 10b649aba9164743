//! Any text as a request to the public door, over a chain in memory: no panic, no internal error, every answer in time, and every
//! refusal with a code. Reaches paths, query strings, cursors, times, `Last-Event-ID`, transactions in both forms, bulks, queries and
//! bundles to verify.
//!
//! The input is `METHOD target`, then lines of headers, an empty line, and the body.

#![no_main]

use std::cell::Cell;

use libfuzzer_sys::fuzz_target;
use quancheng_node::api::fuzz::{Door, Reply};

/// Requests to one chain: waiting for a transaction makes blocks.
const REQUESTS_MAX: u32 = 4096;
/// Names of codes have this alphabet.
const CODE_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

thread_local! {
    static DOOR: Cell<Option<(Door, u32)>> = const { Cell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let end = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let (head, body) = data.split_at(end);
    let body = body.get(2..).unwrap_or_default();
    let Ok(head) = std::str::from_utf8(head) else {
        return;
    };
    let mut lines = head.lines();
    let Some((method, target)) = lines.next().and_then(|line| line.split_once(' ')) else {
        return;
    };
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let (door, count) = DOOR.take().filter(|(_, count)| *count < REQUESTS_MAX).unwrap_or_else(|| (Door::new(), 0));
    let reply = door.send(method, target, &headers, body);
    DOOR.set(Some((door, count + 1)));
    if let Some(reply) = reply {
        check(&reply);
    }
});

fn check(reply: &Reply) {
    assert_ne!(reply.status, 500, "an internal error: {}", String::from_utf8_lossy(&reply.body));
    if reply.status < 400 || reply.body.is_empty() {
        return;
    }
    assert_eq!(reply.media_type, "application/problem+json");
    let problem: serde_json::Value = serde_json::from_slice(&reply.body).expect("a problem is JSON");
    let code = problem["code"].as_str().expect("a problem has a code");
    assert!(!code.is_empty() && code.chars().all(|letter| CODE_LETTERS.contains(letter)), "{code}");
    assert_eq!(problem["status"], reply.status);
}
