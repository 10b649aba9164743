//! Any bytes and any text as the genesis content of any module: no panic, and what becomes content has one spelling.
//!
//! The first byte chooses the module, so that one corpus serves all.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quancheng_contracts::{MODULES, encode_genesis, genesis_patch};
use quancheng_state::view::EmptyView;
use quancheng_types::{
    Bytes, Digest, Genesis, List, ModuleGenesis, NodeId, Parameters, SigningKey, Suite, Text, Validator, ValidatorSet,
};

static EMPTY: LazyLock<Genesis> = LazyLock::new(|| {
    let validator = Validator {
        public_key: SigningKey::from_seed([1; 32]).public_key(),
        power: 1,
        node_id: NodeId(Digest([1; 32])),
        organization: Text::new("ORG-GOV-DATA").expect("a short name"),
        interest: Text::default(),
    };
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("fuzz").expect("a short name"),
        time_ms: 1_790_000_000_000,
        parameters: Parameters::default(),
        validators: ValidatorSet::new(vec![validator]).expect("one validator"),
        modules: List::empty(),
    }
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, content)) = data.split_first() else {
        return;
    };
    let module = MODULES[usize::from(*choice) % MODULES.len()];
    if let Ok(json) = serde_json::from_slice(content)
        && let Ok(made) = encode_genesis(module.name(), json)
    {
        start(made);
    }
    if let Ok(content) = Bytes::new(content.to_vec()) {
        start(ModuleGenesis { module: module.id(), content });
    }
});

fn start(content: ModuleGenesis) {
    let modules = List::new(vec![content]).expect("one module");
    let genesis = Genesis { modules, ..EMPTY.clone() };
    let first = genesis_patch(&genesis, &EmptyView);
    let again = genesis_patch(&genesis, &EmptyView);
    assert_eq!(first.ok(), again.ok(), "a genesis with two meanings");
}
