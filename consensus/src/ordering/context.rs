//! The types that the voting core counts and compares: ours, in the shape it asks for.
//!
//! A value is the id of a block: the core logs and compares values, so they must be small. Blocks themselves travel and are
//! kept outside the core.

use core::fmt;
use std::sync::Arc;

use arc_malachitebft_core_types as core_types;
use core_types::{LinearTimeouts, NilOrVal, SignedExtension};
use quancheng_types::{BlockId, Height, PublicKey, Round, Signature, ValidatorId, ValidatorSet};

use super::attendance::PASSING_ROUNDS;
use super::rotation::Rotation;

/// Tells the core our types. Carries no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CoreContext;

/// A validator id as the core's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(pub(crate) ValidatorId);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core_types::Address for Address {}

/// A height as the core counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CoreHeight(pub(crate) u64);

impl fmt::Display for CoreHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core_types::Height for CoreHeight {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

impl From<Height> for CoreHeight {
    fn from(height: Height) -> Self {
        Self(height.0)
    }
}

/// A block id as the core's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CoreValue(pub(crate) BlockId);

impl core_types::Value for CoreValue {
    type Id = BlockId;

    fn id(&self) -> BlockId {
        self.0
    }
}

/// We send a proposal and its block in one message of our own, so the core sees no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPart;

impl core_types::ProposalPart<CoreContext> for NoPart {
    fn is_first(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }
}

/// A proposal as the core sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CoreProposal {
    pub(crate) height: CoreHeight,
    pub(crate) round: core_types::Round,
    pub(crate) value: CoreValue,
    pub(crate) pol_round: core_types::Round,
    pub(crate) address: Address,
}

impl core_types::Proposal<CoreContext> for CoreProposal {
    fn height(&self) -> CoreHeight {
        self.height
    }

    fn round(&self) -> core_types::Round {
        self.round
    }

    fn value(&self) -> &CoreValue {
        &self.value
    }

    fn take_value(self) -> CoreValue {
        self.value
    }

    fn pol_round(&self) -> core_types::Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }
}

/// A vote as the core sees it. We use no vote extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CoreVote {
    pub(crate) kind: core_types::VoteType,
    pub(crate) height: CoreHeight,
    pub(crate) round: core_types::Round,
    pub(crate) value: NilOrVal<BlockId>,
    pub(crate) address: Address,
}

impl core_types::Vote<CoreContext> for CoreVote {
    fn height(&self) -> CoreHeight {
        self.height
    }

    fn round(&self) -> core_types::Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<BlockId> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<BlockId> {
        self.value
    }

    fn vote_type(&self) -> core_types::VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }

    fn extension(&self) -> Option<&SignedExtension<CoreContext>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<CoreContext>> {
        None
    }

    fn extend(self, _extension: SignedExtension<CoreContext>) -> Self {
        self
    }
}

/// A validator as the core sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreValidator {
    address: Address,
    public_key: PublicKey,
    power: u64,
}

impl core_types::Validator<CoreContext> for CoreValidator {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

/// A validator set as the core sees it, with the turns of proposers. Cheap to clone: the core clones it often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreValidatorSet {
    members: Arc<Vec<CoreValidator>>,
    /// The turns without those that are passed over, and everybody's.
    rotation: Arc<Rotation>,
    everybody: Arc<Rotation>,
    total_power: u64,
}

impl CoreValidatorSet {
    pub(crate) fn new(set: &ValidatorSet) -> Self {
        let members = set
            .validators()
            .iter()
            .zip(set.ids())
            .map(|(validator, id)| CoreValidator {
                address: Address(*id),
                public_key: validator.public_key,
                power: validator.power,
            })
            .collect();
        let everybody = Arc::new(Rotation::new(set));
        let rotation = Arc::clone(&everybody);
        Self { members: Arc::new(members), rotation, everybody, total_power: set.total_power() }
    }

