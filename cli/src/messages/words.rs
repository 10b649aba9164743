//! Faults of the rooms below in both languages: those rooms speak English.

use std::path::Path;

use quancheng_keystore::KeyFileError;
use quancheng_testnet_local::{Elsewhere, Left, LocalError, Waiting};

use super::{causes, system};
use crate::text::{Text, say};

/// Why a key file or password cannot be used.
pub(crate) fn key_file(error: &KeyFileError) -> Text {
    match error {
        KeyFileError::Io { path, action, .. } => {
            let path = path.display();
            let zh = match *action {
                "read the password file" => "读取密码文件",
                "read the key file" => "读取密钥文件",
                "create the key file" => "新建密钥文件",
                "write the key file" => "写入密钥文件",
                _ => "使用文件",
            };
            say!("无法{zh} {path}。", "Cannot {action} {path}.")
        }
        KeyFileError::Exists { path } => {
            let path = path.display();
            say!("密钥文件 {path} 已存在，不会被覆盖。", "The key file {path} exists; keys are never overwritten.")
        }
        KeyFileError::Malformed { path, .. } => {
            let path = path.display();
            say!("{path} 不是密钥文件。", "{path} is not a key file.")
        }
        KeyFileError::WrongPassword { path } => {
            let path = path.display();
            say!(
                "密码无法打开 {path}，或该文件已被改动。",
                "The password does not open {path}, or the file was changed."
            )
        }
        KeyFileError::UnusablePassword { bytes } => {
            say!(
                "密码须为 1 至 1024 字节，现为 {bytes} 字节。",
                "A password has 1 to 1024 bytes, this one has {bytes}."
            )
        }
        KeyFileError::NoRandomness => say!("系统无法提供随机数。", "The system gives no random bytes."),
    }
}

/// What lies beneath.
pub(crate) fn key_file_cause(error: &KeyFileError) -> Option<Text> {
    match error {
        KeyFileError::Io { error, .. } => Some(system::io(error)),
        KeyFileError::Malformed { path, reason } => Some(causes::of_file(path, reason)),
        KeyFileError::Exists { .. }
        | KeyFileError::WrongPassword { .. }
        | KeyFileError::UnusablePassword { .. }
        | KeyFileError::NoRandomness => None,
    }
}

/// What mends it.
pub(crate) fn key_file_hint(error: &KeyFileError) -> Option<Text> {
    Some(match error {
        KeyFileError::Io { action, error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
            if action.starts_with("create") {
                say!("请先建立所在的文件夹。", "Make the folder first.")
            } else if action.contains("password") {
                say!(
                    "请建立密码文件：首行为密码，仅本人可读（chmod 600）。",
                    "Make the password file: the password on its first line, readable by you alone (chmod 600)."
                )
            } else {
                say!(
                    "请核对路径；新密钥用 `quancheng key new --out 文件` 生成。",
                    "Check the path; make a new key with `quancheng key new --out FILE`."
                )
            }
        }
        KeyFileError::Io { .. } => say!("请核对路径与权限。", "Check the path and its permissions."),
        KeyFileError::Exists { .. } => say!("请另取名称，或将其移走。", "Choose another name, or move it away."),
        KeyFileError::Malformed { .. } => {
            say!(
                "请核对所指的文件。如密钥文件已损坏，请用副本恢复：别处不存该密钥。没有副本的，用 `quancheng key new` 另建密钥，再由组织以 `quancheng org add-key` 绑定。",
                "Check which file is named. A key file that is damaged is restored from a copy: nothing else holds its key. Without a copy make another \
                 key with `quancheng key new`, which the organization binds with `quancheng org add-key`."
            )
        }
        KeyFileError::WrongPassword { .. } => {
            say!(
                "请核对 --password-file；如密码无误，则密钥文件已损坏，请用副本恢复。",
                "Check --password-file; if the password is right, the key file is damaged: restore it from a copy."
            )
        }
        KeyFileError::UnusablePassword { .. } => {
            say!("请改写密码文件的首行。", "Mend the first line of the password file.")
        }
        KeyFileError::NoRandomness => return None,
    })
}

