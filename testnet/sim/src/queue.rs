//! What will happen, in order of time; equal times in the order in which they were planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

struct Entry<E> {
    time_us: u64,
    sequence: u64,
    event: E,
}

impl<E> Entry<E> {
    fn key(&self) -> (u64, u64) {
        (self.time_us, self.sequence)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// Reversed: the heap gives its greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

/// The queue of events of one world.
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    sequence: u64,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }

    /// Plans an event.
    pub(crate) fn push(&mut self, time_us: u64, event: E) {
        self.sequence += 1;
        self.heap.push(Entry { time_us, sequence: self.sequence, event });
    }

    /// The next event with its time and number.
    pub(crate) fn pop(&mut self) -> Option<(u64, u64, E)> {
        self.heap.pop().map(|entry| (entry.time_us, entry.sequence, entry.event))
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn time_decides_then_order_of_planning() {
        let mut queue = Queue::new();
        for (time_us, name) in [(5, "c"), (1, "a"), (5, "d"), (1, "b")] {
            queue.push(time_us, name);
        }
        assert_eq!(queue.len(), 4);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, _, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
