//! What an answer has to have to be one. Anything answers with some JSON: a proxy, another program, an empty page.

use quancheng_types::Digest;
use serde_json::Value;

use super::{Answer, Client, JSON, Request};
use crate::fault::Outcome;

/// What is asked for, and so what has to be in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A record, or what a module answers, as of a height.
    Record,
    /// A page of a list, as of a height.
    Page,
    /// The parameters in force.
    Parameters,
    /// The validators as of a height.
    Validators,
    /// The modules that a node knows.
    Modules,
    /// A block.
    Block,
    /// What the chain starts from.
    Genesis,
}

/// What a member has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A whole number, not below zero.
    Number,
    /// Text.
    Text,
    /// 32 bytes in hexadecimal digits.
    Digest,
    /// A list.
    List,
    /// An object.
    Object,
}

impl Kind {
    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::Number => value.is_u64(),
            Self::Text => value.is_string(),
            Self::Digest => value.as_str().is_some_and(|text| text.parse::<Digest>().is_ok()),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

impl Shape {
    /// The members that make it one: of the answer, or of each of its entries when it is a list.
    const fn members(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Record => &[("height", Kind::Number)],
            Self::Page => &[("height", Kind::Number), ("items", Kind::List)],
            Self::Parameters => &[("height", Kind::Number), ("parameters", Kind::Object)],
            Self::Validators => &[("height", Kind::Number), ("validators", Kind::List)],
            Self::Modules => &[("id", Kind::Number), ("name", Kind::Text)],
            Self::Block => &[("id", Kind::Digest), ("height", Kind::Number), ("header", Kind::Object)],
            Self::Genesis => &[
                ("chain_name", Kind::Text),
                ("time_ms", Kind::Number),
                ("parameters", Kind::Object),
                ("modules", Kind::List),
            ],
        }
    }

    fn is_of(self, answer: &Value) -> bool {
        let has_all = |value: &Value| {
            let mut members = self.members().iter();
            members.all(|(name, kind)| value.get(name).is_some_and(|member| kind.is_of(member)))
        };
        match self {
            Self::Modules => answer.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(has_all)),
            Self::Record | Self::Page | Self::Parameters | Self::Validators | Self::Block | Self::Genesis => {
                has_all(answer)
            }
        }
    }
}

impl Answer {
    /// The body as JSON of this shape.
    pub(crate) fn shaped(&self, shape: Shape) -> Outcome<Value> {
        let value = self.json()?;
        if shape.is_of(&value) { Ok(value) } else { Err(self.foreign()) }
    }
}

impl Client {
    /// The JSON under a path, of the first endpoint that gives it; anything but success, and anything of another shape, is a fault.
    pub(crate) fn get(&self, path: &str, shape: Shape) -> Outcome<Value> {
        let request = Request { path, body: None, accept: JSON, until: self.deadline(), held: None };
        self.in_turn(request, |answer| answer.shaped(shape))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_the_members_that_make_it_one() {
        let id = "ab".repeat(32);
        let whole = [
            (Shape::Record, json!({ "height": 7, "data": null })),
            (Shape::Page, json!({ "height": 7, "items": [] })),
            (Shape::Parameters, json!({ "height": 7, "parameters": {} })),
            (Shape::Validators, json!({ "height": 7, "validators": [] })),
            (Shape::Modules, json!([{ "id": 1, "name": "identity" }])),
            (Shape::Block, json!({ "id": id, "height": 7, "header": {} })),
            (Shape::Genesis, json!({ "chain_name": "x", "time_ms": 1, "parameters": {}, "modules": [] })),
        ];
        for (shape, answer) in whole {
            assert!(shape.is_of(&answer), "{shape:?} {answer}");
            for foreign in [json!({}), json!([]), json!(null), json!({ "status": "ok" }), json!([{}])] {
                assert!(!shape.is_of(&foreign), "{shape:?} {foreign}");
            }
            // Each of its members counts, and is what it should be.
            for (name, kind) in shape.members() {
                for junk in [json!(-1), json!(1e30), json!(null), json!(true)] {
                    let mut answer = answer.clone();
                    let of = if shape == Shape::Modules { &mut answer[0] } else { &mut answer };
                    of[name] = junk;
                    assert!(!shape.is_of(&answer), "{shape:?} {kind:?} {answer}");
                }
            }
        }
    }
}
