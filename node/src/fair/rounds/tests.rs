use proptest::prelude::*;

use super::*;

type Two = Rounds<u8, Rounds<u16, Fifo<(u8, u16, u32)>>>;

fn push(line: &mut Two, class: u8, account: u16, number: u32, weight: u64) {
    line.push((class, (account, ())), (class, account, number), weight);
}

fn drain(line: &mut Two) -> Vec<(u8, u16, u32)> {
    std::iter::from_fn(|| line.pop()).collect()
}

#[test]
fn a_flood_of_one_delays_another_by_one_turn() {
    let mut line = Two::default();
    for number in 0..10_000 {
        push(&mut line, 1, 1, number, 50);
    }
    for _ in 0..100 {
        line.pop();
    }
    push(&mut line, 2, 9, 0, 50);
    let before = drain(&mut line).iter().position(|(class, ..)| *class == 2).unwrap();
    assert!(before as u64 * 50 <= 2 * TURN_WEIGHT, "{before} pieces went before");
}

#[test]
fn a_thousand_new_keys_of_one_class_weigh_as_much_as_one() {
    let mut line = Two::default();
    for account in 0..1_000 {
        for number in 0..10 {
            push(&mut line, 1, account, number, 100);
        }
    }
    for number in 0..100 {
        push(&mut line, 2, 7, number, 100);
    }
    let served = drain(&mut line);
    let of_two: Vec<usize> = served.iter().enumerate().filter(|(_, piece)| piece.0 == 2).map(|(at, _)| at).collect();
    assert!(*of_two.last().unwrap() < 220, "half of the turns are the other class's: {:?}", of_two.last());
}

#[test]
fn heavy_work_is_served_less_often_by_its_weight() {
    let mut line = Two::default();
    for number in 0..1_000 {
        push(&mut line, 1, 1, number, 2_000);
        push(&mut line, 2, 2, number, 50);
    }
    let served = drain(&mut line);
    let heavy_before = served.iter().take_while(|piece| !(piece.0 == 2 && piece.2 == 999)).filter(|p| p.0 == 1).count();
    assert!((20..=30).contains(&heavy_before), "50,000 units of each: {heavy_before}");
}

#[test]
fn leaving_and_coming_again_gains_nothing() {
    let mut line = Two::default();
    for number in 0..1_000 {
        push(&mut line, 1, 1, number, 1_000);
    }
    push(&mut line, 2, 2, 0, 1_000);
    let (mut patient, mut nimble) = (0, 0);
    for _ in 0..400 {
        match line.pop().unwrap() {
            (1, ..) => patient += 1,
            (_, _, number) => {
                nimble += 1;
                push(&mut line, 2, 2, number + 1, 1_000);
            }
        }
    }
    assert!((195..=205).contains(&nimble), "{nimble} against {patient}");
}

proptest! {
    /// Nothing is lost, nothing comes twice, each account keeps its order, and nothing is kept of those who have gone.
    #[test]
    fn everything_comes_out_once_and_in_order(
        pieces in prop::collection::vec((0..3_u8, 0..4_u16, 1..5_000_u64), 0..200),
        pops in prop::collection::vec(any::<bool>(), 0..200),
    ) {
        let (mut line, mut served) = (Two::default(), Vec::new());
        for (number, (class, account, weight)) in (0..).zip(&pieces) {
            push(&mut line, *class, *account, number, *weight);
            if pops.get(number as usize) == Some(&true) {
                let peeked = line.peek().map(|(item, _)| *item);
                let popped = line.pop();
                prop_assert_eq!(peeked, popped);
                served.extend(popped);
            }
        }
        served.extend(drain(&mut line));
        prop_assert!(line.is_empty() && line.members.is_empty());
        prop_assert_eq!(served.len(), pieces.len());
        for class in 0..3 {
            for account in 0..4 {
                let own: Vec<u32> = served.iter().filter(|p| (p.0, p.1) == (class, account)).map(|p| p.2).collect();
                prop_assert!(own.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }
}
