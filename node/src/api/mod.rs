//! The HTTP API: two listeners over one node.
//!
//! ```text
//! entrance    a door, from before the node is there to its end
//!   │
//! server      accepting, bounding and ending connections          stream: a client must keep taking its answer
//!   │
//! routes/     one handler per route, one file per noun             openapi: their description
//!   │ ask
//! records, registrations, lists, proofs     a question to a module → a record, a page, a bundle     known: how far the node knows
//!   │ over
//! state       blocking reads under a bound, the snapshot of a height or time
//!   │
//! backend     all that the API knows of the node
//!
//! params, body, cursor       what comes in        respond, csv, outcome, time       what goes out
//! problem, language          RFC 9457 errors in Chinese and English
//! ```
//!
//! Nothing a client sends can make the node panic or hold more than a bounded share of memory: heads, bodies, waits, reads, pages
//! and streams are bounded one by one and all together ([`limits`]).

mod answers;
mod arriving;
pub mod backend;
mod body;
mod connections;
mod csv;
mod cursor;
mod entrance;
mod known;
mod language;
pub mod limits;
mod lists;
mod openapi;
mod outcome;
mod pace;
mod params;
mod problem;
mod progress;
mod proofs;
mod records;
mod registrations;
mod respond;
mod routes;
mod server;
mod state;
mod stream;
mod time;

pub use self::backend::Backend;
pub use self::entrance::{Audience, Entrance, StartProgress};
pub use self::limits::ApiLimits;
pub use self::openapi::json as openapi_json;

/// The API in memory, for fuzz targets only.
#[cfg(feature = "fuzzing")]
pub use self::tests::fuzz;

#[cfg(any(test, feature = "fuzzing"))]
mod tests;
