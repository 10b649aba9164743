//! Samples of wire types.

use quancheng_types::*;

/// A key by number.
pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_seed([n; 32])
}

/// The chain of all samples.
pub(crate) fn chain() -> ChainId {
    ChainId(Digest([7; 32]))
}

/// One call, signed by the first key.
pub(crate) fn transaction() -> SignedTransaction {
    let key = key(1);
    let signer = Signer { account: AccountId::of(&key.public_key()), key_id: KeyId::of(&key.public_key()) };
    let body = Transaction {
        chain_id: chain(),
        signers: List::new(vec![signer]).unwrap(),
        nonce: 42,
        valid_until_ms: 1_800_000_000_000,
        calls: List::new(vec![Call { module: ModuleId(10), payload: Bytes::new(vec![1, 2, 3]).unwrap() }]).unwrap(),
    };
    body.sign(&[&key]).unwrap()
}

/// Four validators of one vote each.
pub(crate) fn validators() -> ValidatorSet {
    let validator = |n: u8| Validator {
        public_key: key(n).public_key(),
        power: 1,
        node_id: NodeId(Digest([n; 32])),
        organization: Text::new("ORG-GOV-DATA").unwrap(),
        interest: Text::new("无").unwrap(),
    };
    ValidatorSet::new((1..=4).map(validator).collect()).unwrap()
}

/// One transaction, offered by the second validator.
pub(crate) fn batch() -> SignedBatch {
    Batch::of(vec![transaction()]).unwrap().sign(chain(), 9, 77, &key(2))
}

/// A header of height 5.
pub(crate) fn header() -> Header {
    Header {
        version: PROTOCOL_VERSION,
        chain_id: chain(),
        height: Height(5),
        time_ms: 1_790_000_000_000,
        parent: BlockId(Digest([1; 32])),
        proposer: ValidatorId::of(&key(1).public_key()),
        round: Round(1),
        batches_root: Digest([2; 32]),
        validators_hash: validators().hash(),
        next_validators_hash: validators().hash(),
        params_hash: Parameters::default().hash(),
        executed_height: Height(4),
        history_size: 5,
        history_root: Digest([3; 32]),
        misbehavior_root: Digest([4; 32]),
        attendance_hash: Digest([5; 32]),
    }
}

/// A precommit for it.
pub(crate) fn vote() -> Vote {
    Vote {
        kind: VoteType::Precommit,
        chain_id: chain(),
        height: Height(5),
        round: Round(1),
        block_id: Some(header().id()),
    }
}

/// A genesis of those validators.
pub(crate) fn genesis() -> Genesis {
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("泉城链").unwrap(),
        time_ms: 1_780_000_000_000,
        parameters: Parameters::default(),
        validators: validators(),
        modules: List::new(vec![ModuleGenesis { module: ModuleId(1), content: Bytes::new(vec![0]).unwrap() }]).unwrap(),
    }
}

/// A precommit of the first validator for another block of height 5.
pub(crate) fn other_vote(byte: u8) -> SignedVote {
    let vote = Vote { block_id: Some(BlockId(Digest([byte; 32]))), ..vote() };
    SignedVote {
        vote,
        validator: ValidatorId::of(&key(1).public_key()),
        signature: key(1).sign(vote.sign_message().as_bytes()),
    }
}

/// A block with a batch and a proof of misbehavior.
pub(crate) fn block() -> Block {
    let certificate = BatchCertificate {
        signatures: List::new(vec![certificate::CertificateSignature {
            validator: ValidatorId::of(&key(1).public_key()),
            signature: key(1).sign(&[1]),
        }])
        .unwrap(),
    };
    let misbehavior = MisbehaviorProof::ConflictingVotes { first: other_vote(1), second: other_vote(2) };
    Block {
        header: header(),
        batches: List::new(vec![BatchRef { header: batch().header, certificate }]).unwrap(),
        misbehavior: List::new(vec![misbehavior]).unwrap(),
        attendance: attendance(),
    }
}

/// One validator that let turns pass, and its way back.
pub(crate) fn attendance() -> Attendance {
    let validator = ValidatorId::of(&key(2).public_key());
    let since_ms = 1_789_999_999_500;
    let signature = key(2).sign(Presence::sign_message(chain(), validator, since_ms).as_bytes());
    let absence = Absence { validator, misses: 2, away: true, since_ms };
    Attendance {
        absences: List::new(vec![absence]).unwrap(),
        presences: List::new(vec![Presence { validator, since_ms, signature }]).unwrap(),
    }
}
