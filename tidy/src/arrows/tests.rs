//! Planted violations, and the laws of the table itself.

use super::*;

/// A planted member: its name, whether it has a binary, and (name, kind) of each thing it depends on.
type Planted<'a> = (&'a str, bool, &'a [(&'a str, Option<&'a str>)]);

/// A workspace in the words of `cargo metadata`.
fn workspace(members: &[Planted<'_>]) -> Metadata {
    let packages: Vec<_> = members
        .iter()
        .map(|(name, binary, dependencies)| {
            let dependencies: Vec<_> = dependencies
                .iter()
                .map(|(name, kind)| serde_json::json!({ "name": name, "kind": kind, "req": "*" }))
                .collect();
            let kind = if *binary { "bin" } else { "lib" };
            serde_json::json!({
                "name": name,
                "manifest_path": "Cargo.toml",
                "dependencies": dependencies,
                "targets": [{ "kind": [kind] }],
            })
        })
        .collect();
    serde_json::from_value(serde_json::json!({ "packages": packages, "version": 1 })).unwrap()
}

fn faults(members: &[Planted<'_>]) -> Vec<ArrowFault> {
    check(&workspace(members), HOUSE, FAMILIES)
}

fn arrow(from: &str, to: &str, kind: DependencyKind) -> ArrowFault {
    ArrowFault::Arrow { from: from.to_owned(), to: to.to_owned(), kind }
}

#[test]
fn allowed_arrows_pass() {
    assert_eq!(
        faults(&[
            ("quancheng-types", false, &[("borsh", None), ("proptest", Some("dev"))]),
            ("quancheng-proof", false, &[("quancheng-types", None)]),
            ("quancheng-state", false, &[("quancheng-types", None), ("quancheng-proof", None)]),
            (
                "quancheng-state-rocks",
                false,
                &[("quancheng-state", None), ("rocksdb", None), ("quancheng-proof", Some("dev"))]
            ),
            ("quancheng-node", true, &[("tokio", None), ("libp2p", None), ("clap", None)]),
        ]),
        vec![]
    );
}

#[test]
fn upward_arrows_of_each_kind_are_caught() {
    for (kind, expected) in
        [(None, DependencyKind::Normal), (Some("build"), DependencyKind::Build), (Some("dev"), DependencyKind::Test)]
    {
        assert_eq!(
            faults(&[("quancheng-types", false, &[("quancheng-state", kind)]), ("quancheng-state", false, &[]),]),
            vec![arrow("quancheng-types", "quancheng-state", expected)]
        );
    }
}

#[test]
fn an_arrow_allowed_in_tests_is_refused_in_the_product() {
    assert_eq!(
        faults(&[("quancheng-proof", false, &[]), ("quancheng-state-rocks", false, &[("quancheng-proof", None)]),]),
        vec![arrow("quancheng-state-rocks", "quancheng-proof", DependencyKind::Normal)]
    );
}

#[test]
fn the_command_line_never_imports_the_node_or_its_store() {
    for banned in ["quancheng-node", "quancheng-state-rocks", "quancheng-consensus"] {
        assert_eq!(
            faults(&[("quancheng-cli", true, &[(banned, None)]), (banned, false, &[])]),
            vec![arrow("quancheng-cli", banned, DependencyKind::Normal)]
        );
    }
}

#[test]
fn a_member_without_a_row_is_caught() {
    assert_eq!(
        faults(&[("quancheng-novelty", false, &[])]),
        vec![ArrowFault::UnknownCrate { package: "quancheng-novelty".to_owned() }]
    );
}

#[test]
fn libraries_away_from_home_are_caught() {
    for (package, binary, library) in [
        ("quancheng-state", false, "rocksdb"),
        ("quancheng-node", true, "librocksdb-sys"),
        ("quancheng-consensus", false, "tokio"),
        ("quancheng-testnet-sim", false, "tokio-util"),
        ("quancheng-cli", true, "libp2p"),
        ("quancheng-testnet-local", false, "libp2p-stream"),
        ("quancheng-contracts", false, "clap"),
        ("quancheng-types", false, "clap_derive"),
    ] {
        let caught = faults(&[(package, binary, &[(library, Some("dev"))])]);
        assert!(
            matches!(caught.as_slice(), [ArrowFault::AwayFromHome { from, library: name, .. }] if from == package && name == library),
            "{package} with {library} gave {caught:?}"
        );
    }
}

#[test]
fn a_like_named_library_is_no_relative() {
    assert_eq!(faults(&[("quancheng-types", false, &[("tokiota", None), ("clapper", None)])]), vec![]);
}

#[test]
fn every_fault_says_who_and_what() {
    let words = arrow("quancheng-cli", "quancheng-node", DependencyKind::Build).to_string();
    assert!(words.contains("quancheng-cli") && words.contains("quancheng-node") && words.contains("build"));
}

/// Rows stand above everything they import: so the table has no cycle.
#[test]
fn the_table_points_only_downwards() {
    for (floor, room) in HOUSE.iter().enumerate() {
        for import in room.imports.iter().chain(room.test_imports) {
            let below = HOUSE.iter().take(floor).any(|other| other.package == *import);
            assert!(below, "{} imports {import}, which has no row above it in HOUSE", room.package);
        }
    }
}

/// What a client or the simulator can reach over any number of arrows holds neither the node nor RocksDB.
#[test]
fn clients_and_simulator_cannot_reach_the_node() {
    for start in ["quancheng-cli", "quancheng-testnet-local", "quancheng-testnet-sim"] {
        let mut reached = BTreeSet::from([start]);
        // Imports come earlier in HOUSE, so one pass from the top floor down visits everything.
        for room in HOUSE.iter().rev() {
            if reached.contains(room.package) {
                reached.extend(room.imports.iter().copied());
            }
        }
        assert!(reached.contains("quancheng-types"), "{start} reaches nothing");
        for heavy in ["quancheng-node", "quancheng-state-rocks"] {
            assert!(!reached.contains(heavy), "{start} reaches {heavy}");
        }
    }
}
