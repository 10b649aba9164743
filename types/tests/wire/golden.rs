//! Golden bytes of every wire type. A change here is a change of the protocol: bump [`quancheng_types::PROTOCOL_VERSION`] and
//! say why in `docs/decisions/`.

use quancheng_types::codec::encode;
use quancheng_types::*;

use crate::support::{attendance, batch, block, chain, genesis, header, key, transaction, validators, vote};

/// Digest of the canonical bytes and their length: as binding as the bytes, and readable in a diff.
fn print(name: &str, bytes: &[u8]) -> String {
    format!("{name} {} {}\n", bytes.len(), hash::sha256(&[bytes]))
}

fn golden() -> String {
    let receipt = Receipt {
        transaction_id: transaction().id(),
        position: 0,
        outcome: Outcome::Refused { module: ModuleId(3), code: 17, call: 0 },
        events: List::new(vec![Event { module: ModuleId(3), payload: Bytes::new(vec![5]).unwrap() }]).unwrap(),
    };
    let leaf = HistoryLeaf {
        height: Height(4),
        block_id: BlockId(Digest([1; 32])),
        time_ms: 1_789_999_999_000,
        receipts_root: Digest([5; 32]),
        state_root: Digest([6; 32]),
    };
    let mut text = String::new();
    text += &print("transaction", &transaction().encode());
    text += &format!("transaction-id {}\n", transaction().id());
    text += &print("signed-batch", &batch().encode());
    text += &format!("batch-id {}\n", batch().header.id());
    text += &format!("ack-message {}\n", batch().header.ack_message());
    text += &print("header", &encode(&header()));
    text += &format!("block-id {}\n", header().id());
    text += &print("block", &block().encode());
    text += &format!("batches-root {}\n", Block::batches_root(&block().batches));
    text += &format!("misbehavior-root {}\n", Block::misbehavior_root(&block().misbehavior));
    text += &print("attendance", &encode(&attendance()));
    text += &format!("attendance-hash {}\n", attendance().hash());
    let presence = attendance().presences[0];
    let message = Presence::sign_message(chain(), presence.validator, presence.since_ms);
    text += &format!("presence-message {message}\n");
    text += &print("vote", &encode(&vote()));
    text += &format!("vote-message {}\n", vote().sign_message());
    text += &print("receipt", &encode(&receipt));
    text += &format!("receipt-leaf {}\n", receipt.leaf_hash());
    text += &print("history-leaf", &encode(&leaf));
    text += &format!("history-leaf-hash {}\n", leaf.leaf_hash());
    text += &print("validator-set", &encode(&validators()));
    text += &format!("validators-hash {}\n", validators().hash());
    text += &print("parameters", &encode(&Parameters::default()));
    text += &print("genesis", &genesis().encode());
    text += &format!("chain-id {}\n", genesis().chain_id());
    let mut window = AuthorWindow::default();
    for number in [3, 1_030, 7, 1_028] {
        window.insert(number);
    }
    text += &print("author-window", &encode(&window));
    text += &format!("account {}\n", AccountId::of(&key(1).public_key()).to_text());
    text
}

#[test]
fn wire_bytes_are_golden() {
    assert_eq!(golden(), include_str!("../golden/wire.txt"));
}

#[test]
fn every_value_decodes_to_itself_and_refuses_trailing_and_truncated_bytes() {
    let bytes = transaction().encode();
    assert_eq!(SignedTransaction::decode(&bytes).unwrap(), transaction());
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(SignedTransaction::decode(&longer), Err(DecodeError::Trailing { bytes: 1 }));
    for end in 0..bytes.len() {
        assert!(matches!(SignedTransaction::decode(&bytes[..end]), Err(DecodeError::Malformed { .. })), "cut at {end}");
    }
    assert_eq!(Genesis::decode(&genesis().encode()).unwrap(), genesis());
    assert_eq!(SignedBatch::decode(&batch().encode()).unwrap(), batch());
    assert!(batch().is_consistent());
}

