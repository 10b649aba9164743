//! Arrows between crates: they may point only downwards.
//!
//! The table [`HOUSE`] repeats the one in the architecture document (section "The house"); a change there needs a decision, and
//! then a change here. Rows that the document leaves open (`proof/pdf`, `testnet/local`, `benches`, `tidy`) are fixed here.

mod metadata;
#[cfg(test)]
mod tests;

pub use metadata::{Dependency, DependencyKind, Metadata, Package, Target};

use std::collections::BTreeSet;
use std::fmt;

/// One crate of the workspace and what it may import.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Package name.
    pub package: &'static str,
    /// Workspace crates that it may import, as a normal or a build dependency.
    pub imports: &'static [&'static str],
    /// Workspace crates that its tests may import in addition.
    pub test_imports: &'static [&'static str],
}

/// A family of libraries that has a fixed home.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Name of the library; packages whose name starts with it and `-` or `_` belong to the family.
    pub library: &'static str,
    /// Further packages of the family under other names.
    pub also: &'static [&'static str],
    /// Who may depend on it, also in tests.
    pub home: Home,
}

/// Where a family of libraries lives.
#[derive(Clone, Copy, Debug)]
pub enum Home {
    /// Only in these packages.
    Packages(&'static [&'static str]),
    /// Only in packages that have a binary.
    Binaries,
}

/// Every crate of the workspace, from the ground floor up.
pub const HOUSE: &[Room] = &[
    Room { package: "quancheng-types", imports: &[], test_imports: &[] },
    Room { package: "quancheng-keystore", imports: &["quancheng-types"], test_imports: &[] },
    Room { package: "quancheng-proof", imports: &["quancheng-types"], test_imports: &[] },
    Room { package: "quancheng-proof-pdf", imports: &["quancheng-types", "quancheng-proof"], test_imports: &[] },
    Room { package: "quancheng-consensus", imports: &["quancheng-types"], test_imports: &[] },
    Room { package: "quancheng-state", imports: &["quancheng-types", "quancheng-proof"], test_imports: &[] },
    Room {
        package: "quancheng-state-rocks",
        imports: &["quancheng-types", "quancheng-state"],
        // The suite that every store must pass checks the proofs it makes.
        test_imports: &["quancheng-proof"],
    },
    Room {
        package: "quancheng-contracts",
        imports: &["quancheng-types", "quancheng-proof", "quancheng-state"],
        test_imports: &[],
    },
    Room {
        package: "quancheng-node",
        imports: &[
            "quancheng-types",
            "quancheng-keystore",
            "quancheng-proof",
            "quancheng-proof-pdf",
            "quancheng-consensus",
            "quancheng-state",
            "quancheng-state-rocks",
            "quancheng-contracts",
        ],
        test_imports: &[],
    },
    Room {
        package: "quancheng-testnet-local",
        imports: &["quancheng-types", "quancheng-keystore", "quancheng-proof", "quancheng-contracts"],
        test_imports: &[],
    },
    Room {
        package: "quancheng-cli",
        imports: &[
            "quancheng-types",
            "quancheng-keystore",
            "quancheng-proof",
            "quancheng-contracts",
            "quancheng-testnet-local",
        ],
        test_imports: &[],
    },
    Room {
        package: "quancheng-testnet-sim",
        imports: &[
            "quancheng-types",
            "quancheng-proof",
            "quancheng-consensus",
            "quancheng-state",
            "quancheng-contracts",
        ],
        test_imports: &[],
    },
    Room {
        package: "quancheng-benches",
        imports: &[
            "quancheng-types",
            "quancheng-keystore",
            "quancheng-proof",
            "quancheng-consensus",
            "quancheng-state",
            "quancheng-state-rocks",
            "quancheng-contracts",
            "quancheng-node",
        ],
        test_imports: &[],
    },
    Room { package: "quancheng-tidy", imports: &[], test_imports: &[] },
];

