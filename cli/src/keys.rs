//! Key files and passwords.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use quancheng_keystore as keystore;
use quancheng_keystore::KeyFileError;
use quancheng_types::{AccountId, KeyId, PublicKey, SigningKey};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::args::common::Password;
use crate::fault::{Exit, Fault, Outcome};
use crate::interrupt::Hold;
use crate::messages::words;
use crate::session::Session;
use crate::text::{printable, say};

/// A fault of a key file.
pub(crate) fn fault(error: &KeyFileError) -> Fault {
    let (exit, code) = match error {
        KeyFileError::Io { action, error, .. }
            if action.starts_with("read") && error.kind() == io::ErrorKind::NotFound =>
        {
            (Exit::NotFound, "NO_FILE")
        }
        KeyFileError::Io { .. } => (Exit::Usage, "FILE"),
        KeyFileError::Exists { .. } => (Exit::Usage, "KEY_EXISTS"),
        KeyFileError::Malformed { .. } => (Exit::Usage, "KEY_FILE"),
        KeyFileError::WrongPassword { .. } => (Exit::Usage, "WRONG_PASSWORD"),
        KeyFileError::UnusablePassword { .. } => (Exit::Usage, "UNUSABLE_PASSWORD"),
        KeyFileError::NoRandomness => (Exit::Usage, "NO_RANDOMNESS"),
    };
    let fault = Fault::new(exit, code, words::key_file(error));
    let mut fault = words::key_file_cause(error).into_iter().fold(fault, Fault::cause_in);
    fault.hint = words::key_file_hint(error);
    fault
}

/// The password: of the named file, else of the profile's, else asked for on a terminal.
pub(crate) fn password(session: &Session, flags: &Password, what: &Path, is_new: bool) -> Outcome<Zeroizing<String>> {
    let file = match &flags.password_file {
        Some(file) => Some(file.clone()),
        None => session.profile()?.password_file,
    };
    if let Some(file) = file {
        return password_of(session, &file);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let message =
            say!("未指定密码文件，且当前不是终端。", "No password file is named, and there is no terminal to ask at.");
        return Err(Fault::usage("NO_PASSWORD", message).hint(say!(
            "请加 --password-file 文件。密码不得写在命令行上。",
            "Add --password-file FILE. Passwords are never given on the command line."
        )));
    }
    let shown = what.display();
    let first = prompt(session, &say!("{shown} 的密码：", "Password of {shown}: "))?;
    if is_new && *prompt(session, &say!("再次输入：", "Once more: "))? != *first {
        return Err(Fault::usage("PASSWORDS_DIFFER", say!("两次输入不一致。", "The two passwords differ.")));
    }
    Ok(first)
}

/// The password of a file.
pub(crate) fn password_of(session: &Session, file: &Path) -> Outcome<Zeroizing<String>> {
    warn_if_open(session, file);
    keystore::read_password(file).map_err(|error| {
        let is_no_text = matches!(&error, KeyFileError::Io { error, .. } if error.kind() == io::ErrorKind::InvalidData);
        if is_no_text { no_text(file) } else { fault(&error) }
    })
}

/// The fault of a password file that other editors or systems wrote.
fn no_text(path: &Path) -> Fault {
    let shown = path.display();
    let message = say!("密码文件 {shown} 不是 UTF-8 文本。", "The password file {shown} is no UTF-8 text.");
    Fault::usage("NOT_UTF8", message).hint(say!(
        "请在编辑器中另存为 UTF-8（不是 UTF-16 或 GBK）。",
        "Save it as UTF-8 in your editor, not as UTF-16 or GBK."
    ))
}

/// Tells people that others can read a secret of theirs.
fn warn_if_open(session: &Session, path: &Path) {
    if keystore::is_open_to_others(path) {
        let shown = path.display();
        session.note(&say!(
            "警告：他人可读取 {shown}；请执行 chmod 600 {shown}。",
            "Warning: others can read {shown}; run chmod 600 {shown}."
        ));
    }
}

/// One line from the terminal, which does not show it.
fn prompt(session: &Session, question: &crate::text::Text) -> Outcome<Zeroizing<String>> {
    let failed = |error: io::Error| {
        Fault::usage("NO_PASSWORD", say!("无法读取密码。", "Cannot read the password.")).cause(error)
    };
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin).map_err(|error| failed(error.into()))?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    // The terminal belongs to the shell as well: left like this, it would show nothing that is typed from then on.
    let before = shown.clone();
    let _hold = Hold::new(move || {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &before);
        None
    });
    tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(|error| failed(error.into()))?;
    let _ = write!(io::stderr(), "{}", printable(question.words(session.lang()), false));
    let mut line = Zeroizing::new(String::new());
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Flush, &shown).map_err(|error| failed(error.into()))?;
    let _ = writeln!(io::stderr());
    read.map_err(failed)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The key file to sign with: of the flag, else of the profile.
pub(crate) fn choose(session: &Session, flag: Option<&PathBuf>) -> Outcome<PathBuf> {
    if let Some(path) = flag {
        return Ok(path.clone());
    }
    session.profile()?.key.ok_or_else(|| {
        Fault::usage("NO_KEY", say!("未指定签名密钥。", "No key to sign with is named.")).hint(say!(
            "请加 --key 文件；新密钥用 `quancheng key new --out 文件` 生成。",
            "Add --key FILE; make a new key with `quancheng key new --out FILE`."
        ))
    })
}

/// Opens a key file.
pub(crate) fn open(session: &Session, path: &Path, flags: &Password) -> Outcome<SigningKey> {
    // A wrong path is told before the password is asked for.
    keystore::public_key(path).map_err(|error| fault(&error))?;
    warn_if_open(session, path);
    let password = password(session, flags, path, false)?;
    keystore::open(path, &password).map_err(|error| fault(&error))
}

/// The public half of a key file, without a password.
pub(crate) fn public_key(path: &Path) -> Outcome<PublicKey> {
    keystore::public_key(path).map_err(|error| fault(&error))
}

/// What can be told of a key.
pub(crate) fn describe(key: &PublicKey) -> Value {
    let account = AccountId::of(key);
    json!({
        "public_key": key,
        "key_id": KeyId::of(key),
        "account": account,
        "account_text": account.to_text(),
    })
}

/// Reads an account in either spelling.
pub(crate) fn parse_account(text: &str) -> Outcome<AccountId> {
    AccountId::from_text(text).map_err(|error| {
        Fault::usage("BAD_ACCOUNT", say!("账户 {text} 无效。", "{text} is not an account.")).cause(error)
    })
}

/// Reads a public key.
pub(crate) fn parse_public_key(text: &str) -> Outcome<PublicKey> {
    text.parse().map_err(|error| {
        Fault::usage("BAD_KEY", say!("公钥 {text} 无效。", "{text} is not a public key.")).cause(error)
    })
}
