use std::collections::BTreeSet;

use quancheng_types::{AccountId, Height, KeyId, ModuleId};

use super::{BoundSigner, Doubt, Listed, RegisteredSigner, SignerVerdict, Verdict};
use crate::bundle::{Encoding, Reencoded};
use crate::identity::OrganizationRow;
use crate::report::{Assessment, Moment, ProvenSpan, Standing, Step};
use crate::tables::Row;

fn standing() -> Standing {
    Standing {
        subject_zh: "登记凭证 QC-370100-PR-2026-00001001-P ".to_owned(),
        subject_en: "certificate QC-370100-PR-2026-00001001-P".to_owned(),
        status_zh: "有效".to_owned(),
        status_en: "active".to_owned(),
    }
}

/// Written at a height of which the bundle proves the time, unchanged up to one of which it does not.
fn span() -> ProvenSpan {
    let since = Moment { height: Height(3), time_ms: Some(1_768_870_803_000) };
    ProvenSpan { since, until: None, known: Moment { height: Height(9), time_ms: None } }
}

fn ended() -> ProvenSpan {
    ProvenSpan { until: Some(Moment { height: Height(8), time_ms: None }), ..span() }
}

fn row() -> Row {
    crate::tables::row(&[0, 3, 0, 2, 7, 0, 0, 0]).unwrap()
}

fn signer(doubt: Option<Doubt>) -> Box<RegisteredSigner> {
    let organization = OrganizationRow {
        org_id: "ORG-M1".to_owned(),
        uscc: "91370199MA0EXM026B".to_owned(),
        name_zh: "样例公司".to_owned(),
        name_en: "Sample".to_owned(),
        status: 3,
    };
    Box::new(RegisteredSigner {
        height: Height(7),
        time_ms: 1_768_870_807_000,
        account: AccountId::default(),
        key: KeyId::default(),
        organization,
        from_ms: 1_768_870_800_000,
        to_ms: None,
        added: Height(2),
        certificate: Some(("01".to_owned(), "样例认证".to_owned())),
        doubt,
    })
}

/// An applicant that took the name of a court.
fn impostor() -> Box<RegisteredSigner> {
    let mut signer = signer(None);
    signer.organization = OrganizationRow {
        org_id: "ORG-COURT".to_owned(),
        name_zh: "济南市中级人民法院".to_owned(),
        name_en: "Jinan Court) (ORG-CRT, status ACTIVE); identity checked (note".to_owned(),
        status: 1,
        ..signer.organization
    };
    signer
}

fn bound(revoked_at_ms: Option<u64>) -> Box<BoundSigner> {
    let compromise_since_ms = revoked_at_ms.map(|at| at - 1000);
    Box::new(BoundSigner { acting: AccountId::default(), owner: *signer(None), revoked_at_ms, compromise_since_ms })
}

fn listed() -> Listed {
    Listed { paths: vec!["a.txt".to_owned()], more: 0 }
}

/// One of each.
fn all() -> Vec<Verdict> {
    let mut all = of_records();
    all.extend(of_the_rest());
    all
}

/// Those of form, files, manifests and inclusion: V0 to V4.
fn of_records() -> Vec<Verdict> {
    let height = Height(7);
    vec![
        Verdict::BundleUnreadable,
        Verdict::BundleVersion,
        Verdict::BundleMarked(Reencoded { encoding: Encoding::Utf16Le, is_compact: false }),
        Verdict::FileMatch,
        Verdict::FileOtherName { listed: listed() },
        Verdict::FileListed,
        Verdict::ManifestUncertain,
        Verdict::FileMismatch,
        Verdict::FileNothingToCompare,
        Verdict::FileUnreadable,
        Verdict::FilesNotGiven { count: 2 },
        Verdict::ManifestMatch { count: 3 },
        Verdict::ManifestMismatch,
        Verdict::ManifestNamesMismatch,
        Verdict::ManifestOtherNames { count: 3 },
        Verdict::ManifestPartial,
        Verdict::ManifestNotDeclared,
        Verdict::CommitmentMatch,
        Verdict::CommitmentMismatch,
        Verdict::CommitmentSealed,
        Verdict::CommitmentNotInEffect,
        Verdict::CommitmentAbsent,
        Verdict::InBlock { height },
        Verdict::InBlockRefused { height, module: ModuleId(10), reason: 4 },
        Verdict::InState { height, span: span(), row: Some(row()) },
        Verdict::InclusionMismatch { height },
        Verdict::InclusionUncertain { height },
    ]
}

