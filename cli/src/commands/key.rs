//! `key`: key files.

use quancheng_keystore as keystore;
use serde_json::json;

use crate::args::local::{Key, KeyNew, KeyShow};
use crate::fault::Outcome;
use crate::output::Reply;
use crate::session::Session;
use crate::submit::insert;
use crate::{files, keys};

pub(super) fn run(session: &Session, command: &Key) -> Outcome<Reply> {
    match command {
        Key::New(new) => make(session, new),
        Key::Show(show) => describe(show),
    }
}

fn make(session: &Session, new: &KeyNew) -> Outcome<Reply> {
    files::named(&new.out)?;
    if new.out.exists() {
        return Err(keys::fault(&keystore::KeyFileError::Exists { path: new.out.clone() }));
    }
    let password = keys::password(session, &new.password, &new.out, true)?;
    let key = keystore::generate().map_err(|error| keys::fault(&error))?;
    keystore::write(&new.out, &key, &password).map_err(|error| keys::fault(&error))?;
    let mut data = keys::describe(&key.public_key());
    insert(&mut data, "file", json!(new.out));
    Ok(Reply::record(data))
}

fn describe(show: &KeyShow) -> Outcome<Reply> {
    let mut data = keys::describe(&keys::public_key(&show.file)?);
    insert(&mut data, "file", json!(show.file));
    Ok(Reply::record(data))
}
