//! The keys of a node.

use quancheng_types::{NodeId, SigningKey, ValidatorId};
use tracing::warn;

use super::StartError;
use crate::config::NodeConfig;

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

    pub(super) fn node_id(&self) -> NodeId {
        let key = self.peer.public_key();
        let bytes: [u8; 32] = key.as_bytes().try_into().expect("a peer key is Ed25519: key files hold no other suite");
        NodeId(quancheng_types::Digest(bytes))
    }

    pub(super) fn validator_id(&self) -> Option<ValidatorId> {
        self.validator.as_ref().map(|key| ValidatorId::of(&key.public_key()))
    }
}
