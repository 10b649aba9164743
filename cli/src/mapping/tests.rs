use serde_json::json;

use super::*;
use crate::transaction::call;

fn samples(list: &str) -> Vec<Value> {
    let samples: Value = serde_json::from_str(quancheng_testnet_local::SAMPLES).unwrap();
    samples[list].as_array().unwrap().clone()
}

#[test]
fn every_sample_organization_is_an_application() {
    let organizations = samples("organizations");
    assert_eq!(organizations.len(), 28);
    for record in organizations {
        let id = record["org_id"].clone();
        let register = organization(record).unwrap();
        call("identity", json!({ "register": register })).unwrap_or_else(|fault| panic!("{id}: {fault:?}"));
    }
}

#[test]
fn every_sample_registration_is_an_application() {
    let registrations = samples("registrations");
    assert_eq!(registrations.len(), 20);
    let mut left_out = Vec::new();
    for record in registrations {
        let id = record["reg_id"].clone();
        let mapped = registration(record, &References::default()).unwrap_or_else(|fault| panic!("{id}: {fault:?}"));
        call("registry", json!({ "submit": mapped.submit })).unwrap_or_else(|fault| panic!("{id}: {fault:?}"));
        left_out.extend(mapped.left_out);
    }
    left_out.sort();
    assert_eq!(
        left_out,
        [
            "attestations S-ATT-01",
            "attestations S-ATT-02",
            "attestations S-ATT-03",
            "derived_from S-REG-01",
            "derived_from S-REG-06",
            "derived_from S-REG-09",
            "holders [\"ORG-OPER\"]",
            "licence S-GRANT-05",
            "prior_evidence S-EVID-01",
        ]
    );
}

#[test]
fn content_of_a_record_reaches_the_call() {
    let record = samples("registrations").remove(0);
    let submit = registration(record, &References::default()).unwrap().submit;
    assert_eq!(submit["kind"], json!("PUBLIC_RESOURCE"));
    let dossier = &submit["dossier"];
    assert_eq!(dossier["holders"], json!(["ORG-GOV-HPF"]));
    assert_eq!(dossier["region"], json!("370100"));
    assert_eq!(dossier["openness"], json!("不予开放"));
    assert_eq!(dossier["schema"]["algorithm"], json!("SM3"));
    assert_eq!(dossier["fields"].as_array().unwrap().len(), 4);
}

#[test]
fn a_certificate_that_was_transferred_was_applied_for_by_its_first_holder() {
    let find = |id: &str| samples("registrations").into_iter().find(|record| record["reg_id"] == id).unwrap();
    let holders = |record| registration(record, &References::default()).unwrap().submit["dossier"]["holders"].clone();
    let transferred = find("S-REG-17");
    assert_eq!((&transferred["applicant"], &transferred["holder"]), (&json!("ORG-M6"), &json!("ORG-OPER")));
    assert_eq!(holders(transferred), json!(["ORG-M6"]));
    // Somebody else may hold it from the first day on.
    let mut record = find("S-REG-16");
    record["holder"] = json!("ORG-OPER");
    assert_eq!(holders(record), json!(["ORG-OPER"]));
}

/// A value of another form was read as absent, and what it stated was signed away.
#[test]
fn a_value_of_another_form_is_refused_by_name() {
    let record = samples("registrations").into_iter().find(|record| record["reg_id"] == "S-REG-08").unwrap();
    let map = |key: &str, value: Value| {
        let mut record = record.clone();
        record[key] = value;
        registration(record, &References::default())
    };
    for (key, _) in super::registration::FORMS {
        for wrong in [json!(true), json!(-1), json!({ "a": 1 }), json!(["A"]), json!("A"), json!(5)] {
            let fault = match map(key, wrong.clone()) {
                Err(fault) if fault.code == "WRONG_FORM" => fault,
                Ok(_) | Err(_) => continue,
            };
            assert!([Lang::Zh, Lang::En].iter().all(|lang| fault.message.words(*lang).contains(key)), "{fault:?}");
        }
        assert_eq!(map(key, json!(true)).unwrap_err().code, "WRONG_FORM", "{key}");
    }
    for (key, value) in [
        ("applicant", json!(["ORG-REG"])),
        ("applicant", json!({ "org_id": "ORG-REG" })),
        ("applicant", json!(5)),
        ("previous_holders", json!("ORG-REG")),
        ("previous_holders", json!({ "a": 1 })),
        ("holders", json!("ORG-REG")),
    ] {
        assert_eq!(map(key, value.clone()).unwrap_err().code, "WRONG_FORM", "{key} {value}");
    }
    for key in ["applicant", "holders", "previous_holders", "version", "derived_from"] {
        assert!(map(key, Value::Null).is_ok(), "{key}");
    }
    // Two keys of one meaning, and keys beside a statement that is whole.
    let mut both = record.clone();
    (both["open_attr"], both["openness"]) = (json!("无条件开放"), json!("有条件开放"));
    assert_eq!(registration(both, &References::default()).unwrap_err().code, "OPENNESS_UNCLEAR");
    let beside = json!({ "dossier": {}, "kind": "DATA_ASSET", "title_zh": "样例" });
    assert_eq!(statement(beside, &References::default()).unwrap_err().code, "UNKNOWN_KEY");
    assert!(statement(json!({ "dossier": {}, "kind": "DATA_ASSET" }), &References::default()).is_ok());
}

