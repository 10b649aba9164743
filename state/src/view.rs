//! Reading.

use std::sync::Arc;

use crate::error::StoreError;
use crate::key::StateKey;

/// Something that values are read from: a snapshot of a store, or tentative writes over one.
pub trait View {
    /// The value of a key, or `None` when the key has none.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read; never because the key is absent.
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError>;
}

impl<V: View + ?Sized> View for &V {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).read(key)
    }
}

impl<V: View + ?Sized> View for Box<V> {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).read(key)
    }
}

impl<V: View + ?Sized> View for Arc<V> {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).read(key)
    }
}

/// A state without any key: what the genesis is written over.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyView;

impl View for EmptyView {
    fn read(&self, _key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
}
