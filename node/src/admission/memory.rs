//! Memory of transactions between the door and the disk, of which no client address takes more than half.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::budget::{ByteBudget, ByteShare};
use crate::fair::ClientAddress;

/// Bytes in use by address. A row lives as long as something is held.
type Addresses = Arc<Mutex<HashMap<ClientAddress, usize>>>;

/// The memory of the door.
#[derive(Clone, Debug)]
pub struct DoorMemory {
    budget: ByteBudget,
    address_bytes_max: usize,
    addresses: Addresses,
}

/// Why there is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryFull {
    /// All of it is in use.
    All,
    /// The address has its half.
    Address,
}

impl DoorMemory {
    /// So many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { budget: ByteBudget::new(bytes_max), address_bytes_max: bytes_max / 2, addresses: Addresses::default() }
    }

    pub(crate) fn try_take(&self, from: ClientAddress, bytes: usize) -> Result<Arc<DoorShare>, MemoryFull> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let held = addresses.get(&from).copied().unwrap_or_default().saturating_add(bytes);
        if held > self.address_bytes_max {
            return Err(MemoryFull::Address);
        }
        let share = self.budget.try_take(bytes).ok_or(MemoryFull::All)?;
        addresses.insert(from, held);
        Ok(Arc::new(DoorShare { _share: share, bytes, from, addresses: Arc::clone(&self.addresses) }))
    }

    /// Bytes that nobody has taken.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.budget.free_bytes()
    }
}

/// Bytes of a submission, given back when dropped.
#[derive(Debug)]
pub struct DoorShare {
    _share: ByteShare,
    bytes: usize,
    from: ClientAddress,
    addresses: Addresses,
}

impl Drop for DoorShare {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = addresses.get_mut(&self.from) {
            *held = held.saturating_sub(self.bytes);
            if *held == 0 {
                addresses.remove(&self.from);
            }
        }
    }
}
