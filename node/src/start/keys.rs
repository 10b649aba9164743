//! The keys of a node.

use quancheng_types::{Digest, Genesis, NodeId, PublicKey, SigningKey, ValidatorId};
use tracing::warn;

use super::StartError;
use crate::config::{NodeConfig, PeerSection};
use crate::files::Owner;

/// Keys of a node, opened.
#[derive(Debug)]
pub struct NodeKeys {
    pub(super) peer: SigningKey,
    pub(super) validator: Option<SigningKey>,
}

impl NodeKeys {
    /// Opens the key files that the configuration names.
    ///
    /// # Errors
    /// [`StartError::KeyFile`].
    pub fn open(config: &NodeConfig) -> Result<Self, StartError> {
        let own = [Some(&config.node.password_file), Some(&config.node.peer_key), config.node.validator_key.as_ref()];
        for path in own.into_iter().flatten().filter(|path| quancheng_keystore::is_open_to_others(path)) {
            warn!(path = %path.display(), "others on this machine can read this secret; run chmod 600 on the file");
        }
        let password = quancheng_keystore::read_password(&config.node.password_file).map_err(StartError::KeyFile)?;
        let open = |path: &std::path::Path| quancheng_keystore::open(path, &password).map_err(StartError::KeyFile);
        let validator = config.node.validator_key.as_deref().map(open).transpose()?;
        Ok(Self { peer: open(&config.node.peer_key)?, validator })
    }

    /// Refuses keys that serve in two roles.
    pub(super) fn check(&self, config: &NodeConfig, genesis: &Genesis) -> Result<(), StartError> {
        let validator = self.validator.as_ref().map(SigningKey::public_key);
        check_roles(&self.peer.public_key(), validator.as_ref(), genesis, &config.network.peers)
    }

    pub(super) fn node_id(&self) -> NodeId {
        node_id(&self.peer.public_key()).expect("a peer key is Ed25519: key files hold no other suite")
    }

    /// Whose the data folder of this node is.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.validator_id().map_or_else(|| Owner::Follower(self.node_id()), Owner::Validator)
    }

    pub(super) fn validator_id(&self) -> Option<ValidatorId> {
        self.validator.as_ref().map(|key| ValidatorId::of(&key.public_key()))
    }
}

/// Refuses key files that hold one key in two roles, by the public keys that stand in them open. Files that cannot be read are told when
/// the node starts.
///
/// # Errors
/// [`StartError::SharedKey`].
pub fn check_key_files(config: &NodeConfig, genesis: &Genesis) -> Result<(), StartError> {
    let Ok(peer) = quancheng_keystore::public_key(&config.node.peer_key) else {
        return Ok(());
    };
    let validator = config.node.validator_key.as_deref().and_then(|path| quancheng_keystore::public_key(path).ok());
    check_roles(&peer, validator.as_ref(), genesis, &config.network.peers)
}

/// One key, one role. The key of the node lies open in memory wherever connections are made; whoever takes it must not be able to vote.
fn check_roles(
    peer: &PublicKey,
    validator: Option<&PublicKey>,
    genesis: &Genesis,
    peers: &[PeerSection],
) -> Result<(), StartError> {
    let (voters, own) = (genesis.validators.validators(), node_id(peer));
    let is_node = |key: &PublicKey| {
        voters.iter().any(|voter| voter.node_id.is_of(key)) || peers.iter().any(|peer| peer.node_id.is_of(key))
    };
    let roles = match validator {
        Some(key) if own.is_some_and(|own| own.is_of(key)) => {
            ("node.validator_key", "node.peer_key of the same node", "本节点的 node.peer_key")
        }
        Some(key) if is_node(key) => ("node.validator_key", "the peer identity of a node", "某节点的网络身份"),
        Some(_) | None if voters.iter().any(|voter| voter.public_key == *peer) => {
            ("node.peer_key", "the consensus key of a validator", "某验证节点的共识密钥")
        }
        Some(_) | None => return Ok(()),
    };
    let (file, en, zh) = roles;
    Err(StartError::SharedKey { file, en, zh })
}

/// The identity on the network that a peer key is; none for a key of another suite than Ed25519.
pub(crate) fn node_id(key: &PublicKey) -> Option<NodeId> {
    Some(NodeId(Digest(key.as_bytes().try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn key(n: u8) -> PublicKey {
        SigningKey::from_seed([n; 32]).public_key()
    }

    /// Key 1 votes in the genesis; its node is no key of anybody here. A peer of the configuration has key 8.
    #[test]
    fn one_key_serves_one_role() {
        let mut genesis = testing::genesis();
        let other = PeerSection { node_id: node_id(&key(8)).unwrap(), address: None, follower: false };
        let peers = [other];
        let mut check = |peer: u8, validator: Option<u8>, node: Option<u8>| {
            let mut voters = testing::genesis().validators.validators().to_vec();
            voters[0].node_id = node.map_or(voters[0].node_id, |node| node_id(&key(node)).unwrap());
            genesis.validators = quancheng_types::ValidatorSet::new(voters).unwrap();
            let validator = validator.map(key);
            check_roles(&key(peer), validator.as_ref(), &genesis, &peers).map_err(|error| error.to_string())
        };
        for (peer, validator, node) in
            [(2, Some(1), Some(2)), (2, Some(3), Some(9)), (2, None, None), (8, Some(1), None), (9, Some(3), Some(9))]
        {
            assert_eq!(check(peer, validator, node), Ok(()), "{peer} {validator:?} {node:?}");
        }
        for (peer, validator, node, file, role) in [
            (2, Some(2), None, "node.validator_key", "of the same node"),
            (2, Some(9), Some(9), "node.validator_key", "peer identity"),
            (2, Some(8), None, "node.validator_key", "peer identity"),
            (1, Some(3), None, "node.peer_key", "consensus key"),
            (1, None, None, "node.peer_key", "consensus key"),
        ] {
            let text = check(peer, validator, node).unwrap_err();
            assert!(text.contains(file) && text.contains(role) && text.contains("密钥"), "{text}");
        }
    }
}
