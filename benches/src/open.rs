//! An open loop: what is due is sent, whatever became of what went before.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::Duration;

use crate::client::Client;
use crate::run::{Due, Field};

/// Between the one that watches the clock and those that wait for answers.
#[derive(Default)]
pub(crate) struct Hand {
    state: Mutex<State>,
    given: Condvar,
}

#[derive(Default)]
struct State {
    due: VecDeque<Due>,
    idle: usize,
    ended: bool,
}

impl Hand {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a request to a connection. False where more is due than connections wait: another one is needed.
    fn give(&self, due: Due) -> bool {
        let mut state = self.state();
        state.due.push_back(due);
        let enough = state.due.len() <= state.idle;
        drop(state);
        self.given.notify_one();
        enough
    }

    /// The next request; `None` when there will be none.
    fn take(&self) -> Option<Due> {
        let mut state = self.state();
        state.idle += 1;
        let mut state = self
            .given
            .wait_while(state, |state| state.due.is_empty() && !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state.due.pop_front()
    }

    fn end(&self) {
        self.state().ended = true;
        self.given.notify_all();
    }
}

/// Sends everything at its time, over as many connections as that takes, at most `connections_max`. The last answer ends the scope.
pub(crate) fn send_all<'scope>(
    scope: &'scope Scope<'scope, '_>,
    field: &'scope Field<'_>,
    hand: &'scope Hand,
    connections_max: u32,
) {
    let mut open = 0;
    while let Some(due) = field.next() {
        std::thread::sleep(due.send_at().saturating_sub(field.since_start()));
        if !hand.give(due) && open < connections_max {
            let number = open as usize;
            scope.spawn(move || connection(field, hand, number));
            open += 1;
        }
    }
    hand.end();
    field.tally().connections = open;
}

fn connection(field: &Field<'_>, hand: &Hand, number: usize) {
    let (endpoint, base) = field.endpoint(number);
    let client = Client::new(base);
    while let Some(due) = hand.take() {
        let late: Duration = field.since_start().saturating_sub(due.send_at());
        field.tally().late.push(late);
        let from = due.at;
        if let Some(unsent) = field.send(&client, endpoint, due, from) {
            field.tally().unsent += u64::from(unsent.request.count());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Request;

    fn due() -> Due {
        let request = Request::Read;
        Due { request, at: Duration::ZERO, spacing: Duration::ZERO }
    }

    #[test]
    fn a_connection_is_needed_where_more_is_due_than_connections_wait() {
        let hand = Hand::default();
        assert!(!hand.give(due()), "nobody waits");
        hand.state().idle = 1;
        assert!(!hand.give(due()), "one waits for two");
        hand.state().due.clear();
        assert!(hand.give(due()));
    }

    #[test]
    fn what_was_given_before_the_end_is_still_taken() {
        let hand = Hand::default();
        hand.give(due());
        hand.end();
        assert!(hand.take().is_some());
        assert!(hand.take().is_none());
    }
}
