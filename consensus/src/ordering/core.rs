//! The voting core, wrapped: inputs in, a list of events out, no coroutines to be seen.
//!
//! Everything the core asks for is either answered at once (signatures, verification) or only noted as an event, which the
//! engine carries out in order afterwards. The core never waits.
//!
//! **A signature that must not be made** is answered with [`UNSIGNED`], a signature that never verifies: the core then drops
//! its own message as forged, and the messages it would publish are filtered here. So a refusal costs one vote, never an error.

use std::collections::BTreeSet;

use arc_malachitebft_core_consensus as core_consensus;
use arc_malachitebft_core_types as core_types;
use core_consensus::{Effect, Input, LivenessMsg, Params, Resumable, Resume, SignedConsensusMsg, State, VoteExtensionError, process};
use core_types::{
    CertificateError, NilOrVal, SignedMessage, ThresholdParams, Timeout, TimeoutKind, ValuePayload,
    VoteExtensionPolicy, VoteType as CoreVoteType,
};
use quancheng_types::{
    BlockId, ChainId, CommitCertificate, Height, MisbehaviorProof, PublicKey, Round, Signature, SignedProposal, SignedVote,
    ValidatorId,
};

use super::context::{Address, CoreContext, CoreHeight, CoreValidatorSet, CoreVote};
use super::convert;
use crate::checker::SignatureChecker;
use crate::log::{LogEntry, TimeoutStep};
use crate::message::{PolkaCertificate, RoundCertificate};
use crate::misbehavior::{conflicting_proposals, conflicting_votes};
use crate::sign_record::{NotSafe, SignRecord};
use crate::signer::Signer;

/// Stands for a signature that was not made. Sixty-four zero bytes name a point of small order and the scalar zero; the core's
/// answer for it is fixed to "invalid" below, whatever the rule says.
const UNSIGNED: Signature = Signature::Ed25519([0; 64]);

/// Heights and inputs per height that the core may queue by itself: it gets inputs of its own height only.
const CORE_QUEUE: usize = 1;

/// What the core wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CoreEvent {
    Log(LogEntry),
    Record(SignRecord),
    NotSafe(NotSafe),
    Schedule(TimeoutStep, Round),
    ScheduleStuck(Round),
    Cancel(TimeoutStep),
    CancelStuck,
    CancelAll,
    StartRound(Round),
    NeedValue(Round),
    PublishVote(SignedVote),
    /// A vote that was published, and so flushed, before.
    RepeatVote(SignedVote),
    PublishProposal(SignedProposal),
    PublishPolka(PolkaCertificate),
    PublishRoundChange(RoundCertificate),
    Decided(CommitCertificate),
    Misbehavior(MisbehaviorProof),
}

/// The core failed. Every kind is a bug of ours or of the core, or a log that other software wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreError {
    /// It was answered with something it had not asked for.
    UnexpectedResume,
    /// It was in the commit step without a decision.
    NoDecision,
    /// Its state machine refused an input.
    StateMachine,
    /// It judged a certificate that we had verified as invalid.
    Certificate,
    /// It wanted to repeat a block without its polka.
    MissingPolka,
    /// It asked for vote extensions, which this chain does not use.
    VoteExtension,
    /// Replaying the log led to another vote or proposal than the one in the log.
    ReplayDivergence,
}

impl core::fmt::Display for CoreError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::UnexpectedResume => "the voting core was answered with something it had not asked for",
            Self::NoDecision => "the voting core was in the commit step without a decision",
            Self::StateMachine => "the state machine of the voting core refused an input",
            Self::Certificate => "the voting core refused a certificate that had been verified",
            Self::MissingPolka => "the voting core wanted to repeat a block without its polka",
            Self::VoteExtension => "the voting core asked for vote extensions, which this chain does not use",
            Self::ReplayDivergence => "replaying the log led to another vote than the one in the log",
        })
    }
}

impl core::error::Error for CoreError {}

impl From<core_consensus::Error<CoreContext>> for CoreError {
    fn from(error: core_consensus::Error<CoreContext>) -> Self {
        use core_consensus::Error as E;
        match error {
            E::UnexpectedResume(..) => Self::UnexpectedResume,
            E::DecisionNotFound(..) => Self::NoDecision,
            E::DriverProcess(_) => Self::StateMachine,
            E::InvalidCommitCertificate(..) => Self::Certificate,
            E::MissingPolkaCertificate(..) => Self::MissingPolka,
            E::VoteExtensionRequired(..) => Self::VoteExtension,
            E::WalCorrupted(_) | E::ReplayDivergence(..) => Self::ReplayDivergence,
        }
    }
}

