//! `/v1/status`, `/v1/parameters`, `/v1/modules`: the node and its rules.

use axum::response::Response;
use quancheng_contracts::MODULES;
use quancheng_types::{
    ChainId, Digest, Height, ModuleId, NEWEST_VERSION, NodeId, Parameters, Round, ValidatorId, is_known_version,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::params::{NoParams, Params};
use super::super::problem::ApiResult;
use super::super::respond;
use super::super::state::Api;
use super::super::time::rfc3339;

/// Whether a node votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleView {
    /// It has a validator key.
    Validator,
    /// It follows.
    Follower,
}

/// Where a node stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusView {
    /// The chain.
    #[schema(value_type = String)]
    pub(crate) chain_id: ChainId,
    /// Its name.
    pub(crate) chain_name: String,
    /// Peer identity of the node.
    #[schema(value_type = String)]
    pub(crate) node_id: NodeId,
    /// Validator identity, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) validator_id: Option<ValidatorId>,
    /// Validator or follower.
    pub(crate) role: RoleView,
    /// Newest final block.
    #[schema(value_type = u64)]
    pub(crate) height: Height,
    /// Newest executed height.
    #[schema(value_type = u64)]
    pub(crate) executed_height: Height,
    /// Newest height whose results a final header certifies.
    #[schema(value_type = u64)]
    pub(crate) certified_height: Height,
    /// Leaves of the history log.
    pub(crate) history_size: u64,
    /// Its root.
    #[schema(value_type = String)]
    pub(crate) history_root: Digest,
    /// State root after `executed_height`.
    #[schema(value_type = String)]
    pub(crate) state_root: Digest,
    /// Time of the newest block, ms since 1970 UTC.
    pub(crate) time_ms: u64,
    /// The same in RFC 3339.
    pub(crate) time: String,
    /// Round in progress; absent while idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub(crate) round: Option<Round>,
    /// Whether this node may sign now.
    pub(crate) signing: bool,
    /// Whether it fetches blocks it missed.
    pub(crate) syncing: bool,
    /// How far this node's clock is ahead of the validators', ms; negative when it is behind. Absent until enough of them were heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clock_ahead_ms: Option<i64>,
    /// Version of the rules of the next block.
    pub(crate) version: u16,
    /// The newest version whose rules this node carries.
    pub(crate) newest_version: u16,
    /// A version that is decided for a later height; one that this node does not carry comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scheduled_version: Option<ScheduledVersionView>,
    /// Connected peers.
    pub(crate) peers: usize,
    /// Those of them that are validators.
    pub(crate) connected_validators: usize,
    /// Validators in force.
    pub(crate) validators: usize,
    /// Transactions admitted here and not yet executed.
    pub(crate) pending_transactions: usize,
    /// Time since start, ms.
    pub(crate) uptime_ms: u64,
    /// Least height whose state can be read.
    #[schema(value_type = u64)]
    pub(crate) lowest_state_height: Height,
    /// Least height whose block is kept here; 1 on an archive node.
    #[schema(value_type = u64)]
    pub(crate) lowest_block_height: Height,
    /// Least height whose receipts are kept here, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub(crate) lowest_receipt_height: Option<Height>,
    /// Least height whose transactions are known here by their ids; absent when all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub(crate) lowest_transaction_height: Option<Height>,
}

/// A version of the rules that counts from a later height on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduledVersionView {
    /// The version.
    pub(crate) version: u16,
    /// The first height under it.
    #[schema(value_type = u64)]
    pub(crate) from: Height,
    /// Whether this node carries its rules. If not, it stops before that height.
    pub(crate) known: bool,
    /// What to install, in the words of the decision.
    pub(crate) notice: String,
}

/// Where this node stands.
#[utoipa::path(get, path = "/v1/status", tag = "node", responses((status = 200, body = StatusView)))]
pub(super) async fn status(api: Api, Params(NoParams {}): Params<NoParams>) -> Response {
    let identity = api.backend.identity();
    let status = api.backend.status();
    respond::ok(&StatusView {
        chain_id: identity.chain_id,
        chain_name: identity.genesis.chain_name.as_str().to_owned(),
        node_id: identity.node_id,
        validator_id: identity.validator_id,
        role: if identity.validator_id.is_some() { RoleView::Validator } else { RoleView::Follower },
        height: status.height,
        executed_height: status.executed_height,
        certified_height: status.certified_height,
        history_size: status.history_size,
        history_root: status.history_root,
        state_root: status.state_root,
        time_ms: status.time_ms,
        time: rfc3339(status.time_ms),
        round: status.round,
        signing: status.is_signing,
        syncing: status.is_syncing,
        clock_ahead_ms: status.clock.map(|report| report.ahead_ms),
        version: status.versions.in_force,
        newest_version: NEWEST_VERSION,
        scheduled_version: status.versions.scheduled.map(|(from, plan)| ScheduledVersionView {
            known: is_known_version(plan.version),
            version: plan.version,
            from,
            notice: plan.notice.as_str().to_owned(),
        }),
        peers: status.peers,
        connected_validators: status.connected_validators,
        validators: status.validators,
        pending_transactions: status.pending_transactions,
        uptime_ms: status.uptime_ms,
        lowest_state_height: status.lowest_state_height,
        lowest_block_height: status.lowest.block,
        lowest_receipt_height: Some(status.lowest.receipt).filter(|height| *height != status.lowest.block),
        lowest_transaction_height: Some(status.lowest.transaction).filter(|height| *height > Height(1)),
    })
}

/// Parameters in force and the height at which they were read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParametersView {
    /// Newest final block.
    #[schema(value_type = u64)]
    pub(crate) height: Height,
    /// Hash under which headers name them.
    #[schema(value_type = String)]
    pub(crate) hash: Digest,
    /// The parameters.
    #[schema(value_type = Object)]
    pub(crate) parameters: Parameters,
}

/// Consensus parameters in force.
#[utoipa::path(get, path = "/v1/parameters", tag = "chain", responses((status = 200, body = ParametersView)))]
pub(super) async fn parameters(api: Api, Params(NoParams {}): Params<NoParams>) -> ApiResult<Response> {
    let view = api
        .blocking(|backend| {
            let parameters = backend.parameters();
            Ok(ParametersView { height: backend.status().height, hash: parameters.hash(), parameters })
        })
        .await?;
    Ok(respond::ok(&view))
}

/// Words of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusalWords {
    /// Number in receipts.
    pub(crate) code: u16,
    /// Stable name.
    pub(crate) name: &'static str,
    /// In Chinese.
    pub(crate) text_zh: &'static str,
    /// In English.
    pub(crate) text_en: &'static str,
}

/// A contract module.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModuleView {
    /// Number.
    #[schema(value_type = u16)]
    pub(crate) id: ModuleId,
    /// Name in commands and JSON.
    pub(crate) name: &'static str,
    /// Why it refuses.
    pub(crate) refusals: Vec<RefusalWords>,
}

/// The contract modules of this version.
#[utoipa::path(get, path = "/v1/modules", tag = "chain", responses((status = 200, body = Vec<ModuleView>)))]
pub(super) async fn modules(Params(NoParams {}): Params<NoParams>) -> Response {
    let modules: Vec<ModuleView> = MODULES
        .iter()
        .map(|module| ModuleView {
            id: module.id(),
            name: module.name(),
            refusals: module
                .refusals()
                .into_iter()
                .map(|(code, text)| RefusalWords { code, name: text.name, text_zh: text.zh, text_en: text.en })
                .collect(),
        })
        .collect();
    respond::ok(&modules)
}
