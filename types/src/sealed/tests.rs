//! What is sealed against what is computed of the transaction itself.

use proptest::prelude::*;

use super::SealedTransaction;
use crate::codec::{DecodeError, decode, encode};
use crate::keys::{PublicKey, Signature, SigningKey};
use crate::transaction::{SignedTransaction, TransactionSignature};
use crate::{
    AccountId, Batch, Bytes, Call, ChainId, Digest, KeyId, List, ModuleId, SignedBatch, Signer, Transaction, limits,
    merkle,
};

const BATCH_BYTES_MAX: u32 = SignedBatch::BYTES_MAX;

fn bytes_of(byte: u8, count: usize) -> Bytes<{ limits::CALL_BYTES_MAX }> {
    Bytes::new(vec![byte; count]).unwrap()
}

/// Any shape that decodes, well formed or not: other counts of signers and signatures, either suite, calls of any length.
fn any_transaction() -> impl Strategy<Value = SignedTransaction> {
    let signer = any::<([u8; 32], [u8; 32])>()
        .prop_map(|(account, key)| Signer { account: AccountId(Digest(account)), key_id: KeyId(Digest(key)) });
    let call = (any::<u16>(), any::<u8>(), prop_oneof![0_usize..400, 59_000_usize..61_441])
        .prop_map(|(module, byte, count)| Call { module: ModuleId(module), payload: bytes_of(byte, count) });
    let signature = any::<(bool, bool, u8)>().prop_map(|(key_is_sm2, is_sm2, byte)| TransactionSignature {
        public_key: if key_is_sm2 { PublicKey::Sm2([byte; 33]) } else { PublicKey::Ed25519([byte; 32]) },
        signature: if is_sm2 { Signature::Sm2([byte; 64]) } else { Signature::Ed25519([byte; 64]) },
    });
    let lists = (
        prop::collection::vec(signer, 0..=8),
        prop::collection::vec(call, 0..4),
        prop::collection::vec(signature, 0..=8),
    );
    (any::<[u8; 32]>(), any::<(u64, u64)>(), lists).prop_map(
        |(chain, (nonce, valid_until_ms), (signers, calls, signatures))| SignedTransaction {
            body: Transaction {
                chain_id: ChainId(Digest(chain)),
                signers: List::new(signers).unwrap(),
                nonce,
                valid_until_ms,
                calls: List::new(calls).unwrap(),
            },
            signatures: List::new(signatures).unwrap(),
        },
    )
}

fn sample(nonce: u64, payload: usize) -> SignedTransaction {
    let key = SigningKey::from_seed([1; 32]);
    let signer = Signer { account: AccountId::of(&key.public_key()), key_id: KeyId::of(&key.public_key()) };
    let body = Transaction {
        chain_id: ChainId::default(),
        signers: List::new(vec![signer]).unwrap(),
        nonce,
        valid_until_ms: 9,
        calls: List::new(vec![Call { module: ModuleId(10), payload: bytes_of(7, payload) }]).unwrap(),
    };
    body.sign(&[&key]).unwrap()
}

/// All that a seal says, against the transaction itself.
fn assert_seals(sealed: &SealedTransaction, signed: &SignedTransaction) {
    let canonical = signed.encode();
    assert_eq!(sealed.signed(), signed);
    assert_eq!(sealed.id(), signed.id());
    assert_eq!(sealed.leaf(), merkle::leaf_hash(&canonical));
    assert_eq!(usize::try_from(sealed.bytes()).unwrap(), canonical.len());
    assert_eq!(encode(sealed), canonical);
    assert_eq!(format!("{sealed:?}"), format!("{signed:?}"));
}

fn signed_batch(transactions: Vec<SignedTransaction>) -> SignedBatch {
    Batch::of(transactions).unwrap().sign(ChainId::default(), 3, 5, &SigningKey::from_seed([2; 32]))
}

