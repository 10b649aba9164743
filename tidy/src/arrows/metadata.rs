//! The part of `cargo metadata --no-deps --format-version 1` that the rules read.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// The members of a workspace.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// One entry per member.
    pub packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    /// Name in its manifest.
    pub name: String,
    /// Where its `Cargo.toml` is.
    pub manifest_path: PathBuf,
    /// Everything it depends on, of every kind and for every platform.
    pub dependencies: Vec<Dependency>,
    /// Its libraries, binaries, tests and benchmarks.
    pub targets: Vec<Target>,
}

/// One line of a dependency table.
#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    /// Name of the package, also where the manifest renames it.
    pub name: String,
    /// Absent in the metadata for a normal dependency: read it through [`Dependency::kind`].
    #[serde(default, rename = "kind")]
    special: Option<DependencyKind>,
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DependencyKind {
    /// Part of what is built.
    #[serde(rename = "normal")]
    Normal,
    /// Used by the build script.
    #[serde(rename = "build")]
    Build,
    /// Used by tests, benchmarks and examples.
    #[serde(rename = "dev")]
    Test,
}

/// One thing that cargo builds from a package.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// For example `lib`, `bin`, `test`.
    pub kind: Vec<String>,
}

impl Package {
    /// Whether one of its targets is a binary.
    #[must_use]
    pub fn has_binary(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "bin"))
    }
}

impl Dependency {
    /// What the dependency is for.
    #[must_use]
    pub fn kind(&self) -> DependencyKind {
        self.special.unwrap_or(DependencyKind::Normal)
    }
}

impl fmt::Display for DependencyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::Build => "build",
            Self::Test => "dev",
        })
    }
}
