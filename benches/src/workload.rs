//! What is submitted and read: transactions are signed ahead.

use std::time::{SystemTime, UNIX_EPOCH};

use quancheng_benches::Author;
use quancheng_types::codec::encode;
use quancheng_types::{Call, ChainId, SigningKey, Transaction, TransactionId};
use serde::Deserialize;

use crate::client::LoadError;
use crate::mix::Mix;
use crate::{Arguments, Kind};

/// Time for signing, running and waiting before a transaction expires, ms.
const LIFETIME_MS: u64 = 9 * 60 * 1000;

/// What is asked of a door at once.
#[derive(Debug)]
pub(crate) enum Request {
    /// Some transactions in the form in which they are submitted.
    Submit { ids: Vec<TransactionId>, body: Vec<u8> },
    /// The bundle of a transaction that this door has certified.
    Read,
}

impl Request {
    /// Operations in it, each of which falls due at its own time.
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Submit { ids, .. } => u32::try_from(ids.len()).unwrap_or(u32::MAX),
            Self::Read => 1,
        }
    }
}

/// Signs the transactions of `count` operations on all cores, packs them into requests of `per_request`, and puts the reads between them.
pub(crate) fn prepare(
    arguments: &Arguments,
    chain_id: ChainId,
    count: usize,
    per_request: usize,
) -> Result<Vec<Request>, LoadError> {
    let mix = arguments.mix()?;
    let reads = mix.reads_of(count);
    let submitted = sign(arguments, mix, chain_id, count - reads, per_request)?;
    let (mut requests, mut put) = (Vec::with_capacity(submitted.len() + reads), 0);
    let all = submitted.len();
    for (at, request) in (1..).zip(submitted) {
        requests.push(request);
        let due = (reads * at).checked_div(all).unwrap_or(0);
        requests.extend((put..due).map(|_| Request::Read));
        put = due;
    }
    Ok(requests)
}

fn sign(
    arguments: &Arguments,
    mix: Mix,
    chain_id: ChainId,
    count: usize,
    per_request: usize,
) -> Result<Vec<Request>, LoadError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let seed = u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap_or(0);
    let author = |keys| Author { chain_id, keys, seed, valid_until_ms: now_ms + LIFETIME_MS };
    let maker = Maker { mix, notary: author(notaries(arguments)?), registrant: registrant(arguments, mix, &author)? };
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

/// The keys that notarize: those of the load, or the one of `--key` where nothing is registered.
fn notaries(arguments: &Arguments) -> Result<Vec<SigningKey>, LoadError> {
    match (arguments.kind, &arguments.key) {
        (Kind::Notarize, Some(_)) => Ok(vec![key(arguments)?]),
        (Kind::Notarize, None) | (Kind::Register | Kind::Mixed, _) => {
            Ok(quancheng_benches::keys_from(arguments.first_account, arguments.accounts))
        }
    }
}

fn key(arguments: &Arguments) -> Result<SigningKey, LoadError> {
    let (path, password) = match (&arguments.key, &arguments.password_file) {
        (Some(path), Some(password)) => (path, password),
        (Some(_), None) => return Err(LoadError::Usage("--key needs --password-file")),
        (None, _) => {
            return Err(LoadError::Usage("registrations need --key and --password-file of an active organization"));
        }
    };
    let file =
        |error: quancheng_keystore::KeyFileError| LoadError::File { path: path.clone(), error: error.to_string() };
    let password = quancheng_keystore::read_password(password).map_err(file)?;
    quancheng_keystore::open(path, &password).map_err(file)
}

/// What is read of a file of the command line with a transaction in it.
#[derive(Deserialize)]
struct TransactionFile {
    body: Transaction,
}

/// Who registers, and the call that is repeated; `None` where nothing is registered.
fn registrant(
    arguments: &Arguments,
    mix: Mix,
    author: &impl Fn(Vec<SigningKey>) -> Author,
) -> Result<Option<(Author, Call)>, LoadError> {
    if mix.register == 0 {
        return Ok(None);
    }
    let path = arguments.call.as_ref().ok_or(LoadError::Usage(
        "registrations need --call FILE: the transaction that `quancheng registration submit --sign-only --tx-out FILE` writes",
    ))?;
    let file = |error: String| LoadError::File { path: path.clone(), error };
    let text = std::fs::read_to_string(path).map_err(|error| file(error.to_string()))?;
    let read: TransactionFile = serde_json::from_str(&text).map_err(|error| file(error.to_string()))?;
    let call = read.body.calls.iter().next().cloned().ok_or_else(|| file("it holds no call".to_owned()))?;
    Ok(Some((author(vec![key(arguments)?]), call)))
}

struct Maker {
    mix: Mix,
    notary: Author,
    registrant: Option<(Author, Call)>,
}

impl Maker {
    fn request(&self, start: usize, count: usize) -> Result<Request, LoadError> {
        let mut ids = Vec::with_capacity(count);
        let mut encoded = Vec::with_capacity(count);
        for number in start..start + count {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            let (author, call) = self.call(number)?;
            let signed = author.sign(number, call);
            ids.push(signed.id());
            encoded.push(signed.encode());
        }
        Ok(Request::Submit { ids, body: encode(&encoded) })
    }

    fn call(&self, number: u64) -> Result<(&Author, Call), LoadError> {
        if let Some((author, call)) = &self.registrant
            && self.mix.registers(number)
        {
            return Ok((author, call.clone()));
        }
        let call = self.notary.notarization(number);
        let call = call.map_err(|error| LoadError::Answer { url: "evidence".to_owned(), error: error.to_string() })?;
        Ok((&self.notary, call))
    }
}
