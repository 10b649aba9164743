//! What a manifest says is believed for its signatures alone.

mod fetch;
mod pace;
mod served;
mod words;

use std::path::Path;

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
use super::{Manifest, SnapshotError, SnapshotFolder, SnapshotInfo};
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
    manifest_of(genesis, 5)
}

/// The same of another height above 3.
fn manifest_of(genesis: &Genesis, height: u64) -> (Manifest, HistoryLeaf) {
    let (old, new) = (&genesis.validators, &set_after(genesis));
    let change = decided(genesis, 3, [old, new], 2, 1);
    let last = decided(genesis, height, [new, new], height - 1, 2);
    let certifying = decided(genesis, height + 1, [new, new], height, 2);
    let step = SetChange {
        header: change.block.header,
        certificate: change.certificate.clone(),
        next_validators: new.clone(),
    };
    let leaf = HistoryLeaf {
        height: Height(height),
        block_id: last.block.id(),
        time_ms: height,
        receipts_root: Digest::ZERO,
        state_root: Digest::ZERO,
    };
    let manifest = Manifest {
        chain_id: genesis.chain_id(),
        header: certifying.block.header,
        certificate: certifying.certificate,
        steps: vec![step],
        blocks: vec![change, last],
        list: ExportList { height: Height(height), receipts_from: Height(1), chunks: Vec::new() },
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

/// A folder with one snapshot of these chunks; `named` is what its manifest says of the last of them.
fn folder(genesis: &Genesis, chunks: &[&[u8]], named: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), genesis, 5, chunks, named);
    folder
}

/// Adds one of a height to a folder of them.
fn add(folder: &Path, genesis: &Genesis, height: u64, chunks: &[&[u8]], named: &[u8]) {
    let (mut manifest, leaf) = manifest_of(genesis, height);
    let snapshot = SnapshotFolder::at(folder).of_height(leaf.height);
    std::fs::create_dir(&snapshot).unwrap();
    for (number, bytes) in (0_u64..).zip(chunks) {
        write_file(&chunk_path(&snapshot, number), bytes).unwrap();
        let is_last = number + 1 == u64::try_from(chunks.len()).unwrap();
        let named = if is_last { named } else { bytes };
        let (bytes, sha256) = (u32::try_from(named.len()).unwrap(), sha256(&[named]));
        manifest.list.chunks.push(ChunkEntry { kind: ChunkKind::Index, bytes, sha256 });
    }
    let bytes = manifest.encode();
    let info = SnapshotInfo::of(&manifest, &bytes).unwrap();
    assert_eq!((info.block_id, info.time_ms), (leaf.block_id, leaf.time_ms));
    write_heads(&snapshot, &bytes, &info).unwrap();
}
