//! What a report does not show, in fixed words: nobody may take silence for approval.

use quancheng_proof::{Assessment, Report};

use crate::text::{Text, say};

/// What no finding of this tool shows. Fixed words; the first is about this report alone.
pub(super) fn limits(report: &Report) -> Vec<Text> {
    let mut limits = Vec::new();
    if report.overall() != Assessment::Match {
        limits.push(say!(
            "有核验项不一致或无法核验：证据包所载内容不得据以认定。",
            "A finding does not match or could not be checked: nothing may be taken from what the bundle says."
        ));
    }
    limits.push(say!(
        "各项结论只说明其文字所述；“未评估”“无法核验”的事项不因其他项一致而视为已证明。",
        "Each finding says no more than its words; what is NOT_ASSESSED or CANNOT_CHECK is not shown by the others."
    ));
    limits.push(say!(
        "不说明文件内容属实、系原件或上链前未经改动；不说明行为是否合法、权利归属，也不说明高度所示时刻之后的状态。",
        "It does not show that a content is accurate or an original, or unchanged before it was on the chain; whether an act is permitted, who has a right, or how things stand after the height named."
    ));
    limits.push(match report.facts.as_ref().and_then(|facts| facts.clock_drift_max_ms) {
        Some(drift_ms) => say!(
            "区块时间由当值验证者给出，其余验证者按各自时钟认可（相差不超过 {drift_ms} 毫秒），非时间戳机构所签发；“不晚于”所称为认证该结果的区块之时间，以此为准。",
            "Block times are set by a validator and accepted by the others by their own clocks (within {drift_ms} ms), not issued by a time stamping authority; \"not later than\" names the time of the block that certifies the result, and rests on that."
        ),
        None => say!(
            "区块时间由当值验证者给出，其余验证者按各自时钟认可，非时间戳机构所签发；“不晚于”所称为认证该结果的区块之时间，以此为准。",
            "Block times are set by a validator and accepted by the others by their own clocks, not issued by a time stamping authority; \"not later than\" names the time of the block that certifies the result, and rests on that."
        ),
    });
    limits.push(say!(
        "检查点须自证据包以外的途径取得，并核对链标识与指纹；检查点有误则全部结论无意义。组织名称与利害关系声明系验证者自述。",
        "The checkpoint must come by another way than the bundle, with chain id and fingerprint compared; with a wrong one no finding means anything. Names and interests are the validators' own words."
    ));
    limits.push(say!(
        "证据的真实性、关联性、合法性及法律效力由人民法院或仲裁机构依法认定。",
        "Authenticity, relevance, lawfulness and legal effect are for the court or tribunal to decide."
    ));
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;
    use quancheng_proof::Verdict;

    #[test]
    fn a_report_that_does_not_match_says_so_first_and_all_leave_the_law_to_the_court() {
        let damaged = limits(&Report::of_form(Verdict::BundleUnreadable, ""));
        assert!(damaged[0].words(Lang::Zh).contains("不得据以认定"));
        assert!(damaged.iter().any(|text| text.words(Lang::Zh).contains("人民法院")));
        assert_eq!(damaged.len(), 6);
    }
}
