//! Words in two languages, side by side where they are used, so that neither can be forgotten.

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
}

/// A text from elsewhere as a terminal may show it: what is not seen, moves the cursor or turns the direction of text is written
/// out as an escape. Otherwise a name in a forged bundle could paint a result of its own over ours. Line breaks too, unless
/// they are told to stay.
pub(crate) fn printable(text: &str, are_lines_kept: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && !(c == '\n' && are_lines_kept)) || is_unseen(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Characters without width, and those that reorder their neighbours (Unicode `Bidi_Control`).
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
            | '\u{E0000}'..='\u{E007F}'
    )
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
        ] {
            assert_eq!(printable(text, false), one_line);
        }
        assert_eq!(printable("a\nb\r", true), "a\nb\\u{d}");
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
