//! What it costs to verify an evidence bundle offline, decoding included: the bundles of the published vectors.

mod settings;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use quancheng_proof::{Bundle, Checkpoint, FileDigests, verify};
use serde_json::Value;

/// Cases of the vectors, by what they stand for.
const CASES: [(&str, &str); 4] = [
    ("verify/receipt,validators=4,changes=0", "early_header"),
    ("verify/receipt,validators=4,changes=2", "receipt"),
    ("verify/files=3,validators=4,changes=2", "all_files"),
    ("verify/files=3,form=json", "json"),
];

fn cases(criterion: &mut Criterion) {
    let vectors: Value =
        serde_json::from_str(include_str!("../../proof/vectors/valid.json")).expect("the published vectors");
    for (id, name) in CASES {
        let all = vectors["cases"].as_array().expect("a list of cases");
        let case = all.iter().find(|case| case["name"] == name).expect("a case of this name");
        let bundle = hex::decode(case["bundle"].as_str().expect("a text")).expect("hex");
        let files: Vec<FileDigests> = serde_json::from_value(case["files"].clone()).expect("digests of files");
        let at = case["checkpoint"].as_u64().and_then(|at| usize::try_from(at).ok()).expect("an index");
        let file = vectors["checkpoints"][at].to_string();
        let checkpoint = Checkpoint::from_json(file.as_bytes()).expect("a checkpoint");
        assert_eq!(verify(&bundle, &checkpoint, &files).exit_code(), 0, "{name}");
        criterion.bench_function(id, |bencher| bencher.iter(|| verify(black_box(&bundle), &checkpoint, &files)));
    }
}

fn decode(criterion: &mut Criterion) {
    let vectors: Value =
        serde_json::from_str(include_str!("../../proof/vectors/valid.json")).expect("the published vectors");
    let all = vectors["cases"].as_array().expect("a list of cases");
    let case = all.iter().find(|case| case["name"] == "all_files").expect("a case of this name");
    let bundle = hex::decode(case["bundle"].as_str().expect("a text")).expect("hex");
    criterion.bench_function("verify/decode_only", |bencher| bencher.iter(|| Bundle::decode(black_box(&bundle))));
}

criterion_group!(name = benches; config = settings::quick(); targets = cases, decode);
criterion_main!(benches);
