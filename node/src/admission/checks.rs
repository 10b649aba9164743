//! Everything about a transaction that can be judged before its signature.

use quancheng_contracts::weight::transaction_weight;
use quancheng_contracts::{CoreRefusal, RefusalCode as _, check_call, check_signers, modules};
use quancheng_types::{Parameters, SealedTransaction, TransactionError};

use super::error::AdmissionError;
use crate::fair::{Class, ClientAddress, Sender};
use crate::ledger::Ledger;

/// Allowed distance of a client's clock ahead of this node's, ms, beyond the lifetime that the chain allows.
const CLIENT_CLOCK_AHEAD_MS: u64 = 2_000;

/// What the checks found out.
pub(super) struct Checked {
    pub(super) weight: u64,
    class: Class,
}

impl Checked {
    /// Who the transaction counts for.
    pub(super) fn sender(
        &self,
        from: ClientAddress,
        transaction: &SealedTransaction,
    ) -> Result<Sender, AdmissionError> {
        let account = transaction.body.sender().ok_or(AdmissionError::Transaction(TransactionError::NoSigner))?;
        Ok(Sender { class: self.class.clone(), address: from, account })
    }
}

pub(super) fn check(
    transaction: &SealedTransaction,
    parameters: &Parameters,
    now_ms: u64,
    ledger: &Ledger,
) -> Result<Checked, AdmissionError> {
    let bytes = transaction.bytes();
    if bytes > parameters.transaction_bytes_max {
        return Err(AdmissionError::TooLarge { bytes, max: parameters.transaction_bytes_max });
    }
    transaction.check_form(&ledger.chain_id()).map_err(AdmissionError::Transaction)?;
    let valid_until_ms = transaction.body.valid_until_ms;
    if valid_until_ms < now_ms {
        return Err(AdmissionError::Expired { valid_until_ms, now_ms });
    }
    // Refused here rather than in a block; a little slack, because the block that runs it comes later than now.
    let latest_ms = now_ms.saturating_add(parameters.transaction_lifetime_max_ms);
    if valid_until_ms > latest_ms.saturating_add(CLIENT_CLOCK_AHEAD_MS.min(parameters.transaction_lifetime_max_ms)) {
        return Err(AdmissionError::LifetimeTooLong { valid_until_ms, latest_ms });
    }
    for (index, call) in transaction.body.calls.iter().enumerate() {
        if modules::by_id(call.module).is_none() {
            return Err(AdmissionError::UnknownModule { module: call.module });
        }
        let at = u8::try_from(index).unwrap_or(u8::MAX);
        check_call(call, parameters).map_err(|refusal| AdmissionError::Refused {
            module: refusal.module,
            code: refusal.code,
            call: at,
        })?;
    }
    if transaction.signatures.len() != transaction.body.signers.len() {
        let (signers, signatures) = (transaction.body.signers.len(), transaction.signatures.len());
        return Err(AdmissionError::Transaction(TransactionError::SignatureCount { signers, signatures }));
    }
    let weight = transaction_weight(transaction);
    if weight > parameters.transaction_weight_max {
        return Err(AdmissionError::TooHeavy { weight, max: parameters.transaction_weight_max });
    }
    let signers = check_signers(&ledger.signers()?, transaction, now_ms, parameters)?;
    let signers = signers.map_err(|refusal: CoreRefusal| AdmissionError::Refused {
        module: modules::CORE,
        code: refusal.code(),
        call: 0,
    })?;
    Ok(Checked { weight, class: Class::of(&signers) })
}
