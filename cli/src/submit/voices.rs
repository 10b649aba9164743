//! Who says what of a transaction: the one table from which every sentence and every member about that is made.
//!
//! What an endpoint has said stands until it says something else: neither its silence nor the end of the time takes it back.

use std::collections::BTreeSet;

use quancheng_types::{TransactionId, problem as codes};
use serde_json::{Value, json};

use super::{insert, stage_name};
use crate::args::common::Stage;
use crate::client::{Client, is_silence, is_unasked, together};
use crate::fault::{Exit, Fault};
use crate::text::{Text, say};

/// Member with what each endpoint says.
const VOICES: &str = "voices";

/// What an endpoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// There was no time to ask it.
    Unasked,
    /// It gave no answer.
    Silent,
    /// It is of another chain.
    OtherChain,
    /// It does not know the transaction, from which nothing follows.
    Unknown,
    /// What it answers is no word about the transaction, or cannot be so.
    Unfounded,
    /// How far the transaction has come.
    Says(Stage),
    /// That its time is over without a block.
    Gone,
}

impl Voice {
    const OTHERS: [Self; 6] =
        [Self::Unasked, Self::Silent, Self::OtherChain, Self::Unknown, Self::Unfounded, Self::Gone];

    /// Of an endpoint that gave no status.
    fn of(fault: &Fault) -> Self {
        match fault.code.as_str() {
            _ if is_unasked(fault) => Self::Unasked,
            _ if is_silence(fault) => Self::Silent,
            codes::WRONG_CHAIN => Self::OtherChain,
            codes::TRANSACTION_UNKNOWN => Self::Unknown,
            _ => Self::Unfounded,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Unasked => "not_asked",
            Self::Silent => "no_answer",
            Self::OtherChain => "other_chain",
            Self::Unknown => "unknown",
            Self::Unfounded => "unfounded",
            Self::Says(stage) => stage.name(),
            Self::Gone => "expired",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let stage = Stage::of_name(name).map(Self::Says);
        stage.or_else(|| Self::OTHERS.into_iter().find(|voice| voice.name() == name))
    }

    /// In words.
    fn told(self, url: &str) -> Text {
        match self {
            Self::Unasked => say!("{url} 未及询问", "there was no time to ask {url}"),
            Self::Silent => say!("{url} 没有答复", "{url} did not answer"),
            Self::OtherChain => say!("{url} 属于另一条链", "{url} is of another chain"),
            Self::Unknown => say!("{url} 称不知道该交易", "{url} says that it does not know the transaction"),
            Self::Unfounded => say!("{url} 的答复不成立", "what {url} answers says nothing of the transaction"),
            Self::Says(Stage::Admitted) => say!("{url} 称已接收", "{url} says that it is admitted"),
            Self::Says(Stage::Ordered) => say!("{url} 称已排序", "{url} says that it is ordered"),
            Self::Says(Stage::Executed) => say!("{url} 称已执行", "{url} says that it is executed"),
            Self::Says(Stage::Certified) => {
                say!(
                    "{url} 称已获法定多数签署，未予证明",
                    "{url} says that a quorum has signed for it, and does not prove it"
                )
            }
            Self::Gone => say!("{url} 称其有效期已过而未被排序", "{url} says that its time is over without a block"),
        }
    }
}

/// An endpoint with what it says.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    url: String,
    voice: Voice,
    /// Why that does not hold, where it was looked at.
    doubt: Option<Fault>,
}

/// All endpoints, in the order in which they are named.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Voices(Vec<Row>);

impl Voices {
    /// Of endpoints of which none was asked.
    pub(super) fn of(urls: &[String]) -> Self {
        // One that is named twice has one voice.
        let named = |place: usize, url: &String| !urls.iter().take(place).any(|before| before == url);
        let each = urls.iter().enumerate().filter(|(place, url)| named(*place, url));
        Self(each.map(|(_, url)| Row { url: url.clone(), voice: Voice::Unasked, doubt: None }).collect())
    }

    /// Takes note of what one says.
    pub(super) fn note(&mut self, url: &str, voice: Voice, doubt: Option<Fault>) {
        let Some(row) = self.0.iter_mut().find(|row| row.url == url) else { return };
        let is_kept = match voice {
            Voice::Unasked => true,
            Voice::Silent => !matches!(row.voice, Voice::Unasked | Voice::Silent),
            Voice::OtherChain | Voice::Unknown | Voice::Unfounded | Voice::Says(_) | Voice::Gone => false,
        };
        if !is_kept {
            (row.voice, row.doubt) = (voice, doubt);
        }
    }

