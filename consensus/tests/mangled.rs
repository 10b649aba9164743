//! Somebody passes on proposals of others with another body than their id names, and gets there first.
//!
//! Where a block id did not fix the certificates beside its batches, one such copy was enough: its receiver judged the block invalid for
//! ever, and with the sender silent afterwards no quorum was left at that height.
#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]

mod support;

use std::collections::BTreeSet;

use quancheng_consensus::Offence;
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{BatchCertificate, BatchRef, Block, Height, List, ValidatorId, VoteType};
use support::{Mangler, Network, key};

const D: usize = 3;

fn spoil(block: &mut Block, how: impl FnOnce(&mut Vec<BatchRef>)) {
    let mut batches = std::mem::take(&mut block.batches).into_vec();
    how(&mut batches);
    block.batches = List::new(batches).unwrap();
}

fn spoil_signatures(block: &mut Block, how: impl FnOnce(&mut Vec<CertificateSignature>)) {
    spoil(block, |batches| {
        let mut signatures = batches[0].certificate.signatures.to_vec();
        how(&mut signatures);
        batches[0].certificate.signatures = List::new(signatures).unwrap();
    });
}

/// The same batches with empty certificates.
fn empty_certificates(block: &mut Block) {
    spoil(block, |batches| batches.iter_mut().for_each(|batch| batch.certificate = BatchCertificate::default()));
}

/// Certificates emptied, one signature less, one of another validator, no batches at all, every batch twice.
const WAYS: [fn(&mut Block); 5] = [
    empty_certificates,
    |block| spoil_signatures(block, |signatures| signatures.truncate(signatures.len() - 1)),
    |block| spoil_signatures(block, |signatures| signatures[0].signature = signatures[1].signature),
    |block| spoil(block, Vec::clear),
    |block| spoil(block, |batches| batches.extend(batches.clone())),
];

fn network(seed: u64, liar: usize, victims: &[usize], spoil: fn(&mut Block)) -> Network {
    let mut network = Network::new(seed, &[0, 1, 2, 3], &[4]);
    network.mangler = Some(Mangler {
        node: liar,
        victims: victims.iter().copied().collect(),
        spoil,
        heights: BTreeSet::new(),
        blames: Vec::new(),
    });
    network
}

/// Heights whose block D prevoted, after it spoilt that block for its victims.
fn trapped(network: &Network) -> bool {
    let d = ValidatorId::of(&key(3).public_key());
    let heights = &network.mangler.as_ref().unwrap().heights;
    let prevoted = |height: &Height| {
        network.signed.iter().any(|((who, at, _, kind), values)| {
            *who == d && at == height && *kind == VoteType::Prevote && values.iter().any(Option::is_some)
        })
    };
    heights.iter().any(|height| prevoted(height) && network.committed(0) < height.0)
}

/// Runs under load until D has set the trap, then silences it.
fn set_the_trap(network: &mut Network) {
    for _ in 0..200 {
        (0..3).for_each(|node| network.submit(node));
        if network.run(network.now_ms + 40, trapped) {
            network.cut.insert(D);
            return;
        }
    }
    panic!("D found no proposal to spoil");
}

/// So many further blocks at the three others.
fn goes_on(network: &mut Network, blocks: u64) {
    let nodes = [0, 1, 2];
    let target = nodes.map(|node| network.committed(node)).into_iter().max().unwrap() + blocks;
    let until_ms = network.now_ms + 60_000;
    while network.now_ms < until_ms {
        nodes.iter().for_each(|node| network.submit(*node));
        let pause = network.now_ms + 40;
        if network.run(pause, |network| nodes.iter().all(|node| network.committed(*node) >= target)) {
            network.check(&[]);
            return;
        }
    }
    let status: Vec<_> =
        nodes.iter().map(|node| network.nodes[*node].engine.as_ref().map(|engine| engine.status())).collect();
    panic!("no quorum at a height: {status:#?}");
}

