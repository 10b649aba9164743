//! What the newest heights took away: bounded, and never answering for a height that fell out.

use super::*;
use crate::tree::recent::HeightUndo;

#[test]
fn old_roots_go_and_say_so() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    for height in 0_u16..200 {
        let block: Block = (0..20).map(|n| (height.wrapping_mul(7).wrapping_add(n * 13) % 240, Some(1))).collect();
        tree.apply::<ChainHasher>(&block).unwrap();
    }
    let (oldest, (_, heights)) = (tree.recent.oldest(), tree.recent.held());
    assert_eq!((oldest, heights), (Height(199 - 72), 72));
    let probes: BTreeSet<Digest> = (0..240).step_by(31).map(key).collect();
    for height in [199, 160, 199 - 72] {
        tree.check_height::<ChainHasher>(height, &probes);
    }
    let reader = tree.reader::<ChainHasher>(126);
    let gone = StoreError::RootGone { height: Height(126), oldest };
    assert_eq!((reader.root(), reader.prove(&key(3))), (Err(gone.clone()), Err(gone)));
}

#[test]
fn memory_is_bounded_but_for_one_height() {
    let undo = |height: u64, leaves: usize| HeightUndo {
        height: Height(height),
        slots: Vec::new(),
        leaves: vec![(Digest::ZERO, None); leaves],
    };
    let recent = Recent::new(Height(10), 10_000);
    recent.begin(undo(11, 20));
    let (each, _) = recent.held();
    assert!(each > 20 * 32);
    recent.begin(undo(11, 20));
    assert_eq!(recent.held(), (each, 1), "a height that was noted and not written");
    for height in 12..40 {
        recent.begin(undo(height, 20));
        assert!(recent.held().0 <= 10_000);
    }
    recent.begin(undo(40, 10_000));
    assert_eq!((recent.held().1, recent.oldest()), (1, Height(39)), "the newest but one root stays");
    assert_eq!(Recent::new(Height(10), 0).oldest(), Height(10));
}