/// What the core needs from outside while it works on one input.
pub(crate) struct Host<'a> {
    pub(crate) signer: &'a mut Signer,
    pub(crate) checker: &'a mut dyn SignatureChecker,
}

/// The voting core at one height.
pub(crate) struct VotingCore {
    chain_id: ChainId,
    state: State<CoreContext>,
    /// Digests of entries that were read from the log: they must not be appended again.
    replayed: BTreeSet<quancheng_types::Digest>,
}

impl core::fmt::Debug for VotingCore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VotingCore")
            .field("height", &self.state.height())
            .field("round", &self.state.round())
            .finish_non_exhaustive()
    }
}

impl VotingCore {
    /// A core that waits for its first height. `address` is this validator, or any id outside the sets for a follower.
    pub(crate) fn new(chain_id: ChainId, address: ValidatorId, votes: bool, set: &CoreValidatorSet) -> Self {
        let params = Params {
            address: Address(address),
            threshold_params: ThresholdParams::default(),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: votes,
        };
        let state = State::new(CoreContext, CoreHeight(0), set.clone(), params, CORE_QUEUE, CORE_QUEUE);
        Self { chain_id, state, replayed: BTreeSet::new() }
    }

    /// Starts a height and replays what the log holds of it.
    pub(crate) fn start(
        &mut self,
        host: &mut Host<'_>,
        height: Height,
        set: &CoreValidatorSet,
        log: &[LogEntry],
    ) -> (Vec<CoreEvent>, Result<(), CoreError>) {
        let inputs: Vec<Input<CoreContext>> = log.iter().filter_map(convert::core_input).collect();
        self.replayed = log.iter().map(digest).collect();
        let start =
            Input::StartHeight(height.into(), set.clone(), false, None, VoteExtensionPolicy::Disabled);
        if !inputs.is_empty() {
            self.state.index_wal_entries(&inputs);
        }
        let (mut events, mut result) = self.run(host, start);
        for input in inputs {
            if result.is_err() {
                break;
            }
            let (more, next) = self.run(host, input);
            events.extend(more);
            result = next;
        }
        self.state.reset_entries_index();
        self.replayed.clear();
        (events, result)
    }

    /// Takes in one input.
    pub(crate) fn run(&mut self, host: &mut Host<'_>, input: Input<CoreContext>) -> (Vec<CoreEvent>, Result<(), CoreError>) {
        let mut answers = Answers { chain_id: self.chain_id, host, replayed: &self.replayed, events: Vec::new() };
        let result: Result<(), CoreError> = process!(
            input: input,
            state: &mut self.state,
            metrics: &(),
            with: effect => Ok::<_, core::convert::Infallible>(answers.answer(effect))
        );
        (answers.events, result)
    }

    pub(crate) fn height(&self) -> Height {
        Height(self.state.height().0)
    }

    pub(crate) fn round(&self) -> Round {
        convert::defined_round(self.state.round())
    }

    /// Whose turn it is to propose in this round of the height in progress.
    pub(crate) fn proposer(&self, round: Round) -> ValidatorId {
        self.state.get_proposer(self.state.height(), convert::core_round(round)).0
    }

    /// The newest block with a polka, and the round of it.
    pub(crate) fn valid_value(&self) -> Option<(Round, BlockId)> {
        let valid = self.state.driver.valid_value()?;
        Some((convert::round(valid.round)?, valid.value.0))
    }

    /// Whether a quorum of prevotes for this block in this round is known.
    pub(crate) fn has_polka(&self, round: Round, block_id: &BlockId) -> bool {
        self.state.polka_certificate(convert::core_round(round), block_id).is_some()
    }

    pub(crate) fn polka(&self, round: Round, block_id: &BlockId) -> Option<PolkaCertificate> {
        self.state.polka_certificate(convert::core_round(round), block_id).map(convert::polka)
    }

    /// The certificate by which the round in progress was entered.
    pub(crate) fn round_certificate(&self) -> Option<RoundCertificate> {
        let entered = self.state.round_certificate()?;
        (entered.enter_round == self.state.round()).then(|| convert::round_certificate(&entered.certificate))
    }

    /// Votes held for a round of the height in progress.
    pub(crate) fn votes(&self, round: Round) -> Vec<SignedVote> {
        self.state.driver.votes().per_round(convert::core_round(round)).map_or_else(Vec::new, |votes| {
            votes.received_votes().iter().map(|vote| convert::signed_vote(self.chain_id, vote)).collect()
        })
    }

