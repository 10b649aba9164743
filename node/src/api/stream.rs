//! A connection whose peer must keep taking what it asked for, and that ends without taking an answer back.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::limits::ANSWER_RATE_MIN;

/// Bytes that a closing connection reads and throws away: more than the greatest body that a client may mean seriously.
const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Time that a closing connection waits for more of a request.
const LINGER_IDLE_MAX: Duration = Duration::from_secs(1);
/// Time that a closing connection waits for its client to close too, however much it sends.
const LINGER_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes thrown away at once.
const LINGER_BUFFER_BYTES: usize = 16 * 1024;
/// Reads in one turn, so that a fast sender does not keep a thread.
const LINGER_READS_PER_TURN: u32 = 16;
/// Pause after a turn of 256 KiB, for each connection of the door that is closing just now: all of them together throw away at most
/// 32 MiB in a second, however many send without end what was refused.
const LINGER_PAUSE: Duration = Duration::from_millis(8);

/// How many connections of a door are closing and still read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lingerers(Arc<AtomicU32>);

impl Lingerers {
    fn enter(&self) -> Lingerer {
        self.0.fetch_add(1, Ordering::Relaxed);
        Lingerer(Arc::clone(&self.0))
    }
}

/// One of them, as long as it lives.
#[derive(Debug)]
struct Lingerer(Arc<AtomicU32>);

impl Lingerer {
    /// Until its next turn.
    fn pause(&self) -> Duration {
        LINGER_PAUSE * self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Lingerer {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that fails when its client takes what it asked for too slowly. A debt of time grows while nothing can be written and shrinks
/// by the bytes that are ([`ANSWER_RATE_MIN`]); past the timeout the stream fails. So neither one that takes nothing nor one that takes
/// a byte now and then keeps an answer in memory. Reads are bounded above it: heads by the HTTP parser, bodies by
/// [`super::body::receive`].
///
/// Closing lingers: a request can be refused before all of it was read (too large, of an unknown kind), and closing a socket with
/// unread bytes makes the kernel send a reset, which can take the answer away from a client that still writes (RFC 9112 §9.6). So
/// the write side is closed first, then what still arrives is thrown away, bounded in bytes and time.
#[derive(Debug)]
pub(crate) struct TimedStream<S> {
    inner: S,
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    debt: Debt,
    closing: Closing,
    lingerers: Lingerers,
}

/// How far the end of a connection has come.
#[derive(Debug)]
enum Closing {
    /// In use.
    Open,
    /// The client was told that nothing more comes; so many bytes of it may still be thrown away, until then.
    Lingering { bytes_left: usize, until: Instant, is_paused: bool, one: Lingerer },
    /// Nothing is left to do.
    Closed,
}

impl<S> TimedStream<S> {
    /// Over a stream.
    #[must_use]
    pub(crate) fn new(inner: S, timeout: Duration, lingerers: Lingerers) -> Self {
        let timer = Box::pin(sleep(timeout));
        Self { inner, timeout, timer, debt: Debt::default(), closing: Closing::Open, lingerers }
    }

    /// Counts what was taken, or how long nothing was.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
        taken: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        let now = Instant::now();
        if let Poll::Ready(result) = result {
            self.debt.taken(now, result.as_ref().map_or(0, taken));
            return Poll::Ready(result);
        }
        if self.debt.waits(now) {
            self.timer.as_mut().reset(now + self.timeout.saturating_sub(self.debt.owed));
        }
        if self.timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take the answer")));
        }
        Poll::Pending
    }
}

/// How long a client has made this side wait, less what it has taken since.
#[derive(Debug, Default)]
struct Debt {
    owed: Duration,
    waits_since: Option<Instant>,
}

impl Debt {
    /// Nothing can be written; whether that is news.
    fn waits(&mut self, now: Instant) -> bool {
        self.waits_since.replace(self.waits_since.unwrap_or(now)).is_none()
    }

