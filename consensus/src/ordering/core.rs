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
use core_consensus::{Input, Params, State, process};
use core_types::{ValuePayload, VoteExtensionPolicy};
use quancheng_types::{
    BlockId, ChainId, CommitCertificate, Height, MisbehaviorProof, Round, Signature, SignedProposal, SignedVote,
    ValidatorId,
};

use super::answers::{Answers, digest, proposal_proof, vote_proof};
use super::context::{Address, CoreContext, CoreHeight, CoreValidatorSet};
use super::convert;
use super::tally::thresholds;
use crate::checker::SignatureChecker;
use crate::log::{LogEntry, TimeoutStep};
use crate::message::{PolkaCertificate, RoundCertificate};
use crate::planted::Planted;
use crate::sign_record::{NotSafe, SignRecord};
use crate::signer::Signer;

/// Stands for a signature that was not made. Sixty-four zero bytes name a point of small order and the scalar zero; the core's
/// answer for it is fixed to "invalid" below, whatever the rule says.
pub(super) const UNSIGNED: Signature = Signature::Ed25519([0; 64]);

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
    pub(crate) planted: Planted,
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
    pub(crate) fn new(
        chain_id: ChainId,
        address: ValidatorId,
        votes: bool,
        set: &CoreValidatorSet,
        planted: Planted,
    ) -> Self {
        let params = Params {
            address: Address(address),
            threshold_params: thresholds(planted),
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
        let start = Input::StartHeight(height.into(), set.clone(), false, None, VoteExtensionPolicy::Disabled);
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
    pub(crate) fn run(
        &mut self,
        host: &mut Host<'_>,
        input: Input<CoreContext>,
    ) -> (Vec<CoreEvent>, Result<(), CoreError>) {
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

    /// Whether this vote is held, is part of a proof against its sender that is held, or conflicts with one while there are
    /// proofs enough.
    pub(crate) fn learns_nothing_from(&self, vote: &core_types::SignedVote<CoreContext>) -> bool {
        let votes = self.state.driver.votes();
        votes.has_vote(vote) || votes.has_equivocation_evidence(vote) || votes.is_saturated_conflict(vote)
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
