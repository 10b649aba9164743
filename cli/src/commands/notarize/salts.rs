//! The file that keeps the salts between the submission and the bundle.

use std::path::{Path, PathBuf};

use quancheng_proof::report::shanghai_time;
use quancheng_proof::{BatchTree, SaltedEntry};
use quancheng_types::{ChainId, Digest, SignedTransaction, Transaction, TransactionId};
use serde::{Deserialize, Serialize};

use super::items;
use super::reservation::Reservation;
use crate::fault::{Fault, Outcome};
use crate::files;
use crate::messages::causes;
use crate::submit::{Known, is_void, of_final};
use crate::text::say;
use crate::time::now_ms;

/// Version of the format: the first one had no transaction, the second no chain of its own.
const VERSION: u16 = 3;
/// Greatest file of salts, bytes.
const SALTS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What the name of a file of salts has after that of its bundle.
const SUFFIX: &str = ".salts.json";
/// Digits of a transaction's id in the name of salts that are set aside.
const NAMED_DIGITS: usize = 16;

/// What a submitter must not lose.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaltsFile {
    format: String,
    version: u16,
    transaction_id: TransactionId,
    /// The chain of the transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain_id: Option<ChainId>,
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
            chain_id: Some(body.chain_id),
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
        to.fill(text.as_bytes())?;
        to.is_of(self.transaction_id);
        Ok(())
    }

    /// Reads it.
    pub(super) fn read(from: &Reservation) -> Outcome<Self> {
        let path = from.path();
        let bytes = files::bounded(path, from.file(), SALTS_BYTES_MAX)?;
        if bytes.is_empty() && is_named_as_one(path) {
            return Err(unfilled(path));
        }
        let file: Self = files::parse(&bytes).map_err(|error| damaged(path).cause_in(causes::said(&error)))?;
        if file.format != files::SALTS_FORMAT || !(1..=VERSION).contains(&file.version) {
            let shown = path.display();
            let message = say!("{shown} 由其他版本生成。", "{shown} was made by another version of this program.");
            return Err(Fault::usage("SALTS_FILE", message).hint(say!(
                "请保留该文件，用较新的版本运行 `quancheng evidence finish`。",
                "Keep it, and run `quancheng evidence finish` of a newer version."
            )));
        }
        from.is_of(file.transaction_id);
        Ok(file)
    }

    /// The transaction.
    pub(super) const fn id(&self) -> TransactionId {
        self.transaction_id
    }

    /// Its chain, if that is known.
    pub(super) fn chain_id(&self) -> Option<ChainId> {
        self.chain_id.or_else(|| self.signed().map(|signed| signed.body.chain_id))
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
    pub(super) fn trees(&self) -> Outcome<Vec<BatchTree>> {
        let batches = std::iter::once(&self.items).chain(&self.more);
        batches.map(|batch| items::tree(batch.clone(), self.complete)).collect()
    }
}

/// Beside the bundle.
pub(super) fn path_of(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// Where salts are set aside whose transaction was refused.
pub(super) fn aside_of(out: &Path, id: &TransactionId) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(format!(".{}{SUFFIX}", id.to_string().get(..NAMED_DIGITS).unwrap_or_default()));
    name.into()
}

/// Whether a file has the name of a reservation.
fn is_named_as_one(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(SUFFIX.as_bytes())
}

/// The fault of a reservation that was never filled. The salts come first, so nothing was submitted; and the next run takes it over.
fn unfilled(path: &Path) -> Fault {
    let shown = path.display();
    let message = say!(
        "{shown} 为空：占用该名称的运行在写入盐值之前已中断，当时尚未提交任何内容。",
        "{shown} is empty: the run that took the name ended before it had salts, and had submitted nothing."
    );
    Fault::usage("NOTHING_SUBMITTED", message).hint(say!(
        "请再次运行 `quancheng evidence notarize`，可用同一 --bundle 名称。",
        "Run `quancheng evidence notarize` again; the same --bundle name will do."
    ))
}