/// Why a local network cannot do what was asked.
pub(crate) fn local(error: &LocalError) -> Text {
    let en = error.to_string();
    let zh = match error {
        LocalError::Setting { name, value, min, max } => format!("{name} = {value} 超出 {min} 至 {max}"),
        LocalError::Exists { dir } => {
            format!("{} 已有网络；请另选目录，或用 `quancheng testnet remove --dir {0} --yes` 删除", dir.display())
        }
        LocalError::Interrupted { dir, left } => interrupted_zh(dir, *left),
        LocalError::Foreign { path } => {
            format!("{} 不是为该网络生成的，未停止或删除任何内容；请将其移走，或自行删除目录", path.display())
        }
        LocalError::NoNetwork { dir } => {
            format!("{} 中没有网络；用 `quancheng testnet start --dir {0}` 新建", dir.display())
        }
        LocalError::Unfinished { dir } => {
            format!(
                "{} 中的网络未建成；用 `quancheng testnet start --dir {0}` 清除并重建，或用 `quancheng testnet remove --dir {0} --yes` 清除",
                dir.display()
            )
        }
        LocalError::InTheWay { path } => {
            format!("{} 不是为网络生成的文件，妨碍新建网络；请将其移走或另选目录，未删除任何文件", path.display())
        }
        LocalError::Stray { index, pid } => stray_zh(*index, *pid),
        LocalError::Elsewhere { dir, nodes } => elsewhere_zh(dir, nodes),
        LocalError::BeingMade { dir } => format!("另一进程正在 {} 中建立或启动网络；请等待其结束", dir.display()),
        LocalError::PortTaken { index, address } => format!(
            "节点 {index} 的接口 {address} 被其他进程占用，未启动任何节点；如本目录复制自正在运行的网络，请先停止该网络"
        ),
        LocalError::Record { path, .. } => format!("{} 缺失或已损坏", path.display()),
        LocalError::Io { path, .. } => format!("无法读写 {}；请核对路径与权限", path.display()),
        LocalError::Key(error) => return key_file(error),
        LocalError::NoRandomness => "系统无法提供随机数".to_owned(),
        LocalError::Samples { .. } => "样例记录不能用于创建网络".to_owned(),
        LocalError::TooLong(_) => "名称过长".to_owned(),
        LocalError::Content(_) => "创世内容无效".to_owned(),
        LocalError::Validators(_) => "验证节点集合无效".to_owned(),
        LocalError::Genesis(_) => "创世文件无效".to_owned(),
        LocalError::Checkpoint(_) => "无法生成检查点".to_owned(),
        LocalError::NoPorts { wanted } => format!("127.0.0.1 上没有 {wanted} 个空闲端口；请停止其他网络后再试"),
        LocalError::NoProgram { tried } => {
            let tried: Vec<String> = tried.iter().map(|path| path.display().to_string()).collect();
            format!("找不到 quanchengd；请用 --quanchengd 指明。已查找：{}", tried.join(" "))
        }
        LocalError::Spawn { program, .. } => format!("无法启动 {}", program.display()),
        LocalError::Init { index, .. } => format!("节点 {index} 的 quanchengd init 失败"),
        LocalError::NodeEnded { index, log, .. } => {
            format!("节点 {index} 在启动过程中退出；日志：{}", log.display())
        }
        LocalError::NotReady { waited_ms, reasons } => {
            let reasons: Vec<String> = reasons.iter().map(waiting_zh).collect();
            format!("等待 {waited_ms} 毫秒后仍未就绪：{}；启动仍在继续，见各节点的 node.log", reasons.join("；"))
        }
        LocalError::NoNode { index, count } => format!("没有节点 {index}；本网络共 {count} 个，从 0 起编号"),
        LocalError::NotRunning { index } => {
            format!("节点 {index} 未运行；用 `quancheng testnet start-node` 启动")
        }
        LocalError::Running { index, pid } => {
            format!("节点 {index} 正在运行（进程 {pid}）")
        }
        LocalError::Signal { pid, .. } => format!("无法向进程 {pid} 发送信号"),
        LocalError::StillRunning { pid } => format!("进程 {pid} 在 SIGKILL 之后仍在运行；请检查本机"),
        LocalError::NoCandidate => "没有预备的验证节点身份；新建网络时请加大 --candidates".to_owned(),
    };
    Text::new(zh + "。", en)
}

fn stray_zh(index: u32, pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!(
            "节点 {index} 由进程 {pid} 运行，而此处没有该进程的记录（目录是否移动过，或 pid 文件丢失？）；用 `kill {pid}` 结束"
        ),
        None => {
            format!("节点 {index} 正由此处没有记录的进程运行（其数据被占用，或有节点以其密钥应答）；请先结束该进程")
        }
    }
}

