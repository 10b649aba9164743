//! Over which heights something stood, in words. No more is said than the proof shows: nothing of heights above that of its state.

use crate::report::ProvenSpan;

/// Of an entry.
pub(super) fn stands_zh(span: &ProvenSpan) -> String {
    let (since, known) = (span.since.zh(), span.known.zh());
    span.until.map_or_else(
        || format!("该条目自{since}写入，至{known}未变"),
        |until| format!("该条目自{since}写入，至{}被取代", until.zh()),
    )
}

pub(super) fn stands_en(span: &ProvenSpan) -> String {
    let (since, known) = (span.since.en(), span.known.en());
    span.until.map_or_else(
        || format!("the entry was written at {since} and was unchanged up to {known}"),
        |until| format!("the entry was written at {since} and superseded at {}", until.en()),
    )
}

/// Of nothing under a key.
pub(super) fn nothing_zh(span: &ProvenSpan) -> String {
    if span.since == span.known {
        return "仅就该高度而言".to_owned();
    }
    let since = span.since.zh();
    span.until.map_or_else(
        || format!("自{since}起至{}均无", span.known.zh()),
        |until| format!("自{since}起无，至{}写入", until.zh()),
    )
}

pub(super) fn nothing_en(span: &ProvenSpan) -> String {
    if span.since == span.known {
        return "this is about that height alone".to_owned();
    }
    let since = span.since.en();
    span.until.map_or_else(
        || format!("there was none from {since} up to {}", span.known.en()),
        |until| format!("there was none from {since} until one was written at {}", until.en()),
    )
}
