//! Words in two languages, side by side where they are used, so that neither can be forgotten.

use quancheng_proof::foreign::is_plain;

/// The language of words for people. Codes and JSON keys are the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lang {
    /// 中文
    Zh,
    /// English
    En,
}

impl Lang {
    /// From the flag, else from the environment as POSIX orders it; English where nothing says Chinese.
    pub(crate) fn choose(flag: Option<Self>, environment: impl Fn(&str) -> Option<String>) -> Self {
        flag.unwrap_or_else(|| {
            let set =
                ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(environment).find(|value| !value.is_empty());
            if set.is_some_and(|value| value.to_ascii_lowercase().starts_with("zh")) { Self::Zh } else { Self::En }
        })
    }

    /// The `Accept-Language` of requests.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }
}

/// The same words in both languages. Boxed: most results carry none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(Box<Words>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Words {
    zh: String,
    en: String,
}

impl Text {
    /// From both.
    pub(crate) fn new(zh: String, en: String) -> Self {
        Self(Box::new(Words { zh, en }))
    }

    /// Words that came from elsewhere and are the same in both languages.
    pub(crate) fn same(words: impl Into<String>) -> Self {
        let words = words.into();
        Self::new(words.clone(), words)
    }

    /// In one language.
    pub(crate) fn words(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.0.zh,
            Lang::En => &self.0.en,
        }
    }

    /// With further words after it.
    pub(crate) fn and(&self, more: &Self) -> Self {
        let joined = |lang| format!("{} {}", self.words(lang), more.words(lang));
        Self::new(joined(Lang::Zh), joined(Lang::En))
    }
}

/// A text from elsewhere as a terminal may show it: what is not seen, moves the cursor, turns the direction of text or draws lines is
/// written out as an escape. Otherwise a name in a forged bundle could paint a result of its own over ours. Line breaks too, unless
/// they are told to stay, and without them also runs of spaces, which would pad a row. A single name among our words is shown with
/// [`quoted`](quancheng_proof::foreign::quoted) instead.
pub(crate) fn printable(text: &str, are_lines_kept: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut spaces = 0_usize;
    for c in text.chars() {
        if c == ' ' && !are_lines_kept {
            spaces += 1;
            continue;
        }
        push_spaces(&mut shown, spaces);
        spaces = 0;
        // A bar is drawn by nobody but a shell, and paths and patterns are full of them.
        if is_plain(c) || c == '|' || (c == '\n' && are_lines_kept) {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    push_spaces(&mut shown, spaces);
    shown
}

fn push_spaces(shown: &mut String, count: usize) {
    match count {
        0 => {}
        1 => shown.push(' '),
        _ => shown.push_str(&format!("\\u{{20 ×{count}}}")),
    }
}

/// A whole number in the one way in which it is written: digits, without blanks, a sign or zeros before them. Another spelling is a slip
/// of whoever wrote it, and may be half of something else.
pub(crate) fn number<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

/// Words in both languages: `say!("中文 {x}", "English {x}")`.
macro_rules! say {
    ($zh:literal, $en:literal $(,)?) => {
        $crate::text::Text::new(format!($zh), format!($en))
    };
}

pub(crate) use say;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_the_cursor_is_written_out() {
        for (text, one_line) in [
            ("合同 1.pdf", "合同 1.pdf"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("fdp.\u{202e}x", "fdp.\\u{202e}x"),
            ("a\u{200b}b\u{9b}", "a\\u{200b}b\\u{9b}"),
            ("a\nb\r", "a\\u{a}b\\u{d}"),
            ("│ V1 ┆\u{3164}\u{2800}\u{fe0f}", "\\u{2502} V1 \\u{2506}\\u{3164}\\u{2800}\\u{fe0f}"),
        ] {
            assert_eq!(printable(text, false), one_line);
        }
        assert_eq!(printable("a\nb\r", true), "a\nb\\u{d}");
    }

    #[test]
    fn a_number_is_written_in_one_way() {
        assert_eq!((number("0"), number("7"), number("4294967295")), (Some(0_u32), Some(7), Some(u32::MAX)));
        for text in ["", " 7", "7 ", "+7", "-7", "07", "00", "7.0", "4294967296", "７", "x"] {
            assert_eq!(number::<u32>(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_flag_comes_before_the_environment_and_lc_all_before_lang() {
        let environment = |name: &str| match name {
            "LC_ALL" => Some("zh_CN.UTF-8".to_owned()),
            "LANG" => Some("en_US.UTF-8".to_owned()),
            _ => None,
        };
        assert_eq!(Lang::choose(None, environment), Lang::Zh);
        assert_eq!(Lang::choose(Some(Lang::En), environment), Lang::En);
        assert_eq!(Lang::choose(None, |_| None), Lang::En);
        assert_eq!(Lang::choose(None, |name| (name == "LC_ALL").then(String::new)), Lang::En);
        assert_eq!(Lang::choose(None, |name| (name == "LANG").then(|| "zh_CN".to_owned())), Lang::Zh);
    }
}
