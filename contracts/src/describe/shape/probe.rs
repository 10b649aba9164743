//! A source of made-up values that notes what a type asks for.

use core::fmt;
use std::collections::BTreeMap;

use quancheng_types::TEXT_NAME;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::Sort;

/// Of each form of string that the ledger checks, one that passes.
pub(super) const SAMPLES: &[&str] = &[
    "ORG-A",
    "00000000000000000000000000000000000000000000000000000000000000ab",
    "2026-01-20",
    "01-20",
    "370100",
    "S9221",
    "91370199MA0EXM130F",
    "QC-370100-PR-2026-00001001-P",
    "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
];

/// What a value was made up of, and what the next one takes.
#[derive(Default)]
pub(super) struct Course {
    places: BTreeMap<String, Sort>,
    /// Which sample or variant a place takes next.
    turns: BTreeMap<String, usize>,
    /// Enums that this value went through, in order, with the number of their variants.
    enums: Vec<(String, usize)>,
    /// The string that was read last: the one at fault when the value is refused.
    last: String,
}

impl Course {
    /// After a value was refused: the next sample for its last string. False when there is none.
    pub(super) fn try_again(&mut self) -> bool {
        self.enums.clear();
        let turn = self.turns.entry(self.last.clone()).or_default();
        *turn += 1;
        *turn < SAMPLES.len()
    }

    /// After a value was taken: the next variant of the last enum that has one left. False when all were seen.
    pub(super) fn go_on(&mut self) -> bool {
        let went = std::mem::take(&mut self.enums);
        let next = went.into_iter().rev().find_map(|(place, count)| {
            let turn = self.turns.get(&place).copied().unwrap_or_default() + 1;
            (turn < count).then_some((place, turn))
        });
        next.is_some_and(|(place, turn)| {
            self.turns.insert(place, turn);
            true
        })
    }

    pub(super) fn into_places(self) -> BTreeMap<String, Sort> {
        self.places
    }

    fn turn(&self, place: &str) -> usize {
        self.turns.get(place).copied().unwrap_or_default()
    }
}

/// A value refuses what was made up for it; which string is at fault, the course knows.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the made-up value is of no form that the type takes")
    }
}

impl core::error::Error for Refused {}

impl Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The value at one place.
pub(super) struct Probe<'a> {
    course: &'a mut Course,
    place: String,
    is_text: bool,
}

impl<'a> Probe<'a> {
    pub(super) fn new(course: &'a mut Course) -> Self {
        Self { course, place: String::new(), is_text: false }
    }

    fn own(self) {
        self.course.places.insert(self.place, Sort::Own);
    }

    fn string(self) -> &'static str {
        if self.is_text {
            self.course.places.insert(self.place, Sort::Text);
            return "";
        }
        let turn = self.course.turn(&self.place);
        self.course.last.clone_from(&self.place);
        self.course.places.insert(self.place, Sort::Own);
        SAMPLES.get(turn).copied().unwrap_or_default()
    }
}

/// Numbers: all are 1.
macro_rules! numbers {
    ($($read:ident $visit:ident)*) => {
        $(fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.own();
            visitor.$visit(1)
        })*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    numbers! {
        deserialize_i8 visit_i8  deserialize_i16 visit_i16  deserialize_i32 visit_i32  deserialize_i64 visit_i64
        deserialize_u8 visit_u8  deserialize_u16 visit_u16  deserialize_u32 visit_u32  deserialize_u64 visit_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.own();
        visitor.visit_bool(true)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_borrowed_str(self.string())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_borrowed_str(self.string())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(Self { is_text: name == TEXT_NAME, ..self })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(Items { course: self.course, place: self.place, left: 1 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(Items { course: self.course, place: self.place, left: len })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_map(Fields { course: self.course, place: self.place, left: fields, current: "" })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        // Words in Chinese are other spellings that are read, and never written.
        let variants: Vec<&'static str> = variants.iter().copied().filter(|variant| variant.is_ascii()).collect();
        let variant = variants.get(self.course.turn(&self.place)).copied().ok_or(Refused)?;
        self.course.enums.push((self.place.clone(), variants.len()));
        visitor.visit_enum(Variant { course: self.course, place: self.place, variant })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused)
    }

    serde::forward_to_deserialize_any! {
        f32 f64 char bytes byte_buf unit_struct tuple_struct map identifier ignored_any
    }
}

struct Items<'a> {
    course: &'a mut Course,
    place: String,
    left: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        let place = format!("{}[]", self.place);
        seed.deserialize(Probe { course: self.course, place, is_text: false }).map(Some)
    }
}

struct Fields<'a> {
    course: &'a mut Course,
    place: String,
    left: &'static [&'static str],
    current: &'static str,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some((name, left)) = self.left.split_first() else {
            return Ok(None);
        };
        (self.left, self.current) = (left, name);
        let name: StrDeserializer<'_, Refused> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let place = format!("{}.{}", self.place, self.current);
        seed.deserialize(Probe { course: self.course, place, is_text: false })
    }
}

struct Variant<'a> {
    course: &'a mut Course,
    place: String,
    variant: &'static str,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let name: StrDeserializer<'_, Refused> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'a> Variant<'a> {
    fn value(self) -> Probe<'a> {
        let place = format!("{}.{}", self.place, self.variant);
        Probe { course: self.course, place, is_text: false }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        let sort = self.course.places.entry(self.place).or_insert_with(|| Sort::Word(Vec::new()));
        if let Sort::Word(words) = sort
            && !words.contains(&self.variant)
        {
            words.push(self.variant);
        }
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self.value())
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.value().deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        self.value().deserialize_struct("", fields, visitor)
    }
}
