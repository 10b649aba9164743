//! The clock of this machine beside what endpoints say of the time. Whoever signs by a wrong clock signs what no node takes: for too long, or
//! too late. No endpoint has the last word about it either.

use quancheng_proof::report::{length_en, length_zh, shanghai_time};
use serde_json::Value;

use crate::client::{Answer, Client, JSON, OTHERWISE_TIME_MAX, Request};
use crate::fault::{Fault, Outcome};
use crate::session::Session;
use crate::text::{Lang, Text, say};
use crate::time::now_ms;

/// Greatest distance from an endpoint, ms, that is not worth a word: transactions are valid for long enough all the same.
pub(crate) const APART_MS_MAX: u64 = 60_000;
/// What the times of an answer are less exact than the clock, ms: they have whole seconds, and travel.
const INEXACT_MS: u64 = 2_000;

/// What an endpoint says of the time, and the clock of this machine at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    url: String,
    /// The later of the time of its newest block, which is old where nothing happens, and of its clock.
    there_ms: u64,
    here_ms: u64,
}

impl Reading {
    /// Out of the status of a node.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        let status = (answer.status == 200).then(|| answer.node_status().ok()).flatten()?;
        let block_ms = status.get("time_ms").and_then(Value::as_u64)?;
        let there_ms = answer.date_ms.unwrap_or_default().max(block_ms);
        Some(Self { url: answer.url.clone(), there_ms, here_ms: now_ms() })
    }

    /// How far the clock of this machine is ahead of it.
    const fn ahead_ms(&self) -> u64 {
        self.here_ms.saturating_sub(self.there_ms)
    }

    const fn apart_ms(&self) -> u64 {
        self.here_ms.abs_diff(self.there_ms)
    }

    /// Whether they are further apart than is not worth a word.
    pub(crate) const fn is_apart(&self) -> bool {
        self.apart_ms() > APART_MS_MAX
    }

    /// In words.
    pub(crate) fn told(&self) -> Text {
        let (url, there) = (&self.url, shanghai_time(self.there_ms));
        let (zh, en) = (length_zh(self.apart_ms()), length_en(self.apart_ms()));
        if self.apart_ms() <= INEXACT_MS {
            say!("{url} 所称时间 {there}，与本机一致", "{url} says {there}, as this machine does")
        } else if self.ahead_ms() > 0 {
            say!("{url} 所称时间 {there}，本机快 {zh}", "{url} says {there}: this machine is ahead by {en}")
        } else {
            say!("{url} 所称时间 {there}，本机慢 {zh}", "{url} says {there}: this machine is behind by {en}")
        }
    }
}

/// What all endpoints that answer say of the time.
fn readings(client: &Client) -> Vec<Reading> {
    let request = Request { path: "/v1/status", body: None, accept: JSON, until: client.deadline(), held: None };
    let answers = client.send_each(request, OTHERWISE_TIME_MAX).into_iter().flatten();
    answers.filter_map(|answer| Reading::of(&answer)).collect()
}

/// Whether most endpoints say so: one alone does not make a clock wrong that others call right.
pub(crate) fn most_say(readings: &[Reading], is_so: impl Fn(&Reading) -> bool) -> bool {
    readings.iter().filter(|reading| is_so(reading)).count().saturating_mul(2) > readings.len()
}

/// What is wrong with a transaction that is signed by a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// It is valid for longer than nodes take.
    TooLong,
    /// Its time is over when it is signed.
    TooLate,
}

impl Reading {
    /// What is wrong with a transaction that is signed now and valid for so long, if the endpoint is right.
    fn wrong(&self, valid_for_ms: u64, lifetime_max_ms: u64) -> Option<Wrong> {
        let valid_until_ms = self.here_ms.saturating_add(valid_for_ms);
        let latest_ms = self.there_ms.saturating_add(lifetime_max_ms).saturating_add(INEXACT_MS);
        if self.is_apart() && valid_until_ms > latest_ms {
            Some(Wrong::TooLong)
        } else if self.is_apart() && valid_until_ms <= self.there_ms {
            Some(Wrong::TooLate)
        } else {
            None
        }
    }
}

/// Refuses to sign by a clock by which no node would take what is signed, as most endpoints see it. What fewer of them say, or what does no
/// harm yet, is told. `lifetime_max_ms` is how long a transaction may be valid, and asked for when it matters.
pub(crate) fn check(
    session: &Session,
    client: &Client,
    valid_for_ms: u64,
    lifetime_max_ms: impl Fn() -> u64,
) -> Outcome<()> {
    let readings = readings(client);
    if !readings.iter().any(Reading::is_apart) {
        return Ok(());
    }
    let max_ms = lifetime_max_ms();
    for wrong in [Wrong::TooLong, Wrong::TooLate] {
        let is_so = |reading: &Reading| reading.wrong(valid_for_ms, max_ms) == Some(wrong);
        if most_say(&readings, is_so) {
            // Of those that say so the one that says least of it.
            let least = readings.iter().filter(|reading| is_so(reading)).min_by_key(|reading| reading.apart_ms());
            return least.map_or(Ok(()), |least| Err(refused(wrong, least, max_ms, &readings)));
        }
    }
    let (zh, en) = listed(&readings);
    session.note(&say!(
        "警告：本机时钟与接口所称时间不一致（{zh}）。",
        "Warning: the clock of this machine and the time that endpoints tell are apart ({en})."
    ));
    Ok(())
}

