//! Free ports on the loopback address.
//!
//! They are taken below the range from which Linux gives out ports to outgoing connections (32768 and up): a node that restarts
//! must find its port free, not lent to a neighbour's connection.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::error::LocalError;

/// First port to consider.
const FIRST: u16 = 12_000;
/// Ports considered.
const COUNT: u16 = 20_000;

/// So many different ports on which nothing listens now.
pub(crate) fn free(wanted: usize) -> Result<Vec<SocketAddr>, LocalError> {
    let mut seed = [0_u8; 2];
    getrandom::fill(&mut seed).map_err(|_| LocalError::NoRandomness)?;
    let start = u16::from_le_bytes(seed) % COUNT;
    let candidates = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
    // All stay bound until the last is found, so that none is found twice.
    let mut held = Vec::with_capacity(wanted);
    for port in candidates {
        if held.len() == wanted {
            break;
        }
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    }
    if held.len() < wanted {
        return Err(LocalError::NoPorts { wanted });
    }
    held.iter()
        .map(|listener| listener.local_addr().map_err(LocalError::io("read the address of", "a local port")))
        .collect()
}
