//! What one liar of four costs the honest, in heights and waits of a small network.
#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]

mod support;

use quancheng_consensus::message::{ProposalMessage, Status};
use quancheng_consensus::{Input, Message};
use quancheng_types::{Height, Parameters, Proposal, Round, SignedProposal, ValidatorId};
use support::{Network, chain_id, key, node_id};

fn load(network: &mut Network, until_ms: u64) {
    while network.now_ms < until_ms {
        (0..3).for_each(|node| network.submit(node));
        network.run(network.now_ms + 20, |_| false);
    }
}

#[test]
fn a_proposer_just_in_time_does_not_stretch_the_wait_for_itself() {
    let mut network = Network::new(3, &[0, 1, 2, 3], &[]);
    network.tolerant = true;
    network.filter = Some(Box::new(|from, _, now_ms, message| {
        let delay_ms = [0, 100, 300, 440][usize::try_from(now_ms / 1_000).unwrap().min(3)];
        Some(if from == 3 && matches!(message, Message::Proposal(_)) { delay_ms } else { 0 })
    }));
    load(&mut network, 4_000);
    let before = network.committed(0);
    load(&mut network, 8_000);
    let heights = network.committed(0) - before;
    // One each 8 ms is all that nodes begin of their own accord.
    assert!(heights > 150, "{heights} heights in four seconds");
}

#[test]
fn no_follower_makes_a_node_unready_by_a_claim() {
    let mut network = Network::new(11, &[0, 1, 2, 3], &[4]);
    network.run(500, |_| false);
    let message = Message::Status(Status { committed: Height(u64::MAX) });
    (0..4).for_each(|node| network.inject(node, 4, 0, message.clone()));
    network.run(600, |_| false);
    for node in 0..4 {
        let status = network.nodes[node].engine.as_ref().unwrap().status();
        assert!(status.claimed <= status.committed.next(), "{status:?}");
    }
}

fn id(index: u8) -> ValidatorId {
    ValidatorId::of(&key(index).public_key())
}

/// How far the results of a node reach.
fn executed(network: &Network, node: usize) -> u64 {
    network.nodes[node].disk.executed.last().map_or(0, |executed| executed.height.0)
}

/// The liar offers its batches to all but one, and does not serve them to it; then it falls silent. The victim has to fetch them from the
/// others, which acknowledged them too, or it would be missing when the liar is gone.
#[test]
fn a_source_that_keeps_its_batches_from_one_stops_nobody() {
    for (liar, victim) in [(0, 1), (1, 2), (2, 3), (3, 0), (3, 1)] {
        let mut network = Network::new(4, &[0, 1, 2, 3], &[]);
        network.tolerant = true;
        network.filter = Some(Box::new(move |from, to, _, message| {
            let is_batch = matches!(message, Message::BatchOffer(_) | Message::BatchResponse(_));
            (!(from == liar && to == victim && is_batch)).then_some(0)
        }));
        network.run(300, |_| false);
        for sequence in 10..50 {
            network.submit_as(liar, 480, 10, sequence);
            (0..4).filter(|node| *node != liar).for_each(|node| network.submit(node));
            network.run(network.now_ms + 500, |_| false);
        }
        let (decided, done) = (network.committed((victim + 1) % 4), executed(&network, victim));
        assert!(done + 20 > decided && decided > 40, "{liar} {victim}: {done} of {decided} executed");
        network.crash(liar);
        let others: Vec<usize> = (0..4).filter(|node| *node != liar).collect();
        for _ in 0..20 {
            others.iter().for_each(|node| network.submit(*node));
            network.run(network.now_ms + 500, |_| false);
        }
        let after = network.committed(victim);
        assert!(after > decided + 20, "{liar} {victim}: {after} after {decided}");
    }
}

/// A proposal of the liar for a later round of its own, with some block for the next height.
fn early(network: &Network, liar: u8, round: u32) -> Message {
    let mut block = network.nodes[0].disk.blocks.values().next_back().unwrap().block.clone();
    block.header.height = block.header.height.next();
    block.header.proposer = id(liar);
    block.header.round = Round(round);
    let proposal = Proposal {
        chain_id: chain_id(),
        height: block.header.height,
        round: block.header.round,
        block_id: block.id(),
        pol_round: None,
    };
    let signature = key(liar).sign(proposal.sign_message().as_bytes());
    let signed = SignedProposal { proposal, validator: id(liar), signature };
    Message::Proposal(Box::new(ProposalMessage { signed, block }))
}