    /// Takes out what it found against validators at a height that it did not decide itself.
    pub(crate) fn take_misbehavior(&mut self) -> Vec<MisbehaviorProof> {
        let mut proofs = Vec::new();
        for (_, pairs) in self.state.driver.take_proposal_evidence() {
            proofs.extend(pairs.iter().filter_map(|pair| proposal_proof(self.chain_id, pair)));
        }
        for (_, pairs) in self.state.driver.take_vote_evidence().iter() {
            proofs.extend(pairs.iter().filter_map(|pair| vote_proof(self.chain_id, pair)));
        }
        proofs
    }
}

fn digest(entry: &LogEntry) -> quancheng_types::Digest {
    quancheng_types::hash::sha256(&[&quancheng_types::codec::encode(entry)])
}

fn vote_proof(chain_id: ChainId, pair: &core_types::DoubleVote<CoreContext>) -> Option<MisbehaviorProof> {
    conflicting_votes(convert::signed_vote(chain_id, &pair.0), convert::signed_vote(chain_id, &pair.1))
}

fn proposal_proof(chain_id: ChainId, pair: &core_types::DoubleProposal<CoreContext>) -> Option<MisbehaviorProof> {
    conflicting_proposals(convert::signed_proposal(chain_id, &pair.0), convert::signed_proposal(chain_id, &pair.1))
}

/// Answers effects and notes events.
struct Answers<'a, 'b> {
    chain_id: ChainId,
    host: &'a mut Host<'b>,
    replayed: &'a BTreeSet<quancheng_types::Digest>,
    events: Vec<CoreEvent>,
}

impl Answers<'_, '_> {
    fn answer(&mut self, effect: Effect<CoreContext>) -> Resume<CoreContext> {
        match effect {
            Effect::CancelAllTimeouts(r) => self.note(CoreEvent::CancelAll, r),
            Effect::CancelTimeout(timeout, r) => self.note_timeout(timeout, false, r),
            Effect::ScheduleTimeout(timeout, r) => self.note_timeout(timeout, true, r),
            Effect::StartRound(_, round, _, _, r) => self.note(CoreEvent::StartRound(convert::defined_round(round)), r),
            Effect::PublishConsensusMsg(message, r) => {
                self.publish(&message);
                r.resume_with(())
            }
            Effect::PublishLivenessMsg(message, r) => {
                self.publish_liveness(&message);
                r.resume_with(())
            }
            Effect::RepublishVote(vote, r) => {
                if vote.signature != UNSIGNED {
                    self.events.push(CoreEvent::RepeatVote(convert::signed_vote(self.chain_id, &vote)));
                }
                r.resume_with(())
            }
            Effect::RepublishRoundCertificate(certificate, r) => {
                self.note(CoreEvent::PublishRoundChange(convert::round_certificate(&certificate)), r)
            }
            Effect::GetValue(_, round, _, r) => self.note(CoreEvent::NeedValue(convert::defined_round(round)), r),
            // The block travels with the proposal, which the core publishes right after.
            Effect::RestreamProposal(.., r) => r.resume_with(()),
            // Synced blocks are decided outside the core (see `crate::sync`).
            Effect::CertVerifiedSyncValue(.., r) => r.resume_with(()),
            Effect::CertRejectedSyncValue(.., r) => r.resume_with(()),
            Effect::Decide(certificate, _, r) => {
                self.note(CoreEvent::Decided(convert::commit_certificate(&certificate)), r)
            }
            Effect::Finalize(_, _, found, r) => {
                self.note_misbehavior(&found);
                r.resume_with(())
            }
            Effect::WalAppend(height, input, r) => {
                self.log(height, &input);
                r.resume_with(())
            }
            Effect::SignVote(vote, r) => {
                let verdict = self.host.signer.vote(&convert::vote(self.chain_id, &vote), self.host.checker);
                let signature = self.signature(verdict);
                r.resume_with(SignedMessage::new(vote, signature))
            }
            Effect::SignProposal(proposal, r) => {
                let verdict = self.host.signer.proposal(&convert::proposal(self.chain_id, &proposal), self.host.checker);
                let signature = self.signature(verdict);
                r.resume_with(SignedMessage::new(proposal, signature))
            }
            Effect::VerifySignature(signed, key, r) => r.resume_with(self.verify(&signed, &key)),
            Effect::VerifyCommitCertificate(certificate, set, _, r) => {
                r.resume_with(self.verify_commit(&certificate, &set))
            }
            Effect::VerifyExtendedCommitCertificate(certificate, set, _, _, r) => {
                r.resume_with(self.verify_commit(&certificate.trim_vote_extensions(), &set))
            }
            Effect::VerifyPolkaCertificate(certificate, set, _, r) => r.resume_with(self.verify_polka(&certificate, &set)),
            Effect::VerifyRoundCertificate(certificate, set, _, r) => r.resume_with(self.verify_round(&certificate, &set)),
            Effect::ExtendVote(.., r) => r.resume_with(None),
            Effect::VerifyVoteExtension(.., r) => r.resume_with(Err(VoteExtensionError::InvalidVoteExtension)),
        }
    }

