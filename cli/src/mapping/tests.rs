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
        let (register, left_out) = organization(record).unwrap();
        assert_eq!(left_out, ["fictional", "status"], "{id}");
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
        call("registry", json!({ "submit": mapped.content() })).unwrap_or_else(|fault| panic!("{id}: {fault:?}"));
        let told = mapped.told();
        left_out.extend(told.left_out.into_iter().filter(|name| name.contains(" S-") || name.starts_with("holder")));
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
            "holder [\"ORG-OPER\"]",
            "licence S-GRANT-05",
            "prior_evidence S-EVID-01",
        ]
    );
}

#[test]
fn content_of_a_record_reaches_the_call() {
    let record = samples("registrations").remove(0);
    let mapped = registration(record, &References::default()).unwrap();
    let submit = mapped.content();
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
    let holders =
        |record| registration(record, &References::default()).unwrap().content()["dossier"]["holders"].clone();
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
    for key in super::registration::KEYS.iter().filter(|key| !key.forms.is_empty()).map(|key| key.name) {
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
    let fault = map("record_count", json!("5")).unwrap_err();
    assert!(fault.message.words(Lang::Zh).contains("非负整数"), "{fault:?}");
    for key in ["applicant", "holders", "previous_holders", "version", "derived_from"] {
        assert!(map(key, Value::Null).is_ok(), "{key}");
    }
    // Two keys of one meaning, and keys beside a statement that is whole.
    let mut both = record.clone();
    (both["open_attr"], both["openness"]) = (json!("无条件开放"), json!("有条件开放"));
    assert_eq!(registration(both, &References::default()).unwrap_err().code, "OPENNESS_UNCLEAR");
    let beside = json!({ "dossier": {}, "kind": "DATA_ASSET", "title_zh": "样例" });
    assert_eq!(statement(beside).unwrap_err().code, "BESIDE_DOSSIER");
    assert!(statement(json!({ "dossier": {}, "kind": "DATA_ASSET" })).is_ok());
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
    assert_eq!(mapped.content()["dossier"]["holders"], json!(["ORG-EXCH", "ORG-REG"]));
    assert_eq!(mapped.named("applicant"), record["applicant"].as_str());
    record["previous_holders"] = json!(["ORG-FIN"]);
    assert_eq!(map(&record).unwrap_err().code, "HOLDERS_UNCLEAR");
    record["version"] = json!(2);
    let told = map(&record).unwrap().told();
    assert!(told.left_out.contains(&"holders [\"ORG-EXCH\",\"ORG-REG\"]".to_owned()));
    assert!(told.supplied.iter().any(|name| name.starts_with("holders ")), "{told:?}");
    // A change is of those who hold it now, whoever held it first.
    let changed = statement(record.clone()).unwrap();
    assert_eq!(changed.content()["holders"], json!(["ORG-EXCH", "ORG-REG"]));
    // Whether a record is a sample its id says, and nothing that merely begins like one.
    for (id, is_sample) in [("S-REG-01", true), ("S-REG-1", false), ("S-2026-7", false), ("2026-7", false)] {
        record["reg_id"] = json!(id);
        assert_eq!(map(&record).unwrap().is_sample, is_sample, "{id}");
    }
}

/// What a command makes of a record: what is signed, and what is told.
type Made = Outcome<(Value, Told)>;

/// A command, as far as it makes a record into what is signed.
type Run = fn(Value) -> Made;

fn made(mapped: Outcome<Mapped>) -> Made {
    mapped.map(|mapped| (mapped.content().clone(), mapped.told()))
}

/// Every command that signs what a record of a registration states.
fn commands() -> [(&'static str, Run); 2] {
    [
        ("submit", |record| made(registration(record, &References::default()))),
        ("supplement, change", |record| made(statement(record))),
    ]
}

/// Whether a key is told, alone or with what it states.
fn is_told(told: &Told, key: &str) -> bool {
    told.left_out.iter().any(|name| name == key || name.strip_prefix(key).is_some_and(|rest| rest.starts_with(' ')))
}

/// A key whose absence changes nothing that is signed, is not refused and not told, was passed over.
fn is_accounted_for(record: &Value, key: &str, run: Run) -> bool {
    let mut without = record.clone();
    without.as_object_mut().unwrap().remove(key);
    match (run(record.clone()), run(without)) {
        (Err(_), _) | (Ok(_), Err(_)) => true,
        (Ok((with, told)), Ok((without, _))) => with != without || is_told(&told, key),
    }
}

#[test]
fn every_key_of_every_sample_is_signed_refused_or_told() {
    let mut seen = std::collections::BTreeSet::new();
    for sample in samples("registrations") {
        for id in [sample["reg_id"].clone(), json!("2026-7")] {
            let mut record = sample.clone();
            record["reg_id"] = id.clone();
            for (name, run) in commands() {
                for key in record.as_object().unwrap().keys().filter(|key| !record[key.as_str()].is_null()) {
                    assert!(is_accounted_for(&record, key, run), "{name} {id}: {key}");
                    seen.insert(key.clone());
                }
            }
        }
    }
    assert!(seen.len() > 40, "{seen:?}");
    for record in samples("organizations") {
        for key in record.as_object().unwrap().keys() {
            let mut without = record.clone();
            without.as_object_mut().unwrap().remove(key);
            let ((with, told), (without, _)) = (organization(record.clone()).unwrap(), organization(without).unwrap());
            assert!(with != without || told.contains(key), "{key}");
        }
    }
}

/// Each key of the tables, with values of every form, beside a record that is right without it.
#[test]
fn every_key_of_the_tables_is_signed_refused_or_told() {
    let mut record = samples("registrations").into_iter().find(|record| record["reg_id"] == "S-REG-08").unwrap();
    record["reg_id"] = json!("2026-7");
    let values =
        [json!("x"), json!(5), json!(true), json!(["x"]), json!({ "x": 1 }), json!("QC-370200-DP-2026-00001008-X")];
    for key in super::registration::KEYS {
        for value in &values {
            for (name, run) in commands() {
                let mut record = record.clone();
                record[key.name] = value.clone();
                assert!(is_accounted_for(&record, key.name, run), "{name}: {} {value}", key.name);
            }
        }
    }
    for (name, run) in commands() {
        for key in ["seed_domain", "seed_x"] {
            let mut record = record.clone();
            record[key] = json!("交通运输");
            let (content, told) = run(record).unwrap();
            assert!(is_told(&told, key) && !content.to_string().contains("交通运输"), "{name} {key}: {told:?}");
        }
        let mut record = record.clone();
        record["statee"] = json!("ACTIVE");
        assert_eq!(run(record).unwrap_err().code, "UNKNOWN_KEY", "{name}");
    }
    assert!(super::registration::KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert!(super::organization::KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
}

/// A record of one's own of the first sample, changed.
fn own(change: impl FnOnce(&mut Value)) -> Value {
    let mut record = samples("registrations").into_iter().find(|record| record["reg_id"] == "S-REG-08").unwrap();
    record["reg_id"] = json!("2026-7");
    change(&mut record);
    record
}

#[test]
fn a_supplement_or_a_change_says_whose_record_it_is() {
    // Another client's record: all that it says of itself is told as long as nobody compared it.
    let other = own(|record| {
        record["applicant"] = json!("ORG-GOV-FIN");
        record["registrar"] = json!("ORG-NONE");
        record["ledger_no"] = Value::Null;
    });
    let mapped = statement(other.clone()).unwrap();
    let told = mapped.told();
    assert!(!mapped.is_sample && mapped.check_number("1").is_ok());
    for key in ["applicant", "kind", "registrar", "rule_set"] {
        assert!(told.uncompared.iter().any(|name| name.starts_with(key)) && is_told(&told, key), "{key}: {told:?}");
    }
    assert!(told.left_out.contains(&"applicant ORG-GOV-FIN".to_owned()));
    let unknown = own(|record| record["kind"] = json!("PERSONAL"));
    assert_eq!(statement(unknown.clone()).unwrap_err().code, "BAD_KIND");
    assert_eq!(registration(unknown, &References::default()).unwrap_err().code, "BAD_KIND");
    // With a dossier nothing else of it is passed over either.
    let whole = json!({
        "dossier": mapped.content(), "applicant": "ORG-GOV-FIN", "kind": "DATA_PRODUCT", "valid_from": "2026-01-01",
        "state": "ACTIVE", "events": [],
    });
    let told = statement(whole).unwrap().told();
    for key in ["applicant", "kind", "valid_from", "state", "events"] {
        assert!(is_told(&told, key), "{key}: {told:?}");
    }
    // Its own number says of which registration it is.
    let numbered = own(|record| {
        record["kind"] = json!("PUBLIC_RESOURCE");
        record["ledger_no"] = json!("QC-370100-PR-2026-00001001-P");
    });
    let check = |no: &str| statement(numbered.clone()).unwrap().check_number(no).map_err(|fault| fault.code);
    assert_eq!((check("1001"), check("QC-370100-PR-2026-00001001-P")), (Ok(()), Ok(())));
    assert_eq!(check("1"), Err("RECORD_DIFFERS".to_owned()));
    let of_kind = statement(own(|record| {
        record["kind"] = json!("DATA_ASSET");
        record["ledger_no"] = Value::Null;
    }));
    assert_eq!(of_kind.unwrap().check_number("QC-370100-PR-2026-00001001-P").unwrap_err().code, "RECORD_DIFFERS");
}

#[test]
fn an_option_never_changes_what_a_record_states() {
    let root = |digit: &str| digit.repeat(64);
    let given = References {
        prior_evidence: Some(root("b")),
        derived_from: vec!["1002".to_owned()],
        licence: Some(("L-9".to_owned(), "2028-02-02".to_owned())),
        rule_set: Some("RS-DEMO".to_owned()),
        ..References::default()
    };
    let licence = json!({ "reference": "L-9", "valid_to": "2028-02-02" });
    let same = [
        ("prior_evidence", json!(root("b")), json!(root("a"))),
        ("derived_from", json!([1002]), json!([1003])),
        ("licence", licence.clone(), json!({ "reference": "L-1", "valid_to": "2027-01-01" })),
        ("licence", json!("L-9"), json!("L-1")),
        ("rule_set", json!("RS-DEMO"), json!("RS-OTHER")),
    ];
    let empty = own(|record| {
        for (key, ..) in &same {
            record.as_object_mut().unwrap().remove(*key);
        }
    });
    let completed = registration(empty.clone(), &given).unwrap();
    assert_eq!(completed.content()["rule_set"], json!("RS-DEMO"));
    assert_eq!(completed.content()["dossier"]["licence"], licence);
    assert_eq!(registration(empty.clone(), &References::default()).unwrap_err().code, "MISSING_KEY");
    let whole = |statement: &dyn Fn(&mut Value)| {
        let mut record = registration(empty.clone(), &given).unwrap().content().clone();
        statement(&mut record);
        record
    };
    for (key, stated, other) in same {
        let with = |value: &Value| {
            let mut record = empty.clone();
            record[key] = value.clone();
            record
        };
        assert_eq!(registration(with(&stated), &given).unwrap().content(), completed.content(), "{key}");
        let fault = registration(with(&other), &given).unwrap_err();
        assert_eq!(fault.code, "OPTION_DIFFERS", "{key}");
        assert!([Lang::Zh, Lang::En].iter().all(|lang| fault.message.words(*lang).contains(key)), "{fault:?}");
        // The same beside a whole statement, and where that states nothing.
        let place = |record: &mut Value, value: Value| {
            let place = if key == "rule_set" { &mut record[key] } else { &mut record["dossier"][key] };
            *place = value;
        };
        let differs = registration(whole(&|record| place(record, other.clone())), &given).unwrap_err();
        assert_eq!(differs.code, "OPTION_DIFFERS", "{key}");
        let absent = registration(whole(&|record| place(record, Value::Null)), &given).unwrap();
        assert_eq!(absent.content(), completed.content(), "{key}");
    }
}

#[test]
fn what_contradicts_itself_or_cannot_be_read_is_refused_by_name() {
    let cases: [(&str, Value, &str); 7] = [
        ("schema_sha256", json!("ab".repeat(32)), "DIGEST_UNCLEAR"),
        ("schema", json!({ "algorithm": "SM3", "digest": "ab".repeat(32) }), "DIGEST_UNCLEAR"),
        ("schema", json!("x"), "BAD_DIGEST"),
        ("manifest_root", json!({ "algorithm": "SM3", "digest": "ab".repeat(32) }), "DIGEST_UNCLEAR"),
        ("ledger_no", json!("QC-110100-DP-2026-00001008"), "BAD_NUMBER"),
        ("ledger_no", json!("QC-370100-PR-2026-00001001-P"), "KIND_UNCLEAR"),
        ("derived_from", json!(["S-REG-01"]), "BAD_NUMBER"),
    ];
    for (key, value, code) in cases {
        let record = own(|record| record[key] = value.clone());
        for (name, run) in commands() {
            let fault = run(record.clone()).unwrap_err();
            assert_eq!(fault.code, code, "{name} {key} {value}");
            assert!(fault.hint.is_some(), "{fault:?}");
        }
    }
    // Said twice, it is the same; and a region that nobody stated is told.
    let digest = own(|_| {})["schema_sm3"].clone();
    let twice = own(|record| record["schema"] = json!({ "algorithm": "SM3", "digest": digest }));
    let mapped = registration(twice, &References::default()).unwrap();
    assert_eq!(mapped.content()["dossier"]["schema"]["digest"], digest);
    assert_eq!(mapped.told().supplied, ["region 370100"]);
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
    assert_eq!(mapped.content()["dossier"]["derived_from"], json!([1001]));
    assert!(mapped.told().supplied.contains(&format!("derived_from {id} = 1001")));
    // A number keeps its meaning, whatever a line is called.
    let mut numbered = derived[0].clone();
    numbered["derived_from"] = json!(["7", "QC-370100-PR-2026-00001002-N"]);
    for no in ["7", "QC-370100-PR-2026-00001002-N"] {
        references.serials.insert(no.to_owned(), 1001);
    }
    let mapped = registration(numbered, &references).unwrap();
    assert_eq!(mapped.content()["dossier"]["derived_from"], json!([7, 1002]));
    references.derived_from = vec!["QC-370100-PR-2026-00001002-N".to_owned()];
    let mapped = registration(derived[0].clone(), &references).unwrap();
    assert_eq!(mapped.content()["dossier"]["derived_from"], json!([1002]));

    let mut record = find("S-REG-01");
    record["licence"] = json!("2026-7");
    assert_eq!(registration(record.clone(), &References::default()).unwrap_err().code, "LICENCE_DAY");
    let references =
        References { licence: Some(("2026-7".to_owned(), "2027-12-31".to_owned())), ..References::default() };
    let mapped = registration(record, &references).unwrap();
    assert_eq!(mapped.content()["dossier"]["licence"], json!({ "reference": "2026-7", "valid_to": "2027-12-31" }));
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
    let again = registration(mapped.content().clone(), &References::default()).unwrap();
    assert_eq!(again.content(), mapped.content());
    assert_eq!(*statement(mapped.content().clone()).unwrap().content(), mapped.content()["dossier"]);
}
