//! `verify` as a court runs it: real bundles, no node, and people who would like another answer.

mod people;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Bundles of a test network.
const BUNDLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bundles");
/// A checkpoint of another chain.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proof/vectors/valid.json");

fn at(name: &str) -> PathBuf {
    Path::new(BUNDLES).join(name)
}

fn run(bundle: &Path, checkpoint: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quancheng"));
    command.arg("verify").arg(bundle).arg("--checkpoint").arg(checkpoint).args(words).current_dir(BUNDLES);
    for name in ["QUANCHENG_OUTPUT", "QUANCHENG_PROFILE", "QUANCHENG_API"] {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent").output().expect("the program runs")
}

fn code(output: &Output) -> i32 {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!error.contains("panicked"), "{error}");
    output.status.code().expect("the program ends by itself")
}

/// Exit code and envelope.
fn verify(bundle: &Path, words: &[&str]) -> (i32, Value) {
    let mut all = vec!["--output", "json"];
    all.extend(words);
    let output = run(bundle, &at("checkpoint.json"), &all);
    let value: Value = serde_json::from_slice(&output.stdout).expect("one envelope on stdout");
    let code = code(&output);
    assert_eq!(value["ok"], json!(code == 0), "{value}");
    (code, value)
}

/// The report for people.
fn report(bundle: &Path, words: &[&str]) -> String {
    let output = run(bundle, &at("checkpoint.json"), words);
    code(&output);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Results of a step, in order.
fn results<'a>(value: &'a Value, step: &str) -> Vec<&'a str> {
    let findings = value["data"]["findings"].as_array().expect("findings");
    findings.iter().filter(|f| f["step"] == step).map(|f| f["result"].as_str().expect("a result")).collect()
}

fn finding<'a>(value: &'a Value, step: &str) -> &'a Value {
    value["data"]["findings"].as_array().expect("findings").iter().find(|f| f["step"] == step).expect("the step")
}

/// A time of the JSON as the report shows it.
fn beijing(time_ms: &Value) -> String {
    let time_ms = time_ms.as_u64().expect("ms since 1970");
    quancheng_proof::report::shanghai_time(time_ms)
}

