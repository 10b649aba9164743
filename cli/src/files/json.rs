//! JSON as people write it: with a byte-order mark, but with every key once.
//!
//! Parsers keep the last of two equal keys in silence, so a record could be signed that nobody has read. Repetition is an error that
//! names the key and the place.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What editors on some systems write before UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The text behind a byte-order mark.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

/// Reads JSON; keys that repeat in an object are an error with line and column.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let bytes = without_mark(bytes);
    serde_json::from_slice::<Unrepeated>(bytes)?;
    serde_json::from_slice(bytes)
}

/// Any JSON in which no object has a key twice.
struct Unrepeated;

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Unrepeated;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_unit<E>(self) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unrepeated, A::Error> {
        while list.next_element::<Unrepeated>()?.is_some() {}
        Ok(Unrepeated)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unrepeated, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                // The rest is of no interest, and the place of the error is that of the key.
                let _: IgnoredAny = map.next_value()?;
                return Err(A::Error::custom(format_args!("the key \"{key}\" stands twice in one object")));
            }
            keys.insert(key);
            map.next_value::<Unrepeated>()?;
        }
        Ok(Unrepeated)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(parse::<Value>(b"\xEF\xBB\xBF{\"a\":1}").unwrap(), json!({ "a": 1 }));
        assert_eq!(without_mark(b"\xEF\xBBx"), b"\xEF\xBBx");
        assert!(parse::<Value>(b"\xEF\xBB\xBF\xEF\xBB\xBF{}").is_err(), "one mark is enough");
    }

    #[test]
    fn a_key_stands_once_in_an_object() {
        for (text, line) in [
            ("{\"a\":1,\"a\":1}", 1),
            ("{\"a\":1,\n\"\\u0061\":2}", 2),
            ("[{\"x\":{\"b\":[],\"c\":null,\n\n\"b\":1.5}}]", 3),
        ] {
            let error = parse::<Value>(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("stands twice"), "{error}");
            assert_eq!(error.line(), line, "{error}");
            assert!(error.column() > 0, "{error}");
        }
        let fine = "[{\"a\":1,\"b\":{\"a\":true}},{\"a\":-1,\"c\":\"a\"}]";
        assert_eq!(parse::<Value>(fine.as_bytes()).unwrap(), serde_json::from_str::<Value>(fine).unwrap());
    }
}
