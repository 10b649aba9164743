//! What can be asked of this module, and why it is refused.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::Text;
use serde::{Deserialize, Serialize};

use super::types::{Action, PROPOSAL_OPEN_MAX_MS, RULE_SET_DAYS_MAX, RULE_SET_MONTHS_MAX, RuleSet, TITLE_BYTES_MAX};
use crate::domain::{Commitment, is_name, unseen_in, unseen_in_lines};

/// A request to the module.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Call {
    /// Open a proposal; it counts as the proposer's vote for it.
    Propose(Box<Propose>) = 1,
    /// Vote, or change an earlier vote.
    Vote(Vote) = 2,
    /// Take an open proposal back.
    Withdraw(Withdraw) = 3,
}

/// A proposal to open.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// What it does when accepted.
    pub action: Action,
    /// Title for people.
    pub title: Text<TITLE_BYTES_MAX>,
    /// Commitment to the document behind it.
    #[serde(default)]
    pub document: Option<Commitment>,
    /// How long votes count, ms from this block; at most 30 days.
    #[serde(default = "open_for_ms")]
    pub open_for_ms: u64,
}

const fn open_for_ms() -> u64 {
    7 * 24 * 3600 * 1000
}

/// A vote of the sender's organization.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Number of the proposal.
    pub proposal: u64,
    /// For or against.
    pub is_approved: bool,
    /// Commitment to the document behind the vote.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// A proposal to take back.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Number of the proposal.
    pub proposal: u64,
}

crate::refusals! {
    /// Why a call is refused, or an accepted proposal failed.
    pub enum Error {
        NotAVoter = 1, "NOT_A_VOTER",
            "签名者所属组织没有在任验证节点，不能提案或表决。",
            "The signer's organization runs no validator of the set in force and cannot propose or vote.";
        ProposalNotFound = 2, "PROPOSAL_NOT_FOUND",
            "没有此提案。请核对提案编号。",
            "There is no such proposal. Check its number.";
        ProposalClosed = 3, "PROPOSAL_CLOSED",
            "提案已结束或已过期。",
            "The proposal is closed or expired.";
        NotTheProposer = 4, "NOT_THE_PROPOSER",
            "只有提案组织可以撤回提案。",
            "Only the organization that opened the proposal may take it back.";
        TooManyOpen = 5, "TOO_MANY_OPEN",
            "未决提案已达上限。请等待其他提案结束。",
            "Too many proposals are open. Wait until some are closed.";
        BadOpenTime = 6, "BAD_OPEN_TIME",
            "提案有效时间须大于 0 且不超过 30 天。",
            "A proposal is open for more than 0 ms and at most 30 days.";
        TitleMissing = 7, "TITLE_MISSING",
            "标题为空，或含看不见的字符（控制、改变文字方向或零宽）。请删去。",
            "The title is empty or holds a character that is not seen: a control, a mark of direction, one without width. Take it out.";
        ValidatorExists = 8, "VALIDATOR_EXISTS",
            "该共识密钥已在验证者集合中。",
            "The consensus key is in the validator set already.";
        ValidatorNotFound = 9, "VALIDATOR_NOT_FOUND",
            "验证者集合中没有此验证者。",
            "The validator is not in the newest validator set.";
        NodeTaken = 10, "NODE_TAKEN",
            "该节点身份已属于另一验证者。",
            "The node identity belongs to another validator.";
        PowerInvalid = 11, "POWER_INVALID",
            "投票权须至少为 1，且总和不超过上限。",
            "Voting power is at least 1, and the total has a limit.";
        SetFull = 12, "SET_FULL",
            "验证者数量已达上限。",
            "The validator set is full.";
        LastValidator = 13, "LAST_VALIDATOR",
            "不得移除最后一个验证者，否则链将停止。",
            "The last validator cannot be removed: the chain would stop.";
        KeyUnusable = 14, "KEY_UNUSABLE",
            "该共识公钥无法验证任何签名。请更换。",
            "No signature can verify under this consensus key. Use another.";
        OrganizationNotActive = 15, "ORGANIZATION_NOT_ACTIVE",
            "验证者须由正常状态的在册组织运行。",
            "A validator is run by a registered organization that is active.";
        OrganizationDiffers = 16, "ORGANIZATION_DIFFERS",
            "替换验证者记录须属于同一组织。",
            "The successor of a validator belongs to the same organization.";
        ParameterOutOfRange = 17, "PARAMETER_OUT_OF_RANGE",
            "参数超出允许范围。请核对各参数的上下限。",
            "A parameter is outside its range. Compare each with its limits.";
        ChangesInFlight = 18, "CHANGES_IN_FLIGHT",
            "待生效的变更过多。请等待其生效后再提。",
            "Too many changes wait to come into force. Try again when they have.";
        RuleSetInvalid = 19, "RULE_SET_INVALID",
            "规则集无效：编号或名称为空、文字含看不见的字符、无适用种类、期限超限，或适用种类重复。",
            "The rule set is invalid: its id or name is empty, a text holds a character that is not seen, it has no kind or one twice, or a period exceeds its limit.";
        RuleSetVersion = 20, "RULE_SET_VERSION",
            "规则集版本须为上一版本加一，且生效日不得早于上一版本。",
            "The version is not the next one, or comes into force before the one it follows.";
        CalendarInvalid = 21, "CALENDAR_INVALID",
            "工作日历无效：日期不存在、重复、未升序，或调休日不是周末。",
            "The calendar is invalid: a date does not exist, repeats or is out of order, or an adjusted workday is no weekend day.";
        VersionNotNew = 22, "VERSION_NOT_NEW",
            "协议版本须大于已决定的版本。",
            "The protocol version is not greater than the ones decided before.";
        VersionTooSoon = 23, "VERSION_TOO_SOON",
            "生效高度过早：须不早于变更可生效的最早高度，且晚于已决定的版本。",
            "The height is too soon: at least that of any other change made now, and after the versions decided before.";
        RoleRefused = 24, "ROLE_REFUSED",
            "身份模块拒绝该角色变更，见其拒绝码。",
            "The identity module refuses the change of a role; see its code.";
        LagFixed = 25, "LAG_FIXED",
            "execution_lag_max 由创世文件确定，不得变更。请保持原值。",
            "execution_lag_max is fixed by the genesis. Propose the parameters with its present value.";
        KeyShared = 26, "KEY_SHARED",
            "共识密钥、网络身份与组织密钥须各不相同，此项中有一个密钥用于两处。请为每一用途各生成一个密钥。",
            "Consensus keys, peer identities and keys of organizations are keys of their own; one of these serves twice. Make a key for each.";
        TextIllegible = 27, "TEXT_ILLEGIBLE",
            "利害关系声明或版本通知含看不见的字符（控制、改变文字方向或零宽）。请删去。",
            "The declared interest or the notice of the version holds a character that is not seen: a control, a mark of direction, one without width. Take it out.";
    }
}

