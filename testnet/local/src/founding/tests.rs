use quancheng_types::SigningKey;

use super::*;

fn keyed(validators: u32) -> Vec<(FoundingOrganization, PublicKey)> {
    let organizations = organizations(validators).unwrap();
    let key = |n: usize| SigningKey::from_seed([u8::try_from(n).unwrap(); 32]).public_key();
    organizations.into_iter().enumerate().map(|(n, org)| (org, key(n))).collect()
}

#[test]
fn founders_are_named_once_and_hold_the_offices_a_network_needs() {
    for validators in [1, 4, 7, 20] {
        let founders = organizations(validators).unwrap();
        let mut names: Vec<_> = founders.iter().map(|founder| founder.org_id.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for needed in ALWAYS {
            assert!(names.contains(&needed), "{needed} is missing with {validators} validators");
        }
        for index in 0..validators {
            assert!(names.contains(&validator_organization(index).as_str()));
        }
    }
}

#[test]
fn the_genesis_content_is_accepted_by_the_contracts() {
    let modules = modules(&keyed(9)).unwrap();
    assert!(modules.windows(2).all(|pair| pair[0].module < pair[1].module));
    assert_eq!(modules.len(), 2);
}

#[test]
fn credit_codes_of_made_up_organizations_differ_and_are_valid() {
    let code = |n| made_up("ORG-NODE-9", n).unwrap().get("uscc").unwrap().as_str().unwrap().to_owned();
    let codes: std::collections::BTreeSet<String> = (0..64).map(code).collect();
    assert_eq!(codes.len(), 64);
    assert!(codes.iter().all(|code| Uscc::new(code).is_ok()));
}
