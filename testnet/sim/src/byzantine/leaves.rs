//! The places where something is changed, and how: numbers, names, hashes, signatures, lists.

use quancheng_consensus::message::{RoundCertificateKind, VoteBits};
use quancheng_types::{
    AccountId, BatchId, BlockId, Bytes, ChainId, Digest, Height, KeyId, List, ModuleId, PublicKey, Round, Signature,
    ValidatorId, VoteType,
};

use super::parts::Parts;
use super::stock::Stock;
use super::surgeon::{Aim, Surgeon};
use crate::random::Random;

/// How much likelier a list is changed as a whole than any other field.
const LIST_WEIGHT: u64 = 3;

/// Another number: a neighbour, an end of the range, or far away.
fn other_number(value: u64, max: u64, random: &mut Random) -> u64 {
    let other = match random.below(8) {
        0 | 1 => value.saturating_add(1),
        2 | 3 => value.saturating_sub(1),
        4 => 0,
        5 => max,
        6 => value.saturating_add(random.between(2, 3_600_000)),
        _ => random.draw(),
    };
    other.min(max)
}

/// A number at which sums overflow, or nearly.
fn end_number(max: u64, random: &mut Random) -> u64 {
    // Times are multiplied and divided by a thousand.
    let ends = [0, 1, max / 2, max / 2 + 1, max / 1_000, max / 1_000 + 1, max - 1, max];
    ends.get(random.index(ends.len())).copied().unwrap_or(max)
}

macro_rules! numbers {
    ($($type:ty),+) => {
        $(
            impl Parts for $type {
                fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
                    if surgeon.is_number_struck() {
                        let max = <$type>::MAX.into();
                        let other = match surgeon.aim {
                            Aim::Anything => other_number(u64::from(*self), max, surgeon.random),
                            Aim::Ends => end_number(max, surgeon.random),
                        };
                        *self = <$type>::try_from(other).unwrap_or(<$type>::MAX);
                    }
                }
            }
        )+
    };
}

numbers!(u8, u16, u32, u64);

impl Parts for Height {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        self.0.visit(surgeon);
    }
}

impl Parts for Round {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        self.0.visit(surgeon);
    }

    fn heard(_stock: &Stock, random: &mut Random) -> Option<Self> {
        u32::try_from(random.below(3)).ok().map(Self)
    }
}

impl Parts for bool {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if surgeon.is_struck() {
            *self = !*self;
        }
    }
}

impl Parts for VoteType {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if surgeon.is_struck() {
            *self = match self {
                Self::Prevote => Self::Precommit,
                Self::Precommit => Self::Prevote,
            };
        }
    }
}

impl Parts for RoundCertificateKind {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if surgeon.is_struck() {
            *self = match self {
                Self::Skip => Self::Precommit,
                Self::Precommit => Self::Skip,
            };
        }
    }
}

impl Parts for VoteBits {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if surgeon.is_struck() {
            let mut other = Self::default();
            for place in 0..8 {
                if surgeon.random.permille(500) {
                    other.set(place);
                }
            }
            *self = other;
        }
    }
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    let place = random.index(bytes.len());
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << random.below(8);
    }
}

fn other_digest(digest: Digest, heard: Option<Digest>, random: &mut Random) -> Digest {
    match (random.below(4), heard) {
        (0, _) => Digest::ZERO,
        (1, _) | (_, None) => {
            let mut bytes = digest.0;
            flip(&mut bytes, random);
            Digest(bytes)
        }
        (_, Some(heard)) => heard,
    }
}

impl Parts for Digest {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if surgeon.is_struck() {
            let heard = surgeon.stock.root(surgeon.random);
            *self = other_digest(*self, heard, surgeon.random);
        }
    }

    fn heard(stock: &Stock, random: &mut Random) -> Option<Self> {
        stock.root(random)
    }
}

