//! The multiplexer: yamux with a receive window of our choosing.
//!
//! The adapter that comes with libp2p leaves the window of a connection at 1 GiB, which a peer could fill while the
//! consumer is slow. This one bounds it.

use core::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};
use std::{collections::VecDeque, io, iter};

use futures::{
    AsyncRead, AsyncWrite,
    future::{Ready, ready as done},
};
use libp2p::core::{
    muxing::{StreamMuxer, StreamMuxerEvent},
    upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
};

use tokio::time::{Duration, Sleep, sleep};

use super::config::{NetworkLimits, STREAMS_MAX};

/// How long a connection may take to close in order before it is cut.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// Negotiates yamux on a secured connection.
#[derive(Clone, Debug)]
pub(super) struct MuxUpgrade(yamux::Config);

impl MuxUpgrade {
    pub(super) fn new(limits: &NetworkLimits) -> Self {
        let streams = usize::try_from(STREAMS_MAX).unwrap_or(usize::MAX);
        let window = usize::try_from(limits.connection_window_bytes_max).unwrap_or(usize::MAX);
        let mut config = yamux::Config::default();
        // In this order: yamux asserts after each call that the window covers all streams.
        config.set_max_num_streams(streams);
        config.set_max_connection_receive_window(Some(window));
        Self(config)
    }

    fn start<C: AsyncRead + AsyncWrite + Unpin>(self, socket: C, mode: yamux::Mode) -> Mux<C> {
        Mux {
            connection: yamux::Connection::new(socket, self.0, mode),
            accepted: VecDeque::new(),
            acceptor: None,
            closing: None,
        }
    }
}

impl UpgradeInfo for MuxUpgrade {
    type Info = &'static str;
    type InfoIter = iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> InboundConnectionUpgrade<C> for MuxUpgrade {
    type Output = Mux<C>;
    type Error = io::Error;
    type Future = Ready<Result<Mux<C>, io::Error>>;

    fn upgrade_inbound(self, socket: C, _: Self::Info) -> Self::Future {
        done(Ok(self.start(socket, yamux::Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> OutboundConnectionUpgrade<C> for MuxUpgrade {
    type Output = Mux<C>;
    type Error = io::Error;
    type Future = Ready<Result<Mux<C>, io::Error>>;

    fn upgrade_outbound(self, socket: C, _: Self::Info) -> Self::Future {
        done(Ok(self.start(socket, yamux::Mode::Client)))
    }
}

/// One multiplexed connection.
#[derive(Debug)]
pub(super) struct Mux<C> {
    connection: yamux::Connection<C>,
    /// Streams the peer opened while only progress was asked for. At most [`STREAMS_MAX`], yamux sees to that; the rest is reset.
    accepted: VecDeque<yamux::Stream>,
    acceptor: Option<Waker>,
    /// Runs once closing has begun.
    closing: Option<Pin<Box<Sleep>>>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Mux<C> {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, yamux::ConnectionError>> {
        let next = ready!(self.connection.poll_next_inbound(cx));
        Poll::Ready(next.unwrap_or(Err(yamux::ConnectionError::Closed)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Mux<C> {
    type Substream = yamux::Stream;
    type Error = yamux::ConnectionError;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, Self::Error>> {
        if let Some(stream) = self.accepted.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let next = self.poll_accept(cx);
        if next.is_pending() {
            self.acceptor = Some(cx.waker().clone());
        }
        next
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, Self::Error>> {
        self.connection.poll_new_outbound(cx)
    }

    /// Says goodbye, but not for ever: the last flush to a peer that vanished would wait until TCP gives up.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let closed = self.connection.poll_close(cx);
        if closed.is_ready() {
            return closed;
        }
        let patience = self.closing.get_or_insert_with(|| Box::pin(sleep(CLOSE_GRACE)));
        patience.as_mut().poll(cx).map(Ok)
    }

    /// yamux makes progress only while it is asked for new streams, so streams that turn up here are kept for
    /// [`StreamMuxer::poll_inbound`].
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        let streams_max = usize::try_from(STREAMS_MAX).unwrap_or(usize::MAX);
        loop {
            let stream = ready!(self.poll_accept(cx))?;
            if self.accepted.len() < streams_max {
                self.accepted.push_back(stream);
            }
            if let Some(waker) = self.acceptor.take() {
                waker.wake();
            }
        }
    }
}
