//! What a report says beyond the published cases.

use quancheng_proof::commitment::RelativePath;
use quancheng_proof::report::{EXIT_CANNOT_CHECK, EXIT_MATCH, EXIT_MISMATCH, RecordFact};
use quancheng_proof::{
    Assessment, BatchTree, Bundle, Claim, ManifestEntry, Report, Salt, SaltedEntry, Scope, Standing, Step, Verdict,
    verify_bundle,
};
use quancheng_types::{Bytes, Digest, Outcome, codec};

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

fn standing() -> Standing {
    Standing {
        subject_zh: "登记凭证 1 ".to_owned(),
        subject_en: "certificate 1".to_owned(),
        status_zh: "有效".to_owned(),
        status_en: "active".to_owned(),
    }
}

/// A file that cannot be read, or an entry in a form of later rules, is no match and no mismatch.
#[test]
fn what_the_caller_cannot_read_cannot_be_checked() {
    let world = world();
    let bundle = world.entry(&registration_key(3));
    let mut report = verify_bundle(&bundle, &world.checkpoint(), &[]);
    report.add_unreadable_status(0, "a later version");
    assert_eq!((codes(&report, Step::Status), report.exit_code()), (vec!["status_uncertain"], EXIT_CANNOT_CHECK));
    let mut report = verify_bundle(&world.notarization(), &world.checkpoint(), &files());
    report.add_unreadable_file("d", "is a folder");
    assert_eq!(codes(&report, Step::FileDigest), ["file_match", "file_match", "file_match", "file_unreadable"]);
    assert_eq!(report.exit_code(), EXIT_CANNOT_CHECK);
    assert!(report.findings.is_sorted_by_key(|finding| finding.step));
    report.add_unreadable_file("e", "is a folder");
    assert_eq!(report.findings[4].scope, Scope::File { name: "e".to_owned() }, "in the order given");
}

const TWIN: &[u8] = b"one content under two names";

/// A notarization of two files of equal content. It is not in the chain, but the files are judged all the same.
fn twins(world: &World) -> Bundle {
    let item = |salt: u8, name: &str| {
        let file = digests(name, TWIN);
        let path = RelativePath::new(name).expect("relative");
        let entry = ManifestEntry { path, size: file.size, sha256: file.sha256, sm3: file.sm3, mime: None };
        SaltedEntry { salt: Salt(Digest([salt; 32])), entry }
    };
    let tree = BatchTree::new(vec![item(1, "a.txt"), item(2, "b.txt")], true).expect("two files");
    let mut bundle = world.notarization();
    let mut claims = bundle.claims.to_vec();
    let Claim::Transaction { transaction, .. } = &mut claims[0] else { panic!("a transaction") };
    let mut calls = transaction.body.calls.to_vec();
    calls[0].payload = Bytes::new([vec![0], codec::encode(&tree.commitment())].concat()).expect("short");
    transaction.body.calls = list(calls);
    bundle.claims = list(claims);
    let mut openings = bundle.openings.to_vec();
    openings[0].items = list(tree.openings());
    bundle.openings = list(openings);
    bundle
}

/// Entries of equal content need as many files. One file named twice is one file.
#[test]
fn a_manifest_is_complete_only_with_as_many_files_as_it_lists() {
    let world = world();
    let given = files();
    for (files, code) in [
        (given.clone(), "manifest_match"),
        (given[..2].to_vec(), "manifest_partial"),
        ([&given[..2], &given[..1]].concat(), "manifest_partial"),
    ] {
        assert_eq!(codes(&verify_bundle(&world.notarization(), &world.checkpoint(), &files), Step::Manifest), [code]);
    }
    let twins = twins(&world);
    let one = digests("a.txt", TWIN);
    let two = digests("b.txt", TWIN);
    for (files, expected, missing) in [
        (vec![one.clone(), two.clone()], "manifest_match", None),
        (vec![one.clone()], "manifest_partial", Some(1)),
        (vec![one.clone(), one.clone()], "manifest_partial", Some(1)),
        (Vec::new(), "manifest_partial", Some(2)),
    ] {
        let report = verify_bundle(&twins, &world.checkpoint(), &files);
        assert_eq!(codes(&report, Step::Manifest), [expected]);
        let counts = report.findings.iter().filter_map(|finding| {
            let Verdict::FilesNotGiven { count } = finding.verdict else { return None };
            Some(count)
        });
        assert_eq!(counts.collect::<Vec<_>>(), Vec::from_iter(missing));
    }
}

#[test]
fn a_status_needs_a_confirmed_entry() {
    let world = world();
    let bundle = world.entry(&registration_key(3));
    let mut report = verify_bundle(&bundle, &world.checkpoint(), &[]);
    report.add_status(0, standing(), "holder ORG-M1");
    report.add_grant(0, "3 of 10 uses");
    assert_eq!(report.exit_code(), EXIT_MATCH);
    assert_eq!((codes(&report, Step::Status), codes(&report, Step::Grant)), (vec!["status"], vec!["grant"]));
    let status = report.findings.iter().find(|finding| finding.step == Step::Status).unwrap();
    assert_eq!(
        status.statement_zh,
        "截至高度 3（2026-01-20T08:00:03.000+08:00）登记凭证 1 状态为有效；不说明此后的状态"
    );
    assert_eq!(
        status.statement_en,
        "as of height 3 (2026-01-20T08:00:03.000+08:00) the status of certificate 1 is active; this says nothing about later times"
    );
    assert_eq!(status.detail, "holder ORG-M1");
    assert_eq!(status.scope, Scope::Claim { claim: 0 });
    assert!(report.findings.is_sorted_by_key(|finding| finding.step));

    for (bundle, claim) in [(world.entry(&registration_key(99)), 0), (bundle, 7)] {
        let mut report = verify_bundle(&bundle, &world.checkpoint(), &[]);
        report.add_status(claim, standing(), "");
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
            if matches!(finding.step, Step::Finality | Step::Inclusion | Step::BlockTime | Step::Absence) {
                assert_eq!(finding.result, Assessment::CannotCheck, "{finding:?}");
            }
        }
    }
}
