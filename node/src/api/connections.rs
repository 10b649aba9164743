//! The places of a door: how many connections there are, whose they are, and which of them may go when another one comes.
//!
//! A door that is full of connections that ask nothing would be closed to those who do. So when there is no room, one that has waited
//! for a request for a while is closed: of the address that comes, if that address has too many, else of the one that has most. An address
//! that has no place at all gets one of the address that has most, which need not have waited for long: a few addresses that fill the
//! door and ask without end shut nobody out.
//!
//! Who waits for the chain (for a transaction to be admitted, ordered, certified) asks nothing of the door meanwhile: such a connection has its
//! answer early, as at the end of its wait, when its place is given away.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::fair::ClientAddress;

#[derive(Debug)]
struct Seat {
    client: ClientAddress,
    /// Since when it waits for a request, for more of one, or for the chain; `None` while one is answered.
    idle_since: Option<Instant>,
    /// Turns `true` when it is to go.
    leave: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Taken {
    seats: BTreeMap<u64, Seat>,
    per_client: BTreeMap<ClientAddress, usize>,
    next: u64,
}

impl Taken {
    fn remove(&mut self, number: u64) -> Option<Seat> {
        let seat = self.seats.remove(&number)?;
        if let Some(count) = self.per_client.get_mut(&seat.client) {
            *count -= 1;
            if *count == 0 {
                self.per_client.remove(&seat.client);
            }
        }
        Some(seat)
    }

    fn count(&self, client: ClientAddress) -> usize {
        self.per_client.get(&client).copied().unwrap_or_default()
    }

    /// The connection that has waited longest, if it has waited for so long: of one address, or of the one that has most among those
    /// that have waited.
    fn idlest(&self, of: Option<ClientAddress>, now: Instant, idle_min: Duration) -> Option<u64> {
        let waiting = self.seats.iter().filter_map(|(number, seat)| {
            let idle = now.saturating_duration_since(seat.idle_since?);
            let is_candidate = idle >= idle_min && of.is_none_or(|client| client == seat.client);
            is_candidate.then(|| (self.count(seat.client), idle, *number))
        });
        waiting.max().map(|(.., number)| number)
    }

    /// The connection that has waited longest, however short that is, of the address that has most; it has at least two.
    fn spare(&self, now: Instant) -> Option<u64> {
        let (most, count) = self.per_client.iter().max_by_key(|(_, count)| **count)?;
        (*count > 1).then(|| self.idlest(Some(*most), now, Duration::ZERO)).flatten()
    }
}

/// The places of one door.
#[derive(Clone, Debug)]
pub(super) struct Places {
    total_max: usize,
    per_client_max: usize,
    idle_min: Duration,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    pub(super) fn new(total_max: usize, per_client_max: usize, idle_min: Duration) -> Self {
        Self { total_max, per_client_max, idle_min, taken: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection, which may cost another one its own.
    pub(super) fn take(&self, client: ClientAddress, now: Instant) -> Option<Place> {
        let mut taken = self.lock();
        let of = if taken.count(client) >= self.per_client_max {
            Some(Some(client))
        } else if taken.seats.len() >= self.total_max {
            Some(None)
        } else {
            None
        };
        if let Some(of) = of {
            let idlest = taken.idlest(of, now, self.idle_min).or_else(|| {
                let is_newcomer = of.is_none() && taken.count(client) == 0;
                is_newcomer.then(|| taken.spare(now)).flatten()
            });
            let seat = idlest.and_then(|number| taken.remove(number))?;
            seat.leave.send_replace(true);
        }
        let number = taken.next;
        taken.next += 1;
        let (leave, told) = watch::channel(false);
        taken.seats.insert(number, Seat { client, idle_since: Some(now), leave });
        *taken.per_client.entry(client).or_default() += 1;
        drop(taken);
        Some(Place { number, told, places: self.clone() })
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().seats.len()
    }
}

/// A place among the open connections, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    told: watch::Receiver<bool>,
    places: Places,
}

impl Place {
    /// Resolves when the connection is to go, as often as it is asked.
    pub(super) async fn told_to_leave(&self) {
        // Its seat ends with it, or tells it first.
        let _ = self.told.clone().wait_for(|is_told| *is_told).await;
    }

