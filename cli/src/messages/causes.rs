//! Why a text could not be read, in Chinese: what parsers say, they say in English.
//!
//! What is known here is told by its kind, with names and places as they are; anything else is told as what does not have its form. The
//! parser's own words are what the English answer holds.

mod ours;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use quancheng_proof::CheckpointError;
use quancheng_proof::bundle::{Encoding, Reencoded};
use quancheng_types::DecodeError;

use crate::text::{Lang, Text, say};
use ours::OURS;

/// Bytes that show in which encoding a file is.
const BEGINNING_BYTES: u64 = 4096;
/// Said of what is not known here.
const NO_FORM: &str = "内容不符合格式";

/// What a module's reader says before the parser's words.
const OF_MODULE: &str = "JSON for module ";

/// How a message begins, what it says in Chinese, and what stands between those words: a name in back quotes, or nothing.
const BEGINNINGS: &[(&str, &str)] = &[
    ("EOF while parsing", "内容提前结束"),
    ("a key file of another kind", "是另一种密钥文件"),
    ("control character", "文字中有控制字符"),
    ("duplicate field", "字段重复："),
    ("expected `,`", "缺少逗号或结尾括号"),
    ("expected `:`", "缺少冒号"),
    ("expected ident", "此处应为一个值"),
    ("expected value", "此处应为一个值"),
    ("invalid digit found in string", "含有不是数字的字符"),
    ("invalid escape", "转义写法无效"),
    ("invalid length", "长度不符"),
    ("invalid number", "数字无效"),
    ("invalid type", "取值的类型不符"),
    ("invalid unicode", "字符编码无效"),
    ("invalid value", "取值不符"),
    ("key must be a string", "字段名须为带引号的文字"),
    ("lone leading surrogate", "字符编码无效"),
    ("made by another version", "由其他版本生成"),
    ("missing field", "缺少字段"),
    ("not one place for a signature", "签名的位数与签署人数不同"),
    ("number out of range", "数字超出范围"),
    ("recursion limit exceeded", "嵌套过深"),
    ("the key \"", "同一对象中字段重复："),
    ("trailing characters", "其后有多余内容"),
    ("trailing comma", "多一个逗号"),
    ("unknown field", "没有此字段："),
    ("unknown variant", "没有此取值："),
];

/// Which type a parser would have liked to see: how it names it, and what that is in Chinese.
const TYPES: &[(&str, &str)] = &[
    ("a boolean", "真或假（true、false）"),
    ("a map", "对象"),
    ("a sequence", "列表"),
    ("a string", "文字"),
    ("struct ", "对象"),
    ("u16", WHOLE),
    ("u32", WHOLE),
    ("u64", WHOLE),
    ("u8", WHOLE),
];
/// A number without a sign.
const WHOLE: &str = "非负整数（不加引号）";

/// What a parser says.
pub(crate) fn said(error: &impl ToString) -> Text {
    let en = error.to_string();
    let (what, place) = match en.rsplit_once(" at line ").map(|(what, place)| (what, place.split_once(" column "))) {
        Some((what, Some((line, column)))) if is_number(line) && is_number(column) => {
            (what, format!("第 {line} 行第 {column} 列："))
        }
        Some(_) | None => (en.as_str(), String::new()),
    };
    let zh = format!("{place}{}", kind(what).unwrap_or_else(|| NO_FORM.to_owned()));
    Text::new(zh, en)
}

