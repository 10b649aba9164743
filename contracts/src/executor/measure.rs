use quancheng_types::{Bytes, Call, Digest, ModuleId, hash::sha256};
use crate::testing::{Chain, START_MS};
use crate::executor::*;
#[test]
fn measure() {
    let mut chain = Chain::sample();
    let now = START_MS + 1000;
    let signer = Chain::key("anyone");
    let account = Chain::account("anyone");
    let mut v = Vec::new();
    for i in 0..10_000_u64 {
        let root: Digest = sha256(&[&i.to_be_bytes()]);
        let call = Chain::json("evidence", serde_json::json!({"notarize": {"commitment": {"root": root, "count": 1, "bytes": 100, "complete": false}}}));
        let body = quancheng_types::Transaction { chain_id: chain.genesis.chain_id(), signers: quancheng_types::List::new(vec![quancheng_types::Signer{account, key_id: quancheng_types::KeyId::of(&signer.public_key())}]).unwrap(), nonce: i, valid_until_ms: now+1000, calls: quancheng_types::List::new(vec![call]).unwrap() };
        let sig = quancheng_types::Signature::Ed25519([0;64]);
        let _ = (sig, ModuleId(0), Bytes::<1>::default(), None::<Call>);
        v.push(SignedTransaction{ body, signatures: quancheng_types::List::new(vec![quancheng_types::transaction::TransactionSignature{public_key: signer.public_key(), signature: sig}]).unwrap()});
    }
    for org in [false, true] {
        let mut v = v.clone();
        if org { let k = Chain::key("ORG-REG"); for t in &mut v { t.body.signers = quancheng_types::List::new(vec![quancheng_types::Signer{account: Chain::account("ORG-REG"), key_id: quancheng_types::KeyId::of(&k.public_key())}]).unwrap(); t.signatures = quancheng_types::List::new(vec![quancheng_types::transaction::TransactionSignature{public_key: k.public_key(), signature: t.signatures[0].signature}]).unwrap(); } }
        let t = std::time::Instant::now();
        let out = chain.preview(now, &v, &[]);
        let e = t.elapsed();
        let ok = out.receipts.iter().filter(|r| r.outcome == quancheng_types::Outcome::Ok).count();
        println!("org={org} {e:?} ok={ok} first={} writes={}", crate::testing::outcome_name(&out.receipts[0].outcome), out.patch.len());
    }
    let _ = &mut chain;
}
