use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use quancheng_types::ModuleId;
use quancheng_types::codec::{decode, encode};

use super::Overlay;
use crate::error::StoreError;
use crate::key::StateKey;
use crate::patch::{PATCH_BYTES_MAX, Patch};
use crate::table::Table;
use crate::view::{EmptyView, View};

const ROWS: Table<u8, u32> = Table::kept(ModuleId(3), 1, "rows");

/// A view over a plain map, the model.
struct Model(BTreeMap<u8, u32>);

impl View for Model {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.iter().find(|(k, _)| ROWS.key(k) == *key).map(|(_, v)| encode(v)))
    }
}

type Write = (u8, Option<u32>);

fn apply_model(model: &mut BTreeMap<u8, u32>, writes: &[Write]) {
    for (key, value) in writes {
        match value {
            Some(value) => model.insert(*key, *value),
            None => model.remove(key),
        };
    }
}

fn write(overlay: &mut Overlay<'_>, writes: &[Write]) {
    for (key, value) in writes {
        match value {
            Some(value) => ROWS.put(overlay, key, value),
            None => ROWS.remove(overlay, key),
        }
    }
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    vec((0_u8..8, proptest::option::of(any::<u32>())), 0..12)
}

proptest! {
    /// Transactions over a block over a base read and leave exactly what a plain map would, refused ones nothing.
    #[test]
    fn nested_overlays_behave_as_a_map(
        base in writes(),
        transactions in vec((writes(), any::<bool>()), 0..8),
    ) {
        let mut model = BTreeMap::new();
        apply_model(&mut model, &base);
        let view = Model(model.clone());
        let mut block = Overlay::new(&view);
        for (writes, accepted) in &transactions {
            let before = model.clone();
            apply_model(&mut model, writes);
            let result: Result<(), ()> = block.scope(|child| {
                write(child, writes);
                for key in 0..8 {
                    assert_eq!(ROWS.read(child, &key), Ok(model.get(&key).copied()));
                }
                if *accepted { Ok(()) } else { Err(()) }
            });
            prop_assert_eq!(result.is_ok(), *accepted);
            if !accepted {
                model = before;
            }
            for key in 0..8 {
                prop_assert_eq!(ROWS.read(&block, &key), Ok(model.get(&key).copied()));
            }
        }
        let patch = block.into_patch();
        let bytes = encode(&patch);
        prop_assert_eq!(&decode::<Patch>(&bytes, PATCH_BYTES_MAX).unwrap(), &patch);
        let mut after = Overlay::new(&view);
        after.apply(patch);
        for key in 0..8 {
            prop_assert_eq!(ROWS.read(&after, &key), Ok(model.get(&key).copied()));
        }
    }

    /// The order of writes to different keys leaves no trace.
    #[test]
    fn patches_are_ordered_by_key(map in proptest::collection::btree_map(any::<u8>(), any::<u32>(), 0..20)) {
        let mut forward = Overlay::new(&EmptyView);
        let mut backward = Overlay::new(&EmptyView);
        for (key, value) in &map {
            ROWS.put(&mut forward, key, value);
        }
        for (key, value) in map.iter().rev() {
            ROWS.put(&mut backward, key, value);
        }
        prop_assert_eq!(encode(&forward.into_patch()), encode(&backward.into_patch()));
    }
}

#[test]
fn a_patch_with_keys_out_of_order_is_refused() {
    let mut overlay = Overlay::new(&EmptyView);
    ROWS.put(&mut overlay, &1, &1);
    let one = encode(&overlay.into_patch());
    let mut twice = 2_u32.to_le_bytes().to_vec();
    twice.extend_from_slice(&one[4..]);
    twice.extend_from_slice(&one[4..]);
    assert!(decode::<Patch>(&twice, PATCH_BYTES_MAX).is_err());
}
