//! The tables, ascending by module and number.

use super::form::SERIAL_MAX;
use super::{Field, Form, TableForm};
use crate::state_proof::DERIVED_TABLES;

const ORG: Field = field("组织", "organization", Form::OrgId);
const ACCOUNT: Field = field("账户", "account", Form::Account);
const NUMBER: Field = field("序号", "number", Form::Integer { bytes: 8, min: 0, max: u64::MAX });
const PLACE: Field = field("序号", "number", Form::Place);
const RULE_SET: Field = field("规则集", "rule set", Form::Text { max: 64 });
const VERSION: Field = field("版本", "version", Form::Integer { bytes: 4, min: 1, max: 0xFFFF_FFFF });
const YEAR: Field = field("年份", "year", Form::Integer { bytes: 2, min: 1970, max: 9999 });
const SERIAL: Field = field("流水号", "serial", Form::Integer { bytes: 4, min: 1, max: SERIAL_MAX });
const NUMBER_SHORT: Field = field("序号", "number", Form::Integer { bytes: 4, min: 0, max: 0xFFFF_FFFF });
const KIND: Field = field("类别", "kind", Form::Kind);
const DATA_SET: Field = field("数据集根", "root of the data set", Form::Commitment);
const ROOT: Field = field("根", "root", Form::Hash);
const MATTER_KIND: Field = field("事项类别", "kind of matter", Form::Integer { bytes: 1, min: 1, max: 6 });
const MATTER: Field = field("事项编号", "matter", Form::Text { max: 64 });

const fn field(zh: &'static str, en: &'static str, form: Form) -> Field {
    Field { zh, en, form }
}

/// Records that people rely on: their past stays provable.
const fn kept(
    module: u16,
    table: u16,
    name: &'static str,
    zh: &'static str,
    en: &'static str,
    key: &'static [Field],
) -> TableForm {
    TableForm { module, table, name, zh, en, key }
}

/// Counters, lists, queues, and what has to be able to leave the state.
const fn derived(
    module: u16,
    number: u16,
    name: &'static str,
    zh: &'static str,
    en: &'static str,
    key: &'static [Field],
) -> TableForm {
    TableForm { module, table: DERIVED_TABLES | number, name, zh, en, key }
}

