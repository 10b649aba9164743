use super::*;

/// Lengths around the ends of one and two blocks, cut in parts at every place.
#[test]
fn short_and_streamed_hashes_agree() {
    let content: Vec<u8> = (0..=255).collect();
    for length in 0..=content.len() {
        let content = &content[..length];
        let streamed = Digest(Sha256::digest(content).into());
        assert_eq!(sha256(&[content]), streamed, "{length} bytes");
        for cut in [0, 1, 33, 63, 64, 65, 118, 119, 120] {
            if let Some((left, right)) = content.split_at_checked(cut) {
                assert_eq!(sha256(&[left, &[], right]), streamed, "{length} bytes cut at {cut}");
            }
        }
        assert_eq!(short::sha256(&[content]).is_some(), length <= 119, "{length} bytes");
    }
}

#[test]
fn a_tagged_hash_is_the_same_at_once_and_streamed() {
    for length in [0, 1, 40, 90, 100, 119, 200] {
        let content = vec![7; length];
        let mut hasher = Domain::StateKey.hasher();
        hasher.update(&content);
        assert_eq!(Domain::StateKey.hash(&content), hasher.finish(), "{length} bytes");
    }
}

#[test]
fn a_digest_is_shown_as_lower_case_hex() {
    let digest = Digest(core::array::from_fn(|at| u8::try_from(at * 8 + 3).unwrap()));
    let text = digest.to_string();
    assert_eq!(text, "030b131b232b333b434b535b636b737b838b939ba3abb3bbc3cbd3dbe3ebf3fb");
    assert_eq!(text.parse(), Ok(digest));
}

#[test]
fn pieces_give_the_plain_hash_of_the_whole() {
    let content = [7; 300];
    for cut in [0, 1, 64, 299, 300] {
        let mut hasher = Hasher::plain();
        hasher.update(&content[..cut]);
        hasher.update(&content[cut..]);
        assert_eq!(hasher.finish(), sha256(&[&content]), "{cut}");
    }
}
