//! `bundle compare`: two bundles against each other, in words that name who signed what, and no more.

use quancheng_proof::conflict::{Basis, Guilt, Vouching};
use quancheng_proof::foreign::quoted;
use quancheng_proof::report::Moment;
use quancheng_proof::{Comparison, ConflictError, Fork, ForkKind, conflict};
use quancheng_types::Height;
use serde_json::json;

use crate::args::evidence::BundleCompare;
use crate::commands::bundles::read;
use crate::commands::verify::checkpoint;
use crate::fault::{Exit, Fault, Outcome};
use crate::output::{Reply, View};
use crate::text::{Lang, Text, say};

/// Heights, lengths or keys that a line lists before it stops.
const SHOWN: usize = 8;

/// Whether two bundles contradict each other, and who signed both.
pub(super) fn compare(lang: Lang, command: &BundleCompare) -> Outcome<Reply> {
    let checkpoint = checkpoint(&command.checkpoint)?;
    let (first, second) = (read(&command.first)?, read(&command.second)?);
    let found = conflict(&first, &second, &checkpoint).map_err(|error| {
        let (which, detail) = match error {
            ConflictError::First { detail } => (command.first.display(), detail),
            ConflictError::Second { detail } => (command.second.display(), detail),
        };
        let message = say!(
            "{which} 不能由检查点推出，无法比较。",
            "{which} does not follow from the checkpoint; there is nothing to compare."
        );
        Fault::new(Exit::CannotCheck, "CANNOT_COMPARE", message)
            .cause_in(Text::new(detail.zh, detail.en))
            .hint(say!("请先用 `quancheng verify` 单独核验。", "Check it on its own with `quancheng verify` first."))
    })?;
    Ok(told(lang, &found))
}

/// A contradiction ends with 5, bundles that have nothing in common with 6.
fn told(lang: Lang, found: &Comparison) -> Reply {
    let data = json!({
        "contradiction": found.forks.first(), "contradictions": found.forks.len(),
        "heights": found.heights, "histories": found.histories,
    });
    let Some(fork) = found.forks.first() else {
        let mut reply = Reply { view: View::Text(String::new()), ..Reply::record(data) }.headline(agreement(found));
        if found.is_empty() {
            let message = say!("没有可比之处，未作比较。", "There is nothing to compare; nothing was compared.");
            reply.fault = Some(Fault::new(Exit::CannotCheck, "NOTHING_TO_COMPARE", message).hint(say!(
                "请取得载有相同高度的证据包，如用 `quancheng bundle refresh` 或 `quancheng bundle fetch`。",
                "Obtain bundles that name a common height, as by `quancheng bundle refresh` or `quancheng bundle fetch`."
            )));
        }
        return reply;
    };
    let lines: Vec<String> = lines(fork, found.forks.len()).iter().map(|line| line.words(lang).to_owned()).collect();
    let mut reply = Reply { view: View::Text(lines.join("\n")), ..Reply::record(data) }.headline(headline(fork));
    let sum = sum(fork);
    let message = say!("两个证据包相互矛盾。", "The bundles contradict each other.");
    reply.fault = Some(
        Fault::new(Exit::Mismatch, "CONTRADICTION", message)
            .cause_in(sum)
            .hint(say!("请保存两个证据包：它们合起来即为证据。", "Keep both bundles: together they are the evidence.")),
    );
    reply
}

fn agreement(found: &Comparison) -> Text {
    let heights = listed(found.heights.iter());
    let sizes = listed(found.histories.iter());
    match (found.heights.is_empty(), found.histories.is_empty()) {
        (true, true) => say!(
            "两个证据包没有共同的高度，也没有共同的历史长度：未能比较，不说明二者是否矛盾。",
            "The bundles name no common height and no common length of the history: not compared; whether they contradict each other \
             is not said."
        ),
        (false, true) => say!(
            "未发现矛盾；可比的高度为 {heights}。其余未能比较，不说明其他事项。",
            "No contradiction found; heights that could be compared: {heights}. Nothing else was compared, and no more is said."
        ),
        (true, false) => say!(
            "未发现矛盾；可比的历史为前 {sizes} 个高度。其余未能比较，不说明其他事项。",
            "No contradiction found; histories that could be compared: the first {sizes} heights. Nothing else was compared, and no \
             more is said."
        ),
        (false, false) => say!(
            "未发现矛盾；可比的高度为 {heights}，可比的历史为前 {sizes} 个高度。其余未能比较，不说明其他事项。",
            "No contradiction found; heights that could be compared: {heights}; histories: the first {sizes} heights. Nothing else \
             was compared, and no more is said."
        ),
    }
}

fn listed<T: ToString>(values: impl ExactSizeIterator<Item = T>) -> String {
    let count = values.len();
    let mut shown: Vec<String> = values.take(SHOWN).map(|value| value.to_string()).collect();
    if count > SHOWN {
        shown.push(format!("… ({count})"));
    }
    shown.join(", ")
}

fn headline(fork: &Fork) -> Text {
    let height = fork.height;
    match &fork.kind {
        ForkKind::Blocks { .. } => {
            say!("两个证据包对高度 {height} 载有不同的区块。", "The bundles hold different blocks of height {height}.")
        }
        ForkKind::Results { .. } => say!(
            "两个证据包对高度 {height} 的区块载有不同的结果。",
            "The bundles hold different results of the block of height {height}."
        ),
        ForkKind::Histories { size, .. } => say!(
            "两个证据包对历史的前 {size} 个高度（至高度 {height}）载有不同的历史。",
            "The bundles hold different histories of the first {size} heights (up to height {height})."
        ),
    }
}

