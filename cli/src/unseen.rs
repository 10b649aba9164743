//! Where a call holds characters that no reader sees: a receipt has room for the number of a refusal, the person needs the place.

use quancheng_contracts::domain::unseen_in_lines;
use serde_json::Value;

use crate::text::{Text, printable, say};

/// One line for each text of the arguments with such a character, naming the first.
pub(crate) fn causes(arguments: &Value) -> Vec<Text> {
    let mut causes = Vec::new();
    walk("", arguments, &mut causes);
    causes
}

fn walk(path: &str, value: &Value, causes: &mut Vec<Text>) {
    let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| walk(&inner(name), value, causes)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{path}[{index}]"), item, causes);
            }
        }
        Value::String(text) => {
            if let Some(unseen) = unseen_in_lines(text) {
                let (path, code, place) = (printable(path, false), u32::from(unseen.character), unseen.place);
                causes.push(say!(
                    "{path} 的第 {place} 个字符 U+{code:04X} 看不见，请删去",
                    "{path}: character {place}, U+{code:04X}, is not seen; take it out"
                ));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::Lang;

    #[test]
    fn the_character_and_its_place_are_named() {
        let call = json!({ "register": { "name_zh": "甲\u{202e}乙", "roles": ["A", "B\u{200b}"], "note": "a\nb" } });
        let told: Vec<String> = causes(&call).iter().map(|text| text.words(Lang::En).to_owned()).collect();
        assert_eq!(
            told,
            [
                "register.name_zh: character 2, U+202E, is not seen; take it out",
                "register.roles[1]: character 2, U+200B, is not seen; take it out"
            ]
        );
        assert_eq!(causes(&call)[0].words(Lang::Zh), "register.name_zh 的第 2 个字符 U+202E 看不见，请删去");
    }
}
