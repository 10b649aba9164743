//! The keys of a network.

use std::path::{Path, PathBuf};
use std::thread;

use quancheng_keystore as keystore;
use quancheng_types::{Digest, NodeId, PublicKey, SigningKey};

use crate::error::{Left, LocalError};
use crate::interrupt;
use crate::threads::thread_builder;
use crate::unfinished::Founding;

/// A key to be made and where it goes.
pub(crate) struct KeyJob {
    /// The new key.
    pub(crate) key: SigningKey,
    /// Its file.
    pub(crate) path: PathBuf,
}

impl KeyJob {
    /// A new key for this file.
    pub(crate) fn new(path: PathBuf) -> Result<Self, LocalError> {
        Ok(Self { key: keystore::generate()?, path })
    }

    /// Its public half.
    pub(crate) fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }
}

/// Peer identity of a peer key: the 32 bytes of the public key itself.
pub(crate) fn node_id(key: &PublicKey) -> Result<NodeId, LocalError> {
    let bytes: [u8; 32] = key
        .as_bytes()
        .try_into()
        .map_err(|_| LocalError::Samples { reason: "a peer key must be an Ed25519 key".to_owned() })?;
    Ok(NodeId(Digest(bytes)))
}

/// Threads that seal keys, this one among them: sealing is slow on purpose, and takes 64 MiB each.
const SEALERS: usize = 2;

/// Seals all keys into their files.
pub(crate) fn write_all(jobs: &[KeyJob], password: &str, founding: &Founding) -> Result<(), LocalError> {
    let seal = |job: &KeyJob| {
        interrupt::check(founding.dir(), Left::Nothing)?;
        keystore::write(&job.path, &job.key, password)?;
        founding.made(&job.path)
    };
    let (here, elsewhere) = jobs.split_at(jobs.len().div_ceil(SEALERS));
    thread::scope(|scope| {
        let sealer = thread_builder("sealer").spawn_scoped(scope, || elsewhere.iter().try_for_each(seal));
        here.iter().try_for_each(seal)?;
        match sealer {
            Ok(sealer) => sealer.join().expect("sealing a key does not panic"),
            // No thread for them now: then one after the other.
            Err(_) => elsewhere.iter().try_for_each(seal),
        }
    })
}

/// Bytes of randomness in the password of a network.
const PASSWORD_BYTES: usize = 24;

/// A new password in a new file that only its owner reads.
pub(crate) fn make_password(path: &Path) -> Result<String, LocalError> {
    let mut bytes = [0_u8; PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| LocalError::NoRandomness)?;
    let password = hex::encode(bytes);
    crate::layout::write_private(path, format!("{password}\n").as_bytes())?;
    Ok(password)
}