/// `Name = what was heard`: ids are hashes, and the other one is best a true one of the same kind.
macro_rules! names {
    ($($type:ident = $heard:ident),+) => {
        $(
            impl Parts for $type {
                fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
                    if surgeon.is_struck() {
                        let heard = surgeon.stock.$heard(surgeon.random).map(|$type(digest)| digest);
                        *self = Self(other_digest(self.0, heard, surgeon.random));
                    }
                }

                fn heard(stock: &Stock, random: &mut Random) -> Option<Self> {
                    stock.$heard(random)
                }
            }
        )+
    };
}

names!(
    BlockId = block_id,
    BatchId = batch_id,
    ValidatorId = validator,
    ChainId = chain,
    AccountId = account,
    KeyId = key_id
);

impl Parts for ModuleId {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        self.0.visit(surgeon);
    }
}

impl Parts for Signature {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if !surgeon.is_struck() {
            return;
        }
        let heard = surgeon.stock.signature(surgeon.random);
        match (surgeon.random.below(4), heard, &mut *self) {
            (0, _, Self::Ed25519(bytes)) => *bytes = [0; 64],
            (0, _, Self::Sm2(bytes)) => *self = Self::Ed25519(*bytes),
            (1, _, Self::Ed25519(bytes)) => *self = Self::Sm2(*bytes),
            (3, Some(heard), _) => *self = heard,
            (_, _, Self::Ed25519(bytes) | Self::Sm2(bytes)) => flip(bytes, surgeon.random),
        }
    }
}

impl Parts for PublicKey {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if surgeon.is_struck() {
            match self {
                Self::Ed25519(bytes) => flip(bytes, surgeon.random),
                Self::Sm2(bytes) => flip(bytes, surgeon.random),
            }
        }
    }
}

impl<const MAX: u32> Parts for Bytes<MAX> {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if !surgeon.is_struck() {
            return;
        }
        let mut bytes = core::mem::take(self).into_vec();
        match surgeon.random.below(4) {
            0 => bytes.clear(),
            1 => bytes.push(0),
            2 => bytes.truncate(bytes.len() / 2),
            _ => flip(&mut bytes, surgeon.random),
        }
        // A field at its limit stays as it was cut.
        *self = Self::new(bytes).unwrap_or_default();
    }
}

impl<T: Parts> Parts for Option<T> {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        if surgeon.is_struck() {
            *self = match self {
                Some(_) if surgeon.random.permille(600) => None,
                Some(_) | None => T::heard(surgeon.stock, surgeon.random),
            };
        } else if let Some(inner) = self {
            surgeon.inside("some", |surgeon| inner.visit(surgeon));
        }
    }
}

impl<T: Parts + Clone, const MAX: u32> Parts for List<T, MAX> {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        let mut elements = core::mem::take(self).into_vec();
        if surgeon.is_struck_by(LIST_WEIGHT) {
            rearrange(&mut elements, surgeon);
        } else {
            surgeon.inside("each", |surgeon| elements.iter_mut().for_each(|element| element.visit(surgeon)));
        }
        elements.truncate(usize::try_from(MAX).unwrap_or(usize::MAX));
        *self = Self::new(elements).unwrap_or_default();
    }
}

/// Empties, shortens, doubles, reorders, or puts in a foreign element.
fn rearrange<T: Parts + Clone>(elements: &mut Vec<T>, surgeon: &mut Surgeon<'_>) {
    let place = surgeon.random.index(elements.len());
    let foreign = T::heard(surgeon.stock, surgeon.random);
    match (surgeon.random.below(8), foreign) {
        (0, _) => elements.clear(),
        (1, _) if !elements.is_empty() => drop(elements.remove(place)),
        (2, _) => elements.truncate(elements.len() / 2),
        (3 | 7, _) if !elements.is_empty() => {
            let twice = elements[place].clone();
            elements.insert(place, twice);
        }
        (4, _) if elements.len() > 1 => {
            let by = 1 + place % (elements.len() - 1);
            elements.rotate_left(by);
        }
        (5, Some(foreign)) if !elements.is_empty() => elements[place] = foreign,
        (_, Some(foreign)) => elements.insert(place, foreign),
        (_, None) => drop(elements.pop()),
    }
}
