//! Who is who on the network: validators by the chain, followers and addresses by the operator's file.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use quancheng_types::{NodeId, ValidatorSet};
use tracing::{info, warn};

use super::Driver;

use crate::config::PeerSection;
use crate::network::{NetworkError, NetworkHandle, PeerEntry, PeerId, PeerRole, peer_id_of};

/// The allow-list, as made of the validator sets in force or scheduled and of the operator's file.
#[derive(Debug)]
pub struct PeerBook {
    own: NodeId,
    configured: Vec<PeerSection>,
    ids: RwLock<BTreeMap<NodeId, PeerId>>,
}

impl PeerBook {
    /// From the operator's file.
    #[must_use]
    pub fn new(own: NodeId, configured: Vec<PeerSection>) -> Self {
        Self { own, configured, ids: RwLock::default() }
    }

    /// The network identity of a node that may connect.
    #[must_use]
    pub fn peer_id(&self, node: &NodeId) -> Option<PeerId> {
        self.ids.read().unwrap_or_else(PoisonError::into_inner).get(node).copied()
    }

    /// Every node that may connect.
    #[must_use]
    pub fn node_ids(&self) -> Vec<NodeId> {
        self.ids.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// The node with this network identity.
    #[must_use]
    pub fn node_id(&self, peer: &PeerId) -> Option<NodeId> {
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        ids.iter().find(|(_, id)| *id == peer).map(|(node, _)| *node)
    }

    /// Who may connect while these sets are in force or scheduled.
    ///
    /// # Errors
    /// [`NetworkError::PublicKeyInvalid`] when a node id of the operator's file is no key.
    pub fn entries(&self, sets: &[ValidatorSet]) -> Result<Vec<PeerEntry>, NetworkError> {
        let mut entries = BTreeMap::new();
        let validators = sets.iter().flat_map(ValidatorSet::validators).map(|validator| validator.node_id);
        for node in validators {
            // A validator whose identity is no key cannot connect; that is its own loss and must not stop this node.
            if let Ok(peer_id) = peer_id_of(node.as_bytes()) {
                entries.insert(node, PeerEntry { peer_id, address: None, role: PeerRole::Validator });
            }
        }
        for peer in &self.configured {
            let peer_id = peer_id_of(peer.node_id.as_bytes())?;
            let role = if peer.follower { PeerRole::Follower } else { PeerRole::Validator };
            let entry = entries.entry(peer.node_id).or_insert(PeerEntry { peer_id, address: None, role });
            entry.address = peer.address;
        }
        entries.remove(&self.own);
        let ids = entries.iter().map(|(node, entry)| (*node, entry.peer_id)).collect();
        *self.ids.write().unwrap_or_else(PoisonError::into_inner) = ids;
        Ok(entries.into_values().collect())
    }

    /// Tells the network who may connect from now on.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn apply(&self, network: &NetworkHandle, sets: &[ValidatorSet]) -> Result<(), NetworkError> {
        network.set_allowed(self.entries(sets)?)
    }
}

impl Driver {
    /// When another set comes into force: whoever has left it leaves the allow-list, and if it was this node, clients hear that
    /// nobody will order what waits here.
    pub(super) fn follow_set(&mut self) {
        let committed = self.parts.engine.status().committed;
        if committed == self.in_force.0 {
            return;
        }
        self.in_force.0 = committed;
        let validators = self.parts.engine.validators();
        if *validators == self.in_force.1 {
            return;
        }
        let was_member = |set: &ValidatorSet| self.parts.own.is_some_and(|own| set.by_id(&own).is_some());
        if was_member(&self.in_force.1) && !was_member(validators) {
            let lost = self.parts.tracker.abandon_unordered();
            info!(height = %committed.next(), lost, "this node has left the validator set");
        }
        self.in_force.1 = validators.clone();
        let sets = self.parts.ledger.active_sets().map_err(|error| error.to_string());
        let applied =
            sets.and_then(|sets| self.parts.peers.apply(&self.parts.network, &sets).map_err(|error| error.to_string()));
        match applied {
            Ok(()) => self.parts.asked.retain(|node| self.parts.peers.peer_id(node).is_some()),
            Err(error) => warn!(%error, "the allow-list could not follow the validator set"),
        }
    }
}