/// Those from V5 on.
fn of_the_rest() -> Vec<Verdict> {
    let height = Height(7);
    vec![
        Verdict::Quorum {
            signed: 3,
            total: 4,
            names: vec!["甲".to_owned(), "乙".to_owned(), "丙".to_owned()],
            power: None,
        },
        Verdict::QuorumUnconfirmed,
        Verdict::QuorumMismatch,
        Verdict::RulesUnknown,
        Verdict::TrustPathMatch,
        Verdict::TrustPathValidators,
        Verdict::TrustPathMismatch,
        Verdict::TrustPathOtherChain,
        Verdict::TrustPathTooEarly,
        Verdict::TrustPathRulesUnknown,
        Verdict::BlockTime {
            height,
            time_ms: 1_768_870_807_000,
            certified_height: Height(9),
            certified_ms: 1_768_870_809_000,
        },
        Verdict::GenesisTime { time_ms: 0, certified_height: Height(9), certified_ms: 1_768_870_809_000 },
        Verdict::BlockTimeMismatch,
        Verdict::BlockTimeUncertain,
        Verdict::SignedBy { keys: vec![KeyId::default()] },
        Verdict::SignatureMismatch,
        Verdict::SignatureUnsupported,
        Verdict::Signer(SignerVerdict::Registered(signer(None))),
        Verdict::Signer(SignerVerdict::KeyDoubtful(signer(Some(Doubt::CompromisedSince(0))))),
        Verdict::Signer(SignerVerdict::Unverified(impostor())),
        Verdict::Signer(SignerVerdict::Unregistered { height, account: AccountId::default(), key: KeyId::default() }),
        Verdict::Signer(SignerVerdict::KeyNotCarried { height, account: AccountId::default(), key: KeyId::default() }),
        Verdict::Signer(SignerVerdict::KeyBound(bound(None))),
        Verdict::Signer(SignerVerdict::BoundKeyDoubtful(bound(Some(1_768_870_806_000)))),
        Verdict::Signer(SignerVerdict::KeyNotInForce { height, account: AccountId::default(), key: KeyId::default() }),
        Verdict::Signer(SignerVerdict::KeyRefused { height, account: AccountId::default(), key: KeyId::default() }),
        Verdict::Signer(SignerVerdict::Uncertain { account: AccountId::default() }),
        Verdict::Signer(SignerVerdict::NotCarried { account: AccountId::default() }),
        Verdict::Absent { height, span: span(), row: row() },
        Verdict::AbsenceVacuous,
        Verdict::AbsenceMismatch { height },
        Verdict::AbsenceUncertain { height },
        Verdict::Status { height, time_ms: 1_768_870_807_000, span: span(), standing: standing() },
        Verdict::StatusUncertain,
        Verdict::Grant { height, span: span() },
        Verdict::GrantUncertain,
        Verdict::NoTimestamp,
        Verdict::NoStatus,
        Verdict::NoGrant,
        Verdict::PreChain,
        Verdict::Platform,
        Verdict::NoDoubtWindow,
    ]
}

