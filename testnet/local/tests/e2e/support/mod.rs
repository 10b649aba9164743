//! A network for one test, and the programs that drive it.

pub(crate) mod checks;
pub(crate) mod child;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod transactions;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quancheng_testnet_local::Network;
use serde_json::Value;
use tempfile::TempDir;

/// Time a node gets to become ready after a start, ms: machines that run these tests are busy.
pub(crate) const READY_MS: u64 = 60_000;

/// A program of the workspace.
pub(crate) fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    let folder = own.parent().and_then(Path::parent).expect("test programs lie in target/<profile>/deps");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build --workspace --bins` first", path.display());
    path
}

/// What `quancheng ... --output json` brought.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) exit: i32,
    pub(crate) envelope: Value,
}

impl Answer {
    /// The data of a command that had to succeed.
    pub(crate) fn data(self) -> Value {
        assert_eq!((self.exit, &self.envelope["ok"]), (0, &Value::Bool(true)), "{:#}", self.envelope);
        self.envelope["data"].clone()
    }
}

/// Runs the command line.
pub(crate) fn quancheng(arguments: &[&str]) -> Answer {
    quancheng_with(&[], arguments)
}

/// Runs the command line with these variables in its environment.
pub(crate) fn quancheng_with(variables: &[(&str, &OsStr)], arguments: &[&str]) -> Answer {
    let mut command = Command::new(program("quancheng"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("QUANCHENG_") {
            command.env_remove(name);
        }
    }
    let output = command
        .envs(variables.iter().copied())
        .args(arguments)
        .args(["--output", "json"])
        .stdin(Stdio::null())
        .output();
    let output = output.expect("the command line runs");
    let words = String::from_utf8_lossy(&output.stderr);
    let envelope = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("quancheng {arguments:?}: stdout is no JSON ({error}); stderr: {words}"));
    Answer { exit: output.status.code().unwrap_or(-1), envelope }
}

/// A running network. Its nodes are killed when the test ends.
pub(crate) struct Net {
    folder: TempDir,
    network: Network,
}

impl Net {
    /// Starts one with `quancheng testnet start`.
    pub(crate) fn start(validators: u32, followers: u32, more: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("quancheng-e2e-").tempdir().expect("a temporary folder");
        let dir = folder.path().join("net");
        let (validators, followers) = (validators.to_string(), followers.to_string());
        let mut arguments = vec!["testnet", "start", "--dir", text(&dir), "--timeout", "60s"];
        arguments.extend(["--validators", &validators, "--followers", &followers]);
        arguments.extend(more);
        let answer = quancheng(&arguments);
        let network = Network::open(&dir).unwrap_or_else(|error| panic!("{error}; {:#}", answer.envelope));
        let net = Self { folder, network };
        let data = answer.data();
        assert_eq!(data["running"], serde_json::json!(net.network.record().nodes.len()), "{data:#}");
        net
    }

    /// The network as a library sees it.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Reads its record again, after a command changed it.
    pub(crate) fn reopen(&mut self) {
        self.network = Network::open(&self.dir()).expect("the network is still there");
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("net")
    }

    /// A file of the test, beside the network.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("the temporary folder can be written");
        path
    }

    /// A path beside the network.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of a node.
    pub(crate) fn node_dir(&self, index: u32) -> PathBuf {
        self.dir().join(format!("node-{index}"))
    }

    /// The public door of a node.
    pub(crate) fn api(&self, index: u32) -> String {
        self.entry(index).api_url()
    }

    /// The operator's door of a node.
    pub(crate) fn admin(&self, index: u32) -> String {
        self.entry(index).admin_url()
    }

    fn entry(&self, index: u32) -> &quancheng_testnet_local::NodeEntry {
        let nodes = &self.network.record().nodes;
        nodes.iter().find(|node| node.index == index).expect("the test names a node of its network")
    }

    /// Every node.
    pub(crate) fn indices(&self) -> Vec<u32> {
        self.network.record().nodes.iter().map(|node| node.index).collect()
    }

    /// `/v1/status` of a node.
    pub(crate) fn status(&self, index: u32) -> Value {
        http::get_ok(&format!("{}/v1/status", self.api(index)))
    }

    /// Height of a node.
    pub(crate) fn height(&self, index: u32) -> u64 {
        self.status(index)["height"].as_u64().expect("a status names its height")
    }

    /// The validator identity of a node.
    pub(crate) fn validator_id(&self, index: u32) -> String {
        self.status(index)["validator_id"].as_str().expect("a validator names its id").to_owned()
    }

    /// The log of a node.
    pub(crate) fn log(&self, index: u32) -> String {
        let path = self.network.log(index).expect("the test names a node of its network");
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    }

    /// Kills a node with SIGKILL.
    pub(crate) fn kill(&self, index: u32) {
        self.network.kill(index).unwrap_or_else(|error| panic!("kill {index}: {error}"));
    }

    /// Starts a node and waits until it is ready.
    pub(crate) fn start_node(&self, index: u32) {
        self.network.start_node(index, READY_MS).unwrap_or_else(|error| panic!("start {index}: {error}"));
    }

    /// Starts nodes at once and waits until all are ready.
    pub(crate) fn start_nodes(&self, indices: &[u32]) {
        std::thread::scope(|scope| {
            for index in indices {
                scope.spawn(move || self.start_node(*index));
            }
        });
    }

    /// Key file of an organization and the password file, as arguments of a command.
    pub(crate) fn sign_as(&self, organization: &str) -> [String; 4] {
        let keys = self.network.keys();
        let key = keys.get(organization).unwrap_or_else(|| panic!("no key of {organization}"));
        let password = self.network.password_file();
        ["--key".to_owned(), text(key).to_owned(), "--password-file".to_owned(), text(&password).to_owned()]
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for index in self.indices() {
            // One that does not run needs no end.
            let _ = self.network.kill(index);
        }
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("the network of the failed test is left in {}", self.folder.path().display());
        }
    }
}

/// A path as text: test folders have plain names.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of plain letters")
}

/// Exit code, standard output and standard error of `quanchengd`.
pub(crate) fn quanchengd(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program("quanchengd"));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), words(&output.stdout), words(&output.stderr))
}
