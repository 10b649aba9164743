//! Step 9, who signed: signer of a transaction → row of its account → row of its organization, as of the transaction's height.

use quancheng_types::{AccountId, HistoryLeaf, Outcome, PublicKey, Receipt, SignedTransaction, Signer};

use crate::bundle::{Bundle, Claim};
use crate::identity::{self, AccountRow, KeyRow, OrganizationRow, USE_SIGN};
use crate::report::{Assessment, BoundSigner, Doubt, Finding, RegisteredSigner, Scope, SignerVerdict, Step, Verdict};

/// A finding for each signer of each transaction. `known` are the findings of the claims: nothing rests on a row, a signature
/// or a receipt that is no match among them.
pub(super) fn findings(bundle: &Bundle, known: &[Finding]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, claim) in (0_u16..).zip(&bundle.claims) {
        let Claim::Transaction { transaction, receipt, .. } = claim else {
            continue;
        };
        let Some(leaf) = bundle.leaves.get(usize::from(claim.leaf())) else {
            continue;
        };
        let rows = Rows { bundle, known, leaf: claim.leaf() };
        let is_signed = [Step::Inclusion, Step::Signature].iter().all(|step| matches(known, *step, number));
        let act = Act { leaf: &leaf.leaf, transaction, receipt, is_signed };
        for (place, signer) in (0_u8..).zip(&transaction.body.signers) {
            let scope = Scope::Signer { claim: number, signer: place };
            findings.push(Finding::new(scope, Verdict::Signer(rows.judge(&act, place, signer)), ""));
        }
    }
    findings
}

pub(super) fn matches(known: &[Finding], step: Step, claim: u16) -> bool {
    let scope = Scope::Claim { claim };
    known.iter().any(|finding| finding.step == step && finding.result == Assessment::Match && finding.scope == scope)
}

/// A transaction with what came of it.
struct Act<'a> {
    leaf: &'a HistoryLeaf,
    transaction: &'a SignedTransaction,
    receipt: &'a Receipt,
    /// Whether its inclusion and its signatures are matches.
    is_signed: bool,
}

/// The state entries of a bundle at one leaf.
struct Rows<'a> {
    bundle: &'a Bundle,
    known: &'a [Finding],
    leaf: u16,
}

/// What a bundle says of one key.
enum Row<'a> {
    NotCarried,
    NotConfirmed,
    Absent,
    Present(&'a [u8]),
}

impl<'a> Rows<'a> {
    fn judge(&self, act: &Act<'_>, place: u8, signer: &Signer) -> SignerVerdict {
        let account = signer.account;
        let row = self.row(&identity::account_key(&account));
        if matches!(row, Row::NotCarried) {
            return SignerVerdict::NotCarried { account };
        }
        let signature = act.transaction.signatures.get(usize::from(place)).filter(|_| act.is_signed);
        let verdict = signature.and_then(|signature| self.known_signer(act, signer, &signature.public_key, &row));
        verdict.unwrap_or(SignerVerdict::Uncertain { account })
    }

    /// `None` when the rows do not say it.
    fn known_signer(
        &self,
        act: &Act<'_>,
        signer: &Signer,
        public_key: &PublicKey,
        row: &Row<'_>,
    ) -> Option<SignerVerdict> {
        let HistoryLeaf { height, time_ms, .. } = *act.leaf;
        let Signer { account, key_id: key } = *signer;
        let not_in_force = match act.receipt.outcome {
            Outcome::Ok => SignerVerdict::KeyNotInForce { height, account, key },
            Outcome::Refused { .. } => SignerVerdict::KeyRefused { height, account, key },
        };
        let value = match row {
            Row::NotCarried | Row::NotConfirmed => return None,
            Row::Absent if AccountId::of(public_key) == account => return self.stranger(act, signer, public_key),
            Row::Absent => return Some(not_in_force),
            Row::Present(value) => value,
        };
        let found = identity::account(value).filter(|found| found.account == account)?;
        let organization = self.organization(&found)?;
        let Some((row, doubt)) = standing(&found, signer, public_key, time_ms) else {
            return Some(not_in_force);
        };
        let is_verified = organization.is_verified();
        let registered = Box::new(registered(act.leaf, account, organization, row, doubt));
        Some(match doubt {
            None if is_verified => SignerVerdict::Registered(registered),
            None => SignerVerdict::Unverified(registered),
            Some(_) => SignerVerdict::KeyDoubtful(registered),
        })
    }

