//! Headers that prove: the one that certifies a result, and those at which the validators changed.

use quancheng_proof::SetChange;
use quancheng_state::StoreError;
use quancheng_types::Height;

use crate::api::backend::CertifiedHeader;
use crate::ledger::Ledger;

/// The newest final header, if it certifies the results of `height`.
pub(super) fn certifying_header(ledger: &Ledger, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
    let Some(decided) = ledger.tip()? else {
        return Ok(None);
    };
    let header = decided.block.header;
    if header.executed_height < height {
        return Ok(None);
    }
    let validators = ledger.validators_at(header.height)?.ok_or_else(|| ledger.missing_set(header.height))?;
    Ok(Some(CertifiedHeader { header, certificate: decided.certificate, validators }))
}

/// For every height below `height` from which another set was in force: the header before it, signed by the old set.
pub(crate) fn trust_path(ledger: &Ledger, height: Height) -> Result<Vec<SetChange>, StoreError> {
    let mut steps = Vec::new();
    for (from, validators) in ledger.set_changes()? {
        let Some(last_of_old) = from.previous() else {
            continue;
        };
        if from > height || last_of_old == Height::GENESIS {
            continue;
        }
        let Some(decided) = ledger.block(last_of_old)? else {
            // Not decided yet; or of a height before which this chain begins, and then a change that came to nothing.
            continue;
        };
        // A change that was replaced before it came into force left no header behind.
        if decided.block.header.next_validators_hash != validators.hash()
            || decided.block.header.validators_hash == decided.block.header.next_validators_hash
        {
            continue;
        }
        steps.push(SetChange {
            header: decided.block.header,
            certificate: decided.certificate,
            next_validators: validators,
        });
    }
    Ok(steps)
}
