//! What a report says beyond the published cases.

use quancheng_proof::report::{EXIT_CANNOT_CHECK, EXIT_MATCH, EXIT_MISMATCH, RecordFact};
use quancheng_proof::{Assessment, Bundle, Claim, Report, Scope, Step, verify_bundle};
use quancheng_types::{Bytes, Outcome, codec};

use crate::fixtures::{LAST, NOTARIZED, World, digests, files, list, registration_key};

fn world() -> World {
    World::new("泉城链", None)
}

fn codes(report: &Report, step: Step) -> Vec<&'static str> {
    report.findings.iter().filter(|finding| finding.step == step).map(|finding| finding.code).collect()
}

#[test]
fn findings_stand_in_the_order_of_the_steps_and_name_what_was_not_assessed() {
    let world = world();
    let report = verify_bundle(&world.notarization(), &world.checkpoint(), &files());
    assert!(report.findings.is_sorted_by_key(|finding| finding.step));
    for step in [Step::Timestamp, Step::Status, Step::Grant, Step::PreChain, Step::Platform, Step::DoubtWindow] {
        let found: Vec<_> = report.findings.iter().filter(|finding| finding.step == step).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].result, Assessment::NotAssessed);
    }
}

#[test]
fn facts_name_the_signers_and_their_interests() {
    let world = world();
    let facts = verify_bundle(&world.notarization(), &world.checkpoint(), &[]).facts.unwrap();
    assert_eq!((facts.signed_power, facts.total_power, facts.quorum_power), (3, 4, 3));
    assert_eq!(facts.validators.iter().filter(|validator| validator.signed).count(), 3);
    let interested = facts.validators.iter().find(|v| v.organization == "仲裁委员会办公室").unwrap();
    assert_eq!(interested.interest, "与存证人有仲裁业务往来");
    assert_eq!(facts.trust_steps, 2);
    assert_eq!(facts.claims[0].height.0, NOTARIZED);
    let RecordFact::Transaction { outcome, batches, .. } = &facts.claims[0].record else { panic!("a transaction") };
    assert_eq!(*outcome, Outcome::Ok);
    assert_eq!(batches, &[(0, world.batch.commitment())]);
}

/// An empty list of findings is no success.
#[test]
fn silence_is_never_a_match() {
    let mut report = verify_bundle(&world().notarization(), &world().checkpoint(), &[]);
    for step in [Step::Finality, Step::TrustPath, Step::Inclusion] {
        let mut without = report.clone();
        without.findings.retain(|finding| finding.step != step);
        assert_eq!(without.exit_code(), EXIT_CANNOT_CHECK, "{step:?}");
    }
    report.findings.clear();
    assert_eq!(report.overall(), Assessment::CannotCheck);
}

#[test]
fn a_mismatch_outweighs_what_cannot_be_checked() {
    let world = world();
    let mut bundle = world.notarization();
    let mut openings = bundle.openings.to_vec();
    let mut items = openings[0].items.to_vec();
    items[0].salt = None;
    openings[0].items = list(items);
    bundle.openings = list(openings);
    let sealed = verify_bundle(&bundle, &world.checkpoint(), &files());
    assert_eq!(sealed.exit_code(), EXIT_CANNOT_CHECK);
    assert_eq!(codes(&sealed, Step::Commitment), ["commitment_sealed", "commitment_match"]);
    // Not even the manifest of a batch with a sealed item is complete.
    assert_eq!(codes(&sealed, Step::Manifest), ["manifest_partial"]);
    let changed = verify_bundle(&bundle, &world.checkpoint(), &[digests("规则.txt", b"x")]);
    assert_eq!(changed.exit_code(), EXIT_MISMATCH);
    assert!(changed.findings[0].detail.contains("lists this path"), "{}", changed.findings[0].detail);
}