/// A block id names every byte of the block: no other body is consistent with its header.
#[test]
fn a_header_commits_to_every_byte_of_its_block() {
    let mut good = block();
    good.header.batches_root = Block::batches_root(&good.batches);
    good.header.misbehavior_root = Block::misbehavior_root(&good.misbehavior);
    good.header.attendance_hash = good.attendance.hash();
    assert!(good.is_consistent());
    let bytes = good.encode();
    let (mut decoded, mut refused) = (0, 0);
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut other = bytes.clone();
            other[at] ^= 1 << bit;
            match Block::decode(&other) {
                Ok(other) => {
                    assert!(other.id() != good.id() || !other.is_consistent(), "byte {at}");
                    decoded += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(decoded > 1_000 && refused > 0, "{decoded} {refused}");
    let mut batches = good.batches.to_vec();
    batches[0].certificate = BatchCertificate::default();
    assert!(!Block { batches: List::new(batches).unwrap(), ..good.clone() }.is_consistent(), "an emptied certificate");
    assert!(!Block { batches: List::empty(), ..good.clone() }.is_consistent());
    assert!(!Block { misbehavior: List::empty(), ..good.clone() }.is_consistent());
    assert!(!Block { attendance: Attendance::default(), ..good }.is_consistent());
}

#[test]
fn limits_are_checked_before_content() {
    let huge = vec![0_u8; limits::TRANSACTION_BYTES_MAX as usize + 1];
    assert!(matches!(SignedTransaction::decode(&huge), Err(DecodeError::TooLarge { .. })));
    // A claimed length of 2^32-1 elements in four bytes.
    let claim = decode::<List<u64, 8>>(&[0xff; 4], 64);
    assert!(matches!(claim, Err(DecodeError::Malformed { .. })), "{claim:?}");
    let claim = decode::<Bytes<8>>(&[9, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 64);
    assert!(matches!(claim, Err(DecodeError::Malformed { .. })), "{claim:?}");
    assert!(matches!(decode::<Text<8>>(&[2, 0, 0, 0, 0xc3, 0x28], 64), Err(DecodeError::Malformed { .. })));
}

#[test]
fn a_transaction_is_refused_for_each_fault_of_form() {
    let good = transaction();
    assert_eq!(good.check(&chain()), Ok(()));
    assert!(matches!(good.check(&ChainId(Digest([8; 32]))), Err(TransactionError::WrongChain { .. })));
    let mut none = good.clone();
    none.body.signers = List::empty();
    assert_eq!(none.check(&chain()), Err(TransactionError::NoSigner));
    let mut idle = good.clone();
    idle.body.calls = List::empty();
    assert_eq!(idle.check(&chain()), Err(TransactionError::NoCall));
    let mut unsigned = good.clone();
    unsigned.signatures = List::empty();
    assert!(matches!(unsigned.check(&chain()), Err(TransactionError::SignatureCount { .. })));
    let mut later = good.clone();
    later.body.valid_until_ms += 1;
    assert!(matches!(later.check(&chain()), Err(TransactionError::Signature { .. })));
    let mut twice = good.body.clone();
    let signer = twice.signers[0];
    twice.signers = List::new(vec![signer, signer]).unwrap();
    let twice = twice.sign(&[&key(1), &key(1)]).unwrap();
    assert_eq!(twice.check(&chain()), Err(TransactionError::RepeatedSigner { index: 1 }));
    let stranger = good.body.clone().sign(&[&key(9)]).unwrap();
    assert_eq!(stranger.check(&chain()), Err(TransactionError::KeyMismatch { index: 0 }));
}

#[test]
fn quorums_are_more_than_two_thirds_for_every_small_set() {
    for total in 1..=40_u64 {
        let one = |n: u64| Validator {
            public_key: key(u8::try_from(n).unwrap()).public_key(),
            power: 1,
            node_id: NodeId(Digest([u8::try_from(n).unwrap(); 32])),
            organization: Text::default(),
            interest: Text::default(),
        };
        let set = ValidatorSet::new((1..=total).map(one).collect()).unwrap();
        // Independent statement: the least q with 3q > 2n, and the least p with 3p > n - 1, that is more than f = (n-1)/3.
        assert_eq!(set.quorum(), (0..=total).find(|q| 3 * q > 2 * total).unwrap(), "n = {total}");
        assert!(set.one_honest() > (total - 1) / 3, "n = {total}");
    }
}

#[test]
fn a_commit_certificate_needs_a_quorum_of_distinct_members() {
    let set = validators();
    let vote = vote();
    let sign = |n: u8| certificate::CertificateSignature {
        validator: ValidatorId::of(&key(n).public_key()),
        signature: key(n).sign(vote.sign_message().as_bytes()),
    };
    let certify = |mut who: Vec<certificate::CertificateSignature>| {
        who.sort_by_key(|s| s.validator);
        CommitCertificate {
            height: vote.height,
            round: vote.round,
            block_id: header().id(),
            signatures: List::new(who).unwrap(),
        }
    };
    assert_eq!(certify(vec![sign(1), sign(2), sign(3)]).verify(chain(), &set), Ok(()));
    assert!(matches!(certify(vec![sign(1), sign(2)]).verify(chain(), &set), Err(CertificateError::NoQuorum { .. })));
    assert!(matches!(
        certify(vec![sign(1), sign(2), sign(2)]).verify(chain(), &set),
        Err(CertificateError::NotAscending { .. })
    ));
    assert!(matches!(
        certify(vec![sign(1), sign(2), sign(9)]).verify(chain(), &set),
        Err(CertificateError::NotAValidator { .. })
    ));
    let mut other_round = certify(vec![sign(1), sign(2), sign(3)]);
    other_round.round = Round(2);
    assert!(matches!(other_round.verify(chain(), &set), Err(CertificateError::Signature { .. })));
}

#[test]
fn misbehavior_convicts_only_the_guilty() {
    let set = validators();
    let sign = |n: u8, block: u8| {
        let vote = Vote { block_id: Some(BlockId(Digest([block; 32]))), ..vote() };
        SignedVote {
            vote,
            validator: ValidatorId::of(&key(n).public_key()),
            signature: key(n).sign(vote.sign_message().as_bytes()),
        }
    };
    let order = |a: SignedVote, b: SignedVote| {
        if encode(&a) < encode(&b) {
            MisbehaviorProof::ConflictingVotes { first: a, second: b }
        } else {
            MisbehaviorProof::ConflictingVotes { first: b, second: a }
        }
    };
    assert!(order(sign(1, 1), sign(1, 2)).verify(&chain(), &set).is_ok());
    assert!(order(sign(1, 1), sign(1, 1)).verify(&chain(), &set).is_err(), "the same vote twice");
    assert!(order(sign(1, 1), sign(2, 2)).verify(&chain(), &set).is_err(), "two validators");
    assert!(order(sign(9, 1), sign(9, 2)).verify(&chain(), &set).is_err(), "a stranger");

    let mut bad = transaction();
    bad.body.nonce += 1;
    let spoiled = Batch::of(vec![transaction(), bad.clone()]).unwrap().sign(chain(), 1, 77, &key(3));
    let leaves = [merkle::leaf_hash(&transaction().encode()), merkle::leaf_hash(&bad.encode())];
    let proof = |index: u64, tx: SignedTransaction| MisbehaviorProof::InvalidBatch {
        header: spoiled.header,
        signature: spoiled.signature,
        transaction: Box::new(tx),
        path: merkle::Path::of(&leaves, index).unwrap(),
    };
    assert!(proof(1, bad.clone()).verify(&chain(), &set).is_ok());
    assert!(proof(0, transaction()).verify(&chain(), &set).is_err(), "a valid transaction convicts nobody");
    assert!(proof(0, bad).verify(&chain(), &set).is_err(), "not at that place");
}

#[test]
fn suite_2_as_the_suite_of_a_chain_is_refused_with_the_way_out() {
    let mut other = genesis();
    other.suite = Suite::Sm3Sm2;
    let error = Genesis::decode(&other.encode()).unwrap_err();
    assert!(error.to_string().contains("not yet supported"), "{error}");
}

#[test]
fn a_mistyped_account_is_refused() {
    let account = AccountId::of(&key(1).public_key());
    let text = account.to_text();
    assert_eq!(AccountId::from_text(&text), Ok(account));
    let flipped = text.replacen(&text[10..11], if &text[10..11] == "0" { "1" } else { "0" }, 1);
    assert!(AccountId::from_text(&flipped).is_err());
}
