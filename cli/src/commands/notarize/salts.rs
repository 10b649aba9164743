//! The file that keeps the salts between the submission and the bundle.

use std::path::{Path, PathBuf};

use quancheng_proof::{BatchTree, SaltedEntry};
use quancheng_types::TransactionId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::items;
use super::reservation::Reservation;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::text::{Lang, say};

/// Version of the format.
const VERSION: u16 = 1;
/// Greatest file of salts, bytes.
const SALTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a submitter must not lose.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaltsFile {
    format: String,
    version: u16,
    transaction_id: TransactionId,
    complete: bool,
    /// The first batch, in order.
    items: Vec<SaltedEntry>,
    /// Further batches of the same transaction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    more: Vec<Vec<SaltedEntry>>,
}

impl SaltsFile {
    /// Of the batches of a transaction.
    pub(super) fn new(transaction_id: TransactionId, complete: bool, trees: &[BatchTree]) -> Self {
        let mut batches = trees.iter().map(|tree| tree.items().to_vec());
        let items = batches.next().unwrap_or_default();
        Self {
            format: files::SALTS_FORMAT.to_owned(),
            version: VERSION,
            transaction_id,
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
            Fault::usage("SALTS_FILE", say!("{shown} 不是盐值文件。", "{shown} is not a file of salts.")).cause(error)
        })?;
        if file.format != files::SALTS_FORMAT || file.version != VERSION {
            let message = say!("{shown} 由其他版本生成。", "{shown} was made by another version of this program.");
            return Err(Fault::usage("SALTS_FILE", message));
        }
        Ok(file)
    }

    /// The transaction and its batches.
    pub(super) fn trees(self) -> Outcome<(TransactionId, Vec<BatchTree>)> {
        let batches = std::iter::once(self.items).chain(self.more);
        let trees = batches.map(|batch| items::tree(batch, self.complete)).collect::<Outcome<Vec<_>>>()?;
        Ok((self.transaction_id, trees))
    }
}

/// Beside the bundle.
pub(super) fn path_of(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".salts.json");
    name.into()
}

/// A fault of the submission, and what becomes of the salts: they are thrown away when it is certain that nothing was recorded, else
/// the fault says where they are.
pub(super) fn kept(mut fault: Fault, reserved: Reservation) -> Fault {
    let is_void = fault.exit == Exit::Refused
        && fault.data.as_ref().is_some_and(|data| {
            // A receipt that refuses, or a node that did not take it while no other can have it.
            data.get("outcome").is_some() || data.get("admitted") == Some(&Value::Bool(false))
        });
    if is_void {
        reserved.discard();
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
