//! Clients: merchants who notarize all the time, and the organizations that vote validators in and out.

use std::collections::BTreeMap;

use quancheng_types::{AccountId, KeyId, NEWEST_VERSION, Parameters};
use quancheng_types::{Bytes, Call, ChainId, List, SignedTransaction, Signer, SigningKey, Transaction, TransactionId};
use serde_json::json;

use crate::chain::{Chain, Member};
use crate::config::{Load, SimConfig};
use crate::known::Known;
use crate::random::Random;

/// Validity of an ordinary transaction, ms: longer than any run, so that only those made to expire do.
const LIFETIME_MS: u64 = 590_000;
/// Validity of a transaction that is about to expire, ms.
const SHORT_LIFETIME_MS: u64 = 120;

/// A transaction that a client waits for.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    /// The machines that hold it durably.
    pub(crate) machines: Vec<usize>,
    /// Whether it is sure to be still valid when the run ends.
    pub(crate) is_lasting: bool,
}

/// All clients of a world.
pub(crate) struct Clients {
    random: Random,
    load: Load,
    chain_id: ChainId,
    merchants: Vec<SigningKey>,
    nonce: u64,
    notarize: Vec<u8>,
    refused: Call,
    evidence: quancheng_types::ModuleId,
    /// Admitted transactions not yet reported ordered.
    pub(crate) waiting: BTreeMap<TransactionId, Tracked>,
    /// Transactions given to honest nodes that are sure to last.
    pub(crate) offered: BTreeMap<TransactionId, Tracked>,
    governor: Option<Governor>,
}

impl Clients {
    pub(crate) fn new(chain: &Chain, config: &SimConfig, mut random: Random) -> Self {
        let load = config.load;
        let is_governing = config.set_change || config.parameter_change || config.version_change;
        let governor = is_governing.then(|| Governor::new(chain, config, random.fork(6)));
        let commitment = json!({ "root": "00".repeat(32), "count": 1, "bytes": 1, "complete": false });
        let notarize =
            quancheng_contracts::encode_call("evidence", json!({ "notarize": { "commitment": commitment } }))
                .expect("a notarize call begins with its commitment");
        let refused =
            quancheng_contracts::encode_call("governance", json!({ "vote": { "proposal": 1, "is_approved": true } }))
                .expect("a vote names a proposal");
        Self {
            random,
            load,
            chain_id: chain.genesis.chain_id(),
            merchants: chain.merchants.clone(),
            nonce: 0,
            evidence: notarize.module,
            notarize: notarize.payload.into_vec(),
            refused,
            waiting: BTreeMap::new(),
            offered: BTreeMap::new(),
            governor,
        }
    }

    /// When the next client comes, µs from now.
    pub(crate) fn pause_us(&mut self) -> u64 {
        self.random.between(self.load.interval_us / 2, self.load.interval_us * 3 / 2)
    }

    /// Whether the next submission reaches a second node.
    pub(crate) fn is_twice(&mut self) -> bool {
        self.random.permille(self.load.twice_permille)
    }

    /// A new transaction at a true time, and whether it is sure to last.
    pub(crate) fn next(&mut self, unix_ms: u64) -> (SignedTransaction, bool) {
        let mut calls = vec![self.notarization()];
        if self.random.permille(self.load.refused_permille) {
            calls.push(self.refused.clone());
        }
        let is_short = self.random.permille(self.load.expiring_permille);
        let lifetime_ms = if is_short { SHORT_LIFETIME_MS } else { LIFETIME_MS };
        let merchant = self.random.index(self.merchants.len());
        let key = self.merchants[merchant].clone();
        (self.sign(calls, unix_ms + lifetime_ms, &key), !is_short)
    }

    /// The act of the organizations that is due: the same bytes again until they are executed, then the next one.
    pub(crate) fn vote(&mut self, unix_ms: u64, known: &Known) -> Option<SignedTransaction> {
        let mut governor = self.governor.take()?;
        let effect = match &governor.awaited {
            Some(awaited) => known.effect(&awaited.id()),
            None => Some(true),
        };
        if let Some(is_ok) = effect {
            let (call, key) = governor.next(is_ok, known);
            governor.awaited = Some(self.sign(vec![call], unix_ms + LIFETIME_MS, &key));
        }
        let transaction = governor.awaited.clone();
        self.governor = Some(governor);
        transaction
    }

    /// A transaction of which one signature is not the signer's.
    pub(crate) fn forged(&mut self, unix_ms: u64) -> SignedTransaction {
        let (mut transaction, _) = self.next(unix_ms);
        transaction.body.nonce ^= 1 << 40;
        transaction
    }

    fn notarization(&mut self) -> Call {
        let mut payload = self.notarize.clone();
        // The first byte names the call, the next 32 are the root.
        payload[1..33].copy_from_slice(&self.random.bytes32());
        Call { module: self.evidence, payload: Bytes::new(payload).expect("as long as the template") }
    }

