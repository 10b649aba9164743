//! Evidence bundles out of what the node keeps.

use std::collections::BTreeSet;

use quancheng_proof::bundle::CLAIMS_MAX;
use quancheng_proof::{Bundle, BundleBuilder, BundleError, identity};
use quancheng_state::{Snapshot, StateKey, StoreError, View as _};
use quancheng_types::merkle::Path;
use quancheng_types::{AccountId, Height, HistoryLeaf, Signer, TransactionId};

use super::backend::{Backend, CertifiedHeader, ExecutedTransaction, TransactionState};
use super::problem::{ApiError, ApiResult};

/// A certified header that reaches a height, the leaf of the height, and the way from one to the other.
struct Ground {
    builder: BundleBuilder,
    history_size: u64,
    leaf: HistoryLeaf,
    path: Path,
}

fn ground(backend: &dyn Backend, height: Height) -> ApiResult<Ground> {
    let Some(CertifiedHeader { header, certificate, validators }) = backend.certifying_header(height)? else {
        return Err(ApiError::NotCertifiedYet { height });
    };
    let (leaf, path) = leaf(backend, height, header.history_size)?;
    let mut builder = BundleBuilder::new(header, certificate, validators);
    for change in backend.trust_path(header.height)? {
        builder = builder.trust_step(change);
    }
    Ok(Ground { builder, history_size: header.history_size, leaf, path })
}

fn leaf(backend: &dyn Backend, height: Height, history_size: u64) -> ApiResult<(HistoryLeaf, Path)> {
    let missing = || ApiError::Internal { reason: format!("history leaf {height} is missing") };
    let leaf = backend.history_leaf(height)?.ok_or_else(missing)?;
    Ok((leaf, backend.history_path(height, history_size)?))
}

/// Proves state entries, or that there are none, as of a snapshot.
///
/// # Errors
/// [`ApiError::NotCertifiedYet`], [`ApiError::TooManyClaims`], [`ApiError::Pruned`].
pub(crate) fn state(backend: &dyn Backend, snapshot: &Snapshot, keys: &[StateKey]) -> ApiResult<Bundle> {
    let Ground { builder, leaf, path, .. } = ground(backend, snapshot.height())?;
    entries(builder, &leaf, &path, snapshot, keys)?.build().map_err(fault)
}

/// Claims entries of a snapshot, each key once.
fn entries(
    mut builder: BundleBuilder,
    leaf: &HistoryLeaf,
    path: &Path,
    snapshot: &Snapshot,
    keys: &[StateKey],
) -> ApiResult<BundleBuilder> {
    let mut seen = BTreeSet::new();
    let keys: Vec<&StateKey> = keys.iter().filter(|key| seen.insert(*key)).collect();
    if u32::try_from(keys.len()).map_or(true, |count| count > CLAIMS_MAX) {
        return Err(ApiError::TooManyClaims { count: keys.len(), max: CLAIMS_MAX });
    }
    for key in keys {
        let (value, proof) = (snapshot.read(key)?, snapshot.prove(key)?);
        builder = builder.state(*leaf, path.clone(), key.as_bytes().to_vec(), value, proof).map_err(fault)?;
    }
    Ok(builder)
}

/// Proves that a transaction was executed, with its receipt, and who its signers are as of its height.
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
    let Ground { builder, history_size, .. } = ground(backend, executed.height)?;
    act(backend, builder, history_size, executed)?.build().map_err(fault)
}

/// Proves a record of evidence as of a snapshot, with the transaction that made it and its signers, if the node still has it.
///
/// # Errors
/// As [`state()`].
pub(crate) fn evidence(
    backend: &dyn Backend,
    snapshot: &Snapshot,
    keys: &[StateKey],
    made_by: Option<&TransactionId>,
) -> ApiResult<Bundle> {
    let Ground { builder, history_size, leaf, path } = ground(backend, snapshot.height())?;
    let builder = entries(builder, &leaf, &path, snapshot, keys)?;
    let executed = made_by.map(|id| backend.executed_transaction(id)).transpose()?.flatten();
    let builder = match executed {
        Some(executed) => act(backend, builder, history_size, executed)?,
        None => builder,
    };
    builder.build().map_err(fault)
}

/// Claims a transaction, and the rows that say who signed it.
fn act(
    backend: &dyn Backend,
    builder: BundleBuilder,
    history_size: u64,
    executed: ExecutedTransaction,
) -> ApiResult<BundleBuilder> {
    let ExecutedTransaction { height, transaction, receipt, receipt_path } = executed;
    let (leaf, path) = leaf(backend, height, history_size)?;
    let signers = transaction.body.signers.to_vec();
    let builder = builder.transaction(leaf, path.clone(), transaction, receipt, &receipt_path).map_err(fault)?;
    let snapshot = match backend.snapshot(Some(height)) {
        Ok(snapshot) => snapshot,
        // The state of that height is gone; who signed remains unsaid, and the report says so.
        Err(StoreError::Pruned { .. }) => return Ok(builder),
        Err(error) => return Err(error.into()),
    };
    entries(builder, &leaf, &path, &snapshot, &identities(&snapshot, &signers)?)
}

/// The row of each account and of its organization; of an account that has none, to whom its key is bound, and the rows of that account.
fn identities(snapshot: &Snapshot, signers: &[Signer]) -> ApiResult<Vec<StateKey>> {
    let mut keys = Vec::new();
    for signer in signers {
        if registration(snapshot, &signer.account, &mut keys)? {
            continue;
        }
        // The row of a registered account lists its keys; of another the ledger may still know whose key it is.
        let Some(bound) = StateKey::from_bytes(identity::key_owner_key(&signer.key_id)) else { continue };
        let owner = snapshot.read(&bound)?.and_then(|value| identity::key_owner(&value));
        keys.push(bound);
        if let Some(owner) = owner {
            registration(snapshot, &owner, &mut keys)?;
        }
    }
    Ok(keys)
}

/// Adds the row of an account and of its organization. Returns whether the account is registered.
fn registration(snapshot: &Snapshot, account: &AccountId, keys: &mut Vec<StateKey>) -> ApiResult<bool> {
    keys.extend(StateKey::from_bytes(identity::account_key(account)));
    let record = quancheng_contracts::identity::account(snapshot, account)?;
    keys.extend(record.iter().map(|record| quancheng_contracts::identity::organization_key(&record.org_id)));
    Ok(record.is_some())
}

fn fault(error: BundleError) -> ApiError {
    ApiError::Internal { reason: format!("bundle: {error}") }
}
