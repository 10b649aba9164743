//! Tests of the crate from outside, over the chain of `fixtures`.

#[path = "../../fixtures/mod.rs"]
mod fixtures;

mod conflict;
mod forms;
mod mutation;
mod report;
mod size;
mod tables;
mod vectors;
mod words;
