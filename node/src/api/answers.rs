//! Answers on their way out: what a client has not taken counts, until its last byte is in the hands of the system.

use axum::body::{Body, HttpBody as _};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;

use super::problem::ApiError;
use super::state::Api;
use crate::budget::held_by;
use crate::limits::SMALL_ANSWER_BYTES;

/// Suggested wait when answers that nobody takes fill their memory, ms.
const RETRY_AFTER_MS: u64 = 2_000;

/// Mark of an answer whose bytes exist once, however many clients take them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared;

/// Gives an answer its share of the memory for answers, or refuses it. Small and shared ones need none; streams take theirs piece by
/// piece, where the pieces are made.
pub(super) fn hold(api: &Api, response: Response) -> Response {
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let is_shared = response.extensions().get::<Shared>().is_some();
    let Some(size) = size.filter(|size| *size > SMALL_ANSWER_BYTES && !is_shared) else {
        return response;
    };
    let Ok(share) = api.answers.try_take(api.client, size) else {
        return ApiError::Overloaded { what: "answers waiting for their clients", retry_after_ms: RETRY_AFTER_MS }
            .into_response();
    };
    let share = std::sync::Arc::new(share);
    // The share goes with the bytes: the body is gone as soon as they are in the write buffer of the connection.
    response.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(|data| held_by(data, share.clone())))))
}

/// A piece of a stream with its share, after waiting for it.
pub(super) async fn piece(api: &Api, mut text: String) -> Bytes {
    // What is counted is its length.
    text.shrink_to_fit();
    let share = api.answers.take(api.client, text.len()).await;
    crate::budget::held(Bytes::from(text), share)
}
