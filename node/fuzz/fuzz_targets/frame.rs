//! Any bytes as what a peer sends on a lane: no panic, no frame above the limit, and frames that are read are what was sent; then each
//! frame as a message, as the node reads it.
//!
//! The first byte chooses the lane.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_consensus::{Lane, Message};
use quancheng_node::network::read_frames;

/// Limit of a frame here: small, so that mutations meet it.
const FRAME_BYTES_MAX: u32 = 1024;

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    let lane = Lane::ALL[usize::from(*choice) % Lane::ALL.len()];
    let frames = read_frames(bytes, FRAME_BYTES_MAX);
    let mut rest = bytes;
    for frame in &frames {
        let (length, content) = rest.split_first_chunk::<4>().expect("a frame has a length");
        let length = u32::from_be_bytes(*length);
        assert!(length <= FRAME_BYTES_MAX);
        let (content, behind) = content.split_at(length as usize);
        assert_eq!(content, frame.as_ref());
        if let Ok(message) = Message::decode(lane, frame) {
            assert_eq!(message.encode(), content, "two spellings of one message");
        }
        rest = behind;
    }
    // What is left is no whole frame within the limit.
    if let Some((length, content)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length);
        assert!(length > FRAME_BYTES_MAX || content.len() < length as usize);
    }
});
