//! What the tests of several rooms share.

use std::path::Path;

use quancheng_types::{
    Digest, Genesis, List, NodeId, Parameters, SigningKey, Suite, Text, Validator, ValidatorSet, Writers,
};

use crate::config::StoreSection;
use crate::ledger::Ledger;

/// A chain of one validator and no modules' content.
pub(crate) fn genesis() -> Genesis {
    let key = SigningKey::from_seed([1; 32]).public_key();
    let validator = Validator {
        public_key: key,
        power: 1,
        node_id: NodeId(Digest([1; 32])),
        organization: Text::new("ORG-GOV-DATA").unwrap(),
        interest: Text::default(),
    };
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("test").unwrap(),
        time_ms: 1_790_000_000_000,
        parameters: Parameters { writers: Writers::Anyone, ..Parameters::default() },
        validators: ValidatorSet::new(vec![validator]).unwrap(),
        modules: List::empty(),
    }
}

/// A ledger on disk.
pub(crate) fn ledger(data_dir: &Path) -> Ledger {
    Ledger::open(data_dir, &genesis(), &StoreSection { memory_mib: 32, keep_recent: None, open_files_max: None })
        .unwrap()
}
