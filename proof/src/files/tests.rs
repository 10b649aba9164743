use super::FileHasher;

/// FIPS 180-4 and GB/T 32905 annex A: the digests of `abc`.
#[test]
fn digests_of_the_standards() {
    let mut hasher = FileHasher::new();
    hasher.update(b"a");
    hasher.update(b"");
    hasher.update(b"bc");
    let file = hasher.finish("abc.txt");
    assert_eq!(file.size, 3);
    assert_eq!(file.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(file.sm3.to_string(), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
}
