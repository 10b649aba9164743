//! Evidence bundles out of what the node keeps.

use std::collections::BTreeSet;

use quancheng_proof::bundle::CLAIMS_MAX;
use quancheng_proof::{Bundle, BundleBuilder, BundleError};
use quancheng_state::{Snapshot, StateKey, View as _};
use quancheng_types::merkle::Path;
use quancheng_types::{Height, HistoryLeaf, TransactionId};

use super::backend::{Backend, CertifiedHeader, ExecutedTransaction, TransactionState};
use super::problem::{ApiError, ApiResult};

/// A certified header that reaches a height, the leaf of the height, and the way from one to the other.
struct Ground {
    builder: BundleBuilder,
    leaf: HistoryLeaf,
    path: Path,
}

fn ground(backend: &dyn Backend, height: Height) -> ApiResult<Ground> {
    let Some(CertifiedHeader { header, certificate, validators }) = backend.certifying_header(height)? else {
        return Err(ApiError::NotCertifiedYet { height });
    };
    let missing = || ApiError::Internal { reason: format!("history leaf {height} is missing") };
    let leaf = backend.history_leaf(height)?.ok_or_else(missing)?;
    let path = backend.history_path(height, header.history_size)?;
    let mut builder = BundleBuilder::new(header, certificate, validators);
    for change in backend.trust_path(header.height)? {
        builder = builder.trust_step(change);
    }
    Ok(Ground { builder, leaf, path })
}

/// Proves state entries, or that there are none, as of a snapshot.
///
/// # Errors
/// [`ApiError::NotCertifiedYet`], [`ApiError::TooManyClaims`], [`ApiError::Pruned`].
pub(crate) fn state(backend: &dyn Backend, snapshot: &Snapshot, keys: &[StateKey]) -> ApiResult<Bundle> {
    let mut seen = BTreeSet::new();
    let keys: Vec<&StateKey> = keys.iter().filter(|key| seen.insert(*key)).collect();
    if u32::try_from(keys.len()).map_or(true, |count| count > CLAIMS_MAX) {
        return Err(ApiError::TooManyClaims { count: keys.len(), max: CLAIMS_MAX });
    }
    let Ground { mut builder, leaf, path } = ground(backend, snapshot.height())?;
    for key in keys {
        let (value, proof) = (snapshot.read(key)?, snapshot.prove(key)?);
        builder = builder.state(leaf, path.clone(), key.as_bytes().to_vec(), value, proof).map_err(fault)?;
    }
    builder.build().map_err(fault)
}

/// Proves that a transaction was executed, with its receipt.
///
/// # Errors
/// [`ApiError::TransactionUnknown`], [`ApiError::NotCertifiedYet`], also for one that is admitted and not executed.
pub(crate) fn transaction(backend: &dyn Backend, id: &TransactionId) -> ApiResult<Bundle> {
    let Some(executed) = backend.executed_transaction(id)? else {
        return Err(match backend.transaction(id)? {
            TransactionState::Known { height, .. } => {
                ApiError::NotCertifiedYet { height: height.unwrap_or_else(|| backend.status().height.next()) }
            }
            TransactionState::Unknown | TransactionState::Expired => ApiError::TransactionUnknown { id: *id },
        });
    };
    let ExecutedTransaction { height, transaction, receipt, receipt_path } = executed;
    let Ground { builder, leaf, path } = ground(backend, height)?;
    let builder = builder.transaction(leaf, path, transaction, receipt, &receipt_path).map_err(fault)?;
    builder.build().map_err(fault)
}

fn fault(error: BundleError) -> ApiError {
    ApiError::Internal { reason: format!("bundle: {error}") }
}
