//! One connection's view of the lanes: opens streams when told to, hands accepted ones on.

use core::{
    convert::Infallible,
    task::{Context, Poll, Waker},
};
use std::collections::VecDeque;

use futures::future::{Ready, ready};
use libp2p::{
    InboundUpgrade, OutboundUpgrade, Stream, StreamProtocol,
    core::UpgradeInfo,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

use super::lane::{LANE_COUNT, Lane, LaneProtocols};

/// Accepted streams that may wait to be handed on; a peer that opens more at once loses them.
const WAITING_MAX: usize = 2 * LANE_COUNT;

/// What a connection tells the driver.
#[derive(Debug)]
pub(super) enum LaneNews {
    /// A stream for the lane is ready, opened by either side.
    Opened(Lane, Stream),
    /// The peer did not open the lane when asked.
    Refused(Lane, RefusedBecause),
}

/// Why a lane could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusedBecause {
    /// The peer does not know the protocol.
    Unsupported,
    /// Timeout or broken connection.
    Broken,
}

/// Offers the lanes' protocol names; no bytes of its own.
#[derive(Clone, Debug)]
pub(super) struct LaneUpgrade(Vec<(StreamProtocol, Lane)>);

/// A protocol name that remembers its lane.
#[derive(Clone, Debug)]
pub(super) struct LaneName(StreamProtocol, Lane);

impl AsRef<str> for LaneName {
    fn as_ref(&self) -> &str {
        self.0.as_ref()
    }
}

impl UpgradeInfo for LaneUpgrade {
    type Info = LaneName;
    type InfoIter = std::vec::IntoIter<LaneName>;

    fn protocol_info(&self) -> Self::InfoIter {
        let names: Vec<_> = self.0.iter().map(|(name, lane)| LaneName(name.clone(), *lane)).collect();
        names.into_iter()
    }
}

impl InboundUpgrade<Stream> for LaneUpgrade {
    type Output = (Stream, Lane);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, name: LaneName) -> Self::Future {
        ready(Ok((stream, name.1)))
    }
}

impl OutboundUpgrade<Stream> for LaneUpgrade {
    type Output = (Stream, Lane);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, name: LaneName) -> Self::Future {
        ready(Ok((stream, name.1)))
    }
}

/// The handler of one connection. Only one side of a pair opens lanes, so only the other side accepts them.
#[derive(Debug)]
pub(super) struct LaneHandler {
    protocols: LaneProtocols,
    accepts: bool,
    to_open: VecDeque<Lane>,
    news: VecDeque<LaneNews>,
    waker: Option<Waker>,
}

impl LaneHandler {
    pub(super) const fn new(protocols: LaneProtocols, accepts: bool) -> Self {
        Self { protocols, accepts, to_open: VecDeque::new(), news: VecDeque::new(), waker: None }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl ConnectionHandler for LaneHandler {
    type FromBehaviour = Lane;
    type ToBehaviour = LaneNews;
    type InboundProtocol = LaneUpgrade;
    type OutboundProtocol = LaneUpgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        let offered = if self.accepts { self.protocols.all() } else { Vec::new() };
        SubstreamProtocol::new(LaneUpgrade(offered), ())
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        if let Some(news) = self.news.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(news));
        }
        if let Some(lane) = self.to_open.pop_front() {
            let offered = LaneUpgrade(vec![(self.protocols.name(lane), lane)]);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(offered, lane),
            });
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, lane: Lane) {
        if !self.to_open.contains(&lane) {
            self.to_open.push_back(lane);
        }
        self.wake();
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "non-exhaustive in libp2p; address and protocol changes, failed and surplus accepts need no answer"
    )]
    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (stream, lane), .. })
                if self.news.len() < WAITING_MAX =>
            {
                self.news.push_back(LaneNews::Opened(lane, stream));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: (stream, lane), .. }) => {
                self.news.push_back(LaneNews::Opened(lane, stream))
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let because = match error {
                    StreamUpgradeError::NegotiationFailed => RefusedBecause::Unsupported,
                    StreamUpgradeError::Timeout | StreamUpgradeError::Io(_) => RefusedBecause::Broken,
                    StreamUpgradeError::Apply(never) => match never {},
                };
                self.news.push_back(LaneNews::Refused(info, because));
            }
            _ => {}
        }
        self.wake();
    }
}
