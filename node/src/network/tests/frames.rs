//! Frames of bytes that nobody wrote.

use super::*;

/// The limit of these tests, bytes.
const BYTES_MAX: u32 = 300;

/// Reads until the stream ends: the frames, the end, and how many bytes they took.
fn read_all(stream: &[u8]) -> (Vec<Vec<u8>>, LaneEnd, usize) {
    let mut reader = Cursor::new(stream);
    let mut frames = Vec::new();
    let mut taken = 0;
    loop {
        match block_on(read_frame(&mut reader, BYTES_MAX, None)) {
            Ok(frame) => {
                taken += 4 + frame.len();
                frames.push(frame.to_vec());
            }
            Err(end) => return (frames, end, taken),
        }
    }
}

proptest! {
    /// Never a panic; what was read, written again, is the beginning of the stream; the end is what stands there.
    #[test]
    fn any_stream_is_read_up_to_its_fault(
        lengths in prop::collection::vec(prop_oneof![3 => 0..20_u32, 1 => any::<u32>()], 0..6),
        filler in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut stream = Vec::new();
        for length in lengths {
            stream.extend_from_slice(&length.to_be_bytes());
            stream.extend(std::iter::repeat_n(filler, usize::try_from(length.min(20)).unwrap()));
        }
        stream.truncate(cut.index(stream.len() + 1));
        let (frames, end, taken) = read_all(&stream);
        prop_assert!(frames.iter().all(|frame| frame.len() <= 300));
        prop_assert_eq!(&frames_bytes(&frames)[..], &stream[..taken]);
        match end {
            LaneEnd::Oversized { bytes, bytes_max } => {
                prop_assert_eq!(&bytes.to_be_bytes()[..], &stream[taken..taken + 4]);
                prop_assert!(bytes > bytes_max);
            }
            LaneEnd::Closed => prop_assert!(stream.len() - taken < 4 + 300),
            LaneEnd::Io(_) | LaneEnd::Idle | LaneEnd::Unwanted => prop_assert!(false, "{end:?}"),
        }
    }

    #[test]
    fn any_bytes_end_in_a_reason(stream in prop::collection::vec(any::<u8>(), 0..100)) {
        let (frames, _, taken) = read_all(&stream);
        prop_assert_eq!(&frames_bytes(&frames)[..], &stream[..taken]);
    }
}
