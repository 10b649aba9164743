//! What a manifest says is believed for its signatures alone.

use quancheng_consensus::CommittedBlock;
use quancheng_proof::SetChange;
use quancheng_state::export::{ChunkEntry, ChunkKind, ExportList};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::hash::sha256;
use quancheng_types::{
    Attendance, Block, BlockId, CommitCertificate, Digest, Genesis, Header, Height, HistoryLeaf, List,
    PROTOCOL_VERSION, Round, Signature, SigningKey, Validator, ValidatorId, ValidatorSet,
};

use super::folder::{chunk_path, write_file, write_heads};
use super::{Manifest, SnapshotError, SnapshotFolder, SnapshotInfo, Source, Sources};
use crate::testing;

/// The validator of the genesis, and the one after it.
fn key(number: u8) -> SigningKey {
    SigningKey::from_seed([number; 32])
}

fn set_after(genesis: &Genesis) -> ValidatorSet {
    let first = genesis.validators.validators()[0].clone();
    let node_id = quancheng_types::NodeId(Digest(key(9).public_key().as_bytes().try_into().unwrap()));
    ValidatorSet::new(vec![Validator { public_key: key(2).public_key(), node_id, ..first }]).unwrap()
}

fn decided(genesis: &Genesis, height: u64, sets: [&ValidatorSet; 2], executed: u64, signer: u8) -> CommittedBlock {
    let attendance = Attendance::default();
    let header = Header {
        version: PROTOCOL_VERSION,
        chain_id: genesis.chain_id(),
        height: Height(height),
        time_ms: height,
        parent: BlockId::default(),
        proposer: ValidatorId::default(),
        round: Round(0),
        batches_root: Block::batches_root(&[]),
        validators_hash: sets[0].hash(),
        next_validators_hash: sets[1].hash(),
        params_hash: Digest::ZERO,
        executed_height: Height(executed),
        history_size: executed + 1,
        history_root: Digest::ZERO,
        misbehavior_root: Block::misbehavior_root(&[]),
        attendance_hash: attendance.hash(),
    };
    let block = Block { header, batches: List::empty(), misbehavior: List::empty(), attendance };
    let mut certificate =
        CommitCertificate { height: header.height, round: Round(0), block_id: header.id(), signatures: List::empty() };
    let message = certificate.sign_message(header.chain_id);
    let validator = ValidatorId::of(&key(signer).public_key());
    let signature = key(signer).sign(message.as_bytes());
    certificate.signatures = List::new(vec![CertificateSignature { validator, signature }]).unwrap();
    CommittedBlock { block, certificate }
}

/// A snapshot of height 5; the validators changed after height 3.
fn manifest(genesis: &Genesis) -> (Manifest, HistoryLeaf) {
    let (old, new) = (&genesis.validators, &set_after(genesis));
    let change = decided(genesis, 3, [old, new], 2, 1);
    let last = decided(genesis, 5, [new, new], 4, 2);
    let certifying = decided(genesis, 6, [new, new], 5, 2);
    let step = SetChange {
        header: change.block.header,
        certificate: change.certificate.clone(),
        next_validators: new.clone(),
    };
    let leaf = HistoryLeaf {
        height: Height(5),
        block_id: last.block.id(),
        time_ms: 5,
        receipts_root: Digest::ZERO,
        state_root: Digest::ZERO,
    };
    let manifest = Manifest {
        chain_id: genesis.chain_id(),
        header: certifying.block.header,
        certificate: certifying.certificate,
        steps: vec![step],
        blocks: vec![change, last],
        list: ExportList { height: Height(5), receipts_from: Height(1), chunks: Vec::new() },
    };
    (manifest, leaf)
}

fn spoil(certificate: &mut CommitCertificate) {
    let mut signatures = certificate.signatures.clone().into_vec();
    if let Signature::Ed25519(bytes) = &mut signatures[0].signature {
        bytes[7] ^= 1;
    }
    certificate.signatures = List::new(signatures).unwrap();
}

#[test]
fn every_signature_of_a_manifest_counts() {
    let genesis = testing::genesis();
    let (good, leaf) = manifest(&genesis);
    let check = |manifest: &Manifest| manifest.check(&genesis).and_then(|()| manifest.check_blocks(&genesis, &leaf));
    check(&good).unwrap();
    assert_eq!(Manifest::decode(&good.encode()).unwrap(), good);
    let changes: [fn(&mut Manifest); 8] = [
        |manifest| spoil(&mut manifest.certificate),
        |manifest| spoil(&mut manifest.steps[0].certificate),
        // Beside the good one of the path: it would be stored, and served as proof of the change.
        |manifest| spoil(&mut manifest.blocks[0].certificate),
        |manifest| spoil(&mut manifest.blocks[1].certificate),
        |manifest| drop(manifest.blocks.remove(0)),
        |manifest| drop(manifest.blocks.pop()),
        |manifest| drop(manifest.steps.pop()),
        |manifest| manifest.list.height = Height(6),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = good.clone();
        change(&mut changed);
        assert!(matches!(check(&changed), Err(SnapshotError::Manifest { .. })), "change {number}");
    }
    let other = Genesis { time_ms: genesis.time_ms + 1, ..genesis.clone() };
    assert!(matches!(good.check(&other), Err(SnapshotError::OtherChain { .. })));
}

