//! The liar can change every field of every message.

use std::collections::BTreeSet;
use std::sync::Arc;

use quancheng_consensus::message::{
    Alive, BatchAck, BlocksRequest, CommittedBlock, Message, PolkaCertificate, ProposalMessage, RoundCertificate,
    RoundCertificateKind, RoundStatus, RoundVote, SignAnswer, SignQuery, SignedStatement, Status, VoteBits,
};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::merkle::Path;
use quancheng_types::{
    Absence, AccountId, Attendance, Batch, BatchCertificate, BatchId, BatchRef, Block, BlockId, Bytes, Call, ChainId,
    CommitCertificate, Digest, Header, Height, KeyId, List, MisbehaviorProof, ModuleId, Presence, Proposal, Round,
    SignedBatch, SignedProposal, SignedVote, Signer, SigningKey, Transaction, ValidatorId, Vote, VoteType,
};

use super::mend::{Care, Pen};
use super::past::Past;
use super::stock::{SiblingChain, Stock};
use super::surgeon::{Aim, operate, paths};
use crate::random::Random;

pub(super) const CHAIN: ChainId = ChainId(Digest([2; 32]));

pub(super) fn key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

pub(super) fn list<T, const MAX: u32>(elements: Vec<T>) -> List<T, MAX> {
    List::new(elements).unwrap()
}

pub(super) fn vote() -> SignedVote {
    let vote = Vote {
        kind: VoteType::Prevote,
        chain_id: CHAIN,
        height: Height(3),
        round: Round(1),
        block_id: Some(BlockId(Digest([4; 32]))),
    };
    let signature = key().sign(vote.sign_message().as_bytes());
    SignedVote { vote, validator: ValidatorId::of(&key().public_key()), signature }
}

pub(super) fn signed_batch() -> SignedBatch {
    let public_key = key().public_key();
    let signer = Signer { account: AccountId::of(&public_key), key_id: KeyId::of(&public_key) };
    let call = Call { module: ModuleId(4), payload: Bytes::new(vec![1, 2, 3]).unwrap() };
    let body = Transaction {
        chain_id: CHAIN,
        signers: list(vec![signer]),
        nonce: 5,
        valid_until_ms: 6,
        calls: list(vec![call]),
    };
    let transaction = body.sign(&[&key()]).unwrap();
    Batch { transactions: list(vec![transaction.seal()]) }.sign(CHAIN, 7, 7, &key())
}

fn presence() -> Presence {
    let validator = ValidatorId::of(&key().public_key());
    let message = Presence::sign_message(CHAIN, validator, 4);
    Presence { validator, since_ms: 4, signature: key().sign(message.as_bytes()) }
}

fn certificate_signature() -> CertificateSignature {
    CertificateSignature { validator: ValidatorId::of(&key().public_key()), signature: vote().signature }
}

pub(super) fn proposal() -> ProposalMessage {
    let batch = signed_batch();
    let certificate = BatchCertificate { signatures: list(vec![certificate_signature()]) };
    let batches = vec![BatchRef { header: batch.header, certificate }];
    let signed_proposal = |block_id, round| SignedProposal {
        proposal: Proposal { chain_id: CHAIN, height: Height(3), round, block_id, pol_round: Some(Round(0)) },
        validator: ValidatorId::of(&key().public_key()),
        signature: vote().signature,
    };
    let misbehavior = vec![
        MisbehaviorProof::ConflictingVotes { first: vote(), second: vote() },
        MisbehaviorProof::ConflictingProposals {
            first: signed_proposal(BlockId(Digest([5; 32])), Round(1)),
            second: signed_proposal(BlockId(Digest([6; 32])), Round(1)),
        },
        MisbehaviorProof::InvalidBatch {
            header: batch.header,
            signature: batch.signature,
            transaction: Box::new(batch.batch.transactions[0].signed().clone()),
            path: Path { index: 0, size: 2, siblings: list(vec![Digest([7; 32])]) },
        },
    ];
    let validator = ValidatorId::of(&key().public_key());
    let attendance = Attendance {
        absences: list(vec![Absence { validator, misses: 1, away: true, since_ms: 4 }]),
        presences: list(vec![presence()]),
    };
    let header = Header {
        version: 1,
        chain_id: CHAIN,
        height: Height(3),
        time_ms: 9,
        parent: BlockId(Digest([8; 32])),
        proposer: ValidatorId::of(&key().public_key()),
        round: Round(1),
        batches_root: Block::batches_root(&batches),
        validators_hash: Digest([9; 32]),
        next_validators_hash: Digest([10; 32]),
        params_hash: Digest([11; 32]),
        executed_height: Height(2),
        history_size: 3,
        history_root: Digest([12; 32]),
        misbehavior_root: Block::misbehavior_root(&misbehavior),
        attendance_hash: attendance.hash(),
    };
    let block = Block { header, batches: list(batches), misbehavior: list(misbehavior), attendance };
    ProposalMessage { signed: signed_proposal(block.id(), Round(1)), block }
}

