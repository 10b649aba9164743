//! Transactions, receipts and events as clients see them.

use quancheng_contracts::{modules, refusal_text};
use quancheng_types::{Event, Height, ModuleId, Outcome, Receipt, TransactionId};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::backend::{Stage, TransactionState};
use super::time::rfc3339;

/// A refusal with its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RefusalView {
    /// Module that refused; 0 is the executor.
    #[schema(value_type = u16)]
    pub(crate) module: ModuleId,
    /// Its number for the reason.
    pub(crate) code: u16,
    /// Which call, from 0.
    pub(crate) call: u8,
    /// Stable name of the reason; `UNKNOWN` when this version does not know it.
    pub(crate) name: &'static str,
    /// The reason in Chinese.
    pub(crate) text_zh: &'static str,
    /// The reason in English.
    pub(crate) text_en: &'static str,
}

impl RefusalView {
    /// Looks up the words.
    #[must_use]
    pub(crate) fn new(module: ModuleId, code: u16, call: u8) -> Self {
        match refusal_text(module, code) {
            Some(text) => Self { module, code, call, name: text.name, text_zh: text.zh, text_en: text.en },
            None => Self {
                module,
                code,
                call,
                name: "UNKNOWN",
                text_zh: "本节点版本不认识此拒绝代码，请升级节点后查询。",
                text_en: "This version of the node does not know the code. Ask a newer one.",
            },
        }
    }
}

/// Whether a transaction took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum OutcomeView {
    /// All calls took effect.
    Ok,
    /// Nothing took effect.
    Refused(RefusalView),
}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok => Self::Ok,
            Outcome::Refused { module, code, call } => Self::Refused(RefusalView::new(module, code, call)),
        }
    }
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// Module that reports.
    #[schema(value_type = u16)]
    pub(crate) module: ModuleId,
    /// Its name; empty when this version does not know the module.
    pub(crate) module_name: &'static str,
    /// Name of the event.
    pub(crate) name: String,
    /// Its fields.
    #[schema(value_type = Object)]
    pub(crate) data: Value,
}

impl EventView {
    /// Decodes an event. One that this version cannot decode is given as hex under the name `undecoded`.
    #[must_use]
    pub(crate) fn new(event: &Event) -> Self {
        let module_name = modules::by_id(event.module).map_or("", |module| module.name());
        let (name, data) = match quancheng_contracts::decode_event(event) {
            Ok(Value::Object(object)) if object.len() == 1 => {
                object.into_iter().next().unwrap_or_else(|| (String::new(), Value::Null))
            }
            Ok(Value::String(name)) => (name, json!({})),
            Ok(other) => (String::new(), other),
            Err(error) => (
                "undecoded".to_owned(),
                json!({ "payload": hex::encode(&*event.payload), "reason": error.to_string() }),
            ),
        };
        Self { module: event.module, module_name, name, data }
    }

    /// All events of a receipt.
    #[must_use]
    pub(crate) fn all(receipt: &Receipt) -> Vec<Self> {
        receipt.events.iter().map(Self::new).collect()
    }
}

/// How far a transaction has come, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StageView {
    /// This node holds it durably.
    Admitted,
    /// It is in a final block.
    Ordered,
    /// It has a receipt.
    Executed,
    /// A final header certifies the receipt.
    Certified,
    /// Its time passed before it was ordered; it will never execute.
    Expired,
}

impl From<Stage> for StageView {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Admitted => Self::Admitted,
            Stage::Ordered => Self::Ordered,
            Stage::Executed => Self::Executed,
            Stage::Certified => Self::Certified,
        }
    }
}

/// Where to read more: `self` and `bundle`, paths on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    id: TransactionId,
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut links = serializer.serialize_struct("Links", 2)?;
        links.serialize_field("self", &format_args!("/v1/transactions/{}", self.id))?;
        links.serialize_field("bundle", &format_args!("/v1/bundles/transactions/{}", self.id))?;
        links.end()
    }
}

/// What is known of a transaction.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct TransactionStatus {
    /// Its id.
    #[schema(value_type = String)]
    pub(crate) id: TransactionId,
    /// Stage reached.
    pub(crate) stage: StageView,
    /// Height of its block, once ordered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub(crate) height: Option<Height>,
    /// Place of its receipt in the block, once executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<u32>,
    /// Time of the block, ms since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_ms: Option<u64>,
    /// The same in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<String>,
    /// Whether it took effect, once executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<OutcomeView>,
    /// What modules report; absent in answers to bulk submissions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<EventView>>,
    /// Height of a final header that certifies the receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub(crate) certified_by: Option<Height>,
    /// Where to read more: `self` and `bundle`, paths on this node.
    #[schema(value_type = Object)]
    pub(crate) links: Links,
}

/// How much of a receipt an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Everything.
    Full,
    /// No events: for bulk answers.
    Brief,
}

impl TransactionStatus {
    /// A transaction of which nothing but its admission is known.
    #[must_use]
    pub(crate) fn admitted(id: TransactionId) -> Self {
        Self {
            id,
            stage: StageView::Admitted,
            height: None,
            position: None,
            time_ms: None,
            time: None,
            outcome: None,
            events: None,
            certified_by: None,
            links: Links { id },
        }
    }

    /// In words; `None` when nothing is known, or no longer kept. `certified_by` is left open.
    #[must_use]
    pub(crate) fn new(id: TransactionId, state: TransactionState, detail: Detail) -> Option<Self> {
        let base = Self::admitted(id);
        match state {
            TransactionState::Unknown | TransactionState::Pruned { .. } => None,
            TransactionState::Expired => Some(Self { stage: StageView::Expired, ..base }),
            TransactionState::Known { stage, height, time_ms, receipt } => Some(Self {
                stage: stage.into(),
                height,
                time_ms,
                time: time_ms.map(rfc3339),
                position: receipt.as_ref().map(|receipt| receipt.position),
                outcome: receipt.as_ref().map(|receipt| receipt.outcome.into()),
                events: match (detail, &receipt) {
                    (Detail::Full, Some(receipt)) => Some(EventView::all(receipt)),
                    (Detail::Full, None) | (Detail::Brief, _) => None,
                },
                ..base
            }),
        }
    }
}
