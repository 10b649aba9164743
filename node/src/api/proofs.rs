//! Evidence bundles out of what the node keeps.

use std::collections::BTreeSet;

use quancheng_proof::bundle::CLAIMS_MAX;
use quancheng_proof::{Bundle, BundleBuilder, BundleError, LeafProof, StateProof, identity};
use quancheng_state::{Snapshot, StateKey, StoreError, View as _};
use quancheng_types::{AccountId, Height, Signer, TransactionId};

use super::backend::{Backend, CertifiedHeader, ExecutedTransaction, TransactionState};
use super::known::KnownUntil;
use super::problem::{ApiError, ApiResult};

/// Leaves that claims of a bundle made here name: of the snapshot, of the transaction, and of the state that proves.
const LEAVES_OF_CLAIMS: usize = 3;

/// A certified header that reaches a height, the leaf of the height, and the newest state that the header certifies.
struct Ground {
    builder: BundleBuilder,
    history_size: u64,
    leaf: LeafProof,
    newest: Snapshot,
    newest_leaf: LeafProof,
}

fn ground(backend: &dyn Backend, height: Height) -> ApiResult<Ground> {
    let Some(CertifiedHeader { header, certificate, validators }) = backend.certifying_header(height)? else {
        return Err(ApiError::NotCertifiedYet { height });
    };
    let history_size = header.history_size;
    let newest = backend.snapshot(Some(header.executed_height))?;
    let newest_leaf = leaf(backend, header.executed_height, history_size)?;
    let leaf = leaf(backend, height, history_size)?;
    let mut builder = BundleBuilder::new(header, certificate, validators);
    for change in backend.trust_path(header.height)? {
        builder = builder.trust_step(change);
    }
    Ok(Ground { builder, history_size, leaf, newest, newest_leaf })
}

fn leaf(backend: &dyn Backend, height: Height, history_size: u64) -> ApiResult<LeafProof> {
    let missing = || ApiError::Internal { reason: format!("history leaf {height} is missing") };
    let leaf = backend.history_leaf(height)?.ok_or_else(missing)?;
    Ok(LeafProof { leaf, path: backend.history_path(height, history_size)? })
}

/// What becomes of a row of a derived table whose past no proof shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unprovable {
    /// The bundle is refused: the question was about that row.
    Refuse,
    /// The row is left out: the bundle proves what stands beside it.
    LeaveOut,
}

/// Proves state entries, or that there are none, as of a snapshot.
///
/// # Errors
/// [`ApiError::NotCertifiedYet`], [`ApiError::TooManyClaims`], [`ApiError::NotKept`].
pub(crate) fn state(
    backend: &dyn Backend,
    snapshot: &Snapshot,
    keys: &[StateKey],
    unprovable: Unprovable,
) -> ApiResult<Bundle> {
    let mut ground = ground(backend, snapshot.height())?;
    let spans = entries(&mut ground, snapshot, keys, unprovable)?;
    timed(backend, ground, spans)?.build().map_err(fault)
}

/// Claims entries as of a snapshot of the height of the ground's leaf, each key once. Returns the heights between which they stood.
fn entries(
    ground: &mut Ground,
    snapshot: &Snapshot,
    keys: &[StateKey],
    unprovable: Unprovable,
) -> ApiResult<BTreeSet<Height>> {
    let mut seen = BTreeSet::new();
    let keys: Vec<&StateKey> = keys.iter().filter(|key| seen.insert(*key)).collect();
    if u32::try_from(keys.len()).map_or(true, |count| count > CLAIMS_MAX) {
        return Err(ApiError::TooManyClaims { count: keys.len(), max: CLAIMS_MAX });
    }
    let (mut spans, count, mut left_out) = (BTreeSet::new(), keys.len(), 0);
    for key in keys {
        let (root, proof) = match proven(ground, snapshot, key) {
            Err(StoreError::NotKept { .. }) if unprovable == Unprovable::LeaveOut && left_out + 1 < count => {
                left_out += 1;
                continue;
            }
            other => other?,
        };
        let heights = proof.holding().map(|holding| [Some(holding.since), holding.until]);
        spans.extend(heights.into_iter().flatten().flatten());
        let (value, key) = (snapshot.read(key)?, key.as_bytes().to_vec());
        let builder = ground.builder.clone().state(ground.leaf.clone(), root, key, value, proof);
        ground.builder = builder.map_err(fault)?;
    }
    Ok(spans)
}

