//! Answers of the operating system and the network in Chinese. The system's own words stay beside them: they are what a search finds.

use std::io;
use std::io::ErrorKind;

use crate::text::Text;

/// What people meet. Anything else is said to be the system's words.
const KINDS: &[(ErrorKind, &str)] = &[
    (ErrorKind::AddrInUse, "地址已被占用"),
    (ErrorKind::AddrNotAvailable, "本机没有该地址"),
    (ErrorKind::AlreadyExists, "已存在"),
    (ErrorKind::BrokenPipe, "对方已关闭"),
    (ErrorKind::ConnectionAborted, "连接中断"),
    (ErrorKind::ConnectionRefused, "连接被拒绝：该地址没有程序监听"),
    (ErrorKind::ConnectionReset, "连接被对方重置"),
    (ErrorKind::DirectoryNotEmpty, "文件夹不是空的"),
    (ErrorKind::FileTooLarge, "文件超出允许的大小"),
    (ErrorKind::HostUnreachable, "无法到达该主机"),
    (ErrorKind::Interrupted, "被信号中断"),
    (ErrorKind::InvalidData, "内容不符合格式"),
    (ErrorKind::InvalidFilename, "文件名无效"),
    (ErrorKind::InvalidInput, "不合用：不是普通文件，或取值无效"),
    (ErrorKind::IsADirectory, "是文件夹"),
    (ErrorKind::NetworkUnreachable, "网络不可达"),
    (ErrorKind::NotADirectory, "不是文件夹"),
    (ErrorKind::NotFound, "不存在"),
    (ErrorKind::OutOfMemory, "内存不足"),
    (ErrorKind::PermissionDenied, "没有权限"),
    (ErrorKind::QuotaExceeded, "超出磁盘配额"),
    (ErrorKind::ReadOnlyFilesystem, "文件系统为只读"),
    (ErrorKind::StorageFull, "磁盘已满"),
    (ErrorKind::TimedOut, "超时"),
    (ErrorKind::UnexpectedEof, "数据提前结束"),
];

/// How the library that asks for addresses begins when there is none; it gives no kind.
const NO_SUCH_HOST: &str = "failed to lookup address";

/// What the system answered.
pub(crate) fn io(error: &io::Error) -> Text {
    let en = error.to_string();
    match KINDS.iter().find(|(kind, _)| *kind == error.kind()) {
        Some((_, zh)) => Text::new(format!("{zh}（{en}）"), en),
        None => other(en),
    }
}

/// What has no kind of its own.
fn other(en: String) -> Text {
    let zh = if en.starts_with(NO_SUCH_HOST) { "找不到该主机名" } else { "系统返回" };
    Text::new(format!("{zh}（{en}）"), en)
}

/// Why an endpoint gave no answer.
pub(crate) fn network(error: &ureq::Error) -> Text {
    let en = error.to_string();
    let zh = if let ureq::Error::Io(error) = error {
        return io(error);
    } else if matches!(error, ureq::Error::Timeout(_)) {
        return Text::new(format!("未在限时内答复（{en}）"), format!("did not answer in time ({en})"));
    } else if matches!(error, ureq::Error::HostNotFound) {
        "找不到该主机名"
    } else if matches!(error, ureq::Error::ConnectionFailed) {
        "无法建立连接"
    } else if matches!(error, ureq::Error::BodyExceedsLimit(_)) {
        "答复过大"
    } else if matches!(error, ureq::Error::Protocol(_) | ureq::Error::Http(_)) {
        "答复不符合 HTTP"
    } else {
        return other(en);
    };
    Text::new(format!("{zh}（{en}）"), en)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    #[test]
    fn the_system_is_heard_in_chinese_and_its_own_words_stay() {
        let refused = io(&io::Error::from(ErrorKind::ConnectionRefused));
        assert!(refused.words(Lang::Zh).starts_with("连接被拒绝：该地址没有程序监听（"), "{refused:?}");
        assert_eq!(refused.words(Lang::En), io::Error::from(ErrorKind::ConnectionRefused).to_string());
        let through = network(&ureq::Error::Io(io::Error::from(ErrorKind::ConnectionRefused)));
        assert_eq!(through, refused);
        let host = network(&ureq::Error::HostNotFound);
        assert!(host.words(Lang::Zh).starts_with("找不到该主机名（"));
        let lookup = io::Error::other("failed to lookup address information: Name or service not known");
        assert!(network(&ureq::Error::Io(lookup)).words(Lang::Zh).starts_with("找不到该主机名（"));
        let strange = io(&io::Error::other("strange"));
        assert_eq!((strange.words(Lang::Zh), strange.words(Lang::En)), ("系统返回（strange）", "strange"));
    }
}
