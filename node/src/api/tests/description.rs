//! The description of the API is checked in, served, and complete.

use std::path::Path;

use serde_json::Value;

use super::support::served;
use crate::api::openapi_json;

/// Set it to write `node/openapi.json` anew after a change of the API.
const UPDATE: &str = "QUANCHENG_UPDATE_OPENAPI";

#[test]
fn the_checked_in_description_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, openapi_json()).expect("written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("node/openapi.json");
    assert!(
        checked_in == openapi_json(),
        "node/openapi.json is out of date: run the tests of quancheng-node with {UPDATE}=1"
    );
}

#[test]
fn the_served_description_names_every_route() {
    let served = served();
    let document = served.get("/v1/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 33);
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("methods") {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(operation["responses"]["200"].is_object(), "{method} {path}");
        }
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("inside the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (true, Some(text)) = (name == "$ref", field.as_str()) {
                    references.push(text.to_owned());
                } else {
                    collect(field, references);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