#[test]
fn a_source_is_an_address_or_a_folder() {
    let read = |text: &str| text.parse::<Source>();
    for (text, url) in
        [("http://a:1/", "http://a:1"), ("HTTP://a:1", "http://a:1"), ("Http://[::1]:80", "http://[::1]:80")]
    {
        assert!(matches!(read(text), Ok(Source::Node(found)) if found == url), "{text}");
    }
    for text in ["/a/b", "here", "a:b", "C:/x"] {
        assert!(matches!(read(text), Ok(Source::Folder(_))), "{text}");
    }
    for (text, told) in [
        ("", "needed"),
        ("https://a:1", "over http"),
        ("HTTPS://a:1", "over http"),
        ("ftp://a", "only http://"),
        ("127.0.0.1:9000", "write http://127.0.0.1:9000"),
        ("node.example:9000/", "write http://node.example:9000/"),
        ("[::1]:9000", "write http://[::1]:9000"),
    ] {
        assert!(read(text).is_err_and(|error| error.contains(told)), "{text}");
    }
}

/// A folder with one snapshot of these chunks; `named` is what its manifest says of the last of them.
fn folder(genesis: &Genesis, chunks: &[&[u8]], named: &[u8]) -> tempfile::TempDir {
    let (mut manifest, leaf) = manifest(genesis);
    let folder = tempfile::tempdir().unwrap();
    let snapshot = SnapshotFolder::at(folder.path()).of_height(leaf.height);
    std::fs::create_dir(&snapshot).unwrap();
    for (number, bytes) in (0_u64..).zip(chunks) {
        write_file(&chunk_path(&snapshot, number), bytes).unwrap();
        let is_last = number + 1 == u64::try_from(chunks.len()).unwrap();
        let named = if is_last { named } else { bytes };
        let (bytes, sha256) = (u32::try_from(named.len()).unwrap(), sha256(&[named]));
        manifest.list.chunks.push(ChunkEntry { kind: ChunkKind::Index, bytes, sha256 });
    }
    let bytes = manifest.encode();
    let info = SnapshotInfo {
        height: leaf.height,
        block_id: leaf.block_id,
        time_ms: leaf.time_ms,
        chunks: u64::try_from(chunks.len()).unwrap(),
        bytes: manifest.list.bytes(),
        manifest_bytes: u64::try_from(bytes.len()).unwrap(),
        manifest_sha256: sha256(&[&bytes]),
    };
    write_heads(&snapshot, &bytes, &info).unwrap();
    folder
}

/// Whoever gives a false list is to blame for it, and nobody else: not those who have the same snapshot and tell it as it is.
#[test]
fn a_false_list_is_nobody_elses_fault() {
    let genesis = testing::genesis();
    let [false_one, true_one, other] = [b"cc", b"bb", b"bb"].map(|named| folder(&genesis, &[b"a", b"bb"], named));
    let source = |folder: &tempfile::TempDir| Source::Folder(folder.path().to_owned());
    let mut sources = Sources::new([&false_one, &true_one, &other].map(source).to_vec());
    let mut found = sources.newest(&genesis).unwrap();
    assert_eq!(found.source, source(&false_one));
    let list = found.manifest.list.chunks.clone();
    assert_eq!(sources.chunk(&mut found, 0, &list[0]).unwrap(), b"a");
    assert!(matches!(sources.chunk(&mut found, 1, &list[1]), Err(SnapshotError::NoSource { .. })));
    assert_eq!(sources.failures().len(), 1, "{:?}", sources.failures());

    let mut found = sources.newest(&genesis).unwrap();
    assert_eq!(found.source, source(&true_one));
    let list = found.manifest.list.chunks.clone();
    // A chunk that one of them lost is taken from the other.
    std::fs::remove_file(chunk_path(&SnapshotFolder::at(true_one.path()).of_height(Height(5)), 1)).unwrap();
    assert_eq!(sources.chunk(&mut found, 1, &list[1]).unwrap(), b"bb");
}

#[test]
fn what_is_damaged_is_served_to_nobody() {
    let genesis = testing::genesis();
    let height = Height(5);
    for file in ["manifest", "000000", "000001"] {
        for is_gone in [false, true] {
            let folder = folder(&genesis, &[b"a", b"bb"], b"bb");
            let snapshots = SnapshotFolder::at(folder.path());
            let serve = |number| snapshots.served_chunk(height, number).unwrap();
            assert_eq!((serve(0), serve(1), serve(2)), (Some(b"a".to_vec()), Some(b"bb".to_vec()), None));
            let path = snapshots.of_height(height).join(file);
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::remove_file(&path).unwrap();
            if !is_gone {
                std::fs::write(&path, bytes).unwrap();
            }
            let number = file.parse().unwrap_or(0);
            assert_eq!(serve(number), None);
            assert!(snapshots.list().unwrap().is_empty(), "{file}");
            snapshots.tidy();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{file}");
        }
    }
}
