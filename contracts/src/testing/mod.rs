//! A chain of one process for tests: genesis from the sample organizations, blocks by hand.

pub(crate) mod fault;

use std::collections::{BTreeMap, BTreeSet};

use quancheng_state::{Patch, StateKey, StoreError, View, view::EmptyView};
use quancheng_types::hash::sha256;
use quancheng_types::{
    AccountId, Call, Digest, Event, Genesis, Height, KeyId, List, MisbehaviorProof, NodeId, Outcome, PROTOCOL_VERSION,
    Parameters, Receipt, SignedTransaction, Signer, SigningKey, Suite, Text, Transaction, TransactionId, Validator,
    ValidatorSet, Writers,
};
use serde_json::{Value, json};

use crate::contract::Answer;
use crate::executor::{BlockInput, BlockOutput, execute_block};
use crate::genesis::genesis_patch;
use crate::modules::{encode_call, encode_genesis, query, refusal_text};

/// State in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State(pub(crate) BTreeMap<StateKey, Vec<u8>>);

impl View for State {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).cloned())
    }
}

impl State {
    pub(crate) fn apply(&mut self, patch: &Patch) {
        crate::index::tests::assert_heads(self, patch);
        for (key, value) in patch.writes() {
            // What a call writes into the tree, the verifier can put into words; test modules are none of its business.
            let row = quancheng_proof::tables::row(key.as_bytes());
            assert!(row.is_ok() || key.is_index() || key.module().0 >= 60_000, "{row:?} {key:?}");
            // A row of an index is written once.
            assert!(!key.is_index() || value.is_some() && !self.0.contains_key(key), "{key:?}");
            match value {
                Some(value) => self.0.insert(key.clone(), value.to_vec()),
                None => self.0.remove(key),
            };
        }
    }
}

/// The repository's one copy of the sample records.
pub(crate) fn samples() -> Value {
    serde_json::from_str(include_str!("../../../samples/samples.json")).unwrap()
}

/// 2026-01-05 09:00 in Jinan: the time of the test genesis.
pub(crate) const START_MS: u64 = 1_767_574_800_000;

/// A chain.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    pub(crate) state: State,
    pub(crate) height: Height,
    pub(crate) time_ms: u64,
    pub(crate) executed: BTreeSet<TransactionId>,
    nonce: u64,
}

impl Chain {
    /// The key of an organization or a person, by name.
    pub(crate) fn key(name: &str) -> SigningKey {
        SigningKey::from_seed(*sha256(&[b"test key of ", name.as_bytes()]).as_bytes())
    }

    /// The account that this key has without any record.
    pub(crate) fn account(name: &str) -> AccountId {
        AccountId::of(&Self::key(name).public_key())
    }

    /// A validator of power 1, run by an organization.
    pub(crate) fn validator(organization: &str) -> Validator {
        let key = Self::key(&format!("{organization} consensus")).public_key();
        Validator {
            public_key: key,
            power: 1,
            node_id: NodeId(sha256(&[b"node", organization.as_bytes()])),
            organization: Text::new(organization).unwrap(),
            interest: Text::new("").unwrap(),
        }
    }

    /// All sample organizations, rule sets and calendars; validators of four of the organizations.
    pub(crate) fn sample() -> Self {
        Self::with(&samples()["organizations"].as_array().unwrap().clone())
    }

    /// As [`Self::sample`], with these entries of `organizations` alone.
    pub(crate) fn with(organizations: &[Value]) -> Self {
        let samples = samples();
        let founders: Vec<Value> = organizations
            .iter()
            .map(|organization| {
                let mut founder = organization.as_object().unwrap().clone();
                founder.remove("status");
                founder.remove("fictional");
                let key = Self::key(organization["org_id"].as_str().unwrap()).public_key().to_string();
                founder.insert("key".to_owned(), key.into());
                founder.into()
            })
            .collect();
        let years: Vec<Value> = ["2025", "2026"]
            .iter()
            .map(|year| {
                json!({
                    "year": year.parse::<u16>().unwrap(),
                    "holidays": samples["calendar"]["holidays"][year],
                    "adjusted_workdays": samples["calendar"]["adjusted_workdays"][year],
                })
            })
            .collect();
        let modules = vec![
            encode_genesis("identity", json!({ "organizations": founders })).unwrap(),
            encode_genesis("governance", json!({ "rule_sets": samples["rule_sets"], "calendar": years })).unwrap(),
        ];
        let validators = ["ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-AMR", "ORG-REG"].map(Self::validator);
        Self::new(Genesis {
            suite: Suite::Sha256Ed25519,
            chain_name: Text::new("test").unwrap(),
            time_ms: START_MS,
            parameters: Parameters { writers: Writers::Anyone, ..Parameters::default() },
            validators: ValidatorSet::new(validators.to_vec()).unwrap(),
            modules: List::new(modules).unwrap(),
        })
    }

    pub(crate) fn new(genesis: Genesis) -> Self {
        let mut state = State::default();
        state.apply(&genesis_patch(&genesis, &EmptyView).unwrap());
        let time_ms = genesis.time_ms;
        Self { genesis, state, height: Height::GENESIS, time_ms, executed: BTreeSet::new(), nonce: 0 }
    }

