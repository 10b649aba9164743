//! The HTTP client: several endpoints, tried in turn.
//!
//! A request that fails on the way, or that a node cannot serve now, goes to the next endpoint with the same bytes. That is safe for
//! submissions: a transaction has one id and takes effect once.

mod doors;
mod patience;
mod problem;
mod shape;
mod silence;
mod status;
mod turns;
mod url;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use quancheng_types::ChainId;
use serde_json::Value;
use ureq::Agent;
use ureq::Body;
use ureq::http::Response as HttpResponse;

use crate::fault::{Exit, Fault, Outcome};
use crate::messages::causes;
use crate::text::{Lang, say};
use crate::time::http_date_ms;

use doors::{Doors, Met};
pub(crate) use patience::{CommandClock, Patience, is_over};
pub(crate) use problem::{KnownUntil, Problem};
pub(crate) use shape::Shape;
use silence::Silence;
#[cfg(test)]
pub(crate) use silence::{NO_ANSWER, UNREACHABLE};
pub(crate) use silence::{is_silence, is_unasked};
pub(crate) use status::{Sought, unfounded};
pub(crate) use turns::together;
use url::check_url;
pub(crate) use url::{escape, with_query};

/// Wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Least time for an answer: a question that is asked at all is given that much, also when the time is all but over.
const ANSWER_TIME_MIN: Duration = Duration::from_millis(500);
/// Longest time for one of several endpoints whose answers are all waited for: one that is silent must not hold up the others for long.
pub(crate) const EACH_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for each of the others once one has answered, where what they say may only be newer, and where it may be otherwise.
pub(crate) const NEWER_TIME_MAX: Duration = Duration::from_millis(500);
pub(crate) const OTHERWISE_TIME_MAX: Duration = Duration::from_secs(2);
/// Time for an answer beyond what the node was asked to hold it back.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Greatest answer, bytes: a bundle of 8 MiB as JSON.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Longest pause that a node may ask for; nobody waits longer.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// Pause before endpoints are tried again that cannot be reached.
const PAUSE: Duration = Problem::PAUSE;
/// Code of the fault of an answer from which nothing follows.
pub(crate) const BAD_ANSWER: &str = "BAD_ANSWER";

/// A question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// Path with query, from `/v1`.
    pub(crate) path: &'a str,
    /// Body and its media type; the method is POST when there is one.
    pub(crate) body: Option<(&'a [u8], &'static str)>,
    /// Media type wanted.
    pub(crate) accept: &'static str,
    /// Until when to try. Endpoints that are still to be asked share the time.
    pub(crate) until: Instant,
    /// How long the node was asked to hold its answer back, if it was; it has a little more for the answer itself.
    pub(crate) held: Option<Duration>,
}

/// JSON.
pub(crate) const JSON: &str = "application/json";
/// Bytes.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// An answer of any status.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its status code.
    pub(crate) status: u16,
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// After what time the node wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
    /// The clock of the node, ms since 1970 UTC, where the answer tells it.
    pub(crate) date_ms: Option<u64>,
    /// Who answered.
    pub(crate) url: String,
    /// Whether the question may have taken effect elsewhere: an endpoint gave no answer before this one did, or one that leaves it open.
    pub(crate) is_maybe_elsewhere: bool,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Outcome<Value> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let url = &self.url;
            Fault::new(Exit::Network, BAD_ANSWER, say!("{url} 的答复不是 JSON。", "{url} did not answer with JSON."))
                .cause_in(causes::said(&error))
                .hint(say!("请核对地址是否为节点的公共接口。", "Check that the address is the public door of a node."))
        })
    }

    /// The status of a node. Anything answers with some JSON; a node names its chain and its height.
    pub(crate) fn node_status(&self) -> Outcome<Value> {
        let status = self.json()?;
        let chain_id = status.get("chain_id").and_then(Value::as_str).and_then(|text| text.parse::<ChainId>().ok());
        if chain_id.is_some() && status.get("height").is_some_and(Value::is_u64) {
            return Ok(status);
        }
        Err(self.foreign())
    }

    /// The fault of an answer that no node of a chain gives.
    pub(crate) fn foreign(&self) -> Fault {
        foreign(&self.url)
    }

    /// The problem that a failed request was answered with.
    pub(crate) fn problem(&self) -> Problem {
        Problem::of(self.status, &self.body)
    }
}

/// The fault of an answer that no node of a chain gives.
pub(crate) fn foreign(url: &str) -> Fault {
    let message = say!("{url} 的答复不是本链节点的答复。", "What {url} answers is no answer of a node.");
    Fault::new(Exit::Network, BAD_ANSWER, message).hint(say!(
        "请核对 --api：应为节点的公共接口，而非其他程序。",
        "Check --api: it must be the public address of a node, not another program."
    ))
}

