//! The API over real HTTP on loopback, with a node in memory behind it.

#[cfg(test)]
mod bounds;
#[cfg_attr(not(test), expect(dead_code, reason = "the fuzzers' door uses a part of it"))]
mod chain;
#[cfg(test)]
mod description;
#[cfg(test)]
mod doors;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod pruned;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod submit;
#[cfg(test)]
mod support;
