//! Legal names of organizations, where the bundle proves them.

use std::collections::BTreeMap;
use std::fmt::Display;

use quancheng_proof::foreign::quoted;
use quancheng_proof::identity::{OrganizationRow, organization_at};
use quancheng_proof::{Bundle, Claim, Report};
use quancheng_types::Height;

use crate::text::{Lang, Text, say};

/// Names by organization and the height as of which its row was proven.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<(String, Height), OrganizationRow>);

impl Names {
    /// From the rows of organizations in a bundle whose inclusion the report confirms.
    pub(super) fn proven(bundle: &Bundle, report: &Report) -> Self {
        let mut names = BTreeMap::new();
        for (number, claim) in (0_u16..).zip(&bundle.claims) {
            let Claim::State { key, value: Some(value), .. } = claim else { continue };
            let Some(row) = organization_at(key, value) else { continue };
            if let Some(height) = report.height_of(number).filter(|_| report.is_included(number)) {
                names.insert((row.org_id.clone(), height), row);
            }
        }
        Self(names)
    }

    /// An organization by its legal name and its id, with what must be known beside the name; by its id alone where no name of that
    /// height is proven.
    pub(super) fn of(&self, org_id: &impl Display, height: Option<Height>) -> Text {
        let id = org_id.to_string();
        match height.and_then(|height| self.0.get(&(id.clone(), height))) {
            Some(row) => {
                let (zh, en) = (&row.name_zh, &row.name_en);
                let (zh, en) = (quoted(zh), quoted(if en.is_empty() { zh } else { en }));
                let (beside_zh, beside_en) = row.beside().unwrap_or_default();
                let (zh_mark, en_mark) = if beside_en.is_empty() { ("", "") } else { ("；", "; ") };
                say!("{zh}（{id}{zh_mark}{beside_zh}）", "{en} ({id}{en_mark}{beside_en})")
            }
            None => Text::same(id),
        }
    }

    /// Several of them in one line.
    pub(super) fn all<'a, T: Display + 'a>(
        &self,
        org_ids: impl IntoIterator<Item = &'a T>,
        height: Option<Height>,
    ) -> Text {
        let names: Vec<Text> = org_ids.into_iter().map(|id| self.of(id, height)).collect();
        let joined =
            |lang, separator: &str| names.iter().map(|name| name.words(lang)).collect::<Vec<_>>().join(separator);
        Text::new(joined(Lang::Zh, "、"), joined(Lang::En, ", "))
    }
}

#[cfg(test)]
mod tests {
    use quancheng_proof::identity::STATUSES;

    use super::*;

    /// A name that nobody verified never stands alone, nor one of an organization that is not in office.
    #[test]
    fn whose_word_a_name_is_stands_beside_it() {
        for (status, (status_zh, status_en)) in (1_u8..).zip(STATUSES) {
            let row = OrganizationRow {
                org_id: "ORG-A".to_owned(),
                uscc: "91370199MA0EXM130F".to_owned(),
                name_zh: "济南市中级人民法院（样例）".to_owned(),
                name_en: String::new(),
                status,
            };
            let rows = [((row.org_id.clone(), Height(7)), row.clone())];
            let told = Names(BTreeMap::from(rows)).of(&"ORG-A", Some(Height(7)));
            let own = [told.words(Lang::Zh).to_owned(), row.told_zh()];
            let english = [told.words(Lang::En).to_owned(), row.told_en()];
            for text in &own {
                assert!(text.starts_with("“济南市中级人民法院（样例）”（"), "{text}");
                assert_eq!(text.contains("自报名称"), !row.is_verified(), "{text}");
            }
            for text in &english {
                assert_eq!(text.contains("its own name for itself"), !row.is_verified(), "{text}");
            }
            assert!(own[1].contains(status_zh) && english[1].contains(status_en));
            assert_eq!(own[0].contains(status_zh) && english[0].contains(status_en), status_en != "ACTIVE", "{own:?}");
        }
    }
}