#[test]
fn what_a_record_states_is_signed_or_named() {
    let find = |id: &str| samples("registrations").into_iter().find(|record| record["reg_id"] == id).unwrap();
    let map = |record: &Value| registration(record.clone(), &References::default());
    // Its holders are not replaced by anybody else unless it says that it was transferred.
    let mut record = find("S-REG-08");
    record["holders"] = json!(["ORG-EXCH", "ORG-REG"]);
    assert_eq!(map(&record).unwrap_err().code, "HOLDERS_UNCLEAR", "holder names another one");
    record["holder"] = Value::Null;
    let mapped = map(&record).unwrap();
    assert_eq!(mapped.submit["dossier"]["holders"], json!(["ORG-EXCH", "ORG-REG"]));
    assert_eq!(mapped.applicant.as_deref(), record["applicant"].as_str());
    record["previous_holders"] = json!(["ORG-FIN"]);
    assert_eq!(map(&record).unwrap_err().code, "HOLDERS_UNCLEAR");
    record["version"] = json!(2);
    assert!(map(&record).unwrap().left_out.contains(&"holders [\"ORG-EXCH\",\"ORG-REG\"]".to_owned()));
    // What the chain decides is told for a record of its own.
    let mut record = find("S-REG-01");
    assert!(!map(&record).unwrap().left_out.iter().any(|name| name == "valid_to"));
    record["reg_id"] = json!("2026-7");
    let mapped = map(&record).unwrap();
    assert!(!mapped.is_sample);
    for key in ["valid_from", "valid_to", "ledger_no", "state"] {
        assert!(
            record[key].is_null() || mapped.left_out.iter().any(|name| name == key),
            "{key}: {:?}",
            mapped.left_out
        );
    }
}

#[test]
fn references_given_beside_the_record_take_the_place_of_sample_ids() {
    let find = |id: &str| samples("registrations").into_iter().find(|record| record["reg_id"] == id).unwrap();
    let derived: Vec<Value> =
        samples("registrations").into_iter().filter(|record| record.get("derived_from").is_some()).collect();
    let id = derived[0]["derived_from"][0].as_str().unwrap().to_owned();
    let mut references = References::default();
    references.serials.insert(id.clone(), 1001);
    let mapped = registration(derived[0].clone(), &references).unwrap();
    assert_eq!(mapped.submit["dossier"]["derived_from"], json!([1001]));
    references.derived_from = vec!["QC-370100-PR-2026-00001002-N".to_owned()];
    let mapped = registration(derived[0].clone(), &references).unwrap();
    assert_eq!(mapped.submit["dossier"]["derived_from"], json!([1002]));

    let mut record = find("S-REG-01");
    record["licence"] = json!("2026-7");
    assert_eq!(registration(record.clone(), &References::default()).unwrap_err().code, "LICENCE_DAY");
    let references =
        References { licence: Some(("2026-7".to_owned(), "2027-12-31".to_owned())), ..References::default() };
    let mapped = registration(record, &references).unwrap();
    assert_eq!(mapped.submit["dossier"]["licence"], json!({ "reference": "2026-7", "valid_to": "2027-12-31" }));
}

#[test]
fn unknown_missing_and_misplaced_things_are_refused_by_name() {
    let mut record = samples("registrations").remove(0);
    record["titel_zh"] = json!("x");
    let fault = registration(record, &References::default()).unwrap_err();
    assert_eq!(fault.code, "UNKNOWN_KEY");
    assert!(fault.message.words(crate::text::Lang::En).contains("titel_zh"));

    let mut record = samples("registrations").remove(0);
    record.as_object_mut().unwrap().remove("registrar");
    assert_eq!(registration(record, &References::default()).unwrap_err().code, "MISSING_KEY");
    assert_eq!(organization(json!([])).unwrap_err().code, "BAD_RECORD");
    assert_eq!(organization(json!({ "org_id": "A", "nmae": 1 })).unwrap_err().code, "UNKNOWN_KEY");
    assert_eq!(serial("QC-370100-PR-2026-00001001-X").unwrap_err().code, "BAD_NUMBER");
    assert_eq!(serial("7").unwrap(), 7);
    for text in ["01", "+7", " 7", "7 ", "4294967296"] {
        assert_eq!(serial(text).unwrap_err().code, "BAD_NUMBER", "{text:?}");
    }
}

#[test]
fn a_record_in_the_shape_of_the_call_passes_as_it_is() {
    let record = samples("registrations").remove(0);
    let mapped = registration(record, &References::default()).unwrap();
    assert_eq!(registration(mapped.submit.clone(), &References::default()).unwrap().submit, mapped.submit);
    let (dossier, _) = statement(mapped.submit.clone(), &References::default()).unwrap();
    assert_eq!(dossier, mapped.submit["dossier"]);
}
