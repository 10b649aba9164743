//! State entries of a bundle in words, and what the registry's entries say of a status (V10).
//!
//! A status is the one at the block time of the entry's height: expiry depends on the time, and how things stand today no bundle
//! can show.

use quancheng_contracts::registry::types::{Encumbrance, EncumbranceKind, Pending, Request};
use quancheng_contracts::registry::{Registration, Registry, Status};
use quancheng_contracts::{Contract as _, StateKey, describe_entry};
use quancheng_proof::bundle::VALUE_BYTES_MAX;
use quancheng_proof::identity::{self, OrganizationRow};
use quancheng_proof::report::{Detail, TimeOf, shanghai_time};
use quancheng_proof::{Bundle, Claim, Report, Standing};
use quancheng_types::{Height, codec};
use serde_json::{Value, json};

use super::names::Names;
use crate::submit::insert;
use crate::text::{Lang, Text, say};

/// The table whose values are registrations.
const REGISTRATIONS: &str = "registry.registrations";

/// A state claim in words.
pub(crate) struct Entry {
    /// Which claim of the bundle.
    pub(crate) claim: u16,
    /// The full key, hex.
    pub(crate) key: String,
    /// Whether there is a value; otherwise the claim is that there is none.
    pub(crate) is_present: bool,
    /// Module, table, key and value; why they cannot be read otherwise.
    pub(crate) words: Result<quancheng_contracts::Entry, String>,
    /// Heights of its span whose leaf the bundle carries, and whose time is not shown because that leaf does not prove.
    pub(super) times_unproven: Vec<Height>,
    /// Whether it still is what the genesis wrote: then the genesis states every time in it.
    pub(super) is_of_genesis: bool,
    /// The organization, when the entry is one that can be read and is filed under its own id.
    pub(super) organization: Option<OrganizationRow>,
    /// The registration, when the entry is one; why it cannot be read otherwise.
    pub(super) registration: Option<Result<Registration, String>>,
}

/// The state claims of a bundle, in order. Nothing here is checked.
pub(crate) fn entries(bundle: &Bundle) -> Vec<Entry> {
    (0_u16..)
        .zip(&bundle.claims)
        .filter_map(|(number, claim)| match claim {
            Claim::Transaction { .. } => None,
            Claim::State { key, value, .. } => Some(entry(number, key, value.as_deref())),
        })
        .collect()
}

fn entry(claim: u16, key: &[u8], value: Option<&[u8]>) -> Entry {
    let state_key = StateKey::from_bytes(key.to_vec());
    let words = match &state_key {
        None => Err("the key is shorter than its prefix".to_owned()),
        Some(key) => describe_entry(key, value).map_err(|error| error.to_string()),
    };
    let registration =
        state_key.as_ref().filter(|key| is_registration(key)).zip(value).map(|(key, value)| registration(key, value));
    let organization = value.and_then(|value| identity::organization_at(key, value));
    Entry {
        claim,
        key: hex::encode(key),
        is_present: value.is_some(),
        words,
        times_unproven: Vec::new(),
        is_of_genesis: false,
        organization,
        registration,
    }
}

/// Notes of each entry which times its report leaves out because their leaves do not prove (silence would pass for a bundle without them), and
/// whether the genesis wrote it.
pub(super) fn note_times(entries: &mut [Entry], bundle: &Bundle, report: &Report) {
    let is_carried = |height: Height| bundle.leaves.iter().any(|leaf| leaf.leaf.height == height);
    for entry in entries {
        let Some(span) = report.span_of(entry.claim) else { continue };
        let moments = [Some(span.since), span.until].into_iter().flatten();
        let unproven = moments.filter(|moment| moment.time_ms.is_none() && is_carried(moment.height));
        entry.is_of_genesis = entry.is_present && span.since.height == Height::GENESIS;
        entry.times_unproven = unproven.map(|moment| moment.height).collect();
    }
}

fn is_registration(key: &StateKey) -> bool {
    let table = Registry::TABLES.iter().find(|table| table.name() == REGISTRATIONS);
    key.module() == Registry::ID && table.is_some_and(|table| table.number() == key.table())
}

fn registration(key: &StateKey, value: &[u8]) -> Result<Registration, String> {
    let found: Registration = codec::decode(value, VALUE_BYTES_MAX).map_err(|error| error.to_string())?;
    // A key is its module and table, two bytes each, and the canonical bytes of a serial that there can be.
    let is_own = key.as_bytes().get(4..) == Some(codec::encode(&found.id).as_slice());
    if is_own && quancheng_proof::tables::row(key.as_bytes()).is_ok() {
        Ok(found)
    } else {
        Err(format!("the entry is filed under another serial than its own, {}", found.id))
    }
}

/// V10 for every registration of the bundle.
pub(super) fn add_statuses(entries: &[Entry], names: &Names, report: &mut Report) {
    for entry in entries {
        match (&entry.registration, report.block_time_of(entry.claim)) {
            (Some(Ok(registration)), Some(time_ms)) => {
                let detail = detail(registration, names, report.height_of(entry.claim));
                report.add_status(entry.claim, standing(registration, time_ms), detail);
            }
            (Some(Ok(_)), None) | (None, _) => {}
            (Some(Err(reason)), _) => report.add_unreadable_status(entry.claim, reason.as_str()),
        }
    }
}