    /// A call from JSON.
    pub(crate) fn json(module: &str, call: Value) -> Call {
        encode_call(module, call).unwrap()
    }

    /// A transaction signed by names, first the sender. A name may be `ACCOUNT/KEY`: the key of one name for the account of another.
    pub(crate) fn sign(&mut self, time_ms: u64, signers: &[&str], calls: Vec<Call>) -> SignedTransaction {
        self.nonce += 1;
        let pairs: Vec<(&str, &str)> =
            signers.iter().map(|name| name.split_once('/').unwrap_or((name, name))).collect();
        let keys: Vec<SigningKey> = pairs.iter().map(|(_, key)| Self::key(key)).collect();
        let signers = pairs
            .iter()
            .zip(&keys)
            .map(|((account, _), key)| Signer { account: Self::account(account), key_id: KeyId::of(&key.public_key()) })
            .collect();
        let body = Transaction {
            chain_id: self.genesis.chain_id(),
            signers: List::new(signers).unwrap(),
            nonce: self.nonce,
            valid_until_ms: time_ms + 60_000,
            calls: List::new(calls).unwrap(),
        };
        body.sign(&keys.iter().collect::<Vec<_>>()).unwrap()
    }

    /// Executes one block and commits it.
    pub(crate) fn block(&mut self, time_ms: u64, transactions: &[SignedTransaction]) -> BlockOutput {
        self.block_with(time_ms, transactions, &[])
    }

    /// As [`Self::block`], with misbehavior proofs.
    pub(crate) fn block_with(
        &mut self,
        time_ms: u64,
        transactions: &[SignedTransaction],
        misbehavior: &[MisbehaviorProof],
    ) -> BlockOutput {
        let output = self.preview(time_ms, transactions, misbehavior);
        self.height = self.height.next();
        self.time_ms = time_ms;
        self.state.apply(&output.patch);
        self.executed.extend(output.receipts.iter().map(|receipt| receipt.transaction_id));
        assert_eq!(output.internal_count, 0, "a contract panicked");
        if misbehavior.is_empty() {
            crate::weight::assert_within_cost(transactions, &output);
        }
        output
    }

    /// Executes the next block without committing it.
    pub(crate) fn preview(
        &self,
        time_ms: u64,
        transactions: &[SignedTransaction],
        misbehavior: &[MisbehaviorProof],
    ) -> BlockOutput {
        assert!(time_ms >= self.time_ms, "block time goes on");
        let already_executed = |id: &TransactionId, _: u64| Ok(self.executed.contains(id));
        let sealed: Vec<_> = transactions.iter().cloned().map(SignedTransaction::seal).collect();
        let input = BlockInput {
            chain_id: self.genesis.chain_id(),
            version: PROTOCOL_VERSION,
            height: self.height.next(),
            time_ms,
            batches: &[],
            transactions: &sealed.iter().collect::<Vec<_>>(),
            already_executed: &already_executed,
            misbehavior,
        };
        execute_block(&self.state, &input).unwrap()
    }

    /// One transaction in a block of its own.
    pub(crate) fn send(&mut self, time_ms: u64, signers: &[&str], calls: Vec<Call>) -> Receipt {
        let transaction = self.sign(time_ms, signers, calls);
        self.block(time_ms, &[transaction]).receipts.remove(0)
    }

    /// As [`Self::send`] with one call from JSON, which must take effect. Returns its events as JSON.
    pub(crate) fn ok(&mut self, time_ms: u64, signers: &[&str], module: &str, call: Value) -> Vec<Value> {
        let receipt = self.send(time_ms, signers, vec![Self::json(module, call.clone())]);
        assert_eq!(receipt.outcome, Outcome::Ok, "{call} is refused: {}", outcome_name(&receipt.outcome));
        receipt.events.iter().map(|event: &Event| crate::modules::decode_event(event).unwrap()).collect()
    }

    /// As [`Self::send`] with one call from JSON, which must be refused and change nothing. Returns the name of the refusal.
    pub(crate) fn refused(&mut self, time_ms: u64, signers: &[&str], module: &str, call: Value) -> &'static str {
        let before = self.state.clone();
        let receipt = self.send(time_ms, signers, vec![Self::json(module, call.clone())]);
        assert_ne!(receipt.outcome, Outcome::Ok, "{call} takes effect");
        assert_eq!(self.state, before, "a refusal changes nothing");
        assert!(receipt.events.is_empty(), "a refusal reports nothing");
        outcome_name(&receipt.outcome)
    }

    /// The answer to a query given as JSON.
    pub(crate) fn ask(&self, module: &str, question: Value) -> Answer {
        query(&self.state, module, question).unwrap()
    }
}

/// `OK`, or the name of the refusal.
pub(crate) fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "OK",
        Outcome::Refused { module, code, .. } => refusal_text(*module, *code).map_or("UNKNOWN", |text| text.name),
    }
}

/// A digest that stands for a document.
pub(crate) fn document(name: &str) -> Digest {
    sha256(&[b"document ", name.as_bytes()])
}
