//! The shell of a Quancheng node: everything that touches sockets, clocks and disks around the pure crates.

pub mod admission {
    //! The door (being assembled).
    mod error;
    pub use error::AdmissionError;
}
pub mod api;
pub mod config;
pub mod files;
pub mod metrics;
pub mod network;
