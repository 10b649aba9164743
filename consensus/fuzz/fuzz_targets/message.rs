//! Any bytes as a message of a peer: no panic, one spelling for each message, and only in its own lane.
//!
//! The first byte chooses the lane, so that one corpus serves all three.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_consensus::{Lane, Message};

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    let lane = Lane::ALL[usize::from(*choice) % Lane::ALL.len()];
    if let Ok(message) = Message::decode(lane, bytes) {
        assert_eq!(message.lane(), lane);
        assert_eq!(message.encode(), bytes, "two spellings of one message");
    }
});