/// Endpoints and how to talk to them.
#[derive(Debug)]
pub(crate) struct Client {
    urls: Vec<String>,
    first: Cell<usize>,
    agent: Agent,
    lang: Lang,
    patience: Patience,
    doors: Doors,
    /// Those that gave no answer when they were asked last.
    silent: Rc<RefCell<BTreeSet<String>>>,
}

impl Client {
    /// For these endpoints.
    pub(crate) fn new(urls: &[String], lang: Lang, patience: Patience) -> Outcome<Self> {
        let urls = urls.iter().map(|url| check_url(url)).collect::<Outcome<Vec<_>>>()?;
        let config = Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            // Endpoints are named explicitly; a proxy of the environment is meant for other programs.
            .proxy(None)
            .user_agent(concat!("quancheng/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = quancheng_testnet_local::agent(config);
        Ok(Self { urls, first: Cell::new(0), agent, lang, patience, doors: Doors::default(), silent: Rc::default() })
    }

    /// The endpoints in order.
    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Until when a step that begins now may go on.
    pub(crate) fn deadline(&self) -> Instant {
        self.patience.deadline()
    }

    /// Whether the time that the caller has named for the whole command is over.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.patience.is_asked_for() && is_over(self.deadline())
    }

    /// As [`send`](Self::send), again and again until its time is over while nobody can be reached, when the caller has asked for that.
    pub(crate) fn send_until(&self, request: Request<'_>) -> Outcome<Answer> {
        let mut has_failed = false;
        loop {
            match self.send(request) {
                Err(fault) if is_silence(&fault) && self.patience.is_asked_for() => {
                    has_failed = true;
                    if !self.pause(PAUSE, request.until) {
                        return Err(fault);
                    }
                }
                Ok(answer) => {
                    let is_maybe_elsewhere = answer.is_maybe_elsewhere || has_failed;
                    return Ok(Answer { is_maybe_elsewhere, ..answer });
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// What one endpoint may take of the time until a deadline.
    pub(crate) fn share(&self, deadline: Instant) -> Duration {
        share(deadline, self.urls.len())
    }

    /// Waits before the same question is asked again; not beyond the deadline, at which it is asked for the last time. `false` when it
    /// is not to be asked again: the time is over, or nobody has said how long to try and the pause would outlast it.
    pub(crate) fn pause(&self, pause: Duration, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let pause = if self.patience.is_asked_for() { pause.min(left) } else { pause };
        if left.is_zero() || pause > left {
            return false;
        }
        std::thread::sleep(pause);
        true
    }

    /// The answer of the first endpoint that gives one. An endpoint that cannot serve now (429, 503) is passed over as long as
    /// others are left; the last such answer counts when all are busy. One of another chain than the one that is meant is asked nothing.
    pub(crate) fn send(&self, request: Request<'_>) -> Outcome<Answer> {
        let (mut silence, mut elsewhere) = (Silence::default(), Vec::new());
        let mut busy = None;
        let (mut is_maybe_elsewhere, mut is_endless) = (false, false);
        for (step, (place, url)) in self.order().into_iter().enumerate() {
            if step > 0 && is_over(request.until) {
                silence.not_asked(url);
                continue;
            }
            let met = self.meet(url, request, self.urls.len() - step);
            self.heard(url, met.is_ok());
            match met {
                Ok(Met::OtherChain(id)) => elsewhere.push((url.clone(), id)),
                Ok(Met::Answer(answer)) if matches!(answer.status, 429 | 502 | 503 | 504) => {
                    is_maybe_elsewhere |= !answer.problem().is_not_taken();
                    busy = Some(answer);
                }
                Ok(Met::Answer(answer)) => {
                    self.first.set(place);
                    return Ok(Answer { is_maybe_elsewhere, ..answer });
                }
                Err(error) => {
                    is_maybe_elsewhere = true;
                    is_endless |= matches!(error, ureq::Error::BodyExceedsLimit(_));
                    silence.met(url, &error);
                }
            }
        }
        if let Some(answer) = busy {
            return Ok(Answer { is_maybe_elsewhere, ..answer });
        }
        if silence.is_none() && !elsewhere.is_empty() {
            return Err(self.wrong_chain(&elsewhere));
        }
        let others = elsewhere.iter().map(|(url, id)| doors::of_chain(url, *id)).collect();
        if is_endless {
            // To fetch it again brings the same.
            let causes = [silence.into_causes(), others].concat();
            return Err(Fault { causes, ..foreign(&self.urls.join(", ")) });
        }
        Err(silence.fault(others))
    }

    /// The answer of each endpoint, or why it gives none: for what one alone cannot say. Once one has answered, each of the others has so long;
    /// one that was silent before has hardly any time.
    pub(crate) fn send_each(&self, request: Request<'_>, later_max: Duration) -> Vec<Outcome<Answer>> {
        let mut has_answer = false;
        let places = self.urls.iter().zip((1..=self.urls.len()).rev());
        let answers = places.map(|(url, others)| {
            if others < self.urls.len() && is_over(request.until) {
                return Err(Silence::of_unasked(url));
            }
            let is_silent = self.silent.borrow().contains(url);
            let time_max = match (self.urls.len(), is_silent, has_answer) {
                (0 | 1, _, _) => Duration::MAX,
                (_, true, _) => later_max.min(ANSWER_TIME_MIN),
                (_, false, true) => later_max,
                (_, false, false) => EACH_TIME_MAX,
            };
            let until = Instant::now() + share(request.until, others).min(time_max);
            let answer = self.at(url).send(Request { until, ..request });
            has_answer |= answer.is_ok();
            answer
        });
        answers.collect()
    }

    /// The endpoints in the order in which they are asked, with their places: first the one that served last, and those that were silent when
    /// they were asked before only after all others, so that they take no time from one that answers.
    fn order(&self) -> Vec<(usize, &String)> {
        let (before, from) = self.urls.split_at_checked(self.first.get()).unwrap_or((&self.urls, &[]));
        let places = (before.len()..).zip(from).chain((0..).zip(before));
        let silent = self.silent.borrow();
        let (silent, heard): (Vec<_>, Vec<_>) = places.partition(|(_, url)| silent.contains(*url));
        heard.into_iter().chain(silent).collect()
    }

    /// Those that gave no answer when they were asked last.
    pub(crate) fn silent(&self) -> Vec<String> {
        self.silent.borrow().iter().cloned().collect()
    }

    /// Notes whether an endpoint has answered.
    fn heard(&self, url: &str, has_answered: bool) {
        let mut silent = self.silent.borrow_mut();
        if has_answered {
            silent.remove(url);
        } else {
            silent.insert(url.to_owned());
        }
    }

    /// As this one, for one endpoint.
    fn at(&self, url: &str) -> Self {
        let (agent, patience, doors) = (self.agent.clone(), self.patience.clone(), self.doors.clone());
        let (urls, first, silent) = (vec![url.to_owned()], Cell::new(0), Rc::clone(&self.silent));
        Self { urls, first, agent, lang: self.lang, patience, doors, silent }
    }

    /// The answer of one endpoint, whatever the others say.
    pub(crate) fn send_to(&self, url: &str, request: Request<'_>) -> Outcome<Answer> {
        self.at(url).send(request)
    }

    /// The answer of the first of so many endpoints. One that never answers must not use up the time of those after it.
    fn ask(&self, url: &str, request: Request<'_>, endpoints: usize) -> Result<Answer, ureq::Error> {
        let target = format!("{url}{}", request.path);
        let timeout = Some(match request.held {
            Some(held) => held + ANSWER_TIME,
            None => share(request.until, endpoints).max(ANSWER_TIME_MIN),
        });
        let mut response: HttpResponse<Body> = match request.body {
            None => self
                .agent
                .get(&target)
                .header("accept", request.accept)
                .header("accept-language", self.lang.tag())
                .config()
                .timeout_global(timeout)
                .build()
                .call()?,
            Some((body, media_type)) => self
                .agent
                .post(&target)
                .header("accept", request.accept)
                .header("accept-language", self.lang.tag())
                .header("content-type", media_type)
                .config()
                .timeout_global(timeout)
                .build()
                .send(body)?,
        };
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(retry_after);
        let date = response.headers().get("date").and_then(|value| value.to_str().ok());
        let date_ms = date.and_then(http_date_ms);
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Answer { status, body, retry_after, date_ms, url: url.to_owned(), is_maybe_elsewhere: false })
    }

    /// The status of the first node that answers.
    pub(crate) fn node_status(&self) -> Outcome<Value> {
        let request = Request { path: "/v1/status", body: None, accept: JSON, until: self.deadline(), held: None };
        self.in_turn(request, Answer::node_status)
    }
}

/// What the next of so many endpoints may take of the time that is left.
fn share(until: Instant, endpoints: usize) -> Duration {
    until.saturating_duration_since(Instant::now()) / u32::try_from(endpoints).unwrap_or(u32::MAX).max(1)
}

/// The pause that a node asks for (RFC 9110, §10.2.3), of a day at most; the form with a date is passed over.
fn retry_after(header: &str) -> Option<Duration> {
    let digits = header.trim();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // More digits than the type holds are more than a day.
    Some(digits.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests;
