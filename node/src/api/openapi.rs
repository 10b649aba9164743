//! The description of the API: OpenAPI 3.1, made from the handlers themselves.

use utoipa::OpenApi;

/// Where the node serves it.
pub(super) const OPENAPI_PATH: &str = "/v1/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Quancheng node API (泉城链节点接口)",
        version = "1.0.0",
        description = "Errors are RFC 9457 problem details; `code` is stable, words follow Accept-Language (zh, en). Ids and digests \
                       are lower hex, times ms since 1970 UTC or RFC 3339.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact()
    ),
    components(schemas(super::params::WaitStage)),
    tags(
        (name = "transactions", description = "Submitting and following transactions"),
        (name = "records", description = "Reads by noun, as of any height, with proof"),
        (name = "evidence", description = "Evidence bundles and their verification"),
        (name = "chain", description = "Genesis, blocks, validators, rules"),
        (name = "governance", description = "Proposals, rule sets, calendar"),
        (name = "events", description = "What happens, as it is certified"),
        (name = "node", description = "This node")
    )
)]
struct Head;

/// The part that no handler knows.
pub(super) fn head() -> utoipa::openapi::OpenApi {
    Head::openapi()
}

/// The document, as the node serves it and as `node/openapi.json` holds it.
///
/// # Panics
/// Never: the document is a constant of this program, and a test makes it.
#[must_use]
pub fn json() -> String {
    let mut text =
        super::routes::described().to_openapi().to_pretty_json().expect("a description has only texts and numbers");
    text.push('\n');
    text
}
