use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"
[node]
data_dir = "data"
genesis = "genesis.json"
peer_key = "peer.key"
validator_key = "validator.key"
password_file = "password"

[network]
listen = ["127.0.0.1:0"]

[api]
public = "127.0.0.1:8080"
admin = "127.0.0.1:8081"
"#;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<NodeConfig, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    std::fs::write(&path, text).unwrap();
    NodeConfig::load(&path, environment.iter().map(|(k, v)| ((*k).into(), (*v).into())))
}

#[test]
fn a_file_loads_and_relative_paths_start_at_its_folder() {
    let config = load(GOOD, &[]).unwrap();
    assert!(config.node.data_dir.is_absolute() && config.node.data_dir.ends_with("data"));
    assert_eq!(config.store, StoreSection::default());
    let again: NodeConfig = toml::from_str(&config.to_toml().unwrap()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn what_the_parser_leaves_open_is_said() {
    for (from, to, advice) in [
        ("127.0.0.1:8080", "localhost:8080", "IP:PORT"),
        ("127.0.0.1:8080", "127.0.0.1", "IP:PORT"),
        ("[api]", "[store]\nmemory_mib = 99999999999999999999999999\n[api]", "2^63"),
    ] {
        let words = load(&GOOD.replace(from, to), &[]).unwrap_err().to_string();
        assert!(words.contains(advice), "{to}: {words}");
    }
}

#[test]
fn the_environment_overrides_by_listed_names_alone() {
    let config =
        load(GOOD, &[("QUANCHENG_API_PUBLIC", "127.0.0.1:9"), ("QUANCHENG_STORE_MEMORY_MIB", "64"), ("PATH", "x")]);
    let config = config.unwrap();
    assert_eq!((config.api.public.port(), config.store.memory_mib), (9, 64));
    let foreign = [
        ("QUANCHENG_API", "http://127.0.0.1:1"),
        ("QUANCHENG_PASSWORD_FILE", "pw"),
        ("QUANCHENG_PORT", "tcp://10.0.0.1:8080"),
        ("QUANCHENG_SERVICE_HOST", "10.0.0.1"),
        ("QUANCHENG_API_PUBLICK", "127.0.0.1:9"),
        ("QUANCHENG_NODE_PORT", "x"),
    ];
    assert_eq!(load(GOOD, &foreign).unwrap().api.public.port(), 8080);
    for (name, value) in
        [("QUANCHENG_STORE_MEMORY_MIB", "much"), ("QUANCHENG_LOG_JSON", "1"), ("QUANCHENG_NETWORK_LISTEN", "x")]
    {
        let error = load(GOOD, &[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
}

#[test]
fn variables_that_are_no_text_matter_only_where_they_are_read() {
    use std::os::unix::ffi::OsStringExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    std::fs::write(&path, GOOD).unwrap();
    let no_text = || OsString::from_vec(vec![0xff]);
    let foreign = [("X".into(), no_text()), (no_text(), "x".into()), ("QUANCHENG_X".into(), no_text())];
    assert!(NodeConfig::load(&path, foreign.into_iter()).is_ok());
    let error = NodeConfig::load(&path, [("QUANCHENG_LOG_LEVEL".into(), no_text())].into_iter()).unwrap_err();
    assert!(matches!(error, ConfigError::Variable { name: "QUANCHENG_LOG_LEVEL", .. }), "{error}");
}

#[test]
fn a_file_as_editors_save_it_is_read_or_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        NodeConfig::load(&path, std::iter::empty())
    };
    assert!(load(&[BYTE_ORDER_MARK, GOOD.as_bytes()].concat()).is_ok());
    assert!(load(GOOD.replace('\n', "\r\n").as_bytes()).is_ok());
    let utf16: Vec<u8> = "\u{feff}".encode_utf16().chain(GOOD.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let gbk = [b"[node]\n# ".as_slice(), &[0xb2, 0xe2], GOOD.as_bytes()].concat();
    for (bytes, line) in [(utf16, "line 1"), (gbk, "line 2")] {
        let error = load(&bytes).unwrap_err().to_string();
        assert!(error.contains(line) && error.contains("UTF-8") && error.contains("node.toml"), "{error}");
    }
    assert!(matches!(load(&vec![b' '; 2 << 20]), Err(ConfigError::TooLarge { .. })));
    for device in [Path::new("/dev/zero"), dir.path()] {
        assert!(matches!(NodeConfig::load(device, std::iter::empty()), Err(ConfigError::NotAFile { .. })));
    }
}

#[test]
fn a_misspelt_log_level_is_refused_with_those_that_there_are() {
    for level in ["inf", "", "verbose", "info,quancheng_nod=debug", "quancheng_node"] {
        let error = load(&format!("{GOOD}\n[log]\nlevel = \"{level}\"\n"), &[]).unwrap_err().to_string();
        assert!(error.contains("log.level") && error.contains("error, warn, info, debug, trace or off"), "{error}");
        assert!(load(GOOD, &[("QUANCHENG_LOG_LEVEL", level)]).is_err());
    }
}

#[test]
fn mistakes_are_refused_with_their_place() {
    let cases = [
        (GOOD.replace("data_dir", "data_dri"), "data_dri"),
        (GOOD.replace("127.0.0.1:8081", "0.0.0.0:8081"), "api.admin"),
        (GOOD.replace("127.0.0.1:8081", "127.0.0.1:8080"), "different ports"),
        (GOOD.replace("[\"127.0.0.1:0\"]", "[]"), "network.listen"),
        (format!("{GOOD}\n[store]\nmemory_mib = 1\n"), "store.memory_mib"),
        (format!("{GOOD}\n[store]\nkeep_recent = 3\n"), "store.keep_recent"),
        (format!("{GOOD}\n[snapshots]\nevery_blocks = 9\n"), "snapshots.every_blocks"),
        (format!("{GOOD}\n[store]\nkeep_blocks = 1023\n"), "store.keep_blocks"),
        (format!("{GOOD}\n[store]\nkeep_days = 0\n"), "store.keep_days"),
        (format!("{GOOD}\n[store]\nkeep_mib = 63\n"), "store.keep_mib"),
        (GOOD.replace("listen", "listen ="), "line"),
    ];
    for (text, expected) in cases {
        let error = load(&text, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should name {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any text is refused or read, never a panic; what is read is written so that it reads the same.
    #[test]
    fn any_file_is_refused_or_read(
        lines in prop::collection::vec((any::<prop::sample::Index>(), "[a-z_]{0,12}( = )?[\\[\\]\"0-9.:a-z-]{0,20}"), 0..4),
        noise in prop::collection::vec(any::<char>(), 0..20),
        is_noisy in any::<bool>(),
    ) {
        let mut text: Vec<String> = GOOD.lines().map(str::to_owned).collect();
        for (at, line) in lines {
            let at = at.index(text.len());
            text[at] = line;
        }
        if is_noisy {
            text.push(noise.into_iter().collect());
        }
        match load(&text.join("\n"), &[]) {
            Ok(config) => {
                let again: NodeConfig = toml::from_str(&config.to_toml().unwrap()).unwrap();
                prop_assert_eq!(again, config);
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    /// Nor do variables of any name and value.
    #[test]
    fn any_environment_is_refused_or_read(name in "[A-Z_]{0,20}", value in prop::collection::vec(any::<char>(), 0..20)) {
        let value: String = value.into_iter().collect();
        for name in [format!("QUANCHENG_{name}"), format!("QUANCHENG_API_{name}"), "QUANCHENG_LOG_LEVEL".to_owned()] {
            if let Err(error) = load(GOOD, &[(&name, &value)]) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
