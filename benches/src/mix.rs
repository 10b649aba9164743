//! How much of each kind of operation.

use std::str::FromStr;

/// Shares of a load, in parts: notarizations, registrations, and reads of bundles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mix {
    pub(crate) notarize: u32,
    pub(crate) register: u32,
    pub(crate) read: u32,
}

/// Greatest number of parts of one kind.
const PARTS_MAX: u32 = 10_000;

impl Mix {
    /// Notarizations alone.
    pub(crate) const NOTARIZE: Self = Self { notarize: 1, register: 0, read: 0 };
    /// Registrations alone.
    pub(crate) const REGISTER: Self = Self { notarize: 0, register: 1, read: 0 };
    /// What `--kind mixed` means where nothing else is said: a city files much, looks at some of it, and registers a little.
    pub(crate) const CITY: Self = Self { notarize: 80, register: 5, read: 15 };

    fn submitted(self) -> u32 {
        self.notarize + self.register
    }

    /// Of so many operations, those that read.
    pub(crate) fn reads_of(self, count: usize) -> usize {
        let (read, all) = (u128::from(self.read), u128::from(self.submitted() + self.read));
        let reads = u128::try_from(count).unwrap_or(u128::MAX).saturating_mul(read) / all;
        usize::try_from(reads).unwrap_or(count)
    }

    /// Whether the transaction with this number is a registration; they are spread evenly.
    pub(crate) fn registers(self, number: u64) -> bool {
        let before = |number: u128| number * u128::from(self.register) / u128::from(self.submitted());
        before(u128::from(number) + 1) > before(u128::from(number))
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            || format!("{text} is no mix; write parts of notarizations, registrations and reads, such as 80:5:15");
        let parts: Vec<u32> =
            text.split(':').map(str::parse).collect::<Result<_, _>>().map_err(|_: std::num::ParseIntError| form())?;
        let [notarize, register, read] = parts[..] else { return Err(form()) };
        if parts.iter().any(|part| *part > PARTS_MAX) {
            return Err(format!("a part is at most {PARTS_MAX}"));
        }
        if notarize + register == 0 {
            return Err("without notarizations and registrations there is nothing to read".to_owned());
        }
        Ok(Self { notarize, register, read })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_and_refused() {
        assert_eq!("80:5:15".parse(), Ok(Mix { notarize: 80, register: 5, read: 15 }));
        assert_eq!("0:1:0".parse(), Ok(Mix::REGISTER));
        for bad in ["", "1", "1:2", "1:2:3:4", "a:1:1", "-1:1:1", "0:0:5", "10001:0:0"] {
            assert!(bad.parse::<Mix>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_kept_and_spread() {
        let mix = Mix { notarize: 3, register: 1, read: 4 };
        assert_eq!(mix.reads_of(800), 400);
        let registered: Vec<u64> = (0..12).filter(|number| mix.registers(*number)).collect();
        assert_eq!(registered, [3, 7, 11]);
        assert_eq!((Mix::NOTARIZE.reads_of(10), (0..9).any(|number| Mix::NOTARIZE.registers(number))), (0, false));
        assert!((0..9).all(|number| Mix::REGISTER.registers(number)));
    }
}
