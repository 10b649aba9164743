//! `/v1/validators`: who votes.

use axum::response::Response;
use quancheng_types::{Digest, Height, NodeId, PublicKey, ValidatorId, ValidatorSet};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::params::Params;
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::respond;
use super::super::state::Api;

/// Which set.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HeightParams {
    /// The set of this height; of the newest block when absent.
    height: Option<u64>,
}

/// A validator.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValidatorView {
    /// Its id.
    #[schema(value_type = String)]
    pub(crate) id: ValidatorId,
    /// Consensus key.
    #[schema(value_type = String)]
    pub(crate) public_key: PublicKey,
    /// Voting power.
    pub(crate) power: u64,
    /// Peer identity.
    #[schema(value_type = String)]
    pub(crate) node_id: NodeId,
    /// Who runs it.
    pub(crate) organization: String,
    /// What it declares about its own interest.
    pub(crate) interest: String,
}

/// The validators of a height.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValidatorsView {
    /// The height.
    #[schema(value_type = u64)]
    pub(crate) height: Height,
    /// Hash under which headers name the set.
    #[schema(value_type = String)]
    pub(crate) hash: Digest,
    /// Least power that decides.
    pub(crate) quorum: u64,
    /// Power of all.
    pub(crate) total_power: u64,
    /// In ascending order of id.
    pub(crate) validators: Vec<ValidatorView>,
}

impl ValidatorsView {
    fn new(height: Height, set: &ValidatorSet) -> Self {
        let view = |validator: &quancheng_types::Validator| ValidatorView {
            id: validator.id(),
            public_key: validator.public_key,
            power: validator.power,
            node_id: validator.node_id,
            organization: validator.organization.as_str().to_owned(),
            interest: validator.interest.as_str().to_owned(),
        };
        Self {
            height,
            hash: set.hash(),
            quorum: set.quorum(),
            total_power: set.total_power(),
            validators: set.validators().iter().map(view).collect(),
        }
    }
}

/// The validators of a height.
#[utoipa::path(
    get, path = "/v1/validators", tag = "chain", params(HeightParams),
    responses(
        (status = 200, body = ValidatorsView),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(api: Api, Params(params): Params<HeightParams>) -> ApiResult<Response> {
    let view = api
        .blocking(move |backend| {
            let height = params.height.map_or_else(|| backend.status().height.max(Height(1)), Height);
            // Of the height in progress it is certain; of a later one a vote may still decide.
            if height > backend.status().height.next() {
                return Err(ApiError::NotReached { height });
            }
            match backend.validators(height)? {
                Some(set) => Ok(ValidatorsView::new(height, &set)),
                None => Err(ApiError::not_found(format!("validator set of height {height}"))),
            }
        })
        .await?;
    Ok(respond::ok(&view))
}
