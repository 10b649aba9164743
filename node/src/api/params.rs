//! Parameters of paths and queries. Unknown ones are refused by name: a mistyped filter must not pass as no filter.

use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use quancheng_types::{Height, TransactionId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::backend::Stage;
use super::cursor::Cursor;
use super::limits::{PAGE_DEFAULT, PAGE_MAX, WAIT_DEFAULT, WAIT_MAX};
use super::problem::{ApiError, ApiResult};
use super::state::AsOf;
use super::time::parse_time_ms;

/// The query of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        if let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
            pairs.iter().try_for_each(|(_, value)| unsigned("query", value))?;
        }
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(params)| Self(params))
            .map_err(|rejection| ApiError::parameter("query", rejection.body_text()))
    }
}

/// A number is written in digits alone; the standard library, which reads those of paths and queries, would also take a plus sign.
fn unsigned(place: &'static str, text: &str) -> ApiResult<()> {
    match text.strip_prefix('+') {
        Some(rest) if is_digits(rest) => {
            Err(ApiError::parameter(place, format!("{text} has a sign; numbers are written in digits alone")))
        }
        Some(_) | None => Ok(()),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number in digits alone, as part of a longer text.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    is_digits(text).then(|| text.parse().ok())?
}

/// No parameters: for routes that take none.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

/// The one variable part of a path.
#[derive(Clone, Debug)]
pub(crate) struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| ApiError::parameter("path", rejection.body_text()))
            .and_then(|Path(text)| unsigned("path", &text).map(|()| Self(text)))
    }
}

/// Two segments of the path.
#[derive(Debug)]
pub(crate) struct SegmentPair(pub Segment, pub Segment);

impl<S: Send + Sync> FromRequestParts<S> for SegmentPair {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Path((first, second)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| ApiError::parameter("path", rejection.body_text()))?;
        unsigned("path", &first)?;
        unsigned("path", &second)?;
        Ok(Self(Segment(first), Segment(second)))
    }
}

impl Segment {
    /// Reads it as something that has a text form.
    ///
    /// # Errors
    /// [`ApiError::InvalidParameter`].
    pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &'static str) -> ApiResult<T> {
        self.0.parse().map_err(|error| ApiError::parameter(name, error))
    }

    /// Reads it as the id of a transaction.
    ///
    /// # Errors
    /// [`ApiError::InvalidParameter`].
    pub(crate) fn transaction_id(&self) -> ApiResult<TransactionId> {
        self.parse("id")
    }
}

/// Which state a read asks for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadParams {
    /// State as of this height; the newest when absent.
    pub(crate) height: Option<u64>,
    /// State as of this time: RFC 3339 (encode `+` as `%2B`) or ms since 1970 UTC. Not together with `height`.
    pub(crate) time: Option<String>,
    /// Adds `proof`: the evidence bundle (borsh in hex) that proves the answer, or that there is none. Without `height` and `time`
    /// it answers as of the newest certified height.
    #[serde(default)]
    pub(crate) proof: bool,
}

impl ReadParams {
    /// The state.
    ///
    /// # Errors
    /// [`ApiError::InvalidParameter`].
    pub(crate) fn as_of(&self) -> ApiResult<AsOf> {
        as_of(self.height, self.time.as_deref(), self.proof)
    }
}

fn as_of(height: Option<u64>, time: Option<&str>, is_proven: bool) -> ApiResult<AsOf> {
    match (height, time) {
        (Some(_), Some(_)) => Err(ApiError::parameter("time", "give either height or time, not both")),
        (Some(height), None) => Ok(AsOf::Height(Height(height))),
        (None, Some(text)) => parse_time_ms(text).map(AsOf::Time).ok_or_else(|| {
            ApiError::parameter("time", "neither RFC 3339 such as 2026-01-31T08:00:00%2B08:00 nor ms since 1970 UTC")
        }),
        (None, None) if is_proven => Ok(AsOf::NewestCertified),
        (None, None) => Ok(AsOf::Newest),
    }
}

/// A page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// State as of this height; the newest when absent.
    pub(crate) height: Option<u64>,
    /// State as of this time: RFC 3339 or ms since 1970 UTC. Not together with `height`.
    pub(crate) time: Option<String>,
    /// Adds `proof`, as for a single record.
    #[serde(default)]
    pub(crate) proof: bool,
    /// `next_cursor` of the page before. It fixes the height.
    pub(crate) cursor: Option<String>,
    /// Rows of the page, 1 to 200; 50 when absent. With `Accept: text/csv` and no limit the whole list is streamed.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u32>,
}

/// Where a page starts and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRequest {
    /// The state.
    pub(crate) as_of: AsOf,
    /// First row.
    pub(crate) from: u64,
    /// Rows.
    pub(crate) limit: u32,
}

impl ListParams {
    /// The page. `list` names the list and its filter.
    ///
    /// # Errors
    /// [`ApiError::InvalidParameter`].
    pub(crate) fn page(&self, list: &str) -> ApiResult<PageRequest> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(ApiError::parameter("limit", format!("{limit} is outside 1..={PAGE_MAX}")));
        }
        let Some(text) = &self.cursor else {
            return Ok(PageRequest { as_of: as_of(self.height, self.time.as_deref(), self.proof)?, from: 0, limit });
        };
        if self.height.is_some() || self.time.is_some() {
            return Err(ApiError::parameter("cursor", "a cursor fixes the height; leave out height and time"));
        }
        let cursor = Cursor::decode(text, list)?;
        Ok(PageRequest { as_of: AsOf::Height(cursor.height), from: cursor.from, limit })
    }
}

/// How long to wait for a transaction.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitParams {
    /// Answer when the transaction reached this stage, or when the time is over, whichever comes first.
    pub(crate) wait: Option<WaitStage>,
    /// Longest wait, at most 60,000 ms; 10,000 when absent. The end of the time is no error: the answer says how far it came.
    pub(crate) timeout_ms: Option<u64>,
}

/// A stage to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaitStage {
    /// Held durably by this node.
    Admitted,
    /// In a final block.
    Ordered,
    /// Has a receipt.
    Executed,
    /// A final header certifies the receipt.
    Certified,
}

impl WaitParams {
    /// Stage and longest wait; `None` when there is nothing to wait for.
    ///
    /// # Errors
    /// [`ApiError::InvalidParameter`] for a wait above [`WAIT_MAX`].
    pub(crate) fn wait(&self) -> ApiResult<Option<(Stage, Duration)>> {
        let timeout = self.timeout_ms.map_or(WAIT_DEFAULT, Duration::from_millis);
        if timeout > WAIT_MAX {
            return Err(ApiError::parameter("timeout_ms", format!("exceeds {} ms", WAIT_MAX.as_millis())));
        }
        let stage = match self.wait {
            None | Some(WaitStage::Admitted) => return Ok(None),
            Some(WaitStage::Ordered) => Stage::Ordered,
            Some(WaitStage::Executed) => Stage::Executed,
            Some(WaitStage::Certified) => Stage::Certified,
        };
        Ok(Some((stage, timeout)))
    }
}