    fn log(&mut self, height: CoreHeight, input: &Input<CoreContext>) {
        if let Some(entry) = convert::log_entry(self.chain_id, height, input)
            && (self.replayed.is_empty() || !self.replayed.contains(&digest(&entry)))
        {
            self.events.push(CoreEvent::Log(entry));
        }
    }

    fn note_misbehavior(&mut self, found: &core_consensus::MisbehaviorEvidence<CoreContext>) {
        for (_, pairs) in &found.proposals {
            let proofs = pairs.iter().filter_map(|pair| proposal_proof(self.chain_id, pair));
            self.events.extend(proofs.map(CoreEvent::Misbehavior));
        }
        for (_, pairs) in found.votes.iter() {
            let proofs = pairs.iter().filter_map(|pair| vote_proof(self.chain_id, pair));
            self.events.extend(proofs.map(CoreEvent::Misbehavior));
        }
    }

    fn verify(&mut self, signed: &SignedMessage<CoreContext, core_consensus::ConsensusMsg<CoreContext>>, key: &PublicKey) -> bool {
        let message = match &signed.message {
            core_consensus::ConsensusMsg::Vote(vote) => convert::vote(self.chain_id, vote).sign_message(),
            core_consensus::ConsensusMsg::Proposal(proposal) => convert::proposal(self.chain_id, proposal).sign_message(),
        };
        signed.signature != UNSIGNED && self.host.checker.check(key, &message, &signed.signature)
    }

    fn note<R: Resumable<CoreContext, Value = ()>>(&mut self, event: CoreEvent, r: R) -> Resume<CoreContext> {
        self.events.push(event);
        r.resume_with(())
    }

    fn note_timeout<R: Resumable<CoreContext, Value = ()>>(
        &mut self,
        timeout: Timeout,
        schedule: bool,
        r: R,
    ) -> Resume<CoreContext> {
        let round = convert::defined_round(timeout.round);
        match (convert::timeout_step(timeout.kind), schedule) {
            (Some(step), true) => self.events.push(CoreEvent::Schedule(step, round)),
            (Some(step), false) => self.events.push(CoreEvent::Cancel(step)),
            (None, true) if timeout.kind == TimeoutKind::Rebroadcast => self.events.push(CoreEvent::ScheduleStuck(round)),
            (None, false) if timeout.kind == TimeoutKind::Rebroadcast => self.events.push(CoreEvent::CancelStuck),
            // The finalization wait exists only with a target time, which we never set.
            (None, _) => {}
        }
        r.resume_with(())
    }

    /// The signature, or the stand-in for one that must not be made.
    fn signature(&mut self, verdict: crate::signer::Verdict) -> Signature {
        match verdict {
            crate::signer::Verdict::New(signature, record) => {
                self.events.push(CoreEvent::Record(record));
                signature
            }
            crate::signer::Verdict::Same(signature) => signature,
            crate::signer::Verdict::Refused(reason) => {
                self.events.push(CoreEvent::NotSafe(reason));
                UNSIGNED
            }
            crate::signer::Verdict::NoKey => UNSIGNED,
        }
    }

    fn publish(&mut self, message: &SignedConsensusMsg<CoreContext>) {
        match message {
            SignedConsensusMsg::Vote(vote) if vote.signature != UNSIGNED => {
                self.events.push(CoreEvent::PublishVote(convert::signed_vote(self.chain_id, vote)));
            }
            SignedConsensusMsg::Proposal(proposal) if proposal.signature != UNSIGNED => {
                self.events.push(CoreEvent::PublishProposal(convert::signed_proposal(self.chain_id, proposal)));
            }
            SignedConsensusMsg::Vote(_) | SignedConsensusMsg::Proposal(_) => {}
        }
    }

    fn publish_liveness(&mut self, message: &LivenessMsg<CoreContext>) {
        match message {
            LivenessMsg::Vote(vote) if vote.signature != UNSIGNED => {
                self.events.push(CoreEvent::PublishVote(convert::signed_vote(self.chain_id, vote)));
            }
            LivenessMsg::Vote(_) => {}
            LivenessMsg::PolkaCertificate(certificate) => {
                self.events.push(CoreEvent::PublishPolka(convert::polka(certificate)));
            }
            LivenessMsg::SkipRoundCertificate(certificate) => {
                self.events.push(CoreEvent::PublishRoundChange(convert::round_certificate(certificate)));
            }
        }
    }