/// What all say, as one line.
pub(crate) fn listed(readings: &[Reading]) -> (String, String) {
    let told: Vec<Text> = readings.iter().map(Reading::told).collect();
    let joined = |lang, mark| told.iter().map(|text| text.words(lang)).collect::<Vec<_>>().join(mark);
    (joined(Lang::Zh, "；"), joined(Lang::En, "; "))
}

fn refused(wrong: Wrong, least: &Reading, max_ms: u64, readings: &[Reading]) -> Fault {
    let (url, here, there) = (&least.url, shanghai_time(least.here_ms), shanghai_time(least.there_ms));
    let (zh, en) = (length_zh(least.apart_ms()), length_en(least.apart_ms()));
    let (max_zh, max_en) = (length_zh(max_ms), length_en(max_ms));
    let message = match wrong {
        Wrong::TooLong => say!(
            "本机时钟为 {here}，比 {url} 所称的 {there} 快 {zh}：按此签署的交易有效期超过本链允许的 {max_zh}，节点不予接收；未签名。",
            "The clock of this machine says {here}, ahead by {en} of {url}, which says {there}: what is signed by it is valid for longer than the {max_en} that the chain takes; nothing was signed."
        ),
        Wrong::TooLate => say!(
            "本机时钟为 {here}，比 {url} 所称的 {there} 慢 {zh}：按此签署的交易在签署时已过期；未签名。",
            "The clock of this machine says {here}, behind by {en} of {url}, which says {there}: what is signed by it has expired already; nothing was signed."
        ),
    };
    let fault = readings.iter().map(Reading::told).fold(Fault::usage("CLOCK_OFF", message), Fault::cause_in);
    fault.hint(say!(
        "请校准本机的日期、时间与时区（如启用网络对时），再次运行。如本机时钟无误，请用 --api 改问其他节点：接口所称的时间未经证明。",
        "Set date, time and time zone of this machine right, such as by NTP, and run this again. If its clock is right, ask another node with --api: nobody proves what endpoints say of the time."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN_MS: u64 = 60_000;
    const NOW_MS: u64 = 1_767_574_800_000;

    fn of(url: &str, there_ms: u64) -> Reading {
        Reading { url: url.to_owned(), there_ms, here_ms: NOW_MS }
    }

    /// A clock is wrong for a transaction when no node would take it; ahead and behind, and up to the limit it is not.
    #[test]
    fn a_clock_is_wrong_where_no_node_takes_what_it_signs() {
        for (there_ms, expected) in [
            (NOW_MS, None),
            (NOW_MS - 4 * MIN_MS, None),
            (NOW_MS - 6 * MIN_MS, Some(Wrong::TooLong)),
            (NOW_MS - 24 * 60 * MIN_MS, Some(Wrong::TooLong)),
            (NOW_MS + 4 * MIN_MS, None),
            (NOW_MS + 5 * MIN_MS, Some(Wrong::TooLate)),
            (NOW_MS + 24 * 60 * MIN_MS, Some(Wrong::TooLate)),
        ] {
            assert_eq!(of("a", there_ms).wrong(5 * MIN_MS, 10 * MIN_MS), expected, "{there_ms}");
        }
        // A length beyond the limit is not the fault of a clock that is right.
        assert_eq!(of("a", NOW_MS).wrong(60 * MIN_MS, 10 * MIN_MS), None);
    }

    /// A chain that stands still has an old block; the clock of its node says what time it is.
    #[test]
    fn an_old_block_makes_no_clock_wrong() {
        let status = format!(r#"{{"chain_id":"{}","height":9,"time_ms":1}}"#, "1".repeat(64));
        let answer = |date_ms| Answer {
            status: 200,
            body: status.clone().into_bytes(),
            retry_after: None,
            date_ms,
            url: "a".to_owned(),
            is_maybe_elsewhere: false,
        };
        assert_eq!(Reading::of(&answer(Some(now_ms()))).map(|reading| reading.is_apart()), Some(false));
        assert_eq!(Reading::of(&answer(Some(7))).map(|reading| reading.is_apart()), Some(true));
        assert_eq!(Reading::of(&answer(None)).map(|reading| reading.is_apart()), Some(true));
    }

    #[test]
    fn one_of_several_does_not_make_a_clock_wrong() {
        let (right, far) = (|| of("a", NOW_MS), || of("b", NOW_MS + 60 * MIN_MS));
        for (readings, expected) in [
            (vec![far()], true),
            (vec![far(), right()], false),
            (vec![right(), far()], false),
            (vec![right(), far(), far()], true),
            (vec![right(), right(), far()], false),
            (vec![], false),
        ] {
            assert_eq!(most_say(&readings, Reading::is_apart), expected, "{readings:?}");
        }
    }
}
