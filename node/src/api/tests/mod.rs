//! The API over real HTTP on loopback, with a node in memory behind it.

mod bounds;
mod chain;
mod description;
mod proofs;
mod reads;
mod streams;
mod submit;
mod support;
