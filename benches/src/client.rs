//! The few HTTP requests of the load generator.

use std::fmt;
use std::time::Duration;

use quancheng_types::{ChainId, TransactionId};
use serde::Deserialize;

/// Time for the connection itself; the answer may take as long as the server was asked to wait.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request asks the server to wait for the certified result.
pub(crate) const WAIT_MS: u64 = 30_000;
/// Greatest answer read, bytes: 1,000 states of a few hundred bytes.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why the generator cannot go on.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// An endpoint does not answer.
    Network { url: String, error: String },
    /// An answer is not of the expected form.
    Answer { url: String, error: String },
    /// The arguments do not fit together.
    Usage(&'static str),
    /// A file cannot be used.
    File { path: std::path::PathBuf, error: String },
}

impl LoadError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Network { .. } | Self::Answer { .. } => 4,
            Self::Usage(_) | Self::File { .. } => 2,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { url, error } => {
                write!(f, "{url} does not answer: {error}; is the network up (`quancheng testnet status`)?")
            }
            Self::Answer { url, error } => {
                write!(f, "{url} answered something unexpected: {error}")
            }
            Self::Usage(advice) => f.write_str(advice),
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

/// How one transaction fared, as far as an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Certified, and it took effect.
    Certified,
    /// Refused by a contract, certified.
    RefusedByContract,
    /// Not taken by the door.
    RefusedAtDoor,
    /// Taken, and not certified when the wait ended.
    Pending,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// One fate for each transaction, in order.
    Answered(Vec<Fate>),
    /// It may have been taken: there is no usable answer.
    Unanswered,
    /// There was no connection, or the door was shut, so nothing was taken.
    Unsent,
}

/// Whether a request failed before anything of it was sent.
fn is_unsent(error: &ureq::Error) -> bool {
    let is_refused = matches!(error, ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused);
    is_refused
        || matches!(
            error,
            ureq::Error::ConnectionFailed
                | ureq::Error::HostNotFound
                | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve)
        )
}

#[derive(Deserialize)]
struct Status {
    chain_id: ChainId,
}

#[derive(Deserialize)]
struct Bulk {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    transaction: Option<State>,
}

#[derive(Deserialize)]
struct State {
    stage: String,
    outcome: Option<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    kind: String,
}

impl State {
    fn fate(&self) -> Fate {
        match (self.stage.as_str(), &self.outcome) {
            ("certified", Some(outcome)) if outcome.kind == "ok" => Fate::Certified,
            ("certified", _) => Fate::RefusedByContract,
            ("expired", _) => Fate::RefusedAtDoor,
            _ => Fate::Pending,
        }
    }
}

/// One connection to one endpoint.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(Duration::from_millis(WAIT_MS) + CONNECT_TIMEOUT))
            .http_status_as_error(false)
            .max_idle_connections_per_host(1)
            .build();
        Self { agent: config.into(), base: base.trim_end_matches('/').to_owned() }
    }

    fn network(&self, error: impl fmt::Display) -> LoadError {
        LoadError::Network { url: self.base.clone(), error: error.to_string() }
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        mut response: ureq::http::Response<ureq::Body>,
    ) -> Result<T, LoadError> {
        let text = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(|error| self.network(error))?;
        serde_json::from_slice(&text)
            .map_err(|error| LoadError::Answer { url: self.base.clone(), error: error.to_string() })
    }

    pub(crate) fn chain_id(&self) -> Result<ChainId, LoadError> {
        let response =
            self.agent.get(format!("{}/v1/status", self.base)).call().map_err(|error| self.network(error))?;
        Ok(self.read::<Status>(response)?.chain_id)
    }

    /// Submits a bulk and waits for its results.
    pub(crate) fn submit(&self, body: &[u8]) -> Submitted {
        let url = format!("{}/v1/transactions/bulk?wait=certified&timeout_ms={WAIT_MS}", self.base);
        let request = self.agent.post(url).header("content-type", "application/octet-stream");
        let response = match request.send(body) {
            // A door that is shut, because its node starts or is full, has taken nothing of it.
            Ok(response) if response.status().as_u16() == 503 => return Submitted::Unsent,
            Ok(response) => response,
            Err(error) if is_unsent(&error) => return Submitted::Unsent,
            Err(_) => return Submitted::Unanswered,
        };
        match self.read::<Bulk>(response) {
            Ok(bulk) => Submitted::Answered(
                bulk.items
                    .iter()
                    .map(|item| item.transaction.as_ref().map_or(Fate::RefusedAtDoor, State::fate))
                    .collect(),
            ),
            Err(_) => Submitted::Unanswered,
        }
    }

    /// The bundle of a transaction; `None` while it has none.
    pub(crate) fn bundle(&self, id: &TransactionId) -> Result<Option<Vec<u8>>, LoadError> {
        match self.ask_bundle(id)? {
            Ok(bundle) => Ok(Some(bundle)),
            Err(404 | 409 | 429 | 503) => Ok(None),
            Err(status) => {
                let error = format!("HTTP {status} in answer to a question for the bundle of {id}");
                Err(LoadError::Answer { url: self.base.clone(), error })
            }
        }
    }

    /// The bundle of a transaction, or the status that came instead.
    pub(crate) fn ask_bundle(&self, id: &TransactionId) -> Result<Result<Vec<u8>, u16>, LoadError> {
        let url = format!("{}/v1/bundles/transactions/{id}", self.base);
        let mut response = self.agent.get(url).call().map_err(|error| self.network(error))?;
        let status = response.status().as_u16();
        // Read also where it is none, so that the connection can be used again.
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| self.network(error))?;
        Ok(if status == 200 { Ok(body) } else { Err(status) })
    }

    /// Asks for a transaction, and waits at most so long for its certification.
    pub(crate) fn wait(&self, id: &TransactionId, longest: Duration) -> Result<Fate, LoadError> {
        let wait_ms = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX).min(WAIT_MS);
        let query = if wait_ms == 0 { String::new() } else { format!("?wait=certified&timeout_ms={wait_ms}") };
        let url = format!("{}/v1/transactions/{id}{query}", self.base);
        let response = self.agent.get(url).call().map_err(|error| self.network(error))?;
        Ok(self.read::<State>(response)?.fate())
    }
}