fn standing(registration: &Registration, time_ms: u64) -> Standing {
    let status = standing_words(registration, time_ms);
    let subject = subject(registration);
    Standing {
        subject_zh: format!("{}的", subject.words(Lang::Zh)),
        subject_en: subject.words(Lang::En).to_owned(),
        status_zh: status.words(Lang::Zh).to_owned(),
        status_en: status.words(Lang::En).to_owned(),
    }
}

/// The status, and that something rests on the certificate or is asked of it: a pledged certificate is not simply in force.
pub(super) fn standing_words(registration: &Registration, time_ms: u64) -> Text {
    let status = registration.status(time_ms);
    let base = words(status);
    let (mut zh, mut en) = (base.words(Lang::Zh).to_owned(), base.words(Lang::En).to_owned());
    let mut more: Vec<Text> = kinds(registration);
    let is_said = matches!(
        status,
        Status::ChangePending | Status::TransferPending | Status::RenewalPending | Status::CancelPending
    );
    if let Some(pending) = registration.pending.as_ref().filter(|_| !is_said) {
        more.push(requested(&pending.request));
    }
    if !more.is_empty() {
        let joined = |lang, separator| more.iter().map(|part| part.words(lang)).collect::<Vec<_>>().join(separator);
        zh.push_str(&format!("（{}）", joined(Lang::Zh, "、")));
        en.push_str(&format!(" ({})", joined(Lang::En, ", ")));
    }
    Text::new(zh, en)
}

/// What rests on a certificate, by kind and count.
fn kinds(registration: &Registration) -> Vec<Text> {
    let all = [EncumbranceKind::Pledge, EncumbranceKind::Order, EncumbranceKind::Licence, EncumbranceKind::Case];
    let count = |kind: EncumbranceKind| registration.encumbrances.iter().filter(|entry| entry.kind == kind).count();
    let said = |kind: EncumbranceKind| {
        let (count, name) = (count(kind), kind_words(kind));
        let (zh, en) = (name.words(Lang::Zh), name.words(Lang::En));
        (count > 0).then(|| say!("设有{zh} {count} 项", "with {en}: {count}"))
    };
    all.into_iter().filter_map(said).collect()
}

fn kind_words(kind: EncumbranceKind) -> Text {
    match kind {
        EncumbranceKind::Pledge => say!("质押", "pledge"),
        EncumbranceKind::Order => say!("未结订单", "open order"),
        EncumbranceKind::Licence => say!("生效许可", "licence in force"),
        EncumbranceKind::Case => say!("未结案件", "open case"),
    }
}

/// One thing that rests on a certificate, with whom it concerns.
pub(super) fn encumbrance(entry: &Encumbrance, names: &Names, height: Option<Height>) -> Text {
    let (kind, party, record) = (kind_words(entry.kind), names.of(&entry.party, height), entry.record);
    let (zh, en) = (kind.words(Lang::Zh), kind.words(Lang::En));
    let (party_zh, party_en) = (party.words(Lang::Zh), party.words(Lang::En));
    say!("{zh}，相对人 {party_zh}，记录号 {record}", "{en}, party {party_en}, record {record}")
}

fn requested(request: &Request) -> Text {
    match request {
        Request::Renewal => say!("续展申请中", "renewal requested"),
        Request::Change { is_material: true, .. } => say!("重大变更申请中", "material change requested"),
        Request::Change { is_material: false, .. } => say!("变更申请中", "change requested"),
        Request::Transfer { .. } => say!("转移申请中", "transfer requested"),
        Request::Cancel => say!("注销申请中", "cancellation requested"),
    }
}

/// A request that waits for the registrar: what, by whom, and since when.
pub(super) fn pending(pending: &Pending, names: &Names, height: Option<Height>) -> Text {
    let (what, by, since) =
        (requested(&pending.request), names.of(&pending.requested_by, height), shanghai_time(pending.requested_at_ms));
    let (zh, en) = (what.words(Lang::Zh), what.words(Lang::En));
    let (by_zh, by_en) = (by.words(Lang::Zh), by.words(Lang::En));
    let transfer = match &pending.request {
        Request::Transfer { from, to, .. } => {
            let (from, to) = (names.of(from, height), names.of(to, height));
            let (from_zh, to_zh) = (from.words(Lang::Zh), to.words(Lang::Zh));
            let (from_en, to_en) = (from.words(Lang::En), to.words(Lang::En));
            say!("（由 {from_zh} 至 {to_zh}）", " (from {from_en} to {to_en})")
        }
        Request::Renewal | Request::Change { .. } | Request::Cancel => Text::same(""),
    };
    let (more_zh, more_en) = (transfer.words(Lang::Zh), transfer.words(Lang::En));
    let approved = if pending.is_approved {
        say!("，已获批准，公示未毕", ", approved, notice not over")
    } else {
        Text::same("")
    };
    let (approved_zh, approved_en) = (approved.words(Lang::Zh), approved.words(Lang::En));
    say!(
        "{zh}{more_zh}，申请人 {by_zh}，自 {since}{approved_zh}",
        "{en}{more_en}, by {by_en}, since {since}{approved_en}"
    )
}

