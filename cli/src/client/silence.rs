//! Why endpoints gave no answer. One that nobody listens behind, one that is slow and one that was never asked are three things, and each
//! has another remedy.

use std::io::ErrorKind;

use crate::fault::{Exit, Fault};
use crate::messages::system;
use crate::text::{Lang, Text, say};

/// Code of the fault when no endpoint can be reached.
pub(crate) const UNREACHABLE: &str = "UNREACHABLE";
/// Code of the fault when endpoints that can be reached do not answer in time.
pub(crate) const NO_ANSWER: &str = "NO_ANSWER";
/// Code of the fault when what comes is cut off, or no HTTP.
const BROKEN_OFF: &str = "BROKEN_OFF";
/// Code of the fault of an endpoint that there was no time to ask.
const NOT_ASKED: &str = "NOT_ASKED";

/// Ends of a connection that was there.
const BROKEN_KINDS: [ErrorKind; 4] =
    [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::BrokenPipe, ErrorKind::UnexpectedEof];
/// Steps before there is a connection: who is too slow for them is not reached.
const BEFORE_A_QUESTION: [ureq::Timeout; 2] = [ureq::Timeout::Connect, ureq::Timeout::Resolve];

/// Whether a fault says that there is no answer. The question may have come through all the same, unless nobody was asked.
pub(crate) fn is_silence(fault: &Fault) -> bool {
    [UNREACHABLE, NO_ANSWER, BROKEN_OFF, NOT_ASKED].contains(&fault.code.as_str())
}

/// Whether a fault says that nobody was asked.
pub(crate) fn is_unasked(fault: &Fault) -> bool {
    fault.code == NOT_ASKED
}

/// The endpoints that gave no answer.
#[derive(Debug, Default)]
pub(super) struct Silence {
    closed: usize,
    late: usize,
    broken: usize,
    causes: Vec<Text>,
}

impl Silence {
    /// One that was asked.
    pub(super) fn met(&mut self, url: &str, error: &ureq::Error) {
        let is_cut = matches!(error, ureq::Error::Io(error) if BROKEN_KINDS.contains(&error.kind()));
        let is_broken = is_cut
            || matches!(error, ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::LargeResponseHeader(..));
        let is_slow = matches!(error, ureq::Error::Timeout(step) if !BEFORE_A_QUESTION.contains(step));
        let count = match (is_slow, is_broken) {
            (true, _) => &mut self.late,
            (false, true) => &mut self.broken,
            (false, false) => &mut self.closed,
        };
        *count += 1;
        let cause = system::network(error);
        let (zh, en) = (cause.words(Lang::Zh), cause.words(Lang::En));
        self.causes.push(say!("{url}：{zh}", "{url}: {en}"));
    }

    /// One that there was no time to ask.
    pub(super) fn not_asked(&mut self, url: &str) {
        self.causes.push(say!("{url}：时间已到，未询问", "{url}: not asked, the time is over"));
    }

    /// The fault of one that there was no time to ask.
    pub(super) fn of_unasked(url: &str) -> Fault {
        let mut silence = Self::default();
        silence.not_asked(url);
        silence.fault(Vec::new())
    }

    /// The faults of single endpoints as one.
    pub(super) fn together(faults: Vec<Fault>) -> Fault {
        let count = |code: &str| faults.iter().filter(|fault| fault.code == code).count();
        let (closed, late, broken) = (count(UNREACHABLE), count(NO_ANSWER), count(BROKEN_OFF));
        let causes = faults.into_iter().flat_map(|fault| fault.causes).collect();
        Self { closed, late, broken, causes }.fault(Vec::new())
    }

    /// Whether no endpoint was without an answer.
    pub(super) const fn is_none(&self) -> bool {
        self.causes.is_empty()
    }

    /// The causes alone.
    pub(super) fn into_causes(self) -> Vec<Text> {
        self.causes
    }

