//! Over which heights something stood, in words. No more is said than the proof shows: nothing of heights above that of its state.

use crate::report::{Moment, ProvenSpan, shanghai_time};

fn moment_zh(moment: Moment) -> String {
    let Moment { height, time_ms } = moment;
    time_ms.map_or_else(|| format!("高度 {height} "), |time_ms| format!("高度 {height}（{}）", shanghai_time(time_ms)))
}

fn moment_en(moment: Moment) -> String {
    let Moment { height, time_ms } = moment;
    time_ms
        .map_or_else(|| format!("height {height}"), |time_ms| format!("height {height} ({})", shanghai_time(time_ms)))
}

/// Of an entry.
pub(super) fn stands_zh(span: &ProvenSpan) -> String {
    let (since, known) = (moment_zh(span.since), moment_zh(span.known));
    span.until.map_or_else(
        || format!("该条目自{since}写入，至{known}未变"),
        |until| format!("该条目自{since}写入，至{}被取代", moment_zh(until)),
    )
}

pub(super) fn stands_en(span: &ProvenSpan) -> String {
    let (since, known) = (moment_en(span.since), moment_en(span.known));
    span.until.map_or_else(
        || format!("the entry was written at {since} and was unchanged up to {known}"),
        |until| format!("the entry was written at {since} and superseded at {}", moment_en(until)),
    )
}

/// Of nothing under a key.
pub(super) fn nothing_zh(span: &ProvenSpan) -> String {
    if span.since == span.known {
        return "仅就该高度而言".to_owned();
    }
    let since = moment_zh(span.since);
    span.until.map_or_else(
        || format!("自{since}起至{}均无", moment_zh(span.known)),
        |until| format!("自{since}起无，至{}写入", moment_zh(until)),
    )
}

pub(super) fn nothing_en(span: &ProvenSpan) -> String {
    if span.since == span.known {
        return "this is about that height alone".to_owned();
    }
    let since = moment_en(span.since);
    span.until.map_or_else(
        || format!("there was none from {since} up to {}", moment_en(span.known)),
        |until| format!("there was none from {since} until one was written at {}", moment_en(until)),
    )
}
