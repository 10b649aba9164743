//! Blocks of peers do not carry a node over into rules that it does not carry.

use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{Block, CommitCertificate, Header, List, VersionPlan};

use super::hostile::{block, hear, running};
use super::*;
use crate::message::{CommittedBlock, Status};
use crate::ordering::schedule::Schedule;

/// As three others decided it.
fn decided(block: Block) -> CommittedBlock {
    let (height, block_id) = (block.header.height, block.id());
    let mut certificate = CommitCertificate { height, round: Round(0), block_id, signatures: List::empty() };
    let message = certificate.sign_message(chain_id());
    let sign = |index| CertificateSignature { validator: id_of(index), signature: key(index).sign(message.as_bytes()) };
    let mut signatures: Vec<_> = (1..4).map(sign).collect();
    signatures.sort_by_key(|entry| entry.validator);
    certificate.signatures = List::new(signatures).unwrap();
    CommittedBlock { block, certificate }
}

#[test]
fn the_sync_stops_before_a_version_that_this_build_does_not_carry() {
    let mut engine = running();
    let plan = VersionPlan { version: 9, notice: Text::new("install 9").unwrap() };
    let mut schedules = rules(4);
    schedules.versions.decide(Height(0), Height(2), plan.clone()).unwrap();
    engine.schedule = Schedule::new(schedules, Height(0), Height(1), engine.planted).unwrap();
    let first = block(&engine, 1, EPOCH_MS);
    let mut second = first.clone();
    let (height, parent) = (Height(2), first.id());
    second.header = Header { version: 9, height, parent, time_ms: EPOCH_MS + 1, ..second.header };
    let asked = hear(&mut engine, 2, Message::Status(Status { committed: Height(2) }));
    assert!(asked.iter().any(|action| matches!(action, Action::Send { message: Message::BlocksRequest(_), .. })));
    let answer = Message::BlocksResponse(List::new(vec![decided(first), decided(second)]).unwrap());
    let actions = hear(&mut engine, 2, answer);
    let mut committed = Vec::new();
    for action in &actions {
        if let Action::Commit(commit) = action {
            committed.push(commit.decided.block.header.height);
        }
    }
    assert_eq!(committed, [Height(1)]);
    // What was decided is flushed first.
    let place = |wanted: fn(&Action) -> bool| actions.iter().position(wanted);
    let flushed = place(|action| matches!(action, Action::Flush)).unwrap();
    assert!(place(|action| matches!(action, Action::Commit(_))).unwrap() < flushed);
    assert_eq!(actions.last(), Some(&Action::Halt(HaltReason::UnknownVersion { height, plan })));
    assert!(flushed < actions.len() - 1);
    assert_eq!(engine.step(now(6_000), Input::Tick), []);
}
