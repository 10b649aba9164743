//! Transactions, signed ahead.

use std::time::{SystemTime, UNIX_EPOCH};

use quancheng_benches::Author;
use quancheng_types::codec::encode;
use quancheng_types::{Call, ChainId, SigningKey, TransactionId};

use crate::client::LoadError;
use crate::{Arguments, Kind};

/// Time for signing, running and waiting before a transaction expires, ms.
const LIFETIME_MS: u64 = 9 * 60 * 1000;

/// Some transactions in the form in which they are submitted.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) ids: Vec<TransactionId>,
    pub(crate) body: Vec<u8>,
}

/// Signs `count` transactions on all cores and packs them into requests of `per_request`.
pub(crate) fn sign(
    arguments: &Arguments,
    chain_id: ChainId,
    count: usize,
    per_request: usize,
) -> Result<Vec<Request>, LoadError> {
    let keys = keys(arguments)?;
    let pattern = match arguments.kind {
        Kind::Notarize => None,
        Kind::Register => Some(register_pattern(arguments)?),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let seed = u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap_or(0);
    let maker = Maker { author: Author { chain_id, keys, seed, valid_until_ms: now_ms + LIFETIME_MS }, pattern };
    let numbers: Vec<usize> = (0..count).step_by(per_request).collect();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = numbers.len().div_ceil(threads).max(1);
    let mut requests = Vec::with_capacity(numbers.len());
    std::thread::scope(|scope| {
        let maker = &maker;
        let workers: Vec<_> = numbers
            .chunks(share)
            .map(|starts| {
                scope.spawn(move || {
                    starts
                        .iter()
                        .map(|start| maker.request(*start, per_request.min(count - start)))
                        .collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        for worker in workers {
            let made = worker.join().map_err(|_| LoadError::Usage("a signing thread failed"))?;
            requests.extend(made?);
        }
        Ok::<(), LoadError>(())
    })?;
    Ok(requests)
}

fn keys(arguments: &Arguments) -> Result<Vec<SigningKey>, LoadError> {
    match (arguments.kind, &arguments.key, &arguments.password_file) {
        (Kind::Notarize, None, _) => Ok(quancheng_benches::keys_from(arguments.first_account, arguments.accounts)),
        (_, Some(path), Some(password)) => {
            let file = |error: quancheng_keystore::KeyFileError| LoadError::File {
                path: path.clone(),
                error: error.to_string(),
            };
            let password = quancheng_keystore::read_password(password).map_err(file)?;
            Ok(vec![quancheng_keystore::open(path, &password).map_err(file)?])
        }
        (_, Some(_), None) => Err(LoadError::Usage("--key needs --password-file")),
        (Kind::Register, None, _) => {
            Err(LoadError::Usage("--kind register needs --key and --password-file of an active organization"))
        }
    }
}

fn register_pattern(arguments: &Arguments) -> Result<serde_json::Value, LoadError> {
    let path = arguments.call.as_ref().ok_or(LoadError::Usage(
        "--kind register needs --call FILE: the JSON of a registry call, as `quancheng registration submit --dry-run --output json` shows it",
    ))?;
    let file = |error: String| LoadError::File { path: path.clone(), error };
    let text = std::fs::read_to_string(path).map_err(|error| file(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| file(error.to_string()))
}

struct Maker {
    author: Author,
    pattern: Option<serde_json::Value>,
}

impl Maker {
    fn request(&self, start: usize, count: usize) -> Result<Request, LoadError> {
        let mut ids = Vec::with_capacity(count);
        let mut encoded = Vec::with_capacity(count);
        for number in start..start + count {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            let signed = self.author.sign(number, self.call(number)?);
            ids.push(signed.id());
            encoded.push(signed.encode());
        }
        Ok(Request { ids, body: encode(&encoded) })
    }

    fn call(&self, number: u64) -> Result<Call, LoadError> {
        let (module, call) = match &self.pattern {
            Some(pattern) => ("registry", quancheng_contracts::encode_call("registry", pattern.clone())),
            None => ("evidence", self.author.notarization(number)),
        };
        call.map_err(|error| LoadError::Answer { url: module.to_owned(), error: error.to_string() })
    }
}