/// The statements of the checklist, word for word where it fixes them.
#[test]
fn permitted_statements() {
    let height = Height(7);
    for (verdict, statement) in [
        (Verdict::FileMatch, "所提交文件与存证摘要一致"),
        (Verdict::FileOtherName { listed: listed() }, "与清单所列“a.txt”一致，名称不同"),
        (Verdict::FileListed, "所提交文件与证据包所列摘要相同，但不能据以认定该摘要为存证摘要"),
        (Verdict::FileMismatch, "摘要不一致；不说明何者为原件"),
        (Verdict::ManifestMatch { count: 3 }, "清单所列 3 份文件齐全且一致"),
        (Verdict::CommitmentMatch, "摘要与加盐承诺相符"),
        (Verdict::InBlock { height }, "该记录包含于高度 7 的区块"),
        (
            Verdict::Quorum { signed: 3, total: 4, names: vec!["甲".to_owned(), "乙".to_owned()], power: None },
            "区块头经该高度法定阈值验证者签名（3/4：“甲”、“乙”）",
        ),
        (
            Verdict::Quorum { signed: 1, total: 4, names: vec!["甲公司".to_owned()], power: Some([97, 100, 67]) },
            "区块头经该高度法定阈值验证者签名（按投票权计：已签名 97，总计 100，法定阈值 67；签名者 1/4：“甲公司”）",
        ),
        (Verdict::TrustPathMatch, "自检查点至该区块的验证者更替连续"),
        (
            Verdict::BlockTime {
                height,
                time_ms: 1_768_870_807_000,
                certified_height: Height(9),
                certified_ms: 1_768_870_809_000,
            },
            "区块时间（提案）为 2026-01-20T09:00:07.000+08:00（高度 7）；不晚于 2026-01-20T09:00:09.000+08:00 \
             已上链（认证该结果的区块时间，高度 9）",
        ),
        (
            Verdict::GenesisTime {
                time_ms: 1_768_870_807_000,
                certified_height: Height(9),
                certified_ms: 1_768_870_809_000,
            },
            "高度 0 为创世状态，创世文件载明的时间为 2026-01-20T09:00:07.000+08:00，未经验证者表决；不晚于 \
             2026-01-20T09:00:09.000+08:00 已上链（认证该结果的区块时间，高度 9）",
        ),
        (
            Verdict::Status { height, time_ms: 1_768_870_807_000, span: span(), standing: standing() },
            "截至高度 7（2026-01-20T09:00:07.000+08:00）登记凭证 QC-370100-PR-2026-00001001-P 状态为有效；\
             该条目自高度 3（2026-01-20T09:00:03.000+08:00）写入，至高度 9 未变；不说明此后的状态",
        ),
        (
            Verdict::Signer(SignerVerdict::Registered(signer(None))),
            "截至高度 7，账户 qc100000000000000000000000000000000000000000000000000000000000000009121aabe 登记于组织“样例公司”（英文名称“Sample”，ORG-M1，统一社会信用代码 \
             91370199MA0EXM026B，机构状态：正常）；密钥 0000000000000000000000000000000000000000000000000000000000000000 \
             为其登记的签名密钥，在区块时间 2026-01-20T09:00:07.000+08:00 处于有效期（自 2026-01-20T09:00:00.000+08:00 \
             起，未定终期），登记的证书序列号“01”（颁发机构“样例认证”），未核验",
        ),
    ] {
        assert_eq!(verdict.statement_zh(), statement);
    }
}

/// An entry and its absence are told with the heights over which they are shown.
#[test]
fn spans_are_told() {
    let height = Height(7);
    for (verdict, statement) in [
        (
            Verdict::InState { height, span: span(), row: None },
            "该记录包含于高度 7 的状态；该条目自高度 3（2026-01-20T09:00:03.000+08:00）写入，至高度 9 未变",
        ),
        (
            Verdict::InState { height, span: ended(), row: Some(row()) },
            "该记录包含于高度 7 的状态（登记：流水号 7）；该条目自高度 3（2026-01-20T09:00:03.000+08:00）写入，至高度 8 被取代",
        ),
        (
            Verdict::Absent { height, span: span(), row: row() },
            "截至高度 7 账本无该键记录（登记：流水号 7）；自高度 3（2026-01-20T09:00:03.000+08:00）起至高度 9 均无",
        ),
        (
            Verdict::Absent { height, span: ended(), row: row() },
            "截至高度 7 账本无该键记录（登记：流水号 7）；自高度 3（2026-01-20T09:00:03.000+08:00）起无，至高度 8 写入",
        ),
        (
            Verdict::Absent { height, span: ProvenSpan { known: span().since, ..span() }, row: row() },
            "截至高度 7 账本无该键记录（登记：流水号 7）；仅就该高度而言",
        ),
        (
            Verdict::Grant { height, span: span() },
            "截至高度 7 授权范围、次数如列；该条目自高度 3（2026-01-20T09:00:03.000+08:00）写入，至高度 9 未变",
        ),
    ] {
        assert_eq!(verdict.statement_zh(), statement);
    }
}

