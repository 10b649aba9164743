//! What stands where in the JSON of a record: a text that somebody wrote, a word that is one of a few, or a value of the ledger's own.
//!
//! Whoever shows a record to people must keep what a stranger wrote apart from what the ledger says; in JSON both are strings. The type
//! tells them apart: it is read once with made-up values, every variant of every enum in turn, and asked by name for what it is made of.

use std::collections::BTreeMap;

use serde::Deserialize;

mod probe;

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A text that somebody wrote, of whatever characters.
    Text,
    /// One of these words.
    Word(Vec<&'static str>),
    /// An id, a code, a date, a number, or yes or no: of a form that the ledger checks.
    Own,
}

/// What stands at the places of a record. A place is written `.name` for a field or for the value of a variant, `[]` for what a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape(BTreeMap<String, Sort>);

impl Shape {
    /// What stands at a place; `None` where nothing does that the type knows of.
    #[must_use]
    pub fn at(&self, place: &str) -> Option<&Sort> {
        self.0.get(place)
    }

    /// All places, ascending, with what stands there.
    pub fn places(&self) -> impl Iterator<Item = (&str, &Sort)> {
        self.0.iter().map(|(place, sort)| (place.as_str(), sort))
    }

    /// Of a type, by what it asks for when it is read. A form of string that no sample has ([`probe::SAMPLES`]) ends it early: the places that
    /// were not reached are then unknown.
    pub(crate) fn of<'de, T: Deserialize<'de>>() -> Self {
        let mut course = probe::Course::default();
        loop {
            let is_taken = T::deserialize(probe::Probe::new(&mut course)).is_ok();
            if !(if is_taken { course.go_on() } else { course.try_again() }) {
                break;
            }
        }
        Self(course.into_places())
    }
}