    /// Takes note of one that gave no status.
    pub(super) fn failed(&mut self, url: &str, fault: &Fault) {
        let voice = Voice::of(fault);
        // Silence is no answer that could be doubted.
        let doubt = (!is_silence(fault)).then(|| fault.clone());
        self.note(url, voice, doubt);
    }

    /// Takes note of those that gave no answer when they were asked last.
    pub(super) fn hear_silence(&mut self, client: &Client) {
        client.silent().iter().for_each(|url| self.note(url, Voice::Silent, None));
    }

    /// Whether one says so.
    fn has(&self, is_wanted: impl Fn(Voice) -> bool) -> bool {
        self.0.iter().any(|row| is_wanted(row.voice))
    }

    /// Whether anybody says that its time is over without a block.
    pub(super) fn is_called_gone(&self) -> bool {
        self.has(|voice| voice == Voice::Gone)
    }

    /// Whether it is gone by the word of all that answer: one that was not asked may say otherwise.
    pub(super) fn is_gone(&self) -> bool {
        let is_no_word = |voice| matches!(voice, Voice::Gone | Voice::Silent | Voice::OtherChain);
        self.is_called_gone() && self.0.iter().all(|row| is_no_word(row.voice))
    }

    /// Whether their word ends a transaction. That of one alone ends none: it may lie, and what is signed in the place of a transaction that
    /// is on the chain is there twice.
    pub(crate) fn are_enough(&self) -> bool {
        self.owners(|voice| voice == Voice::Gone).into_iter().collect::<BTreeSet<_>>().len() > 1
    }

    /// Whether anybody leaves it open what becomes of it.
    pub(super) fn is_open(&self) -> bool {
        self.has(|voice| matches!(voice, Voice::Says(_) | Voice::Unknown))
    }

    /// The fault when no endpoint says anything that holds.
    pub(super) fn all_doubtful(&self) -> Option<Fault> {
        let doubts = self.0.iter().map(|row| row.doubt.clone()).collect::<Option<Vec<_>>>();
        doubts.filter(|doubts| !doubts.is_empty()).map(together)
    }

    fn owners(&self, is_wanted: impl Fn(Voice) -> bool) -> Vec<&str> {
        self.0.iter().filter(|row| is_wanted(row.voice)).map(|row| row.url.as_str()).collect()
    }

    fn unheard(&self) -> Vec<&str> {
        self.owners(|voice| matches!(voice, Voice::Silent | Voice::OtherChain))
    }

    /// A status with whose word it is, who was not heard, and what each says.
    pub(crate) fn beside(&self, mut status: Value) -> Value {
        if let Some(said) = stage_name(&status).and_then(Voice::of_name) {
            insert(&mut status, "said_by", json!(self.owners(|voice| voice == said)));
        }
        insert(&mut status, "unheard", json!(self.unheard()));
        let listed = self.0.iter().map(|row| json!({ "api": row.url, "says": row.voice.name() }));
        insert(&mut status, VOICES, listed.collect());
        status
    }

    /// Those beside a status.
    pub(super) fn read(status: &Value) -> Self {
        let list = status.get(VOICES).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let row = |row: &Value| {
            let voice = Voice::of_name(row.get("says")?.as_str()?)?;
            Some(Row { url: row.get("api")?.as_str()?.to_owned(), voice, doubt: None })
        };
        Self(list.iter().filter_map(row).collect())
    }

    /// A line about a status for people: whose word it is, and what others say.
    pub(super) fn headlines(&self, status: &Value) -> Vec<Text> {
        let said = stage_name(status).and_then(Voice::of_name);
        let others = self.0.iter().filter(|row| Some(row.voice) != said);
        others.map(|row| row.voice.told(&row.url)).collect()
    }

    /// By whose word a status is what it is; nobody's where that is not known.
    pub(super) fn owner(&self, status: &Value) -> Option<String> {
        let said = stage_name(status).and_then(Voice::of_name)?;
        let owners = self.owners(|voice| voice == said);
        (!owners.is_empty()).then(|| owners.join(", "))
    }

    /// A fault with what each endpoint says among its causes.
    pub(super) fn among_causes(&self, fault: Fault) -> Fault {
        self.0.iter().fold(fault, |fault, row| {
            let fault = fault.cause_in(row.voice.told(&row.url));
            row.doubt.iter().cloned().fold(fault, Fault::also)
        })
    }

