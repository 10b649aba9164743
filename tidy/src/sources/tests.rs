//! Planted violations. Needles are put together, so that this file obeys the rules it tests.

use super::*;

fn text_faults(path: &str, text: &str) -> Vec<SourceFault> {
    check_text(Path::new(path), text)
}

#[test]
fn marks_of_unfinished_work_are_caught_in_every_kind_of_file() {
    for (text, mark) in [
        (format!("fn f() {{ {}) }}", UNFINISHED_MACROS[0]), UNFINISHED_MACROS[0]),
        (format!("    {}\"later\")", UNFINISHED_MACROS[1]), UNFINISHED_MACROS[1]),
        (format!("// {}: write it", UNFINISHED_WORDS[0]), UNFINISHED_WORDS[0]),
        (format!("# ({})", UNFINISHED_WORDS[1]), UNFINISHED_WORDS[1]),
    ] {
        for path in ["types/src/lib.rs", "types/tests/golden.rs", "docs/protocol.md", "Makefile"] {
            let text = format!("first line\n{text}\n");
            assert_eq!(text_faults(path, &text), vec![SourceFault::Unfinished { line: 2, mark }]);
        }
    }
}

#[test]
fn words_that_contain_a_mark_are_none() {
    let text = format!("MAS{}N {}_LIST {}S", UNFINISHED_WORDS[0], UNFINISHED_WORDS[0], UNFINISHED_WORDS[1]);
    assert_eq!(text_faults("a.rs", &text), vec![]);
    // The lint of that name is no mark.
    assert_eq!(text_faults("Cargo.toml", &format!("{} = \"warn\"", concat!("to", "do"))), vec![]);
}

#[test]
fn paths_of_one_machine_are_caught() {
    for folder in MACHINE_FOLDERS {
        for before in ["", "see ", "\"", "(", "=", "file://", "`", "PATH=a:"] {
            let text = format!("{before}/{folder}/some-one/x.rs");
            let path = format!("/{folder}/some-one");
            assert_eq!(text_faults("README.md", &text), vec![SourceFault::MachinePath { line: 1, path }], "{text}");
        }
    }
}

#[test]
fn relative_paths_and_addresses_are_no_paths_of_a_machine() {
    for folder in MACHINE_FOLDERS {
        for before in ["..", ".", "~", "state", "read", "${HOME}", "$(pwd)", "https://example.org", "GET /v1"] {
            let text = format!("{before}/{folder}/x");
            assert_eq!(text_faults("README.md", &text), vec![], "{text}");
        }
        for text in [format!("a{folder}/src"), format!("/{folder}s/x"), format!("/ {folder} /x")] {
            assert_eq!(text_faults("README.md", &text), vec![], "{text}");
        }
    }
    assert_eq!(text_faults("README.md", "/usr/lib/x"), vec![]);
}

#[test]
fn a_long_file_is_caught_unless_it_holds_tests() {
    let text = "x\n".repeat(LINES_MAX + 1);
    let lines = LINES_MAX + 1;
    for path in ["node/src/main.rs", "benches/benches/commit.rs", "state/src/contests.rs"] {
        assert_eq!(text_faults(path, &text), vec![SourceFault::TooLong { lines }], "{path}");
    }
    for path in
        ["node/src/api/tests.rs", "node/tests/api.rs", "state/src/tests/tree.rs", "a/wire_tests.rs", "docs/protocol.md"]
    {
        assert_eq!(text_faults(path, &text), vec![], "{path}");
    }
    assert_eq!(text_faults("node/src/main.rs", &"x\n".repeat(LINES_MAX)), vec![]);
}

#[test]
fn a_readme_without_its_commands_is_caught() {
    assert_eq!(check_readme("run `make demo`, then `make test`"), vec![]);
    assert_eq!(check_readme("run `make demo`"), vec![SourceFault::ReadmeLacks { command: "make test" }]);
    assert_eq!(check_readme("").len(), README_COMMANDS.len());
}

#[test]
fn a_manifest_without_the_shared_lints_is_caught() {
    assert_eq!(check_manifest("[lints]\nworkspace = true\n"), vec![]);
    for text in ["", "[lints]\nworkspace = false\n", "[lints.rust]\nunsafe_code = \"allow\"\n"] {
        assert_eq!(check_manifest(text), vec![SourceFault::OwnLints], "{text}");
    }
    assert!(matches!(check_manifest("= [").as_slice(), [SourceFault::UnreadableManifest { .. }]));
}

#[test]
fn every_fault_says_what_to_do() {
    let fault = SourceFault::TooLong { lines: 777 };
    assert!(fault.to_string().contains("777") && fault.to_string().contains("split"));
}