    fn taken(&mut self, now: Instant, bytes: usize) {
        if let Some(since) = self.waits_since.take() {
            self.owed += now.saturating_duration_since(since);
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let worth = Duration::from_millis(bytes.saturating_mul(1000) / u64::from(ANSWER_RATE_MIN));
        self.owed = self.owed.saturating_sub(worth);
    }
}

impl<S: AsyncRead + Unpin> TimedStream<S> {
    /// Throws away what still arrives, until the client closes, the bytes are used up or the time is over.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut sink = [0_u8; LINGER_BUFFER_BYTES];
        let Self { inner, timer, closing, .. } = self;
        let Closing::Lingering { bytes_left, until, is_paused, one } = closing else {
            return Poll::Ready(());
        };
        if *is_paused {
            std::task::ready!(timer.as_mut().poll(context));
            *is_paused = false;
            timer.as_mut().reset((*until).min(Instant::now() + LINGER_IDLE_MAX));
        }
        for _ in 0..LINGER_READS_PER_TURN {
            let mut buffer = ReadBuf::new(&mut sink);
            match Pin::new(&mut *inner).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && *bytes_left > buffer.filled().len() => {
                    *bytes_left -= buffer.filled().len();
                    timer.as_mut().reset((*until).min(Instant::now() + LINGER_IDLE_MAX));
                }
                Poll::Pending if timer.as_mut().poll(context).is_pending() => return Poll::Pending,
                Poll::Ready(_) | Poll::Pending => {
                    *closing = Closing::Closed;
                    return Poll::Ready(());
                }
            }
        }
        let now = Instant::now();
        if now >= *until {
            *closing = Closing::Closed;
            return Poll::Ready(());
        }
        *is_paused = true;
        timer.as_mut().reset((*until).min(now + one.pause()));
        // The timer has to know whom to wake; when it is over already, there is no other reason to come back.
        if timer.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch(context, result, |count| *count)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.watch(context, result, |count| *count)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(context);
        self.watch(context, result, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.closing, Closing::Open) {
            let result = Pin::new(&mut self.inner).poll_shutdown(context);
            std::task::ready!(self.watch(context, result, |()| 0))?;
            let now = Instant::now();
            let (until, one) = (now + LINGER_TIME_MAX, self.lingerers.enter());
            self.closing = Closing::Lingering { bytes_left: LINGER_BYTES_MAX, until, is_paused: false, one };
            self.timer.as_mut().reset(now + LINGER_IDLE_MAX);
        }
        self.poll_linger(context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// A client that sends without end, and counts what is taken.
    struct Endless(Arc<AtomicU64>);

    impl AsyncRead for Endless {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let count = buffer.remaining();
            buffer.put_slice(&vec![0; count]);
            self.0.fetch_add(u64::try_from(count).unwrap(), Ordering::Relaxed);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Endless {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A turn, then a pause that grows with those that are closing: however many there are, the door reads no more than one makes it read.
    #[tokio::test]
    async fn what_was_refused_is_thrown_away_at_a_rate_of_the_door() {
        let turn = u64::try_from(LINGER_BUFFER_BYTES).unwrap() * u64::from(LINGER_READS_PER_TURN);
        let lingerers = Lingerers::default();
        let mut closing = Vec::new();
        for count in 1..=5 {
            let taken = Arc::new(AtomicU64::new(0));
            let mut stream = TimedStream::new(Endless(Arc::clone(&taken)), Duration::from_secs(1), lingerers.clone());
            let end = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_shutdown(context))).await;
            assert!(end.is_pending());
            assert_eq!(taken.load(Ordering::Relaxed), turn);
            let Closing::Lingering { is_paused: true, one, .. } = &stream.closing else {
                panic!("the stream pauses");
            };
            assert_eq!(one.pause(), LINGER_PAUSE * count);
            closing.push(stream);
        }
        // The last one goes on to the end when the others are gone.
        let mut last = closing.pop().unwrap();
        drop(closing);
        assert_eq!(lingerers.0.load(Ordering::Relaxed), 1);
        last.closing = match last.closing {
            Closing::Lingering { until, is_paused, one, .. } => {
                Closing::Lingering { bytes_left: 2 * LINGER_BUFFER_BYTES, until, is_paused, one }
            }
            Closing::Open | Closing::Closed => panic!("the stream lingers"),
        };
        last.shutdown().await.unwrap();
        assert_eq!(lingerers.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_client_that_takes_a_byte_now_and_then_runs_into_debt_and_a_slow_one_does_not() {
        let (start, pause) = (Instant::now(), Duration::from_secs(5));
        for (bytes, is_patient) in [(1, false), (5 * usize::try_from(ANSWER_RATE_MIN).unwrap(), true)] {
            let mut debt = Debt::default();
            for step in 0..100 {
                let now = start + pause * step;
                assert!(debt.waits(now) && !debt.waits(now + pause / 2));
                debt.taken(now + pause, bytes);
            }
            assert_eq!(debt.owed < pause * 2, is_patient, "{bytes} bytes in {pause:?}: {:?}", debt.owed);
        }
    }
}
