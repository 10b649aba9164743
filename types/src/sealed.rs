//! Transactions with what everybody asks of them: id, leaf and length, computed once.

use core::borrow::Borrow;
use core::ops::Deref;

use borsh::io::{Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::codec::{DecodeError, encode};
use crate::hash::{Digest, Domain};
use crate::ids::TransactionId;
use crate::merkle;
use crate::transaction::SignedTransaction;

/// A signed transaction that will not change any more, with its id, its leaf in the tree of a batch and its canonical length.
///
/// The three are computed where a value of this type is made, and nowhere else, and cannot disagree with the content:
///
/// - Every value comes from [`SignedTransaction::seal`], which encodes the transaction that it takes in and hashes those bytes; one that is
///   decoded is sealed as soon as it is read. So they are by construction what encoding and hashing again would give. (Hashing the bytes
///   that came saves nothing that can be measured, and would rest on what every decoder accepts.)
/// - Nothing changes afterwards: the fields are private, nothing lends the transaction to be written to, and nothing in it changes behind a
///   shared reference. To change one, take it out ([`Self::into_signed`]) and seal it again.
///
/// Sealing promises nothing about form or signatures: see [`SignedTransaction::check`]. Equality, the text for people who debug and the bytes
/// are those of the signed transaction, so one stands for the other in everything that is encoded.
#[derive(Clone)]
pub struct SealedTransaction {
    signed: SignedTransaction,
    id: TransactionId,
    leaf: Digest,
    bytes: u32,
}

impl SignedTransaction {
    /// Encodes once, and hashes what is asked again and again.
    #[must_use]
    pub fn seal(self) -> SealedTransaction {
        let mut canonical = encode(&self.body);
        // The id is over the body alone, which comes first.
        let Self { body: _, signatures } = &self;
        let id = TransactionId(Domain::Transaction.hash(&canonical));
        signatures.serialize(&mut canonical).expect("writing to memory cannot fail");
        let leaf = merkle::leaf_hash(&canonical);
        let bytes = u32::try_from(canonical.len()).expect("its lists are bounded: less than 4 MiB");
        SealedTransaction { signed: self, id, leaf, bytes }
    }
}

impl SealedTransaction {
    /// Decodes with all limits, and seals.
    ///
    /// # Errors
    /// As [`SignedTransaction::decode`].
    pub fn decode(bytes: &[u8]) -> core::result::Result<Self, DecodeError> {
        SignedTransaction::decode(bytes).map(SignedTransaction::seal)
    }

    /// The id of the body.
    #[must_use]
    pub const fn id(&self) -> TransactionId {
        self.id
    }

    /// The leaf hash over the canonical bytes, of which the root of a batch is made.
    #[must_use]
    pub const fn leaf(&self) -> Digest {
        self.leaf
    }

    /// The canonical length, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// The transaction.
    #[must_use]
    pub const fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// The transaction, taken out.
    #[must_use]
    pub fn into_signed(self) -> SignedTransaction {
        self.signed
    }
}

impl Deref for SealedTransaction {
    type Target = SignedTransaction;

    fn deref(&self) -> &SignedTransaction {
        &self.signed
    }
}

/// Equality is that of the transaction, as [`Borrow`] wants it.
impl Borrow<SignedTransaction> for SealedTransaction {
    fn borrow(&self) -> &SignedTransaction {
        &self.signed
    }
}

impl PartialEq for SealedTransaction {
    fn eq(&self, other: &Self) -> bool {
        self.signed == other.signed
    }
}

impl Eq for SealedTransaction {}

impl core::fmt::Debug for SealedTransaction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.signed.fmt(f)
    }
}

impl BorshSerialize for SealedTransaction {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.signed.serialize(writer)
    }
}

impl BorshDeserialize for SealedTransaction {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        SignedTransaction::deserialize_reader(reader).map(SignedTransaction::seal)
    }
}

#[cfg(test)]
mod tests;
