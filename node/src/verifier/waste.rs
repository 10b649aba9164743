//! What an author may make others store for nothing.
//!
//! An acknowledged batch is kept until it is ordered, and an ordered one for ever, whatever comes of it. A transaction that can have no
//! effect - its time is over, it was executed long before, it stands in the batch twice, or nobody may act by its keys - costs its author
//! nothing. An honest author has such ones only now and then, after an outage, so each author has an allowance of them in bytes, which
//! comes back slowly; a batch beyond it is not acknowledged until then. No clock of this node is asked: time is the newest block's.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use quancheng_contracts::{check_signers, governance};
use quancheng_state::StoreError;
use quancheng_types::{SealedTransaction, SignedBatch, ValidatorId};

use crate::ledger::Ledger;

/// Bytes without effect that an author may bring at once: twice what an author has in flight by default parameters, and a batch.
const WASTE_BYTES_MAX: u64 = 16 << 20;
/// Bytes without effect that an author may bring again per second: 0.7 GB a day.
const WASTE_BYTES_PER_SECOND: u64 = 8 << 10;
/// How long a transaction may be over, or executed, before it counts: batches travel, and clients submit to several validators. ms of
/// block time.
const GRACE_MS: u64 = 60_000;
/// Of large batches one transaction of so many is looked at, from a place that nobody can foretell.
const SAMPLE_STRIDE: usize = 8;
/// Batches of at most so many transactions are looked at whole.
const WHOLE_MAX: usize = 64;
/// Authors of which something is remembered: validators of a few sets.
const AUTHORS_MAX: usize = 512;

#[derive(Clone, Copy, Debug)]
struct Allowance {
    left: u64,
    at: Instant,
}

/// The allowances of all authors.
#[derive(Debug)]
pub(super) struct WasteQuota {
    ledger: Arc<Ledger>,
    secret: RandomState,
    bytes_max: u64,
    allowances: Mutex<BTreeMap<ValidatorId, Allowance>>,
}

impl WasteQuota {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self::with(ledger, WASTE_BYTES_MAX)
    }

    fn with(ledger: Arc<Ledger>, bytes_max: u64) -> Self {
        Self { ledger, secret: RandomState::new(), bytes_max, allowances: Mutex::default() }
    }

    /// Whether the author's allowance covers what of this batch can have no effect.
    pub(super) fn admits(&self, batch: &SignedBatch, now: Instant) -> Result<bool, StoreError> {
        let wasted = self.wasted_bytes(batch)?;
        if wasted == 0 {
            return Ok(true);
        }
        let mut allowances = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        if allowances.len() >= AUTHORS_MAX && !allowances.contains_key(&batch.header.author) {
            // Whoever has all of it again is as good as unknown; forgetting one gains it nothing.
            let bytes_max = self.bytes_max;
            allowances.retain(|_, allowance| allowance.refilled(now, bytes_max) < bytes_max);
            if allowances.len() >= AUTHORS_MAX {
                return Ok(false);
            }
        }
        let fresh = Allowance { left: self.bytes_max, at: now };
        let allowance = allowances.entry(batch.header.author).or_insert(fresh);
        *allowance = Allowance { left: allowance.refilled(now, self.bytes_max), at: now };
        let left = allowance.left.checked_sub(wasted);
        allowance.left = left.unwrap_or(allowance.left);
        Ok(left.is_some())
    }

    /// Bytes of the transactions that can have no effect, estimated from a sample.
    fn wasted_bytes(&self, batch: &SignedBatch) -> Result<u64, StoreError> {
        let transactions = &batch.batch.transactions;
        let stride = if transactions.len() <= WHOLE_MAX { 1 } else { SAMPLE_STRIDE };
        let start = usize::try_from(self.secret.hash_one(batch.header.id()) % 8).unwrap_or(0) % stride;
        let snapshot = self.ledger.signers()?;
        let parameters = governance::parameters_at(&snapshot, snapshot.height().next())?;
        let now_ms = self.ledger.history_leaf(snapshot.height())?.map_or(0, |leaf| leaf.time_ms);
        let mut seen = HashSet::new();
        let mut signers = BTreeMap::new();
        let mut wasted = 0_u64;
        for transaction in transactions.iter().skip(start).step_by(stride) {
            let mut may_act = || -> Result<bool, StoreError> {
                if parameters.writers == quancheng_types::Writers::Anyone {
                    return Ok(true);
                }
                let first = transaction.body.signers.first().map(|signer| (signer.account, signer.key_id));
                if let Some(known) = signers.get(&first) {
                    return Ok(*known);
                }
                let may_act = check_signers(&snapshot, transaction, now_ms, &parameters)?.is_ok();
                signers.insert(first, may_act);
                Ok(may_act)
            };
            let is_useless = transaction.body.valid_until_ms.saturating_add(GRACE_MS) < now_ms
                || !seen.insert(transaction.id())
                || self.is_long_executed(transaction, now_ms)?
                || !may_act()?;
            if is_useless {
                wasted = wasted.saturating_add(transaction.bytes().into());
            }
        }
        Ok(wasted.saturating_mul(u64::try_from(stride).unwrap_or(1)))
    }

    fn is_long_executed(&self, transaction: &SealedTransaction, now_ms: u64) -> Result<bool, StoreError> {
        let id = transaction.id();
        if !self.ledger.is_executed(&id, transaction.body.valid_until_ms)? {
            return Ok(false);
        }
        let Some((height, _)) = self.ledger.transaction_location(&id)? else {
            return Ok(false);
        };
        let time_ms = self.ledger.history_leaf(height)?.map(|leaf| leaf.time_ms);
        Ok(time_ms.is_some_and(|time_ms| time_ms.saturating_add(GRACE_MS) < now_ms))
    }
}

