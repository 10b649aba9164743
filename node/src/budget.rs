//! Memory as a budget in bytes: who keeps bytes for a client or a peer takes a share first, the share travels with the bytes, and it is
//! given back when they have left: written, sent or dropped. Counts of packets say nothing about memory; a sum of shares does.
//!
//! The budgets of a validator and their sum stand in [`crate::limits`] and `docs/limits.md`.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that may be kept at a time. Clones share them.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    free: Arc<Semaphore>,
    bytes_max: u32,
}

impl ByteBudget {
    /// A budget of so many bytes (at most 4 GiB).
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let bytes_max = u32::try_from(bytes_max).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(usize::try_from(bytes_max).unwrap_or(usize::MAX))), bytes_max }
    }

    /// A share, if so much is free.
    #[must_use]
    pub fn try_take(&self, bytes: usize) -> Option<ByteShare> {
        let bytes = u32::try_from(bytes).ok()?;
        Arc::clone(&self.free).try_acquire_many_owned(bytes).ok().map(ByteShare)
    }

    /// A share, after waiting for it in turn. More than the whole budget counts as the whole, so that nobody waits for ever.
    pub async fn take(&self, bytes: usize) -> ByteShare {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bytes_max);
        let permit = Arc::clone(&self.free).acquire_many_owned(bytes).await;
        ByteShare(permit.expect("a budget is never closed"))
    }

    /// Bytes that nobody has taken.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.free.available_permits()
    }
}

/// Bytes of a budget, given back when dropped.
#[derive(Debug)]
pub struct ByteShare(OwnedSemaphorePermit);

impl ByteShare {
    /// How many.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.num_permits()
    }

    /// Adds another share of the same budget.
    ///
    /// # Panics
    /// If it is of another budget.
    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Gives back what exceeds `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes().saturating_sub(bytes);
        // Dropped here, which gives it back.
        let _surplus = self.0.split(surplus);
    }
}

/// Bytes that keep a share until the last reference to them is gone: until they are written to the socket, for an answer.
#[must_use]
pub fn held<S: Send + Sync + 'static>(bytes: Bytes, share: S) -> Bytes {
    held_by(bytes, Arc::new(share))
}

/// [`held`], where several pieces keep one share.
#[must_use]
pub fn held_by<S: Send + Sync + 'static>(bytes: Bytes, share: Arc<S>) -> Bytes {
    struct Held<S> {
        bytes: Bytes,
        _share: Arc<S>,
    }
    impl<S> AsRef<[u8]> for Held<S> {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    Bytes::from_owner(Held { bytes, _share: share })
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn shares_come_back_with_the_last_reference_to_the_bytes() {
        let budget = ByteBudget::new(100);
        let share = budget.try_take(60).unwrap();
        assert_eq!((share.bytes(), budget.free_bytes()), (60, 40));
        assert!(budget.try_take(41).is_none() && budget.try_take(usize::MAX).is_none());
        let bytes = held(Bytes::from_static(b"answer"), share);
        let sent = bytes.slice(2..4);
        drop(bytes);
        assert_eq!((&sent[..], budget.free_bytes()), (&b"sw"[..], 40));
        drop(sent);
        assert_eq!(budget.free_bytes(), 100);
    }

    #[test]
    fn shares_grow_shrink_and_are_waited_for_in_turn() {
        let budget = ByteBudget::new(100);
        let mut share = budget.try_take(50).unwrap();
        share.merge(budget.try_take(30).unwrap());
        let mut waiting = Box::pin(budget.take(1_000));
        assert!(waiting.as_mut().now_or_never().is_none());
        share.shrink_to(10);
        share.shrink_to(20);
        assert_eq!(share.bytes(), 10);
        drop(share);
        assert_eq!(waiting.now_or_never().map(|share| share.bytes()), Some(100));
        assert_eq!(budget.free_bytes(), 100);
    }
}
