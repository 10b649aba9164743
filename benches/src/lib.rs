//! Signed notarizations as clients send them: the load generator and the benches use the same ones.

pub mod chain;

use quancheng_contracts::CodecError;
use quancheng_types::hash::sha256;
use quancheng_types::{AccountId, Call, ChainId, KeyId, List, SignedTransaction, Signer, SigningKey, Transaction};

/// Makes transactions of one chain, numbered from 0; keys take turns.
#[derive(Clone, Debug)]
pub struct Author {
    /// The chain.
    pub chain_id: ChainId,
    /// Keys that sign, at least one.
    pub keys: Vec<SigningKey>,
    /// Sets the transactions of one author apart from those of another with the same keys.
    pub seed: u64,
    /// Block time at which the transactions expire, ms since 1970 UTC.
    pub valid_until_ms: u64,
}

/// Keys without a record on the chain, the same ones at each run.
#[must_use]
pub fn keys(count: u32) -> Vec<SigningKey> {
    keys_from(0, count)
}

/// Those of them from a number on.
#[must_use]
pub fn keys_from(first: u32, count: u32) -> Vec<SigningKey> {
    (first..first.saturating_add(count))
        .map(|number| SigningKey::from_seed(sha256(&[b"quancheng-load", &number.to_le_bytes()]).0))
        .collect()
}

impl Author {
    /// A signed transaction with one call.
    ///
    /// # Panics
    /// Without keys.
    #[must_use]
    pub fn sign(&self, number: u64, call: Call) -> SignedTransaction {
        let turns = u64::try_from(self.keys.len()).unwrap_or(u64::MAX);
        let turn = number.checked_rem(turns).expect("an author has at least one key");
        let key = &self.keys[usize::try_from(turn).expect("less than the number of keys")];
        let public_key = key.public_key();
        let signer = Signer { account: AccountId::of(&public_key), key_id: KeyId::of(&public_key) };
        let body = Transaction {
            chain_id: self.chain_id,
            signers: List::new(vec![signer]).expect("one signer fits"),
            nonce: self.seed.wrapping_add(number),
            valid_until_ms: self.valid_until_ms,
            calls: List::new(vec![call]).expect("one call fits"),
        };
        body.sign(&[key]).expect("one key signs for one signer")
    }

    /// A call that notarizes a commitment without pattern, another one for each number.
    ///
    /// # Errors
    /// [`CodecError`] when the evidence module no longer reads this form.
    pub fn notarization(&self, number: u64) -> Result<Call, CodecError> {
        let root = sha256(&[b"quancheng-load/file", &self.seed.to_le_bytes(), &number.to_le_bytes()]);
        let commitment = serde_json::json!({ "root": root.to_string(), "count": 1, "bytes": 4096, "complete": false });
        quancheng_contracts::encode_call("evidence", serde_json::json!({ "notarize": { "commitment": commitment } }))
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::Digest;

    use super::*;

    fn author() -> Author {
        Author { chain_id: ChainId(Digest([3; 32])), keys: keys(2), seed: 5, valid_until_ms: 7 }
    }

    #[test]
    fn transactions_are_valid_differ_and_take_turns_among_keys() {
        let author = author();
        let signed: Vec<_> = (0..4).map(|number| author.sign(number, author.notarization(number).unwrap())).collect();
        for (at, one) in signed.iter().enumerate() {
            assert_eq!(one.check(&author.chain_id), Ok(()));
            assert!(
                signed[..at].iter().all(|earlier| earlier.id() != one.id() && earlier.body.calls != one.body.calls)
            );
        }
        assert_eq!(signed[0].body.signers, signed[2].body.signers);
        assert_ne!(signed[0].body.signers, signed[1].body.signers);
    }

    #[test]
    fn another_seed_makes_other_transactions() {
        let (one, other) = (author(), Author { seed: 6, ..author() });
        assert_ne!(one.notarization(0).unwrap(), other.notarization(0).unwrap());
    }
}