    /// A request has come.
    pub(super) fn busy(&self) {
        self.set(None);
    }

    /// It is answered, as far as the answer is made.
    pub(super) fn idle(&self) {
        self.set(Some(Instant::now()));
    }

    /// The request waits for the chain as long as this lives.
    pub(super) fn rests(&self) -> Resting<'_> {
        self.stalls();
        Resting(self)
    }

    /// The body of the request does not come.
    pub(super) fn stalls(&self) {
        if let Some(seat) = self.places.lock().seats.get_mut(&self.number) {
            seat.idle_since.get_or_insert_with(Instant::now);
        }
    }

    fn set(&self, idle_since: Option<Instant>) {
        if let Some(seat) = self.places.lock().seats.get_mut(&self.number) {
            seat.idle_since = idle_since;
        }
    }
}

/// While it lives, the place may be given away.
pub(super) struct Resting<'a>(&'a Place);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.busy();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const IDLE_MIN: Duration = Duration::from_secs(1);

    fn address(text: &str) -> ClientAddress {
        ClientAddress::of(text.parse().unwrap())
    }

    #[test]
    fn who_asks_nothing_makes_room_and_who_asks_stays() {
        let places = Places::new(3, 2, IDLE_MIN);
        let start = Instant::now();
        let (greedy, modest) = (address("10.0.0.1"), address("10.0.0.2"));
        let first = places.take(greedy, start).unwrap();
        let second = places.take(greedy, start + Duration::from_millis(1)).unwrap();
        assert!(places.take(greedy, start + IDLE_MIN / 2).is_none(), "none has waited long");
        let third = places.take(modest, start).unwrap();
        assert!(places.take(modest, start + IDLE_MIN / 2).is_none(), "the door is full");

        // Full: the one that has most gives, and of its connections the one that waited longest.
        let fourth = places.take(modest, start + 2 * IDLE_MIN).unwrap();
        let is_gone = |place: &Place| place.told_to_leave().now_or_never().is_some();
        assert_eq!([&first, &second, &third, &fourth].map(is_gone), [true, false, false, false]);
        drop(first);
        assert_eq!(places.count(), 3, "its place was given away, and is not given back twice");

        // An address that has all it may have gives one of its own; one with a request under way is none.
        third.busy();
        assert!(places.take(modest, start + IDLE_MIN * 2).is_none(), "the other came just now");
        let fifth = places.take(modest, start + 4 * IDLE_MIN).unwrap();
        assert_eq!([&second, &third, &fourth, &fifth].map(is_gone), [false, false, true, false]);
        drop((second, third, fourth, fifth));
        assert_eq!((places.count(), places.lock().per_client.len()), (0, 0));
    }

    /// Few addresses that ask without end leave a place to each that has none, and to nobody else.
    #[test]
    fn an_address_without_a_place_gets_one_of_who_has_most() {
        let places = Places::new(4, 3, IDLE_MIN);
        let start = Instant::now();
        let (greedy, other, newcomer) = (address("10.0.0.1"), address("10.0.0.2"), address("10.0.0.3"));
        let held: Vec<Place> = (0..3).map(|_| places.take(greedy, start).unwrap()).collect();
        let one = places.take(other, start).unwrap();
        assert!(places.take(other, start).is_none(), "it has a place, and none has waited long");
        held[0].busy();
        let new = places.take(newcomer, start).unwrap();
        let is_gone = |place: &Place| place.told_to_leave().now_or_never().is_some();
        assert_eq!([&held[0], &one, &new].map(is_gone), [false, false, false]);
        assert_eq!(held.iter().filter(|place| is_gone(place)).count(), 1, "an idle one of the greedy address");
        for place in &held {
            place.busy();
        }
        assert!(places.take(address("10.0.0.4"), start).is_none(), "requests under way are answered");
        let staying = held.iter().find(|place| !is_gone(place)).unwrap();
        drop(staying.rests());
        assert!(places.take(address("10.0.0.4"), start).is_none(), "its wait is over");
        {
            let _waits = staying.rests();
            let fourth = places.take(address("10.0.0.4"), start).expect("who waits for the chain makes room");
            assert!(is_gone(staying) && !is_gone(&fourth));
        }
        drop((held, one, new));
        assert_eq!((places.count(), places.lock().per_client.len()), (0, 0));
    }
}