/// Every table that this version of the ledger has.
pub const TABLES: &[TableForm] = &[
    kept(1, 1, "identity.organizations", "组织", "organizations", &[ORG]),
    kept(1, 2, "identity.accounts", "账户登记", "registered accounts", &[ACCOUNT]),
    kept(
        1,
        3,
        "identity.key_owners",
        "签名密钥所属账户",
        "owners of signing keys",
        &[field("密钥", "key", Form::Hash)],
    ),
    kept(
        1,
        4,
        "identity.codes",
        "统一社会信用代码索引",
        "organizations by credit code",
        &[field("代码", "code", Form::CreditCode)],
    ),
    derived(1, 5, "identity.org_list", "组织列表", "list of organizations", &[NUMBER]),
    derived(1, 6, "identity.org_count", "组织数", "count of organizations", &[]),
    kept(1, 7, "identity.officers", "任职", "officers", &[ORG, ACCOUNT]),
    derived(1, 8, "identity.officer_list", "任职列表", "list of officers", &[ORG, NUMBER]),
    derived(1, 9, "identity.officer_count", "任职数", "count of officers", &[ORG]),
    kept(2, 1, "governance.sets", "验证者集合安排", "schedule of validator sets", &[]),
    kept(
        2,
        2,
        "governance.set_parts",
        "验证者集合成员",
        "members of validator sets",
        &[field("集合", "set", Form::Hash), field("分段", "part", Form::Integer { bytes: 1, min: 0, max: 0xFF })],
    ),
    kept(2, 3, "governance.set_history", "验证者集合历史", "history of validator sets", &[NUMBER]),
    derived(2, 4, "governance.set_count", "验证者集合数", "count of validator sets", &[]),
    kept(2, 5, "governance.parameters", "参数安排", "schedule of parameters", &[]),
    kept(2, 6, "governance.versions", "规则版本安排", "schedule of versions", &[]),
    kept(2, 7, "governance.validators", "验证者", "validators", &[field("验证者", "validator", Form::Hash)]),
    derived(2, 8, "governance.validator_list", "验证者列表", "list of validators", &[NUMBER]),
    derived(2, 9, "governance.validator_count", "验证者数", "count of validators", &[]),
    kept(
        2,
        10,
        "governance.proposals",
        "议案",
        "proposals",
        &[field("编号", "number", Form::Integer { bytes: 8, min: 1, max: u64::MAX })],
    ),
    derived(2, 11, "governance.proposal_count", "议案数", "count of proposals", &[]),
    derived(2, 12, "governance.open_proposals", "未结议案", "open proposals", &[]),
    kept(2, 13, "governance.rule_sets", "规则集", "rule sets", &[RULE_SET, VERSION]),
    kept(2, 14, "governance.rule_set_versions", "规则集最新版本", "newest versions of rule sets", &[RULE_SET]),
    derived(2, 15, "governance.rule_set_list", "规则集列表", "list of rule sets", &[NUMBER]),
    derived(2, 16, "governance.rule_set_count", "规则集数", "count of rule sets", &[]),
    kept(2, 17, "governance.calendar", "工作日历", "calendar", &[YEAR]),
    kept(
        2,
        18,
        "governance.calendar_editions",
        "工作日历各版",
        "editions of the calendar",
        &[YEAR, field("版次", "edition", Form::Integer { bytes: 4, min: 1, max: 0xFFFF_FFFF })],
    ),
    kept(2, 19, "governance.misbehavior", "违规证明", "proofs of misbehavior", &[NUMBER]),
    derived(2, 20, "governance.misbehavior_count", "违规证明数", "count of proofs of misbehavior", &[]),
    kept(
        2,
        21,
        "governance.misbehavior_seen",
        "已处理违规",
        "offences on record",
        &[field("违规", "offence", Form::Hash)],
    ),
    derived(
        2,
        22,
        "governance.ordered",
        "已排序批次",
        "batches that were ordered",
        &[field("验证者", "validator", Form::Hash)],
    ),
    derived(3, 1, "registry.counters", "登记计数", "counters of the registry", &[]),
    kept(3, 2, "registry.registrations", "登记", "registrations", &[SERIAL]),
    derived(
        3,
        3,
        "registry.dossiers",
        "登记申报内容",
        "statements of registrations",
        &[SERIAL, field("修订", "revision", Form::Integer { bytes: 4, min: 1, max: 0xFFFF_FFFF })],
    ),
    kept(3, 4, "registry.versions", "登记凭证版本", "versions of certificates", &[SERIAL, VERSION]),
    kept(3, 5, "registry.log", "登记过程", "log of registrations", &[SERIAL, NUMBER_SHORT]),
    kept(3, 6, "registry.objections", "异议", "objections", &[SERIAL, NUMBER_SHORT]),
    kept(
        3,
        7,
        "registry.by_number",
        "登记凭证编号索引",
        "certificates by number",
        &[field("编号", "number", Form::LedgerNumber)],
    ),
    kept(
        3,
        8,
        "registry.by_official",
        "外部编码索引",
        "certificates by official code",
        &[field("体系", "scheme", Form::Text { max: 64 }), field("编码", "code", Form::Text { max: 64 })],
    ),
    derived(3, 9, "registry.reliance_counts", "凭证使用数", "counts of reliance", &[SERIAL]),
    kept(3, 10, "registry.reliances", "凭证使用", "reliance on certificates", &[SERIAL, PLACE]),
    derived(3, 11, "registry.organization_counts", "组织登记数", "registrations of an organization, counted", &[ORG]),
    derived(3, 13, "registry.registrar_counts", "登记机构登记数", "registrations of a registrar, counted", &[ORG]),
    derived(3, 15, "registry.kind_counts", "类别登记数", "registrations of a kind, counted", &[KIND]),
    derived(3, 17, "registry.manifest_counts", "数据集登记数", "registrations of a data set, counted", &[DATA_SET]),
    kept(10, 1, "evidence.records", "存证记录", "records of evidence", &[ROOT]),
    derived(10, 2, "evidence.count", "存证数", "count of records of evidence", &[]),
    derived(10, 3, "evidence.submitter_counts", "存证人存证数", "records of a submitter, counted", &[ACCOUNT]),
    derived(10, 5, "evidence.relation_counts", "事项存证数", "records about a matter, counted", &[MATTER_KIND, MATTER]),
    kept(10, 7, "evidence.handovers", "保管交接", "handovers of custody", &[ROOT, NUMBER_SHORT]),
    kept(10, 8, "evidence.productions", "举示", "productions to a forum", &[ROOT, NUMBER_SHORT]),
];
