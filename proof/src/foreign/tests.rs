use super::*;

#[test]
fn a_foreign_text_is_quoted_and_cannot_speak_for_the_report() {
    for (text, shown) in [
        ("", "“”"),
        ("合同 1（终稿）.pdf", "“合同 1（终稿）.pdf”"),
        ("it's #0/0", "“it's #0/0”"),
        // It does not close our quotation marks, nor pretend to be an escape of ours.
        ("a” 一致 “b", "“a\\u{201d} 一致 \\u{201c}b”"),
        ("a\" ＂", "“a\\u{22} \\u{ff02}”"),
        ("\\u{20}", "“\\u{5c}u{20}”"),
        // It neither pads nor paints a row.
        ("a  b", "“a\\u{20 ×2}b”"),
        (" a   ", "“ a\\u{20 ×3}”"),
        ("│ V1 ┆ 一致", "“\\u{2502} V1 \\u{2506} 一致”"),
        ("a|b｜█", "“a\\u{7c}b\\u{ff5c}\\u{2588}”"),
        ("x\u{202e}fdp\n\u{1b}[2J", "“x\\u{202e}fdp\\u{a}\\u{1b}[2J”"),
        // Marks stand on a letter, and not in piles.
        ("e\u{301}", "“e\u{301}”"),
        ("\u{301}e", "“\\u{301}e”"),
        (" \u{301}", "“ \\u{301}”"),
        ("e\u{301}\u{302}\u{303}\u{304}", "“e\u{301}\u{302}\\u{303}\\u{304}”"),
    ] {
        assert_eq!(quoted(text), shown);
    }
}

/// Ignored by default, blank, of text direction, private, unassigned.
#[test]
fn what_is_not_seen_is_written_out() {
    for c in [
        '\u{3164}',
        '\u{115F}',
        '\u{1160}',
        '\u{2800}',
        '\u{FE0F}',
        '\u{34F}',
        '\u{FFA0}',
        '\u{17B4}',
        '\u{FFF9}',
        '\u{FFFC}',
        '\u{AD}',
        '\u{180E}',
        '\u{200B}',
        '\u{200D}',
        '\u{2028}',
        '\u{2060}',
        '\u{2066}',
        '\u{FEFF}',
        '\u{E0001}',
        '\u{E0100}',
        '\u{A0}',
        '\u{3000}',
        '\u{2003}',
        '\u{E000}',
        '\u{F0000}',
        '\u{10FFFD}',
        '\u{FDD0}',
        '\u{378}',
        '\u{9B}',
        '\u{7F}',
        '\u{0}',
        '\u{1D159}',
        '\u{16FE4}',
    ] {
        assert!(!is_plain(c), "{c:?}");
        assert_eq!(quoted(&format!("a{c}b")), format!("“a{}b”", c.escape_unicode()));
    }
    for c in "aZ09-_.,;()（）《》「」，。、é中文数据ǎ한ひЖ€😀'~".chars() {
        assert!(is_plain(c), "{c:?}");
    }
}

/// Distinct texts look distinct: from what is shown the text can be told.
#[test]
fn no_two_texts_are_shown_alike() {
    let texts = ["a, b", "a“, ”b", "a  b", "a\\u{20 ×2}b", "a b", "a\u{20}\u{a0}b", "a\u{a0}b", "", " "];
    let shown: std::collections::BTreeSet<String> = texts.iter().map(|text| quoted(text)).collect();
    assert_eq!(shown.len(), texts.len());
    assert_eq!(list(["a.txt, b.txt"], "、"), "“a.txt, b.txt”");
    assert_eq!(list(["a.txt", "b.txt"], "、"), "“a.txt”、“b.txt”");
}
