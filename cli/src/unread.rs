//! Members of JSON that its reader passes over: what is signed is what was read, so what was not is refused, whichever command it came by.

use serde_json::Value;

/// Paths of the members of what was given that are not in what was made of it. A null states nothing.
pub(crate) fn members(given: &Value, taken: &Value) -> Vec<String> {
    let mut unread = Vec::new();
    walk("", given, taken, &mut unread);
    unread
}

fn walk(path: &str, given: &Value, taken: &Value, unread: &mut Vec<String>) {
    match (given, taken) {
        (Value::Object(given), Value::Object(taken)) => {
            for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match taken.get(name) {
                    Some(taken) => walk(&inner, value, taken, unread),
                    None => unread.push(inner),
                }
            }
        }
        (Value::Array(given), Value::Array(taken)) => {
            for (index, (value, taken)) in given.iter().zip(taken).enumerate() {
                walk(&format!("{path}[{index}]"), value, taken, unread);
            }
            unread.extend((taken.len()..given.len()).map(|index| format!("{path}[{index}]")));
        }
        // Another form of the same value is its reader's to judge.
        (_, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_reader_passes_over_is_found_at_every_depth() {
        let given = json!({ "a": { "b": 1, "c": [{ "d": 1, "e": 2 }, 3] }, "f": null, "g": 4 });
        let taken = json!({ "a": { "b": "1", "c": [{ "d": 1, "more": 0 }] } });
        assert_eq!(members(&given, &taken), ["a.c[0].e", "a.c[1]", "g"]);
        assert!(members(&given, &given).is_empty());
    }
}
