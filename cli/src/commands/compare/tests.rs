use quancheng_proof::conflict::{BlockResult, ForkSigner};
use quancheng_types::{BlockId, Digest, Height, Round, ValidatorId};

use super::*;

fn vouching(basis: Basis, height: u64, round: u32) -> Vouching {
    Vouching { basis, signed_height: Height(height), round: Round(round), block_id: BlockId(Digest([0xAB; 32])) }
}

fn fork(guilt: Guilt, first: Vouching, second: Vouching, signers: usize) -> Fork {
    let signer = ForkSigner { validator: ValidatorId(Digest([1; 32])), organization: "市财政局".to_owned() };
    Fork {
        height: Height(4),
        kind: ForkKind::Blocks { first_block: BlockId(Digest([2; 32])), second_block: BlockId(Digest([3; 32])) },
        first,
        second,
        guilt,
        is_one_set: signers > 0,
        signers_of_both: vec![signer; signers],
    }
}

fn shown(lang: Lang, found: &Comparison) -> (String, Option<Exit>) {
    let reply = told(lang, found);
    let View::Text(text) = &reply.view else { panic!("a text") };
    let headline = reply.headlines.first().map(|text| text.words(lang).to_owned()).unwrap_or_default();
    let causes = reply.fault.as_ref().map(|fault| fault.causes_in(lang).join("\n")).unwrap_or_default();
    (format!("{headline}\n{text}\n{causes}"), reply.fault.map(|fault| fault.exit))
}

fn found(forks: Vec<Fork>) -> Comparison {
    Comparison { forks, heights: vec![Height(3), Height(4)], histories: vec![4] }
}

#[test]
fn a_contradiction_says_which_header_was_signed_and_no_more() {
    let block = |round| vouching(Basis::Block, 4, round);
    let parent = vouching(Basis::Parent, 5, 1);
    for (guilt, first, second, signers, parts) in [
        (Guilt::SameRound, block(0), block(0), 2, vec!["同一轮次", "各自违反了协议", "市财政局", "同一组验证者"]),
        (Guilt::OtherRounds, block(0), block(3), 2, vec!["第 3 轮", "不能认定", "同一组验证者"]),
        (Guilt::Indirect, block(0), parent, 2, vec!["高度 5", "没有签名", "不能认定"]),
        (Guilt::SameRound, block(0), block(0), 0, vec!["没有验证者的签名同时见于双方", "至少一组"]),
    ] {
        let found = found(vec![fork(guilt, first, second, signers)]);
        let (text, exit) = shown(Lang::Zh, &found);
        assert_eq!(exit, Some(Exit::Mismatch));
        parts.iter().for_each(|part| assert!(text.contains(part), "{part}: {text}"));
        let words = |run: &str| run.len() > 2 && !run.bytes().any(|b| b.is_ascii_digit()) && run.len() < 32;
        let english: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| words(run)).collect();
        assert!(english.is_empty(), "{english:?} in {text}");
    }
}

#[test]
fn two_results_of_one_block_name_the_keys() {
    let result = |byte| BlockResult {
        time_ms: 1_768_870_807_000,
        receipts_root: Some(Digest([9; 32])),
        state_root: Some(Digest([byte; 32])),
    };
    let kind =
        ForkKind::Results { first_result: result(1), second_result: result(2), keys: vec!["000a0001ab".to_owned()] };
    let history = |height| vouching(Basis::History, height, 0);
    let fork = Fork { kind, ..fork(Guilt::BothFinal, history(4), history(5), 3) };
    let (text, _) = shown(Lang::Zh, &found(vec![fork]));
    for part in ["不同的结果", "000a0001ab", "高度 5", "既定"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn no_contradiction_names_what_was_compared_and_nothing_in_common_ends_with_6() {
    let (text, exit) = shown(Lang::Zh, &found(Vec::new()));
    assert!(text.contains("未发现矛盾；可比的高度为 3, 4") && exit.is_none(), "{text}");
    let nothing = Comparison { forks: Vec::new(), heights: Vec::new(), histories: Vec::new() };
    let (text, exit) = shown(Lang::Zh, &nothing);
    assert!(text.contains("未能比较") && !text.contains("未发现矛盾"), "{text}");
    assert_eq!(exit, Some(Exit::CannotCheck));
    let many = Comparison { heights: (1..=20).map(Height).collect(), ..found(Vec::new()) };
    assert!(shown(Lang::En, &many).0.contains("8, … (20)"));
}

/// The name of a validator is its own word: it stands in quotation marks that nothing in it closes.
#[test]
fn names_of_validators_stand_in_quotation_marks() {
    let mut fork = fork(Guilt::SameRound, vouching(Basis::Block, 4, 0), vouching(Basis::Block, 4, 0), 1);
    "甲”  标识 ab“乙".clone_into(&mut fork.signers_of_both[0].organization);
    for lang in [Lang::Zh, Lang::En] {
        let (text, _) = shown(lang, &found(vec![fork.clone()]));
        assert!(text.contains("    “甲\\u{201d}\\u{20 ×2}标识 ab\\u{201c}乙”  "), "{text}");
    }
}
