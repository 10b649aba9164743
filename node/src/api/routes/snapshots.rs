//! `/v1/snapshots`: what a node begins with that does not execute the chain; and the operator's `/snapshot`, which makes one.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use quancheng_types::Height;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::backend::Backend;
use super::super::params::{NoParams, Params, Segment, SegmentPair};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::respond::{self, OCTET_STREAM};
use super::super::state::Api;
use crate::snapshot::{SnapshotError, SnapshotFolder, SnapshotInfo};

/// Suggested wait when a snapshot cannot be read, ms.
const UNREADABLE_RETRY_MS: u64 = 2_000;

/// The snapshots of a node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SnapshotsView {
    /// Ascending by height.
    #[schema(value_type = Vec<Object>)]
    snapshots: Vec<SnapshotInfo>,
}

/// The snapshots that this node has, ascending by height: the state of a height in chunks, with which another node begins
/// (`quanchengd init --from-snapshot`).
#[utoipa::path(
    get, path = "/v1/snapshots", tag = "chain",
    responses((status = 200, body = SnapshotsView), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list(api: Api, Params(NoParams {}): Params<NoParams>) -> ApiResult<Response> {
    // A manifest that is not known yet is read, which takes memory.
    let snapshots = api.proving(|backend| backend.snapshots().served_list().map_err(refused)).await?;
    Ok(respond::ok(&SnapshotsView { snapshots }))
}

/// The manifest of a snapshot: the header that certifies it, and the chunks with their digests.
#[utoipa::path(
    get, path = "/v1/snapshots/{height}/manifest", tag = "chain",
    params(("height" = u64, Path, description = "Height of the state")),
    responses((status = 200, content((Object = "application/octet-stream"))), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn manifest(api: Api, segment: Segment, Params(NoParams {}): Params<NoParams>) -> ApiResult<Response> {
    let height = segment.parse("height").map(Height)?;
    let bytes = api.proving(move |backend| file(backend, height, |folder| folder.served_manifest(height))).await?;
    Ok(respond::bytes(StatusCode::OK, OCTET_STREAM, bytes))
}

/// A chunk of a snapshot, by its number in the manifest, from 0.
#[utoipa::path(
    get, path = "/v1/snapshots/{height}/chunks/{number}", tag = "chain",
    params(("height" = u64, Path, description = "Height of the state"), ("number" = u64, Path, description = "Number of the chunk")),
    responses((status = 200, content((Object = "application/octet-stream"))), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn chunk(
    api: Api,
    SegmentPair(height, number): SegmentPair,
    Params(NoParams {}): Params<NoParams>,
) -> ApiResult<Response> {
    let (height, number) = (height.parse("height").map(Height)?, number.parse("number")?);
    let bytes = api.proving(move |backend| file(backend, height, |folder| folder.served_chunk(height, number))).await?;
    Ok(respond::bytes(StatusCode::OK, OCTET_STREAM, bytes))
}

/// A file of a snapshot that is there.
fn file(
    backend: &dyn Backend,
    height: Height,
    read: impl FnOnce(&SnapshotFolder) -> Result<Option<Vec<u8>>, SnapshotError>,
) -> ApiResult<Vec<u8>> {
    let found = read(&backend.snapshots()).map_err(refused)?;
    found.ok_or_else(|| ApiError::not_found(format!("such part of a snapshot of height {height}")))
}

/// What the system refuses to read now it may give later, and says nothing of the snapshot: who asked may ask again.
fn refused(error: SnapshotError) -> ApiError {
    if matches!(error, SnapshotError::Io { .. }) {
        let what = "failed reads of its snapshots (its log tells why)";
        return ApiError::Overloaded { what, retry_after_ms: UNREADABLE_RETRY_MS };
    }
    error.into()
}

/// Begins one: 202 with its state, which is `running`; 409 SNAPSHOT_RUNNING while another is being made.
pub(super) async fn begin(api: Api, Params(NoParams {}): Params<NoParams>, headers: HeaderMap) -> ApiResult<Response> {
    // As with backups, no page of the web begins one behind the back of an operator.
    if headers.contains_key(header::ORIGIN) {
        return Err(ApiError::parameter("Origin", "a snapshot is not begun by a page of the web"));
    }
    let status = api.blocking(|backend| Ok(backend.begin_snapshot()?)).await?;
    Ok(respond::json(StatusCode::ACCEPTED, &status))
}

/// Where the newest snapshot stands: `idle`, `running`, `done` or `failed`.
pub(super) async fn show(api: Api, Params(NoParams {}): Params<NoParams>) -> ApiResult<Response> {
    let status = api.blocking(|backend| Ok(backend.snapshot_status())).await?;
    Ok(respond::ok(&status))
}

#[cfg(test)]
mod tests {
    use std::io::Error;
    use std::path::Path;

    use super::*;

    /// What could not be read may be asked for again, by whoever knows our codes and by whoever knows HTTP alone.
    #[test]
    fn a_read_that_fails_may_be_tried_again() {
        let busy = refused(SnapshotError::io(Path::new("/d/5/manifest"), "read")(Error::from_raw_os_error(24)));
        assert_eq!(busy.status_and_code().0, StatusCode::SERVICE_UNAVAILABLE);
        assert!(busy.is_retryable() && busy.retry_after_ms() == Some(UNREADABLE_RETRY_MS));
        let other = refused(SnapshotError::Ledger(crate::ledger::LedgerError::Empty));
        assert!(!other.is_retryable(), "{other:?}");
    }
}
