//! Requests that arrive: how fast an address may send, and what its place at the door is worth meanwhile.
//!
//! A client keeps its place while the node works for it. While it sends nothing, or hardly, and while it waits for its own pace
//! ([`super::pace`]), it asks for nothing that the node could do, and makes room for who does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::connections::Place;
use super::limits::ANSWER_RATE_MIN;
use super::pace::Pace;
use super::progress::Progress;
use crate::fair::ClientAddress;

/// Who sends, and how fast he may.
#[derive(Clone)]
pub(super) struct Sending {
    pub(super) client: ClientAddress,
    pub(super) pace: Pace,
}

impl Sending {
    /// Waits until another request of the address is due. The place may be given away meanwhile.
    pub(super) async fn turn(&self, seat: &Place, wait: Duration) {
        if !wait.is_zero() {
            seat.stalls();
            tokio::time::sleep(wait).await;
        }
        seat.busy();
    }
}

/// A body that tells while it does not come, or hardly.
pub(super) struct Arriving<B> {
    body: B,
    seat: Arc<Place>,
    progress: Progress,
    sending: Sending,
    /// Until then nothing more of it is read.
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<B> Arriving<B> {
    pub(super) fn new(body: B, seat: Arc<Place>, sending: Sending) -> Self {
        Self { body, seat, progress: Progress::new(ANSWER_RATE_MIN, Instant::now()), sending, pause: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Arriving<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                self.seat.stalls();
                return Poll::Pending;
            }
            self.pause = None;
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let mut is_brisk = true;
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let (bytes, now) = (frame.data_ref().map_or(0, Bytes::len), Instant::now());
            let wait = self.sending.pace.take(self.sending.client, bytes, now);
            self.pause = (!wait.is_zero()).then(|| Box::pin(tokio::time::sleep(wait)));
            self.progress.came(bytes, now);
            is_brisk = self.progress.owed(now).is_zero();
        }
        match &frame {
            Poll::Ready(_) if is_brisk => self.seat.busy(),
            Poll::Ready(_) => {}
            Poll::Pending => self.seat.stalls(),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Arriving<B> {
    fn drop(&mut self) {
        self.seat.busy();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use futures::FutureExt as _;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::super::connections::Places;
    use super::*;

    const IDLE_MIN: Duration = Duration::from_millis(250);

    fn sending(last: u8) -> Sending {
        Sending { client: ClientAddress::of([10, 0, 0, last].into()), pace: Pace::default() }
    }

    /// Whether a client that comes to a door with one place gets it.
    fn makes_room(places: &Places) -> bool {
        places.take(sending(2).client, Instant::now() + IDLE_MIN).is_some()
    }

    fn seated(sending: &Sending) -> (Places, Arc<Place>) {
        let places = Places::new(1, 1, IDLE_MIN);
        let seat = Arc::new(places.take(sending.client, Instant::now()).unwrap());
        (places, seat)
    }

    #[tokio::test]
    async fn a_request_that_waits_for_the_pace_of_its_address_makes_room() {
        for (wait, is_room) in [(Duration::ZERO, false), (Duration::from_secs(3_600), true)] {
            let greedy = sending(1);
            let (places, seat) = seated(&greedy);
            assert_eq!(greedy.turn(&seat, wait).now_or_never().is_none(), is_room);
            assert_eq!(makes_room(&places), is_room, "{wait:?}");
        }
    }

    /// Pieces of a body that come one after the other, and then none.
    fn pieces(sizes: &[usize]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin + use<> {
        let mut left: VecDeque<Bytes> = sizes.iter().map(|size| Bytes::from(vec![0; *size])).collect();
        StreamBody::new(futures::stream::poll_fn(move |_| match left.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => Poll::Pending,
        }))
    }

    #[tokio::test]
    async fn a_body_that_comes_keeps_its_place_and_one_that_stops_or_is_paused_makes_room() {
        const MUCH: usize = 16 * 1024 * 1024;
        for (sizes, frames, is_room, what) in [
            (&[8_192, 8_192][..], 2, false, "it comes"),
            (&[8_192], 2, true, "it stops"),
            (&[MUCH], 2, true, "it has sent much, and stops"),
            (&[MUCH, MUCH], 2, true, "the next piece waits for the pace"),
        ] {
            let greedy = sending(1);
            let (places, seat) = seated(&greedy);
            let mut body = Arriving::new(pieces(sizes), Arc::clone(&seat), greedy);
            for _ in 0..frames {
                let _ = body.frame().now_or_never();
            }
            assert_eq!(makes_room(&places), is_room, "{what}");
        }
    }
}
