//! An organization's record as an application.

use serde_json::Value;

use super::Form;
use super::record::{Fate, Key, Record, key};
use crate::fault::Outcome;

/// Every key of an organization's record. The chain decides the status, and says itself that samples are fictional.
pub(super) const KEYS: &[Key] = &[
    key("fictional", Fate::Told, &[]),
    key("merchant_class", Fate::Signed, &[Form::Text]),
    key("name_en", Fate::Signed, &[Form::Text]),
    key("name_zh", Fate::Signed, &[Form::Text]),
    key("org_id", Fate::Signed, &[Form::Text]),
    key("org_type", Fate::Signed, &[Form::Text]),
    key("region", Fate::Signed, &[Form::Text]),
    key("roles", Fate::Signed, &[Form::List]),
    key("status", Fate::Told, &[]),
    key("uscc", Fate::Signed, &[Form::Text]),
];

/// The argument of the call `register`, and what the record states beside it.
pub(crate) fn organization(record: Value) -> Outcome<(Value, Vec<String>)> {
    let mut record = Record::new(record, KEYS)?;
    record.sign_all();
    let account = record.finish()?;
    Ok((Value::Object(account.signed), account.told))
}
