//! What a liar has heard: whole messages to repeat, and parts to put where they do not belong.

use std::collections::VecDeque;
use std::sync::Arc;

use quancheng_consensus::message::{CommittedBlock, Message, ProposalMessage, RoundVote};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::codec::encode;
use quancheng_types::merkle::Path;
use quancheng_types::transaction::TransactionSignature;
use quancheng_types::{
    Absence, AccountId, BatchId, BatchRef, BlockId, Call, ChainId, Digest, Height, KeyId, MisbehaviorProof, Presence,
    Round, SealedTransaction, Signature, SignedBatch, SignedProposal, SignedTransaction, SignedVote, Signer,
    SigningKey, ValidatorId, Vote, VoteType,
};

use crate::random::Random;

/// Messages and parts of each kind that are kept.
const KEPT: usize = 48;
/// One message in this many is kept for long, to be repeated when nobody expects it.
const RELIC_ONE_IN: u64 = 40;

/// Another chain on which the same keys vote: its signatures are true, and worth nothing here.
pub(super) struct SiblingChain {
    chain_id: ChainId,
    keys: Vec<SigningKey>,
}

impl SiblingChain {
    pub(super) fn new(keys: Vec<SigningKey>) -> Self {
        Self { chain_id: ChainId(Digest([0x5b; 32])), keys }
    }

    /// What all of these keys signed there, passed off as said here.
    fn all_votes(&self, like: &Vote) -> Vec<SignedVote> {
        let there = Vote { chain_id: self.chain_id, ..*like };
        let sign = |key: &SigningKey| SignedVote {
            vote: *like,
            validator: ValidatorId::of(&key.public_key()),
            signature: key.sign(there.sign_message().as_bytes()),
        };
        self.keys.iter().map(sign).collect()
    }

    /// What one of these keys signed there, at the same place.
    fn vote(&self, like: &Vote, random: &mut Random) -> Option<SignedVote> {
        let key = self.keys.get(random.index(self.keys.len()))?;
        let there = Vote { chain_id: self.chain_id, ..*like };
        let signature = key.sign(there.sign_message().as_bytes());
        // Passed off as said here, or shown as it is.
        let vote = if random.permille(700) { *like } else { there };
        Some(SignedVote { vote, validator: ValidatorId::of(&key.public_key()), signature })
    }
}

/// Everything heard of late, and some of what was heard long ago.
pub(super) struct Stock {
    sibling: SiblingChain,
    validators: Vec<ValidatorId>,
    messages: VecDeque<Arc<Message>>,
    relics: VecDeque<Arc<Message>>,
    proposals: VecDeque<ProposalMessage>,
    votes: VecDeque<SignedVote>,
    refs: VecDeque<BatchRef>,
    batches: VecDeque<Arc<SignedBatch>>,
    blocks: VecDeque<CommittedBlock>,
    presences: VecDeque<Presence>,
}

fn keep<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}

fn any<'a, T>(queue: &'a VecDeque<T>, random: &mut Random) -> Option<&'a T> {
    queue.get(random.index(queue.len()))
}

impl Stock {
    pub(super) fn new(sibling: SiblingChain, validators: Vec<ValidatorId>) -> Self {
        Self {
            sibling,
            validators,
            messages: VecDeque::new(),
            relics: VecDeque::new(),
            proposals: VecDeque::new(),
            votes: VecDeque::new(),
            refs: VecDeque::new(),
            batches: VecDeque::new(),
            blocks: VecDeque::new(),
            presences: VecDeque::new(),
        }
    }

