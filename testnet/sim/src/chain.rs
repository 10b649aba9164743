//! The chain that is simulated: keys, organizations, genesis.

use quancheng_types::{
    Genesis, List, NodeId, Parameters, PublicKey, SigningKey, Suite, Text, Validator, ValidatorSet, Writers,
};
use serde_json::json;

use crate::config::SimConfig;
use crate::random::Random;

/// Time of the genesis state, ms since 1970 UTC (2026-01-01 in Jinan).
pub(crate) const GENESIS_TIME_MS: u64 = 1_767_196_800_000;
/// Accounts of merchants that notarize without an organization.
const MERCHANTS: usize = 4;

/// A node with the organization that runs it.
#[derive(Clone)]
pub(crate) struct Member {
    /// Signs votes.
    pub(crate) key: SigningKey,
    /// Identity on the network.
    pub(crate) node_id: NodeId,
    /// Signs transactions for the organization.
    pub(crate) organization_key: SigningKey,
    pub(crate) organization: String,
}

impl Member {
    fn new(place: usize, random: &mut Random) -> Self {
        Self {
            key: SigningKey::from_seed(random.bytes32()),
            node_id: NodeId(quancheng_types::Digest(random.bytes32())),
            organization_key: SigningKey::from_seed(random.bytes32()),
            organization: format!("ORG-NODE-{place}"),
        }
    }

    /// As a validator of power 1.
    pub(crate) fn validator(&self) -> Validator {
        Validator {
            public_key: self.key.public_key(),
            power: 1,
            node_id: self.node_id,
            organization: Text::new(self.organization.clone()).expect("a short name"),
            interest: Text::new("none").expect("a short text"),
        }
    }
}

/// Everybody who takes part, and the genesis they agree on.
pub(crate) struct Chain {
    /// Validators first, then followers.
    pub(crate) members: Vec<Member>,
    pub(crate) merchants: Vec<SigningKey>,
    pub(crate) genesis: Genesis,
}

impl Chain {
    pub(crate) fn new(config: &SimConfig, random: &mut Random) -> Self {
        let members: Vec<Member> =
            (0..config.validators + config.followers).map(|place| Member::new(place, random)).collect();
        let merchants = (0..MERCHANTS).map(|_| SigningKey::from_seed(random.bytes32())).collect();
        let validators = members.iter().take(config.validators).map(Member::validator).collect();
        let founders: Vec<serde_json::Value> = members
            .iter()
            .enumerate()
            .map(|(place, member)| founder(place, &member.organization, &member.organization_key.public_key()))
            .collect();
        let identity = quancheng_contracts::encode_genesis("identity", json!({ "organizations": founders }))
            .expect("founders follow the format of the identity module");
        let genesis = Genesis {
            suite: Suite::Sha256Ed25519,
            chain_name: Text::new("泉城链模拟").expect("a short name"),
            time_ms: GENESIS_TIME_MS,
            parameters: parameters(config),
            validators: ValidatorSet::new(validators).expect("different keys of power 1"),
            modules: List::new(vec![identity]).expect("one module"),
        };
        Self { members, merchants, genesis }
    }
}

/// The parameters of a run; tight ones bring every batch, block and author to a limit.
fn parameters(config: &SimConfig) -> Parameters {
    let usual = Parameters { heartbeat_ms: 3_000, writers: Writers::Anyone, ..Parameters::default() };
    if !config.is_tight {
        return usual;
    }
    Parameters {
        transaction_bytes_max: 1_536,
        batch_bytes_max: 1_536,
        batches_in_flight_max: 3,
        block_batches_max: 2,
        execution_lag_max: 2,
        ..usual
    }
}

fn founder(place: usize, organization: &str, key: &PublicKey) -> serde_json::Value {
    json!({
        "org_id": organization,
        "uscc": credit_code(place),
        "name_zh": format!("模拟节点单位{place}"),
        "org_type": "GOV_DEPARTMENT",
        "roles": ["VALIDATOR"],
        "key": key.to_string(),
    })
}

/// A well-formed unified social credit code for the organization in this place: the one check character that fits is found by
/// trying all.
fn credit_code(place: usize) -> String {
    let body = format!("11370100{place:09}");
    let mut codes = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().map(|check| format!("{body}{check}"));
    codes
        .find(|code| quancheng_contracts::domain::Uscc::new(code).is_ok())
        .expect("exactly one of the 31 characters fits")
}
