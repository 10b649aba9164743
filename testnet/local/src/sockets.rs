//! Whose door it is: a port on this machine may be that of another network, such as the one a folder was copied from.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};

/// State of a listening socket in the tables of the kernel.
const LISTEN: &str = "0A";

/// Whether a process listens at an address. What the system does not show counts as yes: the answer is then all there is.
pub(crate) fn listens(pid: u32, address: SocketAddr) -> bool {
    let Some(own) = sockets_of(pid) else { return true };
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default());
    let listening: Vec<u64> =
        tables.iter().flat_map(|table| table.lines()).filter_map(|line| listener(line, address.port())).collect();
    tables.iter().all(String::is_empty) || listening.iter().any(|inode| own.contains(inode))
}

/// The inode of a socket that listens at a port, out of a line of the kernel's table (proc(5)).
fn listener(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, _, state, _, _, _, _, _, inode, ..] = fields.as_slice() else { return None };
    let (_, hex) = local.rsplit_once(':')?;
    let is_it = *state == LISTEN && u16::from_str_radix(hex, 16).ok()? == port;
    if is_it { inode.parse().ok() } else { None }
}

/// Inodes of the sockets that a process holds.
fn sockets_of(pid: u32) -> Option<BTreeSet<u64>> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let inode = |link: std::path::PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    Some(links.filter_map(inode).collect())
}

/// Whether nobody listens at an address.
pub(crate) fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_that_of_the_process_that_opened_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(listens(std::process::id(), address));
        assert!(!is_free(address));
        let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        assert!(!listens(other.id(), address));
        other.kill().unwrap();
        other.wait().unwrap();
        drop(listener);
        assert!(!listens(std::process::id(), address));
        assert!(is_free(address));
    }
}