/// The fault of what is not a whole file of salts. Its transaction may have been submitted all the same.
fn damaged(path: &Path) -> Fault {
    let shown = path.display();
    let message = say!(
        "{shown} 不是完整的盐值文件，或已损坏；未作改动。",
        "{shown} is no whole file of salts, or it is damaged; it is left as it is."
    );
    Fault::usage("SALTS_FILE", message).hint(say!(
        "其交易可能已提交，而盐值别无副本：请保留该文件，找回其完整副本后再运行 `quancheng evidence finish`。",
        "Its transaction may have been submitted, and the salts may exist nowhere else: keep it, find a whole copy, and run `quancheng evidence finish` with that."
    ))
}

/// The fault of a run that could not give the salts up for a bundle. What nodes say of the transaction, they may say wrongly.
pub(super) fn stay(fault: Fault, path: &Path) -> Fault {
    let shown = path.display();
    if Known::of(&fault) == Known::Refused {
        let command = say!(
            "再次运行 `quancheng evidence notarize`，另取 --bundle 名称",
            "run `quancheng evidence notarize` again, with another --bundle name"
        );
        let salts = say!("盐值仍在 {shown}，未作改动。", "The salts stay in {shown} as they are.");
        let advice = of_final(&fault, &command).and(&salts);
        return fault.hint(advice);
    }
    let told = say!(
        "盐值仍在 {shown}：请保留；没有它，所存证的内容无从证明。可用 --api 改问其他节点后再次运行。",
        "The salts stay in {shown}: keep the file, without it nothing can be shown of what was notarized. Run this again, with --api of other nodes if need be."
    );
    fault.and_hint(&told)
}

/// A fault of the submission, and where the salts are. They are never thrown away: that nothing was recorded is what a node says, and without
/// them nothing could be shown of what was. Where it says so they are set aside, so that the same command can be given again.
pub(super) fn kept(fault: Fault, reserved: Reservation, id: &TransactionId, valid_until_ms: u64) -> Fault {
    if Known::of(&fault) == Known::Refused {
        let command = say!("再次运行同一命令", "run the same command again");
        let salts = match reserved.set_aside(id) {
            Ok(aside) => {
                let shown = aside.display();
                say!("其盐值已移至 {shown}。", "Its salts were set aside in {shown}.")
            }
            Err(failed) => failed.message,
        };
        let advice = of_final(&fault, &command).and(&salts);
        return fault.hint(advice);
    }
    if is_void(&fault) {
        let out = reserved.out().display().to_string();
        let told = match reserved.set_aside(id) {
            Ok(aside) => {
                let (shown, until) = (aside.display(), shanghai_time(valid_until_ms));
                if valid_until_ms <= now_ms() {
                    return fault.and_hint(&say!(
                        "盐值已移至 {shown}，请保留：如查明该交易其实已上链，用 `quancheng evidence finish {shown} --bundle {out}` 生成证据包。",
                        "The salts were set aside in {shown}: keep them. Should the transaction turn out to be on the chain, `quancheng evidence finish {shown} --bundle {out}` makes its bundle."
                    ));
                }
                say!(
                    "盐值已移至 {shown}，请保留：如该交易在 {until}（北京时间）之前仍上链，用 `quancheng evidence finish {shown} --bundle {out}` 生成证据包。",
                    "The salts were set aside in {shown}: keep them. Should the transaction be recorded after all, before {until} (Beijing time), `quancheng evidence finish {shown} --bundle {out}` makes its bundle."
                )
            }
            Err(failed) => failed.message,
        };
        return fault.and_hint(&told);
    }
    let (shown, out) = (reserved.path().display(), reserved.out().display());
    let told = say!(
        "盐值保存在 {shown}；稍后用 `quancheng evidence finish {shown} --bundle {out}` 完成。",
        "The salts are in {shown}; finish later with `quancheng evidence finish {shown} --bundle {out}`."
    );
    fault.and_hint(&told)
}
