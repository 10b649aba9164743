//! Files that somebody names, read whole: plain ones, of a bounded size. The size that a file states bounds nothing — a device states
//! none and has no end — so it is the reading that is bounded.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a plain file of at most so many bytes; a link is followed.
///
/// # Errors
/// [`io::Error`]: of kind [`IsADirectory`](io::ErrorKind::IsADirectory) or [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no
/// plain file, [`FileTooLarge`](io::ErrorKind::FileTooLarge) beyond the bound, else what the system says.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    check(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    check(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > bytes_max) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {bytes_max} bytes")));
    }
    Ok(bytes)
}

fn check(meta: &fs::Metadata) -> io::Result<()> {
    if meta.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "a folder, not a file"));
    }
    if !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no plain file (a device or pipe)"));
    }
    Ok(())
}
