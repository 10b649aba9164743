//! An organization's record as an application.

use serde_json::{Map, Value};

use super::{object, refuse_unknown};
use crate::fault::Outcome;

/// Keys that the application takes over.
const TAKEN: [&str; 8] = ["org_id", "uscc", "name_zh", "name_en", "org_type", "merchant_class", "region", "roles"];
/// Keys that are ignored: the chain decides the status, and says itself that samples are fictional.
const IGNORED: [&str; 2] = ["status", "fictional"];

/// The argument of the call `register`.
pub(crate) fn organization(record: Value) -> Outcome<Value> {
    let record = object(record)?;
    let (taken, rest): (Map<String, Value>, Map<String, Value>) =
        record.into_iter().partition(|(key, _)| TAKEN.contains(&key.as_str()));
    refuse_unknown(&rest, &IGNORED)?;
    Ok(Value::Object(taken))
}