/// The proof of an entry with the leaf of the state that proves it: the newest, which says most; of a derived row that of the
/// snapshot itself, as long as its tree is held.
fn proven(ground: &Ground, snapshot: &Snapshot, key: &StateKey) -> Result<(LeafProof, StateProof), StoreError> {
    if !key.is_kept()
        && let Ok(proof) = snapshot.prove(key)
    {
        return Ok((ground.leaf.clone(), proof));
    }
    Ok((ground.newest_leaf.clone(), snapshot.prove_under(&ground.newest, key)?))
}

/// Adds the leaves of heights at which entries begin and end, as many as a bundle has place for.
fn timed(backend: &dyn Backend, ground: Ground, spans: BTreeSet<Height>) -> ApiResult<BundleBuilder> {
    let Ground { mut builder, history_size, .. } = ground;
    let place = usize::try_from(CLAIMS_MAX).unwrap_or(usize::MAX).saturating_sub(LEAVES_OF_CLAIMS);
    for height in spans.into_iter().filter(|height| height.0 < history_size).take(place) {
        builder = builder.time(leaf(backend, height, history_size)?);
    }
    Ok(builder)
}

/// Proves that a transaction was executed, with its receipt, and who its signers are as of its height.
///
/// # Errors
/// [`ApiError::TransactionUnknown`], [`ApiError::NotCertifiedYet`], also for one that is admitted and not executed.
pub(crate) fn transaction(backend: &dyn Backend, id: &TransactionId) -> ApiResult<Bundle> {
    let Some(executed) = backend.executed_transaction(id)? else {
        let until = KnownUntil::of(backend)?;
        return Err(match backend.transaction(id)? {
            TransactionState::Known { height, .. } => {
                ApiError::NotCertifiedYet { height: height.unwrap_or_else(|| backend.status().height.next()) }
            }
            TransactionState::Pruned { height, lowest } => ApiError::Pruned { height, lowest },
            TransactionState::Unknown | TransactionState::Expired => ApiError::TransactionUnknown { id: *id, until },
        });
    };
    let mut ground = ground(backend, executed.height)?;
    act(backend, &mut ground, executed)?;
    ground.builder.build().map_err(fault)
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
    let mut ground = ground(backend, snapshot.height())?;
    let spans = entries(&mut ground, snapshot, keys, Unprovable::LeaveOut)?;
    let made_by = match made_by.map(|id| backend.executed_transaction(id)).transpose() {
        Err(StoreError::Pruned { .. }) => None,
        other => other?.flatten(),
    };
    if let Some(executed) = made_by {
        act(backend, &mut ground, executed)?;
    }
    timed(backend, ground, spans)?.build().map_err(fault)
}

/// Claims a transaction, and the rows that say who signed it. Afterwards the ground's leaf is that of the transaction.
fn act(backend: &dyn Backend, ground: &mut Ground, executed: ExecutedTransaction) -> ApiResult<()> {
    let ExecutedTransaction { height, transaction, receipt, receipt_path } = executed;
    ground.leaf = leaf(backend, height, ground.history_size)?;
    let signers = transaction.body.signers.to_vec();
    let LeafProof { leaf, path } = ground.leaf.clone();
    let builder = ground.builder.clone().transaction(leaf, path, transaction, receipt, &receipt_path);
    ground.builder = builder.map_err(fault)?;
    let snapshot = backend.snapshot(Some(height))?;
    entries(ground, &snapshot, &identities(&snapshot, &signers)?, Unprovable::LeaveOut)?;
    Ok(())
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
