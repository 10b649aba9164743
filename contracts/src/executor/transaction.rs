//! One transaction over its own overlay.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quancheng_state::{Overlay, StoreError, View};
use quancheng_types::{Call, List, Outcome, Parameters, Receipt, SealedTransaction, SignedTransaction, Writers};

use super::planted::Planted;
use super::{BlockInput, CoreRefusal};
use crate::contract::{Context, Environment, EventLog, ResolvedSigner};
use crate::identity::{self, OrgId, SignerRefused};
use crate::modules::{self, Refusal};
use crate::refusal::Failure;
use crate::weight::transaction_weight;

/// What is the same for all transactions of a block.
pub(super) struct BlockScope<'a> {
    pub(super) input: &'a BlockInput<'a>,
    pub(super) parameters: &'a Parameters,
    pub(super) planted: Planted,
}

/// A receipt, for whom the sender acted, and whether a contract panicked on the way.
pub(super) struct Done {
    pub(super) receipt: Receipt,
    /// The organization, when it is active.
    pub(super) acting: Option<OrgId>,
    pub(super) is_internal: bool,
}

/// A refusal and the call it came from.
struct Refused {
    refusal: Refusal,
    call: u8,
}

impl From<CoreRefusal> for Failure<Refused> {
    fn from(refusal: CoreRefusal) -> Self {
        Self::Refused(Refused { refusal: Refusal::core(refusal), call: 0 })
    }
}

/// Executes a transaction and merges its writes into the block's overlay when every call took effect.
pub(super) fn execute(
    block: &mut Overlay<'_>,
    scope: &BlockScope<'_>,
    signed: &SealedTransaction,
    position: u32,
) -> Result<Done, StoreError> {
    let mut overlay = block.child();
    let mut log = EventLog::default();
    let mut acting = None;
    let result = run(&mut overlay, &mut log, &mut acting, scope, signed);
    let patch = overlay.into_patch();
    let (outcome, events) = match result {
        Ok(()) => {
            block.apply(patch);
            (Outcome::Ok, log.events)
        }
        Err(Failure::Refused(Refused { refusal, call })) => {
            if scope.planted.keeps_refused_writes() {
                block.apply(patch);
            }
            (Outcome::Refused { module: refusal.module, code: refusal.code, call }, Vec::new())
        }
        Err(Failure::Fatal(error)) => return Err(error),
    };
    let internal = Refusal::core(CoreRefusal::Internal);
    let is_internal =
        matches!(outcome, Outcome::Refused { module, code, .. } if (Refusal { module, code }) == internal);
    let events = List::new(events).expect("the event log refuses more than a receipt may carry");
    Ok(Done { receipt: Receipt { transaction_id: signed.id(), position, outcome, events }, acting, is_internal })
}

fn run(
    overlay: &mut Overlay<'_>,
    log: &mut EventLog,
    acting: &mut Option<OrgId>,
    scope: &BlockScope<'_>,
    signed: &SealedTransaction,
) -> Result<(), Failure<Refused>> {
    check_terms(scope, signed)?;
    let signers = resolve(overlay, signed, scope.input.time_ms)
        .map_err(|failure| failure.map(|refusal| Refused { refusal: Refusal::core(refusal), call: 0 }))?;
    check_writer(&signers, signed, scope.parameters.writers)?;
    *acting = signers.first().filter(|signer| signer.is_active()).and_then(ResolvedSigner::org_id).cloned();
    let environment = Environment {
        chain_id: scope.input.chain_id,
        version: scope.input.version,
        height: scope.input.height,
        time_ms: scope.input.time_ms,
        parameters: *scope.parameters,
        transaction_id: signed.id(),
        signers,
    };
    for (index, call) in signed.body.calls.iter().enumerate() {
        let at = u8::try_from(index).expect("a transaction has at most 64 calls");
        let refused = |refusal| Refused { refusal, call: at };
        let module = modules::by_id(call.module)
            .ok_or_else(|| Failure::Refused(refused(Refusal::core(CoreRefusal::UnknownModule))))?;
        let mut context = Context::new(overlay, &environment, log);
        match catch_unwind(AssertUnwindSafe(|| module.execute(&mut context, &call.payload))) {
            Ok(result) => result.map_err(|failure| failure.map(refused))?,
            // The overlay may hold half of the call's writes; it is dropped with the refusal.
            Err(_panic) => {
                return Err(Failure::Refused(refused(Refusal::core(CoreRefusal::Internal))));
            }
        }
        if log.is_over_limit {
            return Err(Failure::Refused(refused(Refusal::core(CoreRefusal::EventsTooLarge))));
        }
    }
    Ok(())
}

/// Size, weight and time limits. Admission checks them too, but parameters and time move on until the block.
fn check_terms(scope: &BlockScope<'_>, signed: &SealedTransaction) -> Result<(), CoreRefusal> {
    if signed.bytes() > scope.parameters.transaction_bytes_max {
        return Err(CoreRefusal::TooLarge);
    }
    if transaction_weight(signed) > scope.parameters.transaction_weight_max {
        return Err(CoreRefusal::TooHeavy);
    }
    let time_ms = scope.planted.clock_ms(scope.input.time_ms);
    if time_ms > signed.body.valid_until_ms && !scope.planted.forgets_expiry() {
        return Err(CoreRefusal::Expired);
    }
    if signed.body.valid_until_ms.saturating_sub(time_ms) > scope.parameters.transaction_lifetime_max_ms {
        return Err(CoreRefusal::LifetimeTooLong);
    }
    Ok(())
}

/// Whether the sender may have these calls executed: a member may, and anyone where the chain says so; others only what is open.
pub(super) fn check_writer(
    signers: &[ResolvedSigner],
    signed: &SignedTransaction,
    writers: Writers,
) -> Result<(), CoreRefusal> {
    let is_admitted = match writers {
        Writers::Anyone => true,
        Writers::Members => signers.first().is_some_and(ResolvedSigner::is_active),
    };
    let is_open = |call: &Call| modules::by_id(call.module).is_some_and(|module| module.is_open(&call.payload));
    if is_admitted || signed.body.calls.iter().all(is_open) { Ok(()) } else { Err(CoreRefusal::NotAMember) }
}

/// The accounts behind the signers, and on whose behalf each acts.
pub(super) fn resolve(
    view: &dyn View,
    signed: &SignedTransaction,
    time_ms: u64,
) -> Result<Vec<ResolvedSigner>, Failure<CoreRefusal>> {
    let pairs = signed.body.signers.iter().zip(&signed.signatures);
    let signers = pairs
        .map(|(signer, signature)| identity::resolve(view, signer, &signature.public_key, time_ms))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|failure| {
            failure.map(|refused| match refused {
                SignerRefused::KeyNotAuthorized => CoreRefusal::KeyNotAuthorized,
                SignerRefused::Suspended => CoreRefusal::AccountSuspended,
            })
        })?;
    // Certified transactions have one signature per signer and at least one signer; anything else has nobody to act.
    if signers.is_empty() || signers.len() != signed.body.signers.len() {
        return Err(Failure::Refused(CoreRefusal::KeyNotAuthorized));
    }
    Ok(signers)
}