fn blamed(network: &Network) -> BTreeSet<usize> {
    let blames = &network.mangler.as_ref().unwrap().blames;
    assert!(blames.iter().all(|(_, offence)| matches!(offence, Offence::BadBlock | Offence::Stranger)), "{blames:?}");
    blames.iter().map(|(node, _)| *node).collect()
}

#[test]
fn a_mangled_copy_that_comes_first_stops_nothing_and_its_carrier_is_blamed() {
    for (seed, spoil) in (1..).zip(WAYS) {
        let mut network = network(seed, D, &[1], spoil);
        set_the_trap(&mut network);
        goes_on(&mut network, 20);
        assert_eq!(blamed(&network), BTreeSet::from([1]));
    }
}

#[test]
fn mangled_copies_for_everybody_stop_nothing() {
    let mut network = network(21, D, &[0, 1, 2], empty_certificates);
    set_the_trap(&mut network);
    goes_on(&mut network, 20);
    assert!(!blamed(&network).is_empty());
}

#[test]
fn restarts_of_one_and_of_all_bring_no_verdict_about_a_mangled_copy_back() {
    for restarted in [&[1][..], &[0, 1, 2]] {
        let mut network = network(5, D, &[1], empty_certificates);
        set_the_trap(&mut network);
        // Long enough for the victim to hear both copies and to vote.
        network.run(network.now_ms + 30, |_| false);
        restarted.iter().for_each(|node| network.crash(*node));
        restarted.iter().for_each(|node| network.start(*node));
        goes_on(&mut network, 20);
    }
}

/// As a proposer D needs no race: its victims get nothing else from it. What the others decided reaches them from the others.
#[test]
fn a_proposer_that_shows_one_validator_a_mangled_body_stops_nothing() {
    for seed in 1..4 {
        let mut network = network(seed, D, &[1], empty_certificates);
        for _ in 0..100 {
            (0..4).for_each(|node| network.submit(node));
            let pause = network.now_ms + 40;
            network.run(pause, |_| false);
        }
        network.cut.insert(D);
        goes_on(&mut network, 20);
        assert_eq!(blamed(&network), BTreeSet::from([1]));
    }
}

/// A follower is no validator: what it says about the agreement is not even looked at, and it loses its hearing.
#[test]
fn a_follower_that_races_to_everybody_costs_no_block() {
    let mut network = network(31, 4, &[0, 1, 2, 3], empty_certificates);
    let nodes = [0, 1, 2, 3];
    for _ in 0..100 {
        nodes.iter().for_each(|node| network.submit(*node));
        let pause = network.now_ms + 40;
        network.run(pause, |_| false);
    }
    let blocks = network.committed(0);
    assert!(blocks > 100, "{blocks}");
    let rounds: Vec<_> = network.signed.keys().filter(|(_, _, round, _)| round.0 > 0).collect();
    assert!(rounds.is_empty(), "a round was lost: {rounds:?}");
    assert_eq!(blamed(&network), nodes.into());
    let blames = &network.mangler.as_ref().unwrap().blames;
    assert!(blames.iter().all(|(_, offence)| *offence == Offence::Stranger));
    network.check(&[]);
}

/// Every node that stays with the chain holds the same bytes of every block; only who signed its commitment may differ.
#[test]
fn all_nodes_hold_the_same_body_of_every_height() {
    let mut network = network(41, D, &[0, 1, 2], empty_certificates);
    network.loss_permille = 50;
    for _ in 0..100 {
        (0..4).for_each(|node| network.submit(node));
        let pause = network.now_ms + 40;
        network.run(pause, |_| false);
    }
    let least = (0..5).map(|node| network.committed(node)).min().unwrap();
    assert!(least > 20, "{least}");
    for height in 1..=least {
        let bodies: BTreeSet<_> =
            network.nodes.iter().map(|node| node.disk.blocks[&Height(height)].block.encode()).collect();
        assert_eq!(bodies.len(), 1, "height {height}");
    }
}
