//! The network layer over real loopback sockets.

mod faults;
mod service;
mod support;
