//! Reads remembered.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::key::StateKey;
use crate::view::View;

/// Greatest sum of the lengths of keys and values remembered, in bytes. Further reads are answered, but not remembered.
pub const MEMO_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A view that reads a key of its base once and answers from memory from then on, also when the key has no value. For a base
/// that does not change meanwhile, such as a snapshot under the transactions of one block: many of them ask for the same
/// accounts, roles and counters.
pub struct Memo<'a> {
    base: &'a dyn View,
    known: RefCell<BTreeMap<StateKey, Option<Vec<u8>>>>,
    bytes: Cell<usize>,
}

impl<'a> Memo<'a> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(base: &'a dyn View) -> Self {
        Self { base, known: RefCell::default(), bytes: Cell::new(0) }
    }
}

impl View for Memo<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(value) = self.known.borrow().get(key) {
            return Ok(value.clone());
        }
        let value = self.base.read(key)?;
        let bytes = self.bytes.get() + key.as_bytes().len() + value.as_ref().map_or(0, Vec::len);
        if bytes <= MEMO_BYTES_MAX {
            self.bytes.set(bytes);
            self.known.borrow_mut().insert(key.clone(), value.clone());
        }
        Ok(value)
    }
}

impl fmt::Debug for Memo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memo({} bytes)", self.bytes.get())
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::ModuleId;

    use super::*;
    use crate::overlay::Overlay;
    use crate::table::Table;

    const ROWS: Table<u32, Vec<u8>> = Table::kept(ModuleId(1), 1, "rows");

    /// Counts reads; every key below 10 has a value of that many bytes.
    struct Counting {
        reads: Cell<u32>,
        value_bytes: usize,
    }

    impl View for Counting {
        fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
            self.reads.set(self.reads.get() + 1);
            let number = key.as_bytes()[4];
            Ok((number < 10).then(|| vec![number; self.value_bytes]))
        }
    }

    #[test]
    fn each_key_is_read_once_absent_ones_too() {
        let base = Counting { reads: Cell::new(0), value_bytes: 3 };
        let memo = Memo::new(&base);
        for _ in 0..3 {
            assert_eq!(memo.read(&ROWS.key(&7)), Ok(Some(vec![7; 3])));
            assert_eq!(memo.read(&ROWS.key(&70)), Ok(None));
        }
        assert_eq!(base.reads.get(), 2);
        // Writes above are seen above and nowhere else.
        let mut overlay = Overlay::new(&memo);
        overlay.put(ROWS.key(&70), vec![1]);
        assert_eq!(overlay.read(&ROWS.key(&70)), Ok(Some(vec![1])));
        assert_eq!(memo.read(&ROWS.key(&70)), Ok(None));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let base = Counting { reads: Cell::new(0), value_bytes: MEMO_BYTES_MAX / 2 };
        let memo = Memo::new(&base);
        for number in [0, 1, 0, 1] {
            let value = memo.read(&ROWS.key(&number)).unwrap().unwrap();
            assert_eq!((value.len(), u32::from(value[0])), (MEMO_BYTES_MAX / 2, number));
        }
        assert_eq!(base.reads.get(), 3, "the second value with its key is past the bound");
        assert!(memo.bytes.get() <= MEMO_BYTES_MAX);
    }

    #[test]
    fn a_failing_base_is_asked_again() {
        struct Failing(Cell<bool>);
        impl View for Failing {
            fn read(&self, _key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
                if self.0.replace(false) { Err(StoreError::GenesisExists) } else { Ok(None) }
            }
        }
        let base = Failing(Cell::new(true));
        let memo = Memo::new(&base);
        assert!(memo.read(&ROWS.key(&1)).is_err());
        assert_eq!(memo.read(&ROWS.key(&1)), Ok(None));
    }
}
