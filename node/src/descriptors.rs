//! File descriptors: how many there are, and who gets them.
//!
//! A node that has none left cannot write its log or its store, which ends it. So they are divided at the start: first what the node
//! needs for itself, then the tables of the store and the peers, and clients get the rest.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Standard streams, runtime, listeners, lock, log, sign record, and the store's own files beside its tables.
const OWN: u64 = 64;
/// Tables of the store that are held open.
const TABLES: Share = Share { least: 48, most: 512 };
/// Peers: connections of those allowed and of their handshakes, and of strangers in their handshake.
const PEERS: Share = Share { least: 80, most: 448 };
/// Connections that each allowed peer may have, and as many that it may be starting.
const PER_PEER: u64 = 2 * 3;
/// The operator's door.
const ADMIN: Share = Share { least: 12, most: 32 };
/// Clients of the public door that there must be room for.
const CLIENTS_LEAST: u64 = 16;
/// Clients that are told that there is no room, or make some, at each door.
const REFUSALS: Share = Share { least: 8, most: 64 };

#[derive(Clone, Copy, Debug)]
struct Share {
    least: u64,
    most: u64,
}

impl Share {
    const fn of(self, limit: u64, part: u64) -> u64 {
        let share = limit / part;
        if share < self.least {
            self.least
        } else if share > self.most {
            self.most
        } else {
            share
        }
    }
}

/// Why a node does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFew {
    /// What the process may have at most.
    pub limit: u64,
    /// What it needs at least.
    pub least: u64,
}

impl std::fmt::Display for TooFew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { limit, least } = self;
        write!(
            f,
            "this process may open {limit} files at most, and a node needs {least}: raise the limit (ulimit -Hn, LimitNOFILE= of systemd, \
             nofile in limits.conf; 4096 leaves room for all clients)"
        )
    }
}

impl std::error::Error for TooFew {}

/// Who gets how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// In all.
    pub limit: u64,
    /// Tables of the store.
    pub tables: u64,
    /// Peers.
    pub peers: u64,
    /// Connections of the operator's door.
    pub admin: u64,
    /// Connections of the public door.
    pub clients: u64,
    /// Connections of each door that are told that there is no room.
    pub refusals: u64,
}

impl Division {
    /// Divides a limit. `clients_max` is what the configuration allows, `peers` how many peers the node knows.
    ///
    /// # Errors
    /// [`TooFew`].
    pub fn of(limit: u64, clients_max: u64, peers: u64) -> Result<Self, TooFew> {
        let tables = TABLES.of(limit, 5);
        let admin = ADMIN.of(limit, 16);
        let peers = PEERS.of(limit, 4).max(PEERS.least / 2 + peers * PER_PEER);
        let refusals = REFUSALS.of(limit, 64);
        let fixed = OWN + tables + peers + admin + 2 * refusals;
        match limit.checked_sub(fixed) {
            Some(left) if left >= CLIENTS_LEAST => {
                Ok(Self { limit, tables, peers, admin, clients: left.min(clients_max), refusals })
            }
            Some(_) | None => Err(TooFew { limit, least: fixed + CLIENTS_LEAST }),
        }
    }

    /// What is enough for everyone.
    #[must_use]
    pub const fn enough(clients_max: u64, peers: u64) -> u64 {
        let known = PEERS.least / 2 + peers * PER_PEER;
        let peers = if known > PEERS.most { known } else { PEERS.most };
        let sum = OWN + TABLES.most + peers + ADMIN.most + 2 * REFUSALS.most + clients_max;
        // The parts of tables, peers and refusals must reach their most.
        let parts = if TABLES.most * 5 > REFUSALS.most * 64 { TABLES.most * 5 } else { REFUSALS.most * 64 };
        if sum > parts { sum } else { parts }
    }

    /// Strangers at the peer port that may be in their handshake.
    #[must_use]
    pub fn strangers(&self) -> u32 {
        u32::try_from(self.peers / 4).unwrap_or(u32::MAX).min(64)
    }

    /// Tables of the store, as it counts them.
    #[must_use]
    pub fn tables(&self) -> u16 {
        u16::try_from(self.tables).unwrap_or(u16::MAX)
    }
}

/// Raises the soft limit as far as it is needed and may be, and divides it.
///
/// # Errors
/// [`TooFew`].
pub fn claim(clients_max: u64, peers: u64) -> Result<Division, TooFew> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is "no limit".
    let wanted = Division::enough(clients_max, peers).min(maximum.unwrap_or(u64::MAX));
    let mut limit = current.unwrap_or(u64::MAX);
    if limit < wanted {
        match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
            Ok(()) => limit = wanted,
            Err(error) => warn!(%error, limit, wanted, "cannot raise the limit of open files"),
        }
    }
    let division = Division::of(limit, clients_max, peers)?;
    let Division { tables, peers, admin, clients, .. } = division;
    if clients < clients_max {
        warn!(
            limit,
            tables,
            peers,
            admin,
            clients,
            clients_max,
            "few open files are allowed, so there is room for fewer clients than api.connections_max; raise the limit (ulimit -Hn)"
        );
    } else {
        info!(limit, soft_limit_before = current, tables, peers, admin, clients, "open files");
    }
    Ok(division)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_never_more_than_there_is() {
        for peers in [0, 3, 20, 100] {
            let least = (0..).find(|limit| Division::of(*limit, 512, peers).is_ok()).unwrap();
            assert_eq!(Division::of(least - 1, 512, peers).unwrap_err().limit, least - 1);
            for limit in (least..least + 8192).chain([1 << 20, u64::MAX]) {
                let Ok(division) = Division::of(limit, 512, peers) else { continue };
                let Division { tables, peers: for_peers, admin, clients, refusals, .. } = division;
                assert!(OWN + tables + for_peers + admin + clients + 2 * refusals <= limit, "{division:?}");
                assert!((CLIENTS_LEAST..=512).contains(&clients) && for_peers >= peers * PER_PEER, "{division:?}");
            }
            let all = Division::of(Division::enough(512, peers), 512, peers).unwrap();
            assert_eq!((all.clients, all.tables, all.refusals), (512, TABLES.most, REFUSALS.most));
        }
    }

    #[test]
    fn a_small_limit_serves_few_and_a_tiny_one_is_refused_in_words() {
        assert!(Division::of(256, 512, 4).unwrap().clients >= CLIENTS_LEAST);
        assert!(Division::of(1024, 512, 4).unwrap().clients >= 256);
        let refusal = Division::of(128, 512, 4).unwrap_err();
        assert!(refusal.to_string().contains("128 files at most") && refusal.to_string().contains("ulimit -Hn"));
    }
}
