use std::collections::BTreeSet;

use quancheng_types::{AccountId, Height, KeyId, ModuleId};

use super::{Doubt, RegisteredSigner, SignerVerdict, Verdict};
use crate::identity::OrganizationRow;
use crate::report::{Assessment, Standing, Step};
use crate::tables::Row;

fn standing() -> Standing {
    Standing {
        subject_zh: "登记凭证 QC-370100-PR-2026-00001001-P ".to_owned(),
        subject_en: "certificate QC-370100-PR-2026-00001001-P".to_owned(),
        status_zh: "有效".to_owned(),
        status_en: "active".to_owned(),
    }
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
        certificate: Some(("01".to_owned(), "样例认证".to_owned())),
        doubt,
    })
}

/// One of each.
fn all() -> Vec<Verdict> {
    let height = Height(7);
    vec![
        Verdict::BundleUnreadable,
        Verdict::BundleVersion,
        Verdict::FileMatch,
        Verdict::FileOtherName { listed: "a.txt".to_owned() },
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
        Verdict::InState { height, row: Some(row()) },
        Verdict::InclusionMismatch { height },
        Verdict::InclusionUncertain { height },
        Verdict::Quorum { signed: 3, total: 4, names: vec!["甲".to_owned(), "乙".to_owned(), "丙".to_owned()] },
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
        Verdict::Signer(SignerVerdict::Unregistered { height, account: AccountId::default() }),
        Verdict::Signer(SignerVerdict::KeyNotInForce { height, account: AccountId::default(), key: KeyId::default() }),
        Verdict::Signer(SignerVerdict::KeyRefused { height, account: AccountId::default(), key: KeyId::default() }),
        Verdict::Signer(SignerVerdict::Uncertain { account: AccountId::default() }),
        Verdict::Signer(SignerVerdict::NotCarried { account: AccountId::default() }),
        Verdict::Absent { height, row: row() },
        Verdict::AbsenceVacuous,
        Verdict::AbsenceMismatch { height },
        Verdict::AbsenceUncertain { height },
        Verdict::Status { height, time_ms: 1_768_870_807_000, standing: standing() },
        Verdict::StatusUncertain,
        Verdict::Grant { height },
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
        (Verdict::FileOtherName { listed: "a.txt".to_owned() }, "与清单所列 a.txt 一致，名称不同"),
        (Verdict::FileMismatch, "摘要不一致；不说明何者为原件"),
        (Verdict::ManifestMatch { count: 3 }, "清单所列 3 份文件齐全且一致"),
        (Verdict::CommitmentMatch, "摘要与加盐承诺相符"),
        (Verdict::InBlock { height }, "该记录包含于高度 7 的区块"),
        (Verdict::InState { height, row: None }, "该记录包含于高度 7 的状态"),
        (Verdict::InState { height, row: Some(row()) }, "该记录包含于高度 7 的状态（登记：流水号 7）"),
        (
            Verdict::Quorum { signed: 3, total: 4, names: vec!["甲".to_owned(), "乙".to_owned()] },
            "区块头经该高度法定阈值验证者签名（3/4：甲、乙）",
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
            Verdict::Status { height, time_ms: 1_768_870_807_000, standing: standing() },
            "截至高度 7（2026-01-20T09:00:07.000+08:00）登记凭证 QC-370100-PR-2026-00001001-P 状态为有效；不说明此后的状态",
        ),
        (Verdict::Absent { height, row: row() }, "截至高度 7 账本无该键记录（登记：流水号 7）"),
        (
            Verdict::Signer(SignerVerdict::Registered(signer(None))),
            "截至高度 7，账户 qc100000000000000000000000000000000000000000000000000000000000000009121aabe 登记于组织“样例公司”（ORG-M1，统一社会信用代码 \
             91370199MA0EXM026B，机构状态：正常）；密钥 0000000000000000000000000000000000000000000000000000000000000000 \
             为其登记的签名密钥，在区块时间 2026-01-20T09:00:07.000+08:00 处于有效期（自 2026-01-20T09:00:00.000+08:00 \
             起，未定终期），登记的证书序列号 01（样例认证，未核验）",
        ),
        (Verdict::Grant { height }, "截至高度 7 授权范围、次数如列"),
    ] {
        assert_eq!(verdict.statement_zh(), statement);
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
    assert_eq!(codes.len(), 62);
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
