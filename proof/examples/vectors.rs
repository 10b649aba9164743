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
use fixtures::cases::{groups, vector_file};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for (group, cases) in groups() {
        for case in &cases {
            let report = case.report();
            let found = report.findings.iter().any(|finding| finding.code == case.code);
            if report.exit_code() != case.exit || !found {
                let words =
                    format!("{group}/{}: expected exit {} and {}, found {report:#?}", case.name, case.exit, case.code);
                return Err(io::Error::other(words));
            }
        }
        write(&folder.join(format!("{group}.json")), &vector_file(group, &cases))?;
    }
    // A chain of which no bundle is published: whatever a fuzzer makes of the vectors, nothing follows from it.
    let checkpoint = World::new("模糊测试链", None).checkpoint();
    write(&folder.join("../fuzz/checkpoint.json"), &checkpoint.to_json())
}

#[expect(clippy::disallowed_methods, reason = "this tool writes the vectors; the crate itself does no I/O")]
fn write(path: &Path, text: &str) -> io::Result<()> {
    std::fs::write(path, text)
}
