//! What a report says beyond the published cases.

use quancheng_proof::commitment::RelativePath;
use quancheng_proof::report::{EXIT_CANNOT_CHECK, EXIT_MATCH, EXIT_MISMATCH, RecordFact};
use quancheng_proof::{
    Assessment, BatchTree, Bundle, FileDigests, ManifestEntry, Report, Salt, SaltedEntry, Scope, Standing, Step,
    Verdict, verify_bundle,
};
use quancheng_types::{Digest, List, Outcome};

use crate::fixtures::{LAST, NOTARIZED, World, digests, entry_key, files, list, registration_key};

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
    let pinned = verify_bundle(&world.notarization(), &world.pinned(7), &[]).facts.unwrap();
    assert_eq!(pinned.trust_steps, 1, "a step below the pin is not verified");
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
    assert_eq!(codes(&report, Step::FileDigest), ["file_match", "file_match", "file_match", "file_other_name"]);
    assert_eq!(codes(&report, Step::Manifest), ["manifest_match"]);
}

/// The notarization with another statement about its batch.
fn restated(bytes: u64, complete: bool) -> Bundle {
    let batch = crate::fixtures::parts::batch();
    let stated = quancheng_proof::BatchCommitment { bytes, complete, ..batch.commitment() };
    World::grown("泉城链", None, batch, stated).notarization()
}

