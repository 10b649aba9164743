//! Lists: pages as of one height, in JSON with a cursor or as rows.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use quancheng_state::StateKey;
use quancheng_types::Height;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answers;
use super::backend::Backend;
use super::csv::Columns;
use super::cursor::Cursor;
use super::limits::PAGE_MAX;
use super::params::{ListParams, PageRequest};
use super::problem::{ApiError, ApiResult};
use super::proofs::{self, Unprovable};
use super::respond as responses;
use super::respond::{CSV, Form, preferred};
use super::state::{Api, AsOf};
use super::time::rfc3339;

/// Rows and what they rest on.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The state they are as of.
    pub(crate) height: Height,
    /// Time of its block.
    pub(crate) time_ms: u64,
    /// The rows.
    pub(crate) items: Vec<Value>,
    /// Whether it ends early because its rows are large: the next page begins after them.
    pub(crate) is_cut: bool,
    /// The entries they rest on; none when the page cannot be proven by entries.
    pub(crate) keys: Vec<StateKey>,
}

/// A page as clients see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListAnswer {
    /// The height.
    #[schema(value_type = u64)]
    pub(crate) height: Height,
    /// Time of its block, RFC 3339.
    pub(crate) time: String,
    /// The rows.
    #[schema(value_type = Vec<Object>)]
    pub(crate) items: Vec<Value>,
    /// Where the next page starts; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// The evidence bundle, borsh in hex, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<String>,
}

type Reader = Arc<dyn Fn(&dyn Backend, PageRequest) -> ApiResult<Page> + Send + Sync>;

/// Answers with a page. `path` names the list with its filter: cursors of one path do not work on another.
///
/// # Errors
/// [`ApiError`].
pub(crate) async fn respond(
    api: &Api,
    headers: &HeaderMap,
    path: String,
    params: ListParams,
    read: impl Fn(&dyn Backend, PageRequest) -> ApiResult<Page> + Send + Sync + 'static,
) -> ApiResult<Response> {
    let request = params.page(&path)?;
    let read: Reader = Arc::new(read);
    match preferred(headers, &[Form::Json, Form::Csv]) {
        Form::Csv if params.proof => Err(ApiError::parameter("proof", "rows carry no proof; ask for application/json")),
        Form::Csv => rows(api, path, request, params.limit.is_none(), read).await,
        Form::Json | Form::Borsh => page(api, path, request, params.proof, read).await,
    }
}

async fn page(api: &Api, path: String, request: PageRequest, is_proven: bool, read: Reader) -> ApiResult<Response> {
    let read = move |backend: &dyn Backend| {
        let page = read(backend, request)?;
        if !is_proven {
            return Ok((page, None));
        }
        let snapshot = backend.snapshot(Some(page.height))?;
        let bundle = proofs::state(backend, &snapshot, &page.keys, Unprovable::Refuse)?;
        Ok((page, Some(hex::encode(bundle.encode()))))
    };
    let (page, proof) = if is_proven { api.proving(read).await? } else { api.blocking(read).await? };
    let next = next(&page, request);
    let next_cursor = next.map(|cursor| cursor.encode(&path));
    let link = next_cursor.as_ref().map(|cursor| link(&path, cursor, request.limit));
    let answer = ListAnswer { height: page.height, time: rfc3339(page.time_ms), items: page.items, next_cursor, proof };
    Ok(with_link(responses::ok(&answer), link))
}

/// A full page has a successor, perhaps an empty one, and so has one that was cut.
fn next(page: &Page, request: PageRequest) -> Option<Cursor> {
    let rows = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
    let has_successor = page.is_cut || rows >= request.limit;
    has_successor.then(|| Cursor { height: page.height, from: request.from.saturating_add(rows.into()) })
}

fn link(path: &str, cursor: &str, limit: u32) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("<{path}{mark}cursor={cursor}&limit={limit}>; rel=\"next\"")
}

fn with_link(mut response: Response, link: Option<String>) -> Response {
    if let Some(value) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(header::LINK, value);
    }
    response
}

/// What is left of a list that is being streamed.
struct Rest {
    api: Api,
    read: Reader,
    columns: Columns,
    request: PageRequest,
}

async fn rows(api: &Api, path: String, mut request: PageRequest, is_whole: bool, read: Reader) -> ApiResult<Response> {
    if is_whole {
        request.limit = PAGE_MAX;
    }
    let reader = Arc::clone(&read);
    let first = api.blocking(move |backend| reader(backend, request)).await?;
    let columns = Columns::of(&first.items);
    let mut text = columns.header();
    text.extend(first.items.iter().map(|item| columns.row(item)));
    let next = next(&first, request);
    let Some(cursor) = next.filter(|_| is_whole) else {
        let link = next.map(|cursor| link(&path, &cursor.encode(&path), request.limit));
        return Ok(with_link(responses::bytes(StatusCode::OK, CSV, text), link));
    };
    let request = PageRequest { as_of: AsOf::Height(cursor.height), from: cursor.from, limit: PAGE_MAX };
    let rest = Rest { api: api.clone(), read, columns, request };
    let head = answers::piece(api, text).await;
    let stream = futures::stream::try_unfold((Some(head), Some(rest)), |(head, rest)| async move {
        if let Some(head) = head {
            return Ok(Some((head, (None, rest))));
        }
        match rest {
            None => Ok(None),
            Some(rest) => more(rest).await.map(|(rows, rest)| Some((rows, (None, rest)))),
        }
    });
    Ok(responses::bytes(StatusCode::OK, CSV, Body::from_stream(stream)))
}

/// The next rows. An error breaks the answer off, so that half a list never passes as a whole one.
async fn more(rest: Rest) -> Result<(Bytes, Option<Rest>), std::io::Error> {
    let (reader, request) = (Arc::clone(&rest.read), rest.request);
    let page = rest
        .api
        .blocking(move |backend| reader(backend, request))
        .await
        .map_err(|error| std::io::Error::other(error.status_and_code().1))?;
    let text: String = page.items.iter().map(|item| rest.columns.row(item)).collect();
    let rows = answers::piece(&rest.api, text).await;
    let following =
        next(&page, request).map(|cursor| Rest { request: PageRequest { from: cursor.from, ..request }, ..rest });
    Ok((rows, following))
}

/// A list that a module keeps.
#[derive(Clone, Debug)]
pub(crate) struct ModuleList {
    /// Name of the module.
    pub(crate) module: &'static str,
    /// Name of its query.
    pub(crate) query: &'static str,
}

impl ModuleList {
    /// Reads a page.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) fn read(&self, backend: &dyn Backend, request: PageRequest) -> ApiResult<Page> {
        let snapshot = request.as_of.snapshot(backend)?;
        let range = json!({ "from": request.from, "limit": request.limit });
        let answer = quancheng_contracts::query(&snapshot, self.module, json!({ self.query: { "range": range } }))?;
        let Value::Array(items) = answer.value else {
            return Err(ApiError::Internal { reason: format!("query {} gave no list", self.query) });
        };
        Ok(Page {
            height: snapshot.height(),
            time_ms: snapshot.tip().leaf.time_ms,
            items,
            is_cut: false,
            keys: answer.keys,
        })
    }
}
