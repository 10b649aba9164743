use super::*;

fn leaf(i: u64) -> Digest {
    leaf_hash(&i.to_be_bytes())
}

/// The definition, word for word (RFC 9162 §2.1.1), independent of the incremental form.
fn reference(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        many => {
            let k = usize::try_from(split(many.len() as u64)).unwrap();
            node_hash(&reference(&many[..k]), &reference(&many[k..]))
        }
    }
}

#[test]
fn incremental_root_is_the_defined_root() {
    let mut builder = RootBuilder::new();
    let mut leaves = Vec::new();
    for i in 0..130 {
        assert_eq!(builder.root(), reference(&leaves), "size {i}");
        builder.push(leaf(i));
        leaves.push(leaf(i));
    }
}

#[test]
fn every_path_leads_to_the_root_and_no_other_leaf_does() {
    for size in 1..70_u64 {
        let leaves: Vec<Digest> = (0..size).map(leaf).collect();
        let root = root(&leaves);
        for index in 0..size {
            let path = Path::of(&leaves, index).unwrap();
            assert_eq!(path.root(leaf(index)), Some(root), "{index} of {size}");
            assert_ne!(path.root(leaf(index + 1)), Some(root));
            // Any other claimed size or index must not verify with the same siblings, or lead elsewhere.
            for (index, size) in [(index + 1, size), (index, size + 1), (index, size - 1)] {
                let forged = Path { index, size, siblings: path.siblings.clone() };
                if size.next_power_of_two() != path.size.next_power_of_two() || forged.index != path.index {
                    assert_ne!(
                        (forged.root(leaf(path.index)), forged.index, forged.size),
                        (Some(root), path.index, path.size)
                    );
                }
            }
        }
        assert!(Path::of(&leaves, size).is_none());
    }
}

#[test]
fn a_path_of_wrong_length_leads_nowhere() {
    let leaves: Vec<Digest> = (0..5).map(leaf).collect();
    let path = Path::of(&leaves, 2).unwrap();
    let longer =
        Path { siblings: List::new([path.siblings.to_vec(), vec![leaf(9)]].concat()).unwrap(), ..path.clone() };
    let shorter = Path { siblings: List::new(path.siblings[1..].to_vec()).unwrap(), ..path.clone() };
    assert_eq!(longer.root(leaf(2)), None);
    assert_eq!(shorter.root(leaf(2)), None);
    assert_eq!(Path { index: 5, ..path }.root(leaf(2)), None);
}

#[test]
fn golden_roots() {
    assert_eq!(empty_root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(leaf_hash(b"").to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}
