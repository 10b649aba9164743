//! Frames on a stream: a length of four bytes, big-endian, then the content. Length zero is a keep-alive.

use core::{fmt, time::Duration};
use std::io;

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Memory is taken for at most this much more than what has arrived, so a length alone costs the receiver little.
const READ_STEP_BYTES: usize = 256 * 1024;

/// Why a lane's stream ended.
#[derive(Debug)]
pub(super) enum LaneEnd {
    /// The peer closed the stream between two frames.
    Closed,
    /// The stream broke.
    Io(io::Error),
    /// The peer announced a frame above the limit.
    Oversized { bytes: u32, bytes_max: u32 },
    /// The peer sent nothing for too long.
    Idle,
    /// Nobody takes the frames any more.
    Unwanted,
}

impl fmt::Display for LaneEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the peer"),
            Self::Io(error) => write!(f, "broken: {error}"),
            Self::Oversized { bytes, bytes_max } => {
                write!(f, "the peer announced a frame of {bytes} bytes, the limit is {bytes_max}")
            }
            Self::Idle => f.write_str("the peer was silent for too long"),
            Self::Unwanted => f.write_str("no longer wanted"),
        }
    }
}

impl From<io::Error> for LaneEnd {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Closed } else { Self::Io(error) }
    }
}

/// Reads one frame; empty for a keep-alive. The length is checked before memory is taken. With `idle`, each wait for
/// bytes is bounded.
pub(super) async fn read_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
    bytes_max: u32,
    idle: Option<Duration>,
) -> Result<Bytes, LaneEnd> {
    let mut header = [0; 4];
    read_exact(reader, &mut header, idle).await?;
    let bytes = u32::from_be_bytes(header);
    if bytes > bytes_max {
        return Err(LaneEnd::Oversized { bytes, bytes_max });
    }
    let length = usize::try_from(bytes).map_err(|_| LaneEnd::Oversized { bytes, bytes_max })?;
    let mut content = Vec::new();
    while content.len() < length {
        let start = content.len();
        // Steps double, so a long frame is moved a constant number of times on average.
        let end = length.min(start + start.max(READ_STEP_BYTES));
        content.reserve_exact(end - start);
        content.resize(end, 0);
        read_exact(reader, &mut content[start..], idle).await?;
    }
    Ok(Bytes::from(content))
}

async fn read_exact<R: AsyncRead + Unpin>(
    reader: &mut R,
    mut into: &mut [u8],
    idle: Option<Duration>,
) -> Result<(), LaneEnd> {
    while !into.is_empty() {
        let read = match idle {
            Some(limit) => tokio::time::timeout(limit, reader.read(into)).await.map_err(|_| LaneEnd::Idle)??,
            None => reader.read(into).await?,
        };
        if read == 0 {
            return Err(LaneEnd::Closed);
        }
        into = &mut into[read..];
    }
    Ok(())
}

/// Writes one frame without flushing. The caller has checked its length; one of 4 GiB or more is an error.
pub(super) async fn write_frame<W: AsyncWrite + Unpin>(writer: &mut W, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    writer.write_all(&length.to_be_bytes()).await?;
    writer.write_all(content).await
}

/// Whole frames at the beginning of what a peer sent, for fuzz targets.
#[cfg(feature = "fuzzing")]
#[must_use]
pub fn read_frames(mut bytes: &[u8], bytes_max: u32) -> Vec<Bytes> {
    use futures::FutureExt as _;

    let mut frames = Vec::new();
    // Reading from memory never waits.
    while let Some(Ok(frame)) = read_frame(&mut bytes, bytes_max, None).now_or_never() {
        frames.push(frame);
    }
    frames
}