/// Libraries with a fixed home.
pub const FAMILIES: &[Family] = &[
    Family { library: "rocksdb", also: &["librocksdb-sys"], home: Home::Packages(&["quancheng-state-rocks"]) },
    Family {
        library: "tokio",
        also: &[],
        home: Home::Packages(&["quancheng-node", "quancheng-cli", "quancheng-testnet-local", "quancheng-benches"]),
    },
    Family { library: "libp2p", also: &[], home: Home::Packages(&["quancheng-node"]) },
    Family { library: "clap", also: &[], home: Home::Binaries },
];

/// A breach of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArrowFault {
    /// A member of the workspace has no row in [`HOUSE`].
    UnknownCrate {
        /// The member.
        package: String,
    },
    /// One crate imports another that its row does not name.
    Arrow {
        /// The importing crate.
        from: String,
        /// The imported crate.
        to: String,
        /// What kind of dependency it is.
        kind: DependencyKind,
    },
    /// A library is used outside its home.
    AwayFromHome {
        /// The crate that depends on it.
        from: String,
        /// The library.
        library: String,
        /// Who may depend on it, in words.
        home: String,
    },
}

impl fmt::Display for ArrowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCrate { package } => write!(
                f,
                "{package} is a member of the workspace without a row in the table of arrows; decide what it may import and add it to HOUSE in tidy/src/arrows"
            ),
            Self::Arrow { from, to, kind } => write!(
                f,
                "{from} must not import {to} ({kind} dependency); arrows point only downwards: remove it from its Cargo.toml"
            ),
            Self::AwayFromHome { from, library, home } => {
                write!(f, "{from} must not depend on {library}, which is allowed only in {home}")
            }
        }
    }
}

impl Family {
    fn holds(&self, library: &str) -> bool {
        let extends = |rest: &str| rest.is_empty() || rest.starts_with('-') || rest.starts_with('_');
        self.also.contains(&library) || library.strip_prefix(self.library).is_some_and(extends)
    }
}

impl Home {
    fn admits(&self, package: &Package) -> bool {
        match self {
            Self::Packages(names) => names.contains(&package.name.as_str()),
            Self::Binaries => package.has_binary(),
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packages(names) => f.write_str(&names.join(", ")),
            Self::Binaries => f.write_str("packages that have a binary"),
        }
    }
}

impl Room {
    fn admits(&self, import: &str, kind: DependencyKind) -> bool {
        self.imports.contains(&import) || (kind == DependencyKind::Test && self.test_imports.contains(&import))
    }
}

/// All breaches of `house` and `families` by the members of a workspace, in the order of the metadata.
#[must_use]
pub fn check(metadata: &Metadata, house: &[Room], families: &[Family]) -> Vec<ArrowFault> {
    let members: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        match house.iter().find(|room| room.package == package.name) {
            Some(room) => faults.extend(check_imports(package, room, &members)),
            None => faults.push(ArrowFault::UnknownCrate { package: package.name.clone() }),
        }
        faults.extend(check_libraries(package, families));
    }
    faults
}

fn check_imports(package: &Package, room: &Room, members: &BTreeSet<&str>) -> Vec<ArrowFault> {
    package
        .dependencies
        .iter()
        .filter(|dependency| members.contains(dependency.name.as_str()))
        // A package may name itself in its tests, to switch on a feature there.
        .filter(|dependency| !(dependency.name == package.name && dependency.kind() == DependencyKind::Test))
        .filter(|dependency| !room.admits(&dependency.name, dependency.kind()))
        .map(|dependency| ArrowFault::Arrow {
            from: package.name.clone(),
            to: dependency.name.clone(),
            kind: dependency.kind(),
        })
        .collect()
}

fn check_libraries(package: &Package, families: &[Family]) -> Vec<ArrowFault> {
    package
        .dependencies
        .iter()
        .filter_map(|dependency| {
            let family = families.iter().find(|family| family.holds(&dependency.name))?;
            (!family.home.admits(package)).then(|| ArrowFault::AwayFromHome {
                from: package.name.clone(),
                library: dependency.name.clone(),
                home: family.home.to_string(),
            })
        })
        .collect()
}
