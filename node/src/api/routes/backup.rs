//! The operator's `/backup`: begins a backup of the running node, and tells how it went.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::super::params::{NoParams, Params};
use super::super::problem::{ApiError, ApiResult};
use super::super::respond;
use super::super::state::Api;

/// Begins one: 202 with its state, which is `running`; 409 BACKUP_RUNNING while another is being made. Where it goes is not for the
/// request to say: it lies in the data folder.
pub(super) async fn begin(api: Api, Params(NoParams {}): Params<NoParams>, headers: HeaderMap) -> ApiResult<Response> {
    // Browsers name the page that sends a POST: no page may begin a backup behind the back of an operator who looks at it.
    if headers.contains_key(header::ORIGIN) {
        return Err(ApiError::parameter("Origin", "a backup is not begun by a page of the web"));
    }
    let status = api.blocking(|backend| Ok(backend.begin_backup()?)).await?;
    Ok(respond::json(StatusCode::ACCEPTED, &status))
}

/// Where the newest backup stands: `idle`, `running`, `done` or `failed`.
pub(super) async fn show(api: Api, Params(NoParams {}): Params<NoParams>) -> ApiResult<Response> {
    let status = api.blocking(|backend| Ok(backend.backup_status())).await?;
    Ok(respond::ok(&status))
}
