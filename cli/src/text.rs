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