/// The header as it is defined, from the transactions alone.
fn assert_header(batch: &SignedBatch, transactions: &[SignedTransaction]) {
    let encoded: Vec<Vec<u8>> = transactions.iter().map(SignedTransaction::encode).collect();
    let leaves: Vec<Digest> = encoded.iter().map(|bytes| merkle::leaf_hash(bytes)).collect();
    assert_eq!(batch.header.transactions_root, merkle::root(&leaves));
    assert_eq!(usize::try_from(batch.header.bytes).unwrap(), encoded.iter().map(Vec::len).sum::<usize>());
    assert_eq!(usize::try_from(batch.header.count).unwrap(), transactions.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_seal_says_what_the_transaction_says(signed in any_transaction()) {
        let bytes = signed.encode();
        assert_seals(&signed.clone().seal(), &signed);
        let decoded: SealedTransaction = decode(&bytes, BATCH_BYTES_MAX).unwrap();
        assert_seals(&decoded, &signed);
        prop_assert_eq!(SealedTransaction::decode(&bytes), SignedTransaction::decode(&bytes).map(SignedTransaction::seal));
        if let Ok(sealed) = SealedTransaction::decode(&bytes) {
            assert_seals(&sealed, &signed);
        }
    }

    /// Every answer to bytes that are no transaction, offset and words included, is the one without a seal.
    #[test]
    fn what_is_no_transaction_is_refused_as_before(
        signed in any_transaction(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
        trailing in 0_usize..3,
    ) {
        let mut bytes = signed.encode();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let truncated = bytes[..end.index(bytes.len())].to_vec();
        bytes.extend(std::iter::repeat_n(0, trailing));
        for bytes in [&bytes, &truncated] {
            let plain = decode::<SignedTransaction>(bytes, BATCH_BYTES_MAX);
            let sealed = decode::<SealedTransaction>(bytes, BATCH_BYTES_MAX);
            prop_assert_eq!(sealed.map(SealedTransaction::into_signed), plain);
            let (plain, sealed) = (SignedTransaction::decode(bytes), SealedTransaction::decode(bytes));
            prop_assert_eq!(sealed.map(SealedTransaction::into_signed), plain);
        }
    }

    #[test]
    fn a_batch_from_bytes_has_the_header_of_one_from_values(
        transactions in prop::collection::vec(any_transaction(), 0..5),
    ) {
        let batch = signed_batch(transactions.clone());
        let decoded: SignedBatch = decode(&batch.encode(), u32::MAX).unwrap();
        prop_assert_eq!(&decoded, &batch);
        assert_header(&decoded, &transactions);
        prop_assert_eq!(decoded.batch.header(ChainId::default(), batch.header.author, 3, 5), batch.header);
        for (sealed, signed) in decoded.batch.transactions.iter().zip(&transactions) {
            assert_seals(sealed, signed);
        }
    }
}

#[test]
fn a_transaction_over_the_limit_is_refused_before_it_is_read() {
    let calls = vec![Call { module: ModuleId(10), payload: bytes_of(1, 40_000) }; 2];
    let mut signed = sample(1, 0);
    signed.body.calls = List::new(calls).unwrap();
    let bytes = signed.encode();
    let max = limits::TRANSACTION_BYTES_MAX;
    assert_eq!(SealedTransaction::decode(&bytes), Err(DecodeError::TooLarge { bytes: bytes.len(), max }));
}

#[test]
fn what_is_changed_is_sealed_anew() {
    let sealed = sample(1, 3).seal();
    let mut signed = sealed.clone().into_signed();
    signed.body.nonce = 2;
    let other = signed.clone().seal();
    assert_seals(&other, &signed);
    assert_ne!(other, sealed);
    assert_ne!((other.id(), other.leaf()), (sealed.id(), sealed.leaf()));
    // Another signature is another leaf of the same id.
    signed.body.nonce = 1;
    signed.signatures = List::empty();
    let unsigned = signed.seal();
    assert_eq!(unsigned.id(), sealed.id());
    assert_ne!(unsigned.leaf(), sealed.leaf());
    assert_ne!(unsigned, sealed);
}

#[test]
fn a_batch_that_states_something_else_is_not_consistent() {
    let batch = signed_batch(vec![sample(1, 3), sample(2, 4)]);
    assert!(batch.is_consistent());
    let mut other = SignedBatch::decode(&batch.encode()).unwrap();
    assert!(other.is_consistent());
    other.batch = Batch::of(vec![sample(1, 3), sample(3, 4)]).unwrap();
    assert!(!other.is_consistent());
}
