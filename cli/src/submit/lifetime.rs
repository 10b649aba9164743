//! How long a transaction may wait for its block: the chain bounds it, and says so only when it is too late for those who sign by turns.

use quancheng_proof::report::{length_en, length_zh, shanghai_time};
use quancheng_types::Parameters;
use serde_json::Value;

use crate::args::common::Write;
use crate::client::{Client, Shape};
use crate::fault::{Exit, Fault, Outcome};
use crate::in_force;
use crate::text::{Text, say};
use crate::time::now_ms;
use crate::transaction::valid_for_ms;

/// Refuses a `--valid-for` beyond what the chain takes, before anything is signed. Without an endpoint the limit is the one that
/// chains begin with.
pub(super) fn check(write: &Write, client: Option<&Client>) -> Outcome<()> {
    let default_ms = Parameters::default().transaction_lifetime_max_ms;
    let wanted_ms = valid_for_ms(write);
    if wanted_ms <= default_ms && !write.sign_only {
        // A chain with a shorter limit refuses at once, in the same run.
        return Ok(());
    }
    let max_ms = match client {
        // A node that names more than chains begin with has to prove it: what is signed for that long may be of no use.
        Some(client) => match asked(client)?.unwrap_or(default_ms) {
            said_ms if said_ms > default_ms && wanted_ms > default_ms => proven(client)?.unwrap_or(default_ms),
            said_ms => said_ms,
        },
        None => default_ms,
    };
    if wanted_ms <= max_ms { Ok(()) } else { Err(too_long(wanted_ms, max_ms, client.is_some())) }
}

/// Refuses to sign a transaction whose time is over: no block takes it, and whoever signs it thinks that it counts.
pub(crate) fn not_over(valid_until_ms: u64) -> Outcome<()> {
    let now_ms = now_ms();
    if valid_until_ms > now_ms {
        return Ok(());
    }
    let (until, now) = (shanghai_time(valid_until_ms), shanghai_time(now_ms));
    let message = say!(
        "该交易的有效期已于 {until}（北京时间）届满，不会再生效；未签名。",
        "The time of the transaction was over at {until} (Beijing time) and it never takes effect; nothing was signed."
    );
    Err(Fault::usage("EXPIRED", message)
        .cause_in(say!("本机时钟为 {now}", "the clock of this machine says {now}"))
        .hint(say!(
            "请重新生成并签署交易，必要时加长 --valid-for；如本机时钟有误，请先校准。",
            "Make and sign the transaction anew, with a longer --valid-for if need be; set the clock of this machine if it is wrong."
        )))
}

/// How long a transaction may be valid, by the word of a node; where none says it, as chains begin.
pub(super) fn max_ms(client: &Client) -> u64 {
    asked(client).ok().flatten().unwrap_or_else(|| Parameters::default().transaction_lifetime_max_ms)
}

fn asked(client: &Client) -> Outcome<Option<u64>> {
    let answer = match client.get("/v1/parameters", Shape::Parameters) {
        Ok(answer) => answer,
        Err(fault) if fault.exit == Exit::NotFound => return Ok(None),
        Err(fault) => return Err(fault),
    };
    Ok(lifetime_max_ms(&answer))
}

fn proven(client: &Client) -> Outcome<Option<u64>> {
    in_force::parameters(client).map(|answer| lifetime_max_ms(&answer))
}

/// Why the time of a transaction is not too long, if that is proven: what the chain allows is longer, also by clocks that differ from this
/// one as much as they may.
pub(super) fn within(client: &Client, valid_until_ms: u64) -> Option<Text> {
    let max_ms = proven(client).ok().flatten()?;
    let left_ms = valid_until_ms.saturating_sub(now_ms());
    let is_within = left_ms.saturating_add(Parameters::default().clock_drift_max_ms) <= max_ms;
    let (left_zh, left_en, max_zh, max_en) =
        (length_zh(left_ms), length_en(left_ms), length_zh(max_ms), length_en(max_ms));
    is_within.then(|| {
        say!(
            "其有效期尚余 {left_zh}，而已证明的参数允许 {max_zh}",
            "its time runs for another {left_en}, and the parameters that are proven allow {max_en}"
        )
    })
}

fn lifetime_max_ms(answer: &Value) -> Option<u64> {
    answer.pointer("/parameters/transaction_lifetime_max_ms").and_then(Value::as_u64)
}

fn too_long(wanted_ms: u64, max_ms: u64, is_asked: bool) -> Fault {
    let (wanted, max) = (length(wanted_ms), length(max_ms));
    let (max_zh, max_en) = (length_zh(max_ms), length_en(max_ms));
    let (wanted_zh, wanted_en) = (length_zh(wanted_ms), length_en(wanted_ms));
    let message = say!(
        "--valid-for {wanted}（{wanted_zh}）超过本链允许的最长有效期 {max_zh}；未签名。",
        "--valid-for {wanted} ({wanted_en}) is longer than the {max_en} that the chain allows; nothing was signed."
    );
    let fault = Fault::usage("LIFETIME_TOO_LONG", message);
    let fault = if is_asked {
        fault.cause_in(say!(
            "链上参数 transaction_lifetime_max_ms 为 {max_zh}",
            "parameter transaction_lifetime_max_ms is {max_en}"
        ))
    } else {
        fault.cause_in(say!(
            "未连接节点，按创世默认值 {max_zh}（transaction_lifetime_max_ms）；如本链另有规定，请加 --api 查询",
            "no endpoint was asked; the default of a genesis is {max_en} (transaction_lifetime_max_ms); name an endpoint with --api if this chain has another"
        ))
    };
    fault.hint(say!(
        "请用 --valid-for {max} 或更短：各方须在此时间内签署并提交（依次 `tx sign`，最后 `tx submit`）。需要更久者，由治理调整该参数。",
        "Use --valid-for {max} or less: all have to sign and submit within that time (`tx sign` by turns, then `tx submit`). For more, governance has to change the parameter."
    ))
}

/// A length of time as the flag takes it.
fn length(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = UNITS.iter().find(|(unit_ms, _)| ms > 0 && ms.is_multiple_of(*unit_ms));
    unit.map_or_else(|| format!("{ms}ms"), |(unit_ms, name)| format!("{}{name}", ms / unit_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;
    use crate::time::{duration_ms, parse_duration};

    #[test]
    fn a_length_is_told_as_it_can_be_given() {
        for ms in [1, 999, 1_000, 90_000, 600_000, 5_400_000, 86_400_000] {
            assert_eq!(parse_duration(&length(ms)).map(duration_ms), Ok(ms), "{}", length(ms));
        }
        assert_eq!(length(600_000), "10m");
    }

    #[test]
    fn the_limit_is_told_as_people_say_it() {
        let fault = too_long(86_400_000, 600_000, true);
        for (lang, wanted, max) in [(Lang::Zh, "1 天", "10 分钟"), (Lang::En, "1 d", "10 min")] {
            let text = format!("{} {}", fault.message.words(lang), fault.causes_in(lang).join(" "));
            assert!(text.contains(wanted) && text.matches(max).count() == 2, "{text}");
            assert!(!text.contains("600000"), "{text}");
        }
    }
}
