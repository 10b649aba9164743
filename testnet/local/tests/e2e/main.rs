//! End to end: networks of real `quanchengd` processes with real sockets and disks, driven by the commands that people use.
//!
//! The programs are those beside the test program (`cargo build --workspace --bins` makes them). Each test has a network of its own
//! in a folder of its own, on free ports; the folder of a test that fails stays behind.

#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]

mod backup;
mod bad_input;
mod catch_up;
mod clock;
mod crash;
mod damage;
mod doors;
mod folder_lost;
mod follower;
mod lifecycle;
mod outages;
mod refused_starts;
mod removal;
mod second_network;
mod set_change;
mod snapshot;
mod support;
mod version;