    /// The fault of a transaction of which endpoints say what cannot be so together, and nobody proves his word: it ends nothing.
    pub(super) fn contradiction(&self, id: TransactionId) -> Fault {
        let message = say!(
            "各接口对交易 {id} 的说法相互矛盾，且均未证明；由此得不出任何结论。",
            "What the endpoints say of transaction {id} is contrary, and none proves it; nothing follows from it."
        );
        self.among_causes(Fault::new(Exit::Network, "CONTRARY_ANSWERS", message)).hint(say!(
            "请用 --api 改问其他节点；在此之前请勿另行签署同一内容。",
            "Ask other nodes with --api; do not sign the same anew before that."
        ))
    }

    /// The fault of a transaction that is gone by their word. One of them alone may lie, and it may be on the chain: nobody is told to sign
    /// the same anew before others were asked.
    pub(super) fn fault(&self, id: TransactionId) -> Fault {
        let said_by = self.owners(|voice| voice == Voice::Gone).join(", ");
        let message = say!(
            "据 {said_by} 所称，交易 {id} 在有效期内未被排序，不会再生效；此说未经证明。",
            "By the word of {said_by}, transaction {id} was not ordered in its time and can no longer take effect; nobody proves that."
        );
        let others = self.0.iter().filter(|row| row.voice != Voice::Gone).map(|row| row.voice.told(&row.url));
        others.fold(Fault::new(Exit::Refused, "EXPIRED", message), Fault::cause_in).hint(say!(
            "另行签署同一内容之前，请先向其他节点核实：`quancheng tx show {id} --api 地址`。",
            "Before the same is signed anew, ask other nodes: `quancheng tx show {id} --api URL`."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: &str) -> Fault {
        Fault::new(Exit::Network, code, say!("无。", "None."))
    }

    fn of(voices: &[(&str, Voice)]) -> Voices {
        let urls: Vec<String> = voices.iter().map(|(url, _)| (*url).to_owned()).collect();
        let mut table = Voices::of(&urls);
        voices.iter().for_each(|(url, voice)| table.note(url, *voice, None));
        table
    }

    /// What was said stands until something else is said; silence, and that there is no time, take nothing back.
    #[test]
    fn what_an_endpoint_said_is_not_forgotten() {
        let mut voices = of(&[("a", Voice::Says(Stage::Certified)), ("b", Voice::Gone)]);
        voices.failed("a", &fault(crate::client::NO_ANSWER));
        voices.note("a", Voice::Unasked, None);
        assert_eq!(voices.0[0].voice, Voice::Says(Stage::Certified));
        voices.failed("a", &fault("BAD_ANSWER"));
        assert_eq!(voices.0[0].voice, Voice::Unfounded);
        voices.note("a", Voice::Gone, None);
        assert!(voices.is_gone() && voices.all_doubtful().is_none());
    }

    /// All that answer have to say that it is gone, whoever stands first; one that was never asked may say otherwise.
    #[test]
    fn the_order_of_endpoints_changes_nothing() {
        let stages = [Stage::Admitted, Stage::Ordered, Stage::Executed, Stage::Certified].map(Voice::Says);
        for voice in Voice::OTHERS.into_iter().chain(stages) {
            let is_gone = matches!(voice, Voice::Gone | Voice::Silent | Voice::OtherChain);
            for voices in [of(&[("a", Voice::Gone), ("b", voice)]), of(&[("b", voice), ("a", Voice::Gone)])] {
                assert_eq!(voices.is_gone(), is_gone, "{voice:?}");
                let status = voices.beside(json!({ "stage": "expired" }));
                assert_eq!(status["said_by"].as_array().unwrap().contains(&json!("b")), voice == Voice::Gone);
                assert_eq!(status["unheard"] == json!(["b"]), is_gone && voice != Voice::Gone, "{voice:?}");
                let read = Voices::read(&status);
                assert_eq!(read, voices, "each of them has a name of its own");
                let told = voices.among_causes(fault("X"));
                assert!(told.causes.contains(&voice.told("b")) && told.causes.contains(&Voice::Gone.told("a")));
            }
        }
        assert!(!of(&[("a", Voice::Silent), ("b", Voice::OtherChain)]).is_gone());
        let twice = of(&[("a", Voice::Gone), ("a", Voice::Gone)]);
        assert!(twice.is_gone() && !twice.are_enough() && of(&[("a", Voice::Gone), ("b", Voice::Gone)]).are_enough());
    }
}
