//! Which batches were ordered, as of the state: a node that begins with the state of a height, without the blocks before, knows by it which
//! batches may still be ordered.

use std::collections::BTreeMap;

use quancheng_state::{Overlay, StoreError, View};
use quancheng_types::{AuthorWindow, ValidatorId};

use super::tables::{ORDERED, VALIDATOR_COUNT, VALIDATOR_LIST};

/// Enters the batches of a block: author and number of each, in its order.
pub(crate) fn order(overlay: &mut Overlay<'_>, batches: &[(ValidatorId, u64)]) -> Result<(), StoreError> {
    let mut changed: BTreeMap<ValidatorId, AuthorWindow> = BTreeMap::new();
    for (author, sequence) in batches {
        let mut window = match changed.get(author) {
            Some(window) => *window,
            None => ORDERED.read(overlay, author)?.unwrap_or_default(),
        };
        window.insert(*sequence);
        changed.insert(*author, window);
    }
    for (author, window) in &changed {
        ORDERED.put(overlay, author, window);
    }
    Ok(())
}

/// The windows of all authors that had a batch ordered up to the height of the view, ascending by author.
///
/// # Errors
/// [`StoreError`].
pub fn windows<W: View + ?Sized>(view: &W) -> Result<Vec<(ValidatorId, AuthorWindow)>, StoreError> {
    let mut windows = BTreeMap::new();
    for place in 0..VALIDATOR_COUNT.read(view, &())?.unwrap_or(0) {
        if let Some(author) = VALIDATOR_LIST.read(view, &place)?
            && let Some(window) = ORDERED.read(view, &author)?
        {
            windows.insert(author, window);
        }
    }
    Ok(windows.into_iter().collect())
}
