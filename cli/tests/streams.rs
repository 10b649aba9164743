//! The real program where its surroundings are not as they should be: no reader, a full disk, foreign variables.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

fn quancheng(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quancheng"));
    command.args(words).env("LC_ALL", "C").stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUANCHENG_")) {
        command.env_remove(name);
    }
    command
}

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it").into()
}

const ANSWERS: [&[&str]; 5] = [
    &["--help"],
    &["--help", "--lang", "zh"],
    &["--version"],
    &["completions", "bash"],
    &["completions", "bash", "--output", "json"],
];

#[test]
fn a_full_disk_under_stdout_is_an_error_and_no_panic() {
    for words in ANSWERS {
        let output =
            quancheng(words).stdout(full()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(8), "{words:?}: {told}");
        assert!(told.contains("stdout: ") && !told.contains("panicked"), "{words:?}: {told}");
    }
}

/// Whoever reads exit code 2 gives the command again: what was done must not say so.
#[test]
fn what_was_done_is_no_usage_error_when_its_result_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let (key, password) = (dir.path().join("a.key"), dir.path().join("password"));
    std::fs::write(&password, "a password\n").unwrap();
    for (form, code) in [("json", 8), ("table", 8), ("json", 2), ("table", 2)] {
        if code == 8 {
            let _ = std::fs::remove_file(&key);
        }
        let mut command = quancheng(&["key", "new", "--output", form, "--out"]);
        let command = command.arg(&key).arg("--password-file").arg(&password);
        let output = command.stdout(full()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{form}: {told}");
        let words = if code == 8 { "Done; the result could not be written" } else { "KEY_EXISTS" };
        assert!(told.contains(words) && key.exists(), "{form}: {told}");
    }
}

#[test]
fn a_reader_that_has_gone_ends_the_program_quietly() {
    for words in ANSWERS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            quancheng(words).stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]), "{words:?}");
    }
}

#[test]
fn the_exit_code_does_not_depend_on_who_reads_the_words() {
    for words in [&["bundle", "show"][..], &["key", "show", "/nowhere"], &["nonsense"]] {
        let heard = quancheng(words).output().unwrap().status.code();
        assert!(heard.is_some_and(|code| code != 0), "{words:?}");
        for stderr in [full(), std::io::pipe().unwrap().1.into()] {
            assert_eq!(
                quancheng(words).stdout(Stdio::null()).stderr(stderr).status().unwrap().code(),
                heard,
                "{words:?}"
            );
        }
    }
}

#[test]
fn variables_of_others_are_not_looked_at() {
    use std::os::unix::ffi::OsStringExt as _;
    let no_text = std::ffi::OsString::from_vec(vec![0xff]);
    let output = quancheng(&["completions", "bash"])
        .env("X", &no_text)
        .env(&no_text, "x")
        .env("LANG", &no_text)
        .env("QUANCHENG_PORT", "tcp://10.0.0.1:1")
        .env("QUANCHENG_SERVICE_HOST", &no_text)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The library asks it for the stack of threads that nobody gave one: a command has a listener for signals, and looks up names.
#[test]
fn the_environment_gives_no_thread_its_stack() {
    for url in ["http://127.0.0.1:1", "http://localhost:1"] {
        for value in ["99999999999999", "1", "x"] {
            let words = ["chain", "status", "--api", url];
            let output = quancheng(&words).env("RUST_MIN_STACK", value).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(4) && told.contains("UNREACHABLE"), "{url}, {value}: {told}");
            assert!(!told.contains("panicked"), "{url}, {value}: {told}");
        }
    }
}

/// A variable that was perhaps meant for this program is told, in the language of the words, and stops nothing.
#[test]
fn a_misspelt_variable_is_told_and_stops_nothing() {
    for (lang, words) in [("en", "QUANCHENG_PASSWORD_FILE would be"), ("zh", "是否想写 QUANCHENG_PASSWORD_FILE")] {
        let mut command = quancheng(&["completions", "bash", "--lang", lang]);
        let output =
            command.env("QUANCHENG_PASWORD_FILE", "pw").env("QUANCHENG_PORT", "tcp://10.0.0.1:1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.contains("QUANCHENG_PASWORD_FILE"), "{told}");
        assert!(told.contains(words) && told.lines().count() == 1, "{told}");
    }
    let quiet = quancheng(&["completions", "bash", "--quiet"]).env("QUANCHENG_PASWORD_FILE", "pw").output().unwrap();
    assert_eq!((quiet.status.code(), &quiet.stderr[..]), (Some(0), &b""[..]));
}
