use super::*;

/// 2010-01-01T08:00:00.000+08:00.
const TIME_MS: u64 = 1_262_304_000_000;

/// Each way of writing a time says of that of height 0 that nobody voted on it, and calls it no block's.
#[test]
fn the_time_of_genesis_is_told_as_what_genesis_states() {
    let (genesis, block) = (Moment::known(Height::GENESIS, TIME_MS), Moment::known(Height(1), TIME_MS));
    for words in [genesis.zh(), genesis.time_zh(), genesis.named_zh()] {
        assert!(words.contains("2010-01-01T08:00:00.000+08:00"), "{words}");
        assert!(words.contains("创世所载时间") && words.contains("无人表决") && !words.contains("提案"), "{words}");
    }
    for words in [genesis.en(), genesis.time_en(), genesis.named_en()] {
        assert!(words.contains("genesis states") && words.contains("nobody voted on it"), "{words}");
        assert!(!words.contains("proposal") && !words.contains("block"), "{words}");
    }
    for words in [block.zh(), block.time_zh(), block.named_zh(), block.en(), block.time_en(), block.named_en()] {
        assert!(words.contains("2010-01-01T08:00:00.000+08:00"), "{words}");
        assert!(!words.contains("创世") && !words.contains("genesis"), "{words}");
    }
    // A height without its time claims nothing.
    assert_eq!(Moment { height: Height::GENESIS, time_ms: None }.zh(), "高度 0 ");
    assert_eq!(Moment { height: Height::GENESIS, time_ms: None }.en(), "height 0");
}

#[test]
fn programs_read_whose_word_a_time_is() {
    let shown = |moment: Moment| serde_json::to_value(moment).unwrap();
    let genesis = serde_json::json!({ "height": 0, "time_ms": TIME_MS, "time_of": "genesis" });
    let block = serde_json::json!({ "height": 1, "time_ms": TIME_MS, "time_of": "proposal" });
    let unknown = serde_json::json!({ "height": 0, "time_ms": null, "time_of": null });
    assert_eq!(shown(Moment::known(Height::GENESIS, TIME_MS)), genesis);
    assert_eq!(shown(Moment::known(Height(1), TIME_MS)), block);
    assert_eq!(shown(Moment { height: Height::GENESIS, time_ms: None }), unknown);
}