    /// The same set, in which those at these places have no turns in the first rounds of a height.
    pub(crate) fn passing_over(&self, set: &ValidatorSet, places: &[usize]) -> Self {
        if places.is_empty() {
            return self.clone();
        }
        Self { rotation: Arc::new(Rotation::without(set, places)), ..self.clone() }
    }

    /// Whose turn it is.
    pub(crate) fn proposer(&self, height: Height, round: Round) -> ValidatorId {
        self.whose_turn(height.0, round.0).address.0
    }

    fn whose_turn(&self, height: u64, round: u32) -> &CoreValidator {
        let rotation = if round < PASSING_ROUNDS { &self.rotation } else { &self.everybody };
        self.member(rotation.turn(height, round))
    }

    /// Whose turns passed before this round, each once.
    pub(crate) fn missed(&self, height: Height, round: Round) -> Vec<ValidatorId> {
        // Everybody had a turn after as many rounds.
        let most = self.everybody.cycle().saturating_add(PASSING_ROUNDS);
        let turns = (0..round.0.min(most)).map(|round| self.proposer(height, Round(round)));
        turns.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    fn member(&self, index: usize) -> &CoreValidator {
        self.members.get(index).expect("a rotation names members of its own set")
    }
}

impl core_types::ValidatorSet<CoreContext> for CoreValidatorSet {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.total_power
    }

    fn get_by_address(&self, address: &Address) -> Option<&CoreValidator> {
        let index = self.members.binary_search_by(|member| member.address.cmp(address)).ok()?;
        self.members.get(index)
    }

    fn get_by_index(&self, index: usize) -> Option<&CoreValidator> {
        self.members.get(index)
    }
}

/// The chain's signature scheme as the core names it. The core only carries signatures; it never makes or checks one, so there
/// are no private keys here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheme;

impl core_types::SigningScheme for Scheme {
    type DecodingError = quancheng_types::DecodeError;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, Self::DecodingError> {
        quancheng_types::decode(bytes, ENCODED_MAX)
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        quancheng_types::codec::encode(signature)
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, Self::DecodingError> {
        quancheng_types::decode(bytes, ENCODED_MAX)
    }

    fn encode_public_key(public_key: &PublicKey) -> Vec<u8> {
        quancheng_types::codec::encode(public_key)
    }
}

/// Bytes of an encoded key or signature at most: a tag and 64 bytes.
const ENCODED_MAX: u32 = 65;

impl core_types::Context for CoreContext {
    type Address = Address;
    type Height = CoreHeight;
    type ProposalPart = NoPart;
    type Proposal = CoreProposal;
    type Validator = CoreValidator;
    type ValidatorSet = CoreValidatorSet;
    type Timeouts = LinearTimeouts;
    type Value = CoreValue;
    type Vote = CoreVote;
    type Extension = ();
    type SigningScheme = Scheme;

    fn select_proposer<'a>(
        &self,
        validator_set: &'a CoreValidatorSet,
        height: CoreHeight,
        round: core_types::Round,
    ) -> &'a CoreValidator {
        validator_set.whose_turn(height.0, round.as_u32().unwrap_or(0))
    }

    fn new_proposal(
        &self,
        height: CoreHeight,
        round: core_types::Round,
        value: CoreValue,
        pol_round: core_types::Round,
        address: Address,
    ) -> CoreProposal {
        CoreProposal { height, round, value, pol_round, address }
    }

    fn new_prevote(
        &self,
        height: CoreHeight,
        round: core_types::Round,
        value: NilOrVal<BlockId>,
        address: Address,
    ) -> CoreVote {
        CoreVote { kind: core_types::VoteType::Prevote, height, round, value, address }
    }

    fn new_precommit(
        &self,
        height: CoreHeight,
        round: core_types::Round,
        value: NilOrVal<BlockId>,
        address: Address,
    ) -> CoreVote {
        CoreVote { kind: core_types::VoteType::Precommit, height, round, value, address }
    }
}
