//! Proofs of misbehavior are told to everybody: whoever proposes next puts them into its block. One who is alone with a proof may be passed over
//! for minutes, or crash and forget it.

use quancheng_types::limits::BLOCK_MISBEHAVIOR_MAX;
use quancheng_types::misbehavior::MisbehaviorError;
use quancheng_types::{MisbehaviorProof, NodeId};

use super::{Alarm, Engine, Offence};
use crate::message::Message;

impl Engine {
    /// Takes a proof that this node made.
    pub(super) fn note_misbehavior(&mut self, proof: MisbehaviorProof) {
        // A proof that convicts nobody would spoil every block of ours that carries it.
        if proof.verify(&self.chain_id, self.validators()).is_ok() {
            self.accuse(proof);
        }
    }

    /// Takes a proof that a peer tells. Each offence is checked and passed on once, so what all tell all is bounded by the offences.
    pub(super) fn on_misbehavior(&mut self, from: NodeId, proof: MisbehaviorProof) {
        if !self.misbehavior.is_wanted(&proof) {
            return;
        }
        match proof.verify(&self.chain_id, self.validators()) {
            Ok(()) => self.accuse(proof),
            // The peer may be some heights before or behind us, where the set is another.
            Err(MisbehaviorError::NotAValidator) => {}
            Err(
                MisbehaviorError::NoConflict
                | MisbehaviorError::Signature
                | MisbehaviorError::NotInBatch
                | MisbehaviorError::TransactionIsValid,
            ) => self.out.blame(from, Offence::BadAccusation),
        }
    }

    fn accuse(&mut self, proof: MisbehaviorProof) {
        let validator = proof.validator();
        let message = Message::Misbehavior(Box::new(proof.clone()));
        if self.misbehavior.insert(proof) {
            self.out.alarm(Alarm::Misbehavior { validator });
            self.out.broadcast(message);
        }
    }

    /// Tells a peer that is new here what waits for a block.
    pub(super) fn repeat_accusations(&mut self, peer: NodeId) {
        for proof in self.misbehavior.select(usize::try_from(BLOCK_MISBEHAVIOR_MAX).unwrap_or(usize::MAX)) {
            self.out.send(peer, Message::Misbehavior(Box::new(proof)));
        }
    }
}
