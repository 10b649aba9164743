//! Which blocks are final.

use std::collections::BTreeMap;

use quancheng_consensus::SignatureChecker as _;
use quancheng_types::{BlockId, Height, certificate};

use super::{Observation, Property};
use crate::known::Known;

/// No two certified blocks at one height.
#[derive(Default)]
pub(super) struct OneBlockPerHeight {
    blocks: BTreeMap<Height, BlockId>,
}

impl Property for OneBlockPerHeight {
    fn name(&self) -> &'static str {
        "one_block_per_height"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Committed(decided) = observation else {
            return Ok(());
        };
        let (height, id) = (decided.block.header.height, decided.block.id());
        let first = *self.blocks.entry(height).or_insert(id);
        if first == id { Ok(()) } else { Err(format!("height {height} has blocks {first} and {id}")) }
    }
}

/// Equal height, equal bytes: nothing that travels with a block differs between honest machines, certificates of batches included.
pub(super) struct IdenticalBodies;

impl Property for IdenticalBodies {
    fn name(&self) -> &'static str {
        "identical_bodies"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Observation::Committed(decided) = observation else {
            return Ok(());
        };
        let height = decided.block.header.height;
        match known.block(height) {
            Some(first) if first.block != decided.block => {
                Err(format!("height {height} has the same header and another body than at another machine"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Committed histories of honest machines are prefixes of each other: heights without gaps, each block naming the one before.
#[derive(Default)]
pub(super) struct PrefixAgreement {
    tips: BTreeMap<usize, (Height, BlockId)>,
}

impl Property for PrefixAgreement {
    fn name(&self) -> &'static str {
        "prefix_agreement"
    }

    fn observe(&mut self, machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Committed(decided) = observation else {
            return Ok(());
        };
        let header = &decided.block.header;
        let (height, parent) = self.tips.get(&machine).copied().unwrap_or_default();
        if header.height != height.next() {
            return Err(format!("height {} was committed after {height}", header.height));
        }
        if header.parent != parent {
            return Err(format!(
                "block at height {} names parent {}, but {parent} is below it",
                header.height, header.parent
            ));
        }
        self.tips.insert(machine, (header.height, header.id()));
        Ok(())
    }
}

/// What is stored as proof of a decision convinces an outsider: 2f+1 true signatures of the validators of that height. This is
/// the part of `evidence_verifies` that can be judged at once.
#[derive(Default)]
pub(super) struct CertificateHolds {
    judged: BTreeMap<Height, Vec<quancheng_types::CommitCertificate>>,
}

impl Property for CertificateHolds {
    fn name(&self) -> &'static str {
        "evidence_verifies"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Observation::Committed(decided) = observation else {
            return Ok(());
        };
        let (height, proof) = (decided.block.header.height, &decided.certificate);
        let judged = self.judged.entry(height).or_default();
        if judged.contains(proof) {
            return Ok(());
        }
        if proof.height != height || proof.block_id != decided.block.id() {
            return Err(format!("the certificate stored for height {height} is for another block"));
        }
        let validators = known.validators(height);
        certificate::check_quorum(&proof.signatures, validators)
            .map_err(|error| format!("certificate of height {height}: {error}"))?;
        let message = proof.sign_message(known.chain_id);
        let mut checker = known.checker.clone();
        for entry in &proof.signatures {
            let key = validators.by_id(&entry.validator).map(|validator| validator.public_key);
            if !key.is_some_and(|key| checker.check(&key, &message, &entry.signature)) {
                return Err(format!("certificate of height {height}: the signature of {} is invalid", entry.validator));
            }
        }
        judged.push(proof.clone());
        Ok(())
    }
}

/// An honest machine neither stops for good nor accuses another honest one, and no block punishes an honest validator: with at most f
/// faulty validators nothing justifies it.
pub(super) struct HonestTrust;

impl Property for HonestTrust {
    fn name(&self) -> &'static str {
        "honest_trust"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        match observation {
            Observation::Committed(decided) => {
                let punished = decided.block.misbehavior.iter().map(quancheng_types::MisbehaviorProof::validator);
                match punished.into_iter().find(|validator| known.is_honest_validator(validator)) {
                    Some(honest) => Err(format!("height {} punishes {honest}", decided.block.header.height)),
                    None => Ok(()),
                }
            }
            Observation::Alarmed { convicted } if known.is_honest_validator(convicted) => {
                Err(format!("holds {convicted} for faulty"))
            }
            Observation::Halted { why } => Err(format!("stopped: {why}")),
            Observation::Blamed { is_peer_honest: true, what } => Err(format!("accused an honest peer: {what}")),
            Observation::Blamed { .. }
            | Observation::Sent { .. }
            | Observation::Alarmed { .. }
            | Observation::Crashed
            | Observation::Reported { .. }
            | Observation::Executed(_)
            | Observation::Stands { .. } => Ok(()),
        }
    }
}
