//! The multiplexer over a socket that never moves a byte.

use core::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use std::io;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::{muxing::StreamMuxer as _, upgrade::OutboundConnectionUpgrade as _};

use super::{
    super::{NetworkLimits, mux::MuxUpgrade},
    block_on,
};

/// A connection to a machine that has lost its power.
struct Dead;

impl AsyncRead for Dead {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Dead {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// Otherwise the driver would hold the dead connection for the peer's only one and not dial again.
#[test]
fn closing_ends_although_nothing_can_be_flushed() {
    block_on(async {
        let upgrade = MuxUpgrade::new(&NetworkLimits::default());
        let mut mux = upgrade.upgrade_outbound(Dead, "/yamux/1.0.0").await.unwrap();
        let closing = poll_fn(|cx| Pin::new(&mut mux).poll_close(cx));
        assert!(matches!(tokio::time::timeout(Duration::from_secs(60), closing).await, Ok(Ok(()))));
    });
}
