//! Every decoder of bytes that others may send: arbitrary and mutated bytes never panic, and what is accepted encodes to the same
//! bytes. The fuzz targets under `fuzz/` state the same laws without a bound on time.

use proptest::prelude::*;
use quancheng_types::codec::encode;
use quancheng_types::*;

use crate::support::{block, chain, genesis, key, transaction};

/// Two transactions, so that a piece of it can be one of them.
fn batch() -> SignedBatch {
    Batch::of(vec![transaction(), transaction()]).unwrap().sign(chain(), 9, 77, &key(2))
}

/// A transaction, with and without a seal: both accept the same, and the seal is of what was accepted.
fn signed(bytes: &[u8]) -> Result<Option<Vec<u8>>, TestCaseError> {
    let signed = SignedTransaction::decode(bytes);
    prop_assert_eq!(SealedTransaction::decode(bytes).map(SealedTransaction::into_signed), signed.clone());
    let Ok(signed) = signed else {
        return Ok(None);
    };
    let sealed: SealedTransaction = decode(bytes, limits::TRANSACTION_BYTES_MAX).unwrap();
    prop_assert_eq!(sealed.id(), signed.id());
    prop_assert_eq!(sealed.leaf(), merkle::leaf_hash(bytes));
    Ok(Some(signed.encode()))
}

/// Decodes in every way; whatever accepts the bytes gives them back. Returns how many did.
fn laws(bytes: &[u8]) -> Result<usize, TestCaseError> {
    type Nested = List<Text<16>, 8>;
    let again: [Option<Vec<u8>>; 7] = [
        signed(bytes)?,
        SignedBatch::decode(bytes).ok().map(|v| v.encode()),
        Block::decode(bytes).ok().map(|v| v.encode()),
        Genesis::decode(bytes).ok().map(|v| v.encode()),
        decode::<Nested>(bytes, 256).ok().map(|v| encode(&v)),
        decode::<Bytes<64>>(bytes, 256).ok().map(|v| encode(&v)),
        decode::<Receipt>(bytes, 1 << 20).ok().map(|v| encode(&v)),
    ];
    let accepted: Vec<Vec<u8>> = again.into_iter().flatten().collect();
    for spelling in &accepted {
        prop_assert_eq!(spelling.as_slice(), bytes);
    }
    Ok(accepted.len())
}

fn samples() -> [Vec<u8>; 5] {
    let texts: List<Text<16>, 8> = List::new(vec![Text::new("泉城").unwrap(), Text::default()]).unwrap();
    [transaction().encode(), batch().encode(), block().encode(), genesis().encode(), encode(&texts)]
}

#[test]
fn samples_are_accepted() {
    for bytes in samples() {
        assert_eq!(laws(&bytes).unwrap(), 1);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        laws(&bytes)?;
    }

    /// Bytes near to what is sent: single bytes replaced, and a piece cut out or doubled.
    #[test]
    fn mutated_bytes(
        sample in 0..5_usize,
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        piece in any::<(prop::sample::Index, prop::sample::Index)>(),
        is_cut in any::<bool>(),
        is_doubled in any::<bool>(),
    ) {
        let mut mutated = samples()[sample].clone();
        for (at, byte) in bytes {
            let at = at.index(mutated.len());
            mutated[at] = byte;
        }
        let ends = [piece.0.index(mutated.len()), piece.1.index(mutated.len())];
        let (from, to) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        if is_doubled {
            let doubled = mutated[from..to].to_vec();
            mutated.splice(to..to, doubled);
        } else if is_cut {
            mutated.drain(from..to);
        }
        laws(&mutated)?;
    }
}
