//! Fields of a state entry in words: what a row holds is read by people too.

use quancheng_proof::report::shanghai_time;
use serde_json::Value;

use crate::messages::label;
use crate::text::{Lang, Text};

/// Ms since 1970 above which a number under a name ending in `_ms` is a point in time (2001-09-09).
const TIME_MS_MIN: u64 = 1_000_000_000_000;

/// Names of fields that only rows of the ledger have, in Chinese, in ascending order.
const NAMES: &[(&str, &str)] = &[
    ("added_height", "登记高度"),
    ("collected_at_claimed_ms", "自称采集时间"),
    ("collector", "采集工具"),
    ("commitment", "承诺"),
    ("compromise_since_ms", "失密始于"),
    ("custodian", "保管账户"),
    ("decided_by", "决定机构"),
    ("deed", "公证书"),
    ("environment_check", "环境检查"),
    ("erased_at_ms", "删除时间"),
    ("grantor", "授予者"),
    ("handovers", "移交次数"),
    ("holds", "保全"),
    ("organization", "组织"),
    ("productions", "出示次数"),
    ("relates_to", "关联"),
    ("retain_until", "保存至"),
    ("revoked_at_ms", "撤销时间"),
    ("sequence", "序号"),
    ("submitter", "提交账户"),
    ("suite", "算法套件"),
    ("timestamp", "时间戳"),
    ("tsa_token", "时间戳令牌"),
    ("visibility", "可见范围"),
];

/// Values that are one of a few, in Chinese, in ascending order.
const WORDS: &[(&str, &str)] = &[
    ("ACTIVE", "有效"),
    ("APPLIED", "已申请"),
    ("CLOSED", "已注销"),
    ("CONSENSUS", "共识"),
    ("KEM", "密钥封装"),
    ("MERGED", "已合并"),
    ("PUBLIC", "公开"),
    ("REJECTED", "不予登记"),
    ("REVOKED", "已撤销"),
    ("SEAL", "印章"),
    ("SIGN", "签名"),
    ("SPLIT", "已分立"),
    ("SUSPENDED", "中止"),
    ("VERIFIED", "已核验"),
    ("false", "否"),
    ("genesis", "创世"),
    ("true", "是"),
];

/// The fields of a value. In English they are those of the module as it writes them; in Chinese each has its name, and what is one of a
/// few its word. What has none here keeps that of the module.
pub(super) fn told(value: &Value) -> Text {
    let mut parts = Vec::new();
    flatten("", "", value, &mut parts);
    Text::new(parts.join("；"), value.to_string())
}

fn flatten(path: &str, name: &str, value: &Value, parts: &mut Vec<String>) {
    let joined = |part: &str| if path.is_empty() { part.to_owned() } else { format!("{path}·{part}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| flatten(&joined(named(name)), name, value, parts))
        }
        Value::Array(items) => {
            for (number, item) in (1_usize..).zip(items) {
                flatten(&format!("{path}[{number}]"), name, item, parts);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let said = said(name, value);
            parts.push(if path.is_empty() { said } else { format!("{path} {said}") });
        }
    }
}

fn named(name: &str) -> &str {
    find(NAMES, name).unwrap_or_else(|| label(name, Lang::Zh))
}

fn said(name: &str, value: &Value) -> String {
    if let Some(time_ms) = value.as_u64().filter(|time_ms| name.ends_with("_ms") && *time_ms >= TIME_MS_MIN) {
        return shanghai_time(time_ms);
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    find(WORDS, &text).map_or(text, str::to_owned)
}

fn find(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.binary_search_by_key(&name, |(name, _)| name).ok().and_then(|at| list.get(at)).map(|(_, zh)| *zh)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_told_in_both_languages() {
        assert!([NAMES, WORDS].iter().all(|list| list.windows(2).all(|pair| pair[0].0 < pair[1].0)));
        let value =
            json!({ "org_id": "ORG-M2", "keys": [{ "use": "SIGN", "from_ms": 1_768_873_207_000_u64, "to_ms": null }] });
        let told = told(&value);
        for part in ["ORG-M2", "[1]·", "签名", "2026-01-20T09:40:07.000+08:00"] {
            assert!(told.words(Lang::Zh).contains(part), "{part}: {told:?}");
        }
        assert!(told.words(Lang::En).contains("\"use\":\"SIGN\""));
        assert_eq!(super::told(&json!(7)).words(Lang::Zh), "7");
    }
}
