//! Every decoder of bytes that others may send: arbitrary and mutated bytes never panic, and what is accepted encodes to the same
//! bytes. The fuzz targets under `fuzz/` state the same laws without a bound on time.
#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]

use proptest::prelude::*;
use quancheng_types::codec::encode;
use quancheng_types::*;

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed([n; 32])
}

fn chain() -> ChainId {
    ChainId(Digest([7; 32]))
}

fn transaction() -> SignedTransaction {
    let key = key(1);
    let signer = Signer { account: AccountId::of(&key.public_key()), key_id: KeyId::of(&key.public_key()) };
    let call = Call { module: ModuleId(10), payload: Bytes::new(vec![1, 2, 3]).unwrap() };
    let body = Transaction {
        chain_id: chain(),
        signers: List::new(vec![signer]).unwrap(),
        nonce: 42,
        valid_until_ms: 1_800_000_000_000,
        calls: List::new(vec![call]).unwrap(),
    };
    body.sign(&[&key]).unwrap()
}

fn validators() -> ValidatorSet {
    let validator = |n: u8| Validator {
        public_key: key(n).public_key(),
        power: 1,
        node_id: NodeId(Digest([n; 32])),
        organization: Text::new("ORG-GOV-DATA").unwrap(),
        interest: Text::new("无").unwrap(),
    };
    ValidatorSet::new((1..=2).map(validator).collect()).unwrap()
}

fn batch() -> SignedBatch {
    let transactions = List::new(vec![transaction(), transaction()]).unwrap();
    Batch { transactions }.sign(chain(), 9, &key(2))
}

fn block() -> Block {
    let vote = |byte| {
        let vote = Vote {
            kind: VoteType::Precommit,
            chain_id: chain(),
            height: Height(4),
            round: Round(0),
            block_id: Some(BlockId(Digest([byte; 32]))),
        };
        SignedVote {
            vote,
            validator: ValidatorId::of(&key(1).public_key()),
            signature: key(1).sign(vote.sign_message().as_bytes()),
        }
    };
    let certificate = BatchCertificate {
        signatures: List::new(vec![certificate::CertificateSignature {
            validator: ValidatorId::of(&key(1).public_key()),
            signature: key(1).sign(&[1]),
        }])
        .unwrap(),
    };
    Block {
        header: Header {
            version: PROTOCOL_VERSION,
            chain_id: chain(),
            height: Height(5),
            time_ms: 1_790_000_000_000,
            parent: BlockId(Digest([1; 32])),
            proposer: ValidatorId::of(&key(1).public_key()),
            batches_root: Digest([2; 32]),
            validators_hash: validators().hash(),
            next_validators_hash: validators().hash(),
            params_hash: Parameters::default().hash(),
            executed_height: Height(4),
            history_size: 5,
            history_root: Digest([3; 32]),
            misbehavior_root: Digest([4; 32]),
        },
        batches: List::new(vec![BatchRef { header: batch().header, certificate }]).unwrap(),
        misbehavior: List::new(vec![MisbehaviorProof::ConflictingVotes { first: vote(1), second: vote(2) }]).unwrap(),
    }
}

fn genesis() -> Genesis {
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("泉城链").unwrap(),
        time_ms: 1_780_000_000_000,
        parameters: Parameters::default(),
        validators: validators(),
        modules: List::new(vec![ModuleGenesis { module: ModuleId(1), content: Bytes::new(vec![0]).unwrap() }]).unwrap(),
    }
}

/// Decodes in every way; whatever accepts the bytes gives them back. Returns how many did.
fn laws(bytes: &[u8]) -> Result<usize, TestCaseError> {
    type Nested = List<Text<16>, 8>;
    let again: [Option<Vec<u8>>; 7] = [
        SignedTransaction::decode(bytes).ok().map(|v| v.encode()),
        SignedBatch::decode(bytes).ok().map(|v| v.encode()),
        Block::decode(bytes).ok().map(|v| v.encode()),
        Genesis::decode(bytes).ok().map(|v| v.encode()),
        decode::<Nested>(bytes, 256).ok().map(|v| encode(&v)),
        decode::<Bytes<64>>(bytes, 256).ok().map(|v| encode(&v)),
        decode::<Receipt>(bytes, 1 << 20).ok().map(|v| encode(&v)),
    ];
    let accepted: Vec<Vec<u8>> = again.into_iter().flatten().collect();
    for spelling in &accepted {
        prop_assert_eq!(spelling.as_slice(), bytes);
    }
    Ok(accepted.len())
}

fn samples() -> [Vec<u8>; 5] {
    let texts: List<Text<16>, 8> = List::new(vec![Text::new("泉城").unwrap(), Text::default()]).unwrap();
    [transaction().encode(), batch().encode(), block().encode(), genesis().encode(), encode(&texts)]
}

#[test]
fn samples_are_accepted() {
    for bytes in samples() {
        assert_eq!(laws(&bytes).unwrap(), 1);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        laws(&bytes)?;
    }

    /// Bytes near to what is sent: single bytes replaced, and a piece cut out or doubled.
    #[test]
    fn mutated_bytes(
        sample in 0..5_usize,
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        piece in any::<(prop::sample::Index, prop::sample::Index)>(),
        is_cut in any::<bool>(),
        is_doubled in any::<bool>(),
    ) {
        let mut mutated = samples()[sample].clone();
        for (at, byte) in bytes {
            let at = at.index(mutated.len());
            mutated[at] = byte;
        }
        let ends = [piece.0.index(mutated.len()), piece.1.index(mutated.len())];
        let (from, to) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        if is_doubled {
            let doubled = mutated[from..to].to_vec();
            mutated.splice(to..to, doubled);
        } else if is_cut {
            mutated.drain(from..to);
        }
        laws(&mutated)?;
    }
}
