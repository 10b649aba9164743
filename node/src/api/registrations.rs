//! The list of registrations: all, or those of an organization, at a registrar, or of a kind.

use quancheng_types::Height;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::backend::Backend;
use super::lists::Page;
use super::params::{ListParams, PageRequest};
use super::problem::{ApiError, ApiResult};
use super::records::Question;

/// Name of the module.
const MODULE: &str = "registry";

/// A page of the list, of which registrations. At most one of `organization`, `registrar` and `kind`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RegistrationListParams {
    /// Only those that this organization applied for or holds or held.
    organization: Option<String>,
    /// Only those at this registrar.
    registrar: Option<String>,
    /// Only those of this kind, such as DATA_ASSET.
    kind: Option<String>,
    /// State as of this height; the newest when absent.
    height: Option<u64>,
    /// State as of this time: RFC 3339 or ms since 1970 UTC. Not together with `height`.
    time: Option<String>,
    /// Adds `proof`, as for a single record.
    #[serde(default)]
    proof: bool,
    /// `next_cursor` of the page before. It fixes the height.
    cursor: Option<String>,
    /// Rows of the page, 1 to 200; 50 when absent. With `Accept: text/csv` and no limit the whole list is streamed.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl RegistrationListParams {
    /// Which registrations, and which page of them.
    ///
    /// # Errors
    /// [`ApiError::InvalidParameter`] when more than one filter is named.
    pub(crate) fn split(self) -> ApiResult<(Filter, ListParams)> {
        let Self { organization, registrar, kind, height, time, proof, cursor, limit } = self;
        let filter = match (organization, registrar, kind) {
            (None, None, None) => Filter::All,
            (Some(value), None, None) => Filter::By { name: "organization", value },
            (None, Some(value), None) => Filter::By { name: "registrar", value },
            (None, None, Some(value)) => Filter::By { name: "kind", value },
            _ => return Err(ApiError::parameter("query", "give at most one of organization, registrar and kind")),
        };
        Ok((filter, ListParams { height, time, proof, cursor, limit }))
    }
}

/// Which registrations.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    /// All.
    All,
    /// Those under one key of an index.
    By {
        /// Parameter, query of the module and field of that query.
        name: &'static str,
        /// The key.
        value: String,
    },
}

impl Filter {
    /// The list by name: cursors of one filter do not work with another.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::All => "/v1/registrations".to_owned(),
            // Anything else than a word in ASCII is refused when the list is read, so nothing needs escaping.
            Self::By { name, value } => format!("/v1/registrations?{name}={value}"),
        }
    }

    /// Reads a page.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) fn read(&self, backend: &dyn Backend, request: PageRequest) -> ApiResult<Page> {
        let snapshot = request.as_of.snapshot(backend)?;
        let range = json!({ "from": request.from, "limit": request.limit });
        let (query, serial) = match self {
            Self::All => (json!({ "all": { "range": range } }), "id"),
            Self::By { name, value } => (json!({ *name: { *name: value, "range": range } }), "registration"),
        };
        let answer = quancheng_contracts::query(&snapshot, MODULE, query)?;
        let Value::Array(rows) = answer.value else {
            return Err(ApiError::Internal { reason: "the list of registrations is no list".to_owned() });
        };
        let keys = answer.keys;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let serial = row.get(serial).cloned().unwrap_or(Value::Null);
            let query = json!({ "registration": { "registration": serial } });
            let shown = Question::new(MODULE, query, "registration").timed().answer(&snapshot)?;
            let Value::Object(mut fields) = shown.value else {
                return Err(ApiError::Internal { reason: "a registration of the list is not there".to_owned() });
            };
            fields.remove("dossier");
            items.push(Value::Object(fields));
        }
        let height: Height = snapshot.height();
        Ok(Page { height, time_ms: snapshot.tip().leaf.time_ms, items, is_cut: false, keys })
    }
}
