//! Endpoints in turn. What one answers that does not hold up is no answer: the next one is asked, and nobody's word keeps the others
//! from being heard.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use quancheng_types::problem as codes;

use super::{Answer, Client, NEWER_TIME_MAX, PAUSE, Request, Silence, is_over, is_silence, share};
use crate::fault::{Exit, Fault, Outcome};

/// Why no endpoint of a round has given an answer that holds.
#[derive(Debug)]
struct Round {
    /// What each has answered. One that there was no time to ask again has answered what it did in the round before.
    faults: BTreeMap<usize, Fault>,
    /// The longest pause that was asked for by those who may answer later.
    pause: Option<Duration>,
}

impl Client {
    /// What is read from the first answer that holds. All endpoints are asked, beginning with the one that served last; and again as
    /// long as one of them asks for patience and there is time.
    pub(crate) fn in_turn<T>(&self, request: Request<'_>, read: impl Fn(&Answer) -> Outcome<T>) -> Outcome<T> {
        self.in_turn_until(request, |answer| match answer {
            Ok(answer) if (200..300).contains(&answer.status) => read(answer),
            Ok(answer) => Err(answer.problem().into_fault(&answer.url, Exit::Network)),
            Err(fault) => Err(fault.clone()),
        })
    }

    /// As [`in_turn`](Self::in_turn), for those who read what is no success too.
    pub(crate) fn in_turn_until<T>(
        &self,
        request: Request<'_>,
        read: impl Fn(&Outcome<Answer>) -> Outcome<T>,
    ) -> Outcome<T> {
        let mut faults = BTreeMap::new();
        loop {
            let round = match self.round(request, &read, faults) {
                Ok(found) => return Ok(found),
                Err(round) => round,
            };
            faults = round.faults;
            if !round.pause.is_some_and(|pause| self.pause(pause, request.until)) {
                return Err(together(faults.into_values().collect()));
            }
        }
    }

    /// What the endpoint reads that shows the newest block: what was true once one may go on showing for ever. All are asked.
    pub(crate) fn newest<T, H: Ord>(
        &self,
        request: Request<'_>,
        read: impl Fn(&Answer) -> Outcome<T>,
        height: impl Fn(&T) -> H,
    ) -> Outcome<T> {
        if self.urls.len() > 1 {
            let answers = self.send_each(request, NEWER_TIME_MAX).into_iter().flatten();
            let found =
                answers.filter(|answer| (200..300).contains(&answer.status)).filter_map(|answer| read(&answer).ok());
            if let Some(newest) = found.max_by_key(|found| height(found)) {
                return Ok(newest);
            }
        }
        self.in_turn(request, read)
    }

    fn round<T>(
        &self,
        request: Request<'_>,
        read: &impl Fn(&Outcome<Answer>) -> Outcome<T>,
        faults: BTreeMap<usize, Fault>,
    ) -> Result<T, Round> {
        let mut round = Round { faults, pause: None };
        for (step, (place, url)) in self.order().into_iter().enumerate() {
            if step > 0 && is_over(request.until) {
                round.faults.entry(place).or_insert_with(|| Silence::of_unasked(url));
                continue;
            }
            let until = Instant::now() + share(request.until, self.urls.len() - step);
            let answer = self.at(url).send(Request { until, ..request });
            match read(&answer) {
                Ok(found) => {
                    self.first.set(place);
                    return Ok(found);
                }
                Err(fault) => drop(round.faults.insert(place, fault)),
            }
            round.pause = round.pause.max(self.patience_with(&answer));
        }
        Err(round)
    }

    /// After which pause an endpoint may answer otherwise, if it may.
    fn patience_with(&self, answer: &Outcome<Answer>) -> Option<Duration> {
        match answer {
            Ok(answer) if (200..300).contains(&answer.status) => None,
            Ok(answer) => {
                let problem = answer.problem();
                // That a node does not know a transaction is an answer: nothing is gained by asking it again.
                let is_passing = problem.is_retryable && problem.code != codes::TRANSACTION_UNKNOWN;
                is_passing.then(|| answer.retry_after.unwrap_or(PAUSE).max(PAUSE))
            }
            Err(fault) => (is_silence(fault) && self.patience.is_asked_for()).then_some(PAUSE),
        }
    }

    /// From now on the endpoint after the one that served last is asked first: that one has brought nothing new.
    pub(crate) fn turn(&self) {
        self.first.set((self.first.get() + 1) % self.urls.len().max(1));
    }
}

/// How much a fault says of what was asked for: that it is not there; that an answer does not hold; that there is no answer; that it is
/// another chain's door.
fn weight(fault: &Fault) -> u8 {
    match (fault.exit, fault.code.as_str()) {
        (Exit::NotFound, _) => 3,
        _ if is_silence(fault) => 1,
        (_, codes::WRONG_CHAIN) => 0,
        _ => 2,
    }
}

/// The faults of all endpoints as one: the first of those that say most, with the others among its causes.
pub(crate) fn together(faults: Vec<Fault>) -> Fault {
    if faults.len() > 1 && faults.iter().all(is_silence) {
        return Silence::together(faults);
    }
    let greatest = faults.iter().map(weight).max().unwrap_or_default();
    let mut faults = faults.into_iter();
    let (mut before, mut main) = (Vec::new(), None);
    for fault in faults.by_ref() {
        if weight(&fault) == greatest {
            main = Some(fault);
            break;
        }
        before.push(fault);
    }
    let main = main.unwrap_or_else(|| super::foreign(""));
    before.into_iter().chain(faults).fold(main, Fault::also)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::UNREACHABLE;
    use crate::text::{Lang, say};

    /// What is not there says more than an answer that does not hold, and that more than none; nothing of the others is lost.
    #[test]
    fn the_faults_of_all_endpoints_are_told_and_the_one_that_says_most_leads() {
        let fault = |exit, code: &str| {
            Fault::new(exit, code, say!("无。", "None of {code}.")).cause(format!("cause of {code}"))
        };
        let missing = || fault(Exit::NotFound, "NOT_FOUND");
        let bad = || fault(Exit::Network, "BAD_ANSWER");
        let (away, other) = (|| fault(Exit::Network, UNREACHABLE), || fault(Exit::Usage, codes::WRONG_CHAIN));
        for (faults, code) in [
            (vec![bad(), missing()], "NOT_FOUND"),
            (vec![away(), bad()], "BAD_ANSWER"),
            (vec![other(), away()], UNREACHABLE),
            (vec![other(), other()], codes::WRONG_CHAIN),
            (vec![away(), away()], UNREACHABLE),
        ] {
            let told: Vec<String> = faults.iter().map(|fault| format!("cause of {}", fault.code)).collect();
            let whole = together(faults);
            assert_eq!(whole.code, code);
            let causes = whole.causes_in(Lang::En);
            assert!(told.iter().all(|cause| causes.contains(&cause.as_str())), "{causes:?}");
        }
    }
}
