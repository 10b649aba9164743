use super::*;

/// A text of ASCII in an encoding.
fn written(encoding: Encoding, marks: usize, text: &[u8]) -> Vec<u8> {
    let unit = |byte: &u8| {
        let mut unit = vec![0; encoding.width()];
        let at = if matches!(encoding, Encoding::Utf16Be | Encoding::Utf32Be) { unit.len() - 1 } else { 0 };
        unit[at] = *byte;
        unit
    };
    [encoding.mark().repeat(marks), text.iter().flat_map(unit).collect()].concat()
}

#[test]
fn every_encoding_is_told_with_and_without_its_mark() {
    for encoding in Encoding::ALL {
        for marks in 0..3 {
            let found = |text: &[u8]| Reencoded::of(&written(encoding, marks, text));
            // UTF-8 without a mark is what a bundle is in.
            let is_foreign = marks > 0 || encoding != Encoding::Utf8Marked;
            let told = |is_compact| is_foreign.then_some(Reencoded { encoding, is_compact });
            assert_eq!(found(b"{}"), told(false), "{encoding:?} {marks}");
            assert_eq!(found(b" \r\n\t\x0C{"), told(false), "{encoding:?} {marks}");
            assert_eq!(found(b"QCBUNDLE\x01"), told(true), "{encoding:?} {marks}");
            // No bundle before it was saved either.
            for text in [&b""[..], b" ", b"[", b"QCBUNDL", b" QCBUNDLE", b"\x01{"] {
                assert_eq!(found(text), None, "{encoding:?} {marks} {text:?}");
            }
        }
    }
}

/// Beginnings that look like a mark or a unit and are none.
#[test]
fn what_is_in_no_other_encoding_is_not_told_as_such() {
    for bytes in [&b"\xEF\xBB{"[..], b"\xFF{\0", b"\xFE\xFF{\0", b"\xFF\xFE\0{", b"{", b"\0", b"\xFF\xFE", b"Q\0C\0B"] {
        assert_eq!(Reencoded::of(bytes), None, "{bytes:?}");
    }
}
