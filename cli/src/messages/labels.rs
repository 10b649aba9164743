//! Labels of fields in Chinese. In English a field is shown under its own name.

mod list;

use list::LABELS;

use crate::text::Lang;

/// The label of a field.
pub(crate) fn label(name: &str, lang: Lang) -> &str {
    match lang {
        Lang::En => name,
        Lang::Zh => find(LABELS, name).unwrap_or(name),
    }
}

/// The label in Chinese of a field of a record, by what it stands in too: a field or a table. `None` when it has none.
pub(crate) fn label_within(outer: &str, name: &str) -> Option<&'static str> {
    find(LABELS, &format!("{outer}.{name}")).or_else(|| find(LABELS, name))
}

/// A word of a list in ascending order.
pub(super) fn find(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.binary_search_by_key(&name, |(name, _)| name).ok().and_then(|place| list.get(place)).map(|(_, zh)| *zh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_ascend_so_that_they_are_found() {
        assert!(LABELS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(label("height", Lang::Zh), "高度");
        assert_eq!(label("height", Lang::En), "height");
        assert_eq!(label("unknown", Lang::Zh), "unknown");
    }
}
