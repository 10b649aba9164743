//! Places in the stream.

use std::fmt;
use std::str::FromStr;

use quancheng_types::Height;

use super::super::super::params::number;

/// Place of an event. The event that ends a block stands at the position after its last receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Height of the block.
    pub(super) height: Height,
    /// Place of the receipt in the block.
    pub(super) position: u32,
    /// Place of the event in the receipt.
    pub(super) index: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.height, self.position, self.index)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '-');
        let mut next = || parts.next().ok_or(());
        let height = Height(number(next()?).ok_or(())?);
        let position = number(next()?).ok_or(())?;
        let index = number(next()?).ok_or(())?;
        Ok(Self { height, position, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_read_and_ordered() {
        let position = Position { height: Height(12), position: 3, index: 4 };
        assert_eq!(position.to_string(), "12-3-4");
        assert_eq!("12-3-4".parse(), Ok(position));
        assert!(position < "12-3-5".parse().expect("position"));
        assert!(position < "13-0-0".parse().expect("position"));
        for text in ["", "1", "1-2", "1-2-", "1-2-3-4", "a-b-c", "-1-2-3", "+1-2-3", "1-+2-3", "1-2-4294967296"] {
            assert_eq!(text.parse::<Position>(), Err(()), "{text}");
        }
    }
}
