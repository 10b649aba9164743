//! The API over real HTTP on loopback, with a node in memory behind it.

#[cfg(test)]
mod bounds;
mod chain;
#[cfg(test)]
mod description;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod submit;
#[cfg(test)]
mod support;
