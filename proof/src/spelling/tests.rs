use super::*;

fn read(text: &str) -> Option<u64> {
    frame(text.as_bytes()).ok().map(|frame| frame.version)
}

#[test]
fn what_stands_beside_format_and_version_is_only_asked_to_be_json() {
    for rest in [
        r#""x": "\ud800""#,
        r#""\ud800": 1"#,
        r#""x": 1e999"#,
        r#""x": {"y": 1, "y": 2}, "x": 3"#,
        r#""x": 123456789012345678901234567890"#,
        r#""\u0062": -0.0"#,
    ] {
        assert_eq!(read(&format!(r#"{{"format": "f", {rest}, "version": 7}}"#)), Some(7), "{rest}");
    }
    for rest in [
        r#""format": "f""#,
        r#""vers\u0069on": 7"#,
        r#""x": 01"#,
        r#""x": NaN"#,
        r#""x": "\x""#,
        "\"x\": \"\n\"",
        "\"\n\": 1",
        r#""x" 1"#,
    ] {
        assert_eq!(read(&format!(r#"{{"format": "f", {rest}, "version": 7}}"#)), None, "{rest}");
    }
    for text in [r#"["f", 7]"#, r#"{"format": "f"}"#, r#"{"version": 7}"#, r#"{"format": "f", "version": 7.0}"#] {
        assert_eq!(read(text), None, "{text}");
    }
    assert!(frame(b"{\"format\": \"f\", \"x\": \"\xE9\", \"version\": 7}").is_err(), "not UTF-8");
}

#[test]
fn brackets_inside_of_texts_do_not_count() {
    let of = |text: &str| extent(text.as_bytes());
    assert_eq!(of(r#"{"a,[{": [1, "\"]}", {}]}"#), Extent { separators: 5, depth: 3 });
    assert_eq!(of("]]][["), Extent { separators: 2, depth: 2 });
}
