//! Foreign bytes at the public door of a real node.

use std::time::Duration;

use quancheng_types::{Bytes, Call, ChainId, Digest, ModuleId, SignedTransaction, Transaction};
use serde_json::Value;

use crate::support::Net;
use crate::support::checks::{quiet_logs, same_history};
use crate::support::http::{self, BYTES};
use crate::support::transactions::{Maker, now_ms};

const JSON: &str = "application/json";
const UNSUPPORTED: &str = "UNSUPPORTED_MEDIA_TYPE";
const MONTH_MS: u64 = 30 * 24 * 3_600_000;

/// What is sent, as what, and the answer it must get.
type Case = (&'static str, &'static str, Vec<u8>, u16, &'static str);

/// Bodies that are no transaction.
fn broken_bodies(good: &[u8]) -> Vec<Case> {
    let cut = good[..good.len() - 1].to_vec();
    let trailing = [good, &[0]].concat();
    let endless = [&good[..32], &[0xFF; 8]].concat();
    let noise = vec![0xA5; 500];
    vec![
        ("nothing", BYTES, Vec::new(), 400, "MALFORMED"),
        ("truncated", BYTES, cut, 400, "MALFORMED"),
        ("trailing byte", BYTES, trailing, 400, "MALFORMED"),
        ("noise", BYTES, noise, 400, "MALFORMED"),
        ("a length beyond the body", BYTES, endless, 400, "MALFORMED"),
        ("oversized", BYTES, vec![0; 1 << 20], 413, "TOO_LARGE"),
        ("broken JSON", JSON, b"{\"body\":".to_vec(), 400, "MALFORMED"),
        ("other JSON", JSON, b"[1,2,3]".to_vec(), 400, "MALFORMED"),
        ("deep JSON", JSON, vec![b'['; 10_000], 400, "MALFORMED"),
        ("text", "text/plain", b"hello".to_vec(), 415, UNSUPPORTED),
    ]
}

/// Well-formed transactions that the chain does not take.
fn refused_transactions(maker: &mut Maker) -> Vec<Case> {
    let mut forged = maker.signed().encode();
    *forged.last_mut().expect("a transaction has bytes") ^= 1;
    let mut changed = |change: &dyn Fn(&mut Transaction)| {
        let mut body = maker.body();
        change(&mut body);
        maker.sign(body).encode()
    };
    let foreign = changed(&|body| body.chain_id = ChainId(Digest([9; 32])));
    let expired = changed(&|body| body.valid_until_ms = now_ms() - 60_000);
    let lasting = changed(&|body| body.valid_until_ms = now_ms() + MONTH_MS);
    let evidence = maker.body().calls[0].module;
    let calling = |module: ModuleId, payload: Vec<u8>| {
        let payload = Bytes::new(payload).expect("a short payload");
        maker.sign(maker.calling(Call { module, payload })).encode()
    };
    let stranger = calling(ModuleId(60_000), vec![0]);
    let noise = calling(evidence, vec![0xFF; 40]);
    let large = calling(evidence, vec![0; 33_000]);
    vec![
        ("wrong chain", BYTES, foreign, 400, "WRONG_CHAIN"),
        ("expired", BYTES, expired, 400, "EXPIRED"),
        ("lifetime too long", BYTES, lasting, 400, "LIFETIME_TOO_LONG"),
        ("badly signed", BYTES, forged, 400, "BAD_SIGNATURE"),
        ("unknown module", BYTES, stranger, 400, "UNKNOWN_MODULE"),
        ("malformed call", BYTES, noise, 400, "MALFORMED_CALL"),
        ("large malformed call", BYTES, large, 400, "MALFORMED_CALL"),
    ]
}

/// Two languages, one code; enough words to act on.
fn assert_is_clear(name: &str, problem: &Value) {
    for member in ["type", "title", "detail"] {
        assert!(
            problem[member].as_str().is_some_and(|words| words.len() > 5),
            "{name}: {member} is missing: {problem}"
        );
    }
}

#[test]
fn every_kind_of_bad_input_has_its_own_answer_and_harms_nobody() {
    let net = Net::start(4, 0, &[]);
    let pids: Vec<_> = net.network().status().into_iter().map(|node| node.pid).collect();
    let agent = http::agent(Duration::from_secs(20));
    let url = format!("{}/v1/transactions", net.api(0));
    let mut maker = Maker::new(net.network().record().chain_id, 51);
    let mut cases = broken_bodies(&maker.signed().encode());
    cases.extend(refused_transactions(&mut maker));
    for (name, kind, body, status, code) in cases {
        let (found, problem) = http::post(&agent, &url, kind, &body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{name}: {problem}");
        assert_is_clear(name, &problem);
    }
    bad_paths(&net);
    duplicates(&net, &agent, &mut maker);

    for index in net.indices() {
        assert_eq!(http::get(&format!("{}/healthz", net.admin(index))).unwrap().0, 200);
        assert_eq!(http::get(&format!("{}/readyz", net.admin(index))).unwrap().0, 200);
    }
    assert_eq!(pids, net.network().status().into_iter().map(|node| node.pid).collect::<Vec<_>>());
    same_history(&net, &[0, 1, 2, 3]);
    quiet_logs(&net);
}

fn bad_paths(net: &Net) {
    let zeros = "0".repeat(64);
    let cases = [
        ("/v1/nothing".to_owned(), 404, "NO_SUCH_PATH"),
        ("/v1/transactions/xyz".to_owned(), 400, "INVALID_PARAMETER"),
        (format!("/v1/transactions/{zeros}"), 404, "TRANSACTION_UNKNOWN"),
        ("/v1/blocks/99999999".to_owned(), 404, "HEIGHT_NOT_REACHED"),
        ("/v1/blocks/-1".to_owned(), 400, "INVALID_PARAMETER"),
        ("/v1/registrations?limit=100000".to_owned(), 400, "INVALID_PARAMETER"),
        ("/v1/registrations?cursor=zzz".to_owned(), 400, "INVALID_PARAMETER"),
    ];
    for (path, status, code) in cases {
        let (found, problem) = http::get(&format!("{}{path}", net.api(0))).unwrap();
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{path}: {problem}");
    }
}

/// One transaction many times, at every node, is executed once.
fn duplicates(net: &Net, agent: &ureq::Agent, maker: &mut Maker) {
    let signed: SignedTransaction = maker.signed();
    let (id, bytes) = (signed.id().to_string(), signed.encode());
    let mut places = Vec::new();
    for index in [0, 0, 1, 2, 3, 0] {
        let url = format!("{}/v1/transactions?wait=certified&timeout_ms=30000", net.api(index));
        let (status, state) = http::post(agent, &url, BYTES, &bytes).unwrap();
        let expected = if places.is_empty() { 202 } else { 200 };
        assert_eq!(
            (status, state["id"].as_str(), state["stage"].as_str()),
            (expected, Some(id.as_str()), Some("certified")),
            "{state}"
        );
        places.push((state["height"].clone(), state["position"].clone()));
    }
    assert!(places.iter().all(|place| *place == places[0]), "one transaction has several places: {places:?}");
}
