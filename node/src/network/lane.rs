//! Lanes: the independent streams between two peers.

use core::fmt;

use libp2p::StreamProtocol;

/// One of the three independent streams to a peer. A full or stalled lane never holds back another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Votes, proposals, acknowledgements and certificates: small and urgent.
    Consensus,
    /// Batches of transactions.
    Data,
    /// Answers for nodes that catch up.
    Sync,
}

/// How many lanes there are.
pub const LANE_COUNT: usize = 3;

impl Lane {
    /// Every lane, most urgent first.
    pub const ALL: [Self; LANE_COUNT] = [Self::Consensus, Self::Data, Self::Sync];

    /// Position in [`Lane::ALL`], for arrays kept per lane.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Consensus => 0,
            Self::Data => 1,
            Self::Sync => 2,
        }
    }

    /// The word used in protocol names, logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Data => "data",
            Self::Sync => "sync",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The protocol names of one chain: `/quancheng/<chain id in hex>/<lane>/1`.
#[derive(Clone, Debug)]
pub(super) struct LaneProtocols([StreamProtocol; LANE_COUNT]);

impl LaneProtocols {
    pub(super) fn new(chain_id: &[u8; 32]) -> Self {
        let chain = hex(chain_id);
        Self(Lane::ALL.map(|lane| {
            StreamProtocol::try_from_owned(format!("/quancheng/{chain}/{lane}/1"))
                .expect("the name starts with a slash, the only rule for a protocol name")
        }))
    }

    pub(super) fn name(&self, lane: Lane) -> StreamProtocol {
        self.0[lane.index()].clone()
    }

    pub(super) fn all(&self) -> Vec<(StreamProtocol, Lane)> {
        Lane::ALL.iter().map(|lane| (self.name(*lane), *lane)).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String never fails");
        text
    })
}

impl From<quancheng_consensus::Lane> for Lane {
    fn from(lane: quancheng_consensus::Lane) -> Self {
        match lane {
            quancheng_consensus::Lane::Consensus => Self::Consensus,
            quancheng_consensus::Lane::Data => Self::Data,
            quancheng_consensus::Lane::Sync => Self::Sync,
        }
    }
}

impl From<Lane> for quancheng_consensus::Lane {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Consensus => Self::Consensus,
            Lane::Data => Self::Data,
            Lane::Sync => Self::Sync,
        }
    }
}