/// Everything that needs no state.
///
/// # Errors
/// The refusal.
pub(super) fn check(call: &Call) -> Result<(), Error> {
    match call {
        Call::Propose(call) => {
            if !is_name(&call.title) {
                return Err(Error::TitleMissing);
            }
            if call.open_for_ms == 0 || call.open_for_ms > PROPOSAL_OPEN_MAX_MS {
                return Err(Error::BadOpenTime);
            }
            check_action(&call.action)
        }
        Call::Vote(_) | Call::Withdraw(_) => Ok(()),
    }
}

fn check_action(action: &Action) -> Result<(), Error> {
    match action {
        Action::AddValidator(validator) | Action::ReplaceValidator { successor: validator, .. } => {
            if validator.power == 0 {
                return Err(Error::PowerInvalid);
            }
            // Courts read it beside the signature.
            if unseen_in(&validator.interest).is_some() {
                return Err(Error::TextIllegible);
            }
            validator.public_key.validate().map_err(|_| Error::KeyUnusable)
        }
        Action::ChangeParameters(parameters) => parameters.validate().map_err(|_| Error::ParameterOutOfRange),
        Action::PublishRuleSet(rules) => check_rule_set(rules),
        Action::PublishCalendar(year) => year.validate().map_err(|_| Error::CalendarInvalid),
        Action::ScheduleVersion { notice, .. } if unseen_in_lines(notice).is_some() => Err(Error::TextIllegible),
        Action::RemoveValidator { .. }
        | Action::ScheduleVersion { .. }
        | Action::GrantRole { .. }
        | Action::RevokeRole { .. } => Ok(()),
    }
}

/// A rule set that decisions can follow.
pub(super) fn check_rule_set(rules: &RuleSet) -> Result<(), Error> {
    let is_named =
        !rules.rule_set.is_empty() && rules.rule_set.bytes().all(|b| b.is_ascii_graphic()) && is_name(&rules.name_zh);
    let texts = [&rules.basis, &rules.note].into_iter().chain(&rules.pre_step);
    let are_legible = texts.into_iter().all(|text| unseen_in_lines(text).is_none())
        && rules.verified.iter().all(|name| unseen_in(name).is_none());
    let mut kinds = rules.kinds.to_vec();
    kinds.sort_unstable();
    let has_kinds = !kinds.is_empty() && kinds.windows(2).all(|pair| pair[0] != pair[1]);
    let days = [rules.accept_wd, rules.review_wd, rules.notice_wd, rules.supplement_wd, rules.objection_wd];
    let are_days = days.iter().all(|days| *days <= RULE_SET_DAYS_MAX);
    let is_month = |months: u16| (1..=RULE_SET_MONTHS_MAX).contains(&months);
    let are_months = is_month(rules.validity_months) && is_month(rules.renewal_months);
    if is_named && are_legible && has_kinds && are_days && are_months { Ok(()) } else { Err(Error::RuleSetInvalid) }
}