#[test]
fn equal_files_and_other_names_match_by_content() {
    let world = world();
    let mut renamed = files();
    renamed.push(digests("copy of it", crate::fixtures::parts::contents()[0].1));
    renamed.iter_mut().for_each(|file| file.name.insert_str(0, "evidence/"));
    let report = verify_bundle(&world.notarization(), &world.checkpoint(), &renamed);
    assert_eq!(report.exit_code(), EXIT_MATCH);
    assert_eq!(codes(&report, Step::FileDigest), ["file_match"; 4]);
    assert_eq!(codes(&report, Step::Manifest), ["manifest_match"]);
}

/// The notarization with another statement about its batch. It is not in the chain any more, but the files are judged all
/// the same.
fn restated(world: &World, bytes: u64, complete: bool) -> Bundle {
    let mut bundle = world.notarization();
    let mut claims = bundle.claims.to_vec();
    let Claim::Transaction { transaction, .. } = &mut claims[0] else { panic!("a transaction") };
    let mut calls = transaction.body.calls.to_vec();
    let commitment = quancheng_proof::BatchCommitment { bytes, complete, ..world.batch.commitment() };
    calls[0].payload = Bytes::new([vec![0], codec::encode(&commitment)].concat()).expect("short");
    transaction.body.calls = list(calls);
    bundle.claims = list(claims);
    bundle
}

#[test]
fn a_manifest_must_add_up() {
    let (world, files) = (world(), files());
    let bytes = world.batch.commitment().bytes;
    for (bytes, complete, code) in [
        (bytes, true, "manifest_match"),
        (bytes, false, "manifest_not_declared"),
        (bytes + 1, true, "manifest_mismatch"),
        (bytes + 1, false, "manifest_mismatch"),
    ] {
        let report = verify_bundle(&restated(&world, bytes, complete), &world.checkpoint(), &files);
        assert_eq!(codes(&report, Step::Manifest), [code]);
        assert_eq!(report.exit_code(), EXIT_MISMATCH, "the transaction was changed");
    }
}

#[test]
fn a_status_needs_a_confirmed_entry() {
    let world = world();
    let bundle = world.entry(&registration_key(3));
    let mut report = verify_bundle(&bundle, &world.checkpoint(), &[]);
    report.add_status(0, "有效");
    report.add_grant(0, "3 of 10 uses");
    assert_eq!(report.exit_code(), EXIT_MATCH);
    assert_eq!((codes(&report, Step::Status), codes(&report, Step::Grant)), (vec!["status"], vec!["grant"]));
    let status = report.findings.iter().find(|finding| finding.step == Step::Status).unwrap();
    assert_eq!(status.statement_zh, "截至高度 3 登记凭证状态为有效");
    assert_eq!(status.scope, Scope::Claim { claim: 0 });
    assert!(report.findings.is_sorted_by_key(|finding| finding.step));

    for (bundle, claim) in [(world.entry(&registration_key(99)), 0), (bundle, 7)] {
        let mut report = verify_bundle(&bundle, &world.checkpoint(), &[]);
        report.add_status(claim, "有效");
        report.add_grant(claim, "");
        assert_eq!(codes(&report, Step::Status), ["status_uncertain"]);
        assert_eq!(codes(&report, Step::Grant), ["grant_uncertain"]);
        assert_eq!(report.exit_code(), EXIT_CANNOT_CHECK);
    }
}

/// Without a trusted header nothing that rests on it is called a match.
#[test]
fn nothing_rests_on_an_untrusted_header() {
    let (world, other) = (world(), World::new("另一条链", None));
    for key in [registration_key(3), registration_key(99)] {
        let builder = world.claim(world.builder(LAST), LAST, NOTARIZED, 0);
        let bundle = world.claim_state(builder, LAST, NOTARIZED, &key).build().unwrap();
        let report = verify_bundle(&bundle, &other.checkpoint(), &[]);
        for finding in report.findings {
            if matches!(finding.step, Step::Inclusion | Step::BlockTime | Step::Absence) {
                assert_eq!(finding.result, Assessment::CannotCheck, "{finding:?}");
            }
        }
    }
}