    /// Who signs for the account that its own key opens, where nobody registered this account: the key may be bound to another.
    fn stranger(&self, act: &Act<'_>, signer: &Signer, public_key: &PublicKey) -> Option<SignerVerdict> {
        let HistoryLeaf { height, time_ms, .. } = *act.leaf;
        let Signer { account, key_id: key } = *signer;
        let value = match self.row(&identity::key_owner_key(&key)) {
            Row::NotCarried => return Some(SignerVerdict::KeyNotCarried { height, account, key }),
            Row::NotConfirmed => return None,
            Row::Absent => return Some(SignerVerdict::Unregistered { height, account, key }),
            Row::Present(value) => value,
        };
        // A key that is bound to its own account has made that account a registered one.
        let owner = identity::key_owner(value).filter(|owner| *owner != account)?;
        let Row::Present(value) = self.row(&identity::account_key(&owner)) else {
            return None;
        };
        let found = identity::account(value).filter(|found| found.account == owner)?;
        let organization = self.organization(&found)?;
        let own = |row: &&KeyRow| row.key_id == key && row.public_key == *public_key && row.usage == USE_SIGN;
        let row = found.keys.iter().find(own)?;
        let is_past = |time: Option<u64>| time.is_some_and(|time| time <= time_ms);
        let is_doubtful = is_past(row.revoked_at_ms) || is_past(row.compromise_since_ms) || is_past(row.to_ms);
        let bound = Box::new(BoundSigner {
            acting: account,
            revoked_at_ms: row.revoked_at_ms,
            compromise_since_ms: row.compromise_since_ms,
            owner: registered(act.leaf, owner, organization, row, None),
        });
        Some(if is_doubtful { SignerVerdict::BoundKeyDoubtful(bound) } else { SignerVerdict::KeyBound(bound) })
    }

    fn organization(&self, account: &AccountRow) -> Option<OrganizationRow> {
        let Row::Present(value) = self.row(&identity::organization_key(&account.org_id)) else {
            return None;
        };
        identity::organization(value).filter(|row| row.org_id == account.org_id.as_str())
    }

    /// The first state claim of this leaf about a key.
    fn row(&self, wanted: &[u8]) -> Row<'a> {
        for (number, claim) in (0_u16..).zip(&self.bundle.claims) {
            let Claim::State { leaf, key, value, .. } = claim else {
                continue;
            };
            if *leaf != self.leaf || **key != *wanted {
                continue;
            }
            return match value {
                Some(value) if matches(self.known, Step::Inclusion, number) => Row::Present(value),
                None if matches(self.known, Step::Absence, number) => Row::Absent,
                Some(_) | None => Row::NotConfirmed,
            };
        }
        Row::NotCarried
    }
}

fn registered(
    leaf: &HistoryLeaf,
    account: AccountId,
    organization: OrganizationRow,
    row: &KeyRow,
    doubt: Option<Doubt>,
) -> RegisteredSigner {
    let certificate = row.certificate.as_ref();
    RegisteredSigner {
        height: leaf.height,
        time_ms: leaf.time_ms,
        account,
        key: row.key_id,
        organization,
        added: row.added_height,
        from_ms: row.from_ms,
        to_ms: row.to_ms,
        certificate: certificate.map(|(serial, authority)| (serial.to_string(), authority.to_string())),
        doubt,
    }
}

/// The row of the key that may sign at a block's time, and what makes it doubtful. `None` when it may not.
fn standing<'a>(
    account: &'a AccountRow,
    signer: &Signer,
    public_key: &PublicKey,
    time_ms: u64,
) -> Option<(&'a KeyRow, Option<Doubt>)> {
    let own = |row: &&KeyRow| row.key_id == signer.key_id && row.public_key == *public_key && row.usage == USE_SIGN;
    if let Some(row) = account.keys.iter().filter(own).find(|row| row.is_valid_at(time_ms)) {
        let since = row.compromise_since_ms.filter(|since| *since <= time_ms);
        return Some((row, since.map(Doubt::CompromisedSince)));
    }
    // The state is that after the block: a key revoked in it may have signed before.
    let revoked = |row: &&KeyRow| {
        row.revoked_at_ms == Some(time_ms) && KeyRow { revoked_at_ms: None, ..(*row).clone() }.is_valid_at(time_ms)
    };
    account.keys.iter().filter(own).find(revoked).map(|row| (row, Some(Doubt::RevokedInBlock)))
}
