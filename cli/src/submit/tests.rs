use super::*;

#[test]
fn a_refused_receipt_is_told_by_name_and_in_both_languages() {
    let status = json!({ "stage": "certified", "outcome": {
        "kind": "refused", "module": 3, "code": 19, "call": 1, "name": "NOTICE_OPEN",
        "text_zh": "公示期未满，不得发证。", "text_en": "The notice is open." } });
    let fault = refusal(&status).unwrap();
    assert_eq!((fault.exit, fault.code.as_str()), (Exit::Refused, "NOTICE_OPEN"));
    assert_eq!(fault.message.words(crate::text::Lang::Zh), "公示期未满，不得发证。");
    assert!(refusal(&json!({ "outcome": { "kind": "ok" } })).is_none());
    assert!(refusal(&json!({ "stage": "admitted" })).is_none());
    let bare = refusal(&json!({ "outcome": { "kind": "refused", "module": 9, "code": 2 } })).unwrap();
    assert_eq!(bare.code, "9/2");
}

#[test]
fn an_expired_transaction_is_a_refusal() {
    let fault = ended_badly(&json!({ "stage": "expired" }), TransactionId::default()).unwrap();
    assert_eq!((fault.exit, fault.code.as_str()), (Exit::Refused, "EXPIRED"));
}

#[test]
fn numbers_in_events_are_lifted_to_the_top() {
    let status = json!({ "stage": "certified", "events": [
        { "module": 3, "data": { "submitted": { "registration": 7, "kind": "DATA_ASSET" } } },
        { "module": 3, "data": { "certified": { "registration": 7, "ledger_no": "QC-1" } } } ] });
    let status = enriched(status);
    assert_eq!((&status["registration"], &status["ledger_no"]), (&json!(7), &json!("QC-1")));
}