/// Whoever has such a file reads which encoding it is in and what to do; what cannot be saved back is not told to be.
#[test]
fn a_file_in_another_encoding_is_told_by_it_with_what_to_do() {
    let encodings = [Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Utf32Le, Encoding::Utf32Be, Encoding::Utf8Marked];
    let mut told = BTreeSet::new();
    for encoding in encodings {
        for is_compact in [false, true] {
            let verdict = Verdict::BundleMarked(Reencoded { encoding, is_compact });
            assert_eq!((verdict.code(), verdict.result()), ("bundle_marked", Assessment::CannotCheck));
            let (zh, en) = (verdict.statement_zh(), verdict.statement_en());
            let (name_zh, name_en) = encoding.name();
            let is_utf8 = encoding == Encoding::Utf8Marked;
            assert!(zh.contains(if is_utf8 { "字节顺序标记" } else { name_zh }), "{zh}");
            assert!(en.contains(if is_utf8 { "byte-order mark" } else { name_en }), "{en}");
            assert!(zh.contains("未能核验") && zh.contains("取得时的原文件"), "{zh}");
            assert_eq!(zh.contains("另存为不带") && en.contains("or save it as UTF-8"), !is_compact, "{zh} {en}");
            assert_eq!(zh.contains("重新取得") && en.contains("obtain it again"), is_compact, "{zh} {en}");
            assert!(told.insert(zh) && told.insert(en));
        }
    }
}

/// On the time of the genesis nobody voted: no statement gives it as that of a block, or without saying so.
#[test]
fn no_statement_passes_off_the_time_of_the_genesis_as_voted_on() {
    let (height, time_ms) = (Height::GENESIS, 1_262_304_000_000);
    let founded = Moment::known(height, time_ms);
    let span = ProvenSpan { since: founded, until: None, known: Moment { height: Height(5), time_ms: None } };
    let only = ProvenSpan { known: founded, ..span };
    let mut signed = signer(None);
    (signed.height, signed.time_ms, signed.added, signed.from_ms) = (height, time_ms, height, time_ms);
    let mut owned = bound(None);
    owned.owner = (*signed).clone();
    for verdict in [
        Verdict::InState { height, span, row: Some(row()) },
        Verdict::InState { height: Height(4), span, row: None },
        Verdict::InState { height, span: only, row: None },
        Verdict::Absent { height, span, row: row() },
        Verdict::Absent { height, span: ProvenSpan { until: Some(span.known), ..span }, row: row() },
        Verdict::Status { height, time_ms, span, standing: standing() },
        Verdict::Grant { height, span },
        Verdict::GenesisTime { time_ms, certified_height: Height(9), certified_ms: 1_768_870_809_000 },
        Verdict::Signer(SignerVerdict::Registered(signed.clone())),
        Verdict::Signer(SignerVerdict::Unverified(signed)),
        Verdict::Signer(SignerVerdict::KeyBound(owned)),
    ] {
        let (zh, en) = (verdict.statement_zh(), verdict.statement_en());
        let times = zh.matches("2010-01-01").count();
        assert_eq!((times > 0, en.matches("2010-01-01").count()), (true, times), "{zh} {en}");
        assert_eq!(zh.matches("无人表决").count() + zh.matches("未经验证者表决").count(), times, "{zh}");
        assert_eq!(en.matches("nobody voted").count(), times, "{en}");
        assert!(!zh.contains("提案") && !en.contains("proposal"), "{zh} {en}");
    }
}

/// What domain rules §3.3 forbids to say, and words that would say more than was checked.
#[test]
fn no_statement_says_more_than_was_checked() {
    let forbidden = [
        "真实",
        "篡改",
        "现仍有效",
        "可信",
        "形成于",
        "采集于",
        "亲自",
        "享有",
        "所有权",
        "从未",
        "合法",
        "资质",
        "无遗漏",
    ];
    for verdict in all() {
        let statement = verdict.statement_zh();
        for word in forbidden {
            assert!(!statement.contains(word), "{statement}");
        }
        // "Original" only where it says that it does not say so.
        assert!(!statement.contains("原件") || statement.contains("不说明何者为原件"), "{statement}");
        for word in ["authentic", "genuine", "tamper", "never happened", "lawful", "true"] {
            assert!(!verdict.statement_en().contains(word), "{}", verdict.statement_en());
        }
    }
}