    /// The fault, with further causes.
    pub(super) fn fault(self, more: Vec<Text>) -> Fault {
        let Self { closed, late, broken, mut causes } = self;
        causes.extend(more);
        let (code, message) = match (closed, late, broken) {
            (0, 0, 0) => (NOT_ASKED, say!("时间已到，未询问接口。", "The time was over before an endpoint was asked.")),
            (_, 0, 0) => {
                (UNREACHABLE, say!("{closed} 个接口均无法连接。", "None of {closed} endpoints can be reached."))
            }
            (0, _, 0) => {
                (NO_ANSWER, say!("{late} 个接口均未在限时内答复。", "None of {late} endpoints has answered in time."))
            }
            (0, 0, _) => (
                BROKEN_OFF,
                say!("{broken} 个接口均未给出完整答复。", "None of {broken} endpoints has given a whole answer."),
            ),
            (..) => {
                let parts = [
                    (closed, say!("{closed} 个无法连接", "{closed} cannot be reached")),
                    (late, say!("{late} 个未在限时内答复", "{late} did not answer in time")),
                    (broken, say!("{broken} 个未给出完整答复", "{broken} gave no whole answer")),
                ];
                let joined = |lang, mark| {
                    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(_, part)| part.words(lang));
                    parts.collect::<Vec<_>>().join(mark)
                };
                let (zh, en) = (joined(Lang::Zh, "，"), joined(Lang::En, ", "));
                let code = if late > 0 { NO_ANSWER } else { BROKEN_OFF };
                (code, say!("没有接口答复：{zh}。", "No endpoint answers: {en}."))
            }
        };
        let slow = || {
            say!(
                "请加长 --timeout，或用 --api 改问其他节点。",
                "Give a longer --timeout, or ask another node with --api."
            )
        };
        let away = || say!("请核对 --api 地址及节点是否运行。", "Check the --api address and whether the node runs.");
        let fault = Fault { causes, ..Fault::new(Exit::Network, code, message) };
        match (closed, late, broken) {
            (_, 0, 0) if closed > 0 => fault.hint(away()),
            (0, 0, 1..) => fault,
            (0, _, _) => fault.hint(slow()),
            (_, 0, _) => fault.hint(away()),
            (..) => fault.hint(slow()).and_hint(&away()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slow, closed and never asked are told apart, one by one and together, and only what was asked is counted.
    #[test]
    fn an_endpoint_that_is_slow_is_not_called_unreachable() {
        let of = |errors: &[ureq::Error]| {
            let mut silence = Silence::default();
            errors.iter().for_each(|error| silence.met("http://a", error));
            silence
        };
        let late = || ureq::Error::Timeout(ureq::Timeout::Global);
        let closed = || ureq::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        let cut = || ureq::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        for (errors, code, words, advice) in [
            (vec![closed()], UNREACHABLE, "None of 1 endpoints can be reached", "whether the node runs"),
            (vec![late()], NO_ANSWER, "None of 1 endpoints has answered in time", "longer --timeout"),
            (vec![cut()], BROKEN_OFF, "whole answer", "ask another node"),
            (
                vec![late(), closed()],
                NO_ANSWER,
                "No endpoint answers: 1 cannot be reached, 1 did not answer in time.",
                "longer --timeout",
            ),
            (vec![], NOT_ASKED, "before an endpoint was asked", "longer --timeout"),
        ] {
            let singles: Vec<Fault> =
                errors.iter().map(|error| of(std::slice::from_ref(error)).fault(Vec::new())).collect();
            let unasked = Silence::of_unasked("http://b");
            let joined = Silence::together(singles.into_iter().chain([unasked]).collect());
            let mut whole = of(&errors);
            whole.not_asked("http://b");
            for fault in [whole.fault(Vec::new()), joined] {
                assert!(is_silence(&fault) && fault.code == code, "{fault:?}");
                assert!(fault.message.words(Lang::En).contains(words), "{fault:?}");
                assert!(fault.advice().words(Lang::En).contains(advice), "{fault:?}");
                assert!(fault.causes_in(Lang::Zh).contains(&"http://b：时间已到，未询问"), "{fault:?}");
            }
        }
    }
}
