//! What a report does not show, in fixed words: nobody may take silence for approval.

use quancheng_proof::{Assessment, Finding, Report, Step};

use super::findings::about;
use crate::text::{Text, say};

/// Findings that a line names before it stops.
const SHOWN: usize = 8;

/// What is open, and how far that reaches: without form, quorum or trust path nothing holds, any other finding is about itself.
fn open(report: &Report) -> Option<Text> {
    if report.overall() == Assessment::Match {
        return None;
    }
    let holds = |step| report.findings.iter().any(|f| f.step == step && f.result == Assessment::Match);
    if !holds(Step::Finality) || !holds(Step::TrustPath) {
        return Some(say!(
            "证据包的形式、区块头签名或自检查点的更替未获确认：证据包所载内容不得据以认定。",
            "Form, quorum or trust path of the bundle are not confirmed: nothing may be taken from what the bundle says."
        ));
    }
    let named = |result| {
        let of: Vec<String> = report.findings.iter().filter(|f| f.result == result).map(name).collect();
        let mut shown: Vec<String> = of.iter().take(SHOWN).cloned().collect();
        if of.len() > SHOWN {
            shown.push(format!("… ({})", of.len()));
        }
        shown.join(", ")
    };
    let (differ, unable) = (named(Assessment::Mismatch), named(Assessment::CannotCheck));
    Some(match (differ.as_str(), unable.as_str()) {
        ("", "") => say!("没有记录获得证实。", "No record is confirmed."),
        (differ, "") => say!(
            "不一致的核验项：{differ}。与之有关的内容不得据以认定；其他项以其结论为准。",
            "Findings that do not match: {differ}. What they are about may not be taken as shown; the others stand as they say."
        ),
        ("", unable) => say!(
            "无法核验的项：{unable}。与之有关的内容未获证实；其他项以其结论为准。",
            "Findings that could not be checked: {unable}. What they are about is not shown; the others stand as they say."
        ),
        (differ, unable) => say!(
            "不一致的核验项：{differ}；无法核验的项：{unable}。与之有关的内容不得据以认定；其他项以其结论为准。",
            "Findings that do not match: {differ}; that could not be checked: {unable}. What they are about may not be taken as shown; the \
             others stand as they say."
        ),
    })
}

/// A finding by its step and what it is about.
fn name(finding: &Finding) -> String {
    let step =
        serde_json::to_value(finding.step).ok().and_then(|step| step.as_str().map(str::to_owned)).unwrap_or_default();
    let about = about(&finding.scope);
    if about.is_empty() { step } else { format!("{step} {about}") }
}

/// What no finding of this tool shows. Fixed words; the first is about this report alone.
pub(super) fn limits(report: &Report) -> Vec<Text> {
    let mut limits = Vec::new();
    limits.extend(open(report));
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
    use quancheng_proof::{Scope, Verdict};

    #[test]
    fn a_report_that_does_not_match_says_so_first_and_all_leave_the_law_to_the_court() {
        let damaged = limits(&Report::of_form(Verdict::BundleUnreadable, ""));
        assert!(damaged[0].words(Lang::Zh).contains("不得据以认定"));
        assert!(damaged.iter().any(|text| text.words(Lang::Zh).contains("人民法院")));
        assert_eq!(damaged.len(), 6);
    }

    #[test]
    fn what_is_open_is_named_and_the_rest_stands() {
        let scope = |path: &str| Scope::Item { claim: 0, call: 0, index: 1, path: path.to_owned() };
        let findings = vec![
            Finding::new(scope("sealed.txt"), Verdict::CommitmentSealed, ""),
            Finding::new(Scope::Bundle, Verdict::Quorum { signed: 3, total: 4, power: None, names: Vec::new() }, ""),
            Finding::new(Scope::Bundle, Verdict::TrustPathMatch, ""),
        ];
        let limits = limits(&Report { findings, facts: None });
        assert!(limits[0].words(Lang::Zh).contains("V3 #0/0[1]"), "{limits:?}");
        assert!(!limits[0].words(Lang::Zh).contains("不得据以认定"), "{limits:?}");
    }
}
