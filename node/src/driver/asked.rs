//! What this node asked its peers for: large answers that nobody asked for are thrown away undecoded.
//!
//! Of each peer a few numbers: how many batches and how many answers with blocks it may still send. A question adds, an answer
//! takes away, and what is not answered in a while counts no longer. An honest peer answers each question at most once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use quancheng_consensus::Message;
use quancheng_consensus::message::AnswerKind;
use quancheng_types::NodeId;

/// Batches of one peer that may be under way: all it may be asked for at once.
const BATCHES_MAX: u32 = 256;
/// Answers with blocks of one peer that may be under way: late ones, a new one, and the help for a node without progress.
const BLOCKS_MAX: u32 = 4;
/// How long after the newest question an answer may come: over a slow line it takes its time.
const ANSWER_TIME: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug)]
struct Credit {
    left: u32,
    newest: Instant,
}

/// Shared by the driver, which asks, and the pump, which reads answers.
#[derive(Debug, Default)]
pub struct Asked {
    credits: Mutex<BTreeMap<(NodeId, AnswerKind), Credit>>,
}

impl Asked {
    /// Notes what a message to these peers asks for.
    pub fn note(&self, peers: impl IntoIterator<Item = NodeId>, message: &Message, now: Instant) {
        let Some((kind, count)) = message.asks_for() else {
            return;
        };
        let most = match kind {
            AnswerKind::Batch => BATCHES_MAX,
            AnswerKind::Blocks => BLOCKS_MAX,
        };
        let mut credits = self.credits.lock().unwrap_or_else(PoisonError::into_inner);
        for peer in peers {
            let credit = credits.entry((peer, kind)).or_insert(Credit { left: 0, newest: now });
            if now.saturating_duration_since(credit.newest) > ANSWER_TIME {
                credit.left = 0;
            }
            *credit = Credit { left: credit.left.saturating_add(count).min(most), newest: now };
        }
    }

    /// Takes one answer of this peer from what it was asked for. False when it was not asked.
    #[must_use]
    pub fn take(&self, peer: NodeId, kind: AnswerKind, now: Instant) -> bool {
        let mut credits = self.credits.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(credit) = credits.get_mut(&(peer, kind)) else {
            return false;
        };
        if credit.left == 0 || now.saturating_duration_since(credit.newest) > ANSWER_TIME {
            return false;
        }
        credit.left -= 1;
        true
    }

    /// Keeps only what concerns these peers: bounds the memory by the allow-list.
    pub fn retain(&self, is_allowed: impl Fn(&NodeId) -> bool) {
        let mut credits = self.credits.lock().unwrap_or_else(PoisonError::into_inner);
        credits.retain(|(peer, _), _| is_allowed(peer));
    }
}

#[cfg(test)]
mod tests {
    use quancheng_consensus::message::BlocksRequest;
    use quancheng_types::{BatchId, Digest, Height, List};

    use super::*;

    fn batches(count: usize) -> Message {
        Message::BatchRequest(List::new(vec![BatchId(Digest([1; 32])); count]).unwrap())
    }

    fn blocks() -> Message {
        Message::BlocksRequest(BlocksRequest { from: Height(1), count: 64 })
    }

    #[test]
    fn each_question_admits_its_answers_and_no_more() {
        let (asked, now) = (Asked::default(), Instant::now());
        let (one, other) = (NodeId(Digest([1; 32])), NodeId(Digest([2; 32])));
        assert!(!asked.take(one, AnswerKind::Batch, now), "nothing was asked");
        asked.note([one], &batches(2), now);
        asked.note([one, other], &blocks(), now);
        assert!(!asked.take(other, AnswerKind::Batch, now), "another was asked");
        assert!(asked.take(one, AnswerKind::Batch, now) && asked.take(one, AnswerKind::Batch, now));
        assert!(!asked.take(one, AnswerKind::Batch, now), "two were asked for");
        assert!(asked.take(one, AnswerKind::Blocks, now) && asked.take(other, AnswerKind::Blocks, now));
        assert!(!asked.take(one, AnswerKind::Blocks, now));
    }

    #[test]
    fn questions_are_bounded_and_pass() {
        let (asked, now) = (Asked::default(), Instant::now());
        let peer = NodeId(Digest([1; 32]));
        for _ in 0..100 {
            asked.note([peer], &batches(16), now);
            asked.note([peer], &blocks(), now);
        }
        let answers = |kind, at| (0..1_000).filter(|_| asked.take(peer, kind, at)).count();
        let late = now + ANSWER_TIME + Duration::from_millis(1);
        assert_eq!((answers(AnswerKind::Batch, late), answers(AnswerKind::Blocks, late)), (0, 0));
        assert_eq!((answers(AnswerKind::Batch, now), answers(AnswerKind::Blocks, now)), (256, 4));
        asked.note([peer], &blocks(), now);
        asked.note([peer], &blocks(), late);
        assert_eq!(answers(AnswerKind::Blocks, late), 1, "the old question is over");
        asked.note([peer], &blocks(), late);
        asked.retain(|_| false);
        assert_eq!(answers(AnswerKind::Blocks, late), 0);
    }
}
