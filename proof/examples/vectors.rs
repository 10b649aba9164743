//! Rewrites the published vectors in `proof/vectors/` (and the checkpoint of the fuzz targets). A change there is a change of the protocol or of a permitted
//! statement: say which in the commit.
//!
//! ```text
//! cargo run -p quancheng-proof --example vectors
//! ```

#[path = "../fixtures/mod.rs"]
mod fixtures;

use std::io;
use std::path::Path;

use fixtures::World;
use fixtures::cases::{checkpoints, groups, vector_file};
use quancheng_proof::tables::TABLES;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut wrong = String::new();
    for (group, cases) in groups() {
        for case in &cases {
            let report = case.report();
            let codes: Vec<_> = report.findings.iter().map(|finding| finding.code).collect();
            if report.exit_code() != case.exit || !codes.contains(&case.code) {
                let (name, exit, code, found) = (case.name, case.exit, case.code, report.exit_code());
                wrong.push_str(&format!("\n{group}/{name}: expected {exit} and {code}, found {found} and {codes:?}"));
            }
        }
        if wrong.is_empty() {
            write(&folder.join(format!("{group}.json")), &vector_file(group, &cases))?;
        }
    }
    if !wrong.is_empty() {
        return Err(io::Error::other(wrong));
    }
    write(&folder.join("checkpoints.json"), &checkpoints::file(&World::new("泉城链", None)))?;
    let mut tables = serde_json::to_string_pretty(TABLES).expect("every value has a JSON form");
    tables.push('\n');
    write(&folder.join("tables.json"), &tables)?;
    // A chain of which no bundle is published: whatever a fuzzer makes of the vectors, nothing follows from it.
    let checkpoint = World::new("模糊测试链", None).checkpoint();
    write(&folder.join("../fuzz/checkpoint.json"), &checkpoint.to_json())
}

#[expect(clippy::disallowed_methods, reason = "this tool writes the vectors; the crate itself does no I/O")]
fn write(path: &Path, text: &str) -> io::Result<()> {
    std::fs::write(path, text)
}
