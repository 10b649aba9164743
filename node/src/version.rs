//! A version of the rules that this build does not carry.

use std::fmt;

use quancheng_types::{Height, NEWEST_VERSION, Schedule, VersionPlan, is_known_version};

/// Exit code of a node that stopped before a height whose rules it does not carry, or does not start there.
pub const EXIT_UNKNOWN_VERSION: u8 = 4;

/// From this height on the chain follows rules that this build does not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVersion {
    /// The first height under them.
    pub height: Height,
    /// The version, and what to install.
    pub plan: VersionPlan,
}

impl UnknownVersion {
    /// Whether a node that goes on at `next` would meet rules that it does not carry: the next block must be made under them.
    ///
    /// # Errors
    /// The version, and the height from which it counts.
    pub fn check(versions: &Schedule<VersionPlan>, next: Height) -> Result<(), Self> {
        match versions.at(next).filter(|entry| !is_known_version(entry.value.version)) {
            Some(entry) => Err(Self { height: entry.effective, plan: entry.value.clone() }),
            None => Ok(()),
        }
    }

    /// The first version in flight that this build does not carry.
    #[must_use]
    pub fn ahead(versions: &Schedule<VersionPlan>, next: Height) -> Option<Self> {
        let unknown = |entry: &&quancheng_types::schedule::Entry<VersionPlan>| {
            entry.effective > next && !is_known_version(entry.value.version)
        };
        let entry = versions.entries().iter().find(unknown)?;
        Some(Self { height: entry.effective, plan: entry.value.clone() })
    }

    /// What to install, in the words of the decision.
    #[must_use]
    pub fn install(&self) -> String {
        match self.plan.notice.as_str() {
            "" => format!("a release that carries version {} of the rules", self.plan.version),
            notice => notice.to_owned(),
        }
    }
}

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, height, install) = (self.plan.version, self.height, self.install());
        write!(
            f,
            "from height {height} the chain follows version {version} of the rules; this build carries versions up to {NEWEST_VERSION} and \
             stops before that height. Everything before it is kept. What to install: {install}. Then start it on the same data folder \
             (自高度 {height} 起执行规则版本 {version}，本程序仅支持至版本 {NEWEST_VERSION}，已在此高度之前停止，此前数据完整保留。\
             安装说明：{install}。安装后以原数据目录启动)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_goes_on_until_the_height_and_not_at_it() {
        let plan =
            VersionPlan { version: NEWEST_VERSION + 1, notice: quancheng_types::Text::new("quanchengd 9").unwrap() };
        let mut versions = Schedule::starting(VersionPlan::first());
        assert_eq!(
            (UnknownVersion::check(&versions, Height(7)), UnknownVersion::ahead(&versions, Height(7))),
            (Ok(()), None)
        );
        versions.decide(Height(6), Height(40), plan.clone()).unwrap();
        let unknown = UnknownVersion { height: Height(40), plan };
        assert_eq!(UnknownVersion::check(&versions, Height(39)), Ok(()));
        assert_eq!(UnknownVersion::ahead(&versions, Height(39)), Some(unknown.clone()));
        for next in [40, 41, 1_000] {
            assert_eq!(UnknownVersion::check(&versions, Height(next)), Err(unknown.clone()));
        }
        let words = unknown.to_string();
        for word in ["height 40", &format!("version {}", NEWEST_VERSION + 1), "quanchengd 9", "高度 40"] {
            assert!(words.contains(word), "{words}");
        }
    }
}
