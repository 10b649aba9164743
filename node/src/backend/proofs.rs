//! Headers that certify results.

use quancheng_state::StoreError;
use quancheng_types::Height;

use crate::api::backend::CertifiedHeader;
use crate::ledger::Ledger;

/// The newest final header under which this node can prove something, if it certifies the results of `height`.
pub(super) fn certifying_header(ledger: &Ledger, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
    let Some(decided) = ledger.certifying()? else {
        return Ok(None);
    };
    let header = decided.block.header;
    if header.executed_height < height {
        return Ok(None);
    }
    let validators = ledger.validators_at(header.height)?.ok_or_else(|| ledger.missing_set(header.height))?;
    Ok(Some(CertifiedHeader { header, certificate: decided.certificate, validators }))
}
