//! Profiles: endpoints, chain and key under one name, in one file under the XDG configuration folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::text::say;

/// Greatest size of the file, bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// One profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// HTTP endpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) api: Vec<String>,
    /// The chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chain_id: Option<String>,
    /// Key file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    /// File whose first line opens the key file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password_file: Option<PathBuf>,
}

/// All profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profiles {
    /// Name of the one in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// By name.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// Where the file lies: `$XDG_CONFIG_HOME/quancheng/config.toml`, or below `~/.config`.
pub(crate) fn path(environment: impl Fn(&str) -> Option<std::ffi::OsString>) -> Outcome<PathBuf> {
    let base = environment("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".config")));
    let base = base.ok_or_else(|| {
        Fault::usage("NO_HOME", say!("无法确定配置目录。", "There is no configuration folder."))
            .hint(say!("请设置 HOME 或 XDG_CONFIG_HOME。", "Set HOME or XDG_CONFIG_HOME."))
    })?;
    Ok(base.join("quancheng").join("config.toml"))
}

impl Profiles {
    /// Reads the file; no file means no profiles.
    pub(crate) fn load(path: &Path) -> Outcome<Self> {
        let shown = path.display();
        let damaged = |reason: &str| {
            Fault::usage("CONFIG", say!("配置文件 {shown} 无法读取。", "Cannot understand the profiles in {shown}."))
                .cause(reason)
                .hint(say!("请改正或删除该文件。", "Correct or remove the file."))
        };
        let bytes = match quancheng_keystore::plain::read(path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                return Err(damaged("larger than any file of profiles"));
            }
            Err(error) => return Err(Fault::file(path, &error)),
        };
        let text = std::str::from_utf8(&bytes).map_err(|error| damaged(&error.to_string()))?;
        toml::from_str(text).map_err(|error| damaged(error.to_string().trim_end()))
    }

    /// Changes the file, one process at a time. A link in its place leads to the file that is written; permissions stay.
    pub(crate) fn change<T>(path: &Path, change: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let fault = |error: std::io::Error| Fault::file(path, &error);
        let dir = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(dir).map_err(fault)?;
        let turn = fs::File::open(dir).map_err(fault)?;
        turn.lock().map_err(fault)?;
        let mut profiles = Self::load(path)?;
        let result = change(&mut profiles)?;
        profiles.save(path)?;
        Ok(result)
    }

    fn save(&self, path: &Path) -> Outcome<()> {
        let text = toml::to_string_pretty(self).map_err(|error| {
            Fault::usage("CONFIG", say!("无法写出配置。", "Cannot write the profiles.")).cause(error)
        })?;
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // What was read from there a moment ago, in our turn.
        files::write_over(&real, text.as_bytes(), &|_| Ok(()))
    }

    /// The named profile, else the current one, else an empty one. A name that is not there is a fault.
    pub(crate) fn select(&self, name: Option<&str>) -> Outcome<Profile> {
        let Some(name) = name.or(self.current.as_deref()) else {
            return Ok(Profile::default());
        };
        self.profiles.get(name).cloned().ok_or_else(|| self.unknown(name))
    }

    /// The fault of a name that is not there.
    pub(crate) fn unknown(&self, name: &str) -> Fault {
        let known = self.profiles.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        Fault::new(Exit::NotFound, "NO_PROFILE", say!("没有名为 {name} 的配置档。", "There is no profile {name}."))
            .cause_in(say!("已有的配置：{known}", "profiles: {known}"))
            .hint(say!(
                "用 `quancheng config set {name} --api URL` 创建。",
                "Make it with `quancheng config set {name} --api URL`."
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_kept_and_unknown_keys_and_names_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = path(|name| (name == "XDG_CONFIG_HOME").then(|| dir.path().into())).unwrap();
        assert_eq!(Profiles::load(&file).unwrap(), Profiles::default());
        let profile = Profile { api: vec!["http://127.0.0.1:1".to_owned()], ..Profile::default() };
        Profiles::change(&file, |profiles| {
            profiles.profiles.insert("city".to_owned(), profile.clone());
            profiles.current = Some("city".to_owned());
            Ok(())
        })
        .unwrap();
        let profiles = Profiles::load(&file).unwrap();
        assert_eq!(profiles.select(None).unwrap(), profile);
        assert_eq!(profiles.select(Some("other")).unwrap_err().code, "NO_PROFILE");
        fs::write(&file, "[profiles.a]\nurl = \"x\"\n").unwrap();
        assert_eq!(Profiles::load(&file).unwrap_err().code, "CONFIG");
    }

    #[test]
    fn changes_at_once_are_all_kept_and_so_are_link_and_permissions() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real.toml"), dir.path().join("config.toml"));
        fs::write(&real, "").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let add = |name: String| {
            Profiles::change(&link, |profiles| {
                profiles.profiles.insert(name, Profile::default());
                Ok(())
            })
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..12).map(|n| scope.spawn(move || add(format!("p{n}")))).collect();
            all.into_iter().for_each(|one| one.join().unwrap().unwrap());
        });
        assert_eq!(Profiles::load(&link).unwrap().profiles.len(), 12);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");
    }

    #[test]
    fn without_any_home_the_fault_says_so() {
        assert_eq!(path(|_| None).unwrap_err().code, "NO_HOME");
    }
}
