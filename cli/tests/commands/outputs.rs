//! What is there stays: an output never takes the place of a file, and two outputs of a command are two files.

use super::*;

const PARAMETERS: (&str, u16, &str) =
    ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#);
/// What a person has, beside keys.
const MINE: &str = "the only copy";

fn code_of(home: &Path, text: &str) -> String {
    let (_, value) = envelope(home, &text.split(' ').collect::<Vec<_>>());
    value["error"]["code"].as_str().unwrap_or_default().to_owned()
}

fn fixture(name: &str) -> String {
    format!("{}/tests/bundles/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn no_output_takes_the_place_of_a_file() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("mine"), MINE).unwrap();
    std::fs::write(home.join("contract.txt"), MINE).unwrap();
    let node = fake_node(&[
        CHAIN,
        PARAMETERS,
        ("/v1/genesis", 200, r#"{"chain_name":"x","time_ms":1,"parameters":{},"modules":[]}"#),
    ]);
    let chain = "11".repeat(32);
    let sign = format!("--key a.key --password-file password --chain-id {chain} --sign-only");
    let (checkpoint, bundle) = (fixture("checkpoint.json"), fixture("notarized.bundle"));
    for (out, words) in [
        ("contract.txt", format!("evidence notarize contract.txt --bundle c.bundle {sign} -o contract.txt")),
        ("mine", format!("evidence notarize contract.txt --bundle mine {sign} -o t.tx")),
        ("mine", format!("registration withdraw 7 {sign} -o mine")),
        ("mine", format!("checkpoint pin {bundle} --checkpoint {checkpoint} --out mine")),
        ("mine", format!("chain genesis --out mine --api {node}")),
        ("mine", format!("chain checkpoint --out mine --api {node}")),
        ("mine", format!("bundle fetch 1 --out mine --api {node}")),
        ("mine", format!("bundle refresh {bundle} --out mine --api {node}")),
        ("mine", format!("bundle cut {bundle} --no-files --out mine")),
        ("mine", format!("registration show 1 --proof mine --api {node}")),
        ("mine", "key new --out mine --password-file password".to_owned()),
    ] {
        for mode in [0o644, 0o400] {
            let path = home.join(out);
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            let code = code_of(home, &words);
            assert!(["EXISTS", "BUNDLE_EXISTS", "KEY_EXISTS"].contains(&code.as_str()), "{words}: {code}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), MINE, "{words}");
        }
    }
    std::fs::create_dir(home.join("man")).unwrap();
    std::fs::write(home.join("man/quancheng-tx.1"), MINE).unwrap();
    assert_eq!(code_of(home, "man --out man"), "EXISTS");
    assert_eq!(std::fs::read_to_string(home.join("man/quancheng-tx.1")).unwrap(), MINE);
    std::fs::remove_file(home.join("man/quancheng-tx.1")).unwrap();
    assert_eq!((code_of(home, "man --out man"), code_of(home, "man --out man")), (String::new(), String::new()));
    let left: Vec<_> = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn two_outputs_of_a_command_are_two_files() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("a.txt"), "a").unwrap();
    let chain = "11".repeat(32);
    let sign = format!("--key a.key --password-file password --chain-id {chain} --sign-only");
    for (bundle, out) in [("w7", "w7"), ("w7", "./w7"), ("w7", "w7.salts.json"), ("./w7", "w7")] {
        let code = code_of(home, &format!("evidence notarize a.txt --bundle {bundle} {sign} -o {out}"));
        assert_eq!(code, "SAME_FILE", "{bundle} {out}");
        assert!(!home.join("w7").exists() && !home.join("w7.salts.json").exists());
    }
}

/// A transaction is signed where it lies, or into another copy of itself; nothing else is in its way.
#[test]
fn a_signature_is_added_to_copies_of_the_transaction_alone() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!((new_key(home, "a.key").0, new_key(home, "b.key").0), (0, 0));
    let (_, other) = envelope(home, &["key", "show", "b.key"]);
    let (signer, chain) = (other["data"]["public_key"].as_str().unwrap(), "11".repeat(32));
    let key = "--key a.key --password-file password";
    let withdraw = |no: u8, out: &str| {
        let more = format!("--chain-id {chain} --signer {signer} --sign-only -o {out}");
        assert_eq!(code_of(home, &format!("registration withdraw {no} {key} {more}")), "");
    };
    withdraw(7, "t.tx");
    withdraw(8, "other.tx");
    std::fs::write(home.join("mine"), MINE).unwrap();
    std::fs::copy(home.join("t.tx"), home.join("copy.tx")).unwrap();
    let sign = |out: &str| code_of(home, &format!("tx sign t.tx --key b.key --password-file password --out {out}"));
    for out in ["mine", "other.tx", "a.key", "password"] {
        let before = std::fs::read(home.join(out)).unwrap();
        assert_eq!(sign(out), "EXISTS", "{out}");
        assert_eq!(std::fs::read(home.join(out)).unwrap(), before, "{out}");
    }
    for out in ["new.tx", "copy.tx", "t.tx"] {
        assert_eq!(sign(out), "", "{out}");
    }
}

/// Other programs mean stdout by it; here it would be a file that nobody looks for.
#[test]
fn a_dash_is_no_name_of_an_output() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("a.txt"), "a").unwrap();
    let (checkpoint, bundle, chain) = (fixture("checkpoint.json"), fixture("notarized.bundle"), "11".repeat(32));
    let sign = format!("--key a.key --password-file password --chain-id {chain} --sign-only");
    assert_eq!(code_of(home, &format!("registration withdraw 7 {sign} -o t.tx")), "");
    for words in [
        format!("evidence notarize a.txt --bundle - {sign} -o t2.tx"),
        format!("evidence notarize a.txt --bundle b {sign} -o -"),
        format!("registration withdraw 7 {sign} -o -"),
        format!("bundle cut {bundle} --no-files --out -"),
        "bundle fetch 7 --out - --api http://127.0.0.1:1".to_owned(),
        "registration show 7 --proof - --api http://127.0.0.1:1".to_owned(),
        format!("checkpoint pin {bundle} --checkpoint {checkpoint} --out -"),
        "tx sign t.tx --key a.key --password-file password --out -".to_owned(),
        "key new --out - --password-file password".to_owned(),
        "chain genesis --out - --api http://127.0.0.1:1".to_owned(),
    ] {
        assert_eq!(code_of(home, &words), "NOT_A_FILE", "{words}");
        assert!(!home.join("-").exists() && !home.join("-.salts.json").exists(), "{words}");
    }
    assert_eq!(code_of(home, "config set city --chain-id abc"), "BAD_CHAIN_ID");
    assert_eq!(code_of(home, &format!("config set city --chain-id {chain}")), "");
}
