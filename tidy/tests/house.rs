//! The house rules, applied to this repository.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use quancheng_tidy::arrows::{FAMILIES, HOUSE, Metadata, check};
use quancheng_tidy::bans::{PURE, check_pure, check_shared};
use quancheng_tidy::sources::{check_manifest, check_readme, check_text};

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("the crate lies one folder below the root").to_path_buf()
}

fn text_of(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("cannot read {}: {error}", path.display()),
    }
}

fn output_of(program: OsString, arguments: &[&str]) -> Vec<u8> {
    let name = program.to_string_lossy().into_owned();
    let output = match Command::new(program).args(arguments).current_dir(root()).output() {
        Ok(output) => output,
        Err(error) => panic!("cannot run {name}: {error}; these tests need cargo and git"),
    };
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {} failed: {words}", arguments.join(" "));
    output.stdout
}

fn metadata() -> Metadata {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let bytes = output_of(cargo, &["metadata", "--no-deps", "--format-version", "1"]);
    serde_json::from_slice(&bytes).expect("cargo metadata prints JSON of format version 1")
}

/// Everything that is kept, or would be kept with the next commit; paths relative to the root.
fn kept_files() -> Vec<PathBuf> {
    let bytes = output_of("git".into(), &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = String::from_utf8(bytes).expect("names of kept files are UTF-8");
    names
        .split_terminator('\0')
        .map(PathBuf::from)
        // A file deleted since the last commit is still listed; a link is judged where it points.
        .filter(|path| fs::symlink_metadata(root().join(path)).is_ok_and(|meta| meta.is_file()))
        .collect()
}

fn assert_none<F: Display>(rule: &str, faults: &[(String, F)]) {
    let lines: Vec<_> = faults.iter().map(|(place, fault)| format!("{place}: {fault}")).collect();
    assert!(faults.is_empty(), "{rule}: {} faults\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn arrows_point_only_downwards() {
    let metadata = metadata();
    assert!(metadata.packages.len() > 5, "cargo metadata lists only {} members", metadata.packages.len());
    let faults = check(&metadata, HOUSE, FAMILIES);
    let placed: Vec<_> = faults.into_iter().map(|fault| ("arrows".to_owned(), fault)).collect();
    assert_none("arrows", &placed);
}

#[test]
fn pure_crates_carry_the_bans() {
    let mut faults = Vec::new();
    for folder in PURE {
        let path = format!("{folder}/clippy.toml");
        let own = text_of(&root().join(&path));
        faults.extend(check_pure(&own).into_iter().map(|fault| (path.clone(), fault)));
    }
    assert_none("bans", &faults);
}

#[test]
fn every_clippy_file_repeats_the_shared_keys() {
    let shared = text_of(&root().join("clippy.toml"));
    let mut faults = Vec::new();
    let files: Vec<_> = kept_files().into_iter().filter(|path| path.ends_with("clippy.toml")).collect();
    assert!(files.len() > PURE.len(), "git lists only {} clippy.toml files", files.len());
    for path in files {
        let own = text_of(&root().join(&path));
        let place = path.display().to_string();
        faults.extend(check_shared(&shared, &own).into_iter().map(|fault| (place.clone(), fault)));
    }
    assert_none("shared keys", &faults);
}

#[test]
fn texts_obey_the_rules() {
    let mut faults = Vec::new();
    let mut read: usize = 0;
    for path in kept_files() {
        // What is not UTF-8 is no text.
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue;
        };
        read += 1;
        let place = path.display().to_string();
        faults.extend(check_text(&path, &text).into_iter().map(|fault| (place.clone(), fault)));
    }
    assert!(read > 20, "git lists only {read} texts");
    assert_none("texts", &faults);
}

#[test]
fn the_readme_names_its_commands() {
    let faults = check_readme(&text_of(&root().join("README.md")));
    let placed: Vec<_> = faults.into_iter().map(|fault| ("README.md".to_owned(), fault)).collect();
    assert_none("readme", &placed);
}

#[test]
fn every_member_takes_the_shared_lints() {
    let mut faults = Vec::new();
    for package in metadata().packages {
        let text = text_of(&package.manifest_path);
        faults.extend(check_manifest(&text).into_iter().map(|fault| (package.name.clone(), fault)));
    }
    assert_none("lints", &faults);
}