#[test]
fn a_manifest_must_add_up() {
    let (world, files) = (world(), files());
    let bytes = world.batch.commitment().bytes;
    for (bytes, complete, code, exit) in [
        (bytes, true, "manifest_match", EXIT_MATCH),
        (bytes, false, "manifest_not_declared", EXIT_MATCH),
        (bytes + 1, true, "manifest_mismatch", EXIT_MISMATCH),
        (bytes + 1, false, "manifest_mismatch", EXIT_MISMATCH),
    ] {
        let report = verify_bundle(&restated(bytes, complete), &world.checkpoint(), &files);
        assert_eq!(codes(&report, Step::Manifest), [code]);
        assert_eq!(report.exit_code(), exit);
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
    let bundle = world.entry(&entry_key(3));
    let mut report = verify_bundle(&bundle, &world.checkpoint(), &[]);
    report.add_unreadable_status(0, "a later version");
    assert_eq!((codes(&report, Step::Status), report.exit_code()), (vec!["status_uncertain"], EXIT_CANNOT_CHECK));
    let mut report = verify_bundle(&world.notarization(), &world.checkpoint(), &files());
    report.add_unreadable_file(3, "d", "is a folder");
    assert_eq!(codes(&report, Step::FileDigest), ["file_match", "file_match", "file_match", "file_unreadable"]);
    assert_eq!(report.exit_code(), EXIT_CANNOT_CHECK);
    assert!(report.findings.is_sorted_by_key(|finding| finding.step));
    report.add_unreadable_file(4, "e", "is a folder");
    assert_eq!(report.findings[4].scope, Scope::File { file: 4, name: "e".to_owned() }, "in the order given");
}

const TWIN: &[u8] = b"one content under two names";

/// A notarization of two files of equal content.
fn twins() -> Bundle {
    manifest_of(&[digests("a.txt", TWIN), digests("b.txt", TWIN)])
}

/// A notarization of these files as a whole manifest.
fn manifest_of(files: &[FileDigests]) -> Bundle {
    let item = |(salt, file): (u8, &FileDigests)| {
        let path = RelativePath::new(file.name.as_str()).expect("relative");
        let entry = ManifestEntry { path, size: file.size, sha256: file.sha256, sm3: file.sm3, mime: None };
        SaltedEntry { salt: Salt(Digest([salt; 32])), entry }
    };
    let tree = BatchTree::new((1..).zip(files).map(item).collect(), true).expect("a few files");
    let stated = tree.commitment();
    World::grown("泉城链", None, tree, stated).notarization()
}

/// The manifest says which content has which name; contents alone are not the manifest.
#[test]
fn a_content_under_another_name_is_told_and_makes_no_complete_manifest() {
    let world = world();
    let judge = |files: &[FileDigests]| {
        let report = verify_bundle(&world.notarization(), &world.checkpoint(), files);
        (codes(&report, Step::FileDigest), codes(&report, Step::Manifest), report.exit_code())
    };
    let mut swapped = files();
    (swapped[0].name, swapped[2].name) = (swapped[2].name.clone(), swapped[0].name.clone());
    let other = "file_other_name";
    assert_eq!(judge(&swapped), (vec![other, "file_match", other], vec!["manifest_names_mismatch"], EXIT_MISMATCH));
    let report = verify_bundle(&world.notarization(), &world.checkpoint(), &swapped);
    assert_eq!(report.findings[0].statement_zh, "与清单所列“规则.txt”一致，名称不同");
    assert_eq!(report.findings[0].statement_en, "equals “规则.txt” of the manifest; the name differs");
    // One of the two is enough to mislead.
    let (v1, v2, exit) = judge(&swapped[..1]);
    assert_eq!((v1, v2, exit), (vec![other, "files_not_given"], vec!["manifest_names_mismatch"], EXIT_MISMATCH));
    // A name that the manifest does not know says nothing against it, and nothing for it.
    let mut renamed = files();
    renamed[2].name = "copy.json".to_owned();
    let expected = (vec!["file_match", "file_match", other], vec!["manifest_other_names"], EXIT_MATCH);
    assert_eq!(judge(&renamed), expected);
}

/// A name is compared from its end, and one that would do for two contents names neither.
#[test]
fn names_are_compared_from_their_end() {
    let world = world();
    let file = |name: &str, content: &str| digests(name, content.as_bytes());
    let bundle = manifest_of(&[file("a.txt", "1"), file("x/a.txt", "2"), file("y/a.txt", "3")]);
    for (name, content, code) in [
        ("a.txt", "1", "file_match"),
        ("case/a.txt", "1", "file_match"),
        ("./case/../x//a.txt", "2", "file_match"),
        ("/mnt/x/a.txt", "2", "file_match"),
        ("a.txt", "2", "file_other_name"),
        ("x/a.txt", "1", "file_other_name"),
        ("x/a.txt", "3", "file_other_name"),
        ("xx/a.txt", "3", "file_other_name"),
        ("A.txt", "1", "file_other_name"),
        ("a.txt", "4", "file_mismatch"),
    ] {
        let report = verify_bundle(&bundle, &world.checkpoint(), &[file(name, content)]);
        assert_eq!(report.findings.iter().find(|f| f.step == Step::FileDigest).unwrap().code, code, "{name} {content}");
    }
    let all = [file("q/a.txt", "1"), file("q/x/a.txt", "2"), file("q/y/a.txt", "3")];
    let report = verify_bundle(&bundle, &world.checkpoint(), &all);
    assert_eq!(codes(&report, Step::Manifest), ["manifest_match"]);
}

/// A cut bundle says nothing of the files that it leaves out, and says that.
#[test]
fn a_file_may_be_among_those_that_are_not_listed() {
    let world = world();
    let file = |name: &str, content: &str| digests(name, content.as_bytes());
    let whole = manifest_of(&[file("a.txt", "1"), file("b.txt", "2")]);
    let mut opening = whole.openings[0].clone();
    opening.items = List::new(vec![opening.items[0].clone()]).unwrap();
    let cut = Bundle { openings: List::new(vec![opening]).unwrap(), ..whole.clone() };
    for (bundle, name, content, is_told) in
        [(&cut, "b.txt", "2", true), (&cut, "a.txt", "2", false), (&whole, "c.txt", "3", false)]
    {
        let report = verify_bundle(bundle, &world.checkpoint(), &[file(name, content)]);
        let found = report.findings.iter().find(|finding| finding.step == Step::FileDigest).unwrap();
        assert_eq!(found.code, "file_mismatch", "{name}");
        assert_eq!(found.detail.contains("cannot be told"), is_told, "{name}: {}", found.detail);
        assert_eq!(found.detail_zh.contains("无从判断"), is_told, "{name}: {}", found.detail_zh);
    }
}

/// The caller knows which of the files are one file; the spelling of a name shows it too.
#[test]
fn a_file_given_twice_is_one_file() {
    let world = world();
    let twins = twins();
    let linked = FileDigests { same_as: Some(0), ..digests("b.txt", TWIN) };
    for files in [
        vec![digests("a.txt", TWIN), linked],
        vec![digests("f/a.txt", TWIN), digests("./f//a.txt", TWIN)],
        vec![digests("f/a.txt", TWIN), digests("g/../f/a.txt", TWIN)],
    ] {
        let report = verify_bundle(&twins, &world.checkpoint(), &files);
        assert_eq!(codes(&report, Step::FileDigest), ["file_match", "file_match", "files_not_given"]);
        assert_eq!(codes(&report, Step::Manifest), ["manifest_partial"]);
    }
}

/// A checkpoint of another chain is the reader's slip, not broken evidence.
#[test]
fn a_checkpoint_of_another_chain_cannot_check() {
    let (world, other) = (world(), World::new("另一条链", None));
    for checkpoint in [other.checkpoint(), other.pinned(LAST)] {
        let report = verify_bundle(&world.notarization(), &checkpoint, &files());
        assert_eq!(codes(&report, Step::TrustPath), ["trust_path_other_chain"]);
        assert_eq!(report.exit_code(), EXIT_CANNOT_CHECK);
        let told = report.findings.iter().find(|finding| finding.step == Step::TrustPath).unwrap();
        assert!(told.detail_zh.contains(&other.genesis.chain_id().to_string()), "{}", told.detail_zh);
    }
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
    let twins = twins();
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
    let bundle = world.entry(&registration_key(11));
    let mut report = verify_bundle(&bundle, &world.checkpoint(), &[]);
    report.add_status(0, standing(), "holder ORG-M1");
    report.add_grant(0, "3 of 10 uses");
    assert_eq!(report.exit_code(), EXIT_MATCH);
    assert_eq!((codes(&report, Step::Status), codes(&report, Step::Grant)), (vec!["status"], vec!["grant"]));
    let status = report.findings.iter().find(|finding| finding.step == Step::Status).unwrap();
    assert_eq!(
        status.statement_zh,
        "截至高度 3（2026-01-20T08:00:03.000+08:00）登记凭证 1 状态为有效；该条目自高度 3（2026-01-20T08:00:03.000+08:00）写入，至高度 11（2026-01-20T08:00:11.000+08:00）未变；不说明此后的状态"
    );
    assert_eq!(
        status.statement_en,
        "as of height 3 (2026-01-20T08:00:03.000+08:00) the status of certificate 1 is active; the entry was written at height 3 (2026-01-20T08:00:03.000+08:00) and was unchanged up to height 11 (2026-01-20T08:00:11.000+08:00); this says nothing about later times"
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
    for key in [entry_key(3), registration_key(99)] {
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

/// A header's time is its proposer's: what a record is bounded by is the time of the header that certifies it.
#[test]
fn a_record_is_bounded_by_the_header_that_certifies_it() {
    let world = world();
    let times = |bundle: &Bundle| {
        let report = verify_bundle(bundle, &world.checkpoint(), &[]);
        let found = report.findings.iter().find(|finding| finding.step == Step::BlockTime).expect("one").clone();
        (found.code, found.statement_zh, found.statement_en)
    };
    for (header, second) in [(NOTARIZED + 1, 4), (LAST, 12)] {
        let bundle = world.claim(world.builder(header), header, NOTARIZED, 0).build().unwrap();
        let (code, zh, en) = times(&bundle);
        assert_eq!(code, "block_time");
        assert!(zh.starts_with("区块时间（提案）为 2026-01-20T08:00:03.000+08:00"), "{zh}");
        assert!(zh.contains(&format!("不晚于 2026-01-20T08:00:{second:02}.000+08:00 已上链")), "{zh}");
        assert!(en.contains(&format!("not later than 2026-01-20T08:00:{second:02}.000+08:00")), "{en}");
    }
    // Nobody voted on the time of the genesis.
    let key = quancheng_proof::identity::organization_key("ORG-M1");
    let genesis = world.claim_state(world.builder(LAST), LAST, 0, &key).build().unwrap();
    let (code, zh, _) = times(&genesis);
    assert_eq!(code, "genesis_time");
    assert!(zh.contains("未经验证者表决") && !zh.contains("提案"), "{zh}");
}

/// What the report tells of height 0, it tells as what the genesis states: statements, details and facts, in both languages and in JSON.
#[test]
fn no_report_gives_the_time_of_the_genesis_as_one_that_was_voted_on() {
    const TIME: &str = "2026-01-20T08:00:00.000+08:00";
    let world = world();
    let row = quancheng_proof::identity::organization_key("ORG-M1");
    let founded = |key: &[u8]| world.claim_under(world.builder(LAST), LAST, 0, LAST - 1, key).build().unwrap();
    let client = crate::fixtures::people::account_of(&crate::fixtures::parts::client());
    let signed = world.identified(crate::fixtures::PLACE, &[client], &["ORG-M1"]).build().unwrap();
    let mut told = 0;
    for bundle in [founded(&row), founded(&registration_key(99)), signed] {
        let report = verify_bundle(&bundle, &world.checkpoint(), &[]);
        assert_eq!(report.overall(), Assessment::Match);
        for finding in &report.findings {
            for (zh, en) in [(&finding.statement_zh, &finding.statement_en), (&finding.detail_zh, &finding.detail)] {
                let times = zh.matches(TIME).count();
                told += times;
                assert_eq!(zh.matches("无人表决").count() + zh.matches("未经验证者表决").count(), times, "{zh}");
                assert_eq!((en.matches(TIME).count(), en.matches("nobody voted").count()), (times, times), "{en}");
            }
        }
        let facts = serde_json::to_value(&report.facts).unwrap();
        for claim in facts["claims"].as_array().unwrap() {
            let span = &claim["record"]["span"];
            let moments = [claim, &span["since"], &span["until"], &span["known"]];
            for moment in moments.into_iter().filter(|moment| !moment["time_ms"].is_null()) {
                let of = if moment["height"] == 0 { "genesis" } else { "proposal" };
                assert_eq!(moment["time_of"], of, "{claim}");
            }
        }
    }
    assert!(told >= 5, "{told}");
}

/// What was notarized is listed without any file at hand.
#[test]
fn facts_list_what_was_notarized() {
    let facts = verify_bundle(&world().notarization(), &world().checkpoint(), &[]).facts.unwrap();
    let [manifest] = facts.manifests.as_slice() else { panic!("one manifest") };
    assert_eq!((manifest.claim, manifest.call, manifest.entries.len()), (0, 0, 3));
    let first = serde_json::to_value(&manifest.entries[0]).unwrap();
    assert_eq!(first["path"], "规则.txt");
    assert_eq!((first["index"].as_u64(), first["mime"].as_str()), (Some(0), Some("text/plain")));
    assert_eq!(first["sha256"], files()[0].sha256.to_string());
    assert_eq!(first["is_sealed"], false);
}

/// A legal name out of a bundle stays a name: it neither turns the text nor closes the quotes around it.
#[test]
fn a_legal_name_cannot_speak_for_the_report() {
    let world = world();
    let accounts = [crate::fixtures::people::account_of(&crate::fixtures::people::doubtful())];
    let bundle = world.identified(crate::fixtures::DOUBTFUL, &accounts, &["ORG-M2"]).build().unwrap();
    let report = verify_bundle(&bundle, &world.checkpoint(), &[]);
    let found = report.findings.iter().find(|finding| finding.code == "signer_key_doubtful").expect("one");
    assert!(found.statement_zh.contains("“样例\\u{201c}数据\\u{201d}服务\\u{202e}公司”"), "{}", found.statement_zh);
    assert!(found.statement_zh.contains("机构状态：暂停"), "{}", found.statement_zh);
    assert!(found.statement_zh.contains(&accounts[0].to_text()), "the account in its checked form");
}
