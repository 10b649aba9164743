//! Labels of fields in Chinese. In English a field is shown under its own name.

use crate::text::Lang;

/// The label of a field.
pub(crate) fn label(name: &str, lang: Lang) -> &str {
    match lang {
        Lang::En => name,
        Lang::Zh => LABELS
            .binary_search_by_key(&name, |(name, _)| name)
            .ok()
            .and_then(|place| LABELS.get(place))
            .map_or(name, |(_, zh)| zh),
    }
}

/// In ascending order of name.
const LABELS: &[(&str, &str)] = &[
    ("about", "对象"),
    ("account", "账户"),
    ("account_text", "账户（带校验）"),
    ("action", "操作"),
    ("admin", "运维接口"),
    ("api", "接口"),
    ("applicant", "申请人"),
    ("bundle", "证据包"),
    ("bundle_bytes", "证据包字节数"),
    ("bytes", "字节数"),
    ("calls", "调用"),
    ("certified_height", "已签署高度"),
    ("chain_id", "链标识"),
    ("chain_name", "链名"),
    ("check", "检查项"),
    ("checkpoint", "检查点"),
    ("claims", "声明"),
    ("code", "代码"),
    ("complete", "签名齐全"),
    ("connected_validators", "已连接验证节点"),
    ("count", "数量"),
    ("current", "当前"),
    ("cursor", "游标"),
    ("data", "内容"),
    ("detail", "详情"),
    ("dir", "目录"),
    ("dossier", "申请材料"),
    ("error", "错误"),
    ("events", "事件"),
    ("executed_height", "已执行高度"),
    ("expires_at_ms", "截止时间"),
    ("file", "文件"),
    ("files", "文件"),
    ("fingerprint", "指纹"),
    ("height", "高度"),
    ("history_root", "历史根"),
    ("history_size", "历史叶数"),
    ("holders", "持有人"),
    ("id", "编号"),
    ("index", "序号"),
    ("interest", "利害关系声明"),
    ("key", "密钥"),
    ("key_id", "密钥编号"),
    ("keys", "密钥"),
    ("kind", "种类"),
    ("ledger_no", "凭证号"),
    ("left_out", "未写入的引用"),
    ("links", "链接"),
    ("module", "模块"),
    ("name", "名称"),
    ("name_en", "英文名称"),
    ("name_zh", "名称"),
    ("node_id", "节点标识"),
    ("nodes", "节点"),
    ("nonce", "随机数"),
    ("ok", "通过"),
    ("org_id", "组织编号"),
    ("org_type", "组织类型"),
    ("organization", "组织"),
    ("outcome", "结果"),
    ("parameters", "参数"),
    ("path", "路径"),
    ("peers", "对等节点"),
    ("phase", "阶段"),
    ("pid", "进程"),
    ("position", "位置"),
    ("power", "投票权"),
    ("proof_file", "证明文件"),
    ("proposal", "提案"),
    ("proposer", "提案组织"),
    ("public_key", "公钥"),
    ("region", "行政区划"),
    ("registrar", "登记机构"),
    ("registration", "登记流水号"),
    ("result", "结论"),
    ("role", "角色"),
    ("roles", "角色"),
    ("root", "根值"),
    ("round", "轮次"),
    ("rule_set", "规则集"),
    ("running", "运行中"),
    ("sector", "行业"),
    ("signers", "签署人"),
    ("signing", "签署中"),
    ("size", "大小"),
    ("stage", "进度"),
    ("state", "状态"),
    ("state_root", "状态根"),
    ("statement", "结论文字"),
    ("status", "状态"),
    ("step", "步骤"),
    ("syncing", "同步中"),
    ("time", "时间"),
    ("time_ms", "时间"),
    ("title", "标题"),
    ("title_zh", "标题"),
    ("transactions", "交易数"),
    ("uptime_ms", "运行毫秒"),
    ("uscc", "统一社会信用代码"),
    ("valid_from", "有效期起"),
    ("valid_to", "有效期止"),
    ("valid_until_ms", "最迟执行时间"),
    ("validators", "验证节点"),
    ("version", "版本"),
    ("votes", "表决"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_ascend_so_that_they_are_found() {
        assert!(LABELS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(label("height", Lang::Zh), "高度");
        assert_eq!(label("height", Lang::En), "height");
        assert_eq!(label("unknown", Lang::Zh), "unknown");
    }
}
