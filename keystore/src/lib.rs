//! Key files: an Ed25519 seed, sealed with a password (Argon2id, RFC 9106) and an AEAD (XChaCha20-Poly1305).
//!
//! The file is JSON, so that an operator can see which key it holds without opening it. Public key and key parameters are bound
//! into the seal as associated data: exchanging them makes the file unreadable instead of misleading.
//!
//! Used by the node (validator and peer keys) and by the command line. Nothing here picks or creates a key on its own.

pub mod plain;

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use quancheng_types::{PublicKey, SigningKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Version of the file format.
const VERSION: u16 = 1;
/// Argon2id memory in KiB (RFC 9106 §4, second recommended option: 64 MiB).
const MEMORY_KIB: u32 = 64 * 1024;
/// Argon2id passes.
const PASSES: u32 = 3;
/// Argon2id lanes.
const LANES: u32 = 1;
/// Greatest memory a key file may ask for, KiB: a forged file must not exhaust the machine.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// Greatest number of passes a key file may ask for.
const PASSES_MAX: u32 = 16;
/// Greatest size of a key file in bytes; a genuine one is below 1 KiB.
const FILE_BYTES_MAX: u64 = 16 * 1024;
/// Greatest length of a password in bytes.
const PASSWORD_BYTES_MAX: usize = 1024;
/// The byte-order mark, UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();
/// Length of the Argon2 salt in bytes.
const SALT_BYTES: usize = 16;
/// Length of an XChaCha20-Poly1305 nonce in bytes.
const NONCE_BYTES: usize = 24;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u16,
    public_key: PublicKey,
    kdf: Kdf,
    cipher: String,
    nonce: String,
    sealed_seed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    algorithm: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
}

/// Why a key file cannot be written or opened. Each says where, and what to do.
#[derive(Debug)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        error: io::Error,
    },
    /// A file is already there; keys are never overwritten.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Not a key file of this version.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The password does not open it, or the file was changed.
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The password is empty or too long.
    UnusablePassword {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The system has no randomness.
    NoRandomness,
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, action, error } => write!(f, "cannot {action} {}: {error}", path.display()),
            Self::Exists { path } => {
                write!(f, "{} exists; keys are never overwritten: choose another name or move it away", path.display())
            }
            Self::Malformed { path, reason } => {
                write!(
                    f,
                    "{} is not a key file: {reason}. Check the path; a key file that is damaged is restored from a copy, nothing else holds its key \
                     (不是密钥文件或已损坏：请核对路径；损坏的密钥文件只能用副本恢复，别处不存该密钥)",
                    path.display()
                )
            }
            Self::WrongPassword { path } => {
                write!(
                    f,
                    "the password does not open {}, or the file was changed; check the password file, and if that is the right one restore the key file \
                     from a copy (密码无法打开该文件，或文件已被改动：请核对密码文件；如密码无误，请用副本恢复密钥文件)",
                    path.display()
                )
            }
            Self::UnusablePassword { bytes } => {
                write!(f, "a password has 1 to {PASSWORD_BYTES_MAX} bytes, this one has {bytes}")
            }
            Self::NoRandomness => f.write_str("the operating system gives no random bytes"),
        }
    }
}

impl std::error::Error for KeyFileError {}

/// A new key from the system's randomness.
///
/// # Errors
/// [`KeyFileError::NoRandomness`].
pub fn generate() -> Result<SigningKey, KeyFileError> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    getrandom::fill(seed.as_mut()).map_err(|_| KeyFileError::NoRandomness)?;
    Ok(SigningKey::from_seed(*seed))
}

/// Reads a password from a file: its first line, without the line end.
///
/// # Errors
/// [`KeyFileError::Io`], [`KeyFileError::UnusablePassword`].
pub fn read_password(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let failed = |error| io(path, "read the password file", error);
    // A mark, the longest password and a line end: nothing beyond them matters, however large the file is.
    let most = u64::try_from(MARK.len() + PASSWORD_BYTES_MAX + 2).expect("a small number");
    let mut head = Zeroizing::new(Vec::with_capacity(PASSWORD_BYTES_MAX));
    fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut head)).map_err(failed)?;
    let line = match head.iter().position(|byte| *byte == b'\n') {
        Some(end) => head[..end].strip_suffix(b"\r").unwrap_or(&head[..end]),
        None => &head[..],
    };
    // Editors on some systems begin a file with a byte-order mark, which nobody types.
    let line = line.strip_prefix(MARK).unwrap_or(line);
    if line.len() > PASSWORD_BYTES_MAX {
        return Err(KeyFileError::UnusablePassword { bytes: line.len() });
    }
    let line = std::str::from_utf8(line).map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    check_password(line)?;
    Ok(Zeroizing::new(line.to_owned()))
}

/// Whether others than its owner may read a file. A file that cannot be looked at is told when it is read.
#[must_use]
pub fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o077 != 0)
}

