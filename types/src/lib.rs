//! Names, canonical bytes, hashes and keys of the Quancheng chain (泉城链).
//!
//! Everything that is hashed, signed or sent between nodes is defined here, in one encoding (borsh, decoded strictly) and
//! with one domain tag per kind of hash. `docs/protocol.md` is the same content as tables of bytes.
//!
//! The crate is pure: no clock, no randomness, no I/O, no unordered maps.

pub mod attendance;
pub mod batch;
pub mod block;
pub mod bounded;
pub mod certificate;
pub mod codec;
pub mod genesis;
pub mod hash;
pub mod history;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod merkle;
pub mod misbehavior;
pub mod planted;
pub mod problem;
pub mod receipt;
pub mod schedule;
pub mod sealed;
pub mod transaction;
pub mod validator;
pub mod variables;
pub mod version;
pub mod vote;
pub mod window;

pub use attendance::{Absence, Attendance, Presence};
pub use batch::{Batch, BatchHeader, BatchRef, SignedBatch};
pub use block::{Block, Header};
pub use bounded::{Bytes, List, TEXT_NAME, Text, TooLong};
pub use certificate::{BatchCertificate, CertificateError, CommitCertificate};
pub use codec::{DecodeError, decode};
pub use genesis::{Genesis, GenesisError, ModuleGenesis, Parameters, TRANSACTION_LIFETIME_MAX_MS, Writers};
pub use hash::{Digest, Domain};
pub use history::HistoryLeaf;
pub use ids::{
    AccountId, BatchId, BlockId, ChainId, Height, KeyId, ModuleId, NodeId, Round, TransactionId, ValidatorId,
};
pub use keys::{PublicKey, Signature, SigningKey, Suite};
pub use misbehavior::MisbehaviorProof;
pub use receipt::{Event, Outcome, Receipt};
pub use schedule::{Decisions, Schedule, Schedules, VersionPlan};
pub use sealed::SealedTransaction;
pub use transaction::{Call, SignedTransaction, Signer, Transaction, TransactionError};
pub use validator::{SharedKey, Validator, ValidatorSet, ValidatorSetError};
pub use version::{NEWEST_VERSION, PROTOCOL_VERSION, is_known_version};
pub use vote::{Proposal, SignedProposal, SignedVote, Vote, VoteType};
pub use window::{AuthorWindow, WINDOW_SEQUENCES};
