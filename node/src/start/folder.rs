//! A data folder that is taken away under the running node.

use std::time::Duration;

use tracing::error;

use crate::driver::DriverEnd;
use crate::files::{FolderLost, FolderWatch};

/// Pause between two looks at it.
const FOLDER_LOOK: Duration = Duration::from_secs(1);

/// Resolves when the data folder is no longer there, at two looks: one that is moved away and back at once is whole.
pub(super) async fn until_lost(folder: &FolderWatch) {
    let mut looks = 0;
    while looks < 2 {
        tokio::time::sleep(FOLDER_LOOK).await;
        looks = if folder.lost().is_some() { looks + 1 } else { 0 };
    }
}

/// How a node ended that lost its data folder: what went wrong in it then follows from that, except what concerns its key or its build.
pub(super) fn end_without(end: DriverEnd, lost: FolderLost) -> DriverEnd {
    let lost = Box::new(lost);
    match end {
        DriverEnd::Stopped | DriverEnd::FolderLost(_) => DriverEnd::FolderLost(lost),
        DriverEnd::File(_) | DriverEnd::Ledger(_) | DriverEnd::Halted(_) | DriverEnd::Panicked => {
            error!("before the loss was noticed: {end}");
            DriverEnd::FolderLost(lost)
        }
        DriverEnd::KeyElsewhere(_) | DriverEnd::UnknownVersion(_) => {
            error!("{lost}");
            end
        }
    }
}
