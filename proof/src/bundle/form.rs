//! The compact form, and the rules of shape that both forms share.

use std::collections::BTreeSet;

use quancheng_types::DecodeError;
use quancheng_types::codec::{decode, encode};

use super::{BUNDLE_BYTES_MAX, BUNDLE_MAGIC, BUNDLE_VERSION, Bundle, BundleError, Claim, Reencoded};

/// Bytes before the content: magic and version.
const FRAME_BYTES: usize = BUNDLE_MAGIC.len() + 2;

impl Bundle {
    /// Decodes either form: JSON when the first byte that is not white space is `{`, else the compact form. What was saved in another
    /// encoding is neither, and is told by its name: who saved a file with an editor has not damaged what it says.
    ///
    /// # Errors
    /// [`BundleError`]. Limits are checked first; nothing follows the end; the shape is that of [`Bundle`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        match Reencoded::of(bytes) {
            Some(found) => Err(BundleError::Marked(found)),
            None if is_json(bytes) => Self::from_json(bytes),
            None => Self::from_borsh(bytes),
        }
    }

    /// Decodes the compact form.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn from_borsh(bytes: &[u8]) -> Result<Self, BundleError> {
        let rest = bytes.strip_prefix(&BUNDLE_MAGIC).ok_or(BundleError::NotABundle)?;
        let (version, content) = rest.split_first_chunk::<2>().ok_or(BundleError::NotABundle)?;
        let version = u16::from_le_bytes(*version);
        if version != BUNDLE_VERSION {
            return Err(BundleError::Version { found: version.into() });
        }
        if u32::try_from(bytes.len()).map_or(true, |n| n > BUNDLE_BYTES_MAX) {
            return Err(BundleError::TooLarge { bytes: bytes.len(), max: BUNDLE_BYTES_MAX });
        }
        let bundle: Self = decode(content, BUNDLE_BYTES_MAX).map_err(|error| BundleError::Decode(shift(error)))?;
        bundle.check_shape()?;
        Ok(bundle)
    }

    /// The compact form: magic, version, borsh.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = BUNDLE_MAGIC.to_vec();
        bytes.extend_from_slice(&BUNDLE_VERSION.to_le_bytes());
        bytes.append(&mut encode(self));
        bytes
    }

    /// The rules of shape, and the size of the compact form.
    ///
    /// # Errors
    /// [`BundleError`].
    pub(super) fn check_size(&self) -> Result<(), BundleError> {
        self.check_shape()?;
        let bytes = self.encode().len();
        if u32::try_from(bytes).map_or(true, |n| n > BUNDLE_BYTES_MAX) {
            return Err(BundleError::TooLarge { bytes, max: BUNDLE_BYTES_MAX });
        }
        Ok(())
    }

    /// The rules of shape that types alone do not express.
    ///
    /// # Errors
    /// [`BundleError`] naming the part.
    pub(crate) fn check_shape(&self) -> Result<(), BundleError> {
        if self.claims.is_empty() {
            return Err(BundleError::NoClaim);
        }
        for (index, pair) in self.leaves.windows(2).enumerate() {
            if pair[0].leaf.height >= pair[1].leaf.height {
                return Err(BundleError::LeafOrder { index: index + 1 });
            }
        }
        for (claim, content) in self.claims.iter().enumerate() {
            // Nothing is proven by the state of an earlier height.
            if usize::from(content.root()) >= self.leaves.len() || content.root() < content.leaf() {
                return Err(BundleError::NoSuchLeaf { claim });
            }
        }
        for (index, leaf) in self.leaves.iter().enumerate() {
            let height = leaf.leaf.height;
            let is_used = |claim: &Claim| {
                [claim.leaf(), claim.root()].map(usize::from).contains(&index) || claim.spans_from_or_to(height)
            };
            if !self.claims.iter().any(is_used) {
                return Err(BundleError::UnusedLeaf { height });
            }
        }
        self.check_claims()?;
        self.check_openings()
    }

    /// One record is one claim: a transaction, or a key, stands once under a leaf.
    fn check_claims(&self) -> Result<(), BundleError> {
        let mut seen = BTreeSet::new();
        for (claim, content) in self.claims.iter().enumerate() {
            let subject = match content {
                Claim::Transaction { leaf, transaction, .. } => (*leaf, Some(transaction.id()), None),
                Claim::State { leaf, key, .. } => (*leaf, None, Some(key)),
            };
            if !seen.insert(subject) {
                return Err(BundleError::ClaimTwice { claim });
            }
        }
        Ok(())
    }

    fn check_openings(&self) -> Result<(), BundleError> {
        let mut previous = None;
        for (opening, content) in self.openings.iter().enumerate() {
            let calls = match self.claims.get(usize::from(content.claim)) {
                Some(Claim::Transaction { transaction, .. }) => transaction.body.calls.len(),
                Some(Claim::State { .. }) => 1,
                None => 0,
            };
            if usize::from(content.call) >= calls {
                return Err(BundleError::NoSuchCall { opening });
            }
            let place = Some((content.claim, content.call));
            let ascending = content.items.windows(2).all(|pair| pair[0].path.index < pair[1].path.index);
            if place <= previous || content.items.is_empty() || !ascending {
                return Err(BundleError::OpeningOrder { opening });
            }
            previous = place;
        }
        Ok(())
    }
}

/// Whether bytes are to be read as JSON.
fn is_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Offsets count from the beginning of the file, not of the content.
fn shift(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::Malformed { offset, reason } => DecodeError::Malformed { offset: offset + FRAME_BYTES, reason },
        DecodeError::TooLarge { .. } | DecodeError::Trailing { .. } => error,
    }
}
