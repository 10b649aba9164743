//! Tests of the registry through the executor, on the sample records.

mod golden;
mod laws;
mod lifecycle;
mod requests;
mod samples;

use std::collections::BTreeMap;

use quancheng_types::{Genesis, List};
use serde_json::{Value, json};

use super::types::RegistrationId;
use super::{Registration, Registry, Status};
use crate::contract::Contract as _;
use crate::domain::Day;
use crate::modules::encode_genesis;
use crate::testing::{Chain, document, samples as sample_file};

/// The time of a sample, such as `2026-03-02T09:30:00+08:00`.
fn ms(text: &str) -> u64 {
    let (date, time) = text.strip_suffix("+08:00").unwrap().split_once('T').unwrap();
    let parts: Vec<u64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    date.parse::<Day>().unwrap().start_ms() + (parts[0] * 3600 + parts[1] * 60 + parts[2]) * 1000
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Noon of a day.
fn noon(text: &str) -> u64 {
    day(text).start_ms() + 12 * 3600 * 1000
}

/// A chain of the sample organizations that begins in July 2025, with its first dossier numbered `serial`.
fn chain(serial: u32) -> Chain {
    let Genesis { suite, chain_name, parameters, validators, modules, .. } = Chain::sample().genesis;
    let mut modules = modules.into_vec();
    modules.push(encode_genesis("registry", json!({ "serial_first": serial })).unwrap());
    let time_ms = ms("2025-07-01T09:00:00+08:00");
    Chain::new(Genesis { suite, chain_name, time_ms, parameters, validators, modules: List::new(modules).unwrap() })
}

fn sample(id: &str) -> Value {
    sample_file()["registrations"].as_array().unwrap().iter().find(|entry| entry["reg_id"] == id).unwrap().clone()
}

/// A commitment by SM3.
fn sm3(digest: &Value) -> Value {
    json!({ "algorithm": "SM3", "digest": digest })
}

/// A commitment to a named document.
fn paper(name: &str) -> Value {
    json!({ "algorithm": "SHA256", "digest": document(name) })
}

fn decision(reason: &str) -> Value {
    json!({ "reason": reason, "officer": "登记审核岗", "document": paper(reason) })
}

/// The statement of a sample record; `known` maps the samples' own ids to serials.
fn dossier(record: &Value, known: &BTreeMap<String, RegistrationId>) -> Value {
    let file = sample_file();
    let find = |list: &str, key: &str, id: &Value| {
        file[list].as_array().unwrap().iter().find(|entry| entry[key] == *id).unwrap().clone()
    };
    let list = |name: &str| record[name].as_array().cloned().unwrap_or_default();
    let mut out = serde_json::Map::new();
    for name in [
        "title_zh",
        "title_en",
        "summary_zh",
        "sector",
        "source_class",
        "data_class",
        "pi_level",
        "rights",
        "fields",
        "record_count",
        "size_bytes",
        "coverage",
        "update_frequency",
        "format",
        "storage",
    ] {
        out.insert(name.to_owned(), record[name].clone());
    }
    out.insert("holders".to_owned(), json!([record["applicant"]]));
    out.insert("region".to_owned(), "370100".into());
    out.insert("application_field".to_owned(), record["seed_domain"].clone());
    out.insert("schema".to_owned(), sm3(&record["schema_sm3"]));
    out.insert("manifest_root".to_owned(), sm3(&record["dataset_manifest_root_sm3"]));
    out.insert("openness".to_owned(), record["open_attr"].clone());
    out.insert("access_method".to_owned(), record["access_method"].clone());
    let sources: Vec<_> = list("derived_from").iter().map(|id| known[id.as_str().unwrap()]).collect();
    out.insert("derived_from".to_owned(), json!(sources));
    let reports: Vec<_> =
        list("attestations").iter().map(|id| sm3(&find("attestations", "att_id", id)["report_commitment"])).collect();
    out.insert("attestations".to_owned(), json!(reports));
    if let Some(licence) = record.get("licence") {
        let valid_to = &find("authorization_grants", "grant_id", licence)["valid_to"];
        out.insert("licence".to_owned(), json!({ "reference": licence, "valid_to": valid_to }));
    }
    if let Some(evidence) = record.get("prior_evidence") {
        out.insert(
            "prior_evidence".to_owned(),
            find("evidence_items", "evidence_id", evidence)["commitment_sm3"].clone(),
        );
    }
    out.into()
}

/// The call that submits a sample record.
fn submission(record: &Value, known: &BTreeMap<String, RegistrationId>) -> Value {
    json!({ "submit": {
        "kind": record["kind"],
        "registrar": record["registrar"],
        "rule_set": record["rule_set"],
        "dossier": dossier(record, known),
    }})
}

impl Chain {
    fn registration(&self, id: RegistrationId) -> Registration {
        super::effects::registration(&self.state, id).unwrap().unwrap()
    }

    fn status(&self, id: RegistrationId) -> Status {
        self.registration(id).status(self.time_ms)
    }

    /// Does what must take effect.
    fn act(&mut self, time_ms: u64, signers: &[&str], call: Value) -> Vec<Value> {
        self.ok(time_ms, signers, Registry::NAME, call)
    }

    /// Does what must be refused, and returns the name of the refusal.
    fn no(&mut self, time_ms: u64, signers: &[&str], call: Value) -> &'static str {
        self.refused(time_ms, signers, Registry::NAME, call)
    }

    /// Submits a sample record for its applicant.
    fn submit(&mut self, time_ms: u64, record: &Value) -> RegistrationId {
        let applicant = record["applicant"].as_str().unwrap();
        let events = self.act(time_ms, &[applicant], submission(record, &BTreeMap::new()));
        RegistrationId(u32::try_from(events[0]["submitted"]["registration"].as_u64().unwrap()).unwrap())
    }

    /// Submits S-REG-06 in March 2026 and brings it to the end of its review.
    fn reviewed(&mut self) -> RegistrationId {
        let id = self.submit(ms("2026-03-23T09:30:00+08:00"), &sample("S-REG-06"));
        self.act(ms("2026-03-25T10:00:00+08:00"), &["ORG-REG"], decide("accept", id, "CONFORMS"));
        self.act(ms("2026-04-02T10:00:00+08:00"), &["ORG-REG"], decide("review_pass", id, "CONFORMS"));
        id
    }

    /// Brings S-REG-06 to its certificate, valid 2026-04-20 to 2027-04-19.
    fn issued(&mut self) -> RegistrationId {
        let id = self.reviewed();
        self.act(ms("2026-04-02T10:00:00+08:00"), &["ORG-REG"], decide("open_notice", id, "CONFORMS"));
        self.act(ms("2026-04-20T10:00:00+08:00"), &["ORG-REG"], decide("issue", id, "CONFORMS"));
        id
    }
}

/// A call that carries a registration and a decision.
fn decide(call: &str, id: RegistrationId, reason: &str) -> Value {
    json!({ call: { "registration": id, "decision": decision(reason) } })
}

/// A call that carries a registration alone.
fn refer(call: &str, id: RegistrationId) -> Value {
    json!({ call: { "registration": id } })
}

fn object(id: RegistrationId) -> Value {
    json!({ "object": { "registration": id, "grounds_zh": "主张数据由其设备产生且未授权登记", "document": paper("objection") } })
}

fn hold(id: RegistrationId, case: &str) -> Value {
    json!({ "hold": { "registration": id, "case": case, "decision": decision("PRESERVATION") } })
}