    pub(super) fn hear(&mut self, message: &Arc<Message>, random: &mut Random) {
        match message.as_ref() {
            Message::Proposal(proposal) => {
                for batch in &proposal.block.batches {
                    keep(&mut self.refs, batch.clone(), KEPT);
                }
                keep(&mut self.proposals, proposal.as_ref().clone(), 8);
            }
            Message::Vote(vote) => keep(&mut self.votes, *vote, 2 * KEPT),
            Message::Votes(votes) => votes.iter().for_each(|vote| keep(&mut self.votes, *vote, 2 * KEPT)),
            Message::BatchOffer(batch) | Message::BatchResponse(batch) => {
                keep(&mut self.batches, Arc::clone(batch), 16);
            }
            Message::Presence(presence) => keep(&mut self.presences, *presence, KEPT),
            Message::BatchCertified(batch) => keep(&mut self.refs, batch.as_ref().clone(), KEPT),
            Message::BlocksResponse(blocks) => {
                if let Some(last) = blocks.last() {
                    keep(&mut self.blocks, last.clone(), 8);
                }
            }
            Message::Polka(_)
            | Message::RoundChange(_)
            | Message::RoundStatus(_)
            | Message::SignQuery(_)
            | Message::SignAnswer(_)
            | Message::BatchAck(_)
            | Message::Misbehavior(_)
            | Message::BatchRequest(_)
            | Message::Status(_)
            | Message::BlocksRequest(_) => {}
        }
        if random.below(RELIC_ONE_IN) == 0 {
            keep(&mut self.relics, Arc::clone(message), KEPT);
        }
        keep(&mut self.messages, Arc::clone(message), KEPT);
    }

    /// A message of before: mostly of late, sometimes of long ago.
    pub(super) fn message(&self, random: &mut Random) -> Option<Message> {
        let from = if random.permille(300) { &self.relics } else { &self.messages };
        any(from, random).map(|message| message.as_ref().clone())
    }

    /// The newest proposal of this height.
    pub(super) fn proposal_of(&self, height: Height) -> Option<&ProposalMessage> {
        self.proposals.iter().rev().find(|proposal| proposal.block.header.height == height)
    }

    /// The newest batch of this author.
    pub(super) fn batch_of(&self, author: &ValidatorId) -> Option<&Arc<SignedBatch>> {
        self.batches.iter().rev().find(|batch| batch.header.author == *author)
    }

    pub(super) fn signed_vote(&self, random: &mut Random) -> Option<SignedVote> {
        let vote = any(&self.votes, random).copied()?;
        if random.permille(200) { self.sibling.vote(&vote.vote, random) } else { Some(vote) }
    }

    /// This vote in the mouths of all others: with signatures of the sibling chain, or with the signature of the one who said it.
    pub(super) fn dubbed(&self, heard: &SignedVote, random: &mut Random) -> Vec<SignedVote> {
        if random.permille(500) {
            return self.sibling.all_votes(&heard.vote);
        }
        let dub = |validator: &ValidatorId| SignedVote { validator: *validator, ..*heard };
        self.validators.iter().map(dub).collect()
    }

    pub(super) fn signed_proposal(&self, random: &mut Random) -> Option<SignedProposal> {
        any(&self.proposals, random).map(|proposal| proposal.signed)
    }

    pub(super) fn round_vote(&self, random: &mut Random) -> Option<RoundVote> {
        let SignedVote { vote, validator, signature } = self.signed_vote(random)?;
        Some(RoundVote { kind: vote.kind, block_id: vote.block_id, validator, signature })
    }

    pub(super) fn batch_ref(&self, random: &mut Random) -> Option<BatchRef> {
        any(&self.refs, random).cloned()
    }

    pub(super) fn committed_block(&self, random: &mut Random) -> Option<CommittedBlock> {
        any(&self.blocks, random).cloned()
    }

    pub(super) fn presence(&self, random: &mut Random) -> Option<Presence> {
        any(&self.presences, random).copied()
    }

    /// Somebody is to have missed turns.
    pub(super) fn absence(&self, random: &mut Random) -> Option<Absence> {
        let validator = self.validator(random)?;
        let since_ms = any(&self.proposals, random)?.block.header.time_ms;
        Some(Absence { validator, misses: 1, away: random.permille(500), since_ms })
    }

    pub(super) fn transaction(&self, random: &mut Random) -> Option<SignedTransaction> {
        let batch = any(&self.batches, random)?;
        batch.batch.transactions.get(random.index(batch.batch.transactions.len())).map(|sealed| sealed.signed().clone())
    }

    pub(super) fn transaction_signature(&self, random: &mut Random) -> Option<TransactionSignature> {
        self.transaction(random)?.signatures.first().copied()
    }

    pub(super) fn call(&self, random: &mut Random) -> Option<Call> {
        self.transaction(random)?.body.calls.first().cloned()
    }

    pub(super) fn signer(&self, random: &mut Random) -> Option<Signer> {
        self.transaction(random)?.body.signers.first().copied()
    }

    pub(super) fn account(&self, random: &mut Random) -> Option<AccountId> {
        self.signer(random).map(|signer| signer.account)
    }