/// On an idle chain the liar gives some a reason to start a height, and not the one whose turn it is: that would be thought absent.
#[test]
fn nobody_is_made_to_miss_turns_by_what_it_was_not_told() {
    let mut network = Network::new(1, &[0, 1, 2, 3], &[]);
    network.tolerant = true;
    network.run(300, |_| false);
    for step in 0..3_000_u64 {
        if step % 150 == 0 {
            network.submit(1);
        }
        for victim in 0..3_u8 {
            let message = early(&network, 3, 1 + u32::try_from(step % 4).unwrap());
            (0..3).filter(|to| *to != usize::from(victim)).for_each(|to| network.inject(to, 3, 0, message.clone()));
        }
        network.run(network.now_ms + 20, |_| false);
    }
    let tip = network.nodes[0].disk.blocks.values().next_back().unwrap();
    let honest: Vec<ValidatorId> = (0..3).map(id).collect();
    let absences = &tip.block.attendance.absences;
    assert!(absences.iter().all(|absence| !honest.contains(&absence.validator)), "{absences:?}");
    assert!(network.committed(0) > 20);
}

/// What an author sealed in a life that it lost takes the allowance of nothing that it seals now.
#[test]
fn an_author_that_lost_its_data_gets_a_quorum_again() {
    let parameters = Parameters { heartbeat_ms: 2_000, author_weight_max: 20_000, ..Parameters::default() };
    let mut network = Network::with(8, &[0, 1, 2, 3], &[], parameters);
    network.tolerant = true;
    network.filter = Some(Box::new(|from, to, now_ms, message| {
        let is_lost = now_ms < 2_000
            && ((to == 0 && matches!(message, Message::BatchAck(_)))
                || (to == 3 && from == 0 && matches!(message, Message::BatchOffer(_))));
        (!is_lost).then_some(0)
    }));
    network.run(300, |_| false);
    network.submit_as(0, 1, 20_000, 10);
    network.run(1_900, |_| false);
    network.crash(0);
    network.nodes[0].disk.batches.retain(|_, batch| batch.header.author != id(0));
    network.run(2_500, |_| false);
    network.start(0);
    network.run(4_000, |_| false);
    let batch = network.submit_as(0, 1, 1_000, 1_800_000_000_000);
    network.run(20_000, |_| false);
    assert!(network.ordered(1).contains(&batch));
}

/// Time in which a node catches up 200 blocks when one of three sources is silent.
fn caught_up_ms(reconnects: bool) -> u64 {
    let mut network = Network::new(22, &[0, 1, 2, 3], &[]);
    network.tolerant = true;
    network.run(300, |_| false);
    network.cut.insert(0);
    while network.committed(1) < 200 {
        (1..4).for_each(|node| network.submit(node));
        network.run(network.now_ms + 15, |_| false);
    }
    network.filter = Some(Box::new(|from, to, _, message| {
        (!(from == 3 && to == 0 && matches!(message, Message::BlocksResponse(_)))).then_some(0)
    }));
    network.cut.clear();
    let (begun_ms, target) = (network.now_ms, network.committed(1));
    let mut next_ms = begun_ms;
    while network.committed(0) < target && network.now_ms < begun_ms + 40_000 {
        if network.now_ms >= next_ms {
            if reconnects {
                network.input(0, Input::PeerDown { peer: node_id(3) });
                network.input(0, Input::PeerUp { peer: node_id(3) });
            }
            network.inject(0, 3, 1, Message::Status(Status { committed: Height(u64::MAX) }));
            next_ms += 1_010;
        }
        network.run(network.now_ms + 10, |_| false);
    }
    network.now_ms - begun_ms
}

#[test]
fn a_silent_source_gains_nothing_by_connecting_anew() {
    let (stays, reconnects) = (caught_up_ms(false), caught_up_ms(true));
    assert!(reconnects <= 2 * stays.max(1_000), "{reconnects} ms, {stays} ms without");
}

/// Of seven one is dead and one keeps its proposals to itself: a few turns are lost, then the others go on as before.
#[test]
fn two_of_seven_that_do_not_propose_cost_a_few_rounds() {
    let mut network = Network::new(10, &[0, 1, 2, 3, 4, 5, 6], &[]);
    network.tolerant = true;
    network.crash(5);
    network.filter =
        Some(Box::new(|from, _, _, message| (!(from == 6 && matches!(message, Message::Proposal(_)))).then_some(0)));
    load(&mut network, 10_000);
    let before = network.committed(0);
    load(&mut network, 20_000);
    let heights = network.committed(0) - before;
    assert!(heights > 200, "{heights} heights in ten seconds");
}
