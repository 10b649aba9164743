//! Any bytes as what validators sign and as what carries their signatures: no panic, one spelling for each value, and nothing that
//! nobody signed verifies.
//!
//! The first byte chooses the kind, so that one corpus serves all.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quancheng_types::codec::encode;
use quancheng_types::{
    BatchCertificate, BatchHeader, ChainId, CommitCertificate, Digest, Header, HistoryLeaf, MisbehaviorProof, NodeId,
    Receipt, SignedProposal, SignedVote, SigningKey, Text, Validator, ValidatorId, ValidatorSet, decode, limits,
    merkle,
};

const CHAIN: ChainId = ChainId(Digest([1; 32]));

/// Nobody signs with this key here.
static VALIDATORS: LazyLock<ValidatorSet> = LazyLock::new(|| {
    let validator = Validator {
        public_key: SigningKey::from_seed([2; 32]).public_key(),
        power: 1,
        node_id: NodeId(Digest([2; 32])),
        organization: Text::default(),
        interest: Text::default(),
    };
    ValidatorSet::new(vec![validator]).expect("one validator")
});

static HEADER: BatchHeader = BatchHeader {
    chain_id: CHAIN,
    author: ValidatorId(Digest([3; 32])),
    sequence: 1,
    transactions_root: Digest([4; 32]),
    count: 1,
    bytes: 1,
    weight: 1,
};

/// Decodes, compares the spelling, gives the value back.
macro_rules! read {
    ($kind:ty, $bytes:expr) => {{
        let value = decode::<$kind>($bytes, limits::BLOCK_BYTES_MAX).ok();
        if let Some(value) = &value {
            assert_eq!(encode(value), $bytes, "two spellings of one value");
        }
        value
    }};
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    match choice % 10 {
        0 => {
            if let Some(vote) = read!(SignedVote, bytes) {
                let _ = vote.vote.sign_message();
            }
        }
        1 => {
            if let Some(proposal) = read!(SignedProposal, bytes) {
                let _ = proposal.proposal.sign_message();
            }
        }
        2 => {
            if let Some(certificate) = read!(CommitCertificate, bytes) {
                assert!(certificate.verify(CHAIN, &VALIDATORS).is_err(), "nobody signed");
            }
        }
        3 => {
            if let Some(certificate) = read!(BatchCertificate, bytes) {
                assert!(certificate.verify(&HEADER, &VALIDATORS).is_err(), "nobody signed");
            }
        }
        4 => {
            if let Some(proof) = read!(MisbehaviorProof, bytes) {
                assert!(proof.verify(&CHAIN, &VALIDATORS).is_err(), "nobody signed");
            }
        }
        5 => drop(read!(BatchHeader, bytes)),
        6 => drop(read!(Header, bytes)),
        7 => drop(read!(Receipt, bytes)),
        8 => drop(read!(HistoryLeaf, bytes)),
        _ => {
            if let Some(path) = read!(merkle::Path, bytes) {
                let _ = path.root(Digest([4; 32]));
            }
            drop(read!(ValidatorSet, bytes));
        }
    }
});
