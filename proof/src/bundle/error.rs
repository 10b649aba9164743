//! Why bytes are not a bundle, or parts do not make one.

use core::fmt;

use quancheng_types::{DecodeError, Height};

use super::Reencoded;
use crate::foreign::quoted;

/// Why something is not a bundle. A verifier reports it as MISMATCH (damaged or forged), except an unknown version and another encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// Neither the magic of the compact form nor JSON.
    NotABundle,
    /// A mark before the bundle, or another encoding of it: no sign of anything but that somebody saved the file.
    Marked(Reencoded),
    /// A version that this build does not know.
    Version {
        /// Which.
        found: u64,
    },
    /// The compact form does not decode.
    Decode(DecodeError),
    /// The JSON form does not decode.
    Json {
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// What the parser met.
        reason: String,
    },
    /// The JSON form holds more than the bundle: unknown fields, another order of a sorted list, another spelling.
    JsonNotCanonical,
    /// No claim.
    NoClaim,
    /// Leaves are not in strictly ascending order of height.
    LeafOrder {
        /// Place of the leaf out of order.
        index: usize,
    },
    /// A leaf that no claim speaks of.
    UnusedLeaf {
        /// Its height.
        height: Height,
    },
    /// A claim names a leaf that is not there.
    NoSuchLeaf {
        /// Place of the claim.
        claim: usize,
    },
    /// A claim that stands before it already: it would be counted as a second record.
    ClaimTwice {
        /// Place of the claim that repeats it.
        claim: usize,
    },
    /// An opening names a claim or call that is not there.
    NoSuchCall {
        /// Place of the opening.
        opening: usize,
    },
    /// Openings are not in ascending order, or one opens no item, or its items are not in strictly ascending order.
    OpeningOrder {
        /// Place of the opening.
        opening: usize,
    },
    /// More parts than a bundle may have.
    TooMany {
        /// Which part.
        part: &'static str,
        /// How many there may be.
        max: u32,
    },
    /// Larger than a bundle may be.
    TooLarge {
        /// Bytes of the compact form.
        bytes: usize,
        /// Bytes allowed.
        max: u32,
    },
    /// The path of a receipt does not fit its own index and size.
    ReceiptPath,
    /// Two different leaves, or two different paths, for one height.
    LeafConflict {
        /// Which height.
        height: Height,
    },
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotABundle => f.write_str("not an evidence bundle: neither `QCBUNDLE` nor JSON at its beginning"),
            Self::Marked(found) => {
                let (_, encoding) = found.encoding.name();
                let form = if found.is_compact { "the compact form, which is no text" } else { "JSON" };
                write!(
                    f,
                    "the bundle was saved as {encoding}: behind it stands {form}; the `>` of Windows PowerShell and some editors save so, \
                     `--out` does not"
                )
            }
            Self::Version { found } => {
                write!(
                    f,
                    "bundle version {found} is unknown, this build reads {}; install a newer verifier",
                    super::BUNDLE_VERSION
                )
            }
            Self::Decode(error) => write!(f, "bundle does not decode: {error}"),
            Self::Json { line, column, reason } => {
                // A parser repeats what it met: names of fields, words in place of values.
                write!(f, "bundle does not decode: line {line}, column {column}: {}", quoted(reason))
            }
            Self::JsonNotCanonical => {
                f.write_str("the JSON holds unknown fields, a list in another order, or another spelling of a value")
            }
            Self::NoClaim => f.write_str("bundle makes no claim"),
            Self::LeafOrder { index } => write!(f, "leaf {index} is not in strictly ascending order of height"),
            Self::UnusedLeaf { height } => write!(f, "no claim speaks of the leaf of height {height}"),
            Self::NoSuchLeaf { claim } => write!(f, "claim {claim} names a leaf that is not in the bundle"),
            Self::ClaimTwice { claim } => write!(f, "claim {claim} makes a claim that stands before it already"),
            Self::NoSuchCall { opening } => {
                write!(f, "opening {opening} names a claim or call that is not in the bundle")
            }
            Self::OpeningOrder { opening } => write!(f, "opening {opening} or its items are empty or out of order"),
            Self::TooMany { part, max } => write!(f, "more than {max} {part}; make several bundles"),
            Self::TooLarge { bytes, max } => write!(f, "{bytes} bytes exceed the limit of {max}; make several bundles"),
            Self::ReceiptPath => f.write_str("the path of the receipt does not fit its index and size"),
            Self::LeafConflict { height } => write!(f, "two different leaves or paths for height {height}"),
        }
    }
}

impl core::error::Error for BundleError {}
