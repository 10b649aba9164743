//! Where a record stands and what was notarized with it: batches, and the files that the bundle lists.

use quancheng_proof::foreign::quoted;
use quancheng_proof::report::{ClaimFact, EntryFact, shanghai_time};
use quancheng_proof::{BatchCommitment, Facts};

use super::Page;
use crate::text::{Lang, say};

/// Height, times and block.
pub(super) fn place(page: &mut Page, claim: &ClaimFact) {
    let (height, by) = (claim.height, shanghai_time(claim.not_after_ms));
    let (zh, en) = (claim.moment().named_zh(), claim.moment().named_en());
    let words = say!(
        "高度 {height}，{zh}；认证该结果的区块时间 {by}（北京时间）",
        "height {height}, {en}; time of the block that certifies it {by} (Beijing time)"
    );
    page.deeper(&say!("区块    ", "block   "), page.pick(&words));
    page.deeper(&say!("区块编号", "block id"), claim.block_id);
}

/// What the chain holds of a batch.
pub(super) fn commitment(page: &mut Page, claim: u16, call: u8, batch: &BatchCommitment) {
    let BatchCommitment { root, count, bytes, complete } = batch;
    page.deeper(&say!("存证批 #{claim}/{call} 根", "batch #{claim}/{call} root"), root);
    let declared = if *complete { say!("是", "yes") } else { say!("否", "no") };
    let (zh, en) = (declared.words(Lang::Zh), declared.words(Lang::En));
    page.deeper(
        &say!("文件数与字节数", "files and bytes"),
        page.pick(&say!(
            "{count} 份，共 {bytes} 字节；声明为完整清单：{zh}",
            "{count} files, {bytes} bytes; declared a whole manifest: {en}"
        )),
    );
}

/// The files of the manifest, whether or not any of them is at hand.
pub(super) fn manifests(page: &mut Page, facts: &Facts) {
    for manifest in &facts.manifests {
        let (claim, call, count) = (manifest.claim, manifest.call, manifest.entries.len());
        page.title(&say!(
            "存证批 #{claim}/{call} 所列文件（{count} 份，以“各项结论”为准）",
            "Files listed for batch #{claim}/{call} ({count}; only as good as the findings)"
        ));
        for entry in &manifest.entries {
            file(page, entry);
        }
    }
}

fn file(page: &mut Page, EntryFact { index, entry, is_sealed }: &EntryFact) {
    let number = index.saturating_add(1);
    page.line(&say!("第 {number} 份", "file {number}"), quoted(entry.path.as_str()));
    page.deeper(&say!("字节数   ", "bytes     "), entry.size);
    page.deeper(&say!("SHA-256  ", "SHA-256   "), entry.sha256);
    page.deeper(&say!("SM3      ", "SM3       "), entry.sm3);
    let unnamed = say!("未载明", "not stated");
    let mime = entry.mime.as_ref().map_or_else(|| unnamed.words(page.lang).to_owned(), ToString::to_string);
    page.deeper(&say!("媒体类型 ", "media type"), mime);
    if *is_sealed {
        page.deeper(&say!("盐值     ", "salt      "), page.pick(&say!("未提供", "withheld")));
    }
}
