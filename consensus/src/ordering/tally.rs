//! Verifies the certificates that the core asks about: distinct members, good signatures, enough power.
#![expect(clippy::result_large_err, reason = "the error type is the core's, and errors are rare")]

use std::collections::BTreeSet;

use arc_malachitebft_core_types as core_types;
use core_types::{CertificateError, NilOrVal, ThresholdParams, VoteType as CoreVoteType};
use quancheng_types::{PublicKey, Signature};

use super::answers::Answers;
use super::context::{Address, CoreContext, CoreValidatorSet, CoreVote};
use super::convert;
use crate::planted::Planted;

impl Answers<'_, '_> {
    fn verify_vote(&mut self, key: &PublicKey, vote: CoreVote, signature: &Signature) -> bool {
        let message = convert::vote(self.chain_id, &vote).sign_message();
        self.host.checker.check(key, &message, signature)
    }

    pub(super) fn verify_commit(
        &mut self,
        certificate: &core_types::CommitCertificate<CoreContext>,
        set: &CoreValidatorSet,
    ) -> Result<(), CertificateError<CoreContext>> {
        let mut tally = Tally::new(set, self.host.planted);
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
        tally.quorum(false)
    }

    pub(super) fn verify_polka(
        &mut self,
        certificate: &core_types::PolkaCertificate<CoreContext>,
        set: &CoreValidatorSet,
    ) -> Result<(), CertificateError<CoreContext>> {
        let mut tally = Tally::new(set, self.host.planted);
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
        let one_less = self.host.planted.polka_quorum();
        tally.quorum(one_less)
    }

    pub(super) fn verify_round(
        &mut self,
        certificate: &core_types::RoundCertificate<CoreContext>,
        set: &CoreValidatorSet,
    ) -> Result<(), CertificateError<CoreContext>> {
        let precommits_only = certificate.cert_type == core_types::RoundCertificateType::Precommit;
        let mut tally = Tally::new(set, self.host.planted);
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
        if precommits_only { tally.quorum(false) } else { tally.one_honest() }
    }
}

/// Sums the power of distinct members.
/// What counts as a quorum, and what as one honest validator at least.
pub(super) fn thresholds(planted: Planted) -> ThresholdParams {
    let right = ThresholdParams::default();
    if planted.vote_quorum() {
        return ThresholdParams { quorum: right.honest, ..right };
    }
    if planted.round_quorum() {
        return ThresholdParams { honest: core_types::ThresholdParam::new(1, 5), ..right };
    }
    right
}

struct Tally<'a> {
    set: &'a CoreValidatorSet,
    seen: BTreeSet<Address>,
    power: u64,
    planted: Planted,
}

impl<'a> Tally<'a> {
    fn new(set: &'a CoreValidatorSet, planted: Planted) -> Self {
        Self { set, seen: BTreeSet::new(), power: 0, planted }
    }

    fn add(&mut self, address: Address) -> Result<PublicKey, CertificateError<CoreContext>> {
        use core_types::{Validator as _, ValidatorSet as _};
        if !self.seen.insert(address) {
            return Err(CertificateError::DuplicateVote(address));
        }
        let validator = self.set.get_by_address(&address).ok_or(CertificateError::UnknownValidator(address))?;
        self.power = self
            .power
            .checked_add(validator.voting_power())
            .ok_or(CertificateError::VotingPowerOverflow { signed: self.power, added: validator.voting_power() })?;
        Ok(*validator.public_key())
    }

    fn quorum(&self, one_less: bool) -> Result<(), CertificateError<CoreContext>> {
        self.met(thresholds(self.planted).quorum, one_less)
    }

    fn one_honest(&self) -> Result<(), CertificateError<CoreContext>> {
        self.met(thresholds(self.planted).honest, false)
    }

    fn met(&self, threshold: core_types::ThresholdParam, one_less: bool) -> Result<(), CertificateError<CoreContext>> {
        use core_types::ValidatorSet as _;
        let total = self.set.total_voting_power();
        if threshold.is_met(self.power + u64::from(one_less), total) {
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
