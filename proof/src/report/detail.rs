//! What was met, beside the fixed statement of a finding.

/// Free words of a finding in both languages.
///
/// A text alone is English, for an engineer: a report in Chinese leaves it out rather than show it. Whatever a reader needs comes in
/// both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// In Chinese; empty when there is nothing that a reader needs beside the statement.
    pub zh: String,
    /// In English; empty when the statement says it all.
    pub en: String,
}

impl Detail {
    /// In both languages.
    #[must_use]
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

impl From<&str> for Detail {
    fn from(en: &str) -> Self {
        Self::new("", en)
    }
}

impl From<String> for Detail {
    fn from(en: String) -> Self {
        Self::new("", en)
    }
}
