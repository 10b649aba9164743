//! Labels of fields in Chinese. In English a field is shown under its own name.

mod acts;
mod list;

use acts::ACTS;
use list::LABELS;

use crate::text::Lang;

/// The label of a field.
pub(crate) fn label(name: &str, lang: Lang) -> &str {
    match lang {
        Lang::En => name,
        Lang::Zh => known(name).unwrap_or(name),
    }
}

/// The label in Chinese of a field of a record, by what it stands in too: a field or a table. `None` when it has none.
pub(crate) fn label_within(outer: &str, name: &str) -> Option<&'static str> {
    known(&format!("{outer}.{name}")).or_else(|| known(name))
}

/// The label in Chinese of a field, a call or an event. No two have one name.
fn known(name: &str) -> Option<&'static str> {
    find(LABELS, name).or_else(|| find(ACTS, name))
}

/// A word of a list in ascending order.
pub(super) fn find(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.binary_search_by_key(&name, |(name, _)| name).ok().and_then(|place| list.get(place)).map(|(_, zh)| *zh)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// What is ours in the sources: names of fields that a command writes, `"name":` in JSON and the name that is inserted.
    fn written(text: &str, found: &mut BTreeSet<String>) {
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let mut note = |name: &str| found.extend(is_name(name).then(|| name.to_owned()));
        for (end, _) in text.match_indices("\":") {
            note(text[..end].rsplit('"').next().unwrap_or_default());
        }
        for part in text.split("insert(").skip(1) {
            let arguments = part.lines().next().unwrap_or_default();
            note(arguments.split(", \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default());
        }
    }

    fn sources(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "messages" {
                sources(&path, found);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                written(text.split("#[cfg(test)]").next().unwrap_or_default(), found);
            }
        }
    }

    fn properties(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::Object(named)) = members.get("properties") {
                    found.extend(named.keys().cloned());
                }
                members.values().for_each(|inner| properties(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| properties(inner, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Whoever adds a field to the result of a command, or to an answer of a node, adds its Chinese: any of them may be shown to people.
    #[test]
    fn every_field_of_a_result_and_of_an_answer_has_a_label() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = BTreeSet::new();
        sources(&home.join("src"), &mut found);
        assert!(found.len() > 100 && found.contains("trust_path") && found.contains("bundle_bytes"), "{found:?}");
        let described = fs::read_to_string(home.join("../node/openapi.json")).unwrap();
        properties(&serde_json::from_str(&described).unwrap(), &mut found);
        let missing: Vec<&String> = found.iter().filter(|name| known(name).is_none()).collect();
        assert!(missing.is_empty(), "{missing:#?}");
        // Names of algorithms and forms are names.
        let names = ["SHA-256", "SM3"];
        assert!(LABELS.iter().chain(ACTS).all(|(_, zh)| !zh.is_ascii() || names.contains(zh)));
    }

    #[test]
    fn labels_ascend_so_that_they_are_found() {
        for list in [LABELS, ACTS] {
            assert!(list.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        assert!(ACTS.iter().all(|(name, _)| find(LABELS, name).is_none()));
        assert_eq!(label("height", Lang::Zh), "高度");
        assert_eq!(label("height", Lang::En), "height");
        assert_eq!(label("of_a_later_version", Lang::Zh), "of_a_later_version");
    }
}
