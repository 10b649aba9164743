//! Where bundles go. A bundle and a file of salts hold what exists nowhere else, so neither is ever written over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quancheng_proof::{BatchTree, Bundle, Claim, FileHasher, ManifestEntry, SaltedEntry};
use quancheng_types::{AccountId, Call, ChainId};

use super::{items, salts};
use crate::answered;
use crate::commands::evidence::BUNDLE_FILE_BYTES_MAX;
use crate::fault::{Fault, Outcome};
use crate::files::{self, Named};
use crate::text::{Text, say};

/// Nothing is there yet, and something can be.
pub(super) fn absent(out: &Path) -> Outcome<()> {
    let shown = out.display();
    files::named(out)?;
    if out.symlink_metadata().is_ok() {
        let message = say!(
            "{shown} 已存在；证据包内的盐值别无副本，不会被覆盖。",
            "{shown} exists; a bundle holds salts that exist nowhere else and is never written over."
        );
        return Err(Fault::usage("BUNDLE_EXISTS", message)
            .hint(say!("请另取 --bundle 名称，或将其移走。", "Give another name to --bundle, or move it away.")));
    }
    files::in_a_folder(out)
}

/// Bundle, salts and transaction are three files, of which the last is new too. Told before anything is read or taken.
pub(super) fn each_its_own(out: Option<&Path>, transaction: Option<&Path>) -> Outcome<()> {
    let Some(transaction) = transaction else { return Ok(()) };
    if let Some(out) = out {
        files::distinct(&[out, &salts::path_of(out), transaction])?;
    }
    files::absent(transaction)
}

/// Longest name of a file, bytes: that of the file systems in use.
const NAME_BYTES_MAX: usize = 255;
/// Bytes that are kept of a name too long for a bundle and its salts.
const NAME_BYTES_KEPT: usize = 180;

/// A file with the place of its bundle; none without a folder.
pub(super) type Placed = (Named, Option<PathBuf>);

/// The place of the bundle of each file in a folder. Two files whose bundles would have one name are told, before anything is read.
pub(super) fn of_each(dir: Option<&Path>, files: Vec<Named>) -> Outcome<Vec<Placed>> {
    let Some(dir) = dir else {
        return Ok(files.into_iter().map(|file| (file, None)).collect());
    };
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut fault: Option<Fault> = None;
    for file in &files {
        let (path, name) = (file.name.as_str(), bundle_name(&file.name));
        if let Some(other) = names.insert(name.clone(), path) {
            let first = || {
                let message = say!(
                    "有文件的证据包会同名，尚未读取任何文件。",
                    "Bundles of several files would have one name; nothing was read yet."
                );
                Fault::usage("SAME_NAME", message)
                    .hint(say!("请分两次存证到不同的文件夹。", "Notarize them in two runs into different folders."))
            };
            fault = Some(fault.unwrap_or_else(first).cause(format!("{other}, {path} -> {name}")));
        }
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    Ok(files
        .into_iter()
        .map(|file| {
            let out = dir.join(bundle_name(&file.name));
            (file, Some(out))
        })
        .collect())
}

/// The name of the bundle of a file: its path with `_` between names. One that would be too long for a file system is cut, and told
/// apart by a digest of the whole.
fn bundle_name(path: &str) -> String {
    let plain = path.replace('/', "_");
    if salts::path_of(Path::new(&format!("{plain}.bundle"))).as_os_str().len() <= NAME_BYTES_MAX {
        return format!("{plain}.bundle");
    }
    let mut hasher = FileHasher::new();
    hasher.update(path.as_bytes());
    let digest = hasher.finish("").sha256.to_string();
    let cut = (0..=NAME_BYTES_KEPT).rev().find(|at| plain.is_char_boundary(*at)).unwrap_or_default();
    let (kept, digest) = (plain.get(..cut).unwrap_or_default(), digest.get(..16).unwrap_or_default());
    format!("{kept}~{digest}.bundle")
}

/// What has to have been done for a file that is passed over: this command, by an earlier run.
pub(super) struct Done<'a> {
    pub(super) chain_id: ChainId,
    pub(super) account: AccountId,
    pub(super) entry: &'a ManifestEntry,
    pub(super) is_complete: bool,
    /// The call that notarizes a batch with these flags.
    pub(super) call: &'a dyn Fn(&BatchTree) -> Outcome<Call>,
}

impl Done<'_> {
    /// Refuses a file in the place of a bundle that is not the bundle of this file, by this account, with these flags, on this chain.
    pub(super) fn check(&self, out: &Path) -> Outcome<()> {
        let bytes = files::read_plain(out, BUNDLE_FILE_BYTES_MAX)?;
        let Ok(bundle) = Bundle::decode(&bytes) else { return absent(out) };
        self.shown(&bundle)?.map_err(|why| {
            let shown = out.display();
            let message = say!(
                "{shown} 已存在，但不是本命令为该文件所作的证据包；该文件未存证。",
                "{shown} exists and is not the bundle that this command makes of the file; the file was not notarized."
            );
            let fault = Fault::usage("BUNDLE_EXISTS", message).hint(say!(
                "请将其移走，或另取 --bundle 文件夹，再次运行同一命令。",
                "Move it away, or give another folder to --bundle, and run the command again."
            ));
            why.into_iter().fold(fault, Fault::cause_in)
        })
    }

    /// Why a bundle is not the one.
    fn shown(&self, bundle: &Bundle) -> Outcome<Result<(), Vec<Text>>> {
        let no = |why: Text| Ok(Err(vec![why]));
        let (Some(Claim::Transaction { transaction, .. }), [opening]) = (bundle.claims.first(), &bundle.openings[..])
        else {
            return no(say!("其中没有恰好一批文件的存证交易", "it is not of a transaction with one batch of files"));
        };
        let (found, wanted) = (transaction.body.chain_id, self.chain_id);
        if found != wanted || bundle.header.chain_id != wanted {
            return no(say!("属于链 {found}，而非 {wanted}", "it is of chain {found}, not {wanted}"));
        }
        let account = self.account;
        if transaction.body.signers.first().is_none_or(|signer| signer.account != account) {
            return no(say!("不是账户 {account} 所存证", "it was not notarized by account {account}"));
        }
        let [item] = &opening.items[..] else {
            return no(say!("所列不止一个文件", "it does not list one file"));
        };
        let (listed, entry) = (&item.entry, self.entry);
        if (&listed.path, listed.size, listed.sha256, listed.sm3) != (&entry.path, entry.size, entry.sha256, entry.sm3)
        {
            return no(say!("文件的名称或内容与其所列不同", "it lists another name or content than the file has"));
        }
        let Some(salt) = item.salt else {
            return no(say!("其中不含该文件的盐值", "it holds no salt of the file"));
        };
        let tree = items::tree(vec![SaltedEntry { salt, entry: listed.clone() }], self.is_complete)?;
        if (self.call)(&tree).is_ok_and(|call| transaction.body.calls.to_vec() != [call]) {
            return no(say!(
                "盐值不符，或当时的 --complete 或 --attributes 不同",
                "its salt does not fit, or --complete or --attributes were different"
            ));
        }
        Ok(answered::opened(bundle))
    }
}
