//! Transactions made by the test itself.

use std::time::{SystemTime, UNIX_EPOCH};

use quancheng_types::codec::encode;
use quancheng_types::hash::sha256;
use quancheng_types::{
    AccountId, Call, ChainId, KeyId, List, SignedTransaction, Signer, SigningKey, Transaction, TransactionId,
};
use serde_json::json;

/// Time a test transaction stays valid, ms.
const LIFETIME_MS: u64 = 5 * 60 * 1000;

/// Now, ms since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    u64::try_from(since.as_millis()).expect("the year is not so late")
}

/// Makes notarizations of random commitments, each different.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    chain_id: ChainId,
    key: SigningKey,
    seed: u64,
    number: u64,
}

impl Maker {
    /// With a key of its own, which needs no record on chain.
    pub(crate) fn new(chain_id: ChainId, seed: u64) -> Self {
        let key = SigningKey::from_seed(sha256(&[b"quancheng-e2e", &seed.to_le_bytes()]).0);
        Self { chain_id, key, seed, number: 0 }
    }

    /// The body of the next one, to be changed before it is signed.
    pub(crate) fn body(&mut self) -> Transaction {
        self.number += 1;
        let root = sha256(&[b"quancheng-e2e/file", &self.seed.to_le_bytes(), &self.number.to_le_bytes()]);
        let commitment = json!({ "root": root.to_string(), "count": 1, "bytes": 4096, "complete": false });
        let call = quancheng_contracts::encode_call("evidence", json!({ "notarize": { "commitment": commitment } }));
        self.calling(call.expect("a plain notarization"))
    }

    /// A body with this call.
    pub(crate) fn calling(&self, call: Call) -> Transaction {
        let public_key = self.key.public_key();
        let signer = Signer { account: AccountId::of(&public_key), key_id: KeyId::of(&public_key) };
        Transaction {
            chain_id: self.chain_id,
            signers: List::new(vec![signer]).expect("one signer"),
            nonce: self.seed.wrapping_mul(1_000_003).wrapping_add(self.number),
            valid_until_ms: now_ms() + LIFETIME_MS,
            calls: List::new(vec![call]).expect("one call"),
        }
    }

    /// Signs a body.
    pub(crate) fn sign(&self, body: Transaction) -> SignedTransaction {
        body.sign(&[&self.key]).expect("one key for one signer")
    }

    /// The next one, signed.
    pub(crate) fn signed(&mut self) -> SignedTransaction {
        let body = self.body();
        self.sign(body)
    }
}

/// A bulk of transactions in the form in which it is submitted.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    pub(crate) ids: Vec<TransactionId>,
    pub(crate) encoded: Vec<Vec<u8>>,
}

impl Bulk {
    /// Of `count` new ones.
    pub(crate) fn make(maker: &mut Maker, count: usize) -> Self {
        let signed: Vec<SignedTransaction> = (0..count).map(|_| maker.signed()).collect();
        Self {
            ids: signed.iter().map(SignedTransaction::id).collect(),
            encoded: signed.iter().map(SignedTransaction::encode).collect(),
        }
    }

    /// The body of the request.
    pub(crate) fn body(&self) -> Vec<u8> {
        encode(&self.encoded)
    }
}
