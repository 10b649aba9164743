//! The invariants that are judged when a run is over, on what honest machines have stored.

use std::sync::Arc;

use quancheng_contracts::genesis_patch;
use quancheng_proof::{BundleBuilder, Checkpoint, LeafProof, SetChange, verify_bundle};
use quancheng_state::view::EmptyView;
use quancheng_state::{Memory, Store, StoreError, StoreOptions};
use quancheng_types::{Height, SignedTransaction};
use serde_json::json;

use crate::disk::{Disk, text};
use crate::executor::{self, Mode, Work};
use crate::known::Known;
use crate::properties::Breach;
use crate::random::Random;

/// Bundles made at the end of one run.
const BUNDLES: usize = 3;

fn failed(property: &'static str) -> impl Fn(String) -> Breach {
    move |details| Breach { property, details }
}

/// Executing all blocks again from genesis gives what every machine has stored.
pub(crate) fn replay_equals_live(disks: &[&Disk], known: &Known) -> Result<(), Breach> {
    replay(disks, known).map_err(failed("replay_equals_live"))
}

fn replay(disks: &[&Disk], known: &Known) -> Result<(), String> {
    let store = Store::open(Arc::new(Memory::new()), StoreOptions::default()).map_err(text)?;
    let patch = genesis_patch(&known.genesis, &EmptyView).map_err(text)?;
    store.init_genesis(known.genesis.time_ms, patch, &known.genesis.validators).map_err(text)?;
    for decided in known.blocks() {
        let height = decided.block.header.height;
        let mut batches = Vec::new();
        for batch in &decided.block.batches {
            let content =
                known.batch(&batch.header.id()).ok_or(format!("a batch of height {height} is from nowhere"))?;
            batches.push(Arc::clone(content));
        }
        let block = Arc::new(decided.block.clone());
        let work = Work { chain_id: known.chain_id, block, batches: &batches, checks_refusals: false };
        let (done, _) = executor::execute(&store, &work, Mode::default()).map_err(text)?;
        for disk in disks {
            let live = disk.store().history_leaf(height).map_err(text)?;
            if live != done.leaf {
                return Err(format!("height {height}: live {live:?}, replayed {:?}", done.leaf));
            }
        }
    }
    Ok(())
}

/// Executed transactions have bundles that convince someone who holds only the genesis. Returns how many were tried.
pub(crate) fn evidence_verifies(disks: &[&Disk], known: &Known, random: &mut Random) -> Result<u64, Breach> {
    let checkpoint =
        Checkpoint::from_genesis(known.genesis.clone()).map_err(|error| failed("evidence_verifies")(text(error)))?;
    let mut tried = 0;
    for _ in 0..BUNDLES {
        let disk = disks[random.index(disks.len())];
        tried += bundle(disk, known, &checkpoint, random).map_err(failed("evidence_verifies"))?;
    }
    Ok(tried)
}

/// One bundle of a random transaction with its state entry, from one disk.
fn bundle(disk: &Disk, known: &Known, checkpoint: &Checkpoint, random: &mut Random) -> Result<u64, String> {
    let (store, chain) = (disk.store(), disk.chain());
    let Some(last) = chain.last_block().map_err(text)? else {
        return Ok(0);
    };
    let decided = disk.block(last).map_err(text)?.ok_or("the newest block is not stored")?;
    let header = decided.block.header;
    let height = Height(random.between(1, header.executed_height.0.max(1)));
    let receipts = store.receipts(height).map_err(text)?;
    if receipts.is_empty() || height > header.executed_height {
        return Ok(0);
    }
    let position = u32::try_from(random.index(receipts.len())).map_err(text)?;
    let (receipt, body) = store.transaction(height, position).map_err(text)?.ok_or("a receipt without transaction")?;
    let transaction = SignedTransaction::decode(&body).map_err(text)?;
    let receipt_path = store.receipt_path(height, position).map_err(text)?.ok_or("a receipt without path")?;
    let leaf = store.history_leaf(height).map_err(text)?;
    let leaf_path = store.history_path(height, header.history_size).map_err(text)?;

    let mut builder = BundleBuilder::new(header, decided.certificate, known.validators(last).clone());
    for step in trust_steps(disk, last)? {
        builder = builder.trust_step(step);
    }
    // The record of the first notarization, or its absence when the transaction was refused.
    let root = transaction.body.calls.first().and_then(|call| call.payload.get(1..33)).map(hex).unwrap_or_default();
    let snapshot = store.snapshot_at(height).map_err(text)?;
    if let Ok(answer) = quancheng_contracts::query(&snapshot, "evidence", json!({ "record": { "root": root } }))
        && let Some(key) = answer.keys.first()
    {
        // By the newest state that the header certifies; after a restart a machine holds no earlier tree than its newest.
        let root = store.snapshot_at(header.executed_height).map_err(text)?;
        match snapshot.prove_under(&root, key) {
            Ok(proof) => {
                let value = quancheng_state::View::read(&snapshot, key).map_err(text)?;
                let path = store.history_path(root.height(), header.history_size).map_err(text)?;
                let root = LeafProof { leaf: root.tip().leaf, path };
                let asked = LeafProof { leaf, path: leaf_path.clone() };
                builder = builder.state(asked, root, key.as_bytes().to_vec(), value, proof).map_err(text)?;
            }
            Err(StoreError::RootGone { oldest, .. }) if oldest > header.executed_height => {}
            Err(error) => return Err(text(error)),
        }
    }
    let builder = builder.transaction(leaf, leaf_path, transaction, receipt, &receipt_path).map_err(text)?;
    let bundle = builder.build().map_err(text)?;
    let report = verify_bundle(&bundle, checkpoint, &[]);
    if report.exit_code() == 0 {
        Ok(1)
    } else {
        Err(format!("bundle of height {height}, position {position}: {:?}", report.findings))
    }
}

/// The changes of the set below a header, each vouched for by the set before.
fn trust_steps(disk: &Disk, below: Height) -> Result<Vec<SetChange>, String> {
    let mut steps = Vec::new();
    for (from, _) in disk.chain().set_changes().map_err(text)? {
        let Some(before) = from.previous().filter(|before| *before >= Height(1) && *before < below) else {
            continue;
        };
        let decided = disk.block(before).map_err(text)?.ok_or("a block before a change of the set is not stored")?;
        let header = decided.block.header;
        if header.next_validators_hash != header.validators_hash {
            let next = disk.chain().validator_set(&header.next_validators_hash).map_err(text)?;
            let next_validators = next.ok_or("a validator set is not stored")?;
            steps.push(SetChange { header, certificate: decided.certificate, next_validators });
        }
    }
    Ok(steps)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
