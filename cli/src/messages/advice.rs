//! What to do about a fault of a local network. What other commands leave to do — another node, another height — is of no use here.

use std::path::Path;

use quancheng_testnet_local::{Elsewhere, Left, LocalError};

use super::words::key_file_hint;
use crate::text::{Text, say};

/// What mends it.
pub(crate) fn local_hint(error: &LocalError) -> Text {
    match error {
        LocalError::NoNetwork { .. } => say!(
            "请核对 --dir：应为 `quancheng testnet start` 建立网络时所用的目录。",
            "Check --dir: it is the folder in which `quancheng testnet start` has made the network."
        ),
        LocalError::NoNode { .. } | LocalError::NotRunning { .. } => say!(
            "用 `quancheng testnet status --dir 目录` 查看各节点的编号与状态。",
            "`quancheng testnet status --dir DIR` tells the nodes, their numbers and how they are."
        ),
        LocalError::Running { index, .. } => say!(
            "如需停止：`quancheng testnet kill --dir 目录 --index {index}`。",
            "To end it: `quancheng testnet kill --dir DIR --index {index}`."
        ),
        LocalError::Interrupted { left, .. } => interrupted(*left),
        LocalError::Record { .. } => say!(
            "请用副本恢复该文件。没有副本的，目录中有节点时，`quancheng testnet stop --dir 目录` 与 `quancheng testnet remove --dir 目录 --yes` \
             不需该文件即可停止、删除网络；没有节点的，目录并非网络或已近删空，请自行查看并删除。",
            "Restore the file from a copy. Without one, where the folder holds nodes, `quancheng testnet stop --dir DIR` and `quancheng testnet \
             remove --dir DIR --yes` stop and remove the network without the file; a folder without nodes is no network, or what little is \
             left of one: look into it and remove it yourself."
        ),
        LocalError::Key(error) => key_file_hint(error).unwrap_or_else(system),
        LocalError::NoRandomness => system(),
        LocalError::NodeEnded { .. } | LocalError::Init { .. } | LocalError::Spawn { .. } => say!(
            "请查看上述原因与该节点的 node.log；quanchengd 须与本程序同一版本（--quanchengd 指明）。",
            "Look at the cause above and at node.log of the node; quanchengd must be of the version of this program (--quanchengd names it)."
        ),
        LocalError::NotReady { .. } => say!(
            "用 `quancheng testnet status --dir 目录` 查看进展，或加长 --timeout。",
            "`quancheng testnet status --dir DIR` tells how far they are; or give a longer --timeout."
        ),
        LocalError::NoProgram { .. } => say!(
            "请用 `make build` 构建 quanchengd，或用 --quanchengd 指明其位置。",
            "Build quanchengd with `make build`, or name it with --quanchengd."
        ),
        LocalError::Signal { pid, .. } | LocalError::StillRunning { pid } => say!(
            "请核对进程 {pid} 属于谁（`ps -o user,args -p {pid}`），并自行结束。",
            "See whose process {pid} is (`ps -o user,args -p {pid}`), and end it yourself."
        ),
        LocalError::Io { .. } | LocalError::Foreign { .. } | LocalError::InTheWay { .. } => {
            say!(
                "请核对所指的路径、其权限与磁盘余量。",
                "Check the path named above, its permissions and the room on the disk."
            )
        }
        LocalError::Elsewhere { dir, nodes } => elsewhere(dir, nodes),
        LocalError::Exists { .. }
        | LocalError::Unfinished { .. }
        | LocalError::Stray { .. }
        | LocalError::BeingMade { .. }
        | LocalError::PortTaken { .. }
        | LocalError::NoPorts { .. }
        | LocalError::NoCandidate => {
            say!("请按上述内容处理后再试。", "Do what is said above, and try again.")
        }
        LocalError::Setting { .. }
        | LocalError::Samples { .. }
        | LocalError::TooLong(_)
        | LocalError::Content(_)
        | LocalError::Validators(_)
        | LocalError::Genesis(_)
        | LocalError::Checkpoint(_) => say!(
            "请按上述内容改正参数；`quancheng testnet start --help` 列出各项及其范围。",
            "Mend the settings named above; `quancheng testnet start --help` lists them and their ranges."
        ),
    }
}

fn elsewhere(dir: &Path, nodes: &[Elsewhere]) -> Text {
    let home = nodes.first().map_or(dir, |node| &node.dir).display();
    let dir = dir.display();
    say!(
        "查看、停止正在运行的网络：`quancheng testnet status --dir {home}`、`quancheng testnet stop --dir {home}`；停止后请仍由最后运行的目录启动，另一份的数据较旧。不要本目录的，用 `quancheng testnet remove --dir {dir} --yes` 删除，不影响 {home}。",
        "See and stop the network that runs: `quancheng testnet status --dir {home}`, `quancheng testnet stop --dir {home}`; once it has stopped, bring up the folder again that ran last: the data of the other are older. If this one is not wanted, `quancheng testnet remove --dir {dir} --yes` removes it and leaves {home} alone."
    )
}

fn interrupted(left: Left) -> Text {
    match left {
        Left::Nothing => say!("再次运行同一命令即可重新开始。", "The same command begins anew."),
        Left::Network | Left::Stopped => {
            say!("请用上述命令继续，或删除该网络。", "Go on with the commands above, or remove the network.")
        }
    }
}

fn system() -> Text {
    say!("请检查本机系统后再试。", "Look into the system of this machine, and try again.")
}
