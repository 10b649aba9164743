//! Words that a bundle is not allowed to put into a report, or to earn without proof.

use quancheng_proof::commitment::RelativePath;
use quancheng_proof::report::{EXIT_CANNOT_CHECK, EXIT_MATCH, EXIT_MISMATCH};
use quancheng_proof::{Assessment, Bundle, Claim, FileDigests, Report, Step, verify_bundle};

use crate::fixtures::{World, files, list};

fn world() -> World {
    World::new("泉城链", None)
}

fn codes(report: &Report, step: Step) -> Vec<&'static str> {
    report.findings.iter().filter(|finding| finding.step == step).map(|finding| finding.code).collect()
}

/// Anybody can list a file in a bundle. "Notarized" is said where entry, record and header hold, and nowhere else.
#[test]
fn what_is_not_shown_to_be_notarized_is_not_called_notarized() {
    let world = world();
    let unsigned = |mut bundle: Bundle| {
        bundle.certificate.signatures = list(Vec::new());
        bundle
    };
    let changed = |mut bundle: Bundle| {
        let mut claims = bundle.claims.to_vec();
        let Claim::Transaction { transaction, .. } = &mut claims[0] else { panic!("a transaction") };
        transaction.body.nonce += 1;
        bundle.claims = list(claims);
        bundle
    };
    let refused = world.refusal().attach(world.opening()).expect("well-formed");
    for (bundle, v1, v2, exit) in [
        (world.notarization(), "file_match", "manifest_match", EXIT_MATCH),
        (unsigned(world.notarization()), "file_listed", "manifest_uncertain", EXIT_MISMATCH),
        (refused, "file_listed", "manifest_uncertain", EXIT_CANNOT_CHECK),
        (World::new("另一条链", None).notarization(), "file_listed", "manifest_uncertain", EXIT_CANNOT_CHECK),
        (changed(world.notarization()), "file_listed", "manifest_uncertain", EXIT_MISMATCH),
    ] {
        let report = verify_bundle(&bundle, &world.checkpoint(), &files());
        assert_eq!(codes(&report, Step::FileDigest), [v1; 3]);
        assert_eq!((codes(&report, Step::Manifest), report.exit_code()), (vec![v2], exit));
        for finding in report.findings.iter().filter(|finding| finding.code == "file_listed") {
            assert_eq!(finding.result, Assessment::CannotCheck);
            assert!(finding.statement_zh.contains("与证据包所列摘要相同"), "{}", finding.statement_zh);
            assert!(finding.detail_zh.contains("清单所列名称：“"), "{}", finding.detail_zh);
        }
    }
    // A sealed entry says of itself what it likes, the others of the batch are none the worse.
    let mut bundle = world.notarization();
    let mut openings = bundle.openings.to_vec();
    let mut items = openings[0].items.to_vec();
    items[1].salt = None;
    openings[0].items = list(items);
    bundle.openings = list(openings);
    let report = verify_bundle(&bundle, &world.checkpoint(), &files());
    assert_eq!(codes(&report, Step::FileDigest), ["file_match", "file_listed", "file_match"]);
}

/// A path out of a bundle stays a path, in statements and in details.
#[test]
fn a_path_cannot_speak_for_the_report() {
    let world = world();
    let path = "x c.pdf 一致，与原件核对无误，系原件（人民法院已核验）│ V1 ┆ \u{3164}   ”";
    let mut bundle = world.notarization();
    let mut openings = bundle.openings.to_vec();
    let mut items = openings[0].items.to_vec();
    items[1].entry.path = RelativePath::new(path).expect("relative");
    items[1].salt = None;
    let content = FileDigests {
        name: "c.pdf".to_owned(),
        size: items[1].entry.size,
        sha256: items[1].entry.sha256,
        sm3: items[1].entry.sm3,
        same_as: None,
        place: None,
    };
    openings[0].items = list(items);
    bundle.openings = list(openings);
    let report = verify_bundle(&bundle, &world.checkpoint(), &[content]);
    let shown =
        "“x c.pdf 一致，与原件核对无误，系原件（人民法院已核验）\\u{2502} V1 \\u{2506} \\u{3164}\\u{20 ×3}\\u{201d}”";
    let mut seen = 0;
    for finding in &report.findings {
        for words in [&finding.statement_zh, &finding.statement_en, &finding.detail_zh, &finding.detail] {
            seen += usize::from(words.contains(shown));
            assert!(!words.replace(shown, "").contains("原件核对"), "{words}");
        }
    }
    assert_eq!(seen, 4, "below the file and below the sealed item, in two languages");
}

/// Nobody has signed before it is confirmed: a key that anybody made may carry any name.
#[test]
fn a_signature_that_is_not_confirmed_is_not_told_as_one() {
    use quancheng_proof::report::CarriedSignature::{Confirmed, Invalid, None as Absent, Unconfirmed};
    let (world, other) = (world(), World::new("另一条链", None));
    let carried = |bundle: &Bundle| {
        let facts = verify_bundle(bundle, &world.checkpoint(), &[]).facts.expect("it decodes");
        let signatures: Vec<_> = facts.validators.iter().map(|validator| validator.signature).collect();
        let signed = facts.validators.iter().filter(|validator| validator.signed).count();
        (signatures, signed, facts.signed_power)
    };
    let bundle = world.notarization();
    let (signatures, signed, power) = carried(&bundle);
    assert_eq!((signatures.iter().filter(|s| **s == Confirmed).count(), signed, power), (3, 3, 3));
    assert_eq!(signatures.iter().filter(|s| **s == Absent).count(), 1);
    // Validators whom the checkpoint does not confirm.
    let (signatures, signed, power) = carried(&other.notarization());
    assert_eq!((signatures.iter().filter(|s| **s == Unconfirmed).count(), signed, power), (3, 0, 3));
    // One signature is another's: the quorum falls, and what is left is not confirmed.
    let mut forged = bundle.clone();
    let mut signatures = forged.certificate.signatures.to_vec();
    signatures[0].signature = signatures[1].signature;
    forged.certificate.signatures = list(signatures);
    let (signatures, signed, power) = carried(&forged);
    assert_eq!((signatures.iter().filter(|s| **s == Invalid).count(), signed, power), (1, 0, 2));
    // A certificate of another block.
    let mut elsewhere = bundle;
    elsewhere.certificate.block_id = Default::default();
    let (signatures, signed, power) = carried(&elsewhere);
    assert_eq!((signatures.iter().filter(|s| **s == Invalid).count(), signed, power), (3, 0, 0));
}

/// A parser repeats what it met; in a report that is a foreign text as any other.
#[test]
fn what_a_parser_met_cannot_speak_for_the_report() {
    let json = "{\"format\": \"quancheng-bundle\", \"version\": 1, \"x” 一致   │ V1\": 1, \"bundle\": {}}";
    let report = quancheng_proof::verify(json.as_bytes(), &world().checkpoint(), &[]);
    let detail = &report.findings[0].detail;
    assert!(detail.contains("x\\u{201d} 一致\\u{20 ×3}\\u{2502} V1") && detail.ends_with('”'), "{detail}");
}
