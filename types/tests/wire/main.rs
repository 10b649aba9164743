//! The bytes of every wire type: what they are, and what is refused.

#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]

mod decoders;
mod golden;
mod support;
