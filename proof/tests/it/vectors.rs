//! The published vectors say what this verifier says, and this verifier says what was expected by hand.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fixtures::cases::{groups, vector_file};

const STORED: [(&str, &str); 4] = [
    ("valid", include_str!("../../vectors/valid.json")),
    ("undecided", include_str!("../../vectors/undecided.json")),
    ("forged", include_str!("../../vectors/forged.json")),
    ("malformed", include_str!("../../vectors/malformed.json")),
];

#[test]
fn every_case_is_answered_as_expected() {
    for (group, cases) in groups() {
        let mut names = BTreeSet::new();
        for case in cases {
            let report = case.report();
            assert_eq!(report.exit_code(), case.exit, "{group}/{}: {report:#?}", case.name);
            let codes: Vec<_> = report.findings.iter().map(|finding| finding.code).collect();
            assert!(codes.contains(&case.code), "{group}/{}: {} is not in {codes:?}", case.name, case.code);
            assert!(names.insert(case.name), "{group}/{} is there twice", case.name);
        }
    }
}

#[test]
fn the_stored_vectors_are_current() {
    for ((group, cases), (stored_group, stored)) in groups().iter().zip(STORED) {
        assert_eq!(*group, stored_group);
        let current: Value = serde_json::from_str(&vector_file(group, cases)).unwrap();
        let stored: Value = serde_json::from_str(stored).unwrap();
        assert!(
            current == stored,
            "vectors/{group}.json differs; if that is meant: cargo run -p quancheng-proof --example vectors"
        );
    }
}

#[test]
fn every_checkpoint_file_is_answered_as_expected() {
    let world = crate::fixtures::World::new("泉城链", None);
    let stored: Value = serde_json::from_str(include_str!("../../vectors/checkpoints.json")).unwrap();
    let current: Value = serde_json::from_str(&crate::fixtures::cases::checkpoints::file(&world)).unwrap();
    assert!(
        current == stored,
        "vectors/checkpoints.json differs; if that is meant: cargo run -p quancheng-proof --example vectors"
    );
}
