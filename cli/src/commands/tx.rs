//! `tx`: transactions in general.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use quancheng_types::TransactionId;
use serde_json::{Value, json};

use crate::args::tx::{Tx, TxCall, TxSign, TxSubmit};
use crate::client::Sought;
use crate::fault::{Fault, Outcome};
use crate::messages::causes;
use crate::output::Reply;
use crate::session::Session;
use crate::submit::{self, Offer, insert};
use crate::text::say;
use crate::transaction::{Draft, SIGNED_ALREADY, call};
use crate::{files, keys};

/// How often a file is read again because signatures came to its output meanwhile.
const TRIES: u32 = 16;

pub(super) fn run(session: &Session, command: &Tx) -> Outcome<Reply> {
    match command {
        Tx::Show(show) => {
            let sought = Sought { id: parse_id(&show.id)?, valid_until_ms: None };
            let client = session.client_of_chain(&show.api)?;
            submit::look_up(session, &client, sought, show.wait).map(submit::reply)
        }
        Tx::Decode(decode) => Ok(Reply::record(Draft::read(&decode.file)?.describe())),
        Tx::Sign(sign) => add_signature(session, sign),
        Tx::Submit(file) => {
            let signed = Draft::read(&file.file)?.complete()?;
            let client = session.client(&file.api)?.of_chain(signed.body.chain_id);
            submit::submit(session, &client, &signed, Offer::Again, file.wait).map(submit::reply)
        }
        Tx::Simulate(file) => simulate(session, file),
        Tx::Call(any) => any_call(session, any),
    }
}

fn parse_id(text: &str) -> Outcome<TransactionId> {
    text.parse().map_err(|error| {
        Fault::usage("BAD_ID", say!("{text} 不是交易编号。", "{text} is not the id of a transaction."))
            .cause(error)
            .hint(say!("交易编号为 64 位小写十六进制。", "It has 64 lower-case hexadecimal digits."))
    })
}

fn simulate(session: &Session, file: &TxSubmit) -> Outcome<Reply> {
    let signed = Draft::read(&file.file)?.complete()?;
    submit::simulate(&session.client(&file.api)?.of_chain(signed.body.chain_id), &signed)
}

/// Signs a file. The key is opened first, as somebody may be asked for its password; then one signer at a time reads the file and
/// writes it again. Signatures that came to the output meanwhile are kept.
fn add_signature(session: &Session, sign: &TxSign) -> Outcome<Reply> {
    // A file that is no transaction, or too late, is told before a password is asked for.
    submit::not_over(Draft::read(&sign.file)?.body.valid_until_ms)?;
    let path = keys::choose(session, sign.key.as_ref())?;
    let key = keys::open(session, &path, &sign.password)?;
    let out = sign.out.as_ref().unwrap_or(&sign.file);
    let _turn = turn(&sign.file)?;
    let mut tries = 0;
    let draft = loop {
        let mut draft = Draft::read(&sign.file)?;
        submit::not_over(draft.body.valid_until_ms)?;
        if draft.sign(&key) == 0 {
            return Err(not_a_signer(&draft));
        }
        if let Some(earlier) = out.is_file().then(|| Draft::read(out)).and_then(Result::ok) {
            draft.merge(&earlier);
        }
        match draft.write_again(out) {
            Ok(()) => break draft,
            Err(fault) if fault.code == SIGNED_ALREADY && tries < TRIES => tries += 1,
            Err(fault) => return Err(fault),
        }
    };
    let mut data = draft.describe();
    insert(&mut data, "file", json!(out));
    Ok(Reply::record(data))
}

/// Waits until nobody else signs this file. A file that was written again meanwhile is another one under the same name.
fn turn(path: &Path) -> Outcome<File> {
    loop {
        let file = File::open(path).map_err(|error| files::not_readable(path, &error))?;
        let is_plain = file.metadata().is_ok_and(|meta| meta.is_file());
        if is_plain {
            file.lock().map_err(|error| Fault::file(path, &error))?;
        }
        let is_newest = fs::metadata(path).is_ok_and(|named| {
            file.metadata().is_ok_and(|open| (named.dev(), named.ino()) == (open.dev(), open.ino()))
        });
        if is_newest || !is_plain {
            return Ok(file);
        }
    }
}

fn not_a_signer(draft: &Draft) -> Fault {
    let message = say!("该密钥不是此交易的签署人。", "This key belongs to no signer of the transaction.");
    let signers = draft.body.signers.iter().map(|signer| {
        let key_id = signer.key_id;
        say!("签署人的密钥 {key_id}", "signer key {key_id}")
    });
    let mut fault = Fault::usage("NOT_A_SIGNER", message);
    fault.causes = signers.collect();
    fault
}

fn any_call(session: &Session, any: &TxCall) -> Outcome<Reply> {
    let json: Value = match any.call.strip_prefix('@') {
        Some(path) => files::read_json(path.as_ref())?,
        None => files::parse(any.call.as_bytes()).map_err(|error| {
            Fault::usage("BAD_JSON", say!("调用不是 JSON。", "The call is not JSON."))
                .cause_in(causes::said(&error))
                .hint(say!(
                    "形如 '{{\"withdraw\":{{\"registration\":7}}}}'，或 @文件。",
                    "It looks like '{{\"withdraw\":{{\"registration\":7}}}}', or is @FILE."
                ))
        })?,
    };
    let list = match json {
        Value::Array(list) => list,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            vec![json]
        }
    };
    let calls = list.into_iter().map(|arguments| call(&any.module, arguments)).collect::<Outcome<Vec<_>>>()?;
    submit::run(session, &any.write, calls)
}
