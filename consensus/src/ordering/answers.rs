//! Answers what the voting core asks, and notes what it wants done.

use std::collections::BTreeSet;

use arc_malachitebft_core_consensus as core_consensus;
use arc_malachitebft_core_types as core_types;
use core_consensus::{Effect, Input, LivenessMsg, Resumable, Resume, SignedConsensusMsg, VoteExtensionError};
use core_types::{SignedMessage, Timeout, TimeoutKind};
use quancheng_types::{ChainId, MisbehaviorProof, PublicKey, Signature};

use super::context::{CoreContext, CoreHeight};
use super::convert;
use super::core::{CoreEvent, Host, UNSIGNED};
use crate::log::LogEntry;
use crate::misbehavior::{conflicting_proposals, conflicting_votes};

pub(super) fn digest(entry: &LogEntry) -> quancheng_types::Digest {
    quancheng_types::hash::sha256(&[&quancheng_types::codec::encode(entry)])
}

pub(super) fn vote_proof(chain_id: ChainId, pair: &core_types::DoubleVote<CoreContext>) -> Option<MisbehaviorProof> {
    conflicting_votes(convert::signed_vote(chain_id, &pair.0), convert::signed_vote(chain_id, &pair.1))
}

pub(super) fn proposal_proof(
    chain_id: ChainId,
    pair: &core_types::DoubleProposal<CoreContext>,
) -> Option<MisbehaviorProof> {
    conflicting_proposals(convert::signed_proposal(chain_id, &pair.0), convert::signed_proposal(chain_id, &pair.1))
}

/// Answers effects and notes events.
pub(super) struct Answers<'a, 'b> {
    pub(super) chain_id: ChainId,
    pub(super) host: &'a mut Host<'b>,
    pub(super) replayed: &'a BTreeSet<quancheng_types::Digest>,
    pub(super) events: Vec<CoreEvent>,
}

impl Answers<'_, '_> {
    pub(super) fn answer(&mut self, effect: Effect<CoreContext>) -> Resume<CoreContext> {
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
                let verdict =
                    self.host.signer.proposal(&convert::proposal(self.chain_id, &proposal), self.host.checker);
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
            Effect::VerifyPolkaCertificate(certificate, set, _, r) => {
                r.resume_with(self.verify_polka(&certificate, &set))
            }
            Effect::VerifyRoundCertificate(certificate, set, _, r) => {
                r.resume_with(self.verify_round(&certificate, &set))
            }
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

    fn verify(
        &mut self,
        signed: &SignedMessage<CoreContext, core_consensus::ConsensusMsg<CoreContext>>,
        key: &PublicKey,
    ) -> bool {
        let message = match &signed.message {
            core_consensus::ConsensusMsg::Vote(vote) => convert::vote(self.chain_id, vote).sign_message(),
            core_consensus::ConsensusMsg::Proposal(proposal) => {
                convert::proposal(self.chain_id, proposal).sign_message()
            }
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
            (None, true) if timeout.kind == TimeoutKind::Rebroadcast => {
                self.events.push(CoreEvent::ScheduleStuck(round))
            }
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
}
