//! `key`: key files.

use quancheng_keystore as keystore;
use serde_json::json;

use crate::args::local::{Key, KeyNew, KeyShow};
use crate::fault::Outcome;
use crate::output::Reply;
use crate::session::Session;
use crate::submit::insert;
use crate::text::say;
use crate::{files, keys};

pub(super) fn run(session: &Session, command: &Key) -> Outcome<Reply> {
    match command {
        Key::New(new) => make(session, new),
        Key::Show(show) => describe(session, show),
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

fn describe(session: &Session, show: &KeyShow) -> Outcome<Reply> {
    let stated = keys::public_key(&show.file)?;
    if let Some(file) = &show.password_file {
        // A seal is over the public key too, and the secret has to lead to it.
        let password = keys::password_of(session, file)?;
        keystore::open(&show.file, &password).map_err(|error| keys::fault(&error))?;
    }
    let mut data = keys::describe(&stated);
    insert(&mut data, "file", json!(show.file));
    insert(&mut data, "checked", json!(show.password_file.is_some()));
    let reply = Reply::record(data);
    Ok(if show.password_file.is_some() {
        reply
    } else {
        reply.headline(say!(
            "以下为密钥文件所载，未与私钥核对（加 --password-file 文件 即核对）：",
            "This is what the key file states; it was not checked against the secret (--password-file FILE checks it):"
        ))
    })
}
