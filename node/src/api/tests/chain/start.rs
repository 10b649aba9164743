//! What the chain in memory starts from.

use quancheng_contracts::modules::encode_genesis;
use quancheng_types::{
    Digest, Genesis, List, NodeId, Parameters, SigningKey, Suite, Text, Validator, ValidatorSet, Writers, merkle,
};
use serde_json::{Value, json};

use super::{FOUNDERS, START_MS};

/// The sample organizations.
pub(in crate::api::tests) fn organizations() -> Vec<Value> {
    let samples: Value = serde_json::from_str(include_str!("../../../../../samples/samples.json")).expect("samples");
    samples["organizations"].as_array().expect("organizations").clone()
}

/// A key by name.
pub(in crate::api::tests) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(*merkle::leaf_hash(name.as_bytes()).as_bytes())
}

fn validator() -> Validator {
    Validator {
        public_key: key("validator").public_key(),
        power: 1,
        node_id: NodeId(Digest([1; 32])),
        organization: Text::new("ORG-GOV-DATA").expect("short"),
        interest: Text::new("无").expect("short"),
    }
}

pub(super) fn genesis() -> Genesis {
    let founders: Vec<Value> = organizations()
        .into_iter()
        .take(FOUNDERS)
        .map(|mut founder| {
            let fields = founder.as_object_mut().expect("an object");
            fields.remove("status");
            fields.remove("fictional");
            let name = fields["org_id"].as_str().expect("a text").to_owned();
            fields.insert("key".to_owned(), key(&name).public_key().to_string().into());
            founder
        })
        .collect();
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("泉城测试链").expect("short"),
        time_ms: START_MS,
        parameters: Parameters { writers: Writers::Anyone, ..Parameters::default() },
        validators: ValidatorSet::new(vec![validator()]).expect("one validator"),
        modules: List::new(vec![encode_genesis("identity", json!({ "organizations": founders })).expect("founders")])
            .expect("one"),
    }
}
