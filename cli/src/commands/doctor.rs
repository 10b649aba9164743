//! `doctor`: everything the commands need, checked one by one.

use quancheng_proof::report::{length_en, length_zh, shanghai_time};
use serde_json::{Value, json};

use crate::args::local::Doctor;
use crate::client::{Client, JSON, Request};
use crate::clock::{APART_MS_MAX, Reading, listed, most_say};
use crate::fault::{Exit, Fault, Outcome};
use crate::keys;
use crate::messages::{causes, cell_word, label};
use crate::output::{Reply, View};
use crate::session::Session;
use crate::text::{Lang, Text, say};
use crate::time::now_ms;

/// One check.
struct Check {
    name: &'static str,
    ok: bool,
    detail: Text,
    /// How a run ends that fails here.
    exit: Exit,
}

pub(super) fn run(session: &Session, command: &Doctor) -> Outcome<Reply> {
    let mut checks = vec![profiles(session), randomness()];
    checks.extend(key(session, command));
    match session.client(&command.api) {
        Ok(client) => checks.extend(endpoints(&client)),
        Err(fault) => checks.push(failed("endpoints", &fault)),
    }
    let lang = session.lang();
    let rows: Vec<Value> = checks
        .iter()
        .map(|check| json!({ "check": check.name, "ok": check.ok, "detail": check.detail.words(lang) }))
        .collect();
    let wrong = checks.iter().filter(|check| !check.ok).count();
    let mut reply = Reply::record(json!({ "version": env!("CARGO_PKG_VERSION"), "checks": rows }));
    reply.view = View::Rows { of: Some("checks"), columns: &["check", "ok", "detail"] };
    if wrong > 0 {
        let message = say!("{wrong} 项检查未通过。", "{wrong} checks failed.");
        let exits = || checks.iter().filter(|check| !check.ok).map(|check| check.exit);
        // What is wrong on this machine is mended first.
        let exit = exits().find(|exit| *exit != Exit::Network).or(exits().next()).unwrap_or(Exit::Usage);
        reply.fault = Some(Fault::new(exit, "CHECKS_FAILED", message));
    }
    Ok(reply)
}

fn failed(name: &'static str, fault: &Fault) -> Check {
    let told = |lang, mark| {
        let causes = fault.causes_in(lang).join(mark);
        if causes.is_empty() { fault.message.words(lang).to_owned() } else { causes }
    };
    let (code, zh, en) = (&fault.code, told(Lang::Zh, "；"), told(Lang::En, "; "));
    Check { name, ok: false, detail: say!("{code}：{zh}", "{code}: {en}"), exit: fault.exit }
}

fn profiles(session: &Session) -> Check {
    match (Session::profiles_path(), session.profile()) {
        (Ok(path), Ok(_)) => {
            Check { name: "profiles", ok: true, detail: Text::same(path.display().to_string()), exit: Exit::Usage }
        }
        (Err(fault), _) | (_, Err(fault)) => failed("profiles", &fault),
    }
}

fn randomness() -> Check {
    let mut bytes = [0_u8; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Check { name: "randomness", ok: true, detail: Text::same(""), exit: Exit::Usage },
        Err(error) => Check { name: "randomness", ok: false, detail: causes::said(&error), exit: Exit::Usage },
    }
}

/// Opens the key that commands would sign with, if one is named.
fn key(session: &Session, command: &Doctor) -> Option<Check> {
    let path = keys::choose(session, command.key.as_ref()).ok()?;
    Some(match keys::open(session, &path, &command.password) {
        Ok(key) => Check {
            name: "key",
            ok: true,
            detail: Text::same(format!("{} {}", path.display(), key.public_key())),
            exit: Exit::Usage,
        },
        Err(fault) => failed("key", &fault),
    })
}

fn endpoint(ok: bool, detail: Text) -> Check {
    Check { name: "endpoint", ok, detail, exit: Exit::Network }
}

fn at(url: &str, what: &Text) -> Text {
    let (zh, en) = (what.words(Lang::Zh), what.words(Lang::En));
    say!("{url}：{zh}", "{url}: {en}")
}

fn text_of(status: &Value, name: &str) -> Option<String> {
    status.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// What a node says of itself.
fn line(status: &Value) -> Text {
    let told = |lang, mark| {
        let fields = ["version", "role", "height", "certified_height", "peers"].into_iter();
        let said = |name| {
            let text = text_of(status, name)?;
            let word = (lang == Lang::Zh).then(|| cell_word(name, status, &text)).flatten();
            Some(format!("{} {}", label(name, lang), word.unwrap_or(&text)))
        };
        fields.filter_map(said).collect::<Vec<_>>().join(mark)
    };
    Text::new(told(Lang::Zh, "，"), told(Lang::En, ", "))
}

/// The clock of this machine beside what endpoints say of the time, ahead and behind alike.
fn clock(readings: &[Reading]) -> Option<Check> {
    let (now, limit_zh, limit_en) = (shanghai_time(now_ms()), length_zh(APART_MS_MAX), length_en(APART_MS_MAX));
    let (zh, en) = listed(readings);
    (!readings.is_empty()).then(|| Check {
        name: "clock",
        ok: !most_say(readings, Reading::is_apart),
        detail: say!(
            "本机 {now}（相差不应超过 {limit_zh}）；{zh}",
            "this machine {now} (not to be apart by more than {limit_en}); {en}"
        ),
        exit: Exit::Usage,
    })
}

fn endpoints(client: &Client) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut chains: Vec<String> = Vec::new();
    let mut readings = Vec::new();
    for url in client.urls() {
        let request = Request { path: "/v1/status", body: None, accept: JSON, until: client.deadline(), held: None };
        let answer = client.send_to(url, request);
        readings.extend(answer.as_ref().ok().and_then(Reading::of));
        match answer.map(|answer| (answer.status, answer.node_status())) {
            Ok((200, Ok(status))) => {
                chains.extend(text_of(&status, "chain_id"));
                checks.push(endpoint(true, at(url, &line(&status))));
            }
            Ok((200, Err(fault))) => {
                checks.push(endpoint(false, at(url, &failed("endpoint", &fault).detail)));
            }
            Ok((status, _)) => checks.push(endpoint(false, at(url, &Text::same(format!("HTTP {status}"))))),
            Err(fault) => checks.push(endpoint(false, failed("endpoint", &fault).detail)),
        }
    }
    checks.extend(clock(&readings));
    chains.sort();
    chains.dedup();
    if !chains.is_empty() {
        checks.push(Check {
            name: "chain",
            ok: chains.len() == 1,
            detail: Text::same(chains.join(", ")),
            exit: Exit::Usage,
        });
    }
    checks
}