/// A certificate by its number; what has none yet is an application.
pub(super) fn subject(registration: &Registration) -> Text {
    let id = registration.id;
    match registration.ledger_no {
        Some(number) => say!("登记凭证 {number} ", "certificate {number}"),
        None => say!("登记申请（流水号 {id}）", "application {id}"),
    }
}

/// Who and until when, for the detail of the finding.
fn detail(registration: &Registration, names: &Names, height: Option<Height>) -> Detail {
    let (id, holders) = (registration.id, names.all(&registration.holders, height));
    let (zh, en) = (holders.words(Lang::Zh), holders.words(Lang::En));
    let mut parts = vec![say!("流水号 {id}", "serial {id}"), say!("持有人 {zh}", "holders {en}")];
    if let (Some(from), Some(to)) = (registration.valid_from, registration.valid_to) {
        parts.push(say!(
            "有效期 {from} 至 {to}（含首尾两日，北京时间）",
            "valid from {from} to {to}, both days included, Beijing time"
        ));
    }
    if !registration.holds.is_empty() {
        let count = registration.holds.len();
        parts.push(say!("中止 {count} 项", "holds {count}"));
    }
    parts.extend(registration.encumbrances.iter().map(|entry| encumbrance(entry, names, height)));
    parts.extend(registration.pending.iter().map(|request| pending(request, names, height)));
    if registration.objections_open > 0 {
        let count = registration.objections_open;
        parts.push(say!("未决异议 {count} 项", "open objections {count}"));
    }
    let joined = |lang, separator| parts.iter().map(|part| part.words(lang)).collect::<Vec<_>>().join(separator);
    Detail::new(joined(Lang::Zh, "；"), joined(Lang::En, "; "))
}

impl Entry {
    /// For programs; nothing here is checked.
    pub(crate) fn to_json(&self) -> Value {
        let mut shown = match &self.words {
            Ok(words) => json!({
                "claim": self.claim, "key": self.key, "present": self.is_present,
                "module": words.module, "table": words.table, "row": words.key, "value": words.value,
                "times_unproven": self.times_unproven,
            }),
            Err(reason) => {
                json!({ "claim": self.claim, "key": self.key, "present": self.is_present, "unknown": reason })
            }
        };
        // Whoever only shows a bundle has not looked.
        if self.is_of_genesis {
            insert(&mut shown, "is_of_genesis", json!(true));
        }
        shown
    }

    /// The registration with its status, when the entry is one. `confirmed` says whether the entry was proven.
    pub(super) fn status_json(&self, report: &Report) -> Option<Value> {
        let registration = self.registration.as_ref()?.as_ref().ok()?;
        let time_ms = report.block_time_of(self.claim)?;
        let height = report.facts.as_ref()?.claims.get(usize::from(self.claim))?.height;
        Some(json!({
            "claim": self.claim,
            "confirmed": report.is_included(self.claim),
            "as_of": { "height": height, "time_ms": time_ms, "time": shanghai_time(time_ms), "time_of": TimeOf::height(height) },
            "span": report.span_of(self.claim),
            "registration": registration.id,
            "ledger_no": registration.ledger_no,
            "kind": registration.kind,
            "status": registration.status(time_ms),
            "phase": registration.phase,
            "version": registration.version,
            "applicant": registration.applicant,
            "holders": registration.holders,
            "registrar": registration.registrar,
            "valid_from": registration.valid_from,
            "valid_to": registration.valid_to,
            "holds": registration.holds,
            "objections_open": registration.objections_open,
            "encumbrances": registration.encumbrances,
            "pending": registration.pending,
        }))
    }
}

/// A status in both languages.
pub(super) fn words(status: Status) -> Text {
    match status {
        Status::Submitted => say!("已提交", "submitted"),
        Status::NeedSupplement => say!("待补正", "waiting for a supplement"),
        Status::Accepted => say!("已受理", "accepted"),
        Status::UnderReview => say!("审核中", "under review"),
        Status::Reviewed => say!("审核通过", "review passed"),
        Status::Notice => say!("公示中", "under public notice"),
        Status::Objected => say!("异议处理中", "under objection"),
        Status::Active => say!("有效", "active"),
        Status::ChangePending => say!("有效，变更申请中", "active, change requested"),
        Status::TransferPending => say!("有效，转移申请中", "active, transfer requested"),
        Status::RenewalPending => say!("有效，续展申请中", "active, renewal requested"),
        Status::CancelPending => say!("有效，注销申请中", "active, cancellation requested"),
        Status::Suspended => say!("中止", "suspended"),
        Status::Expired => say!("已届满", "expired"),
        Status::Rejected => say!("不予登记", "rejected"),
        Status::Withdrawn => say!("已撤回", "withdrawn"),
        Status::Cancelled => say!("已注销", "cancelled"),
        Status::Revoked => say!("已撤销", "revoked"),
    }
}

#[cfg(test)]
mod tests;
