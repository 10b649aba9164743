//! The queues of frames, sent and received.

use bytes::Bytes;

use super::{
    super::{Lane, NetworkEvent, NetworkLimits, SendError, inbox::Inbox, outbox::Outbox},
    block_on, peer,
};

#[test]
fn outbox_refuses_beyond_its_bounds_and_forgets_when_closed() {
    let mut limits = NetworkLimits::default();
    let lane = &mut limits.lanes[Lane::Data.index()];
    (lane.frame_bytes_max, lane.send_frames_max, lane.send_bytes_max) = (10, 3, 20);
    let outbox = Outbox::new(peer(1), &limits);
    let push = |bytes: usize| outbox.push(Lane::Data, vec![1; bytes].into());
    let full = Err(SendError::QueueFull { peer: peer(1), lane: Lane::Data });
    assert_eq!(push(1), Err(SendError::NotConnected(peer(1))));
    outbox.open();
    assert_eq!(push(0), Err(SendError::FrameEmpty(Lane::Data)));
    assert_eq!(push(11), Err(SendError::FrameTooLong { lane: Lane::Data, bytes: 11, bytes_max: 10 }));
    assert_eq!((push(10), push(10), push(1)), (Ok(()), Ok(()), full), "bytes");
    assert_eq!(outbox.try_pop(Lane::Data).unwrap().len(), 10);
    assert_eq!((push(1), push(1), push(1)), (Ok(()), Ok(()), full), "frames");
    assert_eq!(outbox.push(Lane::Consensus, Bytes::from_static(b"vote")), Ok(()), "lanes are independent");
    outbox.close();
    assert!(!outbox.is_open());
    outbox.open();
    assert_eq!(outbox.try_pop(Lane::Data), None);
    assert_eq!((push(10), push(10), push(1)), (Ok(()), Ok(()), full), "the count was reset");
}

#[test]
fn inbox_merges_link_changes_and_reports_them_before_frames() {
    let inbox = Inbox::new(&NetworkLimits::default());
    let id = peer(1);
    inbox.admit(id);
    assert!(block_on(inbox.push(id, Lane::Sync, Bytes::from_static(b"x"))));
    inbox.link(id, true);
    inbox.link(id, false);
    inbox.link(id, true);
    assert_eq!(inbox.try_next(), Some(NetworkEvent::Connected(id)));
    inbox.link(id, false);
    inbox.link(id, true);
    inbox.link(id, false);
    inbox.link(id, true);
    assert_eq!(inbox.try_next(), Some(NetworkEvent::Disconnected(id)));
    assert_eq!(inbox.try_next(), Some(NetworkEvent::Connected(id)));
    inbox.link(id, false);
    assert_eq!(inbox.try_next(), Some(NetworkEvent::Disconnected(id)));
    inbox.link(id, true);
    inbox.link(id, false);
    assert!(matches!(inbox.try_next(), Some(NetworkEvent::Frame { .. })), "a link nobody saw is not reported");
    assert_eq!(inbox.try_next(), None);
    inbox.close();
    assert_eq!(block_on(inbox.next()), None);
}

#[test]
fn inbox_takes_turns_and_starves_no_lane() {
    let inbox = Inbox::new(&NetworkLimits::default());
    let (flooder, other) = (peer(1), peer(2));
    inbox.admit(flooder);
    inbox.admit(other);
    for lane in Lane::ALL {
        for _ in 0..100 {
            assert!(block_on(inbox.push(flooder, lane, Bytes::from_static(b"flood"))));
        }
        assert!(block_on(inbox.push(other, lane, Bytes::from_static(b"hello"))));
    }
    let order: Vec<_> = core::iter::from_fn(|| inbox.try_next()).collect();
    assert_eq!(order.len(), 303);
    for (lane, latest) in [(Lane::Consensus, 1), (Lane::Data, 33), (Lane::Sync, 73)] {
        let frame = NetworkEvent::Frame { peer: other, lane, bytes: Bytes::from_static(b"hello") };
        let place = order.iter().position(|event| *event == frame);
        assert!(place.is_some_and(|place| place <= latest), "{lane}: {place:?}");
    }
    inbox.forget(&flooder);
    assert!(!block_on(inbox.push(flooder, Lane::Data, Bytes::from_static(b"late"))), "a removed peer is not heard");
}

#[test]
fn inbox_holds_a_reader_back_until_there_is_room() {
    let mut limits = NetworkLimits::default();
    limits.lanes[Lane::Data.index()].receive_bytes_max = 1_000;
    let inbox = Inbox::new(&limits);
    let id = peer(1);
    inbox.admit(id);
    let frame = Bytes::from(vec![1; 900]);
    assert!(block_on(inbox.push(id, Lane::Data, frame.clone())));
    let mut waiting = by_hand(inbox.push(id, Lane::Data, frame.clone()));
    assert!(waiting.poll_once().is_none());
    assert!(block_on(inbox.push(id, Lane::Sync, frame)), "another lane has its own share");
    while inbox.try_next().is_some() {}
    assert_eq!(waiting.poll_once(), Some(true));
}

/// A future that is polled by hand.
struct Polled<F>(core::pin::Pin<Box<F>>);

fn by_hand<F: Future>(future: F) -> Polled<F> {
    Polled(Box::pin(future))
}

impl<F: Future> Polled<F> {
    fn poll_once(&mut self) -> Option<F::Output> {
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        match self.0.as_mut().poll(&mut context) {
            core::task::Poll::Ready(output) => Some(output),
            core::task::Poll::Pending => None,
        }
    }
}