/// A cause as it comes: an error of a library or of a room below in Chinese, a name or a path as it is.
pub(crate) fn cause(words: &str) -> Text {
    let (what, _) = words.rsplit_once(" at line ").unwrap_or((words, ""));
    match kind(what) {
        Some(_) => said(&words),
        None => Text::same(words),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is the path of a field in JSON, such as `submit.dossier.holders[0]`.
fn is_path(text: &str) -> bool {
    let parts = |c: char| c.is_ascii_alphanumeric() || "_.[]".contains(c);
    text.contains(['.', '_', '[']) && text.chars().all(parts)
}

/// What is said in Chinese; `None` of words that are not known here.
fn kind(what: &str) -> Option<String> {
    if let Some((module, rest)) = what.strip_prefix(OF_MODULE).and_then(|rest| rest.split_once(": ")) {
        let said = kind(rest).unwrap_or_else(|| NO_FORM.to_owned());
        return Some(format!("模块 {module} 的 JSON：{said}"));
    }
    if let Some((path, said)) = what.split_once(": ").filter(|(path, _)| is_path(path)) {
        return Some(format!("字段 {path}：{}", kind(said)?));
    }
    let counted = what.trim_start_matches(|c: char| c.is_ascii_digit() || c == '+').trim_start();
    let known = |what: &str| BEGINNINGS.iter().chain(OURS).copied().find(|(begin, _)| what.starts_with(begin));
    let (begin, zh) = known(what).or_else(|| known(counted))?;
    // A name is what the sender wrote and stays; what the parser would have liked to see is a sentence of its own.
    let rest = what.get(begin.len().saturating_sub(usize::from(begin.ends_with('"')))..).unwrap_or_default();
    let named = ['`', '"'].into_iter().find_map(|mark| rest.trim_start().strip_prefix(mark)?.split_once(mark));
    let is_named = zh.ends_with('：') || begin == "missing field";
    if begin == "invalid type"
        && let Some((_, wanted)) = rest.rsplit_once(", expected ")
        && let Some((_, wanted)) = TYPES.iter().find(|(begin, _)| wanted.starts_with(begin))
    {
        return Some(format!("{zh}，应为{wanted}"));
    }
    Some(match named.filter(|_| is_named) {
        Some((name, _)) => format!("{} {name}", zh.trim_end_matches('：')),
        None => zh.trim_end_matches('：').to_owned(),
    })
}

/// What a parser says of a file; a mark at its beginning, or another encoding, is named.
pub(crate) fn of_file(path: &Path, error: &impl ToString) -> Text {
    let mut begin = Vec::new();
    let is_read = File::open(path).and_then(|file| file.take(BEGINNING_BYTES).read_to_end(&mut begin)).is_ok();
    let found = is_read.then(|| encoding(&begin)).flatten();
    found.map_or_else(|| said(error), marked)
}

/// In which encoding JSON was saved that no file of ours is in.
fn encoding(bytes: &[u8]) -> Option<Encoding> {
    Reencoded::of(bytes).filter(|found| !found.is_compact).map(|found| found.encoding)
}

fn marked(encoding: Encoding) -> Text {
    let (zh, en) = encoding.name();
    match encoding {
        Encoding::Utf8Marked => say!(
            "文件以字节顺序标记（BOM）开头，请另存为不带该标记的 UTF-8",
            "the file begins with a byte-order mark; save it as UTF-8 without one"
        ),
        Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Utf32Le | Encoding::Utf32Be => say!(
            "文件是 {zh}，请另存为不带字节顺序标记（BOM）的 UTF-8",
            "the file is {en}; save it as UTF-8 without a byte-order mark"
        ),
    }
}

/// Why bytes are no value of the chain.
pub(crate) fn bytes(error: &DecodeError) -> Text {
    let zh = match error {
        DecodeError::TooLarge { bytes, max } => format!("共 {bytes} 字节，超过上限 {max}"),
        DecodeError::Trailing { bytes } => format!("末尾多出 {bytes} 字节"),
        DecodeError::Malformed { offset, .. } => format!("第 {offset} 字节处不符合格式"),
    };
    Text::new(zh, error.to_string())
}

/// Why a checkpoint cannot be used.
pub(crate) fn checkpoint(error: &CheckpointError, file: &[u8]) -> Text {
    if let Some(encoding) = encoding(file) {
        return marked(encoding);
    }
    let zh = match error {
        CheckpointError::TooLarge { bytes } => format!("共 {bytes} 字节，超过检查点的上限"),
        CheckpointError::Json { line, reason } => {
            let said = said(reason);
            let said = said.words(Lang::Zh);
            if said.starts_with('第') {
                format!("不是检查点文件：{said}")
            } else {
                format!("不是检查点文件：第 {line} 行：{said}")
            }
        }
        CheckpointError::Format { found } => format!("文件自称 {found}，不是检查点文件"),
        CheckpointError::Version { found } => format!("检查点版本 {found} 无法识别，请安装较新的核验程序"),
        CheckpointError::TooManyValues => "所含的值过多或嵌套过深".to_owned(),
        CheckpointError::NotCanonical => "有检查点没有的成员，或列表次序、取值写法不合规定".to_owned(),
        CheckpointError::Genesis(_) => "所载创世内容无效".to_owned(),
        CheckpointError::Header => "所钉区块头的各高度互相矛盾".to_owned(),
        CheckpointError::Validators => "所钉区块头指明的验证者与文件所列不同".to_owned(),
        CheckpointError::ChainId { named, found } => format!("文件称链标识为 {named}，所载内容却属于 {found}"),
    };
    Text::new(zh, error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Record {
        #[expect(dead_code, reason = "only its name matters")]
        height: u64,
    }

    fn is_chinese(text: &Text, but: &[&str]) -> bool {
        let zh = but.iter().fold(text.words(Lang::Zh).to_owned(), |zh, name| zh.replace(name, ""));
        !zh.is_empty() && !zh.bytes().any(|byte| byte.is_ascii_alphabetic())
    }

    #[test]
    fn what_parsers_say_is_told_in_chinese_with_place_and_name() {
        assert!(BEGINNINGS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (text, zh) in [
            ("", "第 1 行第 0 列：内容提前结束"),
            ("x", "第 1 行第 1 列：此处应为一个值"),
            ("{\"a\" 1}", "第 1 行第 6 列：缺少冒号"),
            ("{\"a\":1}\n}", "第 2 行第 1 列：其后有多余内容"),
            ("{\"a\":1,}", "第 1 行第 8 列：多一个逗号"),
            ("{\"a\":1 2}", "第 1 行第 8 列：缺少逗号或结尾括号"),
        ] {
            assert_eq!(said(&serde_json::from_str::<Value>(text).unwrap_err()).words(Lang::Zh), zh, "{text}");
        }
        for (text, zh) in [
            ("{}", "第 1 行第 2 列：缺少字段 height"),
            ("{\"hight\":1}", "第 1 行第 8 列：没有此字段 hight"),
            ("{\"height\":1,\"height\":1}", "第 1 行第 20 列：字段重复 height"),
            ("{\"height\":\"a\"}", "第 1 行第 13 列：取值的类型不符，应为非负整数（不加引号）"),
        ] {
            let told = said(&serde_json::from_str::<Record>(text).unwrap_err());
            assert_eq!(told.words(Lang::Zh), zh, "{text}");
        }
        let twice = crate::files::parse::<Value>(b"{\"a\":1,\"a\":2}").unwrap_err();
        assert!(said(&twice).words(Lang::Zh).ends_with("列：同一对象中字段重复 a"), "{:?}", said(&twice));
        assert_eq!(said(&"x".parse::<u32>().unwrap_err()).words(Lang::Zh), "含有不是数字的字符");
        assert_eq!(said(&"something new").words(Lang::Zh), NO_FORM);
        let of_field =
            said(&"JSON for module registry: submit.dossier.holders: invalid type: null, expected a sequence");
        assert_eq!(
            of_field.words(Lang::Zh),
            "模块 registry 的 JSON：字段 submit.dossier.holders：取值的类型不符，应为列表"
        );
    }

    /// Every error that ends as a cause, as the commands meet it.
    #[test]
    fn errors_of_our_own_rooms_are_told_in_chinese() {
        use quancheng_contracts::domain::{
            Day, InvalidCode, InvalidDay, InvalidLedgerNumber, InvalidUscc, LedgerNumber,
        };
        use quancheng_contracts::encode_call;
        use quancheng_types::{AccountId, Digest, PublicKey, Text as Words, TransactionError};
        assert!(OURS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let register = serde_json::json!({ "register": { "org_id": "ORG-A" } });
        let number = serde_json::json!({ "registration": { "ledger_no": "x" } });
        let errors: Vec<String> = vec![
            "x".parse::<Digest>().unwrap_err().to_string(),
            "x".parse::<LedgerNumber>().unwrap_err().to_string(),
            InvalidLedgerNumber::Range.to_string(),
            InvalidLedgerNumber::CheckCharacter.to_string(),
            InvalidUscc::Length.to_string(),
            InvalidUscc::Character.to_string(),
            InvalidUscc::Division.to_string(),
            InvalidUscc::CheckCharacter.to_string(),
            "x".parse::<Day>().unwrap_err().to_string(),
            InvalidDay.to_string(),
            InvalidCode::Region.to_string(),
            InvalidCode::Sector.to_string(),
            AccountId::from_text("x").unwrap_err().to_string(),
            "x:1".parse::<PublicKey>().unwrap_err().to_string(),
            "ed25519:1".parse::<PublicKey>().unwrap_err().to_string(),
            format!("ed25519:{}", "X".repeat(64)).parse::<PublicKey>().unwrap_err().to_string(),
            Words::<1>::new("xx").unwrap_err().to_string(),
            encode_call("identity", register).unwrap_err().to_string(),
            encode_call("registry", number).unwrap_err().to_string(),
            encode_call("none", Value::Null).unwrap_err().to_string(),
            TransactionError::NoSigner.to_string(),
            TransactionError::NoCall.to_string(),
            TransactionError::SignatureCount { signers: 2, signatures: 1 }.to_string(),
            quancheng_proof::Bundle::decode(b"x").unwrap_err().to_string(),
            quancheng_proof::Bundle::decode(b"QCBUNDLE\0\x09").unwrap_err().to_string(),
            quancheng_proof::Bundle::decode(b"QCBUNDLE\0\x01").unwrap_err().to_string(),
            quancheng_proof::Bundle::decode(b"{}").unwrap_err().to_string(),
            DecodeError::TooLarge { bytes: 9, max: 8 }.to_string(),
            DecodeError::Trailing { bytes: 1 }.to_string(),
        ];
        for error in errors {
            let told = cause(&error);
            assert_ne!(told.words(Lang::Zh), error, "{error}");
            let zh = told.words(Lang::Zh);
            let words: Vec<&str> = zh.split(|c: char| !c.is_ascii_lowercase()).filter(|word| word.len() > 2).collect();
            let names = ["identity", "registry", "uscc", "name", "unknown", "registration"];
            assert!(words.iter().all(|word| names.contains(word)), "{words:?} in {zh}");
        }
        // What is no error of ours stays: names and paths are what they are.
        assert_eq!(cause("合同/1.pdf"), Text::same("合同/1.pdf"));
    }

    #[test]
    fn a_checkpoint_and_bytes_are_told_in_chinese() {
        let checkpoint_of = |text: &str| {
            let error = quancheng_proof::Checkpoint::from_json(text.as_bytes()).unwrap_err();
            checkpoint(&error, text.as_bytes())
        };
        let good = include_str!("../../tests/bundles/checkpoint.json");
        for text in [
            String::new(),
            "{}".to_owned(),
            format!("\u{feff}{good}"),
            good.replacen("\"version\": 1", "\"version\": 2", 1).replacen("\"version\":1", "\"version\":2", 1),
            good.replacen('{', "{\"extra\":1,", 1),
        ] {
            let told = checkpoint_of(&text);
            let names = ["extra", "format", "BOM", "UTF-8", "chain_id", "version", "anchor"];
            assert!(is_chinese(&told, &names), "{told:?}");
        }
        assert!(checkpoint_of(&format!("\u{feff}{good}")).words(Lang::En).contains("byte-order mark"));
        // As Windows PowerShell writes what `>` takes.
        let utf16: Vec<u8> = format!("\u{feff}{good}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let told = checkpoint(&quancheng_proof::Checkpoint::from_json(&utf16).unwrap_err(), &utf16);
        assert!(told.words(Lang::En).contains("UTF-16 (low byte first)"), "{told:?}");
        assert!(told.words(Lang::Zh).contains("UTF-16（低位在前）"), "{told:?}");
        for error in [
            DecodeError::TooLarge { bytes: 9, max: 8 },
            DecodeError::Trailing { bytes: 1 },
            DecodeError::Malformed { offset: 36, reason: "length 9 exceeds the limit of 8".to_owned() },
        ] {
            assert!(is_chinese(&bytes(&error), &[]), "{error}");
        }
    }
}
