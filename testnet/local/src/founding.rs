//! Who founds a local network, and on what rules: the fictional organizations of the sample records.

use std::collections::BTreeSet;

use quancheng_contracts::domain::Uscc;
use quancheng_contracts::encode_genesis;
use quancheng_types::{ModuleGenesis, PublicKey};
use serde_json::{Map, Value, json};

use crate::error::LocalError;
use crate::settings::VALIDATORS_MAX;

/// The sample records of the repository.
pub const SAMPLES: &str = include_str!("../../../samples/samples.json");

/// The organization that runs a validator which is voted in later, unless another is named.
pub const CANDIDATE_ORGANIZATION: &str = "ORG-GOV-HEALTH";

/// Organizations of the samples that run validators, in this order; further validators get organizations made for them.
const VALIDATOR_ORGANIZATIONS: [&str; 5] = ["ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-AMR", "ORG-REG", "ORG-GOV-HPF"];

/// Organizations that every network has from the start, whoever runs its validators: supervisor, treasury, the three registrars,
/// the court, and the candidate.
const ALWAYS: [&str; 7] =
    ["ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-AMR", "ORG-REG", "ORG-EXCH", "ORG-CRT", CANDIDATE_ORGANIZATION];

/// A rule set for demonstrations: every kind, and a public notice that ends at once.
pub const DEMO_RULE_SET: &str = "RS-DEMO";

/// An organization that is active from the first block.
#[derive(Clone, Debug)]
pub(crate) struct FoundingOrganization {
    /// Its id.
    pub(crate) org_id: String,
    /// Its record for the genesis, still without its key.
    record: Map<String, Value>,
}

impl FoundingOrganization {
    /// Its legal name.
    pub(crate) fn name_zh(&self) -> &str {
        self.record.get("name_zh").and_then(Value::as_str).unwrap_or(&self.org_id)
    }
}

fn samples() -> Result<Value, LocalError> {
    serde_json::from_str(SAMPLES).map_err(|error| LocalError::Samples { reason: error.to_string() })
}

fn missing(what: &str) -> LocalError {
    LocalError::Samples { reason: format!("{what} is missing") }
}

/// The organization that runs validator `index`.
pub(crate) fn validator_organization(index: u32) -> String {
    let known = usize::try_from(index).ok().and_then(|place| VALIDATOR_ORGANIZATIONS.get(place));
    known.map_or_else(|| format!("ORG-NODE-{index}"), |name| (*name).to_owned())
}

/// Names of all organizations that may found a network, whatever the number of its validators.
pub(crate) fn every_organization() -> BTreeSet<String> {
    let running = (0..VALIDATORS_MAX).map(validator_organization);
    running.chain(ALWAYS.map(str::to_owned)).collect()
}

/// The key file of an organization, in the folder of keys.
pub(crate) fn key_file(org_id: &str) -> String {
    format!("{org_id}.key")
}

/// The founding organizations of a network with so many validators, each once.
pub(crate) fn organizations(validators: u32) -> Result<Vec<FoundingOrganization>, LocalError> {
    let samples = samples()?;
    let known = samples.get("organizations").and_then(Value::as_array).ok_or_else(|| missing("organizations"))?;
    let mut names: Vec<String> = (0..validators).map(validator_organization).collect();
    for name in ALWAYS {
        if !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    let find = |name: &str| known.iter().find(|entry| entry.get("org_id").and_then(Value::as_str) == Some(name));
    names
        .into_iter()
        .enumerate()
        .map(|(place, org_id)| {
            let record = match find(&org_id) {
                Some(entry) => founder_of(entry)?,
                None => made_up(&org_id, place)?,
            };
            Ok(FoundingOrganization { org_id, record })
        })
        .collect()
}

/// What a genesis says about a founder, of what a sample record says.
const FOUNDER_KEYS: [&str; 8] =
    ["org_id", "uscc", "name_zh", "name_en", "org_type", "merchant_class", "region", "roles"];

fn founder_of(entry: &Value) -> Result<Map<String, Value>, LocalError> {
    let entry = entry.as_object().ok_or_else(|| missing("an organization"))?;
    Ok(entry
        .iter()
        .filter(|(key, _)| FOUNDER_KEYS.contains(&key.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect())
}

/// An organization for a validator beyond those of the samples, with a code of the region 370199, which is not assigned.
fn made_up(org_id: &str, place: usize) -> Result<Map<String, Value>, LocalError> {
    let body = format!("113701990000EY{place:03}");
    let check = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars();
    let code = check
        .map(|last| format!("{body}{last}"))
        .find(|code| Uscc::new(code).is_ok())
        .ok_or_else(|| missing("a credit code"))?;
    let record = json!({
        "org_id": org_id, "uscc": code, "name_zh": format!("样例节点单位{place}（测试）"),
        "name_en": format!("Sample Node Operator {place} (test)"), "org_type": "GOV_DEPARTMENT",
        "region": "370100", "roles": ["VALIDATOR"],
    });
    record.as_object().cloned().ok_or_else(|| missing("a record"))
}

/// The rule set [`DEMO_RULE_SET`], in the shape of the sample records.
#[must_use]
pub fn demo_rule_set() -> Value {
    json!({
        "rule_set": DEMO_RULE_SET,
        "name_zh": "演示参数（公示期为零个工作日，仅供测试网络）",
        "basis": "test networks only",
        "kinds": ["PUBLIC_RESOURCE", "PUBLIC_PRODUCT", "OPEN_DATASET", "DATA_RESOURCE", "DATA_PRODUCT", "DATA_ASSET", "DATA_IP"],
        "accept_wd": 5, "review_wd": 10, "notice_wd": 0,
        "validity_months": 12, "renewal_months": 12, "renewal_window_days": 60,
        "verified": [],
        "note": "not law: a certificate can be issued at once"
    })
}

/// First content of the modules: organizations with their keys, rule sets, calendar.
pub(crate) fn modules(founders: &[(FoundingOrganization, PublicKey)]) -> Result<Vec<ModuleGenesis>, LocalError> {
    let organizations: Vec<Value> = founders
        .iter()
        .map(|(founder, key)| {
            let mut record = founder.record.clone();
            record.insert("key".to_owned(), Value::String(key.to_string()));
            Value::Object(record)
        })
        .collect();
    let samples = samples()?;
    let mut rule_sets = samples.get("rule_sets").and_then(Value::as_array).ok_or_else(|| missing("rule_sets"))?.clone();
    rule_sets.push(demo_rule_set());
    let governance = json!({ "rule_sets": rule_sets, "calendar": calendar(&samples)? });
    let mut modules = vec![
        encode_genesis("identity", json!({ "organizations": organizations }))?,
        encode_genesis("governance", governance)?,
    ];
    modules.sort_by_key(|module| module.module);
    Ok(modules)
}

/// One entry for each year of the samples' calendar.
fn calendar(samples: &Value) -> Result<Vec<Value>, LocalError> {
    let calendar = samples.get("calendar").ok_or_else(|| missing("calendar"))?;
    let years = calendar.get("holidays").and_then(Value::as_object).ok_or_else(|| missing("calendar.holidays"))?;
    years
        .iter()
        .map(|(year, holidays)| {
            let number: u16 = year.parse().map_err(|_| missing("a year of the calendar"))?;
            let adjusted = calendar.get("adjusted_workdays").and_then(|years| years.get(year));
            let adjusted = adjusted.cloned().unwrap_or_else(|| json!([]));
            Ok(json!({ "year": number, "holidays": holidays, "adjusted_workdays": adjusted }))
        })
        .collect()
}

#[cfg(test)]
mod tests;
