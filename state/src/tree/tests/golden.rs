//! Roots that no release may change, computed by another program from the definition.

use super::*;

fn root_of(count: u16) -> String {
    let mut tree = Harness::new::<ChainHasher>(0);
    let keys = (0..count).map(|n| (quancheng_proof::state_proof::key_hash(&n.to_be_bytes()), Some(7)));
    tree.apply::<ChainHasher>(&keys.collect()).unwrap();
    tree.root.hash.to_string()
}

#[test]
fn small_trees_have_golden_roots() {
    let golden = [
        (0, "0000000000000000000000000000000000000000000000000000000000000000"),
        (1, "c8fda3155b574d75b205ce2ca74eb4ca5a2bf3c37822116ec6de0f406a74eedd"),
        (2, "5bbfb38c51a8e19b3ee90a759b24ece8b7642c89e234a4897198620198a1c420"),
        (3, "baf3a243752828ad05cf3ebb14cf7cb72340a532e390dab07027a2a0083dca2c"),
        (16, "5dd6e024dbbbff355194c9fb2f9d8b16e2bb2858453bdd0eb07ddb0eee3092ae"),
        (33, "1f9113d105ce944b4a79ed9398b0a87f4b4516775e653a2dc64c5a86d4562b90"),
        (1000, "02e049afeba54b8da89dda859143b3b1b31558e08d64e4763c50fca7fa3a2374"),
    ];
    for (count, root) in golden {
        assert_eq!(root_of(count), root, "{count} keys");
    }
}