/// One message of each kind, with something in every list and option.
fn messages() -> Vec<Message> {
    let ProposalMessage { signed, block } = proposal();
    let (validator, height, round, block_id) = (signed.validator, Height(3), Round(1), block.id());
    let round_vote =
        RoundVote { kind: VoteType::Precommit, block_id: Some(block_id), validator, signature: signed.signature };
    let signatures = || list(vec![certificate_signature()]);
    let certificate = CommitCertificate { height, round, block_id, signatures: signatures() };
    let batch = Arc::new(signed_batch());
    let alive = Alive { instance: 4, signature: vote().signature };
    let answer =
        |latest| SignAnswer { validator, nonce: 1, committed: height, latest: Some(latest), alive: Some(alive) };
    vec![
        Message::Vote(vote()),
        Message::Votes(list(vec![vote()])),
        Message::Polka(PolkaCertificate { height, round, block_id, signatures: signatures() }),
        Message::RoundChange(RoundCertificate {
            height,
            round,
            kind: RoundCertificateKind::Skip,
            votes: list(vec![round_vote]),
        }),
        Message::RoundStatus(RoundStatus {
            height,
            round,
            has_proposal: true,
            prevotes: VoteBits::default(),
            precommits: VoteBits::default(),
            valid_round: Some(round),
        }),
        Message::SignQuery(SignQuery {
            key: SigningKey::from_seed([1; 32]).public_key(),
            instance: 1,
            signature: vote().signature,
        }),
        Message::SignAnswer(answer(SignedStatement::Vote(vote()))),
        Message::SignAnswer(answer(SignedStatement::Proposal(signed))),
        Message::BatchOffer(Arc::clone(&batch)),
        Message::BatchAck(BatchAck { batch: batch.header.id(), validator, signature: batch.signature }),
        Message::BatchCertified(Box::new(block.batches[0].clone())),
        Message::BatchRequest(list(vec![BatchId(Digest([1; 32]))])),
        Message::BatchResponse(batch),
        Message::Status(Status { committed: height }),
        Message::Presence(presence()),
        Message::Misbehavior(Box::new(block.misbehavior[0].clone())),
        Message::BlocksRequest(BlocksRequest { from: height, count: 2 }),
        Message::BlocksResponse(list(vec![CommittedBlock { block: block.clone(), certificate }])),
        Message::Proposal(Box::new(ProposalMessage { signed, block })),
    ]
}

pub(super) fn stock(random: &mut Random) -> Stock {
    let other = SigningKey::from_seed([2; 32]);
    let mut stock = Stock::new(SiblingChain::new(vec![other]), vec![ValidatorId::of(&key().public_key())]);
    for message in messages() {
        stock.hear(&Arc::new(message), random);
    }
    stock
}

#[test]
fn every_kind_of_message_is_here() {
    let names: BTreeSet<&str> = messages().iter().map(Message::name).collect();
    assert_eq!(names.len(), 18);
}

#[test]
fn every_path_of_every_message_is_reached_and_changes_the_bytes() {
    let mut random = Random::new(1);
    let stock = stock(&mut random);
    for message in messages() {
        let all: BTreeSet<_> = paths(&mut message.clone(), &mut random, &stock).into_iter().collect();
        let mut changed = BTreeSet::new();
        for _ in 0..6_000 {
            let mut other = message.clone();
            let path = operate(&mut other, Aim::Anything, &mut random, &stock);
            if other.encode() != message.encode() {
                changed.insert(path);
            }
            if changed.len() == all.len() {
                break;
            }
        }
        assert_eq!(changed, all, "{}", message.name());
    }
}

#[test]
fn a_change_strikes_one_field_only() {
    let mut random = Random::new(2);
    let stock = stock(&mut random);
    let message = Message::Vote(vote());
    for _ in 0..500 {
        let mut other = message.clone();
        operate(&mut other, Aim::Anything, &mut random, &stock);
        let Message::Vote(other) = other else { panic!("a vote stays a vote") };
        let (a, b) = (vote(), other);
        let differences = [
            a.vote.kind != b.vote.kind,
            a.vote.chain_id != b.vote.chain_id,
            a.vote.height != b.vote.height,
            a.vote.round != b.vote.round,
            a.vote.block_id != b.vote.block_id,
            a.validator != b.validator,
            a.signature != b.signature,
        ];
        assert!(differences.iter().filter(|differs| **differs).count() <= 1);
    }
}

#[test]
fn aimed_at_the_ends_only_numbers_change() {
    let mut random = Random::new(4);
    let stock = stock(&mut random);
    let mut heights = BTreeSet::new();
    for _ in 0..400 {
        let mut other = vote();
        operate(&mut other, Aim::Ends, &mut random, &stock);
        heights.insert(other.vote.height.0);
        (other.vote.height, other.vote.round) = (vote().vote.height, vote().vote.round);
        assert_eq!(other, vote());
    }
    assert!(heights.contains(&u64::MAX) && heights.contains(&0), "{heights:?}");
    let mut request = Message::BatchRequest(list(vec![BatchId(Digest([1; 32]))]));
    assert!(operate(&mut request, Aim::Ends, &mut random, &stock).is_empty(), "it has no number");
}

#[test]
fn what_is_mended_with_the_own_key_verifies() {
    let mut random = Random::new(3);
    let stock = stock(&mut random);
    let pen = Pen::new(key(), CHAIN);
    for _ in 0..500 {
        let mut message = Message::Proposal(Box::new(proposal()));
        operate(&mut message, Aim::Anything, &mut random, &stock);
        pen.mend(&mut message, Care::Claimed);
        let Message::Proposal(proposal) = message else { panic!("a proposal stays one") };
        let ProposalMessage { signed, block } = *proposal;
        assert!(block.is_consistent());
        assert_eq!(signed.proposal.block_id, block.id());
        let sign_message = signed.proposal.sign_message();
        assert!(key().public_key().verify(sign_message.as_bytes(), &signed.signature).is_ok());
    }
}

#[test]
fn a_careful_liar_never_convicts_itself() {
    let me = ValidatorId::of(&key().public_key());
    let mut past = Past::default();
    assert!(past.allows(&Message::Vote(vote()), me));
    assert!(past.allows(&Message::Vote(vote()), me));
    let mut other = vote();
    other.vote.block_id = None;
    assert!(!past.allows(&Message::Vote(other), me));
    other.vote.round = Round(2);
    assert!(past.allows(&Message::Vote(other), me));
}
