use super::*;

fn leaves(size: u64) -> Vec<Digest> {
    (0..size).map(|i| merkle::leaf_hash(&i.to_be_bytes())).collect()
}

#[test]
fn it_leads_where_the_sized_path_leads() {
    for size in 1..130_u64 {
        let leaves = leaves(size);
        let root = merkle::root(&leaves);
        for index in 0..size {
            let path = ReceiptPath::from_path(&Path::of(&leaves, index).unwrap()).unwrap();
            let leaf = leaves[usize::try_from(index).unwrap()];
            assert_eq!(path.root(u32::try_from(index).unwrap(), leaf), Some(root), "{index} of {size}");
        }
    }
}

/// Nothing but the place and the right siblings leads to the root: no second `inner`, no second place.
#[test]
fn no_other_place_or_shape_leads_there() {
    for size in 1..40_u64 {
        let leaves = leaves(size);
        let root = merkle::root(&leaves);
        for index in 0..size {
            let path = ReceiptPath::from_path(&Path::of(&leaves, index).unwrap()).unwrap();
            let leaf = leaves[usize::try_from(index).unwrap()];
            for inner in 0..=u8::MAX {
                let other = ReceiptPath { inner, ..path.clone() };
                if other != path {
                    assert_ne!(
                        other.root(u32::try_from(index).unwrap(), leaf),
                        Some(root),
                        "{index} of {size}, {inner}"
                    );
                }
            }
        }
    }
}

#[test]
fn paths_that_do_not_fit_are_refused() {
    let path = Path::of(&leaves(5), 2).unwrap();
    assert!(ReceiptPath::from_path(&Path { index: 5, ..path.clone() }).is_none());
    assert!(ReceiptPath::from_path(&Path { size: 0, ..path.clone() }).is_none());
    assert!(ReceiptPath::from_path(&Path { size: 9, ..path.clone() }).is_none());
    assert!(ReceiptPath::from_path(&Path { size: u64::MAX, ..path }).is_none());
}
