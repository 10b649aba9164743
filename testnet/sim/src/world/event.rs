//! What can happen next.

use std::sync::Arc;

use quancheng_consensus::ServeRequest;
use quancheng_consensus::message::Message;
use quancheng_types::{Height, NodeId, SignedBatch};

/// A planned event. Those with an epoch are forgotten when the machine crashes.
pub(super) enum Event {
    /// A message arrives.
    Deliver { to: usize, from: usize, message: Arc<Message> },
    /// A timer of the engine.
    Wake { machine: usize, epoch: u32 },
    /// The signatures of a batch are checked and the batch is stored.
    Check { machine: usize, epoch: u32, batch: Arc<SignedBatch> },
    /// An own batch is on disk.
    Sealed { machine: usize, epoch: u32, batch: Arc<SignedBatch> },
    /// The batcher's wait is over.
    Seal { machine: usize, epoch: u32 },
    /// A height is executed.
    Execute { machine: usize, epoch: u32, height: Height },
    /// A request is answered from the store.
    Serve { machine: usize, epoch: u32, to: NodeId, request: ServeRequest },
    /// Power comes back.
    Restart { machine: usize },
    /// A client comes.
    Client,
    /// The organizations act.
    Vote,
    /// Chance arms a crash.
    Crash,
    /// Chance cuts links.
    Cut,
    /// Another trouble.
    Trouble,
    /// A clock is set right again.
    Clock { machine: usize },
}

impl Event {
    /// Number in the trace, and the machine.
    pub(super) fn trace(&self) -> (u64, usize) {
        match self {
            Self::Deliver { to, .. } => (1, *to),
            Self::Wake { machine, .. } => (2, *machine),
            Self::Check { machine, .. } => (3, *machine),
            Self::Sealed { machine, .. } => (4, *machine),
            Self::Seal { machine, .. } => (5, *machine),
            Self::Execute { machine, .. } => (6, *machine),
            Self::Serve { machine, .. } => (7, *machine),
            Self::Restart { machine } => (8, *machine),
            Self::Client => (9, 0),
            Self::Vote => (10, 0),
            Self::Crash => (11, 0),
            Self::Cut => (12, 0),
            Self::Trouble => (13, 0),
            Self::Clock { machine } => (14, *machine),
        }
    }
}
