//! The content of a bundle in brief.

use quancheng_types::{AccountId, HistoryLeaf, SignedTransaction, Signer, Validator, ValidatorId};

use super::spans;
use crate::bundle::{Bundle, Claim, ItemsOpening};
use crate::checkpoint::{Anchor, Checkpoint};
use crate::commitment::{BatchCommitment, ItemOpening, notarized, recorded};
use crate::identity::{self, OrganizationRow};
use crate::report::{
    CarriedSignature, ClaimFact, EntryFact, Facts, HeaderFact, ManifestFact, RecordFact, SignerFact, TimeOf,
    TransactionSignerFact,
};
use crate::tables;

pub(super) fn facts(bundle: &Bundle, checkpoint: &Checkpoint, trusted: bool) -> Facts {
    let header = &bundle.header;
    let set = &bundle.validators;
    let validators: Vec<SignerFact> = set
        .validators()
        .iter()
        .zip(set.ids())
        .map(|(validator, id)| {
            let signature = carried_signature(bundle, id, validator, trusted);
            SignerFact {
                validator: *id,
                organization: validator.organization.to_string(),
                interest: validator.interest.to_string(),
                power: validator.power,
                signed: signature == CarriedSignature::Confirmed,
                signature,
            }
        })
        .collect();
    let is_valid =
        |fact: &&SignerFact| matches!(fact.signature, CarriedSignature::Confirmed | CarriedSignature::Unconfirmed);
    Facts {
        chain_id: header.chain_id,
        checkpoint: checkpoint.fingerprint(),
        header: HeaderFact {
            height: header.height,
            round: bundle.certificate.round,
            block_id: header.id(),
            time_ms: header.time_ms,
        },
        // A set's total power is bounded, so sums over its members cannot overflow.
        signed_power: validators.iter().filter(is_valid).map(|v| v.power).sum(),
        total_power: set.total_power(),
        quorum_power: set.quorum(),
        validators,
        clock_drift_max_ms: clock_drift_max_ms(bundle, checkpoint),
        trust_steps: trust_steps(bundle, checkpoint),
        claims: bundle.claims.iter().filter_map(|claim| claim_fact(bundle, claim)).collect(),
        manifests: bundle.openings.iter().map(manifest).collect(),
    }
}

/// Changes below a pinned header are passed over unverified: they are not counted.
fn trust_steps(bundle: &Bundle, checkpoint: &Checkpoint) -> u32 {
    let steps = bundle.trust_path.iter().filter(|step| step.header.height >= checkpoint.height());
    u32::try_from(steps.count()).unwrap_or(u32::MAX)
}

/// Each signature is verified by itself: a certificate that is no quorum may still hold some that are valid, and some that are not.
fn carried_signature(bundle: &Bundle, id: &ValidatorId, validator: &Validator, trusted: bool) -> CarriedSignature {
    let (header, certificate) = (&bundle.header, &bundle.certificate);
    let Some(entry) = certificate.signatures.iter().find(|entry| entry.validator == *id) else {
        return CarriedSignature::None;
    };
    if trusted {
        // V5 has verified each of them.
        return CarriedSignature::Confirmed;
    }
    let message = certificate.sign_message(header.chain_id);
    let is_of_header = certificate.height == header.height && certificate.block_id == header.id();
    if is_of_header && validator.public_key.verify(message.as_bytes(), &entry.signature).is_ok() {
        CarriedSignature::Unconfirmed
    } else {
        CarriedSignature::Invalid
    }
}

fn manifest(opening: &ItemsOpening) -> ManifestFact {
    let entry = |item: &ItemOpening| EntryFact {
        index: item.path.index,
        entry: item.entry.clone(),
        is_sealed: item.salt.is_none(),
    };
    ManifestFact { claim: opening.claim, call: opening.call, entries: opening.items.iter().map(entry).collect() }
}

fn clock_drift_max_ms(bundle: &Bundle, checkpoint: &Checkpoint) -> Option<u64> {
    match checkpoint.anchor() {
        Anchor::Genesis { genesis } if genesis.parameters.hash() == bundle.header.params_hash => {
            Some(genesis.parameters.clock_drift_max_ms)
        }
        Anchor::Genesis { .. } | Anchor::Pinned { .. } => None,
    }
}

fn claim_fact(bundle: &Bundle, claim: &Claim) -> Option<ClaimFact> {
    let HistoryLeaf { height, block_id, time_ms, .. } = bundle.leaves.get(usize::from(claim.leaf()))?.leaf;
    let record = match claim {
        Claim::Transaction { transaction, receipt, .. } => RecordFact::Transaction {
            transaction_id: transaction.id(),
            position: receipt.position,
            signers: signers(bundle, claim.leaf(), transaction),
            modules: transaction.body.calls.iter().map(|call| call.module).collect(),
            outcome: receipt.outcome,
            batches: batches(transaction),
        },
        Claim::State { key, value, .. } => RecordFact::State {
            key: hex::encode(&**key),
            row_zh: tables::row(key).ok().map(|row| row.zh),
            row_en: tables::row(key).ok().map(|row| row.en),
            value: value.as_ref().map(|value| hex::encode(&**value)),
            batch: value.as_ref().and_then(|value| recorded(key, value)),
            span: spans::shown(bundle, claim).ok(),
        },
    };
    let (time_of, not_after_ms) = (TimeOf::height(height), bundle.header.time_ms);
    Some(ClaimFact { height, block_id, time_ms, time_of, not_after_ms, record })
}

fn signers(bundle: &Bundle, leaf: u16, transaction: &SignedTransaction) -> Vec<TransactionSignerFact> {
    let fact = |signer: &Signer| {
        let owner = row(bundle, leaf, &identity::key_owner_key(&signer.key_id)).and_then(identity::key_owner);
        let owner = owner.filter(|owner| *owner != signer.account);
        TransactionSignerFact {
            account: signer.account.to_text(),
            key: signer.key_id,
            organization: organization(bundle, leaf, &signer.account),
            key_owner: owner.map(|owner| owner.to_text()),
            key_owner_organization: owner.and_then(|owner| organization(bundle, leaf, &owner)),
        }
    };
    transaction.body.signers.iter().map(fact).collect()
}

fn organization(bundle: &Bundle, leaf: u16, account: &AccountId) -> Option<OrganizationRow> {
    let account = identity::account(row(bundle, leaf, &identity::account_key(account))?)?;
    identity::organization(row(bundle, leaf, &identity::organization_key(&account.org_id))?)
}

fn row<'a>(bundle: &'a Bundle, leaf: u16, wanted: &[u8]) -> Option<&'a [u8]> {
    bundle.claims.iter().find_map(|claim| match claim {
        Claim::State { leaf: at, key, value: Some(value), .. } if *at == leaf && **key == *wanted => Some(&**value),
        Claim::State { .. } | Claim::Transaction { .. } => None,
    })
}

fn batches(transaction: &SignedTransaction) -> Vec<(u8, BatchCommitment)> {
    (0_u8..).zip(&transaction.body.calls).filter_map(|(call, content)| Some((call, notarized(content)?))).collect()
}