#[test]
fn a_file_is_compared_and_its_digests_are_told() {
    let (exit, value) = verify(&at("notarized.bundle"), &["--file", "contract.txt"]);
    assert_eq!((exit, results(&value, "V1")), (0, vec!["MATCH"]), "{value}");

    let data = &value["data"];
    assert_eq!(data["files"][0]["name"], "contract.txt");
    assert_eq!(data["files"][0]["size"], 13);
    assert_eq!(data["files"][0]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(data["bundle"]["size"].as_u64(), Some(fs::metadata(at("notarized.bundle")).unwrap().len()));
    assert_eq!(data["checkpoint"]["chain_id"], data["facts"]["chain_id"]);
    assert!(data["limits"].as_array().is_some_and(|limits| limits.len() >= 5));
    let text = report(&at("notarized.bundle"), &["--file", "contract.txt", "--lang", "zh"]);
    let time = beijing(&data["facts"]["claims"][0]["time_ms"]);
    for part in [
        data["files"][0]["sha256"].as_str().unwrap(),
        data["files"][0]["sm3"].as_str().unwrap(),
        data["bundle"]["sha256"].as_str().unwrap(),
        data["checkpoint"]["fingerprint"].as_str().unwrap(),
        data["facts"]["chain_id"].as_str().unwrap(),
        data["facts"]["claims"][0]["record"]["transaction_id"].as_str().unwrap(),
        time.as_str(),
        "ORG-GOV-FIN",
        "人民法院",
        "不说明文件内容属实",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn exit_codes_are_those_of_the_issue() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("contract.txt");
    fs::write(&other, "another content under the same name").unwrap();
    let other = other.to_str().unwrap();
    let folder = dir.path().to_str().unwrap();
    let notarized = at("notarized.bundle");
    for (words, exit, v1) in [
        (vec![], 0, vec!["NOT_ASSESSED"]),
        (vec!["--file", "contract.txt"], 0, vec!["MATCH"]),
        (vec!["--file", "contract.txt", "--file", "contract.txt"], 0, vec!["MATCH", "MATCH"]),
        (vec!["--file", other], 5, vec!["MISMATCH", "NOT_ASSESSED"]),
        (vec!["--file", "contract.txt", "--file", other], 5, vec!["MATCH", "MISMATCH"]),
        (vec!["--file", "no-such-file"], 6, vec!["CANNOT_CHECK", "NOT_ASSESSED"]),
        (vec!["--file", folder], 6, vec!["CANNOT_CHECK", "NOT_ASSESSED"]),
        (vec!["--file", other, "--file", folder], 5, vec!["MISMATCH", "CANNOT_CHECK", "NOT_ASSESSED"]),
    ] {
        let (found, value) = verify(&notarized, &words);
        assert_eq!((found, results(&value, "V1")), (exit, v1), "{words:?}");
    }
    // A bundle without files cannot answer for one.
    let (exit, value) = verify(&at("certificate.bundle"), &["--file", "contract.txt"]);
    assert_eq!((exit, results(&value, "V1")), (6, vec!["CANNOT_CHECK"]));
    // Nothing to check, or nothing to check it against.
    for bundle in ["none.bundle", "."] {
        assert_eq!(verify(&at(bundle), &[]).0, 6, "{bundle}");
    }
    for checkpoint in ["none.json", "contract.txt", "."] {
        assert_eq!(code(&run(&notarized, &at(checkpoint), &[])), 6, "{checkpoint}");
    }
    assert_eq!(code(&run(&notarized, &at("checkpoint.json"), &["--nonsense", "contract.txt"])), 2);
}

#[test]
fn the_status_of_a_registration_is_told_as_of_its_block() {
    let certificate = "QC-370100-DR-2026-00000001-I";
    for (name, subject_zh, subject_en, status_zh, status_en, status) in [
        ("certificate.bundle", "登记凭证 {} ", "certificate {}", "有效", "active", "ACTIVE"),
        ("held.bundle", "登记凭证 {} ", "certificate {}", "中止", "suspended", "SUSPENDED"),
        ("application.bundle", "登记申请（流水号 2）", "application 2", "已受理", "accepted", "ACCEPTED"),
    ] {
        let (exit, value) = verify(&at(name), &[]);
        let finding = finding(&value, "V10");
        assert_eq!(exit, 0, "{name}");
        let shown = &value["data"]["registrations"][0];
        let (height, time) = (&shown["as_of"]["height"], shown["as_of"]["time"].as_str().unwrap());
        let (subject_zh, subject_en) = (subject_zh.replace("{}", certificate), subject_en.replace("{}", certificate));
        let span = &shown["span"];
        let (since, known) = (&span["since"]["height"], &span["known"]["height"]);
        let (begun, seen) = (beijing(&span["since"]["time_ms"]), beijing(&span["known"]["time_ms"]));
        let zh = format!(
            "截至高度 {height}（{time}）{subject_zh}的状态为{status_zh}；该条目自高度 {since}（{begun}）写入，至高度 {known}（{seen}）未变；不说明此后的状态"
        );
        let en = format!(
            "as of height {height} ({time}) the status of {subject_en} is {status_en}; the entry was written at height {since} ({begun}) and was unchanged up to height {known} ({seen}); this says nothing about later times"
        );
        assert_eq!((&finding["statement_zh"], &finding["statement_en"]), (&json!(zh), &json!(en)), "{name}");
        assert_eq!(results(&value, "V10"), ["MATCH"]);
        assert_eq!((&shown["status"], &shown["confirmed"]), (&json!(status), &json!(true)), "{name}");
        assert!(shown["as_of"]["height"].is_u64() && shown["holders"][0].is_string());
    }
    let text = report(&at("held.bundle"), &["--lang", "zh"]);
    let (_, value) = verify(&at("held.bundle"), &[]);
    let day = |name: &str| value["data"]["registrations"][0][name].as_str().unwrap().to_owned();
    let validity = format!("{} 至 {}", day("valid_from"), day("valid_to"));
    for part in [
        "中止（截至 ",
        "ORG-CRT，案号 “（2026）样0101执保1号”",
        "（ORG-M2）",
        validity.as_str(),
        "泉群地下水位监测数据",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // A transaction says nothing about a status.
    let (_, value) = verify(&at("notarized.bundle"), &[]);
    assert_eq!((results(&value, "V10"), &value["data"]["registrations"]), (vec!["NOT_ASSESSED"], &json!([])));
}

/// Whoever changes the entry gets no status out of it, only the word that it cannot be checked.
#[test]
fn a_changed_registration_has_no_status() {
    let dir = tempfile::tempdir().unwrap();
    let changed = dir.path().join("changed.bundle");
    let bytes = fs::read(at("held.bundle")).unwrap();
    let holder = bytes.windows(6).position(|part| part == b"ORG-M2").expect("the holder is in the value");
    let mut forged = bytes.clone();
    forged[holder + 5] = b'4';
    fs::write(&changed, &forged).unwrap();
    let (exit, value) = verify(&changed, &[]);
    assert_eq!((exit, results(&value, "V10")), (5, vec!["CANNOT_CHECK"]), "{value}");
    assert_eq!(value["data"]["registrations"][0]["confirmed"], json!(false));
    let text = report(&changed, &["--lang", "zh"]);
    assert!(
        text.contains("不得据以认定")
            && text.contains("未获证实")
            && !text.contains("ORG-M4")
            && !text.contains("状态      中止"),
        "{text}"
    );
}

/// An absence is worth nothing when nobody sees what is absent.
#[test]
fn an_absence_names_what_is_absent() {
    let (exit, value) = verify(&at("absent.bundle"), &[]);
    assert_eq!((exit, results(&value, "V11")), (0, vec!["MATCH"]));
    let entry = &value["data"]["entries"][0];
    assert_eq!((&entry["table"], &entry["present"]), (&json!("registry.by_number"), &json!(false)));
    assert_eq!(entry["row"], "QC-370100-DR-2026-00000001-I");
    let text = report(&at("absent.bundle"), &["--lang", "zh"]);
    let line = text.lines().find(|line| line.contains("不存在的条目")).unwrap();
    assert!(line.contains("QC-370100-DR-2026-00000001-I") && !line.contains("registry"), "{text}");
    let text = report(&at("absent.bundle"), &["--lang", "en"]);
    assert!(text.contains("absent entry  registry.by_number QC-370100-DR-2026-00000001-I"), "{text}");
    let text = report(&at("absent.bundle"), &["--lang", "zh"]);
    let (_, value) = verify(&at("absent.bundle"), &[]);
    let height = &value["data"]["facts"]["claims"][0]["height"];
    assert!(text.contains(&format!("高度 {height}")), "{text}");
}

/// Nobody voted on the time of the genesis: the report says so wherever it names it, in both languages, for people and for programs.
#[test]
fn the_time_of_the_genesis_is_told_as_what_it_states() {
    const TIME: &str = "2026-01-20T08:00:00.000+08:00";
    let dir = tempfile::tempdir().unwrap();
    let vectors: Value = serde_json::from_str(&fs::read_to_string(VECTORS).unwrap()).unwrap();
    for name in ["genesis_state", "absence_since_genesis"] {
        let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        let checkpoint = &vectors["checkpoints"][usize::try_from(case["checkpoint"].as_u64().unwrap()).unwrap()];
        let (bundle, anchor) = (dir.path().join(name), dir.path().join("checkpoint.json"));
        fs::write(&bundle, hex::decode(case["bundle"].as_str().unwrap()).unwrap()).unwrap();
        fs::write(&anchor, checkpoint.to_string()).unwrap();
        for (lang, words) in [("zh", &["无人表决", "未经验证者表决"][..]), ("en", &["nobodyvoted"])] {
            let output = run(&bundle, &anchor, &["--lang", lang]);
            assert_eq!(code(&output), 0);
            let shown = String::from_utf8(output.stdout).unwrap();
            // Rows of a table are wrapped wherever they are full.
            let text: String = shown.chars().filter(|c| !c.is_whitespace() && !"│┆".contains(*c)).collect();
            let (times, said) = (text.matches(TIME).count(), words.iter().map(|word| text.matches(word).count()));
            assert!(times >= 2 && times <= said.sum::<usize>(), "{name}: {shown}");
            assert!(
                !text.contains(&format!("（提案）{TIME}")) && !text.contains(&format!("proposal){TIME}")),
                "{shown}"
            );
        }
        let output = run(&bundle, &anchor, &["--output", "json"]);
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        let claim = &value["data"]["facts"]["claims"][0];
        assert_eq!(
            (&claim["time_of"], &claim["record"]["span"]["since"]["time_of"]),
            (&json!("genesis"), &json!("genesis"))
        );
        let is_of_genesis = value["data"]["entries"][0].get("is_of_genesis").is_some();
        assert_eq!(is_of_genesis, name == "genesis_state", "{value}");
    }
}

#[test]
fn a_refused_act_is_told_as_refused_with_its_reason() {
    let (exit, value) = verify(&at("refused.bundle"), &[]);
    // The receipt, and the rows about its signer.
    assert_eq!((exit, results(&value, "V4")), (0, vec!["MATCH"; 3]));
    assert!(finding(&value, "V4")["statement_zh"].as_str().unwrap().contains("被拒绝"));
    let text = report(&at("refused.bundle"), &["--lang", "en"]);
    assert!(text.contains("call 0 was refused, nothing took effect: ") && text.contains("(WRONG_PHASE)"), "{text}");
    let text = report(&at("refused.bundle"), &["--lang", "zh"]);
    assert!(!text.contains("全部未生效：WRONG_PHASE") && text.contains("（WRONG_PHASE）"), "{text}");
}

/// The checkpoint decides, and what a stranger's chain says about itself is not called confirmed.
#[test]
fn under_the_checkpoint_of_another_chain_nothing_is_a_match_that_rests_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let vectors: Value = serde_json::from_slice(&fs::read(VECTORS).unwrap()).unwrap();
    let other = dir.path().join("other.json");
    fs::write(&other, vectors["checkpoints"][0].to_string()).unwrap();
    for name in ["notarized.bundle", "certificate.bundle", "absent.bundle"] {
        let output = run(&at(name), &other, &["--output", "json"]);
        assert_eq!(code(&output), 6, "{name}: the reader's slip, not broken evidence");
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(finding(&value, "V6")["code"], "trust_path_other_chain", "{name}");
        for step in ["V4", "V5", "V7", "V10", "V11"] {
            assert!(!results(&value, step).contains(&"MATCH"), "{name} {step}: {value}");
        }
    }
    // A checkpoint that was edited is no checkpoint.
    let text = fs::read_to_string(at("checkpoint.json")).unwrap();
    for (from, to) in
        [("\"power\": 1", "\"power\": 2"), ("ORG-REG\"", "ORG-RE2\""), ("\"version\": 1", "\"version\": 2")]
    {
        let edited = dir.path().join("edited.json");
        fs::write(&edited, text.replacen(from, to, 1)).unwrap();
        assert_eq!(code(&run(&at("notarized.bundle"), &edited, &[])), 6, "{from}");
    }
}

/// Damage anywhere: never the same report, never a panic. Every byte is tried in the library's tests. The height as of which an entry is
/// claimed may be changed into another one that is as true: the report then speaks of another claim.
#[test]
fn damage_is_a_mismatch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.bundle");
    for name in ["notarized.bundle", "certificate.bundle", "absent.bundle"] {
        let bytes = fs::read(at(name)).unwrap();
        let whole = verify(&at(name), &[]).1;
        let mut cases =
            vec![bytes[..bytes.len() - 1].to_vec(), [bytes.as_slice(), &[0]].concat(), Vec::new(), b"{}".to_vec()];
        for place in (10..bytes.len()).step_by(97) {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << (place % 8);
            cases.push(changed);
        }
        // A length of 4 GiB where the count of claims stands.
        let mut giant = bytes.clone();
        giant[10..14].fill(0xFF);
        cases.push(giant);
        for case in cases {
            fs::write(&path, &case).unwrap();
            let (exit, value) = verify(&path, &[]);
            let is_another_claim = exit == 0 && value["data"]["findings"] != whole["data"]["findings"];
            assert!(exit == 5 || is_another_claim, "{name} {}: {exit}", case.len());
        }
        // A version of tomorrow is no damage.
        let mut later = bytes;
        later[8] = 2;
        fs::write(&path, later).unwrap();
        let (exit, value) = verify(&path, &[]);
        assert_eq!((exit, results(&value, "V0")), (6, vec!["CANNOT_CHECK"]));
    }
    let file = fs::File::create(&path).unwrap();
    file.set_len(33 * 1024 * 1024).unwrap();
    let (exit, value) = verify(&path, &[]);
    assert_eq!((exit, results(&value, "V0")), (5, vec!["MISMATCH"]), "larger than any bundle");
}

/// Both forms say the same, and the readable one has one spelling.
#[test]
fn json_has_no_second_spelling() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle.json");
    let vectors: Value = serde_json::from_slice(&fs::read(VECTORS).unwrap()).unwrap();
    let checkpoint = dir.path().join("checkpoint.json");
    fs::write(&checkpoint, vectors["checkpoints"][0].to_string()).unwrap();
    let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["name"] == "json").expect("a case in JSON");
    let bytes: Vec<u8> = (0..)
        .map_while(|i| case["bundle"].as_str()?.get(2 * i..2 * i + 2))
        .map(|hex| u8::from_str_radix(hex, 16).unwrap())
        .collect();
    let text = String::from_utf8(bytes).unwrap();
    let exit = |text: &str| {
        fs::write(&path, text).unwrap();
        code(&run(&path, &checkpoint, &[]))
    };
    assert_eq!(exit(&text), 0);
    let time = "\"time_ms\": 1768867203000";
    assert!(text.contains(time));
    for (from, to) in [
        (time, "\"time_ms\": 1768867203000, \"time_ms\": 1768867203000"),
        (time, "\"time_ms\": 1768867203000.0"),
        (time, "\"time_ms\": 1.768867203e12"),
        (time, "\"time_ms\": \"1768867203000\""),
        (time, "\"time_ms\": 18446744073709551616"),
        (time, "\"time_ms\": -1"),
        (time, "\"time_ms\": 1768867203000, \"note\": \"see page 3\""),
        ("\"claims\"", "\"claims\": [], \"claims\""),
        ("\"format\"", "\"note\": 1, \"format\""),
        ("data/sample.csv", "../sample.csv"),
        ("data/sample.csv", "/data/sample.csv"),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(exit(&text.replacen(from, to, 1)), 5, "{to}");
    }
    let digest = text.split('"').find(|part| part.len() == 64 && part.bytes().any(|b| b.is_ascii_lowercase())).unwrap();
    assert_eq!(exit(&text.replacen(digest, &digest.to_uppercase(), 1)), 5);
}