#[test]
fn codes_and_statements_are_distinct_and_results_fit_their_words() {
    let (mut codes, mut statements) = (BTreeSet::new(), BTreeSet::new());
    for verdict in all() {
        assert!(codes.insert(verdict.code()), "{}", verdict.code());
        assert!(statements.insert((verdict.statement_zh(), verdict.step())), "{}", verdict.statement_zh());
        assert!(!verdict.statement_en().contains('{') && !verdict.statement_zh().contains('{'));
        let zh = verdict.statement_zh();
        match verdict.result() {
            Assessment::NotAssessed => {
                assert!(zh.contains('未') && zh.contains("评价") || zh.contains("未作比对"), "{zh}")
            }
            Assessment::CannotCheck => assert!(zh.contains("未能") || zh.contains("不能"), "{zh}"),
            Assessment::Match | Assessment::Mismatch => {}
        }
    }
    assert_eq!(codes.len(), 69);
}

/// Every step has a case, and only steps that judge can match.
#[test]
fn every_step_is_covered() {
    let steps: BTreeSet<Step> = all().iter().map(Verdict::step).collect();
    assert_eq!(steps.len(), 16);
    for verdict in all() {
        if matches!(verdict.step(), Step::Timestamp | Step::PreChain | Step::Platform | Step::DoubtWindow) {
            assert_eq!(verdict.result(), Assessment::NotAssessed);
        }
    }
}

/// Whoever applies may call himself what he likes; both languages say that it is his own word, and neither lets it speak.
#[test]
fn the_name_of_an_applicant_is_no_match_and_cannot_speak_for_the_report() {
    let verdict = Verdict::Signer(SignerVerdict::Unverified(impostor()));
    assert_eq!((verdict.code(), verdict.result()), ("signer_unverified", Assessment::NotAssessed));
    let (zh, en) = (verdict.statement_zh(), verdict.statement_en());
    assert!(zh.contains("组织“济南市中级人民法院”（自报名称，未经核验；"), "{zh}");
    assert!(en.contains("“济南市中级人民法院” (its own name for itself, which nobody verified;"), "{en}");
    let name = "“Jinan Court) (ORG-CRT, status ACTIVE); identity checked (note”";
    assert!(zh.contains(name) && en.contains(name), "{zh} {en}");
    // The same of a key in doubt, and of one that is bound to the applicant's account.
    let mut doubtful = impostor();
    doubtful.doubt = Some(Doubt::RevokedInBlock);
    assert!(SignerVerdict::KeyDoubtful(doubtful).statement_zh().contains("自报名称，未经核验"));
    let mut bound = bound(None);
    bound.owner = *impostor();
    assert!(SignerVerdict::KeyBound(bound).statement_en().contains("which nobody verified"));
    for (status, is_verified) in
        [(1, false), (2, true), (3, true), (4, true), (5, true), (6, false), (7, true), (9, false)]
    {
        assert_eq!(OrganizationRow { status, ..impostor().organization }.is_verified(), is_verified, "{status}");
    }
}

/// Serial and authority of a certificate are foreign texts too.
#[test]
fn the_certificate_of_a_key_stays_between_its_quotation_marks() {
    let mut signer = signer(None);
    signer.certificate = Some(("01（已核验）”".to_owned(), "人民法院，  ┆".to_owned()));
    let verdict = SignerVerdict::Registered(signer);
    let (serial, authority) = ("“01（已核验）\\u{201d}”", "“人民法院，\\u{20 ×2}\\u{2506}”");
    for statement in [verdict.statement_zh(), verdict.statement_en()] {
        assert!(statement.contains(serial) && statement.contains(authority), "{statement}");
    }
}

/// A key of an organization stays one, whatever account it signs for.
#[test]
fn a_bound_key_names_its_organization_and_its_standing() {
    let verdict = SignerVerdict::BoundKeyDoubtful(bound(Some(1_768_870_806_000)));
    assert_eq!(verdict.result(), Assessment::CannotCheck);
    let zh = verdict.statement_zh();
    for words in
        ["“样例公司”", "于 2026-01-20T09:00:06.000+08:00 撤销", "自 2026-01-20T09:00:05.000+08:00 起存在失密声明"]
    {
        assert!(zh.contains(words), "{zh}");
    }
    let en = verdict.statement_en();
    assert!(en.contains("revoked at 2026-01-20T09:00:06") && en.contains("declared compromised since"), "{en}");
    assert_eq!(SignerVerdict::KeyBound(bound(None)).result(), Assessment::NotAssessed);
}