    pub(super) fn key_id(&self, random: &mut Random) -> Option<KeyId> {
        self.signer(random).map(|signer| signer.key_id)
    }

    pub(super) fn certificate_signature(&self, random: &mut Random) -> Option<CertificateSignature> {
        if random.permille(500) {
            let batch = any(&self.refs, random)?;
            let signatures = &batch.certificate.signatures;
            return signatures.get(random.index(signatures.len())).copied();
        }
        let SignedVote { validator, signature, .. } = self.signed_vote(random)?;
        Some(CertificateSignature { validator, signature })
    }

    pub(super) fn signature(&self, random: &mut Random) -> Option<Signature> {
        self.certificate_signature(random).map(|entry| entry.signature)
    }

    pub(super) fn validator(&self, random: &mut Random) -> Option<ValidatorId> {
        self.validators.get(random.index(self.validators.len())).copied()
    }

    pub(super) fn block_id(&self, random: &mut Random) -> Option<BlockId> {
        any(&self.proposals, random).map(|proposal| proposal.block.id())
    }

    pub(super) fn batch_id(&self, random: &mut Random) -> Option<BatchId> {
        any(&self.refs, random).map(|batch| batch.header.id())
    }

    #[expect(clippy::unnecessary_wraps, reason = "asked like every other part")]
    pub(super) fn chain(&self, _random: &mut Random) -> Option<ChainId> {
        Some(self.sibling.chain_id)
    }

    /// A hash out of a header heard before.
    pub(super) fn root(&self, random: &mut Random) -> Option<Digest> {
        let header = any(&self.proposals, random)?.block.header;
        let roots = [
            header.batches_root,
            header.validators_hash,
            header.next_validators_hash,
            header.params_hash,
            header.history_root,
            header.misbehavior_root,
            header.attendance_hash,
        ];
        Some(roots[random.index(roots.len())])
    }

    /// A proof made of true signatures of somebody who did nothing wrong.
    pub(super) fn accusation(&self, random: &mut Random) -> Option<MisbehaviorProof> {
        match random.below(3) {
            0 => self.accused_proposer(random),
            1 => self.accused_author(random),
            _ => self.accused_voter(random),
        }
    }

    fn accused_voter(&self, random: &mut Random) -> Option<MisbehaviorProof> {
        let first = self.signed_vote(random)?;
        let others: Vec<SignedVote> =
            self.votes.iter().filter(|vote| vote.validator == first.validator && **vote != first).copied().collect();
        let second = *others.get(random.index(others.len()))?;
        let (first, second) = if encode(&first) < encode(&second) { (first, second) } else { (second, first) };
        Some(MisbehaviorProof::ConflictingVotes { first, second })
    }

    fn accused_proposer(&self, random: &mut Random) -> Option<MisbehaviorProof> {
        let first = self.signed_proposal(random)?;
        let others: Vec<SignedProposal> = self
            .proposals
            .iter()
            .map(|proposal| proposal.signed)
            .filter(|other| other.validator == first.validator && *other != first)
            .collect();
        let second = *others.get(random.index(others.len()))?;
        let (first, second) = if encode(&first) < encode(&second) { (first, second) } else { (second, first) };
        Some(MisbehaviorProof::ConflictingProposals { first, second })
    }

    fn accused_author(&self, random: &mut Random) -> Option<MisbehaviorProof> {
        let batch = any(&self.batches, random)?;
        let transactions = &batch.batch.transactions;
        let index = random.index(transactions.len());
        let leaves: Vec<Digest> = transactions.iter().map(SealedTransaction::leaf).collect();
        let mut transaction = transactions.get(index)?.signed().clone();
        if random.permille(500) {
            transaction.body.nonce ^= 1;
        }
        Some(MisbehaviorProof::InvalidBatch {
            header: batch.header,
            signature: batch.signature,
            transaction: Box::new(transaction),
            path: Path::of(&leaves, u64::try_from(index).ok()?)?,
        })
    }

    /// Votes of others for this block in this round, as many as were heard.
    pub(super) fn votes_for(&self, kind: VoteType, height: Height, round: Round) -> Vec<SignedVote> {
        let wanted = |vote: &&SignedVote| (vote.vote.kind, vote.vote.height, vote.vote.round) == (kind, height, round);
        self.votes.iter().filter(wanted).copied().collect()
    }
}
