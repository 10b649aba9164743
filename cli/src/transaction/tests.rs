use quancheng_types::Digest;

use super::*;

fn two_signers() -> (Signers, SigningKey, SigningKey) {
    let (first, second) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
    let places = vec![(first.public_key(), None), (second.public_key(), None)];
    let signers = Signers { places, list: Vec::new(), keys: vec![first.clone()] }.on_chain(None).unwrap();
    (signers, first, second)
}

fn withdraw() -> Call {
    call("registry", json!({ "withdraw": { "registration": 7 } })).unwrap()
}

#[test]
fn a_draft_collects_signatures_through_a_file_and_is_then_complete() {
    let (signers, first, second) = two_signers();
    let draft = compose(ChainId(Digest([9; 32])), &signers, 300_000, vec![withdraw()]).unwrap();
    assert_eq!(draft.missing(), [KeyId::of(&second.public_key())]);
    assert_eq!(draft.clone().complete().unwrap_err().code, "NOT_SIGNED");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tx.json");
    draft.write_new(&path).unwrap();
    let mut read = Draft::read(&path).unwrap();
    assert_eq!(read, draft);
    assert_eq!(read.sign(&SigningKey::from_seed([3; 32])), 0);
    assert_eq!(read.sign(&second), 1);
    assert_eq!(read.sign(&first), 1);
    let signed = read.complete().unwrap();
    assert_eq!(signed.id(), draft.body.id());

    // The canonical bytes and the bare JSON of a signed transaction are transaction files too.
    std::fs::write(&path, signed.encode()).unwrap();
    assert_eq!(Draft::read(&path).unwrap().complete().unwrap(), signed);
    std::fs::write(&path, serde_json::to_vec(&signed).unwrap()).unwrap();
    assert_eq!(Draft::read(&path).unwrap().complete().unwrap(), signed);
}

#[test]
fn damaged_transaction_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tx.json");
    for content in ["", "{", "{}", "[]", "{\"format\":\"other\"}", "\u{1}\u{2}"] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(Draft::read(&path).unwrap_err().code, "TX_FILE", "{content:?}");
    }
}

#[test]
fn a_forged_signature_does_not_pass() {
    let (signers, first, second) = two_signers();
    let mut draft = compose(ChainId(Digest([9; 32])), &signers, 1, vec![withdraw()]).unwrap();
    draft.sign(&first);
    draft.sign(&second);
    draft.signatures.swap(0, 1);
    assert_eq!(draft.complete().unwrap_err().code, "BAD_TRANSACTION");
}

#[test]
fn calls_are_checked_before_anything_is_signed() {
    assert_eq!(call("nothing", json!({})).unwrap_err().code, "BAD_CALL");
    let fault = call("registry", json!({ "withdraw": { "registration": 7, "extra": 1 } })).unwrap_err();
    assert!(fault.causes_in(crate::text::Lang::En).iter().any(|cause| cause.contains("extra")), "{:?}", fault.causes);
    // A rejection without a document is refused by its own rule.
    let decision = json!({ "reject": { "registration": 7, "decision": { "reason": "TITLE_DISPUTE" } } });
    let fault = call("registry", decision).unwrap_err();
    assert_eq!((fault.exit, fault.code.as_str()), (Exit::Refused, "DOCUMENT_REQUIRED"));
}

#[test]
fn a_wrong_field_is_named_by_its_path() {
    for (arguments, path) in [
        (json!({ "submit": { "kind": "DATA_ASSET", "dossier": { "holders": null } } }), "submit.dossier.holders"),
        (json!({ "submit": { "dossier": { "fields": [{ "name": 5 }] } } }), "submit.dossier.fields[0].name"),
        (json!({ "withdraw": { "registration": "seven" } }), "withdraw.registration"),
    ] {
        let fault = call("registry", arguments).unwrap_err();
        for lang in [crate::text::Lang::Zh, crate::text::Lang::En] {
            let causes = fault.causes_in(lang);
            assert!(causes.iter().any(|cause| cause.contains(path)), "{path}: {causes:?}");
        }
    }
}

#[test]
fn a_call_is_shown_with_its_module_and_arguments() {
    let shown = describe_call(&withdraw());
    assert_eq!(shown["name"], json!("registry"));
    assert_eq!(shown["call"], json!({ "withdraw": { "registration": 7 } }));
}