fn elsewhere_zh(dir: &Path, nodes: &[Elsewhere]) -> String {
    let told = |node: &Elsewhere| {
        let Elsewhere { index, pid, dir } = node;
        format!("节点 {index} 由 {} 运行（进程 {pid}）", dir.display())
    };
    let told: Vec<String> = nodes.iter().map(told).collect();
    format!(
        "{} 与正在运行的网络是同一网络的两份目录，其一复制自另一：{}；未触动这些节点",
        dir.display(),
        told.join("；")
    )
}

fn waiting_zh(waiting: &Waiting) -> String {
    match waiting {
        Waiting::NotListening { index, pid, address } => format!("节点 {index}（进程 {pid}）尚未在 {address} 监听"),
        Waiting::Starting { index, newest: 0, .. } => format!("节点 {index} 正在打开存储"),
        Waiting::Starting { index, executed, newest } => {
            format!("节点 {index} 正在重新执行区块：高度 {executed}，共 {newest}")
        }
        Waiting::Missing { index, names } => format!("节点 {index} 已运行，尚缺：{}", names.join("、")),
        Waiting::NoBlock { index } => format!("节点 {index} 尚无区块"),
        Waiting::NoAnswer { url, reason } => format!("{url}：{reason}"),
        Waiting::NoHeight { index } => format!("没有其他节点报告高度，验证节点 {index} 只能在其上签名"),
    }
}

fn interrupted_zh(dir: &Path, left: Left) -> String {
    let dir = dir.display();
    match left {
        Left::Nothing => format!("建立 {dir} 中的网络时被中断，未留下任何内容"),
        Left::Network => format!(
            "启动 {dir} 中的节点时被中断：网络已建成，部分节点可能在运行；用 `quancheng testnet status --dir {dir}` 查看，`testnet up` 启动其余节点，`testnet stop` 停止，`testnet remove` 删除"
        ),
        Left::Stopped => format!(
            "尚未删除 {dir} 中的任何内容时被中断：网络完整，节点已停止；用 `quancheng testnet up --dir {dir}` 重新启动"
        ),
    }
}

/// What lies beneath, where the words above do not say it already.
pub(crate) fn cause(error: &LocalError) -> Option<Text> {
    let beneath = match error {
        LocalError::Io { error, .. } | LocalError::Spawn { error, .. } | LocalError::Signal { error, .. } => {
            return Some(system::io(error));
        }
        LocalError::Record { reason, .. } | LocalError::Samples { reason } => return Some(causes::said(reason)),
        LocalError::Key(error) => return key_file_cause(error),
        LocalError::TooLong(error) => Some(error.to_string()),
        LocalError::Content(error) => Some(error.to_string()),
        LocalError::Validators(error) => Some(error.to_string()),
        LocalError::Genesis(error) => Some(error.to_string()),
        LocalError::Checkpoint(error) => Some(error.to_string()),
        LocalError::Init { output, .. } => return Some(quoted_output(output)),
        LocalError::NodeEnded { tail, .. } => return Some(quoted_log(tail)),
        LocalError::Setting { .. }
        | LocalError::Exists { .. }
        | LocalError::NoNetwork { .. }
        | LocalError::Unfinished { .. }
        | LocalError::InTheWay { .. }
        | LocalError::Interrupted { .. }
        | LocalError::Foreign { .. }
        | LocalError::Stray { .. }
        | LocalError::Elsewhere { .. }
        | LocalError::BeingMade { .. }
        | LocalError::PortTaken { .. }
        | LocalError::NoRandomness
        | LocalError::NoPorts { .. }
        | LocalError::NotReady { .. }
        | LocalError::NoProgram { .. }
        | LocalError::NoNode { .. }
        | LocalError::NotRunning { .. }
        | LocalError::Running { .. }
        | LocalError::StillRunning { .. }
        | LocalError::NoCandidate => None,
    };
    beneath.map(|words| causes::cause(&words))
}

/// What a node wrote into its log before it ended, marked as its own words: a log is in English.
fn quoted_log(tail: &str) -> Text {
    match tail.trim_end() {
        "" => say!("本次启动没有写下日志", "this start has written nothing into the log"),
        tail => say!("节点日志原文：「{tail}」", "the node's log:\n{tail}"),
    }
}

/// As [`quoted_log`], of what a program said that was to make a data folder.
fn quoted_output(output: &str) -> Text {
    match output.trim() {
        "" => say!("该程序没有输出", "the program has said nothing"),
        output => say!("quanchengd 输出原文：「{output}」", "quanchengd says:\n{output}"),
    }
}