impl Allowance {
    /// What is left of it now.
    fn refilled(self, now: Instant, bytes_max: u64) -> u64 {
        let elapsed_ms = u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        let back = elapsed_ms.saturating_mul(WASTE_BYTES_PER_SECOND) / 1000;
        self.left.saturating_add(back).min(bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quancheng_types::{
        AccountId, Batch, Bytes, Call, Height, KeyId, List, ModuleId, Signer, SigningKey, Transaction,
    };

    use super::*;

    /// A batch of so many transactions that end at a time; all the same one if `is_repeated`.
    fn batch(quota: &WasteQuota, sequence: u64, count: u64, valid_until_ms: u64, is_repeated: bool) -> SignedBatch {
        let key = SigningKey::from_seed([3; 32]);
        let public_key = key.public_key();
        let sign = |nonce: u64| {
            let body = Transaction {
                chain_id: quota.ledger.chain_id(),
                signers: List::new(vec![Signer {
                    account: AccountId::of(&public_key),
                    key_id: KeyId::of(&public_key),
                }])
                .unwrap(),
                nonce: if is_repeated { 0 } else { nonce },
                valid_until_ms,
                calls: List::new(vec![Call { module: ModuleId(10), payload: Bytes::new(Vec::new()).unwrap() }])
                    .unwrap(),
            };
            body.sign(&[&key]).unwrap()
        };
        let batch = Batch::of((0..count).map(sign).collect()).unwrap();
        batch.sign(quota.ledger.chain_id(), sequence, 0, &SigningKey::from_seed([1; 32]))
    }

    #[test]
    fn an_author_brings_useless_bytes_only_within_its_allowance() {
        let dir = tempfile::tempdir().unwrap();
        let quota = WasteQuota::with(Arc::new(crate::testing::ledger(dir.path())), 10_000);
        let (now, time_ms) = (Instant::now(), quota.ledger.history_leaf(Height::GENESIS).unwrap().unwrap().time_ms);
        let admits = |sequence, valid_until_ms, is_repeated, later: u64| {
            let batch = batch(&quota, sequence, 20, valid_until_ms, is_repeated);
            (quota.admits(&batch, now + Duration::from_secs(later)).unwrap(), u64::from(batch.header.bytes))
        };
        for sequence in 0..100 {
            assert!(admits(sequence, time_ms + 1, false, 0).0, "good ones cost nothing");
            assert!(admits(sequence, time_ms - GRACE_MS, false, 0).0, "nor what has just ended");
        }
        let (first, bytes) = admits(200, time_ms - GRACE_MS - 1, false, 0);
        assert!(first && 2 * bytes > 10_000 - bytes, "{bytes}");
        assert!(!(0..3).all(|n| admits(201 + n, time_ms - GRACE_MS - 1, false, 0).0), "the allowance ends");
        assert!(admits(300, time_ms + 1, false, 0).0, "good ones are taken all the same");
        assert!(!admits(301, time_ms + 1, true, 0).0, "one transaction many times is as useless");
        assert!(admits(302, time_ms - GRACE_MS - 1, false, 2).0, "it comes back with time");
    }
}