    fn verify_vote(&mut self, key: &PublicKey, vote: CoreVote, signature: &Signature) -> bool {
        let message = convert::vote(self.chain_id, &vote).sign_message();
        self.host.checker.check(key, &message, signature)
    }

    fn verify_commit(
        &mut self,
        certificate: &core_types::CommitCertificate<CoreContext>,
        set: &CoreValidatorSet,
    ) -> Result<(), CertificateError<CoreContext>> {
        let mut tally = Tally::new(set);
        for entry in &certificate.commit_signatures {
            let key = tally.add(entry.address)?;
            let vote = CoreVote {
                kind: CoreVoteType::Precommit,
                height: certificate.height,
                round: certificate.round,
                value: NilOrVal::Val(certificate.value_id),
                address: entry.address,
            };
            if !self.verify_vote(&key, vote, &entry.signature) {
                return Err(CertificateError::InvalidCommitSignature(entry.clone()));
            }
        }
        tally.quorum()
    }

    fn verify_polka(
        &mut self,
        certificate: &core_types::PolkaCertificate<CoreContext>,
        set: &CoreValidatorSet,
    ) -> Result<(), CertificateError<CoreContext>> {
        let mut tally = Tally::new(set);
        for entry in &certificate.polka_signatures {
            let key = tally.add(entry.address)?;
            let vote = CoreVote {
                kind: CoreVoteType::Prevote,
                height: certificate.height,
                round: certificate.round,
                value: NilOrVal::Val(certificate.value_id),
                address: entry.address,
            };
            if !self.verify_vote(&key, vote, &entry.signature) {
                return Err(CertificateError::InvalidPolkaSignature(entry.clone()));
            }
        }
        tally.quorum()
    }

    fn verify_round(
        &mut self,
        certificate: &core_types::RoundCertificate<CoreContext>,
        set: &CoreValidatorSet,
    ) -> Result<(), CertificateError<CoreContext>> {
        let precommits_only = certificate.cert_type == core_types::RoundCertificateType::Precommit;
        let mut tally = Tally::new(set);
        for entry in &certificate.round_signatures {
            if precommits_only && entry.vote_type != CoreVoteType::Precommit {
                return Err(CertificateError::InvalidVoteType(entry.address));
            }
            let key = tally.add(entry.address)?;
            let vote = CoreVote {
                kind: entry.vote_type,
                height: certificate.height,
                round: certificate.round,
                value: entry.value_id,
                address: entry.address,
            };
            if !self.verify_vote(&key, vote, &entry.signature) {
                return Err(CertificateError::InvalidRoundSignature(entry.clone()));
            }
        }
        if precommits_only { tally.quorum() } else { tally.one_honest() }
    }
}

/// Sums the power of distinct members.
struct Tally<'a> {
    set: &'a CoreValidatorSet,
    seen: BTreeSet<Address>,
    power: u64,
}

impl<'a> Tally<'a> {
    fn new(set: &'a CoreValidatorSet) -> Self {
        Self { set, seen: BTreeSet::new(), power: 0 }
    }

    fn add(&mut self, address: Address) -> Result<PublicKey, CertificateError<CoreContext>> {
        use core_types::{Validator as _, ValidatorSet as _};
        if !self.seen.insert(address) {
            return Err(CertificateError::DuplicateVote(address));
        }
        let validator = self.set.get_by_address(&address).ok_or(CertificateError::UnknownValidator(address))?;
        self.power = self.power.checked_add(validator.voting_power()).ok_or(CertificateError::VotingPowerOverflow {
            signed: self.power,
            added: validator.voting_power(),
        })?;
        Ok(*validator.public_key())
    }

    fn quorum(&self) -> Result<(), CertificateError<CoreContext>> {
        self.met(ThresholdParams::default().quorum)
    }

    fn one_honest(&self) -> Result<(), CertificateError<CoreContext>> {
        self.met(ThresholdParams::default().honest)
    }

    fn met(&self, threshold: core_types::ThresholdParam) -> Result<(), CertificateError<CoreContext>> {
        use core_types::ValidatorSet as _;
        let total = self.set.total_voting_power();
        if threshold.is_met(self.power, total) {
            Ok(())
        } else {
            Err(CertificateError::NotEnoughVotingPower {
                signed: self.power,
                total,
                expected: threshold.min_expected(total),
            })
        }
    }
}
