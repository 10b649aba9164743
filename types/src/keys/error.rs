//! Why a key or a signature is refused.

use core::fmt;

use super::Suite;

/// Why a key or a signature is refused. The order of the checks is that of [the rule](super#the-rule).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureError {
    /// The key belongs to a suite that this build cannot verify. This says nothing about the signature.
    SuiteNotSupported {
        /// The suite of the key.
        suite: Suite,
    },
    /// Key and signature belong to different suites.
    SuiteMismatch {
        /// The suite of the key.
        key: Suite,
        /// The suite of the signature.
        signature: Suite,
    },
    /// The key is not the one canonical encoding of its point (RFC 8032 §5.1.3).
    NonCanonicalKey,
    /// No point of the curve has the y coordinate that the key states.
    KeyNotOnCurve,
    /// The key is one of the eight points of small order: anybody can sign for it.
    SmallOrderKey,
    /// The scalar `s` of the signature is not below the group order `L`.
    ScalarOutOfRange,
    /// The point `R` of the signature is not in its one canonical encoding.
    NonCanonicalPoint,
    /// No point of the curve has the y coordinate that `R` of the signature states.
    PointNotOnCurve,
    /// All parts are well formed and the signature equation does not hold. From a batch this means that at least one
    /// item fails.
    EquationFailed,
}

impl SignatureError {
    /// A stable name for logs and for the published vectors.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SuiteNotSupported { .. } => "suite-not-supported",
            Self::SuiteMismatch { .. } => "suite-mismatch",
            Self::NonCanonicalKey => "non-canonical-key",
            Self::KeyNotOnCurve => "key-not-on-curve",
            Self::SmallOrderKey => "small-order-key",
            Self::ScalarOutOfRange => "scalar-out-of-range",
            Self::NonCanonicalPoint => "non-canonical-point",
            Self::PointNotOnCurve => "point-not-on-curve",
            Self::EquationFailed => "equation-failed",
        }
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SuiteNotSupported { suite } => write!(
                f,
                "suite {suite} cannot be verified by this build: use a key of suite {}",
                Suite::Sha256Ed25519
            ),
            Self::SuiteMismatch { key, signature } => write!(
                f,
                "the key is of suite {key} but the signature is of suite {signature}: sign with the key that is named"
            ),
            Self::NonCanonicalKey => f.write_str(
                "the public key is not canonically encoded (y must be below 2^255-19, and the sign bit clear when x = 0)",
            ),
            Self::KeyNotOnCurve => f.write_str(
                "the public key is not a point of edwards25519: check that it was copied completely",
            ),
            Self::SmallOrderKey => f.write_str(
                "the public key has small order, so anybody could sign for it: generate a new key",
            ),
            Self::ScalarOutOfRange => f.write_str(
                "the scalar s of the signature is not below the group order L: the signature was altered or malformed",
            ),
            Self::NonCanonicalPoint => f.write_str(
                "the point R of the signature is not canonically encoded: the signature was altered or malformed",
            ),
            Self::PointNotOnCurve => f.write_str(
                "the point R of the signature is not on edwards25519: the signature was altered or malformed",
            ),
            Self::EquationFailed => f.write_str(
                "the signature does not belong to this message and key (equation [8]sB = [8]R + [8]kA fails)",
            ),
        }
    }
}

impl core::error::Error for SignatureError {}
