//! Bundles of a sample of what was certified: fetched from the network and verified as a court does, against a checkpoint.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use quancheng_proof::Checkpoint;
use quancheng_proof::report::{Assessment, ClaimFact, RecordFact};
use quancheng_types::TransactionId;
use serde::Serialize;

use crate::client::{Client, LoadError};
use crate::report::Latency;

/// A certified transaction whose header is not there yet is asked for again after this time, and so many times.
const AGAIN: Duration = Duration::from_millis(200);
const ATTEMPTS_MAX: u32 = 50;
/// Greatest checkpoint file read, bytes.
const CHECKPOINT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The ids that are least, at most so many: ids are hashes, so they are a fair sample of however many are noted.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    ids: BTreeSet<TransactionId>,
    max: usize,
}

impl Chosen {
    pub(crate) fn new(max: usize) -> Self {
        Self { ids: BTreeSet::new(), max }
    }

    pub(crate) fn note(&mut self, id: TransactionId) {
        self.ids.insert(id);
        if self.ids.len() > self.max {
            self.ids.pop_last();
        }
    }

    pub(crate) fn into_ids(self) -> BTreeSet<TransactionId> {
        self.ids
    }
}

/// What came of the sample.
#[derive(Debug, Serialize)]
pub(crate) struct Bundles {
    /// Bundles that were fetched, and verified as MATCH.
    pub(crate) verified: usize,
    /// Transactions without such a bundle: id, and what came instead.
    pub(crate) failed: Vec<(TransactionId, String)>,
    /// Greatest length of a bundle.
    pub(crate) bytes_max: usize,
    /// From the request to the whole bundle, one after the other.
    pub(crate) fetch_ms: Latency,
    /// To verify one that is there.
    pub(crate) verify_ms: Latency,
}

/// Reads the checkpoint against which bundles are verified.
pub(crate) fn checkpoint(path: &Path) -> Result<Checkpoint, LoadError> {
    let file = |error: String| LoadError::File { path: path.to_owned(), error };
    let length = std::fs::metadata(path).map_err(|error| file(error.to_string()))?.len();
    if length > CHECKPOINT_BYTES_MAX {
        return Err(file(format!("{length} bytes are more than a checkpoint has ({CHECKPOINT_BYTES_MAX})")));
    }
    let text = std::fs::read(path).map_err(|error| file(error.to_string()))?;
    Checkpoint::from_json(&text).map_err(|error| file(error.to_string()))
}

/// Fetches and verifies, one after the other, taking turns among the addresses.
pub(crate) fn verify(endpoints: &[String], ids: BTreeSet<TransactionId>, checkpoint: &Checkpoint) -> Bundles {
    let (mut checked, mut failed) = (Vec::new(), Vec::new());
    for (id, endpoint) in ids.into_iter().zip(endpoints.iter().cycle()) {
        match check(&Client::new(endpoint), id, checkpoint) {
            Ok(one) => checked.push(one),
            Err(words) => failed.push((id, format!("{endpoint}: {words}"))),
        }
    }
    Bundles {
        verified: checked.len(),
        failed,
        bytes_max: checked.iter().map(|one| one.bytes).max().unwrap_or(0),
        fetch_ms: Latency::of(checked.iter().map(|one| one.fetch).collect()),
        verify_ms: Latency::of(checked.iter().map(|one| one.verify).collect()),
    }
}

/// A bundle that is what it should be.
struct Checked {
    bytes: usize,
    fetch: Duration,
    verify: Duration,
}

fn check(client: &Client, id: TransactionId, checkpoint: &Checkpoint) -> Result<Checked, String> {
    let (bundle, fetch) = fetched(client, &id)?;
    let begun = Instant::now();
    let report = quancheng_proof::verify(&bundle, checkpoint, &[]);
    let verify = begun.elapsed();
    if report.overall() != Assessment::Match {
        return Err(format!("its bundle is {:?}, not MATCH", report.overall()));
    }
    let claims = report.facts.iter().flat_map(|facts| &facts.claims);
    let is_of = |claim: &ClaimFact| match claim.record {
        RecordFact::Transaction { transaction_id, .. } => transaction_id == id,
        RecordFact::State { .. } => false,
    };
    if !claims.into_iter().any(is_of) {
        return Err("the bundle is of another transaction".to_owned());
    }
    Ok(Checked { bytes: bundle.len(), fetch, verify })
}

/// The bundle, and the time of the request that brought it.
fn fetched(client: &Client, id: &TransactionId) -> Result<(Vec<u8>, Duration), String> {
    for _ in 0..ATTEMPTS_MAX {
        let begun = Instant::now();
        if let Some(bundle) = client.bundle(id).map_err(|error| error.to_string())? {
            return Ok((bundle, begun.elapsed()));
        }
        std::thread::sleep(AGAIN);
    }
    Err("no bundle, although it was certified".to_owned())
}

#[cfg(test)]
mod tests {
    use quancheng_types::Digest;

    use super::*;

    #[test]
    fn the_least_ids_are_chosen_whatever_comes_first() {
        let id = |n: u8| TransactionId(Digest([n; 32]));
        for order in [[3, 1, 2, 4], [4, 3, 2, 1]] {
            let mut chosen = Chosen::new(2);
            for n in order {
                chosen.note(id(n));
            }
            assert_eq!(chosen.into_ids(), BTreeSet::from([id(1), id(2)]));
        }
        let mut none = Chosen::default();
        none.note(id(1));
        assert!(none.into_ids().is_empty());
    }
}
