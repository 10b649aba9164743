//! The content of a bundle in brief.

use quancheng_types::{AccountId, HistoryLeaf, SignedTransaction, Signer};

use crate::bundle::{Bundle, Claim, ItemsOpening};
use crate::checkpoint::{Anchor, Checkpoint};
use crate::commitment::{BatchCommitment, ItemOpening, notarized, recorded};
use crate::identity::{self, OrganizationRow};
use crate::report::{
    ClaimFact, EntryFact, Facts, HeaderFact, ManifestFact, RecordFact, SignerFact, TransactionSignerFact,
};
use crate::tables;

pub(super) fn facts(bundle: &Bundle, checkpoint: &Checkpoint) -> Facts {
    let header = &bundle.header;
    let set = &bundle.validators;
    let signed = |id| bundle.certificate.signatures.iter().any(|entry| entry.validator == id);
    let validators: Vec<SignerFact> = set
        .validators()
        .iter()
        .zip(set.ids())
        .map(|(validator, id)| SignerFact {
            validator: *id,
            organization: validator.organization.to_string(),
            interest: validator.interest.to_string(),
            power: validator.power,
            signed: signed(*id),
        })
        .collect();
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
        signed_power: validators.iter().filter(|v| v.signed).map(|v| v.power).sum(),
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
        },
    };
    Some(ClaimFact { height, block_id, time_ms, not_after_ms: bundle.header.time_ms, record })
}

fn signers(bundle: &Bundle, leaf: u16, transaction: &SignedTransaction) -> Vec<TransactionSignerFact> {
    let fact = |signer: &Signer| TransactionSignerFact {
        account: signer.account.to_text(),
        key: signer.key_id,
        organization: organization(bundle, leaf, &signer.account),
    };
    transaction.body.signers.iter().map(fact).collect()
}

fn organization(bundle: &Bundle, leaf: u16, account: &AccountId) -> Option<OrganizationRow> {
    let row = |wanted: &[u8]| {
        bundle.claims.iter().find_map(|claim| match claim {
            Claim::State { leaf: at, key, value: Some(value), .. } if *at == leaf && **key == *wanted => Some(value),
            Claim::State { .. } | Claim::Transaction { .. } => None,
        })
    };
    let account = identity::account(row(&identity::account_key(account))?)?;
    identity::organization(row(&identity::organization_key(&account.org_id))?)
}

fn batches(transaction: &SignedTransaction) -> Vec<(u8, BatchCommitment)> {
    (0_u8..).zip(&transaction.body.calls).filter_map(|(call, content)| Some((call, notarized(content)?))).collect()
}
