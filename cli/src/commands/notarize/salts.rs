//! The file that keeps the salts between the submission and the bundle.

use std::path::{Path, PathBuf};

use quancheng_proof::report::shanghai_time;
use quancheng_proof::{BatchTree, SaltedEntry};
use quancheng_types::{Digest, SignedTransaction, Transaction, TransactionId};
use serde::{Deserialize, Serialize};

use super::items;
use super::reservation::Reservation;
use crate::fault::{Fault, Outcome};
use crate::files;
use crate::messages::causes;
use crate::submit::is_void;
use crate::text::{Lang, Text, say};

/// Version of the format: the first one had no transaction.
const VERSION: u16 = 2;
/// Greatest file of salts, bytes.
const SALTS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Digits of a transaction's id in the name of salts that are set aside.
const NAMED_DIGITS: usize = 16;

/// What a submitter must not lose.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaltsFile {
    format: String,
    version: u16,
    transaction_id: TransactionId,
    /// When the transaction can no longer take effect, ms since 1970 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until_ms: Option<u64>,
    /// The signed transaction, to be submitted again; none when it is in a file of its own, still to be signed or submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transaction: Option<String>,
    complete: bool,
    /// The first batch, in order.
    items: Vec<SaltedEntry>,
    /// Further batches of the same transaction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    more: Vec<Vec<SaltedEntry>>,
}

impl SaltsFile {
    /// Of the batches of a transaction, with its signed bytes when this program submits it.
    pub(super) fn new(
        body: &Transaction,
        signed: Option<&SignedTransaction>,
        complete: bool,
        trees: &[BatchTree],
    ) -> Self {
        let mut batches = trees.iter().map(|tree| tree.items().to_vec());
        let items = batches.next().unwrap_or_default();
        Self {
            format: files::SALTS_FORMAT.to_owned(),
            version: VERSION,
            transaction_id: body.id(),
            valid_until_ms: Some(body.valid_until_ms),
            transaction: signed.map(|signed| hex::encode(signed.encode())),
            complete,
            items,
            more: batches.collect(),
        }
    }

    /// Writes it for nobody else to read.
    pub(super) fn write(&self, to: &mut Reservation) -> Outcome<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Fault::usage("FILE", say!("无法写出盐值。", "Cannot write the salts.")).cause(error))?;
        to.fill(text.as_bytes())
    }

    /// Reads it.
    pub(super) fn read(from: &Reservation) -> Outcome<Self> {
        let path = from.path();
        let bytes = files::bounded(path, from.file(), SALTS_BYTES_MAX)?;
        let shown = path.display();
        let file: Self = files::parse(&bytes).map_err(|error| {
            if error.is_eof() {
                return unfilled(path);
            }
            Fault::usage("SALTS_FILE", say!("{shown} 不是盐值文件。", "{shown} is not a file of salts."))
                .cause_in(causes::said(&error))
        })?;
        if file.format != files::SALTS_FORMAT || !(1..=VERSION).contains(&file.version) {
            let message = say!("{shown} 由其他版本生成。", "{shown} was made by another version of this program.");
            return Err(Fault::usage("SALTS_FILE", message));
        }
        Ok(file)
    }

    /// The transaction.
    pub(super) const fn id(&self) -> TransactionId {
        self.transaction_id
    }

    /// When it can no longer take effect, if that is known.
    pub(super) const fn valid_until_ms(&self) -> Option<u64> {
        self.valid_until_ms
    }

    /// Its signed bytes, if they are here.
    pub(super) fn signed(&self) -> Option<SignedTransaction> {
        let bytes = hex::decode(self.transaction.as_ref()?).ok()?;
        SignedTransaction::decode(&bytes).ok().filter(|signed| signed.id() == self.transaction_id)
    }

    /// The root of its first batch.
    pub(super) fn root(&self) -> Outcome<Digest> {
        Ok(items::tree(self.items.clone(), self.complete)?.commitment().root)
    }

    /// Its batches.
    pub(super) fn trees(self) -> Outcome<Vec<BatchTree>> {
        let batches = std::iter::once(self.items).chain(self.more);
        batches.map(|batch| items::tree(batch, self.complete)).collect()
    }
}

/// Beside the bundle.
pub(super) fn path_of(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".salts.json");
    name.into()
}

/// Where salts are set aside whose transaction was refused.
pub(super) fn aside_of(out: &Path, id: &TransactionId) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(format!(".{}.salts.json", id.to_string().get(..NAMED_DIGITS).unwrap_or_default()));
    name.into()
}

/// A file of salts that was never written to its end. That comes first, so nothing was submitted.
fn unfilled(path: &Path) -> Fault {
    let shown = path.display();
    let message = say!(
        "{shown} 为空或不完整：此前的运行在提交之前就已中断，未提交任何内容。",
        "{shown} is empty or cut off: the run ended before it submitted anything; nothing was submitted."
    );
    Fault::usage("NOTHING_SUBMITTED", message).hint(say!(
        "请删除 {shown}，再次运行 `quancheng evidence notarize`。",
        "Delete {shown} and run `quancheng evidence notarize` again."
    ))
}

/// The fault of salts whose transaction can no longer take effect.
pub(super) fn too_late(fault: Fault, path: &Path) -> Fault {
    let shown = path.display();
    fault.hint(say!(
        "{shown} 中的盐值已无用：请删除该文件，再次运行 `quancheng evidence notarize`。",
        "The salts in {shown} are of no use any more: delete the file and run `quancheng evidence notarize` again."
    ))
}

/// A fault of the submission, and where the salts are. They are never thrown away: that nothing was recorded is what a node says, and without
/// them nothing could be shown of what was. Where it says so they are set aside, so that the same command can be given again.
pub(super) fn kept(mut fault: Fault, reserved: Reservation, id: &TransactionId, valid_until_ms: u64) -> Fault {
    if is_void(&fault) {
        let out = reserved.out().display().to_string();
        let told = match reserved.set_aside(id) {
            Ok(aside) => {
                let (shown, until) = (aside.display(), shanghai_time(valid_until_ms));
                say!(
                    "盐值已移至 {shown}：在 {until}（北京时间）之前请勿删除；如该交易仍上链，用 `quancheng evidence finish {shown} --bundle {out}` 生成证据包。",
                    "The salts were set aside in {shown}: do not delete them before {until} (Beijing time); should the transaction be recorded after all, `quancheng evidence finish {shown} --bundle {out}` makes its bundle."
                )
            }
            Err(failed) => failed.message,
        };
        let joined = |lang| match &fault.hint {
            Some(hint) => format!("{} {}", hint.words(lang), told.words(lang)),
            None => told.words(lang).to_owned(),
        };
        fault.hint = Some(Text::new(joined(Lang::Zh), joined(Lang::En)));
        return fault;
    }
    let (shown, out) = (reserved.path().display(), reserved.out().display());
    let (zh, en) = match &fault.hint {
        Some(hint) => (hint.words(Lang::Zh).to_owned(), format!("{} ", hint.words(Lang::En))),
        None => (String::new(), String::new()),
    };
    fault.hint = Some(say!(
        "{zh}盐值保存在 {shown}；稍后用 `quancheng evidence finish {shown} --bundle {out}` 完成。",
        "{en}The salts are in {shown}; finish later with `quancheng evidence finish {shown} --bundle {out}`."
    ));
    fault
}
