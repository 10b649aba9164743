//! Planted violations.

use super::*;

const ROOT: &str = "too-many-lines-threshold = 70\nallow-unwrap-in-tests = true\n";

/// A `clippy.toml` that bans everything except `without`.
fn pure_file(without: &str) -> String {
    let list = |name: &str, paths: &[&str]| {
        let entries: Vec<_> = paths
            .iter()
            .filter(|path| **path != without)
            .map(|path| format!("{{ path = \"{path}\", reason = \"pure\" }}"))
            .collect();
        format!("{name} = [{}]\n", entries.join(", "))
    };
    format!("{ROOT}{}{}", list("disallowed-types", BANNED_TYPES), list("disallowed-methods", BANNED_METHODS))
}

#[test]
fn a_complete_file_passes() {
    let file = pure_file("");
    assert_eq!(check_pure(&file), vec![]);
    assert_eq!(check_shared(ROOT, &file), vec![]);
}

#[test]
fn each_missing_ban_is_caught() {
    for path in BANNED_TYPES {
        let list = "disallowed-types";
        assert_eq!(check_pure(&pure_file(path)), vec![BanFault::Missing { list, path }]);
    }
    for path in BANNED_METHODS {
        let list = "disallowed-methods";
        assert_eq!(check_pure(&pure_file(path)), vec![BanFault::Missing { list, path }]);
    }
}

#[test]
fn an_empty_file_bans_nothing() {
    assert_eq!(check_pure("").len(), BANNED_TYPES.len() + BANNED_METHODS.len());
}

#[test]
fn a_ban_without_a_reason_is_caught() {
    let path = "std::time::Instant";
    let list = "disallowed-types";
    let empty = pure_file("").replacen(
        &format!("{{ path = \"{path}\", reason = \"pure\" }}"),
        &format!("{{ path = \"{path}\", reason = \" \" }}"),
        1,
    );
    assert_eq!(check_pure(&empty), vec![BanFault::NoReason { list, path }]);
    let short = empty.replacen(&format!("{{ path = \"{path}\", reason = \" \" }}"), &format!("\"{path}\""), 1);
    assert_eq!(check_pure(&short), vec![BanFault::NoReason { list, path }]);
}

#[test]
fn a_shared_key_that_is_absent_or_differs_is_caught() {
    let key = "too-many-lines-threshold".to_owned();
    let expected = vec![BanFault::SharedKey { key }];
    assert_eq!(check_shared(ROOT, "allow-unwrap-in-tests = true"), expected);
    assert_eq!(check_shared(ROOT, "too-many-lines-threshold = 700\nallow-unwrap-in-tests = true"), expected);
}

#[test]
fn damaged_files_are_faults_and_never_pass() {
    for faults in [check_pure("= ["), check_shared(ROOT, "= ["), check_shared("= [", ROOT)] {
        assert!(matches!(faults.as_slice(), [BanFault::Unreadable { .. }]), "{faults:?}");
    }
}
