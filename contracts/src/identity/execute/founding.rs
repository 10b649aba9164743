//! The founding organizations of a genesis: active from the start. They alone are exempt from review (G5).

use quancheng_types::{AccountId, KeyId, List};

use super::super::calls::{check_name, check_roles, check_second_name, check_types};
use super::super::names::OrgStatus;
use super::super::types::{
    CODES, Founder, GrantedBy, IdentityGenesis, KEY_OWNERS, KeyRecord, KeyUse, ORGANIZATIONS, Organization, RoleGrant,
};
use super::organizations::enter;
use crate::contract::Context;
use crate::genesis::GenesisRefused;
use crate::refusal::Failure;

/// Enters the founders.
pub(in super::super) fn found(context: &mut Context<'_, '_>, content: &IdentityGenesis) -> Result<(), GenesisRefused> {
    for (index, founder) in content.organizations.iter().enumerate() {
        let at = |field: &str| format!("organizations[{index}].{field}");
        check(context, founder, &at)?;
        let now = context.time_ms();
        let roles = founder
            .roles
            .iter()
            .map(|role| RoleGrant { role: *role, from_ms: now, to_ms: None, grantor: GrantedBy::Genesis, basis: None })
            .collect();
        let organization = Organization {
            org_id: founder.org_id.clone(),
            uscc: founder.uscc,
            name_zh: founder.name_zh.clone(),
            name_en: founder.name_en.clone(),
            org_type: founder.org_type,
            merchant_class: founder.merchant_class,
            region: founder.region,
            status: OrgStatus::Active,
            account: AccountId::of(&founder.key),
            roles_requested: List::empty(),
            roles: List::new(roles).map_err(|error| GenesisRefused::content(at("roles"), error.to_string()))?,
            successors: List::empty(),
            applied_at_ms: now,
            decision: None,
        };
        let key = KeyRecord {
            key_id: KeyId::of(&founder.key),
            public_key: founder.key,
            suite: founder.key.suite(),
            usage: KeyUse::Sign,
            from_ms: 0,
            to_ms: None,
            revoked_at_ms: None,
            compromise_since_ms: None,
            certificate: None,
            added_height: context.height(),
        };
        enter(context, &organization, key, true).map_err(|failure| match failure {
            Failure::Refused(error) => GenesisRefused::content(at("org_id"), error.to_string()),
            Failure::Fatal(error) => GenesisRefused::Store(error),
        })?;
    }
    Ok(())
}

fn check(context: &Context<'_, '_>, founder: &Founder, at: &dyn Fn(&str) -> String) -> Result<(), GenesisRefused> {
    let refuse = |field: &str, reason: String| Err(GenesisRefused::content(at(field), reason));
    if let Err(error) = founder.key.validate() {
        return refuse("key", error.to_string());
    }
    if let Err(error) = check_name(&founder.name_zh).and_then(|()| check_second_name(&founder.name_en)) {
        return refuse("name_zh", error.to_string());
    }
    let types = check_types(founder.org_type, &founder.roles, founder.merchant_class);
    if let Err(error) = check_roles(&founder.roles).and(types) {
        return refuse("roles", error.to_string());
    }
    if context.read(&ORGANIZATIONS, &founder.org_id)?.is_some() {
        return refuse("org_id", format!("{} is used by an earlier entry", founder.org_id));
    }
    if context.read(&CODES, &founder.uscc)?.is_some() {
        return refuse("uscc", format!("{} is used by an earlier entry", founder.uscc));
    }
    if context.read(&KEY_OWNERS, &KeyId::of(&founder.key))?.is_some() {
        return refuse(
            "key",
            "the key is used by an earlier entry; every organization needs a key of its own".to_owned(),
        );
    }
    Ok(())
}