    fn sign(&mut self, calls: Vec<Call>, valid_until_ms: u64, key: &SigningKey) -> SignedTransaction {
        self.nonce += 1;
        let public_key = key.public_key();
        let signer = Signer { account: AccountId::of(&public_key), key_id: KeyId::of(&public_key) };
        let body = Transaction {
            chain_id: self.chain_id,
            signers: List::new(vec![signer]).expect("one signer"),
            nonce: self.nonce,
            valid_until_ms,
            calls: List::new(calls).expect("one or two calls"),
        };
        body.sign(&[key]).expect("one key for one signer")
    }
}

/// What the organizations decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Set,
    Parameters,
    Version,
}

/// Changes parameters, schedules the next version, and votes a follower in, then it or a founding validator out and in again, round and round. Nobody is voted out unless all are in,
/// so there are never fewer validators than at genesis but for those suspended by rule, and at most f of 3f+1 are faulty.
struct Governor {
    /// Keys of the organizations, by machine.
    keys: Vec<SigningKey>,
    guest: Option<Member>,
    leaver: Member,
    random: Random,
    /// What is decided in turn.
    subjects: Vec<Subject>,
    /// Acts on the present proposal: 0 when the next one is to be opened.
    acts: usize,
    voters: usize,
    proposals: u64,
    is_guest_next: bool,
    awaited: Option<SignedTransaction>,
}

impl Governor {
    fn new(chain: &Chain, config: &SimConfig, random: Random) -> Self {
        let subjects = [
            (Subject::Set, config.set_change),
            (Subject::Parameters, config.parameter_change),
            (Subject::Version, config.version_change),
        ];
        let voters = chain.genesis.validators.validators().len();
        Self {
            keys: chain.members.iter().map(|member| member.organization_key.clone()).collect(),
            guest: chain.members.get(voters).filter(|_| config.set_change).cloned(),
            random,
            subjects: subjects.into_iter().filter(|(_, is_on)| *is_on).map(|(subject, _)| subject).collect(),
            leaver: chain.members[0].clone(),
            acts: 0,
            voters,
            proposals: 0,
            is_guest_next: false,
            awaited: None,
        }
    }

    /// The next call and who signs it. A proposal that was refused is no proposal: another is opened.
    fn next(&mut self, is_ok: bool, known: &Known) -> (Call, SigningKey) {
        if self.acts == 1 {
            if is_ok { self.proposals += 1 } else { self.acts = 0 }
        }
        // The first organization may be out of the set, so the second proposes.
        let voter = (self.acts + 1) % self.voters;
        let json = if self.acts == 0 {
            json!({ "propose": { "action": self.action(known), "title": "链规则变更" } })
        } else {
            json!({ "vote": { "proposal": self.proposals, "is_approved": true } })
        };
        self.acts = (self.acts + 1) % self.voters;
        let call =
            quancheng_contracts::encode_call("governance", json).expect("proposals and votes follow their format");
        (call, self.keys[voter].clone())
    }

    fn action(&mut self, known: &Known) -> serde_json::Value {
        let place = self.random.index(self.subjects.len());
        match self.subjects.get(place) {
            Some(Subject::Version) if known.newest_version() < NEWEST_VERSION => {
                let newest = known.blocks().next_back().map_or(0, |decided| decided.block.header.height.0);
                let effective = newest + self.random.between(40, 80);
                json!({ "schedule_version": { "version": NEWEST_VERSION, "effective": effective, "notice": "测试版本" } })
            }
            Some(Subject::Set) if self.guest.is_some() => self.set_action(known),
            Some(Subject::Set | Subject::Parameters | Subject::Version) | None => {
                json!({ "change_parameters": self.other_parameters(known) })
            }
        }
    }

    /// Other limits and timeouts; the lag is fixed for ever.
    fn other_parameters(&mut self, known: &Known) -> Parameters {
        let small = |random: &mut Random, most: u64| u32::try_from(random.between(1, most)).unwrap_or(1);
        Parameters {
            batches_in_flight_max: small(&mut self.random, 16),
            block_batches_max: small(&mut self.random, 8),
            clock_drift_max_ms: self.random.between(500, 900),
            timeout_propose_ms: 400 + small(&mut self.random, 300),
            timeout_delta_ms: 200 + small(&mut self.random, 100),
            ..*known.newest_parameters()
        }
    }

    fn set_action(&mut self, known: &Known) -> serde_json::Value {
        let set = known.newest_set();
        let guest = self.guest.as_ref().unwrap_or(&self.leaver);
        let absent = [guest, &self.leaver].into_iter().find(|member| set.by_id(&member.validator().id()).is_none());
        if let Some(member) = absent {
            return json!({ "add_validator": member.validator() });
        }
        self.is_guest_next = !self.is_guest_next;
        let member = if self.is_guest_next { &self.leaver } else { guest };
        json!({ "remove_validator": { "validator": member.validator().id() } })
    }
}
