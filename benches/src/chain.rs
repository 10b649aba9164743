//! The chain of the benches: one validator, default parameters, whoever likes may write.

use quancheng_types::{
    Digest, Genesis, List, NodeId, Parameters, SigningKey, Suite, Text, Validator, ValidatorSet, Writers,
};

use crate::{Author, keys};

/// Time of the genesis, ms since 1970 UTC: 2026-01-05 09:00 in Jinan.
pub const START_MS: u64 = 1_767_574_800_000;

/// The key of the validator.
#[must_use]
pub fn validator_key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

/// The set.
///
/// # Panics
/// Never: one validator of power 1 with a usable key is a set.
#[must_use]
pub fn validators() -> ValidatorSet {
    let validator = Validator {
        public_key: validator_key().public_key(),
        power: 1,
        node_id: NodeId(Digest([2; 32])),
        organization: Text::default(),
        interest: Text::default(),
    };
    ValidatorSet::new(vec![validator]).expect("one validator is a set")
}

/// The genesis.
///
/// # Panics
/// Never: the name is short.
#[must_use]
pub fn genesis() -> Genesis {
    Genesis {
        suite: Suite::Sha256Ed25519,
        chain_name: Text::new("bench").expect("a short name"),
        time_ms: START_MS,
        parameters: Parameters { writers: Writers::Anyone, ..Parameters::default() },
        validators: validators(),
        modules: List::empty(),
    }
}

/// An author of transactions that blocks soon after the genesis take.
#[must_use]
pub fn author(accounts: u32) -> Author {
    let genesis = genesis();
    let valid_until_ms = START_MS + genesis.parameters.transaction_lifetime_max_ms / 2;
    Author { chain_id: genesis.chain_id(), keys: keys(accounts), seed: 0, valid_until_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_the_benches_begins_and_its_author_writes_on_it() {
        quancheng_contracts::check_genesis(&genesis()).unwrap();
        let author = author(2);
        let signed = author.sign(1, author.notarization(1).unwrap());
        assert_eq!(signed.check(&genesis().chain_id()), Ok(()));
        let life_ms = signed.body.valid_until_ms - START_MS;
        assert!((1..=genesis().parameters.transaction_lifetime_max_ms).contains(&life_ms));
    }
}