/// Seals a key into a new file, readable by its owner only.
///
/// # Errors
/// [`KeyFileError`]; nothing is left behind on failure.
pub fn write(path: &Path, key: &SigningKey, password: &str) -> Result<(), KeyFileError> {
    check_password(password)?;
    let mut salt = [0_u8; SALT_BYTES];
    let mut nonce = [0_u8; NONCE_BYTES];
    getrandom::fill(&mut salt).map_err(|_| KeyFileError::NoRandomness)?;
    getrandom::fill(&mut nonce).map_err(|_| KeyFileError::NoRandomness)?;
    let mut file = KeyFile {
        version: VERSION,
        public_key: key.public_key(),
        kdf: Kdf {
            algorithm: "argon2id".into(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: hex::encode(salt),
        },
        cipher: "xchacha20-poly1305".into(),
        nonce: hex::encode(nonce),
        sealed_seed: String::new(),
    };
    let cipher = cipher(path, &file, password)?;
    let seed: &[u8; 32] = key.seed();
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: seed, aad: associated_data(&file).as_bytes() })
        .map_err(|_| malformed(path, "sealing failed"))?;
    file.sealed_seed = hex::encode(sealed);
    let mut text = serde_json::to_string_pretty(&file).map_err(|error| malformed(path, &error.to_string()))?;
    text.push('\n');
    create_private(path, text.as_bytes())
}

/// The public key that a key file states, without opening it: only [`open`] holds it against the secret.
///
/// # Errors
/// [`KeyFileError`].
pub fn public_key(path: &Path) -> Result<PublicKey, KeyFileError> {
    Ok(load(path)?.public_key)
}

/// Opens a key file.
///
/// # Errors
/// [`KeyFileError`].
pub fn open(path: &Path, password: &str) -> Result<SigningKey, KeyFileError> {
    check_password(password)?;
    let file = load(path)?;
    let nonce: [u8; NONCE_BYTES] = decode_hex(path, "nonce", &file.nonce)?;
    let sealed = hex::decode(&file.sealed_seed).map_err(|_| malformed(path, "sealed_seed is not hexadecimal"))?;
    let cipher = cipher(path, &file, password)?;
    let seed = cipher
        .decrypt(&XNonce::from(nonce), Payload { msg: &sealed, aad: associated_data(&file).as_bytes() })
        .map_err(|_| KeyFileError::WrongPassword { path: path.to_owned() })?;
    let seed = Zeroizing::new(seed);
    let seed: [u8; 32] = seed.as_slice().try_into().map_err(|_| malformed(path, "the seed has not 32 bytes"))?;
    let key = SigningKey::from_seed(seed);
    if key.public_key() != file.public_key {
        return Err(malformed(path, "the seed belongs to another public key"));
    }
    Ok(key)
}

fn load(path: &Path) -> Result<KeyFile, KeyFileError> {
    let bytes = plain::read(path, FILE_BYTES_MAX).map_err(|error| {
        let is_too_large = error.kind() == io::ErrorKind::FileTooLarge;
        if is_too_large { malformed(path, "larger than any key file") } else { io(path, "read the key file", error) }
    })?;
    let file: KeyFile = serde_json::from_slice(&bytes).map_err(|error| malformed(path, &error.to_string()))?;
    if file.version != VERSION {
        return Err(malformed(path, "made by another version of this program"));
    }
    // Half of all damage to it is seen without the password.
    file.public_key.validate().map_err(|error| malformed(path, &error.to_string()))?;
    if file.kdf.algorithm != "argon2id" || file.cipher != "xchacha20-poly1305" {
        return Err(malformed(path, "sealed with an unknown algorithm"));
    }
    if file.kdf.memory_kib > MEMORY_KIB_MAX || file.kdf.passes > PASSES_MAX || file.kdf.lanes != LANES {
        return Err(malformed(path, "asks for more memory or time than allowed"));
    }
    Ok(file)
}

fn cipher(path: &Path, file: &KeyFile, password: &str) -> Result<XChaCha20Poly1305, KeyFileError> {
    let salt: [u8; SALT_BYTES] = decode_hex(path, "salt", &file.kdf.salt)?;
    let params = Params::new(file.kdf.memory_kib, file.kdf.passes, file.kdf.lanes, Some(32))
        .map_err(|error| malformed(path, &error.to_string()))?;
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), &salt, key.as_mut())
        .map_err(|error| malformed(path, &error.to_string()))?;
    Ok(XChaCha20Poly1305::new(key.as_ref().into()))
}

fn associated_data(file: &KeyFile) -> String {
    let kdf = &file.kdf;
    format!("quancheng/key-file/{}/{}/{}/{}/{}", file.version, file.public_key, kdf.memory_kib, kdf.passes, kdf.lanes)
}

fn check_password(password: &str) -> Result<(), KeyFileError> {
    match password.len() {
        1..=PASSWORD_BYTES_MAX => Ok(()),
        bytes => Err(KeyFileError::UnusablePassword { bytes }),
    }
}

fn create_private(path: &Path, content: &[u8]) -> Result<(), KeyFileError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            KeyFileError::Exists { path: path.to_owned() }
        } else {
            io(path, "create the key file", error)
        }
    })?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // A half-written key file is worse than none; the error that matters is the first one.
        let _ = fs::remove_file(path);
        io(path, "write the key file", error)
    })
}

fn decode_hex<const N: usize>(path: &Path, field: &str, text: &str) -> Result<[u8; N], KeyFileError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| malformed(path, &format!("{field} is not {N} hexadecimal bytes")))?;
    Ok(bytes)
}

fn io(path: &Path, action: &'static str, error: io::Error) -> KeyFileError {
    KeyFileError::Io { path: path.to_owned(), action, error }
}

fn malformed(path: &Path, reason: &str) -> KeyFileError {
    KeyFileError::Malformed { path: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
