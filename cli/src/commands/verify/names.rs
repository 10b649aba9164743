//! Legal names of organizations, where the bundle proves them.

use std::collections::BTreeMap;
use std::fmt::Display;

use quancheng_proof::foreign::quoted;
use quancheng_proof::identity::{organization, organization_key};
use quancheng_proof::{Bundle, Claim, Report};
use quancheng_types::Height;

use crate::text::{Lang, Text, say};

/// Names by organization and the height as of which its row was proven.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<(String, Height), (String, String)>);

impl Names {
    /// From the rows of organizations in a bundle whose inclusion the report confirms.
    pub(super) fn proven(bundle: &Bundle, report: &Report) -> Self {
        let mut names = BTreeMap::new();
        for (number, claim) in (0_u16..).zip(&bundle.claims) {
            let Claim::State { key, value: Some(value), .. } = claim else { continue };
            let Some(row) = organization(value).filter(|row| organization_key(&row.org_id)[..] == key[..]) else {
                continue;
            };
            if let Some(height) = report.height_of(number).filter(|_| report.is_included(number)) {
                names.insert((row.org_id, height), (row.name_zh, row.name_en));
            }
        }
        Self(names)
    }

    /// An organization by its legal name and its id; by its id alone where no name of that height is proven.
    pub(super) fn of(&self, org_id: &impl Display, height: Option<Height>) -> Text {
        let id = org_id.to_string();
        match height.and_then(|height| self.0.get(&(id.clone(), height))) {
            Some((zh, en)) => {
                let (zh, en) = (quoted(zh), quoted(if en.is_empty() { zh } else { en }));
                say!("{zh}（{id}）", "{en} ({id})")
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