fn lines(fork: &Fork, count: usize) -> Vec<Text> {
    let (first, second) = sides(fork.height, &fork.kind);
    let mut lines = vec![
        side(&say!("第一份", "first "), &fork.first, &first),
        side(&say!("第二份", "second"), &fork.second, &second),
    ];
    if let ForkKind::Results { keys, .. } = &fork.kind
        && !keys.is_empty()
    {
        let shown = listed(keys.iter());
        lines.push(say!(
            "  两份对下列状态键证明了不同的值：{shown}",
            "  different values are proven of these state keys: {shown}"
        ));
    }
    lines.push(signed(fork));
    for signer in &fork.signers_of_both {
        let (organization, id) = (quoted(&signer.organization), signer.validator);
        lines.push(say!("    {organization}  标识 {id}", "    {organization}  id {id}"));
    }
    if count > 1 {
        let more = count - 1;
        lines.push(say!("  另有矛盾 {more} 处。", "  There are {more} more contradictions."));
    }
    lines
}

/// What each side says.
fn sides(height: Height, kind: &ForkKind) -> (Text, Text) {
    match kind {
        ForkKind::Blocks { first_block, second_block } => {
            (say!("区块 {first_block}", "block {first_block}"), say!("区块 {second_block}", "block {second_block}"))
        }
        ForkKind::Results { first_result, second_result, .. } => {
            let said = |result: &quancheng_proof::conflict::BlockResult| {
                let moment = Moment::known(height, result.time_ms);
                let (zh, en) = (moment.named_zh(), moment.named_en());
                match result.receipts_root.zip(result.state_root) {
                    Some((receipts, state)) => say!(
                        "{zh}，回执根 {receipts}，状态根 {state}",
                        "{en}, receipts root {receipts}, state root {state}"
                    ),
                    None => say!("{zh}", "{en}"),
                }
            };
            (said(first_result), said(second_result))
        }
        ForkKind::Histories { first_root, second_root, .. } => (
            say!("历史根 {first_root}", "history root {first_root}"),
            say!("历史根 {second_root}", "history root {second_root}"),
        ),
    }
}

/// Which header was signed, and what follows from it.
fn side(which: &Text, vouching: &Vouching, said: &Text) -> Text {
    let Vouching { basis, signed_height, round, block_id } = vouching;
    let (zh, en) = (said.words(Lang::Zh), said.words(Lang::En));
    let rest = match basis {
        Basis::Block => say!(
            "法定多数在第 {round} 轮签署了高度 {signed_height} 的{zh}",
            "a quorum signed, in round {round}, {en} of height {signed_height}"
        ),
        Basis::Parent => say!(
            "法定多数在第 {round} 轮签署了高度 {signed_height} 的区块 {block_id}，其父区块为{zh}；对该父区块本身，证据包内没有签名",
            "a quorum signed, in round {round}, block {block_id} of height {signed_height}, whose parent is {en}; over that parent itself \
             the bundle holds no signature"
        ),
        Basis::History => say!(
            "法定多数在第 {round} 轮签署了高度 {signed_height} 的区块 {block_id}，其认证的历史载有{zh}",
            "a quorum signed, in round {round}, block {block_id} of height {signed_height}, which certifies a history with {en}"
        ),
    };
    let (which_zh, which_en) = (which.words(Lang::Zh), which.words(Lang::En));
    let (zh, en) = (rest.words(Lang::Zh), rest.words(Lang::En));
    say!("  {which_zh}：{zh}。", "  {which_en}: {en}.")
}

/// What the signatures of those who signed both show.
fn signed(fork: &Fork) -> Text {
    if fork.signers_of_both.is_empty() {
        return say!("  没有验证者的签名同时见于双方。", "  No validator signed both sides.");
    }
    match fork.guilt {
        Guilt::SameRound => say!(
            "  下列验证者在同一高度、同一轮次签署了两个不同的区块，各自违反了协议：",
            "  These validators signed two different blocks of one height in one round; each of them broke the protocol:"
        ),
        Guilt::BothFinal => say!(
            "  下列验证者签署的两个区块头，以互相排斥的两者为既定的区块或结果，各自违反了协议：",
            "  These validators signed two headers that rest on blocks or results which exclude each other; each of them broke the protocol:"
        ),
        Guilt::OtherRounds => say!(
            "  下列验证者在不同轮次签署了双方；仅凭这些签名不能认定其中何者违反了协议：",
            "  These validators signed both sides, in different rounds; who of them broke the protocol these signatures do not show:"
        ),
        Guilt::Indirect => say!(
            "  下列验证者签署了一方的区块，也签署了以另一方为前提的区块头；仅凭这些签名不能认定其中何者违反了协议：",
            "  These validators signed the block of one side, and a header that rests on the other; who of them broke the protocol these \
             signatures do not show:"
        ),
    }
}

/// What follows in all.
fn sum(fork: &Fork) -> Text {
    if fork.is_one_set {
        say!(
            "双方由同一组验证者签署：其中超过三分之一投票权的验证者违反了协议。",
            "Both sides are signed out of one set of validators: some with more than a third of its power broke the protocol."
        )
    } else {
        say!(
            "双方由不同的两组验证者签署：至少一组中超过三分之一投票权的验证者违反了协议；签署双方者不必是违反协议者。",
            "The sides are signed by two different sets of validators: in one of them at least, some with more than a third of the power \
             broke the protocol; they need not be those who signed both."
        )
    }
}

#[cfg(test)]
mod tests;
